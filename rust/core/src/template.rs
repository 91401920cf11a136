//! Frames with slots: what is constant is written once, what changes from event to event is filled in.
//!
//! A template is cut from a whole frame: the caller writes one with values that it knows, says where
//! they stand, and everything else is the constant part. So a template has no idea of its own of
//! how a frame looks, and holds for whatever order, separator or JSON dialect that frame was in.
//!
//! No slot can break out of its line. For `event` and `id` that is a matter of types, as in
//! [`Frame`]; JSON has no line ends. Text that may have some, such as raw data, has no slot: how many
//! lines it takes is not known before, so that a frame is what it must be written into.

use std::ops::Range;

use crate::field::{EventId, EventName};
use crate::frame::Frame;

/// What a slot holds.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JSON, or a piece of it, in the data.
    Json,
    /// The whole value of the `event` field.
    Event,
    /// The whole value of the `id` field.
    Id,
}

/// A place in a whole frame whose content is to be filled in each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Which bytes of the frame are not constant.
    pub range: Range<usize>,
    /// What stands there.
    pub kind: Kind,
    /// The caller's number for what is filled in; two holes may have the same.
    pub slot: usize,
}

/// Where the content of the slots comes from.
pub trait Fill {
    /// Why a slot could not be filled.
    type Error;

    /// Appends JSON, without CR and LF (which is not looked for, except in debug builds).
    ///
    /// # Errors
    ///
    /// The caller's; the frame is then taken back.
    fn json(&mut self, buffer: &mut Vec<u8>, slot: usize) -> Result<(), Self::Error>;

    /// The event's name.
    ///
    /// # Errors
    ///
    /// As for [`json`](Self::json).
    fn event(&mut self, slot: usize) -> Result<EventName<'_>, Self::Error>;

    /// The event's id.
    ///
    /// # Errors
    ///
    /// As for [`json`](Self::json).
    fn id(&mut self, slot: usize) -> Result<EventId<'_>, Self::Error>;
}

/// A frame with slots. Immutable.
///
/// ```
/// use eventwire_core::{EventId, EventName, Fill, Hole, Kind, Template, json};
///
/// struct Token<'a>(&'a str);
///
/// impl Fill for Token<'_> {
///     type Error = ();
///
///     fn json(&mut self, buffer: &mut Vec<u8>, _: usize) -> Result<(), ()> {
///         json::string(buffer, self.0, json::Escape::Utf8);
///         Ok(())
///     }
///     fn event(&mut self, _: usize) -> Result<EventName<'_>, ()> {
///         Err(())
///     }
///     fn id(&mut self, _: usize) -> Result<EventId<'_>, ()> {
///         Err(())
///     }
/// }
///
/// let frame = b"event: delta\ndata: {\"text\":\"?\"}\n\n";
/// let hole = Hole { range: 27..30, kind: Kind::Json, slot: 0 };
/// let template = Template::cut(frame, vec![hole]).unwrap();
///
/// let mut buffer = Vec::new();
/// template.write(&mut buffer, &mut Token("say \"hi\"")).unwrap();
/// assert_eq!(buffer, b"event: delta\ndata: {\"text\":\"say \\\"hi\\\"\"}\n\n");
/// ```
#[derive(Clone, Debug)]
pub struct Template {
    /// What is constant, from the beginning to the line before the blank one.
    constant: Box<[u8]>,
    /// In order; `at` is a position in `constant`.
    cuts: Box<[Cut]>,
}

#[derive(Copy, Clone, Debug)]
struct Cut {
    at: usize,
    kind: Kind,
    slot: usize,
}

/// Room for the contents of the slots, so that a buffer seldom grows while a frame is written.
const ROOM: usize = 64;

impl Template {
    /// Cuts the holes out of a whole frame. Their order does not matter, except for empty ones at
    /// the same place, which follow each other as given. None if the frame is not whole, or if
    /// holes overlap or lie outside of it.
    #[must_use]
    pub fn cut(frame: &[u8], mut holes: Vec<Hole>) -> Option<Self> {
        let frame = frame.strip_suffix(b"\n")?;
        holes.sort_by_key(|hole| (hole.range.start, hole.range.end));
        let mut constant = Vec::with_capacity(frame.len());
        let mut cuts = Vec::with_capacity(holes.len());
        let mut done = 0;
        for hole in holes {
            constant.extend_from_slice(frame.get(done..hole.range.start)?);
            cuts.push(Cut {
                at: constant.len(),
                kind: hole.kind,
                slot: hole.slot,
            });
            // Checks the range itself, too.
            done = hole.range.start + frame.get(hole.range)?.len();
        }
        constant.extend_from_slice(&frame[done..]);
        Some(Self {
            constant: constant.into(),
            cuts: cuts.into(),
        })
    }

    /// Appends a whole frame.
    ///
    /// # Errors
    ///
    /// What `fill` returns; the buffer is then as it was.
    #[inline]
    pub fn write<F: Fill>(&self, buffer: &mut Vec<u8>, fill: &mut F) -> Result<(), F::Error> {
        let frame = Frame::begin(buffer);
        frame.buffer.reserve(self.constant.len() + ROOM);
        let mut done = 0;
        for cut in &self.cuts {
            frame.buffer.extend_from_slice(&self.constant[done..cut.at]);
            done = cut.at;
            let start = frame.buffer.len();
            match cut.kind {
                Kind::Json => fill.json(frame.buffer, cut.slot)?,
                Kind::Event => {
                    let name = fill.event(cut.slot)?;
                    frame.buffer.extend_from_slice(name.as_str().as_bytes());
                }
                Kind::Id => {
                    let id = fill.id(cut.slot)?;
                    frame.buffer.extend_from_slice(id.as_str().as_bytes());
                }
            }
            debug_assert!(memchr::memchr2(b'\r', b'\n', &frame.buffer[start..]).is_none());
        }
        frame.buffer.extend_from_slice(&self.constant[done..]);
        frame.end();
        Ok(())
    }
}
