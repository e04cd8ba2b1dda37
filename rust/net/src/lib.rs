//! The HTTP client: connection pools, deadlines, limits, and response bodies parsed into events. Independent of Python.
//!
//! One thread per process runs every request ([`Runtime`]). The caller of a request holds an [`Exchange`]; dropping it
//! closes the connection or resets the stream. Each update of an exchange signals the [`WakeupFd`] of the event loop
//! that waits for it, and one [`Exchange::take`] then returns everything that arrived since the last one.
//!
//! Nothing is read from the environment, no request is sent twice, no redirect is followed.
#![forbid(unsafe_code)]

mod buffers;
mod client;
mod deadline;
mod drive;
mod error;
mod exchange;
mod limits;
mod request_body;
mod resolve;
mod response_body;
mod runtime;
mod tls;
mod wakeup;

pub use client::{BodyMode, Client, Config, Request};
pub use deadline::Deadlines;
pub use error::{NetError, Phase};
pub use exchange::{Exchange, Head, Update};
pub use limits::Limits;
pub use runtime::{Runtime, after_fork};
pub use tls::TlsOptions;
pub use wakeup::WakeupFd;
