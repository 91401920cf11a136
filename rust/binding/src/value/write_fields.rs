//! How a value with fields is written by a plan: models, dataclasses and TypedDicts.

use eventwire_core::json;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyDict, PyInt, PySet, PyString};

use crate::raw::{self, Members, attribute, instance_dict};

use super::Wrote;
use super::infer::nested as infer;
use super::later::truncate;
use super::plan::{Field, Kind, Model, TypedDict};
use super::scalar;
use super::write::{Writer, class_address};

impl Writer<'_> {
    pub(super) fn typed_dict(
        self,
        typed: &TypedDict,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        depth: u8,
    ) -> Wrote {
        let Ok(members) = value.cast_exact::<PyDict>() else {
            return Wrote::Unknown;
        };
        with_critical_section(members, || self.keys(typed, buffer, members, depth))
    }

    /// The members of a TypedDict, in their own order.
    fn keys(
        self,
        typed: &TypedDict,
        buffer: &mut Vec<u8>,
        members: &Bound<'_, PyDict>,
        depth: u8,
    ) -> Wrote {
        let mut missing = typed.required;
        let mut first = true;
        buffer.push(b'{');
        for (key, member) in members.iter() {
            let Ok(Ok(name)) = key.cast_exact::<PyString>().map(|key| key.to_str()) else {
                return Wrote::Unknown;
            };
            let Some(&position) = typed.by_key.get(name) else {
                return Wrote::Unknown;
            };
            missing -= usize::from(typed.is_required[position]);
            let field = &typed.fields[position];
            if field.excluded || (self.form.exclude_none && member.is_none()) {
                continue;
            }
            let wrote = self.field(field, first, buffer, &member, depth);
            first = false;
            if wrote != Wrote::Value {
                return wrote.around();
            }
        }
        buffer.push(b'}');
        if missing == 0 {
            Wrote::Value
        } else {
            Wrote::Unknown
        }
    }

    pub(super) fn model(
        self,
        model: &Model,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        depth: u8,
    ) -> Wrote {
        if model.class != class_address(value) {
            let bases = value.get_type().mro();
            let subclass = bases
                .iter()
                .any(|base| base.as_ptr() as usize == model.class);
            return if subclass {
                Wrote::Unknown
            } else {
                Wrote::Mismatch
            };
        }
        let Some(attributes) = instance_dict(value) else {
            return Wrote::Unknown;
        };
        let Kind::Model { allows_extra } = model.kind else {
            return self.dataclass(model, buffer, &attributes, depth);
        };
        with_critical_section(&attributes, || {
            self.attributes(model, allows_extra, buffer, value, &attributes, depth)
        })
    }

    /// The `__dict__` of a model's instance.
    #[inline]
    fn attributes(
        self,
        model: &Model,
        allows_extra: bool,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        attributes: &Bound<'_, PyDict>,
        depth: u8,
    ) -> Wrote {
        let py = value.py();
        // Fields missing or added (model_construct, cached properties) are the general path's.
        if attributes.len() != model.fields.len() {
            return Wrote::Unknown;
        }
        let set = if self.form.exclude_unset {
            let set = attribute(value, intern!(py, "__pydantic_fields_set__"));
            let Some(set) = set.and_then(|set| set.cast_into_exact::<PySet>().ok()) else {
                return Wrote::Unknown;
            };
            Some(set)
        } else {
            None
        };
        let mut first = true;
        buffer.push(b'{');
        let mut members = Members::of(attributes);
        for field in &model.fields {
            // Names are interned: the same object, or another order, or not a field at all.
            let Some((name, member)) = members.next() else {
                return Wrote::Unknown;
            };
            if name != field.name.as_ptr() as usize {
                return Wrote::Unknown;
            }
            if field.excluded || (self.form.exclude_none && member.is_none()) {
                continue;
            }
            match set.as_ref().map(|set| set.contains(&field.name)) {
                None | Some(Ok(true)) => {}
                Some(Ok(false)) => continue,
                Some(Err(_)) => return Wrote::Unknown,
            }
            let wrote = self.field(field, first, buffer, &member, depth);
            first = false;
            if wrote != Wrote::Value {
                return wrote.around();
            }
        }
        if allows_extra {
            let wrote = self.extra(model, first, buffer, value, depth);
            if wrote != Wrote::Value {
                return wrote.around();
            }
        }
        buffer.push(b'}');
        Wrote::Value
    }

    /// The members of `__pydantic_extra__`, which follow the fields.
    fn extra(
        self,
        model: &Model,
        mut first: bool,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        depth: u8,
    ) -> Wrote {
        // An instance need not have been initialized.
        let Some(extra) = attribute(value, intern!(value.py(), "__pydantic_extra__")) else {
            return Wrote::Unknown;
        };
        if extra.is_none() {
            return Wrote::Value;
        }
        let Ok(extra) = extra.cast_exact::<PyDict>() else {
            return Wrote::Unknown;
        };
        with_critical_section(extra, || {
            for (key, member) in extra.iter() {
                let Ok(key) = key.cast_exact::<PyString>() else {
                    return Wrote::Unknown;
                };
                let Ok(name) = key.to_str() else {
                    return Wrote::Unknown;
                };
                // In a dict, and so in the spaced form, the later of two equal keys replaces the first.
                let is_taken = |field: &Field| field.keys.texts.iter().any(|key| **key == *name);
                if model.fields.iter().any(is_taken) || name.starts_with("_sa") {
                    return Wrote::Unknown;
                }
                if self.form.exclude_none && member.is_none() {
                    continue;
                }
                if !first {
                    self.form.comma(buffer);
                }
                first = false;
                json::string(buffer, name, self.form.escape());
                self.form.colon(buffer);
                let wrote = infer(buffer, &member, self.form, depth);
                if wrote != Wrote::Value {
                    return wrote.around();
                }
            }
            Wrote::Value
        })
    }

    fn dataclass(
        self,
        model: &Model,
        buffer: &mut Vec<u8>,
        attributes: &Bound<'_, PyDict>,
        depth: u8,
    ) -> Wrote {
        let mut first = true;
        buffer.push(b'{');
        for field in &model.fields {
            let name = field.name.bind(attributes.py());
            let Ok(Some(member)) = attributes.get_item(name) else {
                return Wrote::Unknown;
            };
            if field.excluded || (self.form.exclude_none && member.is_none()) {
                continue;
            }
            let wrote = self.field(field, first, buffer, &member, depth);
            first = false;
            if wrote != Wrote::Value {
                return wrote.around();
            }
        }
        buffer.push(b'}');
        Wrote::Value
    }

    #[inline]
    fn field(
        self,
        field: &Field,
        first: bool,
        buffer: &mut Vec<u8>,
        member: &Bound<'_, PyAny>,
        depth: u8,
    ) -> Wrote {
        if self.form.line_safe && field.keys.separated {
            return Wrote::Whole;
        }
        let keys = if self.form.by_alias == Some(true) {
            &field.keys.by_alias
        } else {
            &field.keys.by_name
        };
        let key = &keys[usize::from(self.form.is_spaced())];
        json::append(
            buffer,
            if first {
                &key[self.form.comma_length()..]
            } else {
                key
            },
        );
        if field.takes.text
            && let Ok(text) = member.cast_exact::<PyString>()
            && let Some(text) = raw::text(text)
        {
            json::string(buffer, text, self.form.escape());
            return Wrote::Value;
        }
        if field.takes.none && member.is_none() {
            buffer.extend_from_slice(b"null");
            return Wrote::Value;
        }
        if field.takes.integer
            && let Ok(number) = member.cast_exact::<PyInt>()
        {
            return scalar::integer(buffer, number);
        }
        let mark = buffer.len();
        let wrote = self.node(&field.node, buffer, member, depth);
        if !matches!(wrote, Wrote::Mismatch | Wrote::Unknown) {
            return wrote;
        }
        let Some(part) = &field.part else {
            // It has failed already, or must not be tried.
            return wrote;
        };
        truncate(buffer, mark);
        self.part(part, buffer, member)
    }
}
