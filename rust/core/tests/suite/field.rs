//! `EventName`, `EventId`, `Retry`, `FieldError`

use std::error::Error;

use eventwire_core::{EventId, EventName, FieldError, Retry};
use proptest::prelude::*;

use crate::strategy;

#[test]
fn an_event_name_is_a_single_line() {
    for name in ["a\nb", "a\rb", "\n", "a\r\n", "\0\n"] {
        assert_eq!(EventName::new(name), Err(FieldError::EventLineBreak));
    }
    for name in ["", "a", "a\0b", " a ", "a:b", "\u{85}\u{2028}\u{2029}\u{b}"] {
        assert_eq!(EventName::new(name).unwrap().as_str(), name);
    }
}

#[test]
fn an_event_id_is_a_single_line_without_null() {
    for id in ["a\nb", "a\rb", "\n", "a\r\n"] {
        assert_eq!(EventId::new(id), Err(FieldError::IdLineBreak));
    }
    for id in ["\0", "a\0b"] {
        assert_eq!(EventId::new(id), Err(FieldError::IdNull));
    }
    for id in ["", "a", " a ", "a:b", "\u{85}\u{2028}\u{2029}\u{b}"] {
        assert_eq!(EventId::new(id).unwrap().as_str(), id);
    }
}

#[test]
fn an_id_with_null_and_line_break_is_refused_for_the_null() {
    for id in ["\0\n", "\n\0", "a\r\nb\0"] {
        assert_eq!(EventId::new(id), Err(FieldError::IdNull));
    }
}

#[test]
fn retry_is_one_or_more_ascii_digits() {
    for digits in [
        "", "-1", "+1", " 1", "1 ", "1.0", "1_0", "0x1", "1\n", "\u{661}", "\u{b2}", "\u{ff11}",
    ] {
        let refused = Retry::from_digits(digits).err() == Some(FieldError::RetryNotDigits);
        assert!(refused, "{digits:?} was accepted");
    }
    for digits in ["0", "5", "007", "18446744073709551616", &"9".repeat(400)] {
        assert_eq!(
            Retry::from_digits(digits).unwrap().as_bytes(),
            digits.as_bytes()
        );
    }
}

#[test]
fn errors_say_what_fastapi_says() {
    let said = [
        FieldError::EventLineBreak,
        FieldError::IdLineBreak,
        FieldError::IdNull,
        FieldError::RetryNotDigits,
    ]
    .map(|error| Box::<dyn Error>::from(error).to_string());
    let expected = [
        "SSE 'event' must be a single line",
        "SSE 'id' must be a single line",
        "SSE 'id' must not contain null characters",
        "SSE 'retry' must be a non-negative integer",
    ];
    assert_eq!(said, expected);
}

proptest! {
    #[test]
    fn constructors_accept_exactly_what_is_legal(text in strategy::text()) {
        let single_line = !text.contains(['\r', '\n']);
        prop_assert_eq!(EventName::new(&text).is_ok(), single_line);
        prop_assert_eq!(EventId::new(&text).is_ok(), single_line && !text.contains('\0'));
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        prop_assert_eq!(Retry::from_digits(&text).is_ok(), digits);
    }

    #[test]
    fn millis_are_written_in_decimal(millis in prop_oneof![any::<u64>(), 0..1000_u64, Just(u64::MAX)]) {
        let retry = Retry::from_millis(millis);
        let expected = millis.to_string();
        prop_assert_eq!(retry.as_bytes(), expected.as_bytes());
    }
}
