//! What runs the user's code, put off until the rest of an item is written.
//!
//! A serializer may count its calls, or use up an iterator. So it must not run for an item that the
//! general path will write after all. The fast path therefore only notes, at its place in the
//! buffer, that something comes there; when everything else is written, and nothing can send the
//! item to the general path any more, the notes are carried out in order.

use std::cell::{Cell, RefCell};
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
    /// The notes of the items that this thread is writing: a finalizer may encode something while
    /// another item is half written.
    static NOTES: RefCell<Vec<Note>> = const { RefCell::new(Vec::new()) };
    /// Which of them are the present item's: from the first number on, up to the second. (Looked at
    /// for every item, and cheaper to look at than a `Vec`.)
    static PRESENT: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

impl Later {
    /// Notes that `value` is to be written here.
    #[cold]
    pub(super) fn note(self, buffer: &[u8], value: &Bound<'_, PyAny>) -> Wrote {
        let note = Note {
            at: buffer.len(),
            value: value.clone().unbind(),
            later: self,
        };
        let (first, end) = PRESENT.get();
        PRESENT.set((first, end + 1));
        NOTES.with_borrow_mut(|notes| notes.push(note));
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
    let (first, end) = PRESENT.get();
    if first == end {
        return;
    }
    let taken_back = NOTES.with_borrow_mut(|notes| {
        let kept = notes[first..].partition_point(|note| note.at < mark);
        notes.split_off(first + kept)
    });
    PRESENT.set((first, end - taken_back.len()));
}

/// Runs a fast path, then what it has put off.
///
/// A panic in it leaves the item to the general path: PyO3's iterators panic when a container
/// changes while it is read, which takes another thread, or a finalizer run by the garbage
/// collector. What a panic may leave half done is the buffer, and the caller truncates that.
#[inline]
pub(crate) fn writing(buffer: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Wrote) -> Wrote {
    let outer = PRESENT.get();
    PRESENT.set((outer.1, outer.1));
    let result = catch_unwind(AssertUnwindSafe(|| write(buffer))).unwrap_or(Wrote::Unknown);
    let (first, end) = PRESENT.replace(outer);
    if first == end {
        return result;
    }
    let notes = NOTES.with_borrow_mut(|notes| notes.split_off(first));
    if result != Wrote::Value {
        return result;
    }
    carry_out(buffer, &notes)
}

#[cold]
fn carry_out(buffer: &mut Vec<u8>, notes: &[Note]) -> Wrote {
    let start = notes.first().map_or(0, |note| note.at);
    let rest = buffer.split_off(start);
    let mut done = 0;
    Python::attach(|py| {
        for note in notes {
            let place = note.at - start;
            buffer.extend_from_slice(&rest[done..place]);
            done = place;
            // What it has become may need no code of the user's once more: that is not put off.
            let outer = PRESENT.get();
            PRESENT.set((outer.1, outer.1));
            let wrote = note.later.write(buffer, note.value.bind(py));
            let (first, end) = PRESENT.replace(outer);
            let more = NOTES.with_borrow_mut(|notes| notes.split_off(first));
            if wrote != Wrote::Value || first != end {
                drop(more);
                return if wrote == Wrote::Value {
                    Wrote::Whole
                } else {
                    wrote
                };
            }
        }
        buffer.extend_from_slice(&rest[done..]);
        Wrote::Value
    })
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
