//! How a value becomes JSON: for each kind of item a fast path and the general path behind it.

use std::sync::OnceLock;

use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use crate::value::{
    Class, Dialect, Form, Leaf, Plan, Wrote, compile, write_event_data, write_inferred,
    write_jsonable,
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

    /// The fast path. `class`: what is known of the value's class; None: it is a builtin.
    #[inline]
    pub(crate) fn write(
        &self,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        class: Option<&Class>,
        line_safe: bool,
    ) -> Wrote {
        match self {
            Self::Compact => {
                let form = Form::new(Dialect::Compact, line_safe, Some(true));
                write_inferred(buffer, value, class, form)
            }
            Self::Spaced(_) => write_jsonable(buffer, value, class),
            Self::EventData(_) => write_event_data(buffer, value, class, line_safe),
        }
    }

    /// What the place of a template's slot takes; None: nothing by itself.
    pub(crate) fn leaf(
        &self,
        payload: &Bound<'_, PyAny>,
        path: &Bound<'_, PyTuple>,
        line_safe: bool,
    ) -> Option<Leaf> {
        match self {
            Self::Compact => {
                let form = Form::new(Dialect::Compact, line_safe, Some(true));
                Leaf::inferred(payload, path, form)
            }
            Self::EventData(_) => {
                let form = Form::new(Dialect::Compact, line_safe, None);
                Leaf::of_event_data(payload, path, form)
            }
            // Not the form of any event's data.
            Self::Spaced(_) => None,
        }
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
    /// Of its `dump_json` or `dump_python`.
    pub(crate) keywords: Py<PyDict>,
    /// The same options for the plan; None: it cannot follow them.
    pub(crate) form: Option<Form>,
    /// Writes what `dump_python(mode="json")` gives; None: `dump_json` writes.
    spaced: Option<Json>,
    /// Made at the first item: a lazily built model has no schema before its first use.
    plan: OnceLock<Option<Plan>>,
}

impl Declared {
    pub(crate) fn new(
        py: Python<'_>,
        adapter: Py<PyAny>,
        keywords: Py<PyDict>,
        spaced: Option<Json>,
        line_safe: bool,
    ) -> PyResult<Self> {
        let dialect = match spaced {
            None => Dialect::Compact,
            Some(_) => Dialect::Spaced,
        };
        Ok(Self {
            adapter,
            form: form(keywords.bind(py), dialect, line_safe)?,
            keywords,
            spaced,
            plan: OnceLock::new(),
        })
    }

    /// The fast path, for a value that Pydantic has validated or would not change.
    #[inline]
    pub(crate) fn write(
        &self,
        buffer: &mut Vec<u8>,
        plan: Option<&Plan>,
        value: &Bound<'_, PyAny>,
    ) -> Wrote {
        match (plan, self.form) {
            // A part that is the whole would only be a second general path.
            (Some(plan), Some(form)) if !plan.is_general() => plan.write(buffer, value, form),
            _ => Wrote::Unknown,
        }
    }

    /// The plan, if there is one already.
    #[inline]
    pub(crate) fn plan(&self, py: Python<'_>) -> PyResult<Option<&Plan>> {
        match self.plan.get() {
            Some(plan) => Ok(plan.as_ref()),
            None => self.make_plan(py),
        }
    }

    #[cold]
    fn make_plan(&self, py: Python<'_>) -> PyResult<Option<&Plan>> {
        let adapter = self.adapter.bind(py);
        let serializer = adapter.getattr(intern!(py, "serializer"))?;
        if serializer.get_type().name()? != "SchemaSerializer" {
            return Ok(None);
        }
        // A schema that is not shaped as documented has no plan; that is not the user's error.
        let plan = adapter
            .getattr(intern!(py, "core_schema"))
            .and_then(|schema| compile(&schema, Some(&serializer)))
            .ok();
        Ok(self.plan.get_or_init(|| plan).as_ref())
    }

    /// The plan, if it was made.
    pub(crate) fn known_plan(&self) -> Option<&Plan> {
        self.plan.get()?.as_ref()
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
        let adapter = self.adapter.bind(py);
        let keywords = Some(self.keywords.bind(py));
        match &self.spaced {
            None => adapter.call_method(intern!(py, "dump_json"), (value,), keywords),
            Some(json) => {
                json.json(&adapter.call_method(intern!(py, "dump_python"), (value,), keywords)?)
            }
        }
    }

    pub(crate) fn fallback(&self) -> Option<&Py<PyAny>> {
        self.spaced.as_ref().and_then(Json::fallback)
    }
}

/// The options of a serialization as a plan follows them; None if there are others.
fn form(keywords: &Bound<'_, PyDict>, dialect: Dialect, line_safe: bool) -> PyResult<Option<Form>> {
    let mut form = Form::new(dialect, line_safe, None);
    for (name, value) in keywords.iter() {
        let name: String = name.extract()?;
        match name.as_str() {
            "by_alias" => form.by_alias = Some(value.is_truthy()?),
            "exclude_none" => form.exclude_none = value.is_truthy()?,
            "exclude_unset" => form.exclude_unset = value.is_truthy()?,
            "include" | "exclude" if value.is_none() => {}
            "exclude_defaults" if !value.is_truthy()? => {}
            "mode" => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(form))
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
