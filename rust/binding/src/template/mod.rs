//! Frame templates: `EventTemplate`, and `TemplatedEvent`, which calling one makes.
//!
//! * [`native`] – the template: an example of an event, its slots, and its call
//! * [`text`] – the fields that are text and may have slots
//! * [`templated`] – the event: a template and the values of its slots
//! * [`compiled`] – an example as constant bytes and places, for one form of JSON
//!
//! What an event *is* needs no template: an example with the values in its slots, written as any
//! other event with these fields. That is the general path, and `compiled` is only faster.

mod compiled;
mod native;
mod templated;
mod text;

pub(crate) use native::EventTemplate;
pub(crate) use templated::TemplatedEvent;
