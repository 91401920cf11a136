//! Numbers.
//!
//! Digits come from `itoa` and `zmij`, as they do in Pydantic. `zmij` also lays a float out as
//! Pydantic does, for Pydantic prints what it returns; `tests/suite/json/golden.rs` notices if a
//! release of it no longer does. Python's layout differs only below 0.0001, so it is patched there.

/// How a float is laid out. Both formats write the digits that CPython's `repr` writes, always with
/// a fraction or an exponent, `-0.0` for the negative zero, and `1e+16` from there on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum FloatFormat {
    /// As Pydantic: an exponent below 0.00001, of as few digits as it takes (`1e-6`).
    Pydantic,
    /// As Python's `repr` and `json.dumps`: an exponent below 0.0001, of at least two digits
    /// (`1e-05`, `1e-06`).
    Python,
}

/// Writes an integer.
#[inline]
pub fn integer(buffer: &mut Vec<u8>, value: i64) {
    buffer.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes an integer that is not negative.
#[inline]
pub fn unsigned(buffer: &mut Vec<u8>, value: u64) {
    buffer.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes a float, which must be finite: JSON has no infinities and no NaN, and what stands for
/// them (`null`, `NaN`, a string) is the caller's to choose. For others the output is unspecified.
#[inline]
pub fn float(buffer: &mut Vec<u8>, value: f64, format: FloatFormat) {
    debug_assert!(value.is_finite(), "the caller handles {value}");
    let mut digits = zmij::Buffer::new();
    let text = digits.format_finite(value).as_bytes();
    match format {
        FloatFormat::Pydantic => buffer.extend_from_slice(text),
        FloatFormat::Python => python(buffer, text),
    }
}

/// Writes in Python's layout what is in Pydantic's.
#[inline]
fn python(buffer: &mut Vec<u8>, text: &[u8]) {
    let (sign, magnitude) = match text {
        [b'-', magnitude @ ..] => (&text[..1], magnitude),
        magnitude => (&text[..0], magnitude),
    };
    match magnitude {
        // No exponent yet: 0.0000123 is 1.23e-05.
        [b'0', b'.', b'0', b'0', b'0', b'0', first, others @ ..] => {
            buffer.extend_from_slice(sign);
            buffer.push(*first);
            if !others.is_empty() {
                buffer.push(b'.');
                buffer.extend_from_slice(others);
            }
            buffer.extend_from_slice(b"e-05");
        }
        // An exponent of one digit, which only a negative one has: 1.23e-6 is 1.23e-06.
        [mantissa @ .., b'e', b'-', exponent] => {
            buffer.extend_from_slice(sign);
            buffer.extend_from_slice(mantissa);
            buffer.extend_from_slice(&[b'e', b'-', b'0', *exponent]);
        }
        _ => buffer.extend_from_slice(text),
    }
}
