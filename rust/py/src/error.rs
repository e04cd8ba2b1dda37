//! Errors of the Rust crates as exceptions of `ratatoskr.errors`, which is written in Python.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use ratatoskr_core::sse::SseError;
use ratatoskr_core::tokens::TokensError;

static MALFORMED_RESPONSE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static INVALID_INPUT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static CONFIGURATION_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Returns the exception for a stream that cannot be parsed.
pub fn from_sse(py: Python<'_>, error: SseError) -> PyErr {
    malformed_response(py, &error.to_string())
}

/// Returns the exception for a response that cannot be used.
pub fn malformed_response(py: Python<'_>, message: &str) -> PyErr {
    MALFORMED_RESPONSE
        .import(py, "ratatoskr.errors", "MalformedResponse")
        .and_then(|class| class.call1((message,)))
        .map_or_else(|failure| failure, PyErr::from_value)
}

/// Returns the exception for an invalid argument.
pub fn invalid_input(py: Python<'_>, message: &str, field: &str) -> PyErr {
    let build = || {
        let class = INVALID_INPUT.import(py, "ratatoskr.errors", "InvalidInput")?;
        let keywords = PyDict::new(py);
        keywords.set_item("field", field)?;
        class.call((message,), Some(&keywords))
    };
    build().map_or_else(|failure| failure, PyErr::from_value)
}

/// Returns the exception for an unusable tokenizer, or a text that cannot be tokenised.
pub fn from_tokens(py: Python<'_>, error: &TokensError) -> PyErr {
    if let TokensError::Failed { .. } = error {
        return invalid_input(py, &error.to_string(), "texts");
    }
    if let TokensError::SecondTooLong { .. } = error {
        return invalid_input(py, &error.to_string(), "pairs");
    }
    CONFIGURATION_ERROR
        .import(py, "ratatoskr.errors", "ConfigurationError")
        .and_then(|class| class.call1((error.to_string(),)))
        .map_or_else(|failure| failure, PyErr::from_value)
}
