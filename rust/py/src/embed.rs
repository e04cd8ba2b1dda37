//! Python's face of `ratatoskr_core::embed`.

use numpy::{PyArray2, PyArrayMethods, PyReadonlyArray2, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use ratatoskr_core::embed::{self, PoolError, Pooling};

use crate::error;
use crate::tokens::Tokens;

/// Pool a model's hidden states into rows of `out`: row i of the states is text `texts[i]` of `tokens`, and its row.
///
/// `pooling` is `"mean"`, `"cls"`, `"max"`, `"mean_sqrt_len"` or `"last"`; padding is not looked at.
///
/// Raises:
///     MalformedResponse: a vector is not finite, or the states are not of the shape of the texts.
///     ValueError: `out` has no such row, or there is no such pooling.
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
    let pooling = Pooling::named(pooling).ok_or_else(|| PyValueError::new_err("no such pooling"))?;
    let [_, width, dims] = *hidden.shape() else { return Err(PyValueError::new_err("states have three axes")) };
    let states = hidden.as_slice()?;
    let vectors = py.detach(|| {
        let lengths: Vec<usize> = texts.iter().map(|text| tokens.0.ids(*text).len()).collect();
        embed::pool(states, width, dims, &lengths, pooling, normalise)
    });
    place(&vectors.map_err(|e| failed(py, e))?, dims, &texts, out)
}

/// Take vectors that a model pooled by itself into rows of `out`: row i is text `texts[i]`.
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
    let [_, dims] = *vectors.shape() else { return Err(PyValueError::new_err("vectors have two axes")) };
    let mut rows = vectors.as_slice()?.to_vec();
    py.detach(|| embed::finish_rows(&mut rows, dims, normalise)).map_err(|e| failed(py, e))?;
    place(&rows, dims, &texts, out)
}

fn failed(py: Python<'_>, error: PoolError) -> PyErr {
    error::malformed(py, &error.to_string())
}

/// Copies rows to their places; `out` is borrowed while Python is attached alone, so that two threads never hold it.
fn place(vectors: &[f32], dims: usize, texts: &[usize], out: &Bound<'_, PyArray2<f32>>) -> PyResult<()> {
    let mut out = out.try_readwrite()?;
    let misfit = || PyValueError::new_err("the rows do not fit into the result");
    if out.shape().get(1) != Some(&dims) || dims == 0 || vectors.len() != texts.len() * dims {
        return Err(misfit());
    }
    let rows = out.as_slice_mut()?;
    for (vector, text) in vectors.chunks_exact(dims).zip(texts) {
        rows.get_mut(text * dims..(text + 1) * dims).ok_or_else(misfit)?.copy_from_slice(vector);
    }
    Ok(())
}
