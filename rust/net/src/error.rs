//! What can go wrong with an exchange. Messages never contain a URL, a header value or a body.

use std::error::Error;
use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::request_body::SendProgress;
use crate::resolve::LookupError;

/// How far an exchange had come, or which deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Resolving the name.
    Dns,
    /// Opening the connection; as a deadline, including resolution and TLS.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Before any byte of the request can have been sent.
    Send,
    /// Waiting for the response headers.
    Head,
    /// Reading the body.
    Body,
    /// The deadline for the response headers.
    FirstByte,
    /// The deadline between two pieces of the body.
    Idle,
    /// The deadline of the whole exchange.
    Total,
}

impl Phase {
    /// The name that callers see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Send => "send",
            Self::Head => "head",
            Self::Body => "body",
            Self::FirstByte => "first_byte",
            Self::Idle => "idle",
            Self::Total => "total",
        }
    }
}

/// Why an exchange failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NetError {
    /// The connection could not be made, or broke.
    #[error("{message}")]
    Connection {
        /// How far the exchange had come.
        phase: Phase,
        /// Whether bytes of the request can have reached the peer.
        sent: bool,
        /// Whether the same request may succeed if it is sent again.
        retryable: bool,
        /// The message for users.
        message: String,
    },
    /// TLS failed; sending the request again would fail too.
    #[error("{message}")]
    Tls {
        /// Whether bytes of the request can have reached the peer.
        sent: bool,
        /// The message for users.
        message: String,
    },
    /// A deadline passed.
    #[error("{message}")]
    Timeout {
        /// Which one.
        phase: Phase,
        /// The message for users.
        message: String,
    },
    /// The response violates the protocol or a limit.
    #[error("{0}")]
    Malformed(String),
    /// The request or the configuration of the client is invalid.
    #[error("{0}")]
    Configuration(String),
    /// The client or the exchange was closed, or belongs to the parent process.
    #[error("{0}")]
    Closed(&'static str),
}

impl NetError {
    /// The error for a deadline of length `limit` that passed during `activity`.
    pub(crate) fn timeout(phase: Phase, limit: Duration, activity: &str) -> Self {
        Self::Timeout { phase, message: format!("timed out after {} s while {activity}", limit.as_secs_f64()) }
    }

    /// The same error with the peer's host and port in its message.
    pub(crate) fn with_authority(mut self, authority: &str) -> Self {
        match &mut self {
            Self::Connection { message, .. }
            | Self::Tls { message, .. }
            | Self::Timeout { message, .. }
            | Self::Malformed(message) => *message = format!("{authority}: {message}"),
            Self::Configuration(_) | Self::Closed(_) => {}
        }
        self
    }

    /// The error for a request that failed before the response headers.
    pub(crate) fn from_request(error: &reqwest::Error, progress: &SendProgress, https: bool) -> Self {
        let sent = progress.has_started();
        let causes = Causes::of(error);
        let broken = |phase, sent, message: String| Self::Connection { phase, sent, retryable: true, message };
        if let Some(lookup) = causes.lookup {
            return Self::Connection {
                phase: Phase::Dns,
                sent: false,
                retryable: lookup.retryable,
                message: lookup.to_string(),
            };
        }
        if let Some(tls) = causes.tls {
            return Self::Tls { sent, message: format!("TLS failed: {tls}") };
        }
        if error.is_connect() {
            // rustls reported no error, so the peer closed the connection in the middle of the handshake.
            let in_handshake = https && causes.io.is_some_and(is_disconnect);
            let phase = if in_handshake { Phase::Tls } else { Phase::Connect };
            return broken(phase, false, format!("cannot connect: {}", causes.describe()));
        }
        if let Some(h2) = causes.h2 {
            let unprocessed = h2.is_remote() && (h2.is_go_away() || h2.reason() == Some(h2::Reason::REFUSED_STREAM));
            let phase = if unprocessed { Phase::Send } else { Phase::Head };
            return broken(phase, sent && !unprocessed, format!("the stream was refused or reset: {}", h2_reason(h2)));
        }
        if let Some(parse) = causes.hyper.filter(|error| error.is_parse()) {
            return Self::Malformed(format!("the response headers cannot be parsed: {parse}"));
        }
        let phase = if sent { Phase::Head } else { Phase::Send };
        broken(phase, sent, format!("the connection was closed before the response: {}", causes.describe()))
    }

    /// The error for a response body that failed; `streamed` when events of it have been delivered already.
    pub(crate) fn from_body(error: &reqwest::Error, streamed: bool) -> Self {
        let causes = Causes::of(error);
        if causes.io.is_some_and(|kind| matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)) {
            return Self::Malformed("invalid HTTP framing in the response body".to_owned());
        }
        let incomplete = causes.tls.is_none()
            && (causes.io == Some(io::ErrorKind::UnexpectedEof)
                || causes.hyper.is_some_and(hyper::Error::is_incomplete_message));
        if incomplete {
            return Self::truncated_body(streamed);
        }
        Self::broken_body(format!("the connection failed while reading the response body: {}", causes.describe()))
    }

    /// The error for a body that ended before its announced end.
    pub(crate) fn truncated_body(streamed: bool) -> Self {
        if streamed {
            return Self::broken_body("the connection was closed before the end of the response body".to_owned());
        }
        Self::Malformed("the response body is shorter than announced".to_owned())
    }

    fn broken_body(message: String) -> Self {
        Self::Connection { phase: Phase::Body, sent: true, retryable: true, message }
    }
}

/// The errors of known types in a chain of causes.
#[derive(Default)]
struct Causes<'a> {
    lookup: Option<&'a LookupError>,
    tls: Option<&'a rustls::Error>,
    h2: Option<&'a h2::Error>,
    hyper: Option<&'a hyper::Error>,
    io: Option<io::ErrorKind>,
    last: Option<&'a (dyn Error + 'static)>,
}

impl<'a> Causes<'a> {
    fn of(error: &'a reqwest::Error) -> Self {
        let mut causes = Self::default();
        let mut next = error.source();
        while let Some(error) = next {
            causes.lookup = causes.lookup.or_else(|| error.downcast_ref());
            causes.tls = causes.tls.or_else(|| error.downcast_ref());
            causes.h2 = causes.h2.or_else(|| error.downcast_ref());
            causes.hyper = causes.hyper.or_else(|| error.downcast_ref());
            causes.last = Some(error);
            next = error.source();
            if let Some(io) = error.downcast_ref::<io::Error>() {
                // The outer ones are often wrappers without a kind of their own.
                causes.io = causes.io.filter(|kind| *kind != io::ErrorKind::Other).or(Some(io.kind()));
                // `source` of an `io::Error` returns the source of its content, not the content itself.
                next = io.get_ref().map_or(next, |content| Some(content));
            }
        }
        causes
    }

    /// A short description of the cause; the text of another library is quoted only where it is constant.
    fn describe(&self) -> String {
        if let Some(h2) = self.h2 {
            return h2_reason(h2);
        }
        match (self.io, self.last) {
            (Some(kind), _) if kind != io::ErrorKind::Other => kind.to_string(),
            (_, Some(last)) => last.to_string().chars().take(120).collect(),
            (_, None) => "unknown".to_owned(),
        }
    }
}

fn is_disconnect(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

fn h2_reason(error: &h2::Error) -> String {
    error.reason().map_or_else(|| "HTTP/2 error".to_owned(), |reason| reason.description().to_owned())
}
