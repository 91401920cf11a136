//! Writes one event, as its receiver will read it, into a growing buffer.
//!
//! The invariant is *only whole frames in the buffer*: whoever takes the buffer may send it as it
//! is. A [`Frame`] therefore borrows the buffer for as long as it is unfinished, so that nothing
//! can be taken before [`Frame::end`], and takes back what it wrote if it is dropped without (an
//! item that cannot be encoded, a panic on the way). Rejected: building each frame in a string of
//! its own and appending it whole, which gives the same invariant for one copy more.
//!
//! The fields' values cannot break out of their lines: single-line fields come as types that were
//! checked ([`EventName`], [`EventId`], [`Retry`]), the others are cut with [`lines`].

use std::marker::PhantomData;

use crate::field::{EventId, EventName, Retry};
use crate::line::{Lf, LineEnd, lines};

/// A comment to send when there is nothing else to send: bytes on the wire, no event.
pub const KEEPALIVE: &[u8] = b": ping\n\n";

/// A frame that is being written.
///
/// Fields appear in the order of the calls; a receiver does not mind which. The order of `fastapi`
/// is comment, event, data, id, retry. Each field is `name: value` and ends with `E`, by default LF.
/// A call adds to what is there: calling [`data`](Self::data) twice makes one event with both texts on lines of
/// their own, and of two names, ids or retry values the receiver keeps the last.
///
/// ```
/// use eventwire_core::{EventId, Frame};
///
/// let mut buffer = b"data: 1\n\n".to_vec();
/// let mut frame = Frame::begin(&mut buffer);
/// frame.data("2");
/// drop(frame);
/// assert_eq!(buffer, b"data: 1\n\n");
///
/// let mut frame = Frame::begin(&mut buffer);
/// frame.data("3");
/// frame.id(EventId::new("three")?);
/// frame.end();
/// assert_eq!(buffer, b"data: 1\n\ndata: 3\nid: three\n\n");
/// # Ok::<(), eventwire_core::FieldError>(())
/// ```
#[derive(Debug)]
#[must_use = "a frame that is dropped without `end` is taken back"]
pub struct Frame<'b, E: LineEnd = Lf> {
    pub(crate) buffer: &'b mut Vec<u8>,
    /// The length up to which the buffer holds whole frames: what `drop` goes back to.
    whole: usize,
    end: PhantomData<E>,
}

impl<'b> Frame<'b> {
    /// Starts a frame at the end of `buffer`, which should end with a whole frame or be empty.
    #[inline]
    pub const fn begin(buffer: &'b mut Vec<u8>) -> Self {
        Self::begin_with(buffer)
    }
}

impl<'b, E: LineEnd> Frame<'b, E> {
    /// [`begin`](Frame::begin), for a frame with any of the line ends.
    #[inline]
    pub const fn begin_with(buffer: &'b mut Vec<u8>) -> Self {
        let whole = buffer.len();
        Self {
            buffer,
            whole,
            end: PhantomData,
        }
    }

    /// Writes a comment, a line `: …` for each line of `text`. Receivers ignore it.
    #[inline]
    pub fn comment(&mut self, text: &str) {
        self.split(b": ", text);
    }

    /// Writes the event's name.
    #[inline]
    pub fn event(&mut self, name: EventName<'_>) {
        self.line(b"event: ", name.as_str().as_bytes());
    }

    /// Writes the event's data, a line `data: …` for each line of `text`.
    ///
    /// The receiver joins the lines with LF, whatever line end stood there. A frame without data
    /// dispatches no event; with the empty text it dispatches one with empty data.
    #[inline]
    pub fn data(&mut self, text: &str) {
        self.split(b"data: ", text);
    }

    /// Writes one `data: …` line of what `write` appends to the buffer, without a copy.
    ///
    /// What it appends must have no CR and no LF, as JSON without indentation has none: it is
    /// not looked for, except in debug builds. `write` may only append.
    #[inline]
    pub fn data_line<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.buffer.extend_from_slice(b"data: ");
        let start = self.buffer.len();
        let result = write(self.buffer);
        debug_assert!(memchr::memchr2(b'\r', b'\n', &self.buffer[start..]).is_none());
        self.buffer.extend_from_slice(E::BYTES);
        result
    }

    /// Writes the event's id.
    #[inline]
    pub fn id(&mut self, id: EventId<'_>) {
        self.line(b"id: ", id.as_str().as_bytes());
    }

    /// Writes the time a receiver waits before it reconnects.
    #[inline]
    pub fn retry(&mut self, retry: Retry<'_>) {
        self.line(b"retry: ", retry.as_bytes());
    }

    /// Writes the blank line that makes the receiver dispatch the event. The frame is then whole.
    ///
    /// A frame that ends without a field is a single line end.
    #[inline]
    pub fn end(mut self) {
        self.buffer.extend_from_slice(E::BYTES);
        // `drop` runs next, and now has nothing to take back.
        self.whole = self.buffer.len();
    }

    /// A text without line end, the usual one, costs one scan, one growth of the buffer at most
    /// (it makes room for the blank line of `end` too), and the copies. The prefixes of further
    /// lines grow the buffer as they come: counting the lines first would be a second scan.
    #[inline]
    fn split(&mut self, prefix: &[u8], text: &str) {
        self.buffer
            .reserve(prefix.len() + text.len() + 2 * E::BYTES.len());
        for line in lines(text) {
            self.line(prefix, line.as_bytes());
        }
    }

    /// Writes one line. `value` must have no CR and no LF, which the callers have from the type
    /// of the field or from [`lines`].
    #[inline]
    fn line(&mut self, prefix: &[u8], value: &[u8]) {
        self.buffer.extend_from_slice(prefix);
        self.buffer.extend_from_slice(value);
        self.buffer.extend_from_slice(E::BYTES);
    }
}

/// Takes back an unfinished frame. (A frame that is leaked with [`std::mem::forget`] is not taken
/// back; that takes intent.)
impl<E: LineEnd> Drop for Frame<'_, E> {
    #[inline]
    fn drop(&mut self) {
        self.buffer.truncate(self.whole);
    }
}
