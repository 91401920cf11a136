//! Core errors as Python exceptions.

use eventwire_core::FieldError;
use pyo3::PyErr;
use pyo3::exceptions::PyValueError;

/// `ValueError`, because that is what `pydantic.ValidationError` (the error at construction) is.
pub(crate) fn field_error(error: FieldError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
