//! Instances of FastAPI's event class, made without running Python.
//!
//! FastAPI's class is a Pydantic model, which takes 1.0 µs to construct: pydantic-core calls three
//! validators written in Python. For arguments that these would return as they are the instance
//! can be made directly, in the state in which Pydantic leaves it.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PySet, PyTuple, PyType};
use pyo3::{Borrowed, intern};

use super::native::{NAMES, Values, interned_names, plainly_legal};
use crate::raw::{FromKeywords, call_with_keywords, new_instance, set_attribute};

/// A dict with all fields unset.
fn unset(py: Python<'_>) -> PyResult<&'static Py<PyDict>> {
    static UNSET: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    UNSET.get_or_try_init(py, || {
        let unset = PyDict::new(py);
        for name in interned_names(py) {
            unset.set_item(name, py.None())?;
        }
        Ok(unset.unbind())
    })
}

/// `eventwire.fastapi.ServerSentEvent`.
struct FastApiEvent;

impl FromKeywords for FastApiEvent {
    fn from_keywords<'py>(
        class: &Bound<'py, PyType>,
        names: Borrowed<'_, 'py, PyTuple>,
        given: &[Borrowed<'_, 'py, PyAny>],
    ) -> Option<PyResult<Bound<'py, PyAny>>> {
        construct(class, names, given).transpose()
    }
}

/// Makes calls of `eventwire.fastapi.ServerSentEvent` native (private): of it alone, not of its
/// subclasses. For a class that has just been made, with a metaclass of its own.
///
/// Not if FastAPI's event has other fields than we know: then Pydantic makes its events.
#[pyfunction]
#[pyo3(name = "_call_natively")]
pub(crate) fn call_natively(class: &Bound<'_, PyType>) -> PyResult<()> {
    let fields = class.getattr(intern!(class.py(), "model_fields"))?;
    let names = fields.try_iter()?.map(|name| name?.extract::<String>());
    if names.collect::<PyResult<Vec<_>>>()? == NAMES {
        call_with_keywords::<FastApiEvent>(class);
    }
    Ok(())
}

/// An event of `class`, a subclass of FastAPI's that adds nothing; None: Pydantic has to look at
/// the fields.
fn construct<'py>(
    class: &Bound<'py, PyType>,
    names: Borrowed<'_, 'py, PyTuple>,
    given: &[Borrowed<'_, 'py, PyAny>],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = class.py();
    let known = interned_names(py);
    let attributes = unset(py)?.bind(py).copy()?;
    let set = PySet::empty(py)?;
    let mut values: Values<'py> = [const { None }; NAMES.len()];
    for (name, value) in names.iter_borrowed().zip(given) {
        let Some(field) = known.iter().position(|known| name.is(known)) else {
            return Ok(None);
        };
        set.add(name)?;
        if !value.is_none() {
            attributes.set_item(name, value)?;
            values[field] = Some(Bound::clone(value));
        }
    }
    if !plainly_legal(&values) {
        return Ok(None);
    }
    let event = new_instance(class)?;
    set_attribute(&event, intern!(py, "__dict__"), &attributes)?;
    set_attribute(&event, intern!(py, "__pydantic_fields_set__"), &set)?;
    let none = py.None().into_bound(py);
    set_attribute(&event, intern!(py, "__pydantic_extra__"), &none)?;
    set_attribute(&event, intern!(py, "__pydantic_private__"), &none)?;
    Ok(Some(event))
}
