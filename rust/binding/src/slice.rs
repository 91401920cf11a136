//! Advances a sync iterator in a worker thread, a slice of time at a go.
//!
//! A thread hop costs about 100 µs, so a worker takes as many items as a slice has room for and
//! appends their frames to a buffer that the event loop's thread takes. The rules:
//!
//! * a frame that is ready is never kept while `next()` may block: if the loop's thread has
//!   nothing to do for this stream it is woken after the frame;
//! * if it has, it is not woken: it comes back for more by itself;
//! * the worker goes back to its pool when the slice is used, when the buffer is full, or when it
//!   is asked to stop;
//! * no lock is held while Python code runs.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyIterator};
use pyo3::{PyTraverseError, PyVisit};

use crate::clock::Since;
use crate::drive::{Outcome, SIZE_BUDGET};
use crate::framer::Framer;

/// How long a worker stays: below the interpreter's switch interval (5 ms), so that the loop's
/// thread is not kept waiting for the GIL, and long beside a thread hop.
const SLICE: Duration = Duration::from_millis(2);

/// Drives one stream's sync iterator; its steps never overlap (private).
#[pyclass(frozen, module = "eventwire._core")]
pub(crate) struct Slicer {
    iterable: Py<PyAny>,
    iterator: PyOnceLock<Py<PyIterator>>,
    framer: Framer,
    shared: Mutex<Shared>,
    stop: AtomicBool,
    coalesce: bool,
}

/// What the two threads share.
#[derive(Default)]
struct Shared {
    frames: Vec<u8>,
    /// Where each frame ends, if they are to be taken one by one.
    ends: VecDeque<usize>,
    /// The loop's thread will not come by itself: wake it.
    idle: bool,
}

#[pymethods]
impl Slicer {
    #[new]
    #[pyo3(signature = (iterable, encoder, *, frames_are="nothing", invalid=None, coalesce=true))]
    fn new(
        iterable: Py<PyAny>,
        encoder: &Bound<'_, PyAny>,
        frames_are: &str,
        invalid: Option<Py<PyAny>>,
        coalesce: bool,
    ) -> PyResult<Self> {
        Ok(Self {
            iterable,
            iterator: PyOnceLock::new(),
            framer: Framer::new(encoder, frames_are, invalid)?,
            shared: Mutex::new(Shared {
                idle: true,
                ..Shared::default()
            }),
            stop: AtomicBool::new(false),
            coalesce,
        })
    }

    /// Runs one slice, in a worker thread; `wake` is called when frames are ready and the loop's
    /// thread is idle.
    ///
    /// Returns `Outcome.END` or `Outcome.BUDGET`; an exception of the iterator or of the encoder is
    /// raised, and the frames before it stay.
    fn run<'py>(&self, wake: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = wake.py();
        let since = Since::now();
        let mut iterator = self
            .iterator
            .get_or_try_init(py, || self.iterable.bind(py).try_iter().map(Bound::unbind))?
            .bind(py)
            .clone();
        let mut frame = Vec::new();
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Outcome::BUDGET.bound(py);
            }
            let Some(item) = iterator.next() else {
                return Outcome::END.bound(py);
            };
            frame.clear();
            self.framer
                .append(&mut frame, &item?)
                .map_err(|error| not_the_end(py, error))?;
            let (full, idle) = {
                let mut shared = self.shared();
                shared.frames.extend_from_slice(&frame);
                if !self.coalesce && !frame.is_empty() {
                    let end = shared.frames.len();
                    shared.ends.push_back(end);
                }
                let idle = std::mem::take(&mut shared.idle);
                (shared.frames.len() >= SIZE_BUDGET, idle)
            };
            if idle {
                wake.call0()?;
            }
            if full || since.has_passed(SLICE) {
                return Outcome::BUDGET.bound(py);
            }
        }
    }

    /// The frames gathered so far as one `bytes`, or the first of them; None, and from then on the caller is idle, if
    /// there are none.
    fn take<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let frames = {
            let mut shared = self.shared();
            if shared.frames.is_empty() {
                shared.idle = true;
                return None;
            }
            match shared.ends.pop_front() {
                None => std::mem::take(&mut shared.frames),
                Some(end) => {
                    let first = shared.frames.drain(..end).collect();
                    shared.ends.iter_mut().for_each(|later| *later -= end);
                    first
                }
            }
        };
        Some(PyBytes::new(py, &frames))
    }

    /// Ends the slice under way as soon as its step ends, and any later one at once.
    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Closes the iterator if it is a generator. No slice may be under way.
    ///
    /// Others, for example files, belong to whoever opened them.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        static GENERATOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let target = match self.iterator.get(py) {
            Some(iterator) => iterator.bind(py).as_any(),
            None => self.iterable.bind(py),
        };
        let generator = GENERATOR.import(py, "collections.abc", "Generator")?;
        if target.is_instance(generator)? {
            target.call_method0("close")?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.iterable)?;
        self.framer.traverse(&visit)
    }
}

impl Slicer {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An encoder's `StopIteration` must not pass for the iterator's (PEP 479).
fn not_the_end(py: Python<'_>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyStopIteration>(py) {
        return error;
    }
    let outer = PyRuntimeError::new_err("encoding an item raised StopIteration");
    outer.set_cause(py, Some(error));
    outer
}
