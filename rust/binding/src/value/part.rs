//! What a plan leaves to Pydantic: a part of a type, serialized by a serializer of its own.
//!
//! The serializer is made from the part's own schema and from the configuration around it, so that
//! it writes what the whole type's serializer writes there. Warnings are asked for as errors: they
//! name the place in the whole type, so the item that gives one is left to that type's serializer.

use std::sync::OnceLock;

use eventwire_core::json;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit, intern};

use crate::raw::{attribute, instance_dict};

use super::class::{Shape, class_of};
use super::wrote::fail;
use super::{Form, Wrote, jsonable};

pub(super) struct Part {
    /// Why it is not compiled; empty for a compiled one, whose odd values come here.
    pub(super) why: String,
    schema: Py<PyDict>,
    config: Option<Py<PyAny>>,
    /// Made when it is first needed; None: it cannot be made.
    serializer: OnceLock<Option<Py<PyAny>>>,
}

impl Part {
    pub(super) fn new(
        why: String,
        schema: &Bound<'_, PyDict>,
        config: Option<&Bound<'_, PyAny>>,
    ) -> Self {
        Self {
            why,
            schema: schema.clone().unbind(),
            config: config.map(|config| config.clone().unbind()),
            serializer: OnceLock::new(),
        }
    }

    /// One that writes nothing: there is no schema for it.
    pub(super) fn hopeless(why: &str, schema: &Bound<'_, PyDict>) -> Self {
        let part = Self::new(why.to_owned(), schema, None);
        Self {
            serializer: OnceLock::from(None),
            ..part
        }
    }

    /// Appends `value`, or gives the error of that.
    ///
    /// `definitions`: the schemas that this one may refer to.
    #[cold]
    pub(super) fn write(
        &self,
        definitions: Option<&Py<PyList>>,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        form: Form,
    ) -> Wrote {
        let py = value.py();
        if !can_be_read_twice(value, PART_DEPTH, &mut { PART_VALUES }) {
            return Wrote::Whole;
        }
        let serializer = if let Some(serializer) = self.serializer.get() {
            serializer
        } else {
            // Made outside of the lock: making it runs Python.
            let made = self.make(py, definitions).ok();
            self.serializer.get_or_init(|| made)
        };
        let Some(serializer) = serializer else {
            return Wrote::Whole;
        };
        let serializer = serializer.bind(py);
        let method = if form.is_spaced() {
            intern!(py, "to_python")
        } else {
            intern!(py, "to_json")
        };
        let result = keywords(py, form)
            .and_then(|keywords| serializer.call_method(method, (value,), Some(keywords)));
        let result = match result {
            Ok(result) => result,
            Err(error) if is_for_the_whole(py, &error) => return Wrote::Whole,
            Err(error) => return fail(error),
        };
        if form.is_spaced() {
            return match jsonable::write_dumped(buffer, &result) {
                Wrote::Unknown | Wrote::Mismatch => Wrote::Whole,
                wrote => wrote,
            };
        }
        let Ok(text) = result.cast::<PyBytes>().map(PyBytesMethods::as_bytes) else {
            return Wrote::Whole;
        };
        if form.line_safe {
            let Ok(text) = std::str::from_utf8(text) else {
                return Wrote::Whole;
            };
            json::line_safe(buffer, text);
        } else {
            buffer.extend_from_slice(text);
        }
        Wrote::Value
    }

    fn make(&self, py: Python<'_>, definitions: Option<&Py<PyList>>) -> PyResult<Py<PyAny>> {
        let mut schema = self.schema.bind(py).clone();
        if let Some(definitions) = definitions {
            let definitions = definitions.bind(py);
            // A definition itself may stand there only once.
            if let Some(own) = schema.get_item("ref")?
                && definitions.iter().any(|definition| definition.is(&schema))
            {
                schema = PyDict::new(py);
                schema.set_item("type", "definition-ref")?;
                schema.set_item("schema_ref", own)?;
            }
            let whole = PyDict::new(py);
            whole.set_item("type", "definitions")?;
            whole.set_item("schema", schema)?;
            whole.set_item("definitions", definitions)?;
            schema = whole;
        }
        let config = self.config.as_ref().map(|config| config.bind(py));
        let class = py.import("pydantic_core")?.getattr("SchemaSerializer")?;
        Ok(class.call1((schema, config))?.unbind())
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.schema)?;
        visit.call(&self.config)?;
        match self.serializer.get() {
            Some(serializer) => visit.call(serializer),
            None => Ok(()),
        }
    }
}

/// How deep a part may be nested: pydantic-core gives up at 255 levels of its own counting, up to
/// three for one of a value's, and counts anew in each part.
const PART_DEPTH: u8 = 16;
/// How many values a part may have. More gain nothing from being written apart.
const PART_VALUES: usize = 10_000;

/// Whether a part may be tried: if that fails, the whole item's serializer reads it again, and
/// would find an iterator used up.
fn can_be_read_twice(value: &Bound<'_, PyAny>, depth: u8, left: &mut usize) -> bool {
    if jsonable::is_scalar(value) {
        return true;
    }
    if depth == 0 || *left == 0 {
        return false;
    }
    *left -= 1;
    if let Ok(members) = value.cast::<PyDict>() {
        return all_can(members.values().iter(), depth, left);
    }
    if let Ok(members) = value.cast::<PyList>() {
        return all_can(members.iter(), depth, left);
    }
    if let Ok(members) = value.cast::<PyTuple>() {
        return all_can(members.iter(), depth, left);
    }
    match class_of(value).shape {
        Shape::Enum { .. }
        | Shape::Bytes
        | Shape::Date
        | Shape::DateTime
        | Shape::Decimal
        | Shape::Path
        | Shape::PurePath
        | Shape::Time
        | Shape::TimeDelta
        | Shape::Uuid
        | Shape::Str
        | Shape::Int
        | Shape::Float => true,
        Shape::Set | Shape::FrozenSet => match value.try_iter() {
            Ok(members) => all_can(members.map_while(Result::ok), depth, left),
            Err(_) => false,
        },
        _ if value.cast::<PyIterator>().is_ok() => false,
        // Of other instances the attributes; those without a `__dict__` hide theirs.
        _ => {
            let py = value.py();
            let hidden = [
                intern!(py, "__pydantic_extra__"),
                intern!(py, "__pydantic_private__"),
            ];
            instance_dict(value)
                .is_some_and(|attributes| all_can(attributes.values().iter(), depth, left))
                && hidden.into_iter().all(|name| {
                    attribute(value, name)
                        .is_none_or(|more| can_be_read_twice(&more, depth - 1, left))
                })
        }
    }
}

fn all_can<'py>(
    mut members: impl Iterator<Item = Bound<'py, PyAny>>,
    depth: u8,
    left: &mut usize,
) -> bool {
    members.all(|member| can_be_read_twice(&member, depth - 1, left))
}

/// Whether the error is a warning, which names a place in the whole, or a panic of pydantic-core.
/// Any other is the item's.
fn is_for_the_whole(py: Python<'_>, error: &PyErr) -> bool {
    let Ok(class) = error.get_type(py).name() else {
        return false;
    };
    class == "PanicException"
        || (class == "PydanticSerializationError"
            && error.value(py).str().is_ok_and(|text| {
                text.to_string_lossy()
                    .contains("Pydantic serializer warnings")
            }))
}

/// The default of `by_alias` in `BaseModel.model_dump_json`.
fn model_dumps_by_alias(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("pydantic")?
        .getattr("BaseModel")?
        .getattr("model_dump_json")?
        .getattr("__kwdefaults__")?
        .get_item("by_alias")
}

/// The keyword arguments for a form, one dict each.
fn keywords(py: Python<'_>, form: Form) -> PyResult<&Bound<'_, PyDict>> {
    static TABLE: [PyOnceLock<Py<PyDict>>; 24] = [const { PyOnceLock::new() }; 24];
    let alias = form
        .by_alias
        .map_or(0, |by_alias| 1 + usize::from(by_alias));
    let index = alias
        + 3 * (usize::from(form.exclude_none)
            + 2 * (usize::from(form.exclude_unset) + 2 * usize::from(form.is_spaced())));
    let keywords = TABLE[index].get_or_try_init(py, || {
        let keywords = PyDict::new(py);
        keywords.set_item("warnings", "error")?;
        keywords.set_item("exclude_none", form.exclude_none)?;
        keywords.set_item("exclude_unset", form.exclude_unset)?;
        match form.by_alias {
            Some(by_alias) => keywords.set_item("by_alias", by_alias)?,
            // What `model_dump_json` says by itself: False before Pydantic 2.11, whose serializer
            // would say True.
            None => keywords.set_item("by_alias", model_dumps_by_alias(py)?)?,
        }
        if form.is_spaced() {
            keywords.set_item("mode", "json")?;
        }
        Ok::<_, PyErr>(keywords.unbind())
    })?;
    Ok(keywords.bind(py))
}
