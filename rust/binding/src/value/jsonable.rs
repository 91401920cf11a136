//! Values of no declared type as FastAPI writes them: `json.dumps(jsonable_encoder(value))`, with
//! null for non-finite floats.
//!
//! Classes are taken in `jsonable_encoder`'s order: models, dataclasses, enums, paths, builtins,
//! then its table of encoders, which applications extend and which is therefore asked for every
//! value. Left to the general path: what may run the user's code twice, or be used up by it
//! (generators, iterators, mappings, objects with a `__dict__`), and every error but those of an
//! encoder of that table.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{
    PyBool, PyDate, PyDateTime, PyDelta, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet,
    PyString, PyTime, PyTuple,
};

use eventwire_core::json;

use crate::raw::{self, instance_dict};

use super::class::{Class, Shape, class_of};
use super::form::DEPTH;
use super::infer::{Underscored, by, dict, enum_value, sequence};
use super::later::{Later, truncate};
use super::scalar::{self, Utc};
use super::wrote::fail;
use super::{Dialect, Form, Wrote};

/// As FastAPI calls `model_dump` in `jsonable_encoder`.
pub(super) const FORM: Form = Form::new(Dialect::Spaced, false, Some(true));

/// Appends an item. `class`: what is known of its class; None: it is a builtin.
#[inline]
pub(crate) fn write(
    buffer: &mut Vec<u8>,
    value: &Bound<'_, PyAny>,
    class: Option<&Class>,
) -> Wrote {
    match class {
        Some(class) => by_class(buffer, value, class, DEPTH),
        None => nested(buffer, value, DEPTH),
    }
}

/// Appends what `model_dump(mode="json")` has given for a part.
pub(super) fn write_dumped(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> Wrote {
    nested(buffer, value, DEPTH)
}

/// Appends the `data` of an event: a model writes itself, compact and by the names of its fields,
/// anything else is written as an item.
pub(crate) fn write_event_data(
    buffer: &mut Vec<u8>,
    value: &Bound<'_, PyAny>,
    class: Option<&Class>,
    line_safe: bool,
) -> Wrote {
    let Some(known) = class else {
        return write(buffer, value, None);
    };
    match &known.shape {
        Shape::Model(model) if model.own_dump_json => match model.plan(value.py()) {
            // A part that is the whole would only be a second general path.
            Some(plan) if plan.is_general() => Wrote::Unknown,
            Some(plan) => plan.write(buffer, value, Form::new(Dialect::Compact, line_safe, None)),
            None => Wrote::Unknown,
        },
        // Whatever has the method is asked for its JSON.
        _ => match value.hasattr(intern!(value.py(), "model_dump_json")) {
            Ok(true) => Wrote::Unknown,
            Ok(false) => write(buffer, value, class),
            Err(error) => fail(error),
        },
    }
}

/// Whether it is of one of the builtin classes that JSON knows.
pub(crate) fn is_builtin(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyDict>()
        || is_scalar(value)
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyTuple>()
}

/// The same of a class without members.
pub(super) fn is_scalar(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyString>()
        || value.is_none()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBool>()
}

pub(super) fn nested(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>, depth: u8) -> Wrote {
    if let Some(wrote) = scalar::exact(buffer, value, FORM) {
        return wrote;
    }
    if depth == 0 {
        return Wrote::Unknown;
    }
    let member =
        |buffer: &mut Vec<u8>, member: &Bound<'_, PyAny>| nested(buffer, member, depth - 1);
    if let Ok(members) = value.cast_exact::<PyDict>() {
        return with_critical_section(members, || object(buffer, members, depth));
    }
    if let Ok(members) = value.cast_exact::<PyList>() {
        return sequence(buffer, members.iter(), FORM, member);
    }
    if let Ok(members) = value.cast_exact::<PyTuple>() {
        return sequence(buffer, members.iter(), FORM, member);
    }
    by_class(buffer, value, &class_of(value), depth)
}

/// A value of another class than the builtin ones; `depth` is not used up.
fn by_class(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>, class: &Class, depth: u8) -> Wrote {
    let member =
        |buffer: &mut Vec<u8>, member: &Bound<'_, PyAny>| nested(buffer, member, depth - 1);
    match &class.shape {
        Shape::Model(model) if model.own_dump => match model.plan(value.py()) {
            Some(plan) => plan.write_nested(buffer, value, FORM, depth),
            None => Wrote::Unknown,
        },
        Shape::Dataclass(class) => dataclass(buffer, value, &class.names, depth),
        // The value is passed on as it is, so that json.dumps writes it.
        Shape::Enum { .. } => match enum_value(value) {
            Some(value) => dumped(buffer, &value),
            None => Wrote::Unknown,
        },
        Shape::Path | Shape::PurePath => scalar::text(buffer, value, FORM),
        Shape::Str | Shape::Int | Shape::Float => dumped_subclass(buffer, value),
        Shape::Set => by::<PySet>(value, |set| {
            with_critical_section(set, || sequence(buffer, set.iter(), FORM, member))
        }),
        Shape::FrozenSet => {
            by::<PyFrozenSet>(value, |set| sequence(buffer, set.iter(), FORM, member))
        }
        Shape::Tuple => by::<PyTuple>(value, |tuple| sequence(buffer, tuple.iter(), FORM, member)),
        Shape::Deque => deque(buffer, value, depth),
        Shape::Model(_) | Shape::Opaque => Wrote::Unknown,
        shape => by_table(buffer, value, shape).unwrap_or(Wrote::Unknown),
    }
}

/// A dict. Keys that `json.dumps` turns into text are written so; keys that become equal before
/// that (a UUID and its text) would be one member, so other classes are the general path's.
fn object(buffer: &mut Vec<u8>, members: &Bound<'_, PyDict>, depth: u8) -> Wrote {
    let mark = buffer.len();
    let wrote = dict(
        buffer,
        members,
        FORM,
        Underscored::Omitted,
        |buffer, member| nested(buffer, member, depth - 1),
    );
    if wrote != Wrote::Unknown
        || members
            .iter()
            .all(|(key, _)| key.is_exact_instance_of::<PyString>())
    {
        return wrote;
    }
    truncate(buffer, mark);
    buffer.push(b'{');
    let mut first = true;
    for (key, member) in members.iter() {
        let start = buffer.len();
        if !first {
            FORM.comma(buffer);
        }
        if let Ok(text) = key.cast_exact::<PyString>() {
            if raw::text(text).is_some_and(|text| text.starts_with("_sa")) {
                buffer.truncate(start);
                continue;
            }
            if scalar::string(buffer, text, FORM) != Wrote::Value {
                return Wrote::Unknown;
            }
        } else {
            let builtin = key.is_none()
                || key.is_exact_instance_of::<PyInt>()
                || key.is_exact_instance_of::<PyBool>()
                || key
                    .cast_exact::<PyFloat>()
                    .is_ok_and(|key| key.value().is_finite());
            if !builtin {
                return Wrote::Unknown;
            }
            buffer.push(b'"');
            if scalar::exact(buffer, &key, FORM) != Some(Wrote::Value) {
                return Wrote::Unknown;
            }
            buffer.push(b'"');
        }
        first = false;
        FORM.colon(buffer);
        let wrote = nested(buffer, &member, depth - 1);
        if wrote != Wrote::Value {
            return wrote.around();
        }
    }
    buffer.push(b'}');
    Wrote::Value
}

/// What `dataclasses.asdict` makes of it. That copies the values deeply, which may fail or run
/// code, so they are written here only if their copies are certainly equal.
fn dataclass(
    buffer: &mut Vec<u8>,
    value: &Bound<'_, PyAny>,
    names: &[Py<PyString>],
    depth: u8,
) -> Wrote {
    let py = value.py();
    let Some(attributes) = instance_dict(value) else {
        return Wrote::Unknown;
    };
    buffer.push(b'{');
    let mut first = true;
    for name in names {
        let name = name.bind(py);
        let Ok(Some(member)) = attributes.get_item(name) else {
            return Wrote::Unknown;
        };
        if !is_copied_plainly(&member, depth) {
            return Wrote::Unknown;
        }
        if raw::text(name).is_some_and(|name| name.starts_with("_sa")) {
            return Wrote::Unknown;
        }
        if !first {
            FORM.comma(buffer);
        }
        first = false;
        if scalar::string(buffer, name, FORM) != Wrote::Value {
            return Wrote::Unknown;
        }
        FORM.colon(buffer);
        let wrote = nested(buffer, &member, depth - 1);
        if wrote != Wrote::Value {
            return wrote.around();
        }
    }
    buffer.push(b'}');
    Wrote::Value
}

fn is_copied_plainly(value: &Bound<'_, PyAny>, depth: u8) -> bool {
    if is_scalar(value) {
        return true;
    }
    if depth == 0 {
        return false;
    }
    if let Ok(members) = value.cast_exact::<PyDict>() {
        // What is left out is copied all the same.
        let is_copied = |(key, member): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            let omitted = key
                .cast::<PyString>()
                .is_ok_and(|key| raw::text(key).is_some_and(|key| key.starts_with("_sa")));
            !omitted && is_scalar(&key) && is_copied_plainly(&member, depth - 1)
        };
        return with_critical_section(members, || members.iter().all(is_copied));
    }
    if let Ok(members) = value.cast_exact::<PyList>() {
        return members
            .iter()
            .all(|member| is_copied_plainly(&member, depth - 1));
    }
    if let Ok(members) = value.cast_exact::<PyTuple>() {
        return members
            .iter()
            .all(|member| is_copied_plainly(&member, depth - 1));
    }
    // A time zone is copied, too.
    if let Ok(moment) = value.cast::<PyDateTime>() {
        return scalar::has_plain_zone(moment);
    }
    if let Ok(time) = value.cast::<PyTime>() {
        return scalar::has_plain_zone(time);
    }
    matches!(
        class_of(value).shape,
        // A nested dataclass looks at its own members when it is written.
        Shape::Dataclass(_)
            | Shape::Date
            | Shape::TimeDelta
            | Shape::Decimal
            | Shape::Uuid
            | Shape::Bytes
            | Shape::Path
            | Shape::PurePath
            | Shape::Enum { singular: true, .. }
    )
}

fn deque(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>, depth: u8) -> Wrote {
    let Ok(members) = value.try_iter() else {
        return Wrote::Unknown;
    };
    let mut failed = false;
    let members = members.map_while(|member| {
        failed = member.is_err();
        member.ok()
    });
    let wrote = sequence(buffer, members, FORM, |buffer, member| {
        nested(buffer, member, depth - 1)
    });
    if failed { Wrote::Unknown } else { wrote }
}

/// What `json.dumps` makes of a scalar that `jsonable_encoder` returns; containers, which it would
/// not look into, are left to it.
fn dumped(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> Wrote {
    scalar::exact(buffer, value, FORM).unwrap_or(Wrote::Unknown)
}

/// `json.dumps` takes the characters of a `str`, and the numbers, whatever a subclass says of itself.
fn dumped_subclass(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> Wrote {
    if let Ok(text) = value.cast::<PyString>() {
        return scalar::string(buffer, text, FORM);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        if number.value().is_finite() {
            json::float(buffer, number.value(), FORM.float());
        } else {
            buffer.extend_from_slice(b"null");
        }
        return Wrote::Value;
    }
    match value.cast::<PyInt>() {
        Ok(number) => scalar::integer(buffer, number),
        Err(_) => Wrote::Unknown,
    }
}

/// What FastAPI's table of encoders makes of it. Its own entries for the commonest classes are
/// known and written here; any other entry, an application's own included, is called.
fn by_table(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>, shape: &Shape) -> PyResult<Wrote> {
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let module: &Bound<'_, PyAny> = MODULE.import(py, "sys", "modules")?;
    let module = module.get_item(intern!(py, "fastapi.encoders"))?;
    // Asked for each time: an application may put another table in its place.
    let table = module.getattr(intern!(py, "ENCODERS_BY_TYPE"))?;
    let Some(encoder) = table.cast::<PyDict>()?.get_item(value.get_type())? else {
        return Ok(Wrote::Unknown);
    };
    if is_fastapis(&encoder, shape)? {
        let mark = buffer.len();
        let wrote = match shape {
            Shape::Date => scalar::date(buffer, value.cast::<PyDate>()?),
            Shape::DateTime => scalar::datetime(buffer, value.cast::<PyDateTime>()?, Utc::Offset),
            Shape::Time => scalar::time(buffer, value.cast::<PyTime>()?),
            Shape::TimeDelta => scalar::seconds(buffer, value.cast::<PyDelta>()?, FORM),
            Shape::Decimal => scalar::decimal_number(buffer, value, FORM),
            Shape::Uuid => scalar::uuid(buffer, value),
            _ => Wrote::Unknown,
        };
        if wrote == Wrote::Value {
            return Ok(wrote);
        }
        buffer.truncate(mark);
    }
    Ok(Later::Encoder(encoder.unbind()).note(buffer, value))
}

/// Whether an entry of the table is the one that FastAPI put there: a function of that name in
/// FastAPI's own file.
fn is_fastapis(encoder: &Bound<'_, PyAny>, shape: &Shape) -> PyResult<bool> {
    static KNOWN: [PyOnceLock<Py<PyAny>>; 5] = [const { PyOnceLock::new() }; 5];
    let py = encoder.py();
    let (kind, name, calls) = match shape {
        Shape::Uuid => return Ok(encoder.is(py.get_type::<PyString>())),
        Shape::Date => (0, "isoformat", "isoformat"),
        Shape::DateTime => (1, "isoformat", "isoformat"),
        Shape::Time => (2, "isoformat", "isoformat"),
        Shape::TimeDelta => (3, "<lambda>", "total_seconds"),
        Shape::Decimal => (4, "decimal_encoder", "as_tuple"),
        _ => return Ok(false),
    };
    if let Some(known) = KNOWN[kind].get(py) {
        return Ok(known.is(encoder));
    }
    let Some(code) = encoder.getattr_opt(intern!(py, "__code__"))? else {
        return Ok(false);
    };
    let file = py.import("fastapi.encoders")?.getattr("__file__")?;
    let is_theirs = code.getattr("co_filename")?.eq(file)?
        && code.getattr("co_name")?.eq(name)?
        && code.getattr("co_names")?.contains(calls)?;
    if is_theirs {
        let _ = KNOWN[kind].set(py, encoder.clone().unbind());
    }
    Ok(is_theirs)
}
