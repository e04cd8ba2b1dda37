//! The Python binding of `ratatoskr_core::json`.

use pyo3::prelude::*;
use ratatoskr_core::json;

/// Return whether arrays and objects in a JSON text nest at most `limit` deep.
///
/// Brackets inside strings do not count, and the text need not be valid JSON.
#[pyfunction]
#[pyo3(signature = (data, limit=64))]
pub fn check_depth(data: &[u8], limit: usize) -> bool {
    json::is_within_depth(data, limit)
}
