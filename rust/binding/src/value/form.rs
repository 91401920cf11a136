//! The forms of JSON, and the options of a serialization.

use eventwire_core::json::{Escape, FloatFormat};

/// How deep values may be nested before the general path decides. Its own limits are 255
/// (pydantic-core) and the interpreter's recursion limit.
pub(super) const DEPTH: u8 = 64;

/// Which of FastAPI's two JSON forms is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// pydantic-core's: no spaces, UTF-8, its own floats.
    Compact,
    /// `json.dumps` of `jsonable_encoder`'s result: spaces, ASCII, Python's floats.
    Spaced,
}

/// A form of JSON and the options of a serialization that a plan can follow.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "options of Pydantic, with its names"
)]
pub(crate) struct Form {
    pub(crate) dialect: Dialect,
    /// U+0085, U+2028 and U+2029 are escaped.
    pub(crate) line_safe: bool,
    /// None: not given, as in `model_dump_json()`.
    pub(crate) by_alias: Option<bool>,
    pub(crate) exclude_none: bool,
    pub(crate) exclude_unset: bool,
    /// Inside of a union, where Pydantic serializes strictly to find the member: odd values, which
    /// are fine or worth a warning elsewhere, rule a member out. So no part is written alone there.
    pub(super) strict: bool,
}

impl Form {
    pub(crate) const fn new(dialect: Dialect, line_safe: bool, by_alias: Option<bool>) -> Self {
        Self {
            dialect,
            line_safe,
            by_alias,
            exclude_none: false,
            exclude_unset: false,
            strict: false,
        }
    }

    pub(super) const fn is_spaced(self) -> bool {
        matches!(self.dialect, Dialect::Spaced)
    }

    pub(super) const fn escape(self) -> Escape {
        match self.dialect {
            Dialect::Compact if self.line_safe => Escape::Utf8LineSafe,
            Dialect::Compact => Escape::Utf8,
            Dialect::Spaced => Escape::Ascii,
        }
    }

    pub(super) const fn float(self) -> FloatFormat {
        match self.dialect {
            Dialect::Compact => FloatFormat::Pydantic,
            Dialect::Spaced => FloatFormat::Python,
        }
    }

    /// Appends what stands between two members. (A slice of either length would be copied by a
    /// call of `memcpy`.)
    #[inline]
    pub(super) fn comma(self, buffer: &mut Vec<u8>) {
        match self.dialect {
            Dialect::Compact => buffer.push(b','),
            Dialect::Spaced => buffer.extend_from_slice(b", "),
        }
    }

    pub(super) const fn comma_length(self) -> usize {
        match self.dialect {
            Dialect::Compact => 1,
            Dialect::Spaced => 2,
        }
    }

    /// Appends what stands between a key and its value.
    #[inline]
    pub(super) fn colon(self, buffer: &mut Vec<u8>) {
        match self.dialect {
            Dialect::Compact => buffer.push(b':'),
            Dialect::Spaced => buffer.extend_from_slice(b": "),
        }
    }
}
