//! Errors of the Rust crates as the classes of `ratatoskr.errors`, which are written in Python.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use ratatoskr_core::sse::SseError;
use ratatoskr_core::tokens::TokensError;

static MALFORMED_RESPONSE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static INVALID_INPUT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static CONFIGURATION_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Makes the exception for a stream that broke a rule of its framing.
pub fn from_sse(py: Python<'_>, error: SseError) -> PyErr {
    malformed(py, &error.to_string())
}

/// Makes the exception for an answer that cannot be used.
pub fn malformed(py: Python<'_>, message: &str) -> PyErr {
    MALFORMED_RESPONSE
        .import(py, "ratatoskr.errors", "MalformedResponse")
        .and_then(|class| class.call1((message,)))
        .map_or_else(|failure| failure, PyErr::from_value)
}

/// Makes the exception for an argument that is refused.
pub fn invalid_input(py: Python<'_>, message: &str, field: &str) -> PyErr {
    let refuse = || {
        let class = INVALID_INPUT.import(py, "ratatoskr.errors", "InvalidInput")?;
        let named = PyDict::new(py);
        named.set_item("field", field)?;
        class.call((message,), Some(&named))
    };
    refuse().map_or_else(|failure| failure, PyErr::from_value)
}

/// Makes the exception for a tokenizer or a text that it cannot take.
pub fn from_tokens(py: Python<'_>, error: &TokensError) -> PyErr {
    if let TokensError::Failed { .. } = error {
        return invalid_input(py, &error.to_string(), "texts");
    }
    CONFIGURATION_ERROR
        .import(py, "ratatoskr.errors", "ConfigurationError")
        .and_then(|class| class.call1((error.to_string(),)))
        .map_or_else(|failure| failure, PyErr::from_value)
}
