//! The HTTP client: pools, deadlines, limits, and bodies turned into events. It knows nothing of Python.
//!
//! One thread per process runs every request ([`Runtime`]); whoever asked for one holds an [`Exchange`], and dropping
//! it closes the connection or resets the stream. News of an exchange rings the [`Bell`] of the event loop that waits
//! for it, and one [`Exchange::take`] then hands over everything that came since the last one.
//!
//! Nothing here is taken from the environment, nothing is sent twice, no redirect is followed.
#![forbid(unsafe_code)]

mod bell;
mod client;
mod deadline;
mod drive;
mod error;
mod exchange;
mod incoming;
mod limits;
mod outgoing;
mod resolve;
mod runtime;
mod tls;

pub use bell::Bell;
pub use client::{Client, Config, Request, Want};
pub use deadline::Deadlines;
pub use error::{NetError, Phase};
pub use exchange::{Exchange, Head, News};
pub use limits::Limits;
pub use runtime::{Runtime, forked};
pub use tls::Trust;
