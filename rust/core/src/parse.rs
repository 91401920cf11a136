//! The decoder of the HTML Standard: "parsing an event stream" (9.2.5) and "interpreting an event
//! stream" (9.2.6).
//!
//! The standard decodes the whole stream as UTF-8, then cuts it into lines, then interprets each.
//! Here bytes are cut into lines first and each field is decoded on its own. That gives the same
//! text: CR, LF, the colon and the space are single bytes that never occur inside a longer UTF-8
//! sequence, and a sequence that such a byte interrupts is replaced by the same U+FFFD as one that
//! the end of the field interrupts. So nothing but the bytes of an unfinished line, and whether the
//! last byte was a CR, has to survive from chunk to chunk, wherever the chunks are cut.

use std::mem;

use memchr::{memchr, memchr2};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// An event that was dispatched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's type: `message` unless the stream names another, never empty.
    pub event: String,
    /// The values of the data fields, joined with LF.
    pub data: String,
    /// The last event id at this event, which an earlier event may have set.
    pub last_event_id: String,
}

/// Reads one event stream, in chunks of any size.
///
/// An event that the stream's end leaves without its blank line is never dispatched, and an
/// unfinished line never interpreted, as the standard wants: the end needs no call, one just drops
/// the decoder. The length of a line or an event is not limited; whoever reads from a source it
/// does not trust limits what it feeds.
///
/// ```
/// use eventwire_core::Decoder;
///
/// let mut decoder = Decoder::new();
/// assert!(decoder.feed(b"id: 1\ndata: hel").is_empty());
/// let events = decoder.feed(b"lo\r\n\r\nretry: 500\r\n");
/// assert_eq!(events[0].data, "hello");
/// assert_eq!(events[0].event, "message");
/// assert_eq!(decoder.last_event_id(), "1");
/// assert_eq!(decoder.retry(), Some(500));
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    /// The bytes so far of a line whose end is still to come; has no CR and no LF.
    unfinished: Vec<u8>,
    /// The last chunk ended with a CR, whose line is done: an LF now is the rest of a CRLF.
    after_cr: bool,
    /// The first line, which may start with a byte order mark, is done.
    started: bool,
    interpreter: Interpreter,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream and returns the events they complete.
    ///
    /// A lone CR ends its line at once, without waiting for a byte that tells it from a CRLF: a
    /// stream with CR line ends would otherwise hold each event back until the next one comes.
    #[must_use = "the events are handed out once"]
    pub fn feed(&mut self, chunk: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut rest = chunk;
        // An empty chunk is not the byte after the CR.
        if let Some((first, after)) = chunk.split_first()
            && mem::take(&mut self.after_cr)
            && *first == b'\n'
        {
            rest = after;
        }
        while let Some(at) = memchr2(b'\r', b'\n', rest) {
            let (line, end) = rest.split_at(at);
            events.extend(self.line(line));
            self.after_cr = end == b"\r";
            rest = &end[if end.starts_with(b"\r\n") { 2 } else { 1 }..];
        }
        self.unfinished.extend_from_slice(rest);
        events
    }

    /// The last reconnection time the stream has set, in milliseconds.
    ///
    /// It counts from the line on that sets it, whatever becomes of the event around it. A time
    /// that does not fit is [`u64::MAX`]: the stream asked for a very long wait, and ignoring it
    /// would mean a short one.
    #[must_use]
    pub const fn retry(&self) -> Option<u64> {
        self.interpreter.retry
    }

    /// The last event id: what a reconnecting client sends as `Last-Event-ID`.
    ///
    /// Unlike the time, an id counts only from the blank line on that ends its event, also when
    /// that event has no data and is not dispatched.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.interpreter.last_event_id
    }

    /// Interprets the unfinished line with `tail` as its end.
    fn line(&mut self, tail: &[u8]) -> Option<Event> {
        let mut line = if self.unfinished.is_empty() {
            tail
        } else {
            self.unfinished.extend_from_slice(tail);
            &self.unfinished
        };
        // The mark has no line end in it, so that it is whole once the first line is.
        if !mem::replace(&mut self.started, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        let event = self.interpreter.line(line);
        self.unfinished.clear();
        event
    }
}

/// The buffers that the standard associates with a stream, under its rules for a line.
#[derive(Debug, Default)]
struct Interpreter {
    /// The data buffer: each value with an LF after it, so that it is empty only without fields.
    data: String,
    /// The event type buffer.
    event: String,
    /// The last event ID buffer: set by the field, not reset by a dispatch.
    id: String,
    /// The event source's last event ID string: set from the buffer by a blank line.
    last_event_id: String,
    /// The event source's reconnection time, if the stream has set it.
    retry: Option<u64>,
}

impl Interpreter {
    fn line(&mut self, line: &[u8]) -> Option<Event> {
        if line.is_empty() {
            return self.dispatch();
        }
        match memchr(b':', line) {
            // A comment.
            Some(0) => {}
            Some(colon) => {
                let value = &line[colon + 1..];
                self.field(&line[..colon], value.strip_prefix(b" ").unwrap_or(value));
            }
            None => self.field(line, b""),
        }
        None
    }

    /// Processes a field. The name is compared as bytes, so that it must match to the letter: in
    /// case, without spaces around it, without a mark or a NUL before it.
    fn field(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"event" => {
                self.event.clear();
                self.event.push_str(&String::from_utf8_lossy(value));
            }
            b"data" => {
                self.data.push_str(&String::from_utf8_lossy(value));
                self.data.push('\n');
            }
            b"id" if memchr(b'\0', value).is_none() => {
                self.id.clear();
                self.id.push_str(&String::from_utf8_lossy(value));
            }
            b"retry" => self.retry = milliseconds(value).or(self.retry),
            _ => {}
        }
    }

    /// Dispatches the event. Both returns leave the data and event type buffers empty.
    fn dispatch(&mut self) -> Option<Event> {
        self.last_event_id.clone_from(&self.id);
        let mut data = mem::take(&mut self.data);
        let mut event = mem::take(&mut self.event);
        // The LF after the last value; without one there was no data field at all.
        data.pop()?;
        if event.is_empty() {
            event.push_str("message");
        }
        let last_event_id = self.last_event_id.clone();
        Some(Event {
            event,
            data,
            last_event_id,
        })
    }
}

/// The integer that `digits` is, or [`u64::MAX`] if it is larger. `None` if they are not all ASCII
/// digits, and if there are none: the standard's condition holds for the empty value, but it has
/// no integer to interpret.
fn milliseconds(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |millis, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(millis.saturating_mul(10).saturating_add(digit))
    })
}
