//! Advances an async iterator until it suspends, framing what it yields.
//!
//! Python runs once per *suspension*, not once per event: as long as the generator has items
//! ready, `advance` resumes it again and again and appends their frames to one buffer. The rules:
//!
//! * only whole frames stand in the buffer, in the order of the items;
//! * at most one step of the generator is under way; what it waits for is handed out untouched,
//!   so that the caller's task waits on the very future the generator waits on;
//! * the clock is read after every item: a ready event waits for at most one step of a
//!   generator that blocks without awaiting;
//! * after an error the frames already in the buffer stay there for the caller to send.

use std::time::Duration;

use pyo3::exceptions::{PyStopAsyncIteration, PyStopIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::iterator::PySendResult;
use pyo3::types::{PyBytes, PyIterator};
use pyo3::{PyTraverseError, PyVisit, intern};

use crate::clock::Since;
use crate::framer::Framer;

/// How long items may be gathered before they are sent and other tasks run. With 50 busy
/// streams the loop's latency is 50 times this.
const TIME_BUDGET: Duration = Duration::from_micros(200);
/// How many bytes may be gathered: uvicorn's own high-water mark.
pub(crate) const SIZE_BUDGET: usize = 64 * 1024;
/// A buffer that has grown past this is given back while the stream is idle.
const IDLE_CAPACITY: usize = 4 * 1024;

/// Drives one stream's async iterator; belongs to one task (private).
#[pyclass(module = "eventwire._core")]
pub(crate) struct Driver {
    source: Option<Py<PyAny>>,
    framer: Framer,
    /// The step under way: an iterator over what `__anext__()` waits for.
    step: Option<Py<PyIterator>>,
    /// `source` is exactly an async generator, whose `__anext__()` is its own awaitable.
    is_generator: bool,
    /// The first event leaves at once.
    first: bool,
    frames: Vec<u8>,
}

/// What `advance` and `throw` return when there is nothing to wait for (private).
#[pyclass(frozen, eq, module = "eventwire._core")]
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::upper_case_acronyms, reason = "Python names of enum members")]
pub(crate) enum Outcome {
    /// The iterator is exhausted.
    END,
    /// A budget is used, or one item was asked for; no step is under way.
    BUDGET,
}

/// What a step came to.
enum Step<'py> {
    Waits(Bound<'py, PyAny>),
    Item(Bound<'py, PyAny>),
    End,
}

#[pymethods]
impl Driver {
    #[new]
    #[pyo3(signature = (source, encoder, *, frames_are="nothing", invalid=None))]
    fn new(
        source: &Bound<'_, PyAny>,
        encoder: &Bound<'_, PyAny>,
        frames_are: &str,
        invalid: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        static ASYNC_GENERATOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = source.py();
        let generator = ASYNC_GENERATOR.import(py, "types", "AsyncGeneratorType")?;
        Ok(Self {
            is_generator: source.get_type().is(generator),
            source: Some(source.clone().unbind()),
            framer: Framer::new(encoder, frames_are, invalid)?,
            step: None,
            first: true,
            frames: Vec::new(),
        })
    }

    /// Resumes the iterator with `value` and goes on until it suspends, ends or uses a budget.
    ///
    /// Returns what the iterator waits for (a future, or None for a bare yield), to be yielded
    /// to the event loop by the caller; or `Outcome.END`; or `Outcome.BUDGET`, when no step is
    /// under way. With `hold` it returns after one item. An exception of the iterator or of the
    /// encoder is raised.
    fn advance<'py>(
        &mut self,
        py: Python<'py>,
        value: &Bound<'py, PyAny>,
        hold: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let since = Since::now();
        let step = match self.step.take() {
            Some(step) => send(step.into_bound(py), value, &mut self.step)?,
            None => self.begin(py)?,
        };
        self.run(py, step, since, hold)
    }

    /// Throws `error` into the step under way, then goes on as `advance` does.
    fn throw<'py>(
        &mut self,
        py: Python<'py>,
        error: &Bound<'py, PyAny>,
        hold: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let since = Since::now();
        let Some(step) = self.step.take() else {
            return Err(PyErr::from_value(error.clone()));
        };
        let step = step.into_bound(py);
        // An awaitable may be a plain iterator: then the exception ends the step here (PEP 380).
        let Some(throw) = step.getattr_opt(intern!(py, "throw"))? else {
            return Err(PyErr::from_value(error.clone()));
        };
        let step = match throw.call1((error,)) {
            Ok(waits_for) => {
                self.step = Some(step.unbind());
                Step::Waits(waits_for)
            }
            Err(error) if error.is_instance_of::<PyStopIteration>(py) => {
                Step::Item(error.value(py).getattr(intern!(py, "value"))?)
            }
            Err(error) => ended(py, error)?,
        };
        self.run(py, step, since, hold)
    }

    /// One item as a frame, for a caller that iterates the source itself.
    fn frame<'py>(&mut self, item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let mark = self.frames.len();
        self.framer.append(&mut self.frames, item)?;
        let frame = PyBytes::new(item.py(), &self.frames[mark..]);
        self.frames.truncate(mark);
        Ok(frame)
    }

    /// The frames gathered so far as one `bytes`, or None; the buffer is empty afterwards.
    fn take<'py>(&mut self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        if self.frames.is_empty() {
            return None;
        }
        let frames = PyBytes::new(py, &self.frames);
        self.frames.clear();
        if self.frames.capacity() > IDLE_CAPACITY && self.step.is_some() {
            self.frames.shrink_to(IDLE_CAPACITY);
        }
        Some(frames)
    }

    /// Whether as many bytes have gathered as may.
    #[getter]
    const fn is_full(&self) -> bool {
        self.frames.len() >= SIZE_BUDGET
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.source)?;
        self.framer.traverse(&visit)?;
        visit.call(&self.step)
    }

    fn __clear__(&mut self) {
        self.source = None;
        self.framer.clear();
        self.step = None;
    }
}

impl Driver {
    /// Calls `__anext__()` and resumes what it returns for the first time.
    fn begin<'py>(&mut self, py: Python<'py>) -> PyResult<Step<'py>> {
        static ANEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let Some(source) = &self.source else {
            return Ok(Step::End);
        };
        let step = if self.is_generator {
            // The builtin is one vectorcall, a method call on an async generator two.
            ANEXT
                .import(py, "builtins", "anext")?
                .call1((source.bind(py),))?
                .cast_into()?
        } else {
            match source.bind(py).call_method0(intern!(py, "__anext__")) {
                Ok(awaitable) => await_iter(&awaitable)?,
                // `async for` takes it for the end from the call, too.
                Err(error) => return ended(py, error),
            }
        };
        send(step, &py.None().into_bound(py), &mut self.step)
    }

    fn run<'py>(
        &mut self,
        py: Python<'py>,
        mut step: Step<'py>,
        since: Since,
        hold: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        loop {
            match step {
                Step::Waits(waits_for) => return Ok(waits_for),
                Step::End => return Outcome::END.bound(py),
                Step::Item(item) => self.framer.append(&mut self.frames, &item)?,
            }
            let used = self.frames.len() >= SIZE_BUDGET || since.has_passed(TIME_BUDGET);
            if used || hold || self.first {
                self.first = false;
                return Outcome::BUDGET.bound(py);
            }
            step = self.begin(py)?;
        }
    }
}

impl Outcome {
    /// The member, always the same object: the caller compares by identity.
    pub(crate) fn bound(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        static END: PyOnceLock<Py<Outcome>> = PyOnceLock::new();
        static BUDGET: PyOnceLock<Py<Outcome>> = PyOnceLock::new();
        let (cell, name) = match self {
            Self::END => (&END, "END"),
            Self::BUDGET => (&BUDGET, "BUDGET"),
        };
        let member = cell.get_or_try_init(py, || {
            Ok::<_, PyErr>(
                py.get_type::<Self>()
                    .getattr(name)?
                    .cast_into::<Self>()?
                    .unbind(),
            )
        })?;
        Ok(member.bind(py).clone().into_any())
    }
}

/// Resumes `step`; if it suspends, it is kept in `under_way`.
fn send<'py>(
    step: Bound<'py, PyIterator>,
    value: &Bound<'py, PyAny>,
    under_way: &mut Option<Py<PyIterator>>,
) -> PyResult<Step<'py>> {
    match step.send(value) {
        Ok(PySendResult::Return(item)) => Ok(Step::Item(item)),
        Ok(PySendResult::Next(waits_for)) => {
            *under_way = Some(step.unbind());
            Ok(Step::Waits(waits_for))
        }
        Err(error) => ended(value.py(), error),
    }
}

/// `StopAsyncIteration` is the regular end.
fn ended(py: Python<'_>, error: PyErr) -> PyResult<Step<'_>> {
    if error.is_instance_of::<PyStopAsyncIteration>(py) {
        Ok(Step::End)
    } else {
        Err(error)
    }
}

/// The iterator that `await` would use for this awaitable.
fn await_iter<'py>(awaitable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    let py = awaitable.py();
    if let Some(method) = awaitable.get_type().getattr_opt(intern!(py, "__await__"))? {
        return Ok(method.call1((awaitable,))?.cast_into()?);
    }
    // A generator-based coroutine (`types.coroutine`) is its own iterator.
    awaitable.cast::<PyIterator>().cloned().map_err(|_| {
        PyTypeError::new_err(format!(
            "'async for' received an object from __anext__ that cannot be awaited: {}",
            awaitable.get_type()
        ))
    })
}
