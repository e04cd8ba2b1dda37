//! Parsers and numeric functions: no I/O, no Python, no panic on any input.
#![forbid(unsafe_code)]

pub mod embed;
pub mod json;
pub mod nli;
pub mod search;
pub mod sse;
pub mod tokens;
pub mod vectors;
