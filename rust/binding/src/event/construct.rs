//! Instances of FastAPI's event class, made without running Python.
//!
//! FastAPI's class is a Pydantic model, which takes 1.0 µs to construct: pydantic-core calls three
//! validators written in Python. For arguments that these would return as they are the instance
//! can be made directly, in the state in which Pydantic leaves it.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyDict, PySet, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit, intern};

use super::kind::is_our_fastapi_event;
use super::native::{NAMES, Values, interned_names, plainly_legal};
use crate::raw::{new_instance, set_attribute};

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

/// The `__call__` of the metaclass of `eventwire.fastapi.ServerSentEvent` (private).
///
/// A descriptor, because what it gives for that one class is a builtin function that receives the
/// very dict of keyword arguments that the interpreter has made: 0.33 µs for an event, against
/// 0.5 with a bound method, written in Python or not, for which the dict is taken apart and made
/// anew.
#[pyclass(frozen, module = "eventwire._core", name = "_FastAPIEventCall")]
pub(crate) struct FastApiEventCall {
    /// `__call__` of Pydantic's metaclass, unbound.
    general: Py<PyAny>,
    native: PyOnceLock<Py<PyCFunction>>,
}

#[pymethods]
impl FastApiEventCall {
    /// The fields of the instances it makes.
    #[classattr]
    const FIELDS: [&'static str; NAMES.len()] = NAMES;

    #[new]
    const fn new(general: Py<PyAny>) -> Self {
        Self {
            general,
            native: PyOnceLock::new(),
        }
    }

    fn __get__<'py>(
        &self,
        py: Python<'py>,
        class: &Bound<'py, PyAny>,
        metaclass: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Ok(class) = class.cast::<PyType>()
            && is_our_fastapi_event(class)?
        {
            let native = self
                .native
                .get_or_try_init(py, || native_call(class, &self.general))?;
            return Ok(native.bind(py).as_any().clone());
        }
        // A subclass: Pydantic's own path.
        let general = self.general.bind(py);
        general.call_method1(intern!(py, "__get__"), (class, metaclass))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.general)
    }
}

/// The function that calling `class` is; it lives as long as the class, which is for ever.
fn native_call(class: &Bound<'_, PyType>, general: &Py<PyAny>) -> PyResult<Py<PyCFunction>> {
    let py = class.py();
    let class = class.clone().unbind();
    let general = general.clone_ref(py);
    let call = move |arguments: &Bound<'_, PyTuple>, fields: Option<&Bound<'_, PyDict>>| {
        let py = arguments.py();
        let class = class.bind(py);
        if arguments.is_empty()
            && let Some(event) = construct(class, fields)?
        {
            return Ok(event.unbind());
        }
        let mut every = vec![class.as_any().clone()];
        every.extend(arguments.iter());
        let event = general.bind(py).call(PyTuple::new(py, every)?, fields)?;
        Ok::<Py<PyAny>, PyErr>(event.unbind())
    };
    Ok(PyCFunction::new_closure(py, Some(c"ServerSentEvent"), None, call)?.unbind())
}

/// An event of `class`, a subclass of FastAPI's that adds nothing; None: Pydantic has to look at
/// the fields.
fn construct<'py>(
    class: &Bound<'py, PyType>,
    fields: Option<&Bound<'py, PyDict>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = class.py();
    let known = interned_names(py);
    let attributes = unset(py)?.bind(py).copy()?;
    let given = PySet::empty(py)?;
    let mut values: Values<'py> = [const { None }; NAMES.len()];
    for (name, value) in fields.into_iter().flatten() {
        let Some(field) = known.iter().position(|known| name.is(known)) else {
            return Ok(None);
        };
        given.add(&name)?;
        if !value.is_none() {
            attributes.set_item(&name, &value)?;
            values[field] = Some(value);
        }
    }
    if !plainly_legal(&values) {
        return Ok(None);
    }
    let event = new_instance(class)?;
    set_attribute(&event, intern!(py, "__dict__"), &attributes)?;
    set_attribute(&event, intern!(py, "__pydantic_fields_set__"), &given)?;
    let none = py.None().into_bound(py);
    set_attribute(&event, intern!(py, "__pydantic_extra__"), &none)?;
    set_attribute(&event, intern!(py, "__pydantic_private__"), &none)?;
    Ok(Some(event))
}
