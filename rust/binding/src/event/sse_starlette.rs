//! sse-starlette's dialect: what its `ensure_bytes` and its events' `encode` make.

use eventwire_core::{Cr, CrLf, EventId, EventName, Frame, Lf, LineEnd};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyString};
use pyo3::{PyTraverseError, PyVisit};

use super::fields::{Fields, text, wrong_type};
use crate::error::field_error;

/// Encodes items as sse-starlette does: `SseStarletteEncoder(sep, general).encode(item) -> bytes`.
///
/// `bytes` pass through, a dict is the arguments of an event, text is data. Everything else is for
/// `general`, and so are subclasses and dicts that are not plainly legal: it returns the frame, or
/// raises.
#[pyclass(frozen, module = "eventwire")]
pub(crate) struct SseStarletteEncoder {
    end: End,
    general: Py<PyAny>,
}

#[derive(Clone, Copy)]
enum End {
    Lf,
    Cr,
    CrLf,
}

#[pymethods]
impl SseStarletteEncoder {
    #[new]
    fn new(sep: &str, general: Py<PyAny>) -> PyResult<Self> {
        let end = match sep {
            "\n" => End::Lf,
            "\r" => End::Cr,
            "\r\n" => End::CrLf,
            _ => {
                return Err(PyValueError::new_err(
                    "sep must be one of: \\r\\n, \\r, \\n",
                ));
            }
        };
        Ok(Self { end, general })
    }

    /// One item as a frame.
    fn encode<'py>(&self, item: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let mut buffer = Vec::new();
        self.append(&mut buffer, item)?;
        Ok(PyBytes::new(item.py(), &buffer))
    }

    /// The fields of an event as a frame.
    #[pyo3(signature = (data, event, id, retry, comment))]
    fn event<'py>(
        &self,
        py: Python<'py>,
        data: Option<Bound<'py, PyAny>>,
        event: Option<Bound<'py, PyAny>>,
        id: Option<Bound<'py, PyAny>>,
        retry: Option<Bound<'py, PyAny>>,
        comment: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let mut buffer = Vec::new();
        self.write(&mut buffer, &normal(data, event, id, retry, comment)?)?;
        Ok(PyBytes::new(py, &buffer))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.general)
    }
}

impl SseStarletteEncoder {
    /// Appends a whole frame, or returns the error with the buffer as it was.
    pub(crate) fn append(&self, buffer: &mut Vec<u8>, item: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(frame) = item.cast_exact::<PyBytes>() {
            buffer.extend_from_slice(frame.as_bytes());
            return Ok(());
        }
        if let Ok(data) = item.cast_exact::<PyString>() {
            let data = Some(data.clone().into_any());
            return self.write(buffer, &normal(data, None, None, None, None)?);
        }
        if let Ok(arguments) = item.cast_exact::<PyDict>()
            && let Some([data, event, id, retry, comment]) = arguments_of(arguments)
        {
            return self.write(buffer, &normal(data, event, id, retry, comment)?);
        }
        let frame = self.general.bind(item.py()).call1((item,))?;
        let Ok(frame) = frame.cast::<PyBytes>() else {
            return Err(PyTypeError::new_err(format!(
                "the encode() of an event must return bytes, not {}",
                frame.get_type().name()?
            )));
        };
        buffer.extend_from_slice(frame.as_bytes());
        Ok(())
    }

    fn write(&self, buffer: &mut Vec<u8>, fields: &Fields<'_>) -> PyResult<()> {
        match self.end {
            End::Lf => write::<Lf>(buffer, fields),
            End::Cr => write::<Cr>(buffer, fields),
            End::CrLf => write::<CrLf>(buffer, fields),
        }
    }
}

/// The values of a dict by the names of an event's arguments; None if it has another key. `sep` is
/// left out: the response's counts.
fn arguments_of<'py>(dict: &Bound<'py, PyDict>) -> Option<[Option<Bound<'py, PyAny>>; 5]> {
    let py = dict.py();
    let names = [
        intern!(py, "data"),
        intern!(py, "event"),
        intern!(py, "id"),
        intern!(py, "retry"),
        intern!(py, "comment"),
    ];
    let mut found = [None, None, None, None, None];
    for (key, value) in dict {
        let key = key.cast_into_exact::<PyString>().ok()?;
        let same =
            |name: &Bound<'_, PyString>| key.is(name) || key.to_str().ok() == name.to_str().ok();
        match names.iter().position(|name| same(name)) {
            Some(at) => found[at] = Some(value).filter(|value| !value.is_none()),
            None if same(intern!(py, "sep")) => {}
            None => return None,
        }
    }
    Some(found)
}

/// What an event's `encode` makes of its attributes: `data` and `comment` are what `str` says, line
/// ends are taken out of `event` and `id`.
///
/// Refused, though it would write them: a `retry` that is a bool, `retry: True`, which no client
/// reads; and, when they are written, a negative one and U+0000 in an id.
pub(super) fn normal<'py>(
    data: Option<Bound<'py, PyAny>>,
    event: Option<Bound<'py, PyAny>>,
    id: Option<Bound<'py, PyAny>>,
    retry: Option<Bound<'py, PyAny>>,
    comment: Option<Bound<'py, PyAny>>,
) -> PyResult<Fields<'py>> {
    if let Some(retry) = &retry {
        if !retry.is_instance_of::<PyInt>() {
            return Err(PyTypeError::new_err("retry argument must be int"));
        }
        if retry.is_exact_instance_of::<PyBool>() {
            return Err(wrong_type("retry", "an int (milliseconds)", retry));
        }
    }
    Ok(Fields {
        data: None,
        raw_data: as_text(data)?,
        event: single_line("event", event)?,
        id: single_line("id", id)?,
        retry,
        comment: as_text(comment)?,
    })
}

fn as_text(value: Option<Bound<'_, PyAny>>) -> PyResult<Option<Bound<'_, PyAny>>> {
    match value {
        Some(value) if !value.is_exact_instance_of::<PyString>() => {
            Ok(Some(value.str()?.into_any()))
        }
        value => Ok(value),
    }
}

fn single_line<'py>(
    field: &str,
    value: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(value) = value else {
        return Ok(None);
    };
    let line = text(field, &value)?;
    if !line.contains(['\r', '\n']) {
        return Ok(Some(value));
    }
    let line = line.replace(['\r', '\n'], "");
    Ok(Some(PyString::new(value.py(), &line).into_any()))
}

/// In the order of sse-starlette.
fn write<E: LineEnd>(buffer: &mut Vec<u8>, fields: &Fields<'_>) -> PyResult<()> {
    let mut frame = Frame::<E>::begin_with(buffer);
    if let Some(comment) = &fields.comment {
        frame.comment(text("comment", comment)?);
    }
    if let Some(id) = &fields.id {
        frame.id(EventId::new(text("id", id)?).map_err(field_error)?);
    }
    if let Some(event) = &fields.event {
        frame.event(EventName::new(text("event", event)?).map_err(field_error)?);
    }
    if let Some(data) = &fields.raw_data {
        frame.data(text("data", data)?);
    }
    fields.write_retry(&mut frame)?;
    frame.end();
    Ok(())
}
