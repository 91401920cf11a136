//! Invariant: for every stream of bytes, valid UTF-8 or not, the decoder comes to the events, the
//! last event id and the reconnection time that the twin, the HTML Standard to the letter, comes
//! to, wherever the stream is cut into chunks.

#![no_main]

use arbitrary::Arbitrary;
use eventwire_core::{Decoder, Event};
use libfuzzer_sys::fuzz_target;

#[path = "../../core/tests/suite/twin.rs"]
#[expect(dead_code, reason = "frames have a target of their own")]
mod twin;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// The length of each chunk; what is left over is the last.
    lengths: Vec<u8>,
    stream: &'a [u8],
}

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> twin::Outcome {
    let mut decoder = Decoder::new();
    let mut events: Vec<Event> = Vec::new();
    for chunk in chunks {
        events.extend(decoder.feed(chunk));
    }
    twin::Outcome {
        events,
        retry: decoder.retry(),
        last_event_id: decoder.last_event_id().to_owned(),
    }
}

fuzz_target!(|input: Input<'_>| {
    let expected = twin::decode(input.stream);
    assert_eq!(decode([input.stream]), expected, "whole");
    assert_eq!(decode(input.stream.chunks(1)), expected, "byte by byte");

    let mut rest = input.stream;
    let mut chunks = Vec::new();
    for length in input.lengths {
        let (chunk, after) = rest.split_at(usize::from(length).min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks.push(rest);
    assert_eq!(decode(chunks), expected, "in chunks");
});
