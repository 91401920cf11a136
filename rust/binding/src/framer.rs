//! What becomes of one item of a stream: a frame, or bytes that are frames already.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyString};
use pyo3::{PyTraverseError, PyVisit};

use crate::encoder::Encoder;
use crate::event::SseStarletteEncoder;

/// Which items are frames already, and pass through as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FramesAre {
    /// None: `bytes` are data like any other (a FastAPI route).
    Nothing,
    /// `bytes` and `memoryview`.
    Bytes,
    /// `bytes`, `memoryview`, and `str` to be written as UTF-8.
    Text,
}

enum Encodes {
    Ours(Py<Encoder>),
    SseStarlette(Py<SseStarletteEncoder>),
}

/// The settings of one stream.
pub(crate) struct Framer {
    encoder: Encodes,
    frames_are: FramesAre,
    /// Makes the exception for an item that fails validation.
    invalid: Option<Py<PyAny>>,
}

impl Framer {
    pub(crate) fn new(
        encoder: &Bound<'_, PyAny>,
        frames_are: &str,
        invalid: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let encoder = match encoder.cast::<Encoder>() {
            Ok(encoder) => Encodes::Ours(encoder.clone().unbind()),
            Err(_) => {
                Encodes::SseStarlette(encoder.cast::<SseStarletteEncoder>()?.clone().unbind())
            }
        };
        let frames_are = match frames_are {
            "bytes" => FramesAre::Bytes,
            "text" => FramesAre::Text,
            _ => FramesAre::Nothing,
        };
        Ok(Self {
            encoder,
            frames_are,
            invalid,
        })
    }

    /// Appends the item, whole, or returns the error with the buffer as it was.
    pub(crate) fn append(&self, buffer: &mut Vec<u8>, item: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = item.py();
        let encoder = match &self.encoder {
            Encodes::Ours(encoder) => encoder.get(),
            Encodes::SseStarlette(encoder) => return encoder.get().append(buffer, item),
        };
        if self.frames_are != FramesAre::Nothing {
            if let Ok(frame) = item.cast::<PyBytes>() {
                buffer.extend_from_slice(frame.as_bytes());
                return Ok(());
            }
            if item.is_instance_of::<PyMemoryView>() {
                let frame = item.call_method0(intern!(py, "tobytes"))?;
                buffer.extend_from_slice(frame.cast::<PyBytes>()?.as_bytes());
                return Ok(());
            }
            if self.frames_are == FramesAre::Text
                && let Ok(text) = item.cast::<PyString>()
            {
                buffer.extend_from_slice(text.to_str()?.as_bytes());
                return Ok(());
            }
        }
        let invalid = self.invalid.as_ref().map(|invalid| invalid.bind(py));
        encoder.append(buffer, item, invalid)
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.encoder {
            Encodes::Ours(encoder) => visit.call(encoder)?,
            Encodes::SseStarlette(encoder) => visit.call(encoder)?,
        }
        visit.call(&self.invalid)
    }

    pub(crate) fn clear(&mut self) {
        self.invalid = None;
    }
}
