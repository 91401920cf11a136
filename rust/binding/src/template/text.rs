//! The fields that are text and may have slots: `raw_data`, `event` and `id`.

use std::borrow::Cow;

use eventwire_core::{EventId, EventName};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::event::text;

use super::templated::Values;

/// Which field a text is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    RawData,
    Event,
    Id,
}

impl Field {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RawData => "raw_data",
            Self::Event => "event",
            Self::Id => "id",
        }
    }

    /// Whether the field may hold this; pieces that may stand there may stand there together.
    fn check(self, text: &str) -> Result<(), eventwire_core::FieldError> {
        match self {
            Self::RawData => Ok(()),
            Self::Event => EventName::new(text).map(|_| ()),
            Self::Id => EventId::new(text).map(|_| ()),
        }
    }
}

/// The value of a field.
pub(super) enum Text {
    Absent,
    Constant(Py<PyString>),
    /// What this slot holds; None: no such field.
    Slot(usize),
    /// One after the other.
    Parts(Box<[Part]>),
}

pub(super) enum Part {
    Constant(Box<str>),
    Slot(usize),
}

impl Text {
    /// From what `_template.example` gives: None, `str`, a slot, or a tuple of them.
    pub(super) fn new(
        value: &Bound<'_, PyAny>,
        slot: impl Fn(&Bound<'_, PyAny>) -> PyResult<usize>,
    ) -> PyResult<Self> {
        if value.is_none() {
            return Ok(Self::Absent);
        }
        if let Ok(text) = value.cast::<PyString>() {
            return Ok(Self::Constant(text.clone().unbind()));
        }
        let Ok(parts) = value.cast::<PyTuple>() else {
            return Ok(Self::Slot(slot(value)?));
        };
        let parts = parts.iter().map(|part| {
            Ok(match part.cast::<PyString>() {
                Ok(text) => Part::Constant(text.to_str()?.into()),
                Err(_) => Part::Slot(slot(&part)?),
            })
        });
        Ok(Self::Parts(parts.collect::<PyResult<_>>()?))
    }

    pub(super) const fn has_slots(&self) -> bool {
        matches!(self, Self::Slot(_) | Self::Parts(_))
    }

    /// Refuses values that the field may not hold, naming the slot.
    #[inline]
    pub(super) fn check(
        &self,
        py: Python<'_>,
        field: Field,
        names: &[Py<PyString>],
        values: &Values,
    ) -> PyResult<()> {
        match self {
            Self::Absent | Self::Constant(_) => Ok(()),
            Self::Slot(slot) => check_slot(field, *slot, true, names, values.get(py, *slot)),
            Self::Parts(parts) => parts.iter().try_for_each(|part| match part {
                Part::Constant(_) => Ok(()),
                Part::Slot(slot) => check_slot(field, *slot, false, names, values.get(py, *slot)),
            }),
        }
    }

    /// The text for an event; None: no such field.
    pub(super) fn object<'py>(
        &self,
        py: Python<'py>,
        field: Field,
        values: &Values,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(match self {
            Self::Absent => None,
            Self::Constant(text) => Some(text.bind(py).as_any().clone()),
            Self::Slot(slot) => {
                Some(values.get(py, *slot).clone()).filter(|value| !value.is_none())
            }
            Self::Parts(_) => self
                .text(py, field, values)?
                .map(|text| PyString::new(py, &text).into_any()),
        })
    }

    /// The same as Rust's text.
    #[inline]
    pub(super) fn text<'a>(
        &'a self,
        py: Python<'a>,
        field: Field,
        values: &'a Values,
    ) -> PyResult<Option<Cow<'a, str>>> {
        Ok(match self {
            Self::Absent => None,
            Self::Constant(constant) => Some(Cow::Borrowed(constant.bind(py).to_str()?)),
            Self::Slot(slot) => match values.get(py, *slot) {
                value if value.is_none() => None,
                value => Some(Cow::Borrowed(text(field.name(), value)?)),
            },
            Self::Parts(parts) => {
                let mut joined = String::new();
                for part in parts {
                    joined.push_str(match part {
                        Part::Constant(constant) => constant,
                        Part::Slot(slot) => text(field.name(), values.get(py, *slot))?,
                    });
                }
                Some(Cow::Owned(joined))
            }
        })
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Constant(text) => visit.call(text),
            _ => Ok(()),
        }
    }
}

fn check_slot(
    field: Field,
    slot: usize,
    may_be_none: bool,
    names: &[Py<PyString>],
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    if may_be_none && value.is_none() {
        return Ok(());
    }
    if !value.is_instance_of::<PyString>() {
        let or_none = if may_be_none { " or None" } else { "" };
        return Err(PyTypeError::new_err(format!(
            "slot '{}' stands in SSE '{}' and must be a str{or_none}, not {}",
            names[slot],
            field.name(),
            value.get_type().name()?
        )));
    }
    // Surrogates in raw data are found when it is written, as in any event.
    if field == Field::RawData {
        return Ok(());
    }
    field
        .check(text(field.name(), value)?)
        .map_err(|error| PyValueError::new_err(format!("slot '{}': {error}", names[slot])))
}
