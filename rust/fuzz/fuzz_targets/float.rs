//! Invariant: for every finite float and both formats, `json::float` writes the bytes of the naive
//! twin, and they read back to the same bits. Floats that are not finite are skipped: they break
//! the function's precondition.

#![no_main]

use eventwire_core::json::{self, FloatFormat};
use libfuzzer_sys::fuzz_target;

#[path = "../../core/tests/suite/json/twin.rs"]
#[expect(dead_code, reason = "strings have a target of their own")]
mod twin;

fuzz_target!(|values: Vec<f64>| {
    for value in values.into_iter().filter(|value| value.is_finite()) {
        for format in [FloatFormat::Pydantic, FloatFormat::Python] {
            let mut buffer = Vec::new();
            json::float(&mut buffer, value, format);
            let written = String::from_utf8(buffer).unwrap();
            assert_eq!(written, twin::float(value, format));
            let read: f64 = written.parse().unwrap();
            assert_eq!(read.to_bits(), value.to_bits(), "{written}");
        }
    }
});
