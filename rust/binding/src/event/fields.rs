//! The fields of an event on their way into a frame.

use eventwire_core::{EventId, EventName, Frame, LineEnd, Retry};
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString};

use crate::error::field_error;
use crate::raw;

/// The fields of an event object, as Python gave them: nothing about them is trusted.
pub(crate) struct Fields<'py> {
    pub(crate) data: Option<Bound<'py, PyAny>>,
    pub(crate) raw_data: Option<Bound<'py, PyAny>>,
    pub(crate) event: Option<Bound<'py, PyAny>>,
    pub(crate) id: Option<Bound<'py, PyAny>>,
    pub(crate) retry: Option<Bound<'py, PyAny>>,
    pub(crate) comment: Option<Bound<'py, PyAny>>,
}

impl Fields<'_> {
    /// Appends the frame; `data` writes the payload's lines.
    pub(crate) fn write(
        &self,
        buffer: &mut Vec<u8>,
        data: impl FnOnce(&mut Frame<'_>) -> PyResult<bool>,
    ) -> PyResult<()> {
        self.try_write(buffer, data).map(|_| ())
    }

    /// The same, but when `data` returns false there is no frame, and the buffer is as it was.
    ///
    /// Legality is checked here, on what is written, and not only when the event was made:
    /// attributes of Pydantic models change and `model_construct` skips validators. On an
    /// error the buffer is as it was, too.
    pub(crate) fn try_write(
        &self,
        buffer: &mut Vec<u8>,
        data: impl FnOnce(&mut Frame<'_>) -> PyResult<bool>,
    ) -> PyResult<bool> {
        let mut frame = Frame::begin(buffer);
        if let Some(comment) = &self.comment {
            frame.comment(text("comment", comment)?);
        }
        if let Some(event) = &self.event {
            frame.event(EventName::new(text("event", event)?).map_err(field_error)?);
        }
        if !data(&mut frame)? {
            return Ok(false);
        }
        if let Some(id) = &self.id {
            frame.id(EventId::new(text("id", id)?).map_err(field_error)?);
        }
        self.write_retry(&mut frame)?;
        frame.end();
        Ok(true)
    }

    pub(super) fn write_retry<E: LineEnd>(&self, frame: &mut Frame<'_, E>) -> PyResult<()> {
        let Some(retry) = &self.retry else {
            return Ok(());
        };
        let Ok(retry) = retry.cast::<PyInt>() else {
            return Err(wrong_type("retry", "an int (milliseconds)", retry));
        };
        if let Ok(millis) = retry.extract::<u64>() {
            frame.retry(Retry::from_millis(millis));
        } else {
            let digits = retry.str()?;
            frame.retry(Retry::from_digits(digits.to_str()?).map_err(field_error)?);
        }
        Ok(())
    }
}

/// The text of a field: the characters a `str` holds, whatever its methods say.
pub(crate) fn text<'a>(field: &str, value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    match value.cast::<PyString>() {
        Ok(text) => match raw::text(text) {
            Some(text) => Ok(text),
            None => text
                .to_str()
                .map_err(|error| naming(field, error, value.py())),
        },
        Err(_) => Err(wrong_type(field, "a str", value)),
    }
}

pub(super) fn wrong_type(field: &str, wanted: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let class = value.get_type().name();
    let class = class.map_or_else(|_| String::from("?"), |name| name.to_string());
    PyTypeError::new_err(format!("SSE '{field}' must be {wanted}, not {class}"))
}

/// The `UnicodeEncodeError` of a lone surrogate, which also says whose text it is.
fn naming(field: &str, error: PyErr, py: Python<'_>) -> PyErr {
    if !error.is_instance_of::<PyUnicodeEncodeError>(py) {
        return error;
    }
    let reason = format!("SSE '{field}' must be text without lone surrogates");
    let arguments =
        ["encoding", "object", "start", "end"].map(|name| error.value(py).getattr(name));
    let [Ok(encoding), Ok(object), Ok(start), Ok(end)] = arguments else {
        return error;
    };
    PyUnicodeEncodeError::new_err((
        encoding.unbind(),
        object.unbind(),
        start.unbind(),
        end.unbind(),
        reason,
    ))
}

/// `fastapi.sse.format_sse_event`, with FastAPI's newest bytes whichever is installed, and the
/// fields checked.
#[pyfunction]
#[pyo3(signature = (*, data_str=None, event=None, id=None, retry=None, comment=None))]
pub(crate) fn format_sse_event<'py>(
    py: Python<'py>,
    data_str: Option<&Bound<'py, PyAny>>,
    event: Option<Bound<'py, PyAny>>,
    id: Option<Bound<'py, PyAny>>,
    retry: Option<Bound<'py, PyAny>>,
    comment: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let fields = Fields {
        data: None,
        raw_data: None,
        event,
        id,
        retry,
        comment,
    };
    let mut buffer = Vec::new();
    fields.write(&mut buffer, |frame| {
        if let Some(data) = data_str {
            frame.data(text("data_str", data)?);
        }
        Ok(true)
    })?;
    Ok(PyBytes::new(py, &buffer))
}
