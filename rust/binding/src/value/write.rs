//! How a value is written by a plan.

use std::sync::Arc;

use eventwire_core::json;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{
    PyBool, PyBytes, PyDate, PyDateTime, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet,
    PyString, PyTime, PyTuple,
};

use crate::raw::{self, instance_dict};

use super::form::DEPTH;
use super::infer::{Underscored, dict, enum_value, nested as infer, sequence};
use super::jsonable::is_scalar;
use super::later::{Later, truncate};
use super::part::Part;
use super::plan::{Literal, Node, Plan, Tagged};
use super::scalar::{self, Utc};
use super::{Form, Wrote};

impl Plan {
    /// Appends `value`; on anything but [`Wrote::Value`] the caller truncates.
    #[inline]
    pub(crate) fn write(
        &self,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        form: Form,
    ) -> Wrote {
        self.write_nested(buffer, value, form, DEPTH)
    }

    pub(super) fn write_nested(
        &self,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        form: Form,
        depth: u8,
    ) -> Wrote {
        let writer = Writer { plan: self, form };
        writer.node(&self.root, buffer, value, depth)
    }
}

pub(super) fn class_address(value: &Bound<'_, PyAny>) -> usize {
    value.get_type_ptr() as usize
}

#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) plan: &'a Plan,
    pub(super) form: Form,
}

impl Writer<'_> {
    pub(super) fn node(
        self,
        node: &Node,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        depth: u8,
    ) -> Wrote {
        match node {
            Node::Str => match value.cast_exact::<PyString>() {
                Ok(text) => scalar::string(buffer, text, self.form),
                Err(_) => unless_subclass::<PyString>(value),
            },
            Node::Int => match value.cast_exact::<PyInt>() {
                Ok(number) => scalar::integer(buffer, number),
                Err(_) => unless_subclass::<PyInt>(value),
            },
            Node::Float => match value.cast_exact::<PyFloat>() {
                // How infinities are written is a matter of the model's configuration.
                Ok(number) if number.value().is_finite() => {
                    scalar::float(buffer, number, self.form)
                }
                _ => Wrote::Unknown,
            },
            Node::Bool => match value.cast_exact::<PyBool>() {
                Ok(truth) => {
                    scalar::boolean(buffer, truth.is_true());
                    Wrote::Value
                }
                Err(_) => Wrote::Mismatch,
            },
            Node::None => {
                if !value.is_none() {
                    return Wrote::Mismatch;
                }
                buffer.extend_from_slice(b"null");
                Wrote::Value
            }
            Node::Literal(members) => self.literal(members, buffer, value),
            Node::Nullable(inner) => {
                if value.is_none() {
                    buffer.extend_from_slice(b"null");
                    return Wrote::Value;
                }
                self.node(inner, buffer, value, depth)
            }
            Node::General(part) => self.part(part, buffer, value),
            _ if depth == 0 => Wrote::Unknown,
            // An alias may stand for itself: this uses up depth, too.
            Node::Definition(index) => {
                self.node(&self.plan.definitions[*index], buffer, value, depth - 1)
            }
            Node::Model(model) => self.model(model, buffer, value, depth - 1),
            Node::List(inner) => {
                let Ok(members) = value.cast_exact::<PyList>() else {
                    return unless_subclass::<PyList>(value);
                };
                self.sequence(inner, buffer, members.iter(), depth - 1)
            }
            Node::Dict(inner) => {
                let Ok(members) = value.cast_exact::<PyDict>() else {
                    return unless_subclass::<PyDict>(value);
                };
                with_critical_section(members, || self.dict(inner, buffer, members, depth - 1))
            }
            Node::Union(union) => {
                let strict = self.strictly();
                if let Some(&position) = union.by_class.get(&class_address(value)) {
                    return strict.node(&union.members[position], buffer, value, depth - 1);
                }
                let mark = buffer.len();
                for member in &union.members {
                    let wrote = strict.node(member, buffer, value, depth - 1);
                    if wrote != Wrote::Mismatch {
                        return wrote;
                    }
                    truncate(buffer, mark);
                }
                // Of none of them: Pydantic writes it all the same, with a warning.
                Wrote::Unknown
            }
            node => self.rarer(node, buffer, value, depth - 1),
        }
    }

    fn strictly(self) -> Self {
        let form = Form {
            strict: true,
            ..self.form
        };
        Self { form, ..self }
    }

    /// The nodes that most streams do without, apart from the others: these are inlined there.
    fn rarer(
        self,
        node: &Node,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        depth: u8,
    ) -> Wrote {
        let form = self.form;
        match node {
            Node::Any => {
                let wrote = infer(buffer, value, form, depth);
                if wrote == Wrote::Mismatch {
                    Wrote::Unknown
                } else {
                    wrote
                }
            }
            Node::Bytes => match value.cast_exact::<PyBytes>() {
                Ok(bytes) => scalar::utf8(buffer, bytes, form),
                Err(_) => unless_scalar(value),
            },
            Node::DateTime => match value.cast_exact::<PyDateTime>() {
                Ok(moment) => scalar::datetime(buffer, moment, Utc::Z),
                Err(_) => unless_scalar(value),
            },
            Node::Date => match value.cast_exact::<PyDate>() {
                Ok(day) => scalar::date(buffer, day),
                Err(_) => unless_scalar(value),
            },
            Node::Time => match value.cast_exact::<PyTime>() {
                Ok(time) => scalar::time(buffer, time),
                Err(_) => unless_scalar(value),
            },
            Node::Decimal(class) if *class == class_address(value) => {
                scalar::text(buffer, value, form)
            }
            Node::Uuid(class) if *class == class_address(value) => scalar::uuid(buffer, value),
            Node::Enum(class, _) if *class == class_address(value) => match enum_value(value) {
                Some(value) => scalar::exact(buffer, &value, form).unwrap_or(Wrote::Unknown),
                None => Wrote::Unknown,
            },
            Node::Decimal(_) | Node::Uuid(_) | Node::Enum(..) => unless_scalar(value),
            Node::Set(inner) => match value.cast_exact::<PySet>() {
                Ok(members) => with_critical_section(members, || {
                    self.sequence(inner, buffer, members.iter(), depth)
                }),
                Err(_) => Wrote::Unknown,
            },
            Node::FrozenSet(inner) => match value.cast_exact::<PyFrozenSet>() {
                Ok(members) => self.sequence(inner, buffer, members.iter(), depth),
                Err(_) => Wrote::Unknown,
            },
            Node::Tuple(inner) => match value.cast_exact::<PyTuple>() {
                Ok(members) => self.sequence(inner, buffer, members.iter(), depth),
                Err(_) => Wrote::Unknown,
            },
            Node::Positions(nodes) => match value.cast_exact::<PyTuple>() {
                Ok(members) if members.len() == nodes.len() => {
                    let mut nodes = nodes.iter();
                    sequence(buffer, members.iter(), form, |buffer, member| {
                        match nodes.next() {
                            Some(node) => self.node(node, buffer, member, depth),
                            None => Wrote::Unknown,
                        }
                    })
                }
                _ => Wrote::Unknown,
            },
            Node::TypedDict(typed) => self.typed_dict(typed, buffer, value, depth),
            Node::Tagged(tagged) => self.tagged(tagged, buffer, value, depth),
            Node::Root(root) if root.class == class_address(value) => {
                let attributes = instance_dict(value).filter(|members| members.len() == 1);
                let name = intern!(value.py(), "root");
                let Some(Ok(Some(inner))) = attributes.map(|members| members.get_item(name)) else {
                    return Wrote::Unknown;
                };
                self.node(&root.node, buffer, &inner, depth)
                    .unless_mismatch()
            }
            _ => Wrote::Unknown,
        }
    }

    pub(super) fn part(self, part: &Arc<Part>, buffer: &[u8], value: &Bound<'_, PyAny>) -> Wrote {
        if self.form.strict {
            return Wrote::Unknown;
        }
        let schemas = self.plan.schemas.as_ref();
        let schemas = schemas.map(|schemas| schemas.clone_ref(value.py()));
        Later::Part(Arc::clone(part), schemas, self.form).note(buffer, value)
    }

    fn literal(self, members: &[Literal], buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> Wrote {
        if let Ok(text) = value.cast_exact::<PyString>() {
            let Some(text) = raw::text(text) else {
                return Wrote::Unknown;
            };
            let is_text = |member: &Literal| matches!(member, Literal::Str(own) if **own == *text);
            if !members.iter().any(is_text) {
                return Wrote::Mismatch;
            }
            json::string(buffer, text, self.form.escape());
            return Wrote::Value;
        }
        let Ok(number) = value.cast_exact::<PyInt>() else {
            return Wrote::Unknown;
        };
        match number.extract::<i64>() {
            Ok(number) if members.contains(&Literal::Int(number)) => {
                json::integer(buffer, number);
                Wrote::Value
            }
            _ => Wrote::Unknown,
        }
    }

    fn sequence<'py>(
        self,
        inner: &Node,
        buffer: &mut Vec<u8>,
        members: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: u8,
    ) -> Wrote {
        sequence(buffer, members, self.form, |buffer, member| {
            self.node(inner, buffer, member, depth)
        })
    }

    fn dict(
        self,
        inner: &Node,
        buffer: &mut Vec<u8>,
        members: &Bound<'_, PyDict>,
        depth: u8,
    ) -> Wrote {
        dict(
            buffer,
            members,
            self.form,
            Underscored::Unknown,
            |buffer, member| {
                // exclude_none acts on the members of plain dicts, too.
                if self.form.exclude_none && member.is_none() {
                    return Wrote::Unknown;
                }
                self.node(inner, buffer, member, depth)
            },
        )
    }

    fn tagged(
        self,
        tagged: &Tagged,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        depth: u8,
    ) -> Wrote {
        let class = class_address(value);
        if !tagged.tags.values().any(|(own, _)| *own == class) {
            return Wrote::Unknown;
        }
        let Some(attributes) = instance_dict(value) else {
            return Wrote::Unknown;
        };
        let Ok(Some(tag)) = attributes.get_item(tagged.discriminator.bind(value.py())) else {
            return Wrote::Unknown;
        };
        let Ok(Ok(tag)) = tag.cast_exact::<PyString>().map(|tag| tag.to_str()) else {
            return Wrote::Unknown;
        };
        match tagged.tags.get(tag) {
            Some((own, member)) if *own == class => {
                let wrote = self
                    .strictly()
                    .node(&tagged.members[*member], buffer, value, depth);
                wrote.unless_mismatch()
            }
            // Changed after construction: Pydantic tries its way through.
            _ => Wrote::Unknown,
        }
    }
}

impl Wrote {
    /// The same, but another member of a union shall not be tried.
    fn unless_mismatch(self) -> Self {
        if self == Self::Mismatch {
            Self::Unknown
        } else {
            self
        }
    }
}

/// A builtin scalar is certainly not of a class that is neither its own nor a base of it.
fn unless_scalar(value: &Bound<'_, PyAny>) -> Wrote {
    if is_scalar(value) {
        Wrote::Mismatch
    } else {
        Wrote::Unknown
    }
}

/// A subclass may still be taken for its base by Pydantic; anything else is certainly not it.
fn unless_subclass<T: pyo3::PyTypeCheck>(value: &Bound<'_, PyAny>) -> Wrote {
    if value.cast::<T>().is_ok() {
        Wrote::Unknown
    } else {
        Wrote::Mismatch
    }
}
