//! The native `ServerSentEvent`, and how the fields of any event object become a frame.

use eventwire_core::{EventId, EventName, Frame, Retry};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyInt, PyString, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit, intern};

use crate::error::field_error;
use crate::raw::instance_dict;

/// One server-sent event. Immutable; only keyword arguments.
///
/// `None` means "no such field". `data` is written as JSON, `raw_data` as it stands.
#[pyclass(frozen, module = "eventwire")]
pub(crate) struct ServerSentEvent {
    data: Py<PyAny>,
    raw_data: Option<Py<PyString>>,
    event: Option<Py<PyString>>,
    id: Option<Py<PyString>>,
    retry: Option<Py<PyInt>>,
    comment: Option<Py<PyString>>,
}

/// The field names, in the order in which `repr` and equality look at them.
const FIELDS: [&str; 6] = ["data", "raw_data", "event", "id", "retry", "comment"];

#[pymethods]
impl ServerSentEvent {
    #[new]
    #[pyo3(signature = (*, data=None, raw_data=None, event=None, id=None, retry=None, comment=None))]
    fn new<'py>(
        py: Python<'py>,
        data: Option<Bound<'py, PyAny>>,
        raw_data: Option<Bound<'py, PyAny>>,
        event: Option<Bound<'py, PyAny>>,
        id: Option<Bound<'py, PyAny>>,
        retry: Option<Bound<'py, PyAny>>,
        comment: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        static MODEL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let data = data.unwrap_or_else(|| py.None().into_bound(py));
        if let Some(event) = Self::from_exact(
            &data,
            raw_data.as_ref(),
            event.as_ref(),
            id.as_ref(),
            retry.as_ref(),
            comment.as_ref(),
        ) {
            return Ok(event);
        }
        // Not plainly legal: Pydantic decides, with its conversions and its error messages.
        let fields = PyDict::new(py);
        fields.set_item(intern!(py, "data"), data)?;
        fields.set_item(intern!(py, "raw_data"), raw_data)?;
        fields.set_item(intern!(py, "event"), event)?;
        fields.set_item(intern!(py, "id"), id)?;
        fields.set_item(intern!(py, "retry"), retry)?;
        fields.set_item(intern!(py, "comment"), comment)?;
        let model = MODEL.import(py, "eventwire._event_model", "ServerSentEvent")?;
        let checked = model.call((), Some(&fields))?;
        Ok(Self {
            data: checked.getattr(intern!(py, "data"))?.unbind(),
            raw_data: checked.getattr(intern!(py, "raw_data"))?.extract()?,
            event: checked.getattr(intern!(py, "event"))?.extract()?,
            id: checked.getattr(intern!(py, "id"))?.extract()?,
            retry: checked.getattr(intern!(py, "retry"))?.extract()?,
            comment: checked.getattr(intern!(py, "comment"))?.extract()?,
        })
    }

    /// The payload, written as JSON; `None`: no data field.
    #[getter]
    fn data(&self, py: Python<'_>) -> Py<PyAny> {
        self.data.clone_ref(py)
    }

    /// Text written to the data field as it stands.
    #[getter]
    fn raw_data(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.raw_data.as_ref().map(|value| value.clone_ref(py))
    }

    /// The event's name; a client takes none or an empty one for `message`.
    #[getter]
    fn event(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.event.as_ref().map(|value| value.clone_ref(py))
    }

    /// What a client sends back as `Last-Event-ID` when it reconnects.
    #[getter]
    fn id(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.id.as_ref().map(|value| value.clone_ref(py))
    }

    /// Reconnection time in milliseconds.
    #[getter]
    fn retry(&self, py: Python<'_>) -> Option<Py<PyInt>> {
        self.retry.as_ref().map(|value| value.clone_ref(py))
    }

    /// Comment lines, which a client ignores.
    #[getter]
    fn comment(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.comment.as_ref().map(|value| value.clone_ref(py))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let mut text = String::from("ServerSentEvent(");
        for (position, name) in FIELDS.iter().enumerate() {
            if position > 0 {
                text.push_str(", ");
            }
            text.push_str(name);
            text.push('=');
            text.push_str(&slf.getattr(*name)?.repr()?.to_string_lossy());
        }
        text.push(')');
        Ok(text)
    }

    fn __eq__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let Ok(other) = other.cast::<Self>() else {
            return Ok(py.NotImplemented());
        };
        for name in FIELDS {
            if !slf.getattr(name)?.eq(other.getattr(name)?)? {
                return Ok(false.into_pyobject(py)?.to_owned().into_any().unbind());
            }
        }
        Ok(true.into_pyobject(py)?.to_owned().into_any().unbind())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let fields = PyDict::new(py);
        for name in FIELDS {
            fields.set_item(name, slf.getattr(name)?)?;
        }
        let rebuild = py
            .import(intern!(py, "eventwire._event_model"))?
            .getattr("rebuild")?;
        (rebuild, (fields,)).into_pyobject(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The other fields are exact str and int: they refer to nothing.
        visit.call(&self.data)
    }
}

impl ServerSentEvent {
    /// The event, if every field is of the exact type and legal; no Python code runs.
    fn from_exact(
        data: &Bound<'_, PyAny>,
        raw_data: Option<&Bound<'_, PyAny>>,
        event: Option<&Bound<'_, PyAny>>,
        id: Option<&Bound<'_, PyAny>>,
        retry: Option<&Bound<'_, PyAny>>,
        comment: Option<&Bound<'_, PyAny>>,
    ) -> Option<Self> {
        if raw_data.is_some() && !data.is_none() {
            return None;
        }
        let event = exact_str(event)?;
        if let Some(name) = &event {
            EventName::new(name.to_str().ok()?).ok()?;
        }
        let id = exact_str(id)?;
        if let Some(id) = &id {
            EventId::new(id.to_str().ok()?).ok()?;
        }
        let retry = match retry {
            None => None,
            Some(value) => {
                let millis = value.cast_exact::<PyInt>().ok()?;
                millis.extract::<u64>().ok()?;
                Some(millis.clone().unbind())
            }
        };
        Some(Self {
            data: data.clone().unbind(),
            raw_data: exact_str(raw_data)?.map(Bound::unbind),
            event: event.map(Bound::unbind),
            id: id.map(Bound::unbind),
            retry,
            comment: exact_str(comment)?.map(Bound::unbind),
        })
    }

    /// Borrows the fields for writing.
    pub(crate) fn fields<'py>(&self, py: Python<'py>) -> Fields<'py> {
        fn any<'py, T>(py: Python<'py>, value: Option<&Py<T>>) -> Option<Bound<'py, PyAny>> {
            value.map(|value| value.clone_ref(py).into_bound(py).into_any())
        }
        Fields {
            data: Some(self.data.clone_ref(py).into_bound(py)).filter(|data| !data.is_none()),
            raw_data: any(py, self.raw_data.as_ref()),
            event: any(py, self.event.as_ref()),
            id: any(py, self.id.as_ref()),
            retry: any(py, self.retry.as_ref()),
            comment: any(py, self.comment.as_ref()),
        }
    }
}

/// `Some(None)` for an absent field, `None` for anything but an exact `str`.
#[expect(
    clippy::option_option,
    reason = "absent and unusable are different answers"
)]
fn exact_str<'py>(value: Option<&Bound<'py, PyAny>>) -> Option<Option<Bound<'py, PyString>>> {
    match value {
        None => Some(None),
        Some(value) => value
            .cast_exact::<PyString>()
            .ok()
            .map(|text| Some(text.clone())),
    }
}

/// The fields of an event object, as Python gave them: nothing about them is trusted.
pub(crate) struct Fields<'py> {
    pub(crate) data: Option<Bound<'py, PyAny>>,
    pub(crate) raw_data: Option<Bound<'py, PyAny>>,
    pub(crate) event: Option<Bound<'py, PyAny>>,
    pub(crate) id: Option<Bound<'py, PyAny>>,
    pub(crate) retry: Option<Bound<'py, PyAny>>,
    pub(crate) comment: Option<Bound<'py, PyAny>>,
}

impl<'py> Fields<'py> {
    /// Reads the fields of FastAPI's event.
    ///
    /// Of FastAPI's own class from the instance's `__dict__`: six attribute accesses through
    /// Pydantic's `__getattr__` would cost 0.2 µs. A subclass may have properties.
    pub(crate) fn of(item: &Bound<'py, PyAny>, own: bool) -> PyResult<Self> {
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
            Ok(if value.is_none() { None } else { Some(value) })
        };
        Ok(Self {
            data: read(intern!(py, "data"))?,
            raw_data: read(intern!(py, "raw_data"))?,
            event: read(intern!(py, "event"))?,
            id: read(intern!(py, "id"))?,
            retry: read(intern!(py, "retry"))?,
            comment: read(intern!(py, "comment"))?,
        })
    }

    /// Appends the frame; `data` writes the payload's lines.
    pub(crate) fn write(
        &self,
        buffer: &mut Vec<u8>,
        data: impl FnOnce(&mut Frame<'_>) -> PyResult<bool>,
    ) -> PyResult<()> {
        self.try_write(buffer, data).map(|_| ())
    }

    /// The same, but when `data` returns false there is no frame, and the buffer is as it was.
    ///
    /// Legality is checked here, on what is written, and not only when the event was made:
    /// attributes of Pydantic models change and `model_construct` skips validators. On an
    /// error the buffer is as it was, too.
    pub(crate) fn try_write(
        &self,
        buffer: &mut Vec<u8>,
        data: impl FnOnce(&mut Frame<'_>) -> PyResult<bool>,
    ) -> PyResult<bool> {
        let mut frame = Frame::begin(buffer);
        if let Some(comment) = &self.comment {
            frame.comment(text("comment", comment)?);
        }
        if let Some(event) = &self.event {
            frame.event(EventName::new(text("event", event)?).map_err(field_error)?);
        }
        if !data(&mut frame)? {
            return Ok(false);
        }
        if let Some(id) = &self.id {
            frame.id(EventId::new(text("id", id)?).map_err(field_error)?);
        }
        if let Some(retry) = &self.retry {
            let Ok(retry) = retry.cast::<PyInt>() else {
                return Err(PyTypeError::new_err(format!(
                    "SSE 'retry' must be an int (milliseconds), not {}",
                    type_name(retry)
                )));
            };
            if let Ok(millis) = retry.extract::<u64>() {
                frame.retry(Retry::from_millis(millis));
            } else {
                let digits = retry.str()?;
                frame.retry(Retry::from_digits(digits.to_str()?).map_err(field_error)?);
            }
        }
        frame.end();
        Ok(true)
    }
}

/// The text of a field: the characters a `str` holds, whatever its `__str__` says.
pub(crate) fn text<'a>(field: &str, value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    match value.cast::<PyString>() {
        Ok(text) => text.to_str(),
        Err(_) => Err(PyTypeError::new_err(format!(
            "SSE '{field}' must be a str, not {}",
            type_name(value)
        ))),
    }
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value
        .get_type()
        .name()
        .map_or_else(|_| String::from("?"), |name| name.to_string())
}

/// What a class is to FastAPI's event class.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FastApiEvent {
    /// Exactly that class.
    Own,
    /// A subclass.
    Derived,
    /// Something else.
    No,
    /// Looking at it failed: ask again, for the error.
    Unclear,
}

/// Looks for FastAPI's event class, which exists once `fastapi.sse` was imported by anybody.
///
/// The root package never imports FastAPI, yet a plain Starlette route may yield FastAPI's
/// events; until the module is there no class can be one. So the answer for a class never changes.
pub(crate) fn event_kind(class: &Bound<'_, PyType>) -> PyResult<FastApiEvent> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let py = class.py();
    let fastapis = if let Some(fastapis) = CLASS.get(py) {
        fastapis
    } else {
        let modules: &Bound<'_, PyDict> = MODULES.import(py, "sys", "modules")?;
        let Some(module) = modules.get_item(intern!(py, "fastapi.sse"))? else {
            return Ok(FastApiEvent::No);
        };
        // Absent while the module is half imported.
        let Some(found) = module.getattr_opt(intern!(py, "ServerSentEvent"))? else {
            return Ok(FastApiEvent::No);
        };
        CLASS.get_or_try_init(py, || Ok::<_, PyErr>(found.cast_into::<PyType>()?.unbind()))?
    };
    if class.is(fastapis) {
        return Ok(FastApiEvent::Own);
    }
    // The MRO, not issubclass: older metaclasses of Pydantic answer that in Python.
    let derived = class.mro().iter().any(|base| base.is(fastapis));
    Ok(if derived {
        FastApiEvent::Derived
    } else {
        FastApiEvent::No
    })
}
