//! The Python binding of `ratatoskr_core::nli`.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use ratatoskr_core::nli::{self, LogitsError};

use crate::error;

/// Return the softmax of each row of logits: each row sums to one.
///
/// Args:
///     logits: one row for each item.
///     item: what an item is called in messages.
///
/// Raises:
///     MalformedResponse: a logit is not finite; the message contains the index of its item.
#[pyfunction]
#[pyo3(signature = (logits, item="item"))]
pub fn softmax<'py>(
    py: Python<'py>,
    logits: PyReadonlyArray2<'py, f32>,
    item: &str,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    apply(py, &logits, item, nli::softmax)
}

/// Return the logistic function of each logit.
///
/// Args:
///     logits: one row for each item.
///     item: what an item is called in messages.
///
/// Raises:
///     MalformedResponse: a logit is not finite; the message contains the index of its item.
#[pyfunction]
#[pyo3(signature = (logits, item="item"))]
pub fn sigmoid<'py>(
    py: Python<'py>,
    logits: PyReadonlyArray2<'py, f32>,
    item: &str,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    apply(py, &logits, item, nli::sigmoid)
}

type Function = fn(&[f32], usize) -> Result<Vec<f64>, LogitsError>;

fn apply<'py>(
    py: Python<'py>,
    logits: &PyReadonlyArray2<'py, f32>,
    item: &str,
    function: Function,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let [rows, columns] = *logits.shape() else { return Err(PyValueError::new_err("logits must have two dimensions")) };
    let values = logits.as_slice()?;
    let probabilities = py.detach(|| function(values, columns)).map_err(|error| match error {
        LogitsError::NotFinite { row } => {
            error::malformed_response(py, &format!("the model's output for {item} {row} is not finite"))
        }
        LogitsError::Shape { .. } => PyValueError::new_err(error.to_string()),
    })?;
    PyArray1::from_vec(py, probabilities).reshape([rows, columns])
}
