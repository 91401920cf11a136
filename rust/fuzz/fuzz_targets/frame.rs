//! Invariant: a field is refused exactly when it would break out of its line or be ignored by a
//! receiver; a frame of accepted fields is the bytes of the naive twin, decodes to exactly these
//! fields, and neither reaches into the frame before it nor into the one after. A frame that is not
//! ended leaves no trace.

#![no_main]

use arbitrary::Arbitrary;
use eventwire_core::{Decoder, Event, EventId, EventName, FieldError, Frame, Retry};
use libfuzzer_sys::fuzz_target;

#[path = "../../core/tests/suite/twin.rs"]
#[expect(dead_code, reason = "the decoder has a target of its own")]
mod twin;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    comment: Option<&'a str>,
    event: Option<&'a str>,
    data: Option<&'a str>,
    id: Option<&'a str>,
    retry: Option<RetryInput<'a>>,
}

#[derive(Arbitrary, Debug)]
enum RetryInput<'a> {
    Millis(u64),
    Digits(&'a str),
}

/// Writes `input`, or says which fields are refused. The frame is ended or dropped.
fn write(buffer: &mut Vec<u8>, input: &Input<'_>, end: bool) -> Result<(), FieldError> {
    let event = input.event.map(EventName::new).transpose()?;
    let id = input.id.map(EventId::new).transpose()?;
    let retry = match input.retry {
        Some(RetryInput::Millis(millis)) => Some(Retry::from_millis(millis)),
        Some(RetryInput::Digits(digits)) => Some(Retry::from_digits(digits)?),
        None => None,
    };
    let mut frame = Frame::begin(buffer);
    if let Some(comment) = input.comment {
        frame.comment(comment);
    }
    if let Some(event) = event {
        frame.event(event);
    }
    if let Some(data) = input.data {
        frame.data(data);
    }
    if let Some(id) = id {
        frame.id(id);
    }
    if let Some(retry) = retry {
        frame.retry(retry);
    }
    if end {
        frame.end();
    }
    Ok(())
}

/// The error of the first field that the standard does not allow, by its words.
fn refused(input: &Input<'_>) -> Option<FieldError> {
    let breaks = |text: &str| text.contains('\r') || text.contains('\n');
    if input.event.is_some_and(breaks) {
        return Some(FieldError::EventLineBreak);
    }
    if input.id.is_some_and(|id| id.contains('\0')) {
        return Some(FieldError::IdNull);
    }
    if input.id.is_some_and(breaks) {
        return Some(FieldError::IdLineBreak);
    }
    match input.retry {
        Some(RetryInput::Digits(digits))
            if digits.is_empty() || digits.chars().any(|digit| !digit.is_ascii_digit()) =>
        {
            Some(FieldError::RetryNotDigits)
        }
        _ => None,
    }
}

fn message(data: &str, last_event_id: &str) -> Event {
    Event {
        event: "message".to_owned(),
        data: data.to_owned(),
        last_event_id: last_event_id.to_owned(),
    }
}

fuzz_target!(|input: Input<'_>| {
    let mut buffer = b"data: before\n\n".to_vec();
    let written = write(&mut buffer, &input, true);
    assert_eq!(written.err(), refused(&input));
    if written.is_err() {
        assert_eq!(buffer, b"data: before\n\n");
        return;
    }

    let retry = input.retry.as_ref().map(|retry| match retry {
        RetryInput::Millis(millis) => millis.to_string(),
        RetryInput::Digits(digits) => (*digits).to_owned(),
    });
    let twin = twin::frame(&twin::Fields {
        comment: input.comment.map(str::to_owned),
        event: input.event.map(str::to_owned),
        data: input.data.map(str::to_owned),
        id: input.id.map(str::to_owned),
        retry: retry.clone(),
    });
    assert_eq!(buffer, format!("data: before\n\n{twin}").into_bytes());

    write(&mut buffer, &input, false).unwrap();
    buffer.extend_from_slice(b"data: after\n\n");

    let id = input.id.unwrap_or_default();
    let mut expected = vec![message("before", "")];
    if let Some(data) = input.data {
        let mut event = message(&twin::lines(data).join("\n"), id);
        if let Some(name) = input.event.filter(|name| !name.is_empty()) {
            name.clone_into(&mut event.event);
        }
        expected.push(event);
    }
    expected.push(message("after", id));
    let mut decoder = Decoder::new();
    assert_eq!(decoder.feed(&buffer), expected);
    assert_eq!(decoder.last_event_id(), id);
    // Digits that do not fit are as long as can be: all digits, so nothing else can fail.
    let retry = retry.map(|digits| digits.parse().unwrap_or(u64::MAX));
    assert_eq!(decoder.retry(), retry);
});
