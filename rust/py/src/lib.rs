//! The door between Python and Rust: convert, detach, call, map the error; nothing else.
#![allow(clippy::doc_markdown, reason = "the doc comments of this crate are Python's docstrings")]
#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod embed;
mod error;
mod json;
mod net;
mod sse;
mod tokens;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::embed::{pool, take_pooled};
    #[pymodule_export]
    use crate::json::check_depth;
    #[pymodule_export]
    use crate::net::{Bell, Client, Exchange, Runtime, forked};
    #[pymodule_export]
    use crate::sse::SseParser;
    #[pymodule_export]
    use crate::tokens::{Tokenizer, Tokens};
}
