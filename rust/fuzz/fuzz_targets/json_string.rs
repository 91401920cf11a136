//! Invariant: for every text and each of the three dialects, `json::string` writes the bytes of the
//! naive twin, `serde_json` reads the text back from them, and the compact dialect is also
//! `serde_json`'s own output. The line-safe one never has U+0085, U+2028 or U+2029, the ASCII one
//! nothing but printable ASCII. What stood in the buffer stays. As the data line of a frame, which
//! nobody searches for line ends, it is one event with exactly these bytes.

#![no_main]

use eventwire_core::json::{self, Escape};
use eventwire_core::{Decoder, Frame};
use libfuzzer_sys::fuzz_target;

#[path = "../../core/tests/suite/json/twin.rs"]
#[expect(dead_code, reason = "floats have a target of their own")]
mod twin;

fuzz_target!(|text: &str| {
    for escape in [Escape::Utf8, Escape::Utf8LineSafe, Escape::Ascii] {
        let mut buffer = b"before".to_vec();
        json::string(&mut buffer, text, escape);
        let written = std::str::from_utf8(&buffer).unwrap();
        let written = written.strip_prefix("before").unwrap();

        assert_eq!(written, twin::string(text, escape));
        assert_eq!(serde_json::from_str::<String>(written).unwrap(), text);
        match escape {
            Escape::Utf8 => assert_eq!(written, serde_json::to_string(text).unwrap()),
            Escape::Utf8LineSafe => {
                assert!(!written.contains(['\u{85}', '\u{2028}', '\u{2029}']));
            }
            Escape::Ascii => assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte))),
        }

        let mut stream = Vec::new();
        let mut frame = Frame::begin(&mut stream);
        frame.data_line(|buffer| json::string(buffer, text, escape));
        frame.end();
        let events = Decoder::new().feed(&stream);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].data, written);

        let mut body = Vec::new();
        json::string_body(&mut body, text, escape);
        assert_eq!(body, &written.as_bytes()[1..written.len() - 1]);
    }
});
