//! Inputs that hit the edges often: uniformly random text hardly ever has a CR before an LF.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Pieces of text that mean something to the format, or look as if they did.
const PIECES: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\n\r",
    "\n\n",
    "\0",
    ":",
    " ",
    "data: x",
    "\ndata: y\n\n",
    "event: z",
    "id: 7",
    "retry: 1",
    "message",
    "0",
    "42",
    "\u{feff}",
    // Line ends to Python's str.splitlines or to Unicode, not to an event stream.
    "\u{b}",
    "\u{c}",
    "\u{1c}",
    "\u{1d}",
    "\u{1e}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "…",
    "😀",
    "\u{fffd}",
];

/// Pieces of a stream that are not text: sequences cut short, overlong, out of range, surrogates.
const BROKEN: &[&[u8]] = &[
    b"\xEF\xBB\xBF",
    b"\xEF\xBB",
    b"\xBF",
    b"\x80",
    b"\xC0\x80",
    b"\xC3",
    b"\xE2\x80",
    b"\xE0\x80\x80",
    b"\xED\xA0\x80",
    b"\xF0\x9F\x98",
    b"\xF0\x8F",
    b"\xF4\x90\x80\x80",
    b"\xF5",
    b"\xFF",
];

/// Whole and nearly whole lines, so that soup makes events and not only noise.
const LINES: &[&[u8]] = &[
    b"data",
    b"data:",
    b"data: a\n",
    b"data:  b\r",
    b"data:c\r\n",
    b"data\n\n",
    b"event",
    b"event: e\n",
    b"event:\r",
    b"id",
    b"id: i\r\n",
    b"id:\n",
    b"id: \0\n",
    b"retry: 10\n",
    b"retry: +1\n",
    b"retry\r",
    b"retry: 99999999999999999999\n",
    b": comment\n",
    b":\r",
    b" data: d\n",
    b"Data: d\n",
    b"unknown: u\n",
];

/// Any text, heavy with line ends, NUL and whatever might be taken for one.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => select(PIECES).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        1 => "[ -~]{0,40}",
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Any text that an event name may be.
pub(crate) fn event_name() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.replace(['\r', '\n'], ""))
}

/// Any text that an event id may be.
pub(crate) fn event_id() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.replace(['\r', '\n', '\0'], ""))
}

/// Any stream: fields, comments, line ends, broken UTF-8.
pub(crate) fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => select(LINES).prop_map(<[u8]>::to_vec),
        4 => select(PIECES).prop_map(|text| text.as_bytes().to_vec()),
        3 => select(BROKEN).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Places to cut a stream at, for [`cut`].
pub(crate) fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..12)
}

/// Cuts a stream into chunks; some may be empty.
pub(crate) fn cut<'a>(stream: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts
        .iter()
        .map(|cut| cut.index(stream.len() + 1))
        .chain([stream.len()])
        .collect();
    ends.sort_unstable();
    let mut start = 0;
    ends.into_iter()
        .map(|end| {
            let chunk = &stream[start..end];
            start = end;
            chunk
        })
        .collect()
}
