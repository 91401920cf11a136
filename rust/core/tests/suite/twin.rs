//! The slow and literal versions of what the crate does fast. They share no code with it and no
//! idea: text is decoded before it is cut, lines are made by replacement, frames by `format!`.

use std::fmt::Write as _;

use eventwire_core::Event;

/// [`eventwire_core::lines`], by replacement.
pub(crate) fn lines(text: &str) -> Vec<String> {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .split('\n')
        .map(str::to_owned)
        .collect()
}

/// What a frame may hold; `retry` are digits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    pub(crate) comment: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<String>,
}

/// [`eventwire_core::Frame`], by formatting, in the order comment, event, data, id, retry.
pub(crate) fn frame(fields: &Fields) -> String {
    let mut frame = String::new();
    for line in fields.comment.iter().flat_map(|comment| lines(comment)) {
        writeln!(frame, ": {line}").unwrap();
    }
    if let Some(event) = &fields.event {
        writeln!(frame, "event: {event}").unwrap();
    }
    for line in fields.data.iter().flat_map(|data| lines(data)) {
        writeln!(frame, "data: {line}").unwrap();
    }
    if let Some(id) = &fields.id {
        writeln!(frame, "id: {id}").unwrap();
    }
    if let Some(retry) = &fields.retry {
        writeln!(frame, "retry: {retry}").unwrap();
    }
    frame + "\n"
}

/// What a stream comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Event>,
    pub(crate) retry: Option<u64>,
    pub(crate) last_event_id: String,
}

/// [`eventwire_core::Decoder`], by the letter of the HTML Standard, 9.2.5 and 9.2.6.
pub(crate) fn decode(stream: &[u8]) -> Outcome {
    // "Streams must be decoded using the UTF-8 decode algorithm", which strips one leading mark.
    let text = utf8_decode(stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream));
    let mut lines = lines(&text);
    // What follows the last line end is no line yet: "any pending data must be discarded".
    lines.pop();

    let mut outcome = Outcome::default();
    let (mut data, mut event_type, mut id) = (String::new(), String::new(), String::new());
    for line in lines {
        if line.is_empty() {
            outcome.last_event_id.clone_from(&id);
            if !data.is_empty() {
                assert!(data.ends_with('\n'), "every value is followed by an LF");
                data.truncate(data.len() - 1);
                outcome.events.push(Event {
                    event: if event_type.is_empty() {
                        "message".to_owned()
                    } else {
                        event_type
                    },
                    data,
                    last_event_id: outcome.last_event_id.clone(),
                });
            }
            data = String::new();
            event_type = String::new();
        } else if line.starts_with(':') {
            // Ignore the line.
        } else {
            let (field, value) = match line.split_once(':') {
                Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
                None => (line.as_str(), ""),
            };
            if field == "event" {
                event_type = String::from(value);
            } else if field == "data" {
                data = data + value + "\n";
            } else if field == "id" && !value.contains('\0') {
                id = String::from(value);
            } else if field == "retry" && is_digits(value) {
                // Ours to decide: what does not fit is as long as can be.
                outcome.retry = Some(value.parse().unwrap_or(u64::MAX));
            }
        }
    }
    outcome
}

fn is_digits(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|digit| digit.is_ascii_digit())
}

/// The UTF-8 decoder of the Encoding Standard, 8.1.1, step by step, with replacement.
pub(crate) fn utf8_decode(bytes: &[u8]) -> String {
    let mut output = String::new();
    let (mut code_point, mut seen, mut needed) = (0_u32, 0, 0);
    let (mut lower, mut upper) = (0x80, 0xBF);
    let mut at = 0;
    loop {
        let Some(&byte) = bytes.get(at) else {
            if needed != 0 {
                output.push('\u{fffd}');
            }
            return output;
        };
        at += 1;
        if needed == 0 {
            match byte {
                0x00..=0x7F => output.push(char::from(byte)),
                0xC2..=0xDF => {
                    needed = 1;
                    code_point = u32::from(byte & 0x1F);
                }
                0xE0..=0xEF => {
                    if byte == 0xE0 {
                        lower = 0xA0;
                    }
                    if byte == 0xED {
                        upper = 0x9F;
                    }
                    needed = 2;
                    code_point = u32::from(byte & 0xF);
                }
                0xF0..=0xF4 => {
                    if byte == 0xF0 {
                        lower = 0x90;
                    }
                    if byte == 0xF4 {
                        upper = 0x8F;
                    }
                    needed = 3;
                    code_point = u32::from(byte & 0x7);
                }
                _ => output.push('\u{fffd}'),
            }
            continue;
        }
        let in_range = (lower..=upper).contains(&byte);
        (lower, upper) = (0x80, 0xBF);
        if !in_range {
            // "Restore byte to ioQueue": it is read again, as a first byte.
            (code_point, seen, needed) = (0, 0, 0);
            at -= 1;
            output.push('\u{fffd}');
            continue;
        }
        code_point = (code_point << 6) | u32::from(byte & 0x3F);
        seen += 1;
        if seen == needed {
            output.push(char::from_u32(code_point).expect("the ranges leave only scalar values"));
            (code_point, seen, needed) = (0, 0, 0);
        }
    }
}
