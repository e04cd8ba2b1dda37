//! The door between Python and Rust: convert, detach, call, map the error; nothing else.

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _core {}
