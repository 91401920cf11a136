//! What runs the user's code, put off until the rest of an item is written.
//!
//! A serializer may count its calls, or use up an iterator. So it must not run for an item that the
//! general path will write after all. The fast path therefore only notes, at its place in the
//! buffer, that something comes there; when everything else is written, and nothing can send the
//! item to the general path any more, the notes are carried out in order.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyString};

use super::part::Part;
use super::scalar;
use super::wrote::fail;
use super::{Form, Wrote, jsonable};

/// What is to be written later.
pub(super) enum Later {
    /// By Pydantic; with the schemas that the part may refer to.
    Part(Arc<Part>, Option<Py<PyList>>, Form),
    /// What this entry of FastAPI's table of encoders returns.
    Encoder(Py<PyAny>),
}

struct Note {
    /// Where it belongs; nothing stands there for it.
    at: usize,
    value: Py<PyAny>,
    later: Later,
}

thread_local! {
    /// The notes of the item that this thread is writing.
    static NOTES: Cell<Vec<Note>> = const { Cell::new(Vec::new()) };
}

impl Later {
    /// Notes that `value` is to be written here.
    #[cold]
    pub(super) fn note(self, buffer: &[u8], value: &Bound<'_, PyAny>) -> Wrote {
        let mut notes = NOTES.take();
        notes.push(Note {
            at: buffer.len(),
            value: value.clone().unbind(),
            later: self,
        });
        NOTES.set(notes);
        Wrote::Value
    }

    fn write(&self, buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> Wrote {
        match self {
            Self::Part(part, definitions, form) => {
                part.write(definitions.as_ref(), buffer, value, *form)
            }
            Self::Encoder(encoder) => {
                by_encoder(buffer, encoder.bind(value.py()), value).unwrap_or_else(fail)
            }
        }
    }
}

/// Takes back what was written from `mark` on, notes included.
pub(super) fn truncate(buffer: &mut Vec<u8>, mark: usize) {
    buffer.truncate(mark);
    let mut notes = NOTES.take();
    notes.retain(|note| note.at < mark);
    NOTES.set(notes);
}

/// Runs a fast path, then what it has put off.
///
/// A panic in it leaves the item to the general path: PyO3's iterators panic when a container
/// changes while it is read, which takes another thread, or a finalizer run by the garbage
/// collector. What a panic may leave half done is the buffer, and the caller truncates that.
#[inline]
pub(crate) fn writing(buffer: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Wrote) -> Wrote {
    // What a serializer encodes itself, while it runs, has notes of its own.
    let outer = NOTES.take();
    let result = catch_unwind(AssertUnwindSafe(|| write(buffer))).unwrap_or(Wrote::Unknown);
    let notes = NOTES.replace(outer);
    if notes.is_empty() || result != Wrote::Value {
        return result;
    }
    carry_out(buffer, &notes)
}

#[cold]
fn carry_out(buffer: &mut Vec<u8>, notes: &[Note]) -> Wrote {
    let outer = NOTES.take();
    let first = notes.first().map_or(0, |note| note.at);
    let rest = buffer.split_off(first);
    let mut done = 0;
    let mut wrote = Wrote::Value;
    Python::attach(|py| {
        for note in notes {
            buffer.extend_from_slice(&rest[done..note.at - first]);
            done = note.at - first;
            wrote = note.later.write(buffer, note.value.bind(py));
            // What it has become cannot be put off once more.
            if wrote == Wrote::Value && !NOTES.take().is_empty() {
                wrote = Wrote::Whole;
            }
            if wrote != Wrote::Value {
                return;
            }
        }
        buffer.extend_from_slice(&rest[done..]);
    });
    NOTES.set(outer);
    wrote
}

/// `json.dumps` of what an encoder returns; an error is the encoder's own.
fn by_encoder(
    buffer: &mut Vec<u8>,
    encoder: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<Wrote> {
    static DUMPED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let result = encoder.call1((value,))?;
    let mark = buffer.len();
    if scalar::exact(buffer, &result, jsonable::FORM) == Some(Wrote::Value) {
        return Ok(Wrote::Value);
    }
    buffer.truncate(mark);
    let dumped = DUMPED.import(value.py(), "eventwire._fastapi_json", "dumped")?;
    let text = dumped.call1((result,))?;
    buffer.extend_from_slice(text.cast::<PyString>()?.to_str()?.as_bytes());
    Ok(Wrote::Value)
}
