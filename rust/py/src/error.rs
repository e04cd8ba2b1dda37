//! Errors of the Rust crates as the classes of `ratatoskr.errors`, which are written in Python.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use ratatoskr_core::sse::SseError;

static MALFORMED_RESPONSE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Makes the exception for a stream that broke a rule of its framing.
pub fn from_sse(py: Python<'_>, error: SseError) -> PyErr {
    MALFORMED_RESPONSE
        .import(py, "ratatoskr.errors", "MalformedResponse")
        .and_then(|class| class.call1((error.to_string(),)))
        .map_or_else(|failure| failure, PyErr::from_value)
}
