//! An example as constant bytes and places, for one form of JSON.
//!
//! Where a place is in the frame is found by writing the frame with one value there and with another,
//! everything else being equal. So the constant bytes are those of the encoder itself, whatever the
//! dialect, and a place whose value shows anywhere else is noticed. (Rejected: searching for a text that
//! stands nowhere else, which only a field that takes text can hold.)
//!
//! A form that joins later, such as one with another order of fields and another separator, needs a
//! number in [`form_of`] and an encoder that writes whole frames in it for [`Sampler::frame`].

use std::borrow::Cow;

use eventwire_core::{EventId, EventName, Fill, Frame, Hole, Kind, Template};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::encoder::json_text;
use crate::path::Json;
use crate::value::{Leaf, Wrote, class_of, is_builtin, writing, written};

use super::native::EventTemplate;
use super::templated::Values;
use super::text::Field;

/// How many forms there are.
pub(super) const FORMS: usize = 4;

/// The number of a form; None: no event is written in it.
#[inline]
pub(super) const fn form_of(json: &Json, line_safe: bool) -> Option<usize> {
    match (json, line_safe) {
        (Json::Compact, false) => Some(0),
        (Json::Compact, true) => Some(1),
        (Json::EventData(_), false) => Some(2),
        (Json::EventData(_), true) => Some(3),
        (Json::Spaced(_), _) => None,
    }
}

/// An example in one form.
pub(super) struct Compiled {
    template: Template,
    /// For each place of the payload: the slot, and what it takes. Fields that are text follow them.
    places: Box<[(usize, Leaf)]>,
}

impl Compiled {
    /// None: it has to be written as a whole each time.
    pub(super) fn new(
        py: Python<'_>,
        example: &EventTemplate,
        json: &Json,
        line_safe: bool,
    ) -> Option<Self> {
        // Raw data takes as many lines as it has; nothing is constant but the other fields.
        if example.raw_data().has_slots() {
            return None;
        }
        let mut places = Vec::new();
        for (slot, path) in example.places() {
            let path = path.bind(py);
            // An event whose payload is None has no data, and what it is otherwise is its class's.
            if path.is_empty() {
                return None;
            }
            places.push((*slot, json.leaf(example.data()?.bind(py), path, line_safe)?));
        }
        let mut kinds = vec![Kind::Json; places.len()];
        if example.event().has_slots() {
            kinds.push(Kind::Event);
        }
        if example.id().has_slots() {
            kinds.push(Kind::Id);
        }
        let sampler = Sampler {
            py,
            example,
            json,
            line_safe,
            leaves: &places,
            kinds: &kinds,
        };
        let base = sampler.frame(None)?;
        let mut holes = Vec::new();
        for (place, kind) in kinds.iter().enumerate() {
            let [(_, ours), (_, others)] = sampler.probes(place)?;
            let other = sampler.frame(Some(place))?;
            let start = same(&base, &other) - same(ours.as_bytes(), others.as_bytes());
            let rest = base.get(start..)?.strip_prefix(ours.as_bytes())?;
            if other.get(start..)?.strip_prefix(others.as_bytes())? != rest {
                return None;
            }
            holes.push(Hole {
                range: start..start + ours.len(),
                kind: *kind,
                slot: place,
            });
        }
        Some(Self {
            template: Template::cut(&base, holes)?,
            places: places.into(),
        })
    }

    /// Appends an event; false: it is one for the general path, and the buffer is as it was.
    #[inline]
    pub(super) fn append(
        &self,
        py: Python<'_>,
        buffer: &mut Vec<u8>,
        example: &EventTemplate,
        values: &Values,
    ) -> PyResult<bool> {
        let mark = buffer.len();
        let wrote = writing(buffer, |buffer| {
            let mut filling = Filling {
                py,
                compiled: self,
                example,
                values,
                joined: String::new(),
            };
            match self.template.write(buffer, &mut filling) {
                Ok(()) => Wrote::Value,
                Err(wrote) => wrote,
            }
        });
        if wrote == Wrote::Value {
            return Ok(true);
        }
        buffer.truncate(mark);
        written(wrote)
    }
}

/// How many bytes are the same from the beginning.
fn same(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// Fills in the values of one event.
struct Filling<'a, 'py> {
    py: Python<'py>,
    compiled: &'a Compiled,
    example: &'a EventTemplate,
    values: &'a Values,
    /// A text made of several.
    joined: String,
}

impl Filling<'_, '_> {
    /// The text of a field; one that is None has no line, which is the general path's to leave out.
    #[inline]
    fn text(&mut self, field: Field) -> Result<&str, Wrote> {
        let text = match field {
            Field::RawData => self.example.raw_data(),
            Field::Event => self.example.event(),
            Field::Id => self.example.id(),
        };
        match text.text(self.py, field, self.values) {
            Ok(Some(Cow::Borrowed(text))) => Ok(text),
            Ok(Some(Cow::Owned(text))) => {
                self.joined = text;
                Ok(&self.joined)
            }
            _ => Err(Wrote::Unknown),
        }
    }
}

impl Fill for Filling<'_, '_> {
    type Error = Wrote;

    #[inline]
    fn json(&mut self, buffer: &mut Vec<u8>, place: usize) -> Result<(), Wrote> {
        let (slot, leaf) = &self.compiled.places[place];
        match leaf.write(buffer, self.values.get(self.py, *slot)) {
            Wrote::Value => Ok(()),
            wrote => Err(wrote),
        }
    }

    fn event(&mut self, _: usize) -> Result<EventName<'_>, Wrote> {
        EventName::new(self.text(Field::Event)?).map_err(|_| Wrote::Unknown)
    }

    fn id(&mut self, _: usize) -> Result<EventId<'_>, Wrote> {
        EventId::new(self.text(Field::Id)?).map_err(|_| Wrote::Unknown)
    }
}

/// Writes the example with values that are known.
struct Sampler<'a, 'py> {
    py: Python<'py>,
    example: &'a EventTemplate,
    json: &'a Json,
    line_safe: bool,
    leaves: &'a [(usize, Leaf)],
    /// Of all places: those of the payload, then event and id.
    kinds: &'a [Kind],
}

impl<'py> Sampler<'_, 'py> {
    /// Two values for a place, with what is written for them.
    fn probes(&self, place: usize) -> Option<[(Bound<'py, PyAny>, String); 2]> {
        if let Some((_, leaf)) = self.leaves.get(place) {
            return leaf.probes(self.py);
        }
        let probe = |text| (PyString::new(self.py, text).into_any(), String::from(text));
        Some(["0", "1"].map(probe))
    }

    /// The whole frame, with the other value in this place.
    fn frame(&self, changed: Option<usize>) -> Option<Vec<u8>> {
        let mut probes = Vec::new();
        for place in 0..self.kinds.len() {
            let [base, other] = self.probes(place)?.map(|(value, _)| value);
            probes.push(if changed == Some(place) { other } else { base });
        }
        let mut texts = probes.split_off(self.leaves.len()).into_iter();
        let mut fields = self.example.constant_fields(self.py);
        if self.example.event().has_slots() {
            fields.event = texts.next();
        }
        if self.example.id().has_slots() {
            fields.id = texts.next();
        }
        let raw = fields.raw_data.take();
        let payload = self.example.payload(self.py, &probes).ok()?;
        let mut buffer = Vec::new();
        let data = |frame: &mut Frame<'_>| {
            if let Some(raw) = &raw {
                frame.data(crate::event::text("raw_data", raw)?);
                return Ok(true);
            }
            match &payload {
                Some(payload) => Ok(self.payload(frame, payload)),
                None => Ok(true),
            }
        };
        fields.try_write(&mut buffer, data).ok()?.then_some(buffer)
    }

    /// Writes the payload's line, if it is certain that its constant part is constant.
    fn payload(&self, frame: &mut Frame<'_>, payload: &Bound<'_, PyAny>) -> bool {
        let mut json = Vec::new();
        let wrote = writing(&mut json, |json| {
            let class = (!is_builtin(payload)).then(|| class_of(payload));
            self.json
                .write(json, payload, class.as_deref(), self.line_safe)
        });
        if !matches!(written(wrote), Ok(true)) {
            json.clear();
            // Members of builtin containers are written each for itself, by whomever; but what a
            // model becomes without a plan may depend on anything in it.
            if self.line_safe || !self.leaves.iter().all(|(_, leaf)| leaf.is_free) {
                return false;
            }
            match self.json.json(payload) {
                Ok(text) => match json_text(&text) {
                    Ok(text) => json.extend_from_slice(text.as_bytes()),
                    Err(_) => return false,
                },
                Err(_) => return false,
            }
        }
        if json.contains(&b'\r') || json.contains(&b'\n') {
            return false;
        }
        frame.data_line(|buffer| buffer.extend_from_slice(&json));
        true
    }
}

/// A place's path in the payload.
pub(super) type Places = Box<[(usize, Py<PyTuple>)]>;
