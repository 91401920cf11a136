//! `lines`

use eventwire_core::lines;
use proptest::prelude::*;

use crate::{strategy, twin};

fn collected(text: &str) -> Vec<&str> {
    lines(text).collect()
}

#[test]
fn cr_lf_and_crlf_end_a_line() {
    assert_eq!(collected("a\rb\nc\r\nd"), ["a", "b", "c", "d"]);
}

#[test]
fn lf_before_cr_is_two_line_ends() {
    assert_eq!(collected("a\n\rb"), ["a", "", "b"]);
    assert_eq!(collected("a\r\r\n\nb"), ["a", "", "", "b"]);
}

#[test]
fn nothing_else_ends_a_line() {
    let text = "a\u{b}b\u{c}c\u{1c}d\u{1d}e\u{1e}f\u{85}g\u{2028}h\u{2029}i\0j";
    assert_eq!(collected(text), [text]);
}

#[test]
fn a_trailing_line_end_gives_an_empty_last_line() {
    for end in ["\r", "\n", "\r\n"] {
        assert_eq!(collected(&format!("a{end}")), ["a", ""]);
        assert_eq!(collected(end), ["", ""]);
    }
}

#[test]
fn the_empty_text_is_one_empty_line() {
    assert_eq!(collected(""), [""]);
}

#[test]
fn lines_stay_exhausted() {
    let mut lines = lines("a\n");
    assert_eq!(lines.by_ref().count(), 2);
    assert_eq!(lines.next(), None);
    assert_eq!(lines.size_hint(), (0, Some(0)));
}

proptest! {
    #[test]
    fn lines_equal_replace_and_split(text in strategy::text()) {
        prop_assert_eq!(collected(&text), twin::lines(&text));
    }

    #[test]
    fn size_hint_holds_at_every_step(text in strategy::text()) {
        let mut lines = lines(&text);
        loop {
            let (least, most) = lines.size_hint();
            let left = lines.clone().count();
            prop_assert!(least <= left && left <= most.unwrap());
            if lines.next().is_none() {
                break;
            }
        }
    }
}
