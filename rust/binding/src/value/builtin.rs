//! Exact `None`, `bool`, `int`, `float`, `str`, `list`, `tuple` and `dict` with `str` keys.

use eventwire_core::json;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::{DEPTH, Dialect, Wrote};

/// Appends `value`. Non-finite floats become null, as in both of FastAPI's forms.
///
/// Subclasses, integers beyond 64 bits, lone surrogates and anything nested too deeply or in a
/// cycle are [`Wrote::Unknown`].
pub(crate) fn write(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>, dialect: Dialect) -> Wrote {
    write_nested(buffer, value, dialect, DEPTH)
}

fn write_nested(
    buffer: &mut Vec<u8>,
    value: &Bound<'_, PyAny>,
    dialect: Dialect,
    depth: u8,
) -> Wrote {
    if let Ok(text) = value.cast_exact::<PyString>() {
        return string(buffer, text, dialect);
    }
    if value.is_none() {
        buffer.extend_from_slice(b"null");
        return Wrote::Value;
    }
    if let Ok(number) = value.cast_exact::<PyInt>() {
        return integer(buffer, number);
    }
    if let Ok(number) = value.cast_exact::<PyFloat>() {
        if number.value().is_finite() {
            return float(buffer, number, dialect);
        }
        buffer.extend_from_slice(b"null");
        return Wrote::Value;
    }
    if let Ok(truth) = value.cast_exact::<PyBool>() {
        boolean(buffer, truth.is_true());
        return Wrote::Value;
    }
    if depth == 0 {
        return Wrote::Unknown;
    }
    if let Ok(members) = value.cast_exact::<PyDict>() {
        return dict(buffer, members, dialect, |buffer, member| {
            write_nested(buffer, member, dialect, depth - 1)
        });
    }
    if let Ok(members) = value.cast_exact::<PyList>() {
        return sequence(buffer, members.iter(), dialect, |buffer, member| {
            write_nested(buffer, member, dialect, depth - 1)
        });
    }
    if let Ok(members) = value.cast_exact::<PyTuple>() {
        return sequence(buffer, members.iter(), dialect, |buffer, member| {
            write_nested(buffer, member, dialect, depth - 1)
        });
    }
    Wrote::Unknown
}

/// A `str` without lone surrogates.
pub(super) fn string(buffer: &mut Vec<u8>, text: &Bound<'_, PyString>, dialect: Dialect) -> Wrote {
    match text.to_str() {
        Ok(text) => {
            json::string(buffer, text, dialect.escape());
            Wrote::Value
        }
        Err(_) => Wrote::Unknown,
    }
}

/// An `int` of at most 64 bits.
pub(super) fn integer(buffer: &mut Vec<u8>, number: &Bound<'_, PyInt>) -> Wrote {
    match number.extract::<i64>() {
        Ok(number) => {
            json::integer(buffer, number);
            Wrote::Value
        }
        Err(_) => Wrote::Unknown,
    }
}

pub(super) fn boolean(buffer: &mut Vec<u8>, truth: bool) {
    buffer.extend_from_slice(if truth { b"true" } else { b"false" });
}

/// A finite `float`.
///
/// Plain decimals have one form. Exponents are written differently by older pydantic-core
/// (`1e16`), so that outside of this range the installed one is asked, once.
pub(super) fn float(buffer: &mut Vec<u8>, number: &Bound<'_, PyFloat>, dialect: Dialect) -> Wrote {
    let value = number.value();
    let plain = value == 0.0 || (1e-4..1e15).contains(&value.abs());
    if !plain && dialect == Dialect::Compact && !writes_our_exponents(number.py()) {
        return Wrote::Unknown;
    }
    json::float(buffer, value, dialect.float());
    Wrote::Value
}

/// Whether the installed pydantic-core writes floats as the core does.
fn writes_our_exponents(py: Python<'_>) -> bool {
    static SAME: PyOnceLock<bool> = PyOnceLock::new();
    const PROBES: [f64; 8] = [1e15, 1e16, 1.5e17, 1e-5, 1.5e-5, 1e-6, 2.5e-7, 1.7e308];
    let ask = || -> PyResult<bool> {
        let to_json = py.import("pydantic_core")?.getattr("to_json")?;
        for probe in PROBES {
            let mut ours = Vec::new();
            json::float(&mut ours, probe, Dialect::Compact.float());
            if to_json.call1((probe,))?.cast::<PyBytes>()?.as_bytes() != ours {
                return Ok(false);
            }
        }
        Ok(true)
    };
    *SAME.get_or_init(py, || ask().unwrap_or(false))
}

/// Members in brackets.
fn sequence<'py>(
    buffer: &mut Vec<u8>,
    members: impl Iterator<Item = Bound<'py, PyAny>>,
    dialect: Dialect,
    mut member_by: impl FnMut(&mut Vec<u8>, &Bound<'py, PyAny>) -> Wrote,
) -> Wrote {
    buffer.push(b'[');
    for (position, member) in members.enumerate() {
        if position > 0 {
            buffer.extend_from_slice(dialect.comma());
        }
        let wrote = member_by(buffer, &member);
        if wrote != Wrote::Value {
            return wrote;
        }
    }
    buffer.push(b']');
    Wrote::Value
}

/// Members in braces; keys must be exact `str`.
pub(super) fn dict<'py>(
    buffer: &mut Vec<u8>,
    members: &Bound<'py, PyDict>,
    dialect: Dialect,
    mut member_by: impl FnMut(&mut Vec<u8>, &Bound<'py, PyAny>) -> Wrote,
) -> Wrote {
    buffer.push(b'{');
    let mut first = true;
    for (key, member) in members.iter() {
        let Ok(key) = key.cast_exact::<PyString>() else {
            return Wrote::Unknown;
        };
        let Ok(name) = key.to_str() else {
            return Wrote::Unknown;
        };
        // jsonable_encoder leaves out what it takes for SQLAlchemy's own attributes.
        if dialect == Dialect::Spaced && name.starts_with("_sa") {
            return Wrote::Unknown;
        }
        if !first {
            buffer.extend_from_slice(dialect.comma());
        }
        first = false;
        json::string(buffer, name, dialect.escape());
        buffer.extend_from_slice(dialect.colon());
        let wrote = member_by(buffer, &member);
        if wrote != Wrote::Value {
            return wrote;
        }
    }
    buffer.push(b'}');
    Wrote::Value
}
