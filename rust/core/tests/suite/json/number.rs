//! `integer`, `unsigned`, `float`

use eventwire_core::json::{self, FloatFormat};
use proptest::prelude::*;

use super::twin;

pub(crate) const FORMATS: [FloatFormat; 2] = [FloatFormat::Pydantic, FloatFormat::Python];

pub(crate) fn written(value: f64, format: FloatFormat) -> String {
    let mut buffer = b"before".to_vec();
    json::float(&mut buffer, value, format);
    let written = String::from_utf8(buffer).expect("UTF-8");
    written.strip_prefix("before").unwrap().to_owned()
}

/// Every promise that holds for any finite float.
fn check(value: f64) -> Result<(), TestCaseError> {
    for format in FORMATS {
        let written = written(value, format);
        prop_assert_eq!(&written, &twin::float(value, format));
        let read: f64 = written.parse().unwrap();
        prop_assert_eq!(read.to_bits(), value.to_bits());
        // JSON: no leading point, no bare integer that a reader would take for an `int`.
        prop_assert!(written.contains(['.', 'e']));
        prop_assert!(serde_json::from_str::<f64>(&written).is_ok());
    }
    Ok(())
}

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        // Any bits, so that every exponent is as likely as any other.
        any::<u64>().prop_map(f64::from_bits),
        // Where layouts change.
        (-1e-3..1e-3_f64),
        (-25..25_i32, -1e3..1e3_f64).prop_map(|(exponent, value)| value * 10_f64.powi(exponent)),
        (-9..20_i32, 0..1000_u16)
            .prop_map(|(exponent, value)| { format!("{value}e{exponent}").parse().unwrap() }),
        any::<i64>().prop_map(|value| format!("{value}").parse().unwrap()),
    ]
    .prop_filter("finite", |value| value.is_finite())
}

#[test]
fn every_power_of_two_and_of_ten_and_their_neighbours_equal_the_twins() {
    let twos = (0..2047).map(|exponent| f64::from_bits(exponent << 52));
    let subnormals = (0..52).map(|shift| f64::from_bits(1 << shift));
    let tens = (-323..309).map(|exponent| format!("1e{exponent}").parse().unwrap());
    for value in twos.chain(subnormals).chain(tens) {
        for near in [value.next_down(), value, value.next_up(), -value] {
            check(near).unwrap();
        }
    }
}

#[test]
fn integers_are_written_as_the_standard_library_writes_them() {
    let edges = (0..64).flat_map(|shift| [1_u64 << shift, (1 << shift) - 1, u64::MAX >> shift]);
    for value in edges {
        let signed = value.cast_signed();
        let mut buffer = Vec::new();
        json::unsigned(&mut buffer, value);
        json::integer(&mut buffer, signed);
        json::integer(&mut buffer, signed.wrapping_neg());
        let expected = format!("{value}{signed}{}", signed.wrapping_neg());
        assert_eq!(buffer, expected.as_bytes());
    }
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "the caller handles NaN")]
fn a_float_that_is_not_finite_is_the_callers_mistake() {
    written(f64::NAN, FloatFormat::Python);
}

proptest! {
    #[test]
    fn any_finite_float_reads_back_to_the_same_bits_and_equals_the_twins(value in finite()) {
        check(value)?;
    }

    #[test]
    fn any_integer_is_written_as_the_standard_library_writes_it(
        signed in any::<i64>(),
        unsigned in any::<u64>(),
    ) {
        let mut buffer = Vec::new();
        json::integer(&mut buffer, signed);
        buffer.push(b' ');
        json::unsigned(&mut buffer, unsigned);
        prop_assert_eq!(buffer, format!("{signed} {unsigned}").into_bytes());
    }
}
