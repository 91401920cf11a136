//! Python values as JSON, without leaving Rust.
//!
//! * [`builtin`] – exact builtin types
//! * [`plan`] – compiled Pydantic schemas: what [`compile`] makes of a core schema, and how
//!   it is written
//! * [`cache`] – one plan per class, for values without a declared type
//!
//! All of them are fast paths: each proves per value that it may run, by exact type checks, and
//! otherwise says [`Wrote::Unknown`]; the caller then truncates its buffer and takes the general
//! path for the whole item. So a fast path never decides what the bytes are, nor which error or
//! warning an odd value gives. Next to no Python code runs inside them; where a finalizer or another
//! thread changes a container while it is read, PyO3's iterator panics, and the encoder takes that
//! for [`Wrote::Unknown`], too.

mod builtin;
mod cache;
mod compile;
mod plan;

use eventwire_core::json::{Escape, FloatFormat};

pub(crate) use builtin::write as write_builtin;
pub(crate) use cache::{Method, has_own_method, plan_of};
pub(crate) use compile::compile;
pub(crate) use plan::{Options, Plan};

/// How deep values may be nested before the general path decides. Its own limits are 255
/// (pydantic-core) and the interpreter's recursion limit.
const DEPTH: u8 = 64;

/// Which of FastAPI's two JSON forms is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// pydantic-core's: no spaces, UTF-8, its own floats.
    Compact,
    /// `json.dumps` of `jsonable_encoder`'s result: spaces, ASCII, Python's floats.
    Spaced,
}

impl Dialect {
    const fn escape(self) -> Escape {
        match self {
            Self::Compact => Escape::Utf8,
            Self::Spaced => Escape::Ascii,
        }
    }

    const fn float(self) -> FloatFormat {
        match self {
            Self::Compact => FloatFormat::Pydantic,
            Self::Spaced => FloatFormat::Python,
        }
    }

    const fn comma(self) -> &'static [u8] {
        match self {
            Self::Compact => b",",
            Self::Spaced => b", ",
        }
    }

    const fn colon(self) -> &'static [u8] {
        match self {
            Self::Compact => b":",
            Self::Spaced => b": ",
        }
    }
}

/// What became of a value on a fast path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wrote {
    /// It stands in the buffer.
    Value,
    /// It is certainly not of this type: another member of a union may be tried.
    Mismatch,
    /// The general path must decide.
    Unknown,
}
