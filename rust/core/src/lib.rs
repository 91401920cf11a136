//! Server-sent events framing: bytes in, bytes out.
//!
//! The crate does no I/O, reads no clock and knows nothing of Python. It has two halves that check
//! each other: [`Frame`] writes an event into a buffer, [`Decoder`] reads a stream as section 9.2
//! of the HTML Standard says. Line ends are found in one place, [`lines`], and a value that must
//! not hold one is a type that cannot be built with it: [`EventName`], [`EventId`], [`Retry`].
//! [`json`] writes the scalars of the JSON that the data of an event mostly is; a [`Template`] is a
//! frame of which most is written beforehand.
//!
//! ```
//! use eventwire_core::{Decoder, EventName, Frame};
//!
//! let mut buffer = Vec::new();
//! let mut frame = Frame::begin(&mut buffer);
//! frame.event(EventName::new("greeting")?);
//! frame.data("hello\nworld");
//! frame.end();
//! assert_eq!(buffer, b"event: greeting\ndata: hello\ndata: world\n\n");
//!
//! let events = Decoder::new().feed(&buffer);
//! assert_eq!(events.len(), 1);
//! assert_eq!(events[0].event, "greeting");
//! assert_eq!(events[0].data, "hello\nworld");
//! # Ok::<(), eventwire_core::FieldError>(())
//! ```

#![forbid(unsafe_code)]

mod field;
mod frame;
pub mod json;
mod line;
mod parse;
mod template;

pub use field::{EventId, EventName, FieldError, Retry};
pub use frame::{Frame, KEEPALIVE};
pub use line::{Cr, CrLf, Lf, LineEnd, Lines, lines};
pub use parse::{Decoder, Event};
pub use template::{Fill, Hole, Kind, Template};
