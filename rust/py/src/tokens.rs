//! The Python binding of `ratatoskr_core::tokens`.

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyList, PyString};
use ratatoskr_core::tokens::{self, PairTruncation};

use crate::error;
use crate::spans::{self, Spans};

/// A tokenizer from the bytes of a `tokenizer.json`; the truncation and padding of the file are switched off.
///
/// Raises:
///     ConfigurationError: it is not a supported tokenizer.
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

    /// Tokenise texts, each truncated to `limit` tokens, special tokens included.
    ///
    /// Args:
    ///     texts: the texts.
    ///     limit: the largest number of tokens of a text.
    ///     first: the index of the first text, for error messages.
    ///
    /// Raises:
    ///     InvalidInput: a text is not a `str`, or holds half of a surrogate pair; the message contains its index.
    ///     ConfigurationError: the limit is too small for a text beside the special tokens.
    #[pyo3(signature = (texts, limit, first=0))]
    fn encode(&self, py: Python<'_>, texts: &Bound<'_, PyList>, limit: usize, first: usize) -> PyResult<Tokens> {
        let items: Vec<Bound<'_, PyAny>> = texts.iter().collect();
        let strings: Vec<&str> =
            items.iter().enumerate().map(|(i, text)| as_str(text, first + i)).collect::<PyResult<_>>()?;
        let encoded = py.detach(|| self.0.encode(&strings, limit));
        encoded.map(Tokens).map_err(|e| error::from_tokens(py, &e.with_offset(first)))
    }

    /// Join texts that `encode` has tokenised to pairs, each truncated to `limit` tokens, special tokens included.
    ///
    /// Args:
    ///     texts: the tokens of the texts.
    ///     pairs: the numbers of the first and of the second text of each pair.
    ///     limit: the largest number of tokens of a pair.
    ///     keep_second: whether the first text alone is truncated, or the longer one.
    ///     first: the index of the first pair, for error messages.
    ///
    /// Raises:
    ///     InvalidInput: the second text, which is kept, leaves no room for the first; the message contains its index.
    ///     ConfigurationError: the tokenizer does not join two texts, or the limit is too small for them.
    #[pyo3(signature = (texts, pairs, limit, keep_second, first=0))]
    fn join(
        &self,
        py: Python<'_>,
        texts: &Tokens,
        pairs: Vec<(usize, usize)>,
        limit: usize,
        keep_second: bool,
        first: usize,
    ) -> PyResult<Tokens> {
        let truncation = if keep_second { PairTruncation::First } else { PairTruncation::Longest };
        let joined = py.detach(|| self.0.join(&texts.0, &pairs, limit, truncation));
        joined.map(Tokens).map_err(|e| error::from_tokens(py, &e.with_offset(first)))
    }

    /// Return the number of tokens of a text, without special tokens around it.
    ///
    /// Raises:
    ///     InvalidInput: it holds half of a surrogate pair, or cannot be tokenised.
    fn count(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<usize> {
        let text = as_str(text, 0)?;
        py.detach(|| self.0.count(text)).map_err(|e| error::from_tokens(py, &e))
    }

    /// Return the number of tokens of a text that is given as parts of its UTF-8 form.
    ///
    /// Raises:
    ///     InvalidInput: it cannot be tokenised.
    ///     ValueError: the parts together are not UTF-8.
    fn count_parts(&self, py: Python<'_>, parts: Vec<PyBackedBytes>) -> PyResult<usize> {
        let counted = py.detach(|| spans::join(&parts).map(|text| self.0.count(&text)))?;
        counted.map_err(|e| error::from_tokens(py, &e))
    }

    /// Tokenise texts, without truncation, and without special tokens around them.
    ///
    /// Args:
    ///     texts: the texts.
    ///     first: the index of the first text, for error messages.
    ///
    /// Raises:
    ///     InvalidInput: a text is not a `str`, holds half of a surrogate pair, or cannot be tokenised; the message
    ///         contains its index.
    #[pyo3(signature = (texts, first=0))]
    fn spans(&self, py: Python<'_>, texts: &Bound<'_, PyList>, first: usize) -> PyResult<Spans> {
        spans::spans_of(py, texts, first, |strings| self.0.spans(strings))
    }

    /// Return the vocabulary's entry for an id; `None` if there is none.
    fn piece(&self, id: u32) -> Option<String> {
        self.0.piece(id)
    }

    /// Return the id of a vocabulary's entry, special tokens included; `None` if there is none.
    fn id(&self, piece: &str) -> Option<u32> {
        self.0.id(piece)
    }
}

pub fn as_str<'a>(text: &'a Bound<'_, PyAny>, index: usize) -> PyResult<&'a str> {
    let py = text.py();
    let invalid = |why: &str| error::invalid_input(py, &format!("text {index} {why}"), "texts");
    let string = text.cast::<PyString>().map_err(|_| {
        let kind = text.get_type().name().map_or_else(|_| "another type".into(), |name| name.to_string());
        invalid(&format!("is not a str but {kind}"))
    })?;
    string.to_str().map_err(|_| invalid("holds half of a surrogate pair, which is not a character"))
}

/// The token ids of many texts, concatenated.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Tokens(pub(crate) tokens::Tokens);

#[pymethods]
impl Tokens {
    /// Concatenate the texts of several parts.
    #[staticmethod]
    fn concat(py: Python<'_>, parts: Vec<Py<Self>>) -> Self {
        py.detach(|| Self(tokens::Tokens::concat(parts.iter().map(|part| &part.get().0))))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// Return the number of tokens of all texts together, after truncation.
    fn total(&self) -> usize {
        self.0.total()
    }

    /// Return the ids of one text, after truncation; empty if there is no such text.
    fn ids<'py>(&self, py: Python<'py>, text: usize) -> Bound<'py, PyArray1<u32>> {
        PyArray1::from_slice(py, self.0.ids(text))
    }

    /// Return the texts that were truncated, each with its full number of tokens.
    fn cut(&self) -> Vec<(usize, usize)> {
        self.0.cut().collect()
    }

    /// Group the texts into calls of similar lengths, longest first, each padded to at most `budget` tokens.
    fn calls(&self, py: Python<'_>, budget: usize) -> Vec<Vec<usize>> {
        py.detach(|| self.0.calls(budget))
    }

    /// Return the segments (token types) of texts as rows of one width; None if all are the first.
    fn pad_segments<'py>(&self, py: Python<'py>, texts: Vec<usize>) -> PyResult<Option<Bound<'py, PyArray2<i64>>>> {
        let count = texts.len();
        let Some(segments) = py.detach(|| self.0.pad_segments(&texts)) else { return Ok(None) };
        let width = segments.len() / count.max(1);
        PyArray1::from_vec(py, segments).reshape([count, width]).map(Some)
    }

    /// Return texts as rows of one width: ids padded with the id `pad`, and the attention mask.
    #[expect(clippy::type_complexity, reason = "two arrays")]
    #[pyo3(signature = (texts, pad=0))]
    fn pad<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<usize>,
        pad: i64,
    ) -> PyResult<(Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<i64>>)> {
        let padded = py.detach(|| self.0.pad(&texts, pad));
        let shape = [texts.len(), padded.width];
        let ids = PyArray1::from_vec(py, padded.ids).reshape(shape)?;
        let mask = PyArray1::from_vec(py, padded.mask).reshape(shape)?;
        Ok((ids, mask))
    }
}
