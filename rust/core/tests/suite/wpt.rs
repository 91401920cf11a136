//! The cases of the Web Platform Tests, directory `eventsource`, that are about the format. Names
//! are the files'; streams are what the server sends to them, its final line ends included, and
//! outcomes what the test asserts, plus what follows from the standard where a case only looks at
//! one event. Not here: `format-mime-*` (the response's content type, not its body) and whatever
//! needs a connection.

use eventwire_core::Event;

use crate::parse::decode;
use crate::twin;

/// A stream and its events: type, data, last event id.
struct Case {
    name: &'static str,
    stream: &'static [u8],
    events: &'static [(&'static str, &'static str, &'static str)],
    retry: Option<u64>,
}

/// A case that sets no reconnection time.
const fn case(
    name: &'static str,
    stream: &'static [u8],
    events: &'static [(&'static str, &'static str, &'static str)],
) -> Case {
    Case {
        name,
        stream,
        events,
        retry: None,
    }
}

/// A case that is about the reconnection time.
const fn timed(
    name: &'static str,
    stream: &'static [u8],
    events: &'static [(&'static str, &'static str, &'static str)],
    retry: u64,
) -> Case {
    Case {
        name,
        stream,
        events,
        retry: Some(retry),
    }
}

const CASES: &[Case] = &[
    case(
        "format-bom",
        b"\xEF\xBB\xBFdata:1\n\n\xEF\xBB\xBFdata:2\n\ndata:3\n\n\n",
        &[("message", "1", ""), ("message", "3", "")],
    ),
    case(
        "format-bom-2",
        b"\xEF\xBB\xBF\xEF\xBB\xBFdata:1\n\ndata:2\n\ndata:3\n\n\n",
        &[("message", "2", ""), ("message", "3", "")],
    ),
    case(
        // Its two comments are 2 kB of `x`; `comments_of_any_length_vanish` has long ones.
        "format-comments",
        b"data:1\r:\0\n:\r\ndata:2\n:xxxx\rdata:3\n:data:fail\r:xxxx\ndata:4\n\n",
        &[("message", "1\n2\n3\n4", "")],
    ),
    timed(
        "format-data-before-final-empty-line",
        b"retry:1000\ndata:test1\n\nid:test\ndata:test2\n",
        &[("message", "test1", "")],
        1000,
    ),
    case(
        "format-field-data",
        b"data:\n\ndata\ndata\n\ndata:test\n\n\n",
        &[
            ("message", "", ""),
            ("message", "\n", ""),
            ("message", "test", ""),
        ],
    ),
    case(
        "format-field-event",
        b"event:test\ndata:x\n\ndata:x\n\n\n",
        &[("test", "x", ""), ("message", "x", "")],
    ),
    case(
        "format-field-event-empty",
        b"event: \ndata:data\n\n\n",
        &[("message", "data", "")],
    ),
    timed(
        // Both go on to reconnect, which is the client's part; the id is what it then sends.
        "format-field-id, format-field-id-2",
        b"id: \xE2\x80\xA6\nretry: 200\ndata: hello\n\n",
        &[("message", "hello", "…")],
        200,
    ),
    case(
        "format-field-id-3 (persists)",
        b"id: 1\ndata: 1\n\ndata:2\n\n",
        &[("message", "1", "1"), ("message", "2", "1")],
    ),
    case(
        "format-field-id-3 (changes and persists)",
        b"id: 1\ndata: 1\n\nid: 2\ndata:2\n\ndata:3\n\n",
        &[
            ("message", "1", "1"),
            ("message", "2", "2"),
            ("message", "3", "2"),
        ],
    ),
    case(
        "format-field-id-3 (resets)",
        b"id: 1\ndata: 1\n\nid:\ndata:2\n\ndata:3\n\n",
        &[
            ("message", "1", "1"),
            ("message", "2", ""),
            ("message", "3", ""),
        ],
    ),
    timed(
        "format-field-id-null",
        b"id: \0\0\nretry: 200\ndata: hello\n\n",
        &[("message", "hello", "")],
        200,
    ),
    case(
        "format-field-parsing",
        b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n \
          data:32\ndata:4\n\n",
        &[("message", "\0\n 2\n1\n3\n\n4", "")],
    ),
    timed(
        "format-field-retry",
        b"retry:03000\ndata:x\n\n\n",
        &[("message", "x", "")],
        3000,
    ),
    timed(
        "format-field-retry-bogus",
        b"retry:3000\nretry:1000x\ndata:x\n\n\n",
        &[("message", "x", "")],
        3000,
    ),
    case(
        "format-field-retry-empty",
        b"retry\ndata:test\n\n\n",
        &[("message", "test", "")],
    ),
    case(
        "format-field-unknown",
        b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n\n",
        &[("message", "test\n\ntest", "")],
    ),
    case(
        "format-leading-space",
        b"data:\ttest\rdata: \ndata:test\n\n\n",
        &[("message", "\ttest\n\ntest", "")],
    ),
    case(
        "format-newlines",
        b"data:test\r\ndata\ndata:test\r\n\r\n",
        &[("message", "test\n\ntest", "")],
    ),
    case(
        "format-null-character",
        b"data:\0\n\n\n\n\n",
        &[("message", "\0", "")],
    ),
    case(
        "format-utf-8",
        b"data:ok\xE2\x80\xA6\n\n\n",
        &[("message", "ok…", "")],
    ),
];

#[test]
fn every_case_has_the_outcome_that_browsers_must_have() {
    for Case {
        name,
        stream,
        events,
        retry,
    } in CASES
    {
        let expected: Vec<Event> = events
            .iter()
            .map(|(event, data, id)| Event {
                event: (*event).to_owned(),
                data: (*data).to_owned(),
                last_event_id: (*id).to_owned(),
            })
            .collect();
        let outcome = decode([*stream]);
        assert_eq!(outcome.events, expected, "{name}");
        assert_eq!(outcome.retry, *retry, "{name}");
        assert_eq!(outcome, twin::decode(stream), "{name}, twin");
        assert_eq!(outcome, decode(stream.chunks(1)), "{name}, byte by byte");
    }
}

#[test]
fn comments_of_any_length_vanish() {
    let long = "x".repeat(2048);
    let stream = format!("data:2\n:{long}\rdata:3\n:data:fail\r:{long}\ndata:4\n\n");
    let outcome = decode(stream.as_bytes().chunks(100));
    assert_eq!(outcome.events.len(), 1);
    assert_eq!(outcome.events[0].data, "2\n3\n4");
}
