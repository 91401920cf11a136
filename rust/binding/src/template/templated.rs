//! The event that a template makes.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};

use crate::event::Fields;
use crate::path::Json;

use super::native::EventTemplate;

/// The values of the slots, in the template's order; most templates have few.
pub(super) enum Values {
    Few([Option<Py<PyAny>>; FEW]),
    Many(Box<[Option<Py<PyAny>>]>),
}

const FEW: usize = 4;

impl Values {
    pub(super) fn new(count: usize) -> Self {
        if count <= FEW {
            Self::Few([const { None }; FEW])
        } else {
            Self::Many((0..count).map(|_| None).collect())
        }
    }

    fn slots(&self) -> &[Option<Py<PyAny>>] {
        match self {
            Self::Few(values) => values,
            Self::Many(values) => values,
        }
    }

    /// Fills a slot, once.
    pub(super) fn set(&mut self, slot: usize, value: &Bound<'_, PyAny>) {
        let values = match self {
            Self::Few(values) => &mut values[..],
            Self::Many(values) => values,
        };
        values[slot] = Some(value.clone().unbind());
    }

    pub(super) fn is_set(&self, slot: usize) -> bool {
        self.slots()[slot].is_some()
    }

    #[inline]
    pub(super) fn are_all_set(&self, count: usize) -> bool {
        self.slots().iter().take(count).all(Option::is_some)
    }

    /// The value of a slot. An event has one for each.
    #[inline]
    pub(super) fn get<'a, 'py>(&'a self, py: Python<'py>, slot: usize) -> &'a Bound<'py, PyAny> {
        match &self.slots()[slot] {
            Some(value) => value.bind(py),
            None => unreachable!("a template fills every slot"),
        }
    }
}

/// An event made by a template: the template, and a value for each slot. Immutable.
#[pyclass(frozen, module = "eventwire")]
pub(crate) struct TemplatedEvent {
    template: Py<EventTemplate>,
    values: Values,
}

impl TemplatedEvent {
    #[inline]
    pub(super) const fn new(template: Py<EventTemplate>, values: Values) -> Self {
        Self { template, values }
    }

    /// Appends the frame in an encoder's form; false: the general path has to.
    #[inline]
    pub(crate) fn append(
        &self,
        py: Python<'_>,
        buffer: &mut Vec<u8>,
        json: &Json,
        line_safe: bool,
    ) -> PyResult<bool> {
        let template = self.template.get();
        match template.compiled(py, json, line_safe) {
            Some(compiled) => compiled.append(py, buffer, template, &self.values),
            None => Ok(false),
        }
    }

    /// The fields, with the values in their slots: the general path.
    pub(crate) fn fields<'py>(&self, py: Python<'py>) -> PyResult<Fields<'py>> {
        self.template.get().fields(py, &self.values)
    }

    fn field<'py>(
        &self,
        py: Python<'py>,
        choose: impl FnOnce(Fields<'py>) -> Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.fields(py).map(choose)
    }
}

#[pymethods]
impl TemplatedEvent {
    /// The payload: a copy of the template's, with the values in their slots.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.field(py, |fields| fields.data)
    }

    /// Text written to the data field as it stands.
    #[getter]
    fn raw_data<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.field(py, |fields| fields.raw_data)
    }

    /// The event's name.
    #[getter]
    fn event<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.field(py, |fields| fields.event)
    }

    /// What a client sends back as `Last-Event-ID` when it reconnects.
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.field(py, |fields| fields.id)
    }

    /// Reconnection time in milliseconds.
    #[getter]
    fn retry<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.template.get().retry(py)
    }

    /// Comment lines, which a client ignores.
    #[getter]
    fn comment<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.template.get().comment(py)
    }

    /// The template that made it.
    #[getter]
    fn template(&self, py: Python<'_>) -> Py<EventTemplate> {
        self.template.clone_ref(py)
    }

    /// The values by the names of their slots.
    #[getter]
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let values = PyDict::new(py);
        for (slot, name) in self.template.get().names().iter().enumerate() {
            values.set_item(name, self.values.get(py, slot))?;
        }
        Ok(values)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut text = String::from("TemplatedEvent(");
        for (slot, name) in self.template.get().names().iter().enumerate() {
            if slot > 0 {
                text.push_str(", ");
            }
            text.push_str(name.bind(py).to_str()?);
            text.push('=');
            text.push_str(&self.values.get(py, slot).repr()?.to_string_lossy());
        }
        text.push(')');
        Ok(text)
    }

    /// By the template and the values; an object equals itself, also a NaN.
    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let Ok(other) = other.cast::<Self>() else {
            return Ok(py.NotImplemented());
        };
        let other = other.get();
        let mut equal = self.template.bind(py).eq(&other.template)?;
        for slot in 0..self.template.get().names().len() {
            if !equal {
                break;
            }
            let (ours, theirs) = (self.values.get(py, slot), other.values.get(py, slot));
            equal = ours.is(theirs) || ours.eq(theirs)?;
        }
        Ok(equal.into_pyobject(py)?.to_owned().into_any().unbind())
    }

    /// As that of a tuple of the values: a TypeError if one of them has none.
    fn __hash__(&self, py: Python<'_>) -> PyResult<u64> {
        let mut hasher = DefaultHasher::new();
        self.template.bind(py).hash()?.hash(&mut hasher);
        for slot in 0..self.template.get().names().len() {
            self.values.get(py, slot).hash()?.hash(&mut hasher);
        }
        Ok(hasher.finish())
    }

    /// The template and the values: the values are copied with a deep copy.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let restored = py.import("eventwire._template")?.getattr("restored")?;
        let arguments = (self.template.clone_ref(py), self.values(py)?);
        (restored, arguments).into_pyobject(py)
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// A type that Pydantic and FastAPI know, documented as an event.
    #[classmethod]
    fn __get_pydantic_core_schema__<'py>(
        cls: &Bound<'py, PyType>,
        source: &Bound<'py, PyAny>,
        handler: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = source;
        cls.py()
            .import("eventwire._event_model")?
            .getattr("templated_schema")?
            .call1((handler,))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.template)?;
        self.values
            .slots()
            .iter()
            .try_for_each(|value| visit.call(value))
    }
}
