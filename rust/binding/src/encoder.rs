//! One item in, one whole frame out.
//!
//! Every item has a general path, whose result *is* the right one: Pydantic's validator and
//! serializer, `pydantic_core.to_json`, or FastAPI's `jsonable_encoder`. Before it stands a fast
//! path (see [`crate::value`]) that either writes the same bytes or leaves no trace.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use eventwire_core::Frame;
use pyo3::exceptions::{PyTypeError, PyUnicodeDecodeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};

use crate::event::{Event, Fields, event_of};
use crate::path::{Declared, Invalid, Json, unless_exception};
use crate::value::Wrote;

/// Encodes items as server-sent events: `Encoder(item_type).encode(item) -> bytes`.
///
/// Immutable and shared: one serves every stream of a route, from any thread.
#[pyclass(frozen, module = "eventwire")]
pub(crate) struct Encoder {
    declared: Option<Declared>,
    /// Items without a declared type.
    items: Json,
    /// The `data` of event objects.
    data: Json,
}

thread_local! {
    /// The buffer of `encode`, so that it allocates nothing but its result.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer that has grown past this is given back.
const SCRATCH_CAPACITY: usize = 64 * 1024;

#[pymethods]
impl Encoder {
    #[new]
    #[pyo3(signature = (item_type=None))]
    fn new(py: Python<'_>, item_type: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        static ADAPTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let declared = match item_type {
            None => None,
            Some(item_type) => {
                let adapter = ADAPTER
                    .import(py, "pydantic", "TypeAdapter")?
                    .call1((item_type,))?;
                let keywords = PyDict::new(py);
                keywords.set_item("by_alias", true)?;
                Some(Declared::new(py, adapter.unbind(), keywords.unbind())?)
            }
        };
        Ok(Self {
            declared,
            items: Json::Compact,
            data: Json::Compact,
        })
    }

    /// An encoder for a FastAPI route (private).
    #[staticmethod]
    #[pyo3(name = "_for_route", signature = (*, adapter, dump_options, item_json, event_json))]
    fn for_route(
        py: Python<'_>,
        adapter: Option<Py<PyAny>>,
        dump_options: Py<PyDict>,
        item_json: Py<PyAny>,
        event_json: Py<PyAny>,
    ) -> PyResult<Self> {
        let declared = match adapter {
            None => None,
            Some(adapter) => Some(Declared::new(py, adapter, dump_options)?),
        };
        Ok(Self {
            declared,
            items: Json::Spaced(item_json),
            data: Json::EventData(event_json),
        })
    }

    /// One whole frame.
    fn encode<'py>(&self, item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        // Taken, not borrowed: a custom serializer may encode something itself.
        let mut frame = SCRATCH.take();
        let result = self.append(&mut frame, item, None);
        let encoded = result.map(|()| PyBytes::new(item.py(), &frame));
        if frame.capacity() <= SCRATCH_CAPACITY {
            frame.clear();
            SCRATCH.set(frame);
        }
        encoded
    }

    /// What the declared type was compiled to, part by part.
    fn describe(&self, py: Python<'_>) -> PyResult<String> {
        let Some(declared) = &self.declared else {
            return Ok("item: no declared type; classes are compiled as they come\n".to_owned());
        };
        if declared.options.is_none() {
            return Ok("item: general path: include, exclude or exclude_defaults\n".to_owned());
        }
        let adapter = declared.adapter.bind(py);
        if let Some(rebuild) = adapter.getattr_opt("rebuild")? {
            // A lazily built type; one that cannot be built yet says so below.
            let keywords = PyDict::new(py);
            keywords.set_item("raise_errors", false)?;
            let _ = rebuild.call((), Some(&keywords));
        }
        Ok(match declared.plan(py)? {
            None => "item: general path: not built yet, or an unknown form of schema\n".to_owned(),
            Some(plan) => plan.describe(),
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(declared) = &self.declared {
            visit.call(&declared.adapter)?;
            visit.call(&declared.keywords)?;
        }
        visit.call(self.items.fallback())?;
        visit.call(self.data.fallback())
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
        match event_of(item)? {
            Some(Event::Fields(fields)) => return self.append_event(buffer, &fields),
            Some(Event::Frame(frame)) => {
                buffer.extend_from_slice(frame.as_bytes());
                return Ok(());
            }
            None => {}
        }
        let json = match &self.declared {
            None => {
                if write_frame(buffer, |buffer| self.items.write(buffer, item))? {
                    return Ok(());
                }
                self.items.json(item)
            }
            Some(declared) => {
                let plan = declared.plan(py)?;
                let as_it_is = plan.is_some_and(|plan| plan.takes_unvalidated(item));
                let value = if as_it_is {
                    item.clone()
                } else {
                    declared.validate(item, invalid)?
                };
                if write_frame(buffer, |buffer| declared.write(buffer, plan, &value))? {
                    return Ok(());
                }
                // What is written as it is was not validated yet.
                let value = if as_it_is {
                    declared.validate(item, invalid)?
                } else {
                    value
                };
                declared.json(&value)
            }
        };
        let json = json.map_err(|error| unless_exception(py, error))?;
        let mut frame = Frame::begin(buffer);
        frame.data(json_text(&json)?);
        frame.end();
        Ok(())
    }

    fn append_event(&self, buffer: &mut Vec<u8>, fields: &Fields<'_>) -> PyResult<()> {
        if let Some(raw) = &fields.raw_data {
            let raw = crate::event::text("raw_data", raw)?;
            return fields.write(buffer, |frame| {
                frame.data(raw);
                Ok(true)
            });
        }
        let Some(data) = &fields.data else {
            return fields.write(buffer, |_| Ok(true));
        };
        let whole = fields.try_write(buffer, |frame| {
            let wrote = frame.data_line(|buffer| unless_panic(|| self.data.write(buffer, data)))?;
            Ok(wrote == Wrote::Value)
        })?;
        if whole {
            return Ok(());
        }
        let json = self
            .data
            .json(data)
            .map_err(|error| unless_exception(data.py(), error))?;
        let json = json_text(&json)?;
        fields.write(buffer, |frame| {
            frame.data(json);
            Ok(true)
        })
    }
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

/// Appends a frame with one line of data, if the fast path writes that; else the buffer is as it
/// was.
fn write_frame(
    buffer: &mut Vec<u8>,
    json: impl FnOnce(&mut Vec<u8>) -> PyResult<Wrote>,
) -> PyResult<bool> {
    let mut frame = Frame::begin(buffer);
    let wrote = frame.data_line(|buffer| unless_panic(|| json(buffer)))?;
    if wrote == Wrote::Value {
        frame.end();
    }
    Ok(wrote == Wrote::Value)
}

/// Runs a fast path; a panic in it leaves the item to the general path.
///
/// PyO3's iterators panic when a container changes while it is read, which takes another thread,
/// or a finalizer run by the garbage collector. What a panic may leave half done is the buffer,
/// and the caller truncates that.
fn unless_panic(write: impl FnOnce() -> PyResult<Wrote>) -> PyResult<Wrote> {
    catch_unwind(AssertUnwindSafe(write)).unwrap_or(Ok(Wrote::Unknown))
}
