//! What a fast path comes to.

use std::cell::Cell;

use pyo3::{PyErr, PyResult};

/// What became of a value on a fast path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wrote {
    /// It stands in the buffer.
    Value,
    /// It is certainly not of this type: another member of a union may be tried.
    Mismatch,
    /// The general path must decide, for the smallest part around it that has one.
    Unknown,
    /// The general path must decide, for the item as a whole: a part of it gives an error or a
    /// warning.
    Whole,
    /// The user's code raised what must pass at once; see [`fail`].
    Failed,
}

thread_local! {
    /// The exception of [`Wrote::Failed`]. Beside the result, which is returned for every value of
    /// an item and fits into a register without it: 20 of 215 ns of a chat chunk.
    static FAILURE: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// Keeps an exception for the caller of the fast path.
pub(super) fn fail(error: PyErr) -> Wrote {
    FAILURE.set(Some(error));
    Wrote::Failed
}

/// The result of a fast path as a whole: whether the value was written, or the exception.
pub(crate) fn written(wrote: Wrote) -> PyResult<bool> {
    if wrote == Wrote::Failed
        && let Some(error) = FAILURE.take()
    {
        return Err(error);
    }
    Ok(wrote == Wrote::Value)
}

impl Wrote {
    /// What a value is whose member came to this, and not to [`Wrote::Value`].
    pub(super) const fn around(self) -> Self {
        match self {
            Self::Whole | Self::Failed => self,
            _ => Self::Unknown,
        }
    }
}
