//! How a value becomes JSON: for each kind of route a fast path and the general path behind it.

use std::sync::OnceLock;

use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::value::{
    Dialect, Method, Options, Plan, Wrote, compile, has_own_method, plan_of, write_builtin,
};

/// What an item that failed validation turns into: `(item, pydantic.ValidationError) -> exception`.
pub(crate) type Invalid<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// How values without a declared type become JSON: a fast path, and what decides otherwise.
pub(crate) enum Json {
    /// `pydantic_core.to_json`, with aliases, non-finite floats as null.
    Compact,
    /// `json.dumps(jsonable_encoder(value))`, which the callable computes.
    Spaced(Py<PyAny>),
    /// A model's own `model_dump_json()`, anything else spaced; by the callable.
    EventData(Py<PyAny>),
}

impl Json {
    pub(crate) fn fallback(&self) -> Option<&Py<PyAny>> {
        match self {
            Self::Compact => None,
            Self::Spaced(callable) | Self::EventData(callable) => Some(callable),
        }
    }

    /// The fast path.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<Wrote> {
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
    pub(crate) fn json<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
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
pub(crate) struct Declared {
    /// `pydantic.TypeAdapter`.
    pub(crate) adapter: Py<PyAny>,
    /// Of its `dump_json`.
    pub(crate) keywords: Py<PyDict>,
    /// The same options for the plan; None: it cannot follow them.
    pub(crate) options: Option<Options>,
    /// Made at the first item: a lazily built model has no schema before its first use.
    plan: OnceLock<Option<Plan>>,
}

impl Declared {
    pub(crate) fn new(py: Python<'_>, adapter: Py<PyAny>, keywords: Py<PyDict>) -> PyResult<Self> {
        Ok(Self {
            adapter,
            options: plan_options(keywords.bind(py))?,
            keywords,
            plan: OnceLock::new(),
        })
    }

    /// The fast path, for a value that Pydantic has validated or would not change.
    pub(crate) fn write(
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
    pub(crate) fn plan(&self, py: Python<'_>) -> PyResult<Option<&Plan>> {
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
    pub(crate) fn validate<'py>(
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
    pub(crate) fn json<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
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

/// A panic inside pydantic-core arrives as a `PanicException`, which is no `Exception`: nobody
/// catches that, and it would tear down the server's task.
pub(crate) fn unless_exception(py: Python<'_>, error: PyErr) -> PyErr {
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
