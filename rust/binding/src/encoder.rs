//! One item in, one whole frame out.

use eventwire_core::Frame;
use pyo3::exceptions::{PyTypeError, PyUnicodeDecodeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit, intern};

use crate::event::{Fields, ServerSentEvent, is_fastapi_event};

/// Encodes items as server-sent events: `Encoder(item_type).encode(item) -> bytes`.
///
/// Immutable and shared: one serves every stream of a route, from any thread.
#[pyclass(frozen, module = "eventwire")]
pub(crate) struct Encoder {
    /// `pydantic.TypeAdapter` of the declared item type, with the options of its `dump_json`.
    declared: Option<Declared>,
    /// Called as `(value) -> str | bytes` for items without a declared type; `None`: compact.
    item_json: Option<Py<PyAny>>,
    /// The same for the `data` of an event object.
    event_json: Option<Py<PyAny>>,
}

struct Declared {
    adapter: Py<PyAny>,
    options: Option<Py<PyDict>>,
}

/// What an item that failed validation turns into: `(item, pydantic.ValidationError) -> exception`.
pub(crate) type Invalid<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

#[pymethods]
impl Encoder {
    #[new]
    #[pyo3(signature = (item_type=None))]
    fn new(py: Python<'_>, item_type: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        static ADAPTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let declared = match item_type {
            None => None,
            Some(item_type) => Some(Declared {
                adapter: ADAPTER
                    .import(py, "pydantic", "TypeAdapter")?
                    .call1((item_type,))?
                    .unbind(),
                options: None,
            }),
        };
        Ok(Self {
            declared,
            item_json: None,
            event_json: None,
        })
    }

    /// An encoder whose JSON forms an integration chooses (private).
    #[staticmethod]
    #[pyo3(name = "_for_route", signature = (*, adapter, dump_options, item_json, event_json))]
    fn for_route(
        adapter: Option<Py<PyAny>>,
        dump_options: Py<PyDict>,
        item_json: Py<PyAny>,
        event_json: Py<PyAny>,
    ) -> Self {
        Self {
            declared: adapter.map(|adapter| Declared {
                adapter,
                options: Some(dump_options),
            }),
            item_json: Some(item_json),
            event_json: Some(event_json),
        }
    }

    /// One whole frame.
    fn encode<'py>(&self, item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let mut frame = Vec::with_capacity(128);
        self.append(&mut frame, item, None)?;
        Ok(PyBytes::new(item.py(), &frame))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(declared) = &self.declared {
            visit.call(&declared.adapter)?;
            visit.call(&declared.options)?;
        }
        visit.call(&self.item_json)?;
        visit.call(&self.event_json)
    }
}

impl Encoder {
    /// Appends one whole frame, or returns the error with the buffer as it was.
    pub(crate) fn append<'py>(
        &self,
        buffer: &mut Vec<u8>,
        item: &Bound<'py, PyAny>,
        invalid: Invalid<'_, 'py>,
    ) -> PyResult<()> {
        let py = item.py();
        if let Ok(event) = item.cast::<ServerSentEvent>() {
            return self.append_event(buffer, &event.get().fields(py));
        }
        if is_fastapi_event(item)? {
            return self.append_event(buffer, &Fields::of(item)?);
        }
        let json = match &self.declared {
            Some(declared) => declared.json(item, invalid)?,
            None => json(self.item_json.as_ref(), item)?,
        };
        let mut frame = Frame::begin(buffer);
        frame.data(json_text(&json)?);
        frame.end();
        Ok(())
    }

    fn append_event(&self, buffer: &mut Vec<u8>, fields: &Fields<'_>) -> PyResult<()> {
        if let Some(raw) = &fields.raw_data {
            return fields.write(buffer, Some(crate::event::text("raw_data", raw)?));
        }
        match &fields.data {
            None => fields.write(buffer, None),
            Some(data) => {
                let json = json(self.event_json.as_ref(), data)?;
                fields.write(buffer, Some(json_text(&json)?))
            }
        }
    }
}

impl Declared {
    /// Validates as FastAPI validates a stream's item, then serializes as the declared type.
    ///
    /// The adapter's validator and serializer are looked up each time: Pydantic replaces them
    /// when a model with deferred or forward references is completed.
    fn json<'py>(
        &self,
        item: &Bound<'py, PyAny>,
        invalid: Invalid<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static FROM_ATTRIBUTES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
        let py = item.py();
        let from_attributes = FROM_ATTRIBUTES.get_or_try_init(py, || {
            let keywords = PyDict::new(py);
            keywords.set_item("from_attributes", true)?;
            Ok::<_, PyErr>(keywords.unbind())
        })?;
        let adapter = self.adapter.bind(py);
        let value = adapter
            .getattr(intern!(py, "validator"))?
            .call_method(
                intern!(py, "validate_python"),
                (item,),
                Some(from_attributes.bind(py)),
            )
            .or_else(|error| Err(translate(item, error, invalid)?))?;
        adapter.getattr(intern!(py, "serializer"))?.call_method(
            intern!(py, "to_json"),
            (value,),
            self.options.as_ref().map(|options| options.bind(py)),
        )
    }
}

/// The integration's exception for an invalid item; any other error passes.
fn translate<'py>(
    item: &Bound<'py, PyAny>,
    error: PyErr,
    invalid: Invalid<'_, 'py>,
) -> PyResult<PyErr> {
    static VALIDATION_ERROR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = item.py();
    let Some(invalid) = invalid else {
        return Ok(error);
    };
    let class = VALIDATION_ERROR.import(py, "pydantic_core", "ValidationError")?;
    if !error.value(py).is_instance(class)? {
        return Ok(error);
    }
    Ok(PyErr::from_value(invalid.call1((item, error.value(py)))?))
}

/// JSON by the given callable, else compact: what `pydantic_core.to_json` writes, non-finite
/// floats as null.
fn json<'py>(writer: Option<&Py<PyAny>>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static TO_JSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static OPTIONS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let py = value.py();
    if let Some(writer) = writer {
        return writer.bind(py).call1((value,));
    }
    let to_json = TO_JSON.import(py, "pydantic_core", "to_json")?;
    let options = OPTIONS.get_or_try_init(py, || {
        let keywords = PyDict::new(py);
        keywords.set_item("by_alias", true)?;
        keywords.set_item("inf_nan_mode", "null")?;
        Ok::<_, PyErr>(keywords.unbind())
    })?;
    to_json.call((value,), Some(options.bind(py)))
}

/// JSON as text: serializers give `bytes` (UTF-8) or `str`.
fn json_text<'a>(json: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    if let Ok(bytes) = json.cast::<PyBytes>() {
        let bytes = bytes.as_bytes();
        return std::str::from_utf8(bytes)
            .map_err(|error| PyUnicodeDecodeError::new_err_from_utf8(json.py(), bytes, error));
    }
    match json.cast::<PyString>() {
        Ok(text) => text.to_str(),
        Err(_) => Err(PyTypeError::new_err(
            "a JSON serializer must return str or bytes",
        )),
    }
}
