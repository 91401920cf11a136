//! Which classes are event classes, and where the fields of their objects are.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyType};

use super::fields::Fields;
use super::native::ServerSentEvent;
use super::sse_starlette::normal;
use crate::raw::instance_dict;
use crate::template::TemplatedEvent;

/// What the objects of a class are; depends on nothing but the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// No events.
    No,
    /// Our native events.
    Native,
    /// Events made by a template.
    Templated,
    /// FastAPI's events, of its own class or of our subclass of it.
    FastApi,
    /// The same, of a subclass that may have anything behind the fields' names.
    FastApiDerived,
    /// sse-starlette's events, or those of our drop-in for it.
    SseStarlette,
    /// The same, of a subclass with an `encode` of its own.
    SseStarletteEncoding,
}

/// What an event object turns into.
pub(crate) enum Event<'py> {
    /// Fields, to be checked when they are written.
    Fields(Fields<'py>),
    /// A frame that a foreign class has made.
    Frame(Bound<'py, PyBytes>),
}

/// What an object turns into whose class is of this kind.
pub(crate) fn event_of<'py>(
    item: &Bound<'py, PyAny>,
    kind: EventKind,
) -> PyResult<Option<Event<'py>>> {
    let fields = match kind {
        EventKind::No => return Ok(None),
        EventKind::Native => item
            .cast_exact::<ServerSentEvent>()?
            .get()
            .fields(item.py()),
        EventKind::Templated => item
            .cast_exact::<TemplatedEvent>()?
            .get()
            .fields(item.py())?,
        EventKind::FastApi => fastapi_fields(item, true)?,
        EventKind::FastApiDerived => fastapi_fields(item, false)?,
        EventKind::SseStarlette => sse_starlette_fields(item)?,
        EventKind::SseStarletteEncoding => {
            return Ok(Some(Event::Frame(sse_starlette_frame(item)?)));
        }
    };
    Ok(Some(Event::Fields(fields)))
}

/// What the objects of `class` are.
///
/// The root package imports neither FastAPI nor sse-starlette, yet a plain Starlette route may
/// yield their events; until their module is there no object can be one.
pub(crate) fn event_kind(class: &Bound<'_, PyType>) -> PyResult<EventKind> {
    static FASTAPI: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static SSE_STARLETTE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static OUR_SSE_STARLETTE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = class.py();
    if class.is(py.get_type::<ServerSentEvent>()) {
        return Ok(EventKind::Native);
    }
    if class.is(py.get_type::<TemplatedEvent>()) {
        return Ok(EventKind::Templated);
    }
    if let Some(base) = imported(&FASTAPI, intern!(py, "fastapi.sse"), py)?
        && is_subclass(class, base)
    {
        return Ok(if class.is(base) || is_our_fastapi_event(class)? {
            EventKind::FastApi
        } else {
            EventKind::FastApiDerived
        });
    }
    for base in [
        imported(
            &OUR_SSE_STARLETTE,
            intern!(py, "eventwire.sse_starlette.event"),
            py,
        )?,
        imported(&SSE_STARLETTE, intern!(py, "sse_starlette.event"), py)?,
    ] {
        if let Some(base) = base
            && is_subclass(class, base)
        {
            let encode = intern!(py, "encode");
            return Ok(if class.getattr(encode)?.is(base.getattr(encode)?) {
                EventKind::SseStarlette
            } else {
                EventKind::SseStarletteEncoding
            });
        }
    }
    Ok(EventKind::No)
}

/// Whether it is exactly `eventwire.fastapi.ServerSentEvent`.
pub(super) fn is_our_fastapi_event(class: &Bound<'_, PyType>) -> PyResult<bool> {
    static OURS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = class.py();
    let ours = imported(&OURS, intern!(py, "eventwire._fastapi_event"), py)?;
    Ok(ours.is_some_and(|ours| class.is(ours)))
}

/// The `ServerSentEvent` of a module, once somebody has imported that.
fn imported<'py>(
    class: &'static PyOnceLock<Py<PyType>>,
    module: &Bound<'py, PyString>,
    py: Python<'py>,
) -> PyResult<Option<&'py Bound<'py, PyType>>> {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    if let Some(class) = class.get(py) {
        return Ok(Some(class.bind(py)));
    }
    let modules: &Bound<'_, PyDict> = MODULES.import(py, "sys", "modules")?;
    let Some(module) = modules.get_item(module)? else {
        return Ok(None);
    };
    // Absent while the module is half imported.
    let Some(found) = module.getattr_opt(intern!(py, "ServerSentEvent"))? else {
        return Ok(None);
    };
    let class =
        class.get_or_try_init(py, || Ok::<_, PyErr>(found.cast_into::<PyType>()?.unbind()))?;
    Ok(Some(class.bind(py)))
}

/// By the MRO, not `issubclass`: older metaclasses of Pydantic answer that in Python.
fn is_subclass(class: &Bound<'_, PyType>, base: &Bound<'_, PyType>) -> bool {
    class.is(base) || class.mro().iter().any(|one| one.is(base))
}

/// Reads the fields of FastAPI's event.
///
/// Of FastAPI's own class and ours from the instance's `__dict__`: six attribute accesses through
/// Pydantic's `__getattr__` would cost 0.2 µs. A subclass may have properties.
fn fastapi_fields<'py>(item: &Bound<'py, PyAny>, own: bool) -> PyResult<Fields<'py>> {
    let py = item.py();
    let attributes = if own { instance_dict(item) } else { None };
    let read = |name: &Bound<'py, PyString>| -> PyResult<Option<Bound<'py, PyAny>>> {
        let known = match &attributes {
            Some(attributes) => attributes.get_item(name)?,
            None => None,
        };
        let value = match known {
            Some(value) => value,
            None => item.getattr(name)?,
        };
        Ok(Some(value).filter(|value| !value.is_none()))
    };
    Ok(Fields {
        data: read(intern!(py, "data"))?,
        raw_data: read(intern!(py, "raw_data"))?,
        event: read(intern!(py, "event"))?,
        id: read(intern!(py, "id"))?,
        retry: read(intern!(py, "retry"))?,
        comment: read(intern!(py, "comment"))?,
    })
}

/// Reads the fields of sse-starlette's event, and makes of them what its `encode` does.
fn sse_starlette_fields<'py>(item: &Bound<'py, PyAny>) -> PyResult<Fields<'py>> {
    let py = item.py();
    let read = |name: &Bound<'py, PyString>| -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(Some(item.getattr(name)?).filter(|value| !value.is_none()))
    };
    normal(
        read(intern!(py, "data"))?,
        read(intern!(py, "event"))?,
        read(intern!(py, "id"))?,
        read(intern!(py, "retry"))?,
        read(intern!(py, "comment"))?,
    )
}

/// The frame of a class with an `encode` of its own: only that knows what its fields mean.
fn sse_starlette_frame<'py>(item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let encoded = item.call_method0(intern!(item.py(), "encode"))?;
    let Ok(frame) = encoded.cast::<PyBytes>() else {
        return Err(PyTypeError::new_err(format!(
            "{}.encode() must return bytes",
            item.get_type().name()?
        )));
    };
    let bytes = frame.as_bytes();
    let whole = [&b"\n\n"[..], b"\r\r", b"\r\n\r\n"];
    if bytes.is_empty() || whole.iter().any(|end| bytes.ends_with(end)) {
        return Ok(frame.clone());
    }
    Err(PyValueError::new_err(format!(
        "{}.encode() must end with a blank line, or the next event becomes a part of this one",
        item.get_type().name()?
    )))
}
