//! Line ends of an event stream: CR, LF, CRLF and nothing else.
//!
//! "Parsing an event stream" (HTML Standard, 9.2.5) knows these three. A text is cut at exactly
//! them when it is written: at fewer, and the text's own line end would end the field early; at
//! more, and the receiver would see a line feed where the sender had a form feed or a U+2028.
//! So neither [`str::lines`] (a lone CR is no line end to it) nor a Unicode-aware splitter will do.

use std::iter::FusedIterator;

use memchr::memchr2;

/// How a sender ends its lines: any of the three will do, for all lines of a frame.
pub trait LineEnd {
    /// The line end.
    const BYTES: &'static [u8];
}

/// U+000A: what `fastapi` writes.
#[derive(Debug)]
pub enum Lf {}

/// U+000D. A receiver that reads a frame of them to its end cannot know yet that no LF follows.
#[derive(Debug)]
pub enum Cr {}

/// Both: what `sse-starlette` writes.
#[derive(Debug)]
pub enum CrLf {}

impl LineEnd for Lf {
    const BYTES: &'static [u8] = b"\n";
}

impl LineEnd for Cr {
    const BYTES: &'static [u8] = b"\r";
}

impl LineEnd for CrLf {
    const BYTES: &'static [u8] = b"\r\n";
}

/// Iterates over what lies between the line ends of `text`.
///
/// There is always one piece more than there are line ends: a text that ends with one has an empty
/// last piece, and an empty text is one empty piece.
///
/// ```
/// use eventwire_core::lines;
///
/// assert!(lines("a\r\nb\rc\n").eq(["a", "b", "c", ""]));
/// assert!(lines("").eq([""]));
/// assert!(lines("a\u{2028}b").eq(["a\u{2028}b"]));
/// ```
#[inline]
#[must_use]
pub const fn lines(text: &str) -> Lines<'_> {
    Lines { rest: Some(text) }
}

/// The iterator that [`lines`] returns.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    /// What follows the last line end seen; `None` once the last piece is out, which tells "an
    /// empty piece is still to come" from "nothing is".
    rest: Option<&'a str>,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.take()?;
        // Bytes are enough: in UTF-8 no CR or LF byte is part of a longer character.
        let Some(at) = memchr2(b'\r', b'\n', text.as_bytes()) else {
            return Some(text);
        };
        let (line, end) = text.split_at(at);
        let width = if end.starts_with("\r\n") { 2 } else { 1 };
        self.rest = Some(&end[width..]);
        Some(line)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // At most every byte is a line end, and there is one piece more than line ends.
        self.rest
            .map_or((0, Some(0)), |rest| (1, Some(rest.len().saturating_add(1))))
    }
}

impl FusedIterator for Lines<'_> {}
