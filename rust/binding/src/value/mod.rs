//! Python values as JSON, without leaving Rust.
//!
//! * [`scalar`] – values without members
//! * [`infer`] – values of no declared type, as pydantic-core infers how to write them
//! * [`jsonable`] – the same as FastAPI's `jsonable_encoder` and `json.dumps` write them
//! * [`plan`] – compiled Pydantic schemas: what [`compile`], [`compile_model`] and
//!   [`compile_union`] make of a core schema
//! * [`write`], [`write_fields`] – values by a plan; [`part`] – what a plan leaves to Pydantic,
//!   [`later`] – once the rest is certain
//! * [`leaf`] – what one place inside a value takes, for templates
//! * [`form`] – the form of JSON, [`wrote`] – what became of a value
//! * [`class`] – what is known of a class, found out once; [`cache`] – its plan
//!
//! All of them are fast paths: each proves per value that it may run, by exact type checks, and
//! otherwise says [`Wrote::Unknown`]; the caller then truncates its buffer and takes the general
//! path for the smallest part that has one, in the end for the whole item. So which error or
//! warning an odd value gives is not decided here, with one exception: what an application's own
//! code raises, which must not be called twice, passes as it is. Where another thread or a
//! finalizer changes a container while it is read, PyO3's iterator panics, and the encoder takes
//! that for [`Wrote::Unknown`], too.

mod cache;
mod class;
mod compile;
mod compile_model;
mod compile_union;
mod form;
mod infer;
mod jsonable;
mod later;
mod leaf;
mod part;
mod plan;
mod scalar;
mod write;
mod write_fields;
mod wrote;

pub(crate) use class::{Class, class_of};
pub(crate) use compile::compile;
pub(crate) use form::{Dialect, Form};
pub(crate) use infer::write as write_inferred;
pub(crate) use jsonable::{is_builtin, write as write_jsonable, write_event_data};
pub(crate) use later::writing;
pub(crate) use leaf::Leaf;
pub(crate) use plan::Plan;
pub(crate) use wrote::{Wrote, written};
