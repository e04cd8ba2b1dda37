//! The Python binding of `ratatoskr_core::tokens`: counts, and tokens with their places.

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use ratatoskr_core::tokens;

use crate::error;
use crate::tokens::as_str;

/// An encoding of OpenAI's models: `cl100k_base`, `o200k_base` or `o200k_harmony`; texts contain no special tokens.
///
/// Raises:
///     ValueError: there is no encoding of this name.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Encoding(&'static tokens::Encoding);

#[pymethods]
impl Encoding {
    #[new]
    fn new(py: Python<'_>, name: &str) -> PyResult<Self> {
        let found = py.detach(|| tokens::Encoding::named(name));
        found.map(Self).ok_or_else(|| PyValueError::new_err(format!("no encoding is named {name:?}")))
    }

    /// Return the number of tokens of a text.
    ///
    /// Raises:
    ///     InvalidInput: it holds half of a surrogate pair.
    fn count(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<usize> {
        let text = as_str(text, 0)?;
        Ok(py.detach(|| self.0.count(text)))
    }

    /// Return the number of tokens of a text that is given as parts of its UTF-8 form.
    ///
    /// Raises:
    ///     ValueError: the parts together are not UTF-8.
    fn count_parts(&self, py: Python<'_>, parts: Vec<PyBackedBytes>) -> PyResult<usize> {
        py.detach(|| join(&parts).map(|text| self.0.count(&text)))
    }

    /// Tokenise texts.
    ///
    /// Args:
    ///     texts: the texts.
    ///     first: the index of the first text, for error messages.
    ///
    /// Raises:
    ///     InvalidInput: a text is not a `str`, or holds half of a surrogate pair; the message contains its index.
    #[pyo3(signature = (texts, first=0))]
    fn spans(&self, py: Python<'_>, texts: &Bound<'_, PyList>, first: usize) -> PyResult<Spans> {
        spans_of(py, texts, first, |strings| self.0.spans(strings))
    }

    /// Return the bytes of a token; `None` if there is none of this id.
    fn token<'py>(&self, py: Python<'py>, id: u32) -> Option<Bound<'py, PyBytes>> {
        self.0.token(id).map(|bytes| PyBytes::new(py, bytes))
    }
}

/// Converts texts, tokenises them without the interpreter, and maps the error.
pub fn spans_of(
    py: Python<'_>,
    texts: &Bound<'_, PyList>,
    first: usize,
    tokenise: impl Fn(&[&str]) -> Result<tokens::Spans, tokens::TokensError> + Sync,
) -> PyResult<Spans> {
    let items: Vec<Bound<'_, PyAny>> = texts.iter().collect();
    let strings: Vec<&str> =
        items.iter().enumerate().map(|(i, text)| as_str(text, first + i)).collect::<PyResult<_>>()?;
    let spans = py.detach(|| tokenise(&strings));
    spans.map(Spans).map_err(|e| error::from_tokens(py, &e.with_offset(first)))
}

/// Returns the text of the parts of its UTF-8 form.
pub fn join(parts: &[PyBackedBytes]) -> PyResult<String> {
    let mut all = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        all.extend_from_slice(part);
    }
    String::from_utf8(all).map_err(|_| PyValueError::new_err("the parts together are not UTF-8"))
}

/// The tokens of many texts with their places, in flat arrays.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Spans(tokens::Spans);

#[pymethods]
impl Spans {
    /// Concatenate the texts of several parts.
    #[staticmethod]
    fn concat(py: Python<'_>, parts: Vec<Py<Self>>) -> Self {
        py.detach(|| Self(tokens::Spans::concat(parts.iter().map(|part| &part.get().0))))
    }

    /// Return the number of texts.
    fn __len__(&self) -> usize {
        self.0.ends().len()
    }

    /// Return the ids of all tokens.
    fn ids<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u32>> {
        PyArray1::from_slice(py, self.0.ids())
    }

    /// Return the first character of each token and the one after its last.
    fn chars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<u32>>> {
        pairs(py, self.0.chars())
    }

    /// Return the first byte of each token and the one after its last.
    fn bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<u32>>> {
        pairs(py, self.0.bytes())
    }

    /// Return the number of tokens up to the end of each text.
    fn ends(&self) -> Vec<usize> {
        self.0.ends().to_vec()
    }
}

fn pairs<'py>(py: Python<'py>, places: &[u32]) -> PyResult<Bound<'py, PyArray2<u32>>> {
    PyArray1::from_slice(py, places).reshape([places.len() / 2, 2])
}
