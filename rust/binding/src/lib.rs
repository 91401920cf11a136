//! `eventwire._core`: the binding between the framing core and Python.
//!
//! A function here converts its arguments, calls the core (or pydantic-core, for JSON) and maps
//! the error; policy, defaults and everything asynchronous live in the Python package.
//!
//! * [`event`] – the native `ServerSentEvent`, and the fields of any event object
//! * [`encoder`] – one item in, one whole frame out
//! * [`clock`] – the time that a stream has used
//! * [`drive`] – advances an async iterator until it suspends, framing what it yields
//! * [`slice`] – the same for a sync iterator, in worker threads
//! * [`template`] – events of which most is encoded beforehand
//! * [`path`] – how a value becomes JSON: a fast path and the general one behind it
//! * [`framer`] – what becomes of one item of a stream
//! * [`value`] – values as JSON, from compiled Pydantic schemas
//! * [`raw`] – the only unsafe code
//! * [`error`] – the one place where a core error becomes a Python exception

mod clock;
mod drive;
mod encoder;
mod error;
mod event;
mod framer;
mod path;
mod raw;
mod slice;
mod template;
mod value;

/// The extension module; free of global mutable state, so it declares `gil_used = false`.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    use pyo3::exceptions::PyImportError;
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::drive::{Driver, Outcome};
    #[pymodule_export]
    use crate::encoder::Encoder;
    #[pymodule_export]
    use crate::event::{ServerSentEvent, SseStarletteEncoder, call_natively, format_sse_event};
    #[pymodule_export]
    use crate::slice::Slicer;
    #[pymodule_export]
    use crate::template::{EventTemplate, TemplatedEvent};

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "a Python dunder name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// Refuses a second interpreter.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        if crate::raw::is_main_interpreter(py) {
            crate::raw::call_with_keywords::<ServerSentEvent>(&py.get_type::<ServerSentEvent>());
            return crate::raw::call_instances::<EventTemplate>(py);
        }
        Err(PyImportError::new_err(
            "eventwire cannot be imported in a sub-interpreter: PyO3 does not support them",
        ))
    }
}
