//! `Decoder`: the standard's examples, what the standard leaves to us, and every way to cut a
//! stream. The Web Platform Tests' cases are in `wpt.rs`.

use eventwire_core::{Decoder, Event};
use proptest::prelude::*;

use crate::strategy;
use crate::twin::{self, Outcome};

/// Feeds the chunks to one decoder.
pub(crate) fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = Decoder::new();
    let events = chunks
        .into_iter()
        .flat_map(|chunk| decoder.feed(chunk))
        .collect();
    Outcome {
        events,
        retry: decoder.retry(),
        last_event_id: decoder.last_event_id().to_owned(),
    }
}

/// Type, data and last event id of each event.
fn events(stream: &str) -> Vec<(String, String, String)> {
    decode([stream.as_bytes()])
        .events
        .into_iter()
        .map(|event| (event.event, event.data, event.last_event_id))
        .collect()
}

fn event(event: &str, data: &str, id: &str) -> (String, String, String) {
    (event.to_owned(), data.to_owned(), id.to_owned())
}

fn message(data: &str) -> (String, String, String) {
    event("message", data, "")
}

#[test]
fn introduction_example_1_messages() {
    let stream = "data: This is the first message.\n\n\
                  data: This is the second message, it\ndata: has two lines.\n\n\
                  data: This is the third message.\n\n";
    let expected = [
        message("This is the first message."),
        message("This is the second message, it\nhas two lines."),
        message("This is the third message."),
    ];
    assert_eq!(events(stream), expected);
}

#[test]
fn introduction_example_2_event_types() {
    let stream = "event: add\ndata: 73857293\n\n\
                  event: remove\ndata: 2153\n\n\
                  event: add\ndata: 113411\n\n";
    let expected = [
        event("add", "73857293", ""),
        event("remove", "2153", ""),
        event("add", "113411", ""),
    ];
    assert_eq!(events(stream), expected);
}

#[test]
fn interpreting_example_1_three_data_lines_are_one_message() {
    assert_eq!(
        events("data: YHOO\ndata: +2\ndata: 10\n\n"),
        [message("YHOO\n+2\n10")]
    );
}

#[test]
fn interpreting_example_2_four_blocks() {
    let stream = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n\
                  data:  third event\n";
    let first_two = [
        event("message", "first event", "1"),
        // `id` without a colon sets the id to the empty string.
        event("message", "second event", ""),
    ];
    // The end of the stream does not dispatch the last block, only a blank line does.
    assert_eq!(events(stream), first_two);
    assert_eq!(
        events(&format!("{stream}\n"))[2..],
        [message(" third event")]
    );
}

#[test]
fn interpreting_example_3_two_events_and_a_discarded_block() {
    let stream = "data\n\ndata\ndata\n\ndata:";
    assert_eq!(events(stream), [message(""), message("\n")]);
}

#[test]
fn interpreting_example_4_the_space_after_the_colon_is_optional() {
    let stream = "data:test\n\ndata: test\n\n";
    assert_eq!(events(stream), [message("test"), message("test")]);
}

#[test]
fn an_event_without_data_is_not_dispatched_but_sets_the_id_and_forgets_the_type() {
    let stream = "event: lost\nid: 1\n\ndata: x\n\n";
    assert_eq!(events(stream), [event("message", "x", "1")]);
}

#[test]
fn an_id_counts_only_once_its_event_has_ended() {
    let mut decoder = Decoder::new();
    assert!(decoder.feed(b"id: 1\n").is_empty());
    assert_eq!(decoder.last_event_id(), "");
    assert!(decoder.feed(b"\n").is_empty());
    assert_eq!(decoder.last_event_id(), "1");
}

#[test]
fn a_later_event_keeps_the_id_of_an_earlier_one() {
    let stream = "id: 1\ndata: a\n\ndata: b\n\nid:\ndata: c\n\n";
    let expected = [
        event("message", "a", "1"),
        event("message", "b", "1"),
        event("message", "c", ""),
    ];
    assert_eq!(events(stream), expected);
}

#[test]
fn retry_counts_at_once_and_saturates() {
    let retry = |stream: &str| decode([stream.as_bytes()]).retry;
    assert_eq!(retry("data: x\n\n"), None);
    assert_eq!(retry("retry: 10\n"), Some(10));
    assert_eq!(retry("retry: 10"), None);
    assert_eq!(retry("retry: 0\n"), Some(0));
    assert_eq!(retry(&format!("retry: {:0>40}\n", 7)), Some(7));
    assert_eq!(retry("retry: 18446744073709551615\n"), Some(u64::MAX));
    assert_eq!(retry("retry: 18446744073709551616\n"), Some(u64::MAX));
    assert_eq!(retry("retry: 99999999999999999999x\n"), None);
    for ignored in ["+1", "-1", "1.5", " 1", "1 ", "", "x", "\u{661}", "\0"] {
        let stream = format!("retry: 10\nretry: {ignored}\n");
        assert_eq!(retry(&stream), Some(10), "{ignored:?}");
    }
}

#[test]
fn a_lone_cr_dispatches_without_waiting_for_the_next_byte() {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.feed(b"data: a\r\r").len(), 1);
    // The LF belongs to the CR before it: no second blank line, no line at all.
    assert!(decoder.feed(b"").is_empty());
    assert!(decoder.feed(b"\ndata: b").is_empty());
    let events = decoder.feed(b"\r\n\r");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].data, "b");
}

#[test]
fn a_decoder_gives_the_same_after_any_cut_in_two_and_byte_by_byte() {
    let stream = "\u{feff}id: 1\r\n: …\r\nevent: naïve\rdata: 😀\r\ndata:\u{feff}x\n\r\n\
                  retry: 5\r\rdata\r\n\r\n";
    let stream = stream.as_bytes();
    let whole = decode([stream]);
    let expected = [("naïve", "😀\n\u{feff}x"), ("message", "")].map(|(event, data)| Event {
        event: event.to_owned(),
        data: data.to_owned(),
        last_event_id: "1".to_owned(),
    });
    assert_eq!(whole.events, expected);
    assert_eq!(whole.retry, Some(5));
    for at in 0..=stream.len() {
        let (head, tail) = stream.split_at(at);
        assert_eq!(decode([head, tail]), whole, "cut at {at}");
    }
    assert_eq!(decode(stream.chunks(1)), whole);
}

#[test]
fn the_twins_utf8_decoder_agrees_with_the_standard_library() {
    // Every sequence of up to two bytes, and each with the start of a valid tail.
    for first in 0..=u8::MAX {
        for second in 0..=u8::MAX {
            for bytes in [&[first, second][..], &[first, second, 0x80, 0x80, b'a']] {
                assert_eq!(twin::utf8_decode(bytes), String::from_utf8_lossy(bytes));
            }
        }
    }
}

proptest! {
    #[test]
    fn a_stream_decodes_as_the_standard_says_to_the_letter(stream in strategy::soup()) {
        prop_assert_eq!(decode([&stream[..]]), twin::decode(&stream));
    }

    #[test]
    fn cuts_do_not_matter(stream in strategy::soup(), cuts in strategy::cuts()) {
        let whole = decode([&stream[..]]);
        prop_assert_eq!(decode(strategy::cut(&stream, &cuts)), whole);
    }

    #[test]
    fn bytes_one_by_one_are_the_stream(stream in strategy::soup()) {
        prop_assert_eq!(decode(stream.chunks(1)), decode([&stream[..]]));
    }
}
