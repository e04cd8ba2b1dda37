//! The Python binding of `ratatoskr_core::embed`.

use numpy::{PyArray2, PyArrayMethods, PyReadonlyArray2, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use ratatoskr_core::embed::{self, PoolError, Pooling};

use crate::error;
use crate::tokens::Tokens;

/// Pool the hidden states of a model into `out`: row i of the states becomes row `texts[i]`, a text of `tokens`.
///
/// `pooling` is `"mean"`, `"cls"`, `"max"`, `"mean_sqrt_len"` or `"last"`; padding is not read.
///
/// Raises:
///     MalformedResponse: a vector is not finite, or the shape of the states does not match the texts.
///     ValueError: `out` has no such row, or the pooling is unknown.
#[pyfunction]
pub fn pool(
    py: Python<'_>,
    hidden: PyReadonlyArray3<'_, f32>,
    tokens: &Tokens,
    texts: Vec<usize>,
    pooling: &str,
    normalise: bool,
    out: &Bound<'_, PyArray2<f32>>,
) -> PyResult<()> {
    let pooling =
        Pooling::from_name(pooling).ok_or_else(|| PyValueError::new_err(format!("unknown pooling: {pooling:?}")))?;
    let [_, width, dims] = *hidden.shape() else {
        return Err(PyValueError::new_err("hidden must have three dimensions"));
    };
    let states = hidden.as_slice()?;
    let vectors = py.detach(|| {
        let lengths: Vec<usize> = texts.iter().map(|text| tokens.0.ids(*text).len()).collect();
        embed::pool(states, width, dims, &lengths, pooling, normalise)
    });
    copy_rows(&vectors.map_err(|e| pool_error(py, e))?, dims, &texts, out)
}

/// Copy vectors that the model pooled itself into `out`: row i becomes row `texts[i]`.
///
/// Raises:
///     MalformedResponse: a vector is not finite.
///     ValueError: `out` has no such row.
#[pyfunction]
pub fn take_pooled(
    py: Python<'_>,
    vectors: PyReadonlyArray2<'_, f32>,
    texts: Vec<usize>,
    normalise: bool,
    out: &Bound<'_, PyArray2<f32>>,
) -> PyResult<()> {
    let [_, dims] = *vectors.shape() else { return Err(PyValueError::new_err("vectors must have two dimensions")) };
    let mut rows = vectors.as_slice()?.to_vec();
    py.detach(|| embed::finish_rows(&mut rows, dims, normalise)).map_err(|e| pool_error(py, e))?;
    copy_rows(&rows, dims, &texts, out)
}

fn pool_error(py: Python<'_>, error: PoolError) -> PyErr {
    error::malformed_response(py, &error.to_string())
}

/// Copies rows to their places; `out` is borrowed only while Python is attached, so that two threads never borrow it.
fn copy_rows(vectors: &[f32], dims: usize, texts: &[usize], out: &Bound<'_, PyArray2<f32>>) -> PyResult<()> {
    let mut out = out.try_readwrite()?;
    let mismatch = || PyValueError::new_err("the shape of out does not match the vectors");
    if out.shape().get(1) != Some(&dims) || dims == 0 || vectors.len() != texts.len() * dims {
        return Err(mismatch());
    }
    let rows = out.as_slice_mut()?;
    for (vector, text) in vectors.chunks_exact(dims).zip(texts) {
        rows.get_mut(text * dims..(text + 1) * dims).ok_or_else(mismatch)?.copy_from_slice(vector);
    }
    Ok(())
}
