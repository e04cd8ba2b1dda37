//! The Python extension module: converts arguments, releases the interpreter, calls the other crates, maps errors.
#![allow(clippy::doc_markdown, reason = "the doc comments of this crate are Python's docstrings")]
#![allow(clippy::needless_pass_by_value, reason = "PyO3 passes arguments by value")]

mod embed;
mod error;
mod json;
mod net;
mod nli;
mod search;
mod spans;
mod sse;
mod tokens;
mod vectors;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::embed::{pool, take_pooled};
    #[pymodule_export]
    use crate::json::check_depth;
    #[pymodule_export]
    use crate::net::{Body, Client, Exchange, Runtime, WakeupFd, after_fork};
    #[pymodule_export]
    use crate::nli::{sigmoid, softmax};
    #[pymodule_export]
    use crate::search::Search;
    #[pymodule_export]
    use crate::spans::{Encoding, Spans};
    #[pymodule_export]
    use crate::sse::SseParser;
    #[pymodule_export]
    use crate::tokens::{Tokenizer, Tokens};
    #[pymodule_export]
    use crate::vectors::decode_vectors;
}
