//! One item in, one whole frame out.
//!
//! Every item has a general path, whose result *is* the right one: Pydantic's validator and
//! serializer, `pydantic_core.to_json`, or FastAPI's `jsonable_encoder`. Before it stands a fast
//! path (see [`crate::value`]) that either writes the same bytes or leaves no trace.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use eventwire_core::Frame;
use pyo3::exceptions::{PyException, PyRuntimeError, PyTypeError, PyUnicodeDecodeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};
use pyo3::{PyTraverseError, PyVisit, intern};

use crate::event::{FastApiEvent, Fields, ServerSentEvent, fastapi_event};
use crate::value::{
    Dialect, Method, Options, Plan, Wrote, compile, has_own_method, plan_of, write_builtin,
};

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
        if let Ok(event) = item.cast::<ServerSentEvent>() {
            return self.append_event(buffer, &event.get().fields(py));
        }
        let fastapi = fastapi_event(item)?;
        if fastapi != FastApiEvent::No {
            let fields = Fields::of(item, fastapi == FastApiEvent::Own)?;
            return self.append_event(buffer, &fields);
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

/// How values without a declared type become JSON: a fast path, and what decides otherwise.
enum Json {
    /// `pydantic_core.to_json`, with aliases, non-finite floats as null.
    Compact,
    /// `json.dumps(jsonable_encoder(value))`, which the callable computes.
    Spaced(Py<PyAny>),
    /// A model's own `model_dump_json()`, anything else spaced; by the callable.
    EventData(Py<PyAny>),
}

impl Json {
    fn fallback(&self) -> Option<&Py<PyAny>> {
        match self {
            Self::Compact => None,
            Self::Spaced(callable) | Self::EventData(callable) => Some(callable),
        }
    }

    /// The fast path.
    fn write(&self, buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<Wrote> {
        let dialect = match self {
            Self::Compact => Dialect::Compact,
            Self::Spaced(_) | Self::EventData(_) => Dialect::Spaced,
        };
        let mark = buffer.len();
        if write_builtin(buffer, value, dialect) == Wrote::Value {
            return Ok(Wrote::Value);
        }
        buffer.truncate(mark);
        let Some(plan) = plan_of(value) else {
            return Ok(Wrote::Unknown);
        };
        let (method, dialect, by_alias) = match self {
            Self::Compact => (None, Dialect::Compact, true),
            Self::Spaced(_) => (Some(Method::Dump), Dialect::Spaced, true),
            Self::EventData(_) => (Some(Method::DumpJson), Dialect::Compact, false),
        };
        if method.is_some_and(|method| !has_own_method(value, &plan, method)) {
            return Ok(Wrote::Unknown);
        }
        let options = Options {
            by_alias,
            exclude_none: false,
            exclude_unset: false,
        };
        plan.write(buffer, value, dialect, options)
    }

    /// The general path: JSON as `str` or `bytes`.
    fn json<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        static TO_JSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        static KEYWORDS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
        let py = value.py();
        if let Some(callable) = self.fallback() {
            return callable.bind(py).call1((value,));
        }
        let to_json = TO_JSON.import(py, "pydantic_core", "to_json")?;
        let keywords = KEYWORDS.get_or_try_init(py, || {
            let keywords = PyDict::new(py);
            keywords.set_item("by_alias", true)?;
            keywords.set_item("inf_nan_mode", "null")?;
            Ok::<_, PyErr>(keywords.unbind())
        })?;
        to_json.call((value,), Some(keywords.bind(py)))
    }
}

/// Items of a declared type.
struct Declared {
    /// `pydantic.TypeAdapter`.
    adapter: Py<PyAny>,
    /// Of its `dump_json`.
    keywords: Py<PyDict>,
    /// The same options for the plan; None: it cannot follow them.
    options: Option<Options>,
    /// Made at the first item: a lazily built model has no schema before its first use.
    plan: OnceLock<Option<Plan>>,
}

impl Declared {
    fn new(py: Python<'_>, adapter: Py<PyAny>, keywords: Py<PyDict>) -> PyResult<Self> {
        Ok(Self {
            adapter,
            options: plan_options(keywords.bind(py))?,
            keywords,
            plan: OnceLock::new(),
        })
    }

    /// The fast path, for a value that Pydantic has validated or would not change.
    fn write(
        &self,
        buffer: &mut Vec<u8>,
        plan: Option<&Plan>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<Wrote> {
        match (plan, self.options) {
            (Some(plan), Some(options)) => plan.write(buffer, value, Dialect::Compact, options),
            _ => Ok(Wrote::Unknown),
        }
    }

    /// The plan, if there is one already.
    fn plan(&self, py: Python<'_>) -> PyResult<Option<&Plan>> {
        if let Some(plan) = self.plan.get() {
            return Ok(plan.as_ref());
        }
        let adapter = self.adapter.bind(py);
        let serializer = adapter.getattr(intern!(py, "serializer"))?;
        if serializer.get_type().name()? != "SchemaSerializer" {
            return Ok(None);
        }
        // A schema that is not shaped as documented has no plan; that is not the user's error.
        let plan = compile(&adapter.getattr(intern!(py, "core_schema"))?).ok();
        Ok(self.plan.get_or_init(|| plan).as_ref())
    }

    /// Validates as FastAPI validates a stream's item.
    ///
    /// Through the adapter's Python method, as [`Self::json`]: a model whose build was deferred
    /// is completed at its first use, and Pydantic looks for names a number of Python frames up.
    fn validate<'py>(
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
        self.adapter
            .bind(py)
            .call_method(
                intern!(py, "validate_python"),
                (item,),
                Some(from_attributes.bind(py)),
            )
            .or_else(|error| Err(translate(item, unless_exception(py, error), invalid)?))
    }

    /// The general path: serializes a validated value as the declared type.
    fn json<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        self.adapter.bind(py).call_method(
            intern!(py, "dump_json"),
            (value,),
            Some(self.keywords.bind(py)),
        )
    }
}

/// The options of `to_json` that a plan follows; None if there are others.
fn plan_options(keywords: &Bound<'_, PyDict>) -> PyResult<Option<Options>> {
    let mut options = Options {
        by_alias: false,
        exclude_none: false,
        exclude_unset: false,
    };
    for (name, value) in keywords.iter() {
        let name: String = name.extract()?;
        match name.as_str() {
            "by_alias" => options.by_alias = value.is_truthy()?,
            "exclude_none" => options.exclude_none = value.is_truthy()?,
            "exclude_unset" => options.exclude_unset = value.is_truthy()?,
            "include" | "exclude" if value.is_none() => {}
            "exclude_defaults" if !value.is_truthy()? => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(options))
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

/// A panic inside pydantic-core arrives as a `PanicException`, which is no `Exception`: nobody
/// catches that, and it would tear down the server's task.
fn unless_exception(py: Python<'_>, error: PyErr) -> PyErr {
    if error.is_instance_of::<PyException>(py)
        || error
            .get_type(py)
            .name()
            .map_or(true, |name| name != "PanicException")
    {
        return error;
    }
    let outer = PyRuntimeError::new_err(format!("encoding an item failed: {}", error.value(py)));
    outer.set_cause(py, Some(error));
    outer
}
