//! The Python binding of `ratatoskr_core::vectors`.

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use ratatoskr_core::vectors;

use crate::net::Body;

type Vectors<'py> = (Bound<'py, PyArray2<f32>>, Option<String>, Option<u64>);

/// Return the rows, the model's name and the tokens of an answer of OpenAI's form with `count` vectors in base64.
///
/// Any answer that is not exactly that, which another reader must examine, gives None.
#[pyfunction]
pub fn decode_vectors<'py>(py: Python<'py>, body: &Bound<'py, PyAny>, count: usize) -> PyResult<Option<Vectors<'py>>> {
    let found = if let Ok(body) = body.cast::<Body>() {
        let body = body.get();
        py.detach(|| vectors::decode(body.content(), count))
    } else {
        let body: PyBackedBytes = body.extract()?;
        py.detach(|| vectors::decode(&body, count))
    };
    let Some(found) = found else { return Ok(None) };
    let rows = PyArray1::from_vec(py, found.values).reshape([count, found.size])?;
    Ok(Some((rows, found.model, found.tokens)))
}
