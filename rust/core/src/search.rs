//! Exact search: the rows of a matrix that are nearest to each of some queries, in one pass over the rows.
//!
//! Rows are read once, in blocks that serve several queries, and only the best of each query are kept. A score depends
//! on its row and its query alone, so equal rows have equal scores wherever they are.

mod best;
mod scores;

use pulp::Arch;
use thiserror::Error;

use best::Best;
use scores::Scores;

/// How a row is compared with a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// The cosine of the angle between them; 0 if either is zero.
    Cosine,
    /// Their dot product.
    Dot,
}

impl Metric {
    /// Returns the metric of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "cosine" => Some(Self::Cosine),
            "dot" => Some(Self::Dot),
            _ => None,
        }
    }
}

/// Rows of a matrix, one after another.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// Numbers of 32 bits.
    F32(&'a [f32]),
    /// The bits of numbers of 16 bits (binary16 of IEEE 754).
    F16(&'a [u16]),
}

/// Why a search cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SearchError {
    /// The numbers are no whole rows or queries.
    #[error("the numbers are not rows of {dims} dimensions")]
    Shape {
        /// The dimensions of a row.
        dims: usize,
    },
    /// The searches that are merged have different queries.
    #[error("the searches are of different queries")]
    Merge,
}

/// A search in progress: the queries, and the best rows so far of each.
#[derive(Debug, Clone)]
pub struct Search {
    queries: Vec<f32>,
    dims: usize,
    metric: Metric,
    best: Vec<Best>,
}

impl Search {
    /// Starts a search for the `top` rows nearest to each query; `queries` are laid out as queries × `dims`.
    ///
    /// # Errors
    /// [`SearchError::Shape`].
    pub fn new(queries: &[f32], dims: usize, top: usize, metric: Metric) -> Result<Self, SearchError> {
        if dims == 0 || !queries.len().is_multiple_of(dims) {
            return Err(SearchError::Shape { dims });
        }
        let mut queries = queries.to_vec();
        if metric == Metric::Cosine {
            queries.chunks_exact_mut(dims).for_each(scores::normalise);
        }
        let best = vec![Best::new(top); queries.len() / dims];
        Ok(Self { queries, dims, metric, best })
    }

    /// Returns the number of dimensions of a query.
    #[must_use]
    pub const fn dims(&self) -> usize {
        self.dims
    }

    /// Compares rows with the queries; `first` is the number of the first of them. Rows come in any order.
    ///
    /// # Errors
    /// [`SearchError::Shape`].
    pub fn add(&mut self, rows: Rows<'_>, first: u64) -> Result<(), SearchError> {
        let count = match rows {
            Rows::F32(numbers) => numbers.len(),
            Rows::F16(bits) => bits.len(),
        };
        if !count.is_multiple_of(self.dims) {
            return Err(SearchError::Shape { dims: self.dims });
        }
        let Self { queries, dims, metric, best } = self;
        Arch::new().dispatch(Scores { rows, first, queries, dims: *dims, metric: *metric, best });
        Ok(())
    }

    /// Takes over the best rows of a search for the same queries in other rows.
    ///
    /// # Errors
    /// [`SearchError::Merge`].
    pub fn merge(&mut self, other: &Self) -> Result<(), SearchError> {
        if self.queries != other.queries || self.metric != other.metric {
            return Err(SearchError::Merge);
        }
        for (best, more) in self.best.iter_mut().zip(&other.best) {
            best.merge(more);
        }
        Ok(())
    }

    /// Returns the best rows of each query with their scores: the highest first, NaN last, equal ones by their number.
    #[must_use]
    pub fn best(&self) -> Vec<Vec<(u64, f32)>> {
        self.best.iter().map(Best::sorted).collect()
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]
#[allow(clippy::float_cmp, reason = "the numbers are exact")]
mod tests;
