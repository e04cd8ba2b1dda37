//! Python's face of `ratatoskr_core::tokens`.

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use ratatoskr_core::tokens;

use crate::error;

/// A tokenizer from the bytes of a `tokenizer.json`, without the truncation and the padding that the file asks for.
///
/// Raises:
///     ConfigurationError: the file cannot be read.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Tokenizer(tokens::Tokenizer);

#[pymethods]
impl Tokenizer {
    #[new]
    fn new(py: Python<'_>, json: &[u8]) -> PyResult<Self> {
        py.detach(|| tokens::Tokenizer::from_json(json)).map(Self).map_err(|e| error::from_tokens(py, &e))
    }

    /// Return the largest id that any text can contain.
    fn largest_id(&self, py: Python<'_>) -> u32 {
        py.detach(|| self.0.largest_id())
    }

    /// Tokenise texts, each cut to `limit` tokens, special ones counted; errors count from index `first`.
    ///
    /// Raises:
    ///     InvalidInput: something is not a `str`, or holds half a surrogate pair; the message names its index.
    ///     ConfigurationError: the limit leaves no room for a text.
    #[pyo3(signature = (texts, limit, first=0))]
    fn encode(&self, py: Python<'_>, texts: &Bound<'_, PyList>, limit: usize, first: usize) -> PyResult<Tokens> {
        let held: Vec<Bound<'_, PyAny>> = texts.iter().collect();
        let strings: Vec<&str> =
            held.iter().enumerate().map(|(i, text)| as_str(text, first + i)).collect::<PyResult<_>>()?;
        let encoded = py.detach(|| self.0.encode(&strings, limit));
        encoded.map(Tokens).map_err(|e| error::from_tokens(py, &e.behind(first)))
    }
}

fn as_str<'a>(text: &'a Bound<'_, PyAny>, index: usize) -> PyResult<&'a str> {
    let py = text.py();
    let refused = |why: &str| error::invalid_input(py, &format!("text {index} {why}"), "texts");
    let string = text.cast::<PyString>().map_err(|_| {
        let kind = text.get_type().name().map_or_else(|_| "something else".into(), |name| name.to_string());
        refused(&format!("is not a str but {kind}"))
    })?;
    string.to_str().map_err(|_| refused("holds half of a surrogate pair, which is no character"))
}

/// The ids of many texts, one after another.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Tokens(pub(crate) tokens::Tokens);

#[pymethods]
impl Tokens {
    /// Put the texts of several parts behind one another.
    #[staticmethod]
    fn joined(py: Python<'_>, parts: Vec<Py<Self>>) -> Self {
        py.detach(|| Self(tokens::Tokens::joined(parts.iter().map(|part| &part.get().0))))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Return the number of tokens of all texts together, as cut.
    fn total(&self) -> usize {
        self.0.total()
    }

    /// Return the ids of one text, as cut; empty where there is no such text.
    fn ids<'py>(&self, py: Python<'py>, text: usize) -> Bound<'py, PyArray1<u32>> {
        PyArray1::from_slice(py, self.0.ids(text))
    }

    /// Return the texts that were cut, each with the number of tokens that it had.
    fn cut(&self) -> Vec<(usize, usize)> {
        self.0.cut().collect()
    }

    /// Share the texts out into calls of nearly equal lengths, longest first, padded to at most `budget` tokens.
    fn calls(&self, py: Python<'_>, budget: usize) -> Vec<Vec<usize>> {
        py.detach(|| self.0.calls(budget))
    }

    /// Lay texts out as rows of one width, padded with zeros: ids, and 1 where there is a token.
    #[expect(clippy::type_complexity, reason = "two arrays")]
    fn padded<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<usize>,
    ) -> PyResult<(Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<i64>>)> {
        let padded = py.detach(|| self.0.padded(&texts));
        let shape = [texts.len(), padded.width];
        let ids = PyArray1::from_vec(py, padded.ids).reshape(shape)?;
        let mask = PyArray1::from_vec(py, padded.mask).reshape(shape)?;
        Ok((ids, mask))
    }
}
