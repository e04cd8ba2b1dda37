//! The Python binding of `ratatoskr_core::search`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::{PyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use ratatoskr_core::search::{self, Metric, Rows, SearchError};

/// Scores of rows as they are returned: their numbers and their scores, the best first.
type Ranking<'py> = (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<f32>>);

/// A search for the rows that are nearest to queries, in progress; each thread uses one of its own.
///
/// Args:
///     queries: one in each row.
///     top: the number of rows to find for each query.
///     metric: `"cosine"` or `"dot"`.
///
/// Raises:
///     ValueError: the queries have no dimensions, or the metric is unknown.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Search(Mutex<search::Search>);

#[pymethods]
impl Search {
    #[new]
    fn new(queries: PyReadonlyArray2<'_, f32>, top: usize, metric: &str) -> PyResult<Self> {
        let metric =
            Metric::from_name(metric).ok_or_else(|| PyValueError::new_err(format!("unknown metric: {metric:?}")))?;
        let dims = queries.shape().get(1).copied().unwrap_or_default();
        let search = search::Search::new(queries.as_slice()?, dims, top, metric).map_err(|e| invalid(&e))?;
        Ok(Self(Mutex::new(search)))
    }

    /// Compare rows with the queries; `first` is the number of the first of them.
    ///
    /// Raises:
    ///     ValueError: the rows have another number of dimensions than the queries.
    fn add(&self, py: Python<'_>, rows: PyReadonlyArray2<'_, f32>, first: u64) -> PyResult<()> {
        self.add_rows(py, Rows::F32(rows.as_slice()?), rows.shape(), first)
    }

    /// Compare rows of float16, given as their bits, with the queries; otherwise the same as `add`.
    fn add_halves(&self, py: Python<'_>, rows: PyReadonlyArray2<'_, u16>, first: u64) -> PyResult<()> {
        self.add_rows(py, Rows::F16(rows.as_slice()?), rows.shape(), first)
    }

    /// Take over the best rows of a search for the same queries in other rows.
    ///
    /// Raises:
    ///     ValueError: the queries are others.
    fn merge(&self, py: Python<'_>, other: Py<Self>) -> PyResult<()> {
        py.detach(|| {
            let other = other.get().lock().clone(); // one lock at a time, as two could wait for each other
            self.lock().merge(&other)
        })
        .map_err(|e| invalid(&e))
    }

    /// Return the best rows of each query as their numbers and scores: the highest first, NaN last.
    fn best<'py>(&self, py: Python<'py>) -> Vec<Ranking<'py>> {
        let best = py.detach(|| self.lock().best());
        let arrays = best.into_iter().map(|rows| {
            let (numbers, scores): (Vec<u64>, Vec<f32>) = rows.into_iter().unzip();
            (PyArray1::from_vec(py, numbers), PyArray1::from_vec(py, scores))
        });
        arrays.collect()
    }
}

impl Search {
    fn add_rows(&self, py: Python<'_>, rows: Rows<'_>, shape: &[usize], first: u64) -> PyResult<()> {
        py.detach(|| {
            let mut search = self.lock();
            match shape.get(1) {
                Some(dims) if *dims != search.dims() => Err(SearchError::Shape { dims: search.dims() }),
                _ => search.add(rows, first),
            }
        })
        .map_err(|e| invalid(&e))
    }

    fn lock(&self) -> MutexGuard<'_, search::Search> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn invalid(error: &SearchError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
