//! Values without members: what they look like in JSON, in both dialects.

use eventwire_core::json;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyBytes, PyDate, PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess, PyFloat, PyInt,
    PyString, PyTime, PyTimeAccess, PyTzInfo, PyTzInfoAccess,
};

use crate::raw;

use super::{Dialect, Form, Wrote};

/// `None`, and exact `bool`, `int`, `float` and `str`; None for values of other classes.
///
/// Non-finite floats become null, as in both of FastAPI's forms.
#[inline]
pub(super) fn exact(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>, form: Form) -> Option<Wrote> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        return Some(string(buffer, text, form));
    }
    if value.is_none() {
        buffer.extend_from_slice(b"null");
        return Some(Wrote::Value);
    }
    if let Ok(number) = value.cast_exact::<PyInt>() {
        return Some(integer(buffer, number));
    }
    if let Ok(number) = value.cast_exact::<PyFloat>() {
        return Some(float_or_null(buffer, number, form));
    }
    if let Ok(truth) = value.cast_exact::<PyBool>() {
        boolean(buffer, truth.is_true());
        return Some(Wrote::Value);
    }
    None
}

/// A `str` without lone surrogates: the characters it holds.
#[inline]
pub(super) fn string(buffer: &mut Vec<u8>, text: &Bound<'_, PyString>, form: Form) -> Wrote {
    match raw::text(text) {
        Some(text) => {
            json::string(buffer, text, form.escape());
            Wrote::Value
        }
        None => Wrote::Unknown,
    }
}

/// An `int`.
#[inline]
pub(super) fn integer(buffer: &mut Vec<u8>, number: &Bound<'_, PyInt>) -> Wrote {
    match number.extract::<i64>() {
        Ok(number) => {
            json::integer(buffer, number);
            Wrote::Value
        }
        Err(_) => digits(buffer, number),
    }
}

/// An `int` beyond 64 bits; more digits than the interpreter converts are the general path's.
#[cold]
fn digits(buffer: &mut Vec<u8>, number: &Bound<'_, PyInt>) -> Wrote {
    if !number.is_exact_instance_of::<PyInt>() {
        return Wrote::Unknown;
    }
    match number.repr() {
        Ok(digits) => ascii(buffer, &digits),
        Err(_) => Wrote::Unknown,
    }
}

fn ascii(buffer: &mut Vec<u8>, text: &Bound<'_, PyString>) -> Wrote {
    match text.to_str() {
        Ok(text) => {
            buffer.extend_from_slice(text.as_bytes());
            Wrote::Value
        }
        Err(_) => Wrote::Unknown,
    }
}

pub(super) fn boolean(buffer: &mut Vec<u8>, truth: bool) {
    buffer.extend_from_slice(if truth { b"true" } else { b"false" });
}

pub(super) fn float_or_null(
    buffer: &mut Vec<u8>,
    number: &Bound<'_, PyFloat>,
    form: Form,
) -> Wrote {
    if number.value().is_finite() {
        return float(buffer, number, form);
    }
    buffer.extend_from_slice(b"null");
    Wrote::Value
}

/// A finite `float`.
///
/// Plain decimals have one form. Exponents are written differently by older pydantic-core
/// (`1e16`), so that outside of this range the installed one is asked, once.
#[inline]
pub(super) fn float(buffer: &mut Vec<u8>, number: &Bound<'_, PyFloat>, form: Form) -> Wrote {
    let value = number.value();
    let plain = value == 0.0 || (1e-4..1e15).contains(&value.abs());
    if !plain && form.dialect == Dialect::Compact && !writes_our_exponents(number.py()) {
        return Wrote::Unknown;
    }
    json::float(buffer, value, form.float());
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
            json::float(&mut ours, probe, json::FloatFormat::Pydantic);
            if to_json.call1((probe,))?.cast::<PyBytes>()?.as_bytes() != ours {
                return Ok(false);
            }
        }
        Ok(true)
    };
    *SAME.get_or_init(py, || ask().unwrap_or(false))
}

/// `bytes` that are UTF-8, as text.
pub(super) fn utf8(buffer: &mut Vec<u8>, bytes: &Bound<'_, PyBytes>, form: Form) -> Wrote {
    match std::str::from_utf8(bytes.as_bytes()) {
        Ok(text) => {
            json::string(buffer, text, form.escape());
            Wrote::Value
        }
        Err(_) => Wrote::Unknown,
    }
}

/// What `str(value)` gives, as a JSON string. The class's `__str__` must be the standard library's.
pub(super) fn text(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>, form: Form) -> Wrote {
    match value.str() {
        Ok(text) => string(buffer, &text, form),
        Err(_) => Wrote::Unknown,
    }
}

/// A `uuid.UUID`.
pub(super) fn uuid(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> Wrote {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let number = value.getattr(intern!(value.py(), "int"));
    let Ok(number) = number.and_then(|number| number.extract::<u128>()) else {
        return Wrote::Unknown;
    };
    buffer.push(b'"');
    for (position, byte) in number.to_be_bytes().into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            buffer.push(b'-');
        }
        buffer.push(HEX[usize::from(byte >> 4)]);
        buffer.push(HEX[usize::from(byte & 15)]);
    }
    buffer.push(b'"');
    Wrote::Value
}

/// How the offset of UTC is written.
#[derive(Clone, Copy)]
pub(super) enum Utc {
    /// Pydantic: `Z`.
    Z,
    /// `isoformat()`: `+00:00`.
    Offset,
}

/// A `datetime` without time zone, or of `datetime.timezone.utc`; others are Python's to compute.
pub(super) fn datetime(buffer: &mut Vec<u8>, value: &Bound<'_, PyDateTime>, utc: Utc) -> Wrote {
    let zone: &[u8] = match value.get_tzinfo() {
        None => b"\"",
        Some(zone) if is_utc(&zone) => match utc {
            Utc::Z => b"Z\"",
            Utc::Offset => b"+00:00\"",
        },
        Some(_) => return Wrote::Unknown,
    };
    buffer.push(b'"');
    days(buffer, value);
    buffer.push(b'T');
    clock(buffer, value);
    buffer.extend_from_slice(zone);
    Wrote::Value
}

fn is_utc(zone: &Bound<'_, PyTzInfo>) -> bool {
    PyTzInfo::utc(zone.py()).is_ok_and(|utc| zone.is(&*utc))
}

/// Whether it has no time zone or the one of `datetime.timezone.utc`.
pub(super) fn has_plain_zone<'py>(value: &impl PyTzInfoAccess<'py>) -> bool {
    value.get_tzinfo().is_none_or(|zone| is_utc(&zone))
}

pub(super) fn date(buffer: &mut Vec<u8>, value: &Bound<'_, PyDate>) -> Wrote {
    buffer.push(b'"');
    days(buffer, value);
    buffer.push(b'"');
    Wrote::Value
}

/// A `time` without time zone.
pub(super) fn time(buffer: &mut Vec<u8>, value: &Bound<'_, PyTime>) -> Wrote {
    if value.get_tzinfo().is_some() {
        return Wrote::Unknown;
    }
    buffer.push(b'"');
    clock(buffer, value);
    buffer.push(b'"');
    Wrote::Value
}

fn days(buffer: &mut Vec<u8>, value: &impl PyDateAccess) {
    let year = value.get_year().unsigned_abs();
    two(buffer, year / 100);
    two(buffer, year % 100);
    buffer.push(b'-');
    two(buffer, value.get_month().into());
    buffer.push(b'-');
    two(buffer, value.get_day().into());
}

fn clock(buffer: &mut Vec<u8>, value: &impl PyTimeAccess) {
    two(buffer, value.get_hour().into());
    buffer.push(b':');
    two(buffer, value.get_minute().into());
    buffer.push(b':');
    two(buffer, value.get_second().into());
    let micros = value.get_microsecond();
    if micros != 0 {
        buffer.push(b'.');
        two(buffer, micros / 10_000);
        two(buffer, micros / 100 % 100);
        two(buffer, micros % 100);
    }
}

fn two(buffer: &mut Vec<u8>, number: u32) {
    let digit = |number: u32| b'0' + (number % 10) as u8;
    buffer.extend_from_slice(&[digit(number / 10), digit(number)]);
}

/// `timedelta.total_seconds()`.
pub(super) fn seconds(buffer: &mut Vec<u8>, value: &Bound<'_, PyDelta>, form: Form) -> Wrote {
    /// Up to here a float holds every integer, so that one division rounds as Python's does.
    const EXACT: i64 = 1 << 53;
    let seconds = i64::from(value.get_days()) * 86_400 + i64::from(value.get_seconds());
    let micros = seconds * 1_000_000 + i64::from(value.get_microseconds());
    if micros.abs() > EXACT {
        return Wrote::Unknown;
    }
    #[expect(clippy::cast_precision_loss, reason = "bounded above")]
    json::float(buffer, micros as f64 / 1e6, form.float());
    Wrote::Value
}

/// A `Decimal` as a number, as FastAPI writes it: an int if it has no fraction, else a float.
pub(super) fn decimal_number(buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>, form: Form) -> Wrote {
    let Ok(text) = value.str() else {
        return Wrote::Unknown;
    };
    let Ok(text) = text.to_str() else {
        return Wrote::Unknown;
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Exponents, infinities and NaN are the general path's, and so are more digits than one
    // machine integer has.
    if digits.len() > 18
        || !digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Wrote::Unknown;
    }
    if let Ok(number) = text.parse::<i64>() {
        json::integer(buffer, number);
        return Wrote::Value;
    }
    match text.parse::<f64>() {
        Ok(number) => {
            json::float(buffer, number, form.float());
            Wrote::Value
        }
        Err(_) => Wrote::Unknown,
    }
}
