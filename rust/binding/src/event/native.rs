//! The native `ServerSentEvent`.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use eventwire_core::{EventId, EventName};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyInt, PyString, PyTuple, PyType};
use pyo3::{Borrowed, PyTraverseError, PyVisit};

use super::fields::Fields;
use crate::raw::FromKeywords;

/// The field names, in the order of [`Values`], of `repr` and of the model's fields.
pub(super) const NAMES: [&str; 6] = ["data", "raw_data", "event", "id", "retry", "comment"];
const DATA: usize = 0;
const RAW_DATA: usize = 1;
const EVENT: usize = 2;
const ID: usize = 3;
const RETRY: usize = 4;
const COMMENT: usize = 5;

/// One value per field; `None` is Python's `None`.
pub(super) type Values<'py> = [Option<Bound<'py, PyAny>>; NAMES.len()];

/// One server-sent event. Only keyword arguments; every change is checked.
///
/// `None` means "no such field". `data` is written as JSON, `raw_data` as it stands.
#[pyclass(frozen, module = "eventwire")]
pub(crate) struct ServerSentEvent {
    /// Legal values, and not both payloads. All but `data` are exact `str` and `int`.
    ///
    /// No Python code runs while it is locked: references are taken and swapped, never dropped.
    values: Mutex<[Option<Py<PyAny>>; NAMES.len()]>,
}

#[pymethods]
impl ServerSentEvent {
    #[new]
    #[pyo3(signature = (*, data=None, raw_data=None, event=None, id=None, retry=None, comment=None))]
    fn new<'py>(
        py: Python<'py>,
        data: Option<Bound<'py, PyAny>>,
        raw_data: Option<Bound<'py, PyAny>>,
        event: Option<Bound<'py, PyAny>>,
        id: Option<Bound<'py, PyAny>>,
        retry: Option<Bound<'py, PyAny>>,
        comment: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let values = checked(py, [data, raw_data, event, id, retry, comment])?;
        Ok(Self {
            values: Mutex::new(values.map(|value| value.map(Bound::unbind))),
        })
    }

    /// The payload, written as JSON; `None`: no data field.
    #[getter]
    fn data(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get_value(py, DATA)
    }

    #[setter]
    fn set_data(&self, py: Python<'_>, data: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.set_value(py, DATA, data)
    }

    /// Text written to the data field as it stands.
    #[getter]
    fn raw_data(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get_value(py, RAW_DATA)
    }

    #[setter]
    fn set_raw_data(&self, py: Python<'_>, raw_data: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.set_value(py, RAW_DATA, raw_data)
    }

    /// The event's name; a client takes none or an empty one for `message`.
    #[getter]
    fn event(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get_value(py, EVENT)
    }

    #[setter]
    fn set_event(&self, py: Python<'_>, event: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.set_value(py, EVENT, event)
    }

    /// What a client sends back as `Last-Event-ID` when it reconnects.
    #[getter]
    fn id(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get_value(py, ID)
    }

    #[setter]
    fn set_id(&self, py: Python<'_>, id: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.set_value(py, ID, id)
    }

    /// Reconnection time in milliseconds.
    #[getter]
    fn retry(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get_value(py, RETRY)
    }

    #[setter]
    fn set_retry(&self, py: Python<'_>, retry: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.set_value(py, RETRY, retry)
    }

    /// Comment lines, which a client ignores.
    #[getter]
    fn comment(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get_value(py, COMMENT)
    }

    #[setter]
    fn set_comment(&self, py: Python<'_>, comment: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.set_value(py, COMMENT, comment)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut text = String::from("ServerSentEvent(");
        for (position, (name, value)) in NAMES.iter().zip(self.snapshot(py)).enumerate() {
            if position > 0 {
                text.push_str(", ");
            }
            text.push_str(name);
            text.push('=');
            match value {
                None => text.push_str("None"),
                Some(value) => text.push_str(&value.repr()?.to_string_lossy()),
            }
        }
        text.push(')');
        Ok(text)
    }

    /// By the values, as Pydantic compares models: an object equals itself, also a NaN.
    ///
    /// Without `__hash__`: what changes must not be a key.
    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let Ok(other) = other.cast::<Self>() else {
            return Ok(py.NotImplemented());
        };
        let mut equal = true;
        for pair in self
            .snapshot(py)
            .iter()
            .zip(other.get().snapshot(py).iter())
        {
            equal = match pair {
                (None, None) => true,
                (Some(ours), Some(theirs)) => ours.is(theirs) || ours.eq(theirs)?,
                _ => false,
            };
            if !equal {
                break;
            }
        }
        Ok(equal.into_pyobject(py)?.to_owned().into_any().unbind())
    }

    /// Class and state apart, so that an event may hold something that refers to it.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let state = slf.get().as_dict(py)?;
        (py.get_type::<Self>(), PyTuple::empty(py), state).into_pyobject(py)
    }

    fn __setstate__(&self, py: Python<'_>, state: &Bound<'_, PyDict>) -> PyResult<()> {
        let new = py.get_type::<Self>().call((), Some(state))?;
        let mut values = new
            .cast::<Self>()?
            .get()
            .snapshot(py)
            .map(|value| value.map(Bound::unbind));
        mem::swap(&mut *self.lock(), &mut values);
        Ok(())
    }

    /// A new event with other values of these fields: `copy.replace(event, id="2")`.
    #[pyo3(signature = (**changes))]
    fn __replace__<'py>(
        slf: &Bound<'py, Self>,
        changes: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let fields = slf.get().as_dict(py)?;
        if let Some(changes) = changes {
            fields.update(changes.as_mapping())?;
        }
        py.get_type::<Self>().call((), Some(&fields))
    }

    /// Makes the class a type that Pydantic knows: a field, a body, a `TypeAdapter`.
    #[classmethod]
    fn __get_pydantic_core_schema__<'py>(
        cls: &Bound<'py, PyType>,
        source: &Bound<'py, PyAny>,
        handler: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = source;
        cls.py()
            .import("eventwire._event_model")?
            .getattr("core_schema")?
            .call1((handler,))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The other fields are exact str and int: they refer to nothing. Whoever holds the lock
        // is not in Python, and the collector comes another time.
        match self.values.try_lock() {
            Ok(values) => visit.call(&values[DATA]),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let data = self.lock()[DATA].take();
        drop(data);
    }
}

impl ServerSentEvent {
    fn lock(&self) -> MutexGuard<'_, [Option<Py<PyAny>>; NAMES.len()]> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get_value(&self, py: Python<'_>, field: usize) -> Option<Py<PyAny>> {
        self.lock()[field].as_ref().map(|value| value.clone_ref(py))
    }

    /// All values at one moment.
    fn snapshot<'py>(&self, py: Python<'py>) -> Values<'py> {
        let values = self.lock();
        std::array::from_fn(|field| values[field].as_ref().map(|value| value.bind(py).clone()))
    }

    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let fields = PyDict::new(py);
        for (name, value) in NAMES.iter().zip(self.snapshot(py)) {
            fields.set_item(name, value)?;
        }
        Ok(fields)
    }

    /// Sets one field, if the event that this makes is legal; else it stays as it was.
    fn set_value<'py>(
        &self,
        py: Python<'py>,
        field: usize,
        value: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        loop {
            let mut wanted = self.snapshot(py);
            wanted[field] = value.cloned();
            // May run Python code, and with it other changes of this event.
            let mut new = checked(py, wanted)?[field].take().map(Bound::unbind);
            let mut values = self.lock();
            mem::swap(&mut values[field], &mut new);
            if values[DATA].is_none() || values[RAW_DATA].is_none() {
                // The old value is dropped when the lock is free.
                drop(values);
                return Ok(());
            }
            // Another thread has set the other payload in the meantime.
            mem::swap(&mut values[field], &mut new);
        }
    }

    /// The fields for writing.
    pub(super) fn fields<'py>(&self, py: Python<'py>) -> Fields<'py> {
        let [data, raw_data, event, id, retry, comment] = self.snapshot(py);
        Fields {
            data,
            raw_data,
            event,
            id,
            retry,
            comment,
        }
    }
}

impl FromKeywords for ServerSentEvent {
    fn from_keywords<'py>(
        class: &Bound<'py, PyType>,
        names: Borrowed<'_, 'py, PyTuple>,
        given: &[Borrowed<'_, 'py, PyAny>],
    ) -> Option<PyResult<Bound<'py, PyAny>>> {
        let py = class.py();
        let known = interned_names(py);
        let mut values: Values<'py> = [const { None }; NAMES.len()];
        for (name, value) in names.iter_borrowed().zip(given) {
            let field = known.iter().position(|known| name.is(known))?;
            if !value.is_none() {
                values[field] = Some(Bound::clone(value));
            }
        }
        if !plainly_legal(&values) {
            return None;
        }
        let event = Self {
            values: Mutex::new(values.map(|value| value.map(Bound::unbind))),
        };
        Some(Bound::new(py, event).map(Bound::into_any))
    }
}

/// The field names, as they stand in the calls of Python code.
pub(super) fn interned_names(py: Python<'_>) -> &'static [Py<PyString>; NAMES.len()] {
    static INTERNED: PyOnceLock<[Py<PyString>; NAMES.len()]> = PyOnceLock::new();
    INTERNED.get_or_init(py, || NAMES.map(|name| PyString::intern(py, name).unbind()))
}

/// The values as an event holds them, or the error of Pydantic.
fn checked<'py>(py: Python<'py>, values: Values<'py>) -> PyResult<Values<'py>> {
    static MODEL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if plainly_legal(&values) {
        return Ok(values);
    }
    // Pydantic decides, with its conversions and its error messages.
    let fields = PyDict::new(py);
    for (name, value) in NAMES.iter().zip(values) {
        fields.set_item(name, value)?;
    }
    let model = MODEL.import(py, "eventwire._event_model", "ServerSentEvent")?;
    let event = model.call((), Some(&fields))?;
    let mut values = [const { None }; NAMES.len()];
    for (name, value) in NAMES.iter().zip(&mut values) {
        *value = Some(event.getattr(*name)?).filter(|value| !value.is_none());
    }
    if are_exact(&values) {
        return Ok(values);
    }
    Err(PyRuntimeError::new_err(
        "Pydantic did not convert the fields of an event to str and int",
    ))
}

/// Whether every field but `data` is of the exact type.
fn are_exact([_, raw_data, event, id, retry, comment]: &Values<'_>) -> bool {
    [raw_data, event, id, comment]
        .into_iter()
        .flatten()
        .all(PyAnyMethods::is_exact_instance_of::<PyString>)
        && retry
            .as_ref()
            .is_none_or(PyAnyMethods::is_exact_instance_of::<PyInt>)
}

/// Whether every field is of the exact type and legal, so that Pydantic would change nothing; no
/// Python code runs.
pub(super) fn plainly_legal(values: &Values<'_>) -> bool {
    fn str_of<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a str> {
        value.cast_exact::<PyString>().ok()?.to_str().ok()
    }
    let [data, raw_data, event, id, retry, _] = values;
    let legal_event = |name| str_of(name).is_some_and(|name| EventName::new(name).is_ok());
    let legal_id = |id| str_of(id).is_some_and(|id| EventId::new(id).is_ok());
    are_exact(values)
        && (data.is_none() || raw_data.is_none())
        && event.as_ref().is_none_or(legal_event)
        && id.as_ref().is_none_or(legal_id)
        && retry
            .as_ref()
            .is_none_or(|retry| retry.extract::<u64>().is_ok())
}
