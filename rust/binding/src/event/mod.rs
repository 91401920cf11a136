//! Event objects: the native one, the makers of FastAPI's, and how the fields of any become a frame.
//!
//! * [`native`] – `ServerSentEvent`
//! * [`construct`] – instances of FastAPI's class, made without running Python
//! * [`kind`] – which classes are events, and where their fields are
//! * [`sse_starlette`] – events in the dialect of sse-starlette
//! * [`fields`] – fields, checked when they are written; `format_sse_event`

mod construct;
mod fields;
mod kind;
mod native;
mod sse_starlette;

pub(crate) use construct::call_natively;
pub(crate) use fields::{Fields, format_sse_event, text};
pub(crate) use kind::{Event, EventKind, event_kind, event_of};
pub(crate) use native::ServerSentEvent;
pub(crate) use sse_starlette::SseStarletteEncoder;
