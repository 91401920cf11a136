//! The template: an example of an event, its slots, and its call.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use pyo3::{Borrowed, PyTraverseError, PyVisit};

use crate::event::Fields;
use crate::path::Json;
use crate::raw::{CallInstances, Vectorcall};

use super::compiled::{Compiled, FORMS, Places, form_of};
use super::templated::{TemplatedEvent, Values};
use super::text::{Field, Text};

/// The fields of an event.
const FIELDS: [&str; 6] = ["data", "raw_data", "event", "id", "retry", "comment"];

/// An event of which most is constant. Immutable.
#[pyclass(frozen, immutable_type, module = "eventwire")]
pub(crate) struct EventTemplate {
    vectorcall: Vectorcall,
    /// Of the slots, interned.
    names: Box<[Py<PyString>]>,
    /// `_template.Example`: nobody else has it.
    example: Py<PyAny>,
    /// The payload, with slots in it.
    data: Option<Py<PyAny>>,
    places: Places,
    /// `Example.places`, for the general path.
    slots: Py<PyList>,
    raw_data: Text,
    event: Text,
    id: Text,
    /// One of these three has a slot.
    has_text_slots: bool,
    retry: Option<Py<PyAny>>,
    comment: Option<Py<PyAny>>,
    /// By form; made when an event is first written in it.
    compiled: [PyOnceLock<Option<Compiled>>; FORMS],
}

#[pymethods]
impl EventTemplate {
    #[new]
    #[pyo3(signature = (*, data=None, raw_data=None, event=None, id=None, retry=None, comment=None, slots=None))]
    #[expect(clippy::too_many_arguments, reason = "the fields of an event")]
    fn new(
        py: Python<'_>,
        data: Option<Bound<'_, PyAny>>,
        raw_data: Option<Bound<'_, PyAny>>,
        event: Option<Bound<'_, PyAny>>,
        id: Option<Bound<'_, PyAny>>,
        retry: Option<Bound<'_, PyAny>>,
        comment: Option<Bound<'_, PyAny>>,
        slots: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        static EXAMPLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let given = PyDict::new(py);
        let fields = [data, raw_data, event, id, retry, comment];
        for (name, value) in FIELDS.iter().zip(fields) {
            given.set_item(name, value)?;
        }
        given.set_item("slots", slots)?;
        let example = EXAMPLE
            .import(py, "eventwire._template", "example")?
            .call((), Some(&given))?;
        let names: Vec<Bound<'_, PyString>> = example.getattr("names")?.extract()?;
        let slot_of = |slot: &Bound<'_, PyAny>| -> PyResult<usize> {
            let name: String = slot.getattr("name")?.extract()?;
            let position = names.iter().position(|known| *known == name.as_str());
            position.ok_or_else(|| PyTypeError::new_err(format!("{slot} is no slot")))
        };
        let slots = example.getattr("places")?.cast_into::<PyList>()?;
        let mut places = Vec::new();
        for place in &slots {
            let path = place.getattr("path")?.cast_into::<PyTuple>()?;
            places.push((slot_of(&place.getattr("slot")?)?, path.unbind()));
        }
        let field = |name: &str| -> PyResult<Option<Py<PyAny>>> {
            let value = example.getattr(name)?;
            Ok((!value.is_none()).then(|| value.unbind()))
        };
        let text = |name: &str| Text::new(&example.getattr(name)?, slot_of);
        let (raw_data, event, id) = (text("raw_data")?, text("event")?, text("id")?);
        let has_text_slots = raw_data.has_slots() || event.has_slots() || id.has_slots();
        Ok(Self {
            vectorcall: Vectorcall::of::<Self>(),
            data: field("data")?,
            has_text_slots,
            raw_data,
            event,
            id,
            retry: field("retry")?,
            comment: field("comment")?,
            names: names
                .iter()
                .map(|name| Ok(PyString::intern(py, name.to_str()?).unbind()))
                .collect::<PyResult<_>>()?,
            places: places.into(),
            slots: slots.unbind(),
            example: example.unbind(),
            compiled: [const { PyOnceLock::new() }; FORMS],
        })
    }

    /// An event with these values in the slots; each is given, by its name.
    #[pyo3(signature = (*arguments, **values))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        arguments: &Bound<'py, PyTuple>,
        values: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let (names, values): (Vec<_>, Vec<_>) = values.into_iter().flatten().unzip();
        let values: Vec<_> = values.iter().map(Bound::as_borrowed).collect();
        let names = PyTuple::new(py, names)?;
        Self::call(slf, arguments.len(), names.as_borrowed(), &values)
    }

    /// The names of the slots.
    #[getter]
    fn slots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.names)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut shown = Vec::new();
        for (name, value) in self.given(py)? {
            shown.push(format!("{name}={}", value.repr()?.to_string_lossy()));
        }
        Ok(format!("EventTemplate({})", shown.join(", ")))
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let Ok(other) = other.cast::<Self>() else {
            return Ok(py.NotImplemented());
        };
        let equal = self.example.bind(py).eq(&other.get().example)?;
        Ok(equal.into_pyobject(py)?.to_owned().into_any().unbind())
    }

    /// Of the slots' names: payloads mostly have no hash.
    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.slots(py)?.hash()
    }

    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let fields = PyDict::new(py);
        for (name, value) in self.given(py)? {
            fields.set_item(name, value)?;
        }
        (PyTuple::empty(py), fields).into_pyobject(py)
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (memo, /))]
    fn __deepcopy__(slf: Py<Self>, memo: &Bound<'_, PyAny>) -> Py<Self> {
        let _ = memo;
        slf
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.example)?;
        visit.call(&self.data)?;
        visit.call(&self.slots)?;
        for (_, path) in &self.places {
            visit.call(path)?;
        }
        for text in [&self.raw_data, &self.event, &self.id] {
            text.traverse(&visit)?;
        }
        visit.call(&self.retry)?;
        visit.call(&self.comment)
    }
}

impl EventTemplate {
    pub(super) fn names(&self) -> &[Py<PyString>] {
        &self.names
    }

    pub(super) const fn data(&self) -> Option<&Py<PyAny>> {
        self.data.as_ref()
    }

    pub(super) fn places(&self) -> &[(usize, Py<PyTuple>)] {
        &self.places
    }

    pub(super) const fn raw_data(&self) -> &Text {
        &self.raw_data
    }

    pub(super) const fn event(&self) -> &Text {
        &self.event
    }

    pub(super) const fn id(&self) -> &Text {
        &self.id
    }

    pub(super) fn retry<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.retry.as_ref().map(|retry| retry.bind(py).clone())
    }

    pub(super) fn comment<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.comment
            .as_ref()
            .map(|comment| comment.bind(py).clone())
    }

    /// The fields that were given, with their slots.
    fn given<'py>(&self, py: Python<'py>) -> PyResult<Vec<(&'static str, Bound<'py, PyAny>)>> {
        let mut given = Vec::new();
        for name in FIELDS {
            let value = self.example.bind(py).getattr(name)?;
            if !value.is_none() {
                given.push((name, value));
            }
        }
        Ok(given)
    }

    /// The template in an encoder's form; None: only the general path can write its events.
    #[inline]
    pub(super) fn compiled(
        &self,
        py: Python<'_>,
        json: &Json,
        line_safe: bool,
    ) -> Option<&Compiled> {
        let kept = &self.compiled[form_of(json, line_safe)?];
        match kept.get(py) {
            Some(compiled) => compiled.as_ref(),
            None => self.compile(py, json, line_safe, kept),
        }
    }

    /// Not inside of the lock: this runs the user's code, which may write the same template.
    #[cold]
    fn compile<'a>(
        &self,
        py: Python<'_>,
        json: &Json,
        line_safe: bool,
        kept: &'a PyOnceLock<Option<Compiled>>,
    ) -> Option<&'a Compiled> {
        let compiled = Compiled::new(py, self, json, line_safe);
        kept.get_or_init(py, || compiled).as_ref()
    }

    /// The fields without slots; no payload.
    pub(super) fn constant_fields<'py>(&self, py: Python<'py>) -> Fields<'py> {
        let constant = |text: &Text| match text {
            Text::Constant(text) => Some(text.bind(py).as_any().clone()),
            _ => None,
        };
        Fields {
            data: None,
            raw_data: constant(&self.raw_data),
            event: constant(&self.event),
            id: constant(&self.id),
            retry: self.retry(py),
            comment: self.comment(py),
        }
    }

    /// The payload with these values in its places.
    pub(super) fn payload<'py>(
        &self,
        py: Python<'py>,
        values: &[Bound<'py, PyAny>],
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        static SUBSTITUTED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let Some(data) = &self.data else {
            return Ok(None);
        };
        let is_slot = |(_, path): &(usize, Py<PyTuple>)| path.bind(py).is_empty();
        if let [value] = values
            && self.places.iter().any(is_slot)
        {
            return Ok((!value.is_none()).then(|| value.clone()));
        }
        SUBSTITUTED
            .import(py, "eventwire._template", "substituted")?
            .call1((data, &self.slots, values))
            .map(Some)
    }

    /// The fields of an event.
    pub(super) fn fields<'py>(&self, py: Python<'py>, values: &Values) -> PyResult<Fields<'py>> {
        let places = self.places.iter();
        let filled: Vec<_> = places
            .map(|(slot, _)| values.get(py, *slot).clone())
            .collect();
        Ok(Fields {
            data: self.payload(py, &filled)?,
            raw_data: self.raw_data.object(py, Field::RawData, values)?,
            event: self.event.object(py, Field::Event, values)?,
            id: self.id.object(py, Field::Id, values)?,
            retry: self.retry(py),
            comment: self.comment(py),
        })
    }

    /// Refuses values that their fields may not hold.
    fn check(&self, py: Python<'_>, values: &Values) -> PyResult<()> {
        let texts = [&self.raw_data, &self.event, &self.id];
        let fields = [Field::RawData, Field::Event, Field::Id];
        texts
            .into_iter()
            .zip(fields)
            .try_for_each(|(text, field)| text.check(py, field, &self.names, values))
    }

    #[cold]
    fn unknown_slot(&self, name: &Bound<'_, PyAny>) -> PyErr {
        PyTypeError::new_err(format!(
            "the template has no slot '{name}'; it has {}",
            self.listed()
        ))
    }

    fn listed(&self) -> String {
        if self.names.is_empty() {
            return "none".to_owned();
        }
        let names: Vec<_> = self.names.iter().map(|name| format!("'{name}'")).collect();
        names.join(", ")
    }

    /// The values in the order of the slots.
    #[inline]
    fn matched(
        &self,
        names: Borrowed<'_, '_, PyTuple>,
        given: &[Borrowed<'_, '_, PyAny>],
    ) -> PyResult<Values> {
        let mut values = Values::new(self.names.len());
        for (position, (name, value)) in names.iter_borrowed().zip(given).enumerate() {
            // Names in calls are interned, and mostly in the order of the slots.
            let slot = match self.names.get(position) {
                Some(known) if name.is(known) => position,
                _ => self.slot(&name)?,
            };
            values.set(slot, value);
        }
        if !values.are_all_set(self.names.len()) {
            return Err(self.missing(&values));
        }
        Ok(values)
    }

    fn slot(&self, name: &Bound<'_, PyAny>) -> PyResult<usize> {
        let by_identity = self.names.iter().position(|known| name.is(known));
        if let Some(slot) = by_identity {
            return Ok(slot);
        }
        for (slot, known) in self.names.iter().enumerate() {
            if name.eq(known)? {
                return Ok(slot);
            }
        }
        Err(self.unknown_slot(name))
    }

    #[cold]
    fn missing(&self, values: &Values) -> PyErr {
        let missing: Vec<_> = self
            .names
            .iter()
            .enumerate()
            .filter(|(slot, _)| !values.is_set(*slot))
            .map(|(_, name)| format!("'{name}'"))
            .collect();
        let (noun, verb) = match missing.len() {
            1 => ("slot", "is"),
            _ => ("slots", "are"),
        };
        PyTypeError::new_err(format!("{noun} {} {verb} missing", missing.join(", ")))
    }
}

impl CallInstances for EventTemplate {
    fn vectorcall(&self) -> &Vectorcall {
        &self.vectorcall
    }

    #[inline]
    fn call<'py>(
        slf: &Bound<'py, Self>,
        positional: usize,
        names: Borrowed<'_, 'py, PyTuple>,
        values: &[Borrowed<'_, 'py, PyAny>],
    ) -> PyResult<Bound<'py, PyAny>> {
        let template = slf.get();
        if positional > 0 {
            return Err(PyTypeError::new_err(format!(
                "the slots of a template are filled by name: {}",
                template.listed()
            )));
        }
        let values = template.matched(names, values)?;
        if template.has_text_slots {
            template.check(slf.py(), &values)?;
        }
        let event = TemplatedEvent::new(slf.clone().unbind(), values);
        Bound::new(slf.py(), event).map(Bound::into_any)
    }

    fn sample(py: Python<'_>) -> PyResult<Bound<'_, Self>> {
        let template = Self {
            vectorcall: Vectorcall::of::<Self>(),
            names: Box::default(),
            example: py.None(),
            data: None,
            places: Box::default(),
            slots: PyList::empty(py).unbind(),
            raw_data: Text::Absent,
            event: Text::Absent,
            id: Text::Absent,
            has_text_slots: false,
            retry: None,
            comment: None,
            compiled: [const { PyOnceLock::new() }; FORMS],
        };
        Bound::new(py, template)
    }
}
