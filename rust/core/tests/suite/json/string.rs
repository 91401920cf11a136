//! `string`, `string_body`

use eventwire_core::json::{self, Escape};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::twin;
use crate::strategy;

pub(crate) const ESCAPES: [Escape; 3] = [Escape::Utf8, Escape::Utf8LineSafe, Escape::Ascii];

pub(crate) fn written(text: &str, escape: Escape) -> String {
    // Not empty: what is there must stay.
    let mut buffer = b"before".to_vec();
    json::string(&mut buffer, text, escape);
    let written = String::from_utf8(buffer).expect("UTF-8");
    written.strip_prefix("before").unwrap().to_owned()
}

/// Every promise that holds for any text.
fn check(text: &str) -> Result<(), TestCaseError> {
    for escape in ESCAPES {
        let written = written(text, escape);
        prop_assert_eq!(&written, &twin::string(text, escape));
        let read: String = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(&read, text);

        let mut body = Vec::new();
        json::string_body(&mut body, text, escape);
        prop_assert_eq!(&body, &written.as_bytes()[1..written.len() - 1]);
    }
    let utf8 = written(text, Escape::Utf8);
    prop_assert_eq!(utf8, serde_json::to_string(text).unwrap());
    let safe = written(text, Escape::Utf8LineSafe);
    let line_ends = ['\u{85}', '\u{2028}', '\u{2029}'];
    prop_assert!(!safe.contains(line_ends));
    let ascii = written(text, Escape::Ascii);
    prop_assert!(ascii.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    Ok(())
}

/// Texts of all lengths around the sizes that are special to the implementation, dense with
/// escapes, sparse, and without.
fn text() -> impl Strategy<Value = String> {
    let plain = "[ !#-\\[\\]-~]{0,70}";
    let special = select(&[
        "\"", "\\", "\0", "\u{8}", "\t", "\n", "\u{b}", "\u{c}", "\r", "\u{1f}", "\u{7f}",
        "\u{80}", "\u{85}", "é", "\u{2027}", "\u{2028}", "\u{2029}", "…", "漢字", "\u{ffff}", "😀",
    ])
    .prop_map(str::to_owned);
    let any = any::<char>().prop_map(String::from);
    prop_oneof![
        plain.prop_map(String::from),
        vec(prop_oneof![3 => plain, 2 => special, 1 => any], 0..8).prop_map(|it| it.concat()),
        strategy::text(),
    ]
}

#[test]
fn every_character_is_escaped_as_the_twin_does() {
    for character in '\0'..=char::MAX {
        let text = String::from(character);
        for escape in ESCAPES {
            assert_eq!(
                written(&text, escape),
                twin::string(&text, escape),
                "{character:?}"
            );
        }
    }
}

#[test]
fn a_special_character_is_found_at_every_place_of_texts_of_every_length() {
    // Each with the neighbours that must not be taken for it.
    let characters = [
        '"', '#', '!', '\\', '[', ']', '\0', '\n', '\u{1f}', ' ', '~', '\u{7f}', '\u{80}',
        '\u{84}', '\u{85}', '\u{86}', 'é', '\u{2027}', '\u{2028}', '\u{2029}', '\u{202a}', '漢',
        '\u{e0a8}', '😀',
    ];
    for character in characters {
        for length in 1..80 {
            for place in 0..length {
                let (before, after) = ("x".repeat(place), "y".repeat(length - place - 1));
                let text = format!("{before}{character}{after}");
                for escape in ESCAPES {
                    assert_eq!(written(&text, escape), twin::string(&text, escape));
                }
            }
        }
    }
}

#[test]
fn a_special_byte_next_to_another_is_not_lost() {
    // Marks above the lowest one may be wrong; each byte must be judged for itself.
    let bytes: Vec<char> = ('\0'..='\u{80}').collect();
    for first in &bytes {
        for second in &bytes {
            let text = format!("ab{first}{second}c\u{85}");
            for escape in ESCAPES {
                assert_eq!(written(&text, escape), twin::string(&text, escape));
            }
        }
    }
}

#[test]
fn a_text_without_escapes_grows_the_buffer_at_most_once() {
    // One growth to what the writer asks for leaves exactly that capacity in an empty vector.
    for length in 0..100 {
        let mut buffer = Vec::new();
        json::string(&mut buffer, &"x".repeat(length), Escape::Utf8);
        assert_eq!(buffer.capacity(), length + "\"\"".len() + 8, "{length}");
    }
}

proptest! {
    #[test]
    fn any_text_reads_back_and_equals_the_twins(text in text()) {
        check(&text)?;
    }

    #[test]
    fn a_long_text_too(parts in vec(text(), 0..40)) {
        check(&parts.concat())?;
    }
}

#[test]
fn json_made_line_safe_is_what_the_line_safe_writer_writes() {
    for text in [
        "",
        "plain",
        "é\u{85}ö",
        "\u{2028}\u{2029}",
        "\u{80}\u{2027}\u{202a}\u{85}\"\\\n",
    ] {
        let mut safe = Vec::new();
        json::line_safe(&mut safe, &written(text, Escape::Utf8));
        let safe = String::from_utf8(safe).expect("UTF-8");
        assert_eq!(safe, written(text, Escape::Utf8LineSafe), "{text:?}");
    }
}

#[test]
fn appended_json_is_what_it_was() {
    for length in 0..100 {
        let piece: Vec<u8> = (0..length).collect();
        let mut buffer = b"before".to_vec();
        json::append(&mut buffer, &piece);
        assert_eq!(buffer, [b"before".as_slice(), &piece].concat());
    }
}
