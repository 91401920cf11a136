//! `Frame`

use std::panic::{AssertUnwindSafe, catch_unwind};

use eventwire_core::{
    Cr, CrLf, Decoder, Event, EventId, EventName, Frame, KEEPALIVE, Lf, LineEnd, Retry,
};
use proptest::option;
use proptest::prelude::*;

use crate::strategy;
use crate::twin::{self, Fields};

/// Appends the frame of `fields` in the order of the twin.
fn write(buffer: &mut Vec<u8>, fields: &Fields) {
    write_with::<Lf>(buffer, fields);
}

fn write_with<E: LineEnd>(buffer: &mut Vec<u8>, fields: &Fields) {
    let mut frame = Frame::<E>::begin_with(buffer);
    if let Some(comment) = &fields.comment {
        frame.comment(comment);
    }
    if let Some(event) = &fields.event {
        frame.event(EventName::new(event).unwrap());
    }
    if let Some(data) = &fields.data {
        frame.data(data);
    }
    if let Some(id) = &fields.id {
        frame.id(EventId::new(id).unwrap());
    }
    if let Some(retry) = &fields.retry {
        frame.retry(Retry::from_digits(retry).unwrap());
    }
    frame.end();
}

fn written(fields: &Fields) -> String {
    let mut buffer = Vec::new();
    write(&mut buffer, fields);
    String::from_utf8(buffer).unwrap()
}

fn data(text: &str) -> Fields {
    Fields {
        data: Some(text.to_owned()),
        ..Fields::default()
    }
}

fn fields() -> impl Strategy<Value = Fields> {
    (
        option::of(strategy::text()),
        option::of(strategy::event_name()),
        option::of(strategy::text()),
        option::of(strategy::event_id()),
        option::of("[0-9]{1,30}"),
    )
        .prop_map(|(comment, event, data, id, retry)| Fields {
            comment,
            event,
            data,
            id,
            retry,
        })
}

#[test]
fn fields_are_name_colon_space_value_lf_in_the_order_of_the_calls() {
    let mut buffer = Vec::new();
    let mut frame = Frame::begin(&mut buffer);
    frame.retry(Retry::from_millis(1500));
    frame.id(EventId::new("7").unwrap());
    frame.data("d");
    frame.event(EventName::new("e").unwrap());
    frame.comment("c");
    frame.end();
    assert_eq!(buffer, b"retry: 1500\nid: 7\ndata: d\nevent: e\n: c\n\n");
}

#[test]
fn each_line_of_data_and_comment_gets_a_field_of_its_own() {
    let fields = Fields {
        comment: Some("a\rb".to_owned()),
        ..data("1\r\n2\n")
    };
    assert_eq!(written(&fields), ": a\n: b\ndata: 1\ndata: 2\ndata: \n\n");
}

#[test]
fn empty_values_are_written() {
    let empty = Some(String::new());
    let fields = Fields {
        comment: empty.clone(),
        event: empty.clone(),
        data: empty.clone(),
        id: empty,
        retry: None,
    };
    assert_eq!(written(&fields), ": \nevent: \ndata: \nid: \n\n");
}

#[test]
fn a_frame_without_fields_is_one_lf() {
    assert_eq!(written(&Fields::default()), "\n");
}

#[test]
fn a_dropped_frame_leaves_the_buffer_as_it_was() {
    let mut buffer = b"data: whole\n\n".to_vec();
    let mut frame = Frame::begin(&mut buffer);
    frame.event(EventName::new("cut").unwrap());
    frame.data("cut\ncut");
    drop(frame);
    assert_eq!(buffer, b"data: whole\n\n");
}

#[test]
fn a_panic_leaves_the_buffer_as_it_was() {
    let mut buffer = b"data: whole\n\n".to_vec();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut frame = Frame::begin(&mut buffer);
        frame.data("cut");
        // Not `panic!`, whose hook would print into the test's output.
        std::panic::resume_unwind(Box::new("encoding failed"));
    }));
    assert!(panicked.is_err());
    assert_eq!(buffer, b"data: whole\n\n");
}

#[test]
fn a_single_line_grows_the_buffer_at_most_once() {
    // One growth to what the frame needs leaves exactly that capacity in an empty vector.
    let text = "x".repeat(1000);
    let mut buffer = Vec::new();
    write(&mut buffer, &data(&text));
    assert_eq!(buffer.capacity(), "data: \n\n".len() + text.len());
    assert_eq!(buffer.capacity(), buffer.len());
}

#[test]
fn keepalive_is_a_whole_frame_and_no_event() {
    let ping = Fields {
        comment: Some("ping".to_owned()),
        ..Fields::default()
    };
    assert_eq!(written(&ping).as_bytes(), KEEPALIVE);
    assert!(Decoder::new().feed(KEEPALIVE).is_empty());
}

proptest! {
    #[test]
    fn the_other_line_ends_stand_where_lf_would(fields in fields()) {
        let (mut cr, mut crlf) = (Vec::new(), Vec::new());
        write_with::<Cr>(&mut cr, &fields);
        write_with::<CrLf>(&mut crlf, &fields);
        let lf = twin::frame(&fields);
        prop_assert_eq!(String::from_utf8(cr).unwrap(), lf.replace('\n', "\r"));
        prop_assert_eq!(String::from_utf8(crlf).unwrap(), lf.replace('\n', "\r\n"));
    }

    #[test]
    fn a_frame_equals_the_formatted_one(fields in fields()) {
        prop_assert_eq!(written(&fields), twin::frame(&fields));
    }

    #[test]
    fn a_frame_reads_back_as_its_fields_and_touches_no_other(fields in fields()) {
        let mut buffer = Vec::new();
        write(&mut buffer, &data("before"));
        write(&mut buffer, &fields);
        write(&mut buffer, &data("after"));

        let message = |text: &str, id: &str| Event {
            event: "message".to_owned(),
            data: text.to_owned(),
            last_event_id: id.to_owned(),
        };
        let id = fields.id.clone().unwrap_or_default();
        let mut expected = vec![message("before", "")];
        // No data, no event, whatever else the frame has.
        if let Some(data) = &fields.data {
            let name = fields.event.clone().unwrap_or_default();
            expected.push(Event {
                event: if name.is_empty() { "message".to_owned() } else { name },
                ..message(&twin::lines(data).join("\n"), &id)
            });
        }
        expected.push(message("after", &id));

        let mut decoder = Decoder::new();
        prop_assert_eq!(decoder.feed(&buffer), expected);
        prop_assert_eq!(decoder.last_event_id(), id);
        let retry = fields.retry.map(|digits| digits.parse().unwrap_or(u64::MAX));
        prop_assert_eq!(decoder.retry(), retry);
    }

    #[test]
    fn only_whole_frames_stay_in_the_buffer(
        frames in proptest::collection::vec((fields(), any::<bool>()), 0..6),
    ) {
        let mut buffer = Vec::new();
        let mut expected = String::new();
        for (fields, ended) in &frames {
            if *ended {
                write(&mut buffer, fields);
                expected += &twin::frame(fields);
            } else {
                let mut frame = Frame::begin(&mut buffer);
                frame.data(fields.data.as_deref().unwrap_or("x"));
                frame.comment(fields.comment.as_deref().unwrap_or("y"));
            }
        }
        prop_assert_eq!(String::from_utf8(buffer).unwrap(), expected);
    }
}
