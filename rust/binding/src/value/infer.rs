//! Values of no declared type, as pydantic-core infers from their classes how to write them: items
//! of Starlette's response, and fields declared as `Any`.

use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{
    PyBytes, PyDate, PyDateTime, PyDict, PyFrozenSet, PyList, PySet, PyString, PyTime, PyTuple,
};

use crate::raw::{self, instance_dict};

use super::class::{Class, Shape, class_of};
use super::form::DEPTH;
use super::scalar::{self, Utc};
use super::{Form, Wrote};

/// Appends an item. `class`: what is known of its class; None: it is a builtin.
#[inline]
pub(crate) fn write(
    buffer: &mut Vec<u8>,
    value: &Bound<'_, PyAny>,
    class: Option<&Class>,
    form: Form,
) -> Wrote {
    match class {
        Some(class) => match &class.shape {
            // A part that is the whole would only be a second general path.
            Shape::Model(model) if model.plan(value.py()).is_none_or(|plan| plan.is_general()) => {
                Wrote::Unknown
            }
            _ => by_class(buffer, value, class, form, DEPTH),
        },
        None => nested(buffer, value, form, DEPTH),
    }
}

pub(super) fn nested(
    buffer: &mut Vec<u8>,
    value: &Bound<'_, PyAny>,
    form: Form,
    depth: u8,
) -> Wrote {
    if let Some(wrote) = scalar::exact(buffer, value, form) {
        return wrote;
    }
    if depth == 0 {
        return Wrote::Unknown;
    }
    let member =
        |buffer: &mut Vec<u8>, member: &Bound<'_, PyAny>| nested(buffer, member, form, depth - 1);
    if let Ok(members) = value.cast_exact::<PyDict>() {
        return with_critical_section(members, || {
            dict(buffer, members, form, Underscored::Unknown, member)
        });
    }
    if let Ok(members) = value.cast_exact::<PyList>() {
        return sequence(buffer, members.iter(), form, member);
    }
    if let Ok(members) = value.cast_exact::<PyTuple>() {
        return sequence(buffer, members.iter(), form, member);
    }
    by_class(buffer, value, &class_of(value), form, depth)
}

/// A value of another class than the builtin ones; `depth` is not used up.
fn by_class(
    buffer: &mut Vec<u8>,
    value: &Bound<'_, PyAny>,
    class: &Class,
    form: Form,
    depth: u8,
) -> Wrote {
    let member =
        |buffer: &mut Vec<u8>, member: &Bound<'_, PyAny>| nested(buffer, member, form, depth - 1);
    match &class.shape {
        Shape::Model(model) => match model.plan(value.py()) {
            Some(plan) => plan.write_nested(buffer, value, form, depth),
            None => Wrote::Unknown,
        },
        Shape::Dataclass(dataclass) if dataclass.is_pydantics => match dataclass.plan(value.py()) {
            Some(plan) => plan.write_nested(buffer, value, form, depth),
            None => Wrote::Unknown,
        },
        Shape::Dataclass(dataclass) => fields(buffer, value, &dataclass.names, form, member),
        Shape::Enum { mixed: false, .. } => {
            let Some(inner) = enum_value(value) else {
                return Wrote::Unknown;
            };
            nested(buffer, &inner, form, depth - 1)
        }
        Shape::Bytes => by::<PyBytes>(value, |bytes| scalar::utf8(buffer, bytes, form)),
        Shape::Date => by::<PyDate>(value, |day| scalar::date(buffer, day)),
        Shape::DateTime => {
            by::<PyDateTime>(value, |moment| scalar::datetime(buffer, moment, Utc::Z))
        }
        Shape::Time => by::<PyTime>(value, |time| scalar::time(buffer, time)),
        Shape::Decimal | Shape::Path => scalar::text(buffer, value, form),
        Shape::Uuid => scalar::uuid(buffer, value),
        Shape::Set => by::<PySet>(value, |set| {
            with_critical_section(set, || sequence(buffer, set.iter(), form, member))
        }),
        Shape::FrozenSet => {
            by::<PyFrozenSet>(value, |set| sequence(buffer, set.iter(), form, member))
        }
        _ => Wrote::Unknown,
    }
}

/// Writes a value whose class was found to be this one.
pub(super) fn by<'a, 'py: 'a, T: pyo3::PyTypeCheck + 'a>(
    value: &'a Bound<'py, PyAny>,
    write: impl FnOnce(&'a Bound<'py, T>) -> Wrote,
) -> Wrote {
    value.cast::<T>().map_or(Wrote::Unknown, write)
}

/// The `value` of an enum's member, by its class a plain one.
pub(super) fn enum_value<'py>(member: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let name = pyo3::intern!(member.py(), "_value_");
    instance_dict(member)?.get_item(name).ok()?
}

/// A dataclass, from its instance's `__dict__`.
fn fields<'py>(
    buffer: &mut Vec<u8>,
    value: &Bound<'py, PyAny>,
    names: &[Py<PyString>],
    form: Form,
    mut member_by: impl FnMut(&mut Vec<u8>, &Bound<'py, PyAny>) -> Wrote,
) -> Wrote {
    let Some(attributes) = instance_dict(value) else {
        return Wrote::Unknown;
    };
    buffer.push(b'{');
    for (position, name) in names.iter().enumerate() {
        let name = name.bind(value.py());
        let Ok(Some(member)) = attributes.get_item(name) else {
            return Wrote::Unknown;
        };
        if form.is_spaced() && raw::text(name).is_some_and(|name| name.starts_with("_sa")) {
            return Wrote::Unknown;
        }
        if position > 0 {
            form.comma(buffer);
        }
        if scalar::string(buffer, name, form) != Wrote::Value {
            return Wrote::Unknown;
        }
        form.colon(buffer);
        let wrote = member_by(buffer, &member);
        if wrote != Wrote::Value {
            return wrote.around();
        }
    }
    buffer.push(b'}');
    Wrote::Value
}

/// Members in brackets.
pub(super) fn sequence<'py>(
    buffer: &mut Vec<u8>,
    members: impl Iterator<Item = Bound<'py, PyAny>>,
    form: Form,
    mut member_by: impl FnMut(&mut Vec<u8>, &Bound<'py, PyAny>) -> Wrote,
) -> Wrote {
    buffer.push(b'[');
    for (position, member) in members.enumerate() {
        if position > 0 {
            form.comma(buffer);
        }
        let wrote = member_by(buffer, &member);
        if wrote != Wrote::Value {
            return wrote.around();
        }
    }
    buffer.push(b']');
    Wrote::Value
}

/// What becomes of a member whose key starts with `_sa`, which `jsonable_encoder` takes for one of
/// SQLAlchemy's own attributes and leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Underscored {
    /// Left out without a look at it.
    Omitted,
    /// Pydantic has written it before, or has not: the general path knows.
    Unknown,
}

/// Members in braces; keys must be exact `str`.
pub(super) fn dict<'py>(
    buffer: &mut Vec<u8>,
    members: &Bound<'py, PyDict>,
    form: Form,
    underscored: Underscored,
    mut member_by: impl FnMut(&mut Vec<u8>, &Bound<'py, PyAny>) -> Wrote,
) -> Wrote {
    buffer.push(b'{');
    let mut first = true;
    for (key, member) in members.iter() {
        let Ok(key) = key.cast_exact::<PyString>() else {
            return Wrote::Unknown;
        };
        if form.is_spaced() && raw::text(key).is_some_and(|name| name.starts_with("_sa")) {
            if underscored == Underscored::Omitted {
                continue;
            }
            return Wrote::Unknown;
        }
        if !first {
            form.comma(buffer);
        }
        first = false;
        if scalar::string(buffer, key, form) != Wrote::Value {
            return Wrote::Unknown;
        }
        form.colon(buffer);
        let wrote = member_by(buffer, &member);
        if wrote != Wrote::Value {
            return wrote.around();
        }
    }
    buffer.push(b'}');
    Wrote::Value
}
