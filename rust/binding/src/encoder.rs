//! One item in, one whole frame out.
//!
//! Every item has a general path, whose result *is* the right one: Pydantic's validator and
//! serializer, `pydantic_core.to_json`, or FastAPI's `jsonable_encoder`. Before it stands a fast
//! path (see [`crate::value`]) that either writes the same bytes or leaves no trace.

use std::borrow::Cow;
use std::cell::Cell;

use eventwire_core::{Frame, json};
use pyo3::exceptions::{PyTypeError, PyUnicodeDecodeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit};

use crate::event::{Event, Fields, event_kind, event_of};
use crate::path::{Declared, Invalid, Json, unless_exception};
use crate::template::TemplatedEvent;
use crate::value::{Wrote, class_of, is_builtin, writing, written};

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
    /// U+0085, U+2028 and U+2029 are escaped in JSON.
    line_safe: bool,
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
    #[pyo3(signature = (item_type=None, *, dialect="compact", escape_line_separators=false, **options))]
    fn new(
        py: Python<'_>,
        item_type: Option<Bound<'_, PyAny>>,
        dialect: &str,
        escape_line_separators: bool,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        static OPTIONS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        static ADAPTER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let (items, data) = match dialect {
            "compact" => (Json::Compact, Json::Compact),
            "spaced" => fastapis(py)?,
            other => {
                return Err(PyValueError::new_err(format!(
                    "dialect must be 'compact' or 'spaced', not {other:?}"
                )));
            }
        };
        let keywords = OPTIONS
            .import(py, "eventwire._options", "dump_options")?
            .call((item_type.is_some(),), options)?
            .cast_into::<PyDict>()?;
        let declared = match item_type {
            None => None,
            Some(item_type) => {
                let adapter = ADAPTER
                    .import(py, "pydantic", "TypeAdapter")?
                    .call1((item_type,))?;
                let spaced = if matches!(items, Json::Compact) {
                    None
                } else {
                    keywords.set_item("mode", "json")?;
                    Some(fastapis(py)?.0)
                };
                Some(Declared::new(
                    py,
                    adapter.unbind(),
                    keywords.unbind(),
                    spaced,
                    escape_line_separators,
                )?)
            }
        };
        Ok(Self {
            declared,
            items,
            data,
            line_safe: escape_line_separators,
        })
    }

    /// An encoder for a FastAPI route (private).
    #[staticmethod]
    #[pyo3(name = "_for_route", signature = (*, adapter, dump_options, escape_line_separators=false))]
    fn for_route(
        py: Python<'_>,
        adapter: Option<Py<PyAny>>,
        dump_options: Py<PyDict>,
        escape_line_separators: bool,
    ) -> PyResult<Self> {
        let declared = match adapter {
            None => None,
            Some(adapter) => Some(Declared::new(
                py,
                adapter,
                dump_options,
                None,
                escape_line_separators,
            )?),
        };
        let (items, data) = fastapis(py)?;
        Ok(Self {
            declared,
            items,
            data,
            line_safe: escape_line_separators,
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
        if declared.form.is_none() {
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
            visit.call(declared.fallback())?;
            if let Some(plan) = declared.known_plan() {
                plan.traverse(&visit)?;
            }
        }
        visit.call(self.items.fallback())?;
        visit.call(self.data.fallback())
    }
}

/// FastAPI's two JSON forms for values without a declared type: of items, and of `data`.
fn fastapis(py: Python<'_>) -> PyResult<(Json, Json)> {
    static ITEM: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static DATA: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module = "eventwire._fastapi_json";
    let item: &Bound<'_, PyAny> = ITEM.import(py, module, "untyped_json")?;
    let data: &Bound<'_, PyAny> = DATA.import(py, module, "event_json")?;
    Ok((
        Json::Spaced(item.clone().unbind()),
        Json::EventData(data.clone().unbind()),
    ))
}

impl Encoder {
    /// Appends one whole frame, or returns the error with the buffer as it was.
    #[inline]
    pub(crate) fn append<'py>(
        &self,
        buffer: &mut Vec<u8>,
        item: &Bound<'py, PyAny>,
        invalid: Invalid<'_, 'py>,
    ) -> PyResult<()> {
        let py = item.py();
        // What most streams are made of comes first. (The class is not an event's: see `compile`.)
        if let Some(declared) = &self.declared
            && let Some(plan) = declared.plan(py)?
            && plan.takes_unvalidated(item.get_type_ptr() as usize)
        {
            if write_frame(buffer, |buffer| declared.write(buffer, Some(plan), item))? {
                return Ok(());
            }
            return self.append_json(buffer, py, declared.json(item));
        }
        let class = if is_builtin(item) {
            None
        } else if let Ok(event) = item.cast_exact::<TemplatedEvent>()
            && event.get().append(py, buffer, &self.data, self.line_safe)?
        {
            return Ok(());
        } else {
            Some(class_of(item))
        };
        if let Some(class) = &class {
            let kind = match class.event {
                Some(kind) => kind,
                None => event_kind(&item.get_type())?,
            };
            match event_of(item, kind)? {
                Some(Event::Fields(fields)) => return self.append_event(buffer, &fields),
                Some(Event::Frame(frame)) => {
                    buffer.extend_from_slice(frame.as_bytes());
                    return Ok(());
                }
                None => {}
            }
        }
        let Some(declared) = &self.declared else {
            if write_frame(buffer, |buffer| {
                self.items
                    .write(buffer, item, class.as_deref(), self.line_safe)
            })? {
                return Ok(());
            }
            return self.append_json(buffer, py, self.items.json(item));
        };
        let plan = declared.plan(py)?;
        let value = declared.validate(item, invalid)?;
        if write_frame(buffer, |buffer| declared.write(buffer, plan, &value))? {
            return Ok(());
        }
        self.append_json(buffer, py, declared.json(&value))
    }

    /// Appends a frame with what a general path gave.
    fn append_json(
        &self,
        buffer: &mut Vec<u8>,
        py: Python<'_>,
        json: PyResult<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let json = json.map_err(|error| unless_exception(py, error))?;
        let mut frame = Frame::begin(buffer);
        frame.data(&self.line_safe(json_text(&json)?));
        frame.end();
        Ok(())
    }

    /// The JSON of a general path, with the line separators escaped if that is asked for.
    fn line_safe<'a>(&self, json: &'a str) -> Cow<'a, str> {
        if !self.line_safe || !json.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
            return Cow::Borrowed(json);
        }
        let mut safe = Vec::with_capacity(json.len());
        json::line_safe(&mut safe, json);
        Cow::Owned(String::from_utf8_lossy(&safe).into_owned())
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
            written(frame.data_line(|buffer| {
                writing(buffer, |buffer| {
                    let class = if is_builtin(data) {
                        None
                    } else {
                        Some(class_of(data))
                    };
                    self.data
                        .write(buffer, data, class.as_deref(), self.line_safe)
                })
            }))
        })?;
        if whole {
            return Ok(());
        }
        let json = self
            .data
            .json(data)
            .map_err(|error| unless_exception(data.py(), error))?;
        let json = self.line_safe(json_text(&json)?);
        fields.write(buffer, |frame| {
            frame.data(&json);
            Ok(true)
        })
    }
}

/// JSON as text: serializers give `bytes` (UTF-8) or `str`.
pub(crate) fn json_text<'a>(json: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
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
#[inline]
fn write_frame(buffer: &mut Vec<u8>, json: impl FnOnce(&mut Vec<u8>) -> Wrote) -> PyResult<bool> {
    let mut frame = Frame::begin(buffer);
    let whole = written(frame.data_line(|buffer| writing(buffer, json)))?;
    if whole {
        frame.end();
    }
    Ok(whole)
}
