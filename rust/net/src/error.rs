//! What can go wrong with an exchange, told without a URL, a header or a body.

use std::error::Error;
use std::io;

use thiserror::Error;

use crate::outgoing::Progress;
use crate::resolve::LookupFailed;

/// How far an exchange had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Resolving the name.
    Dns,
    /// Opening the connection; as a deadline, resolution and TLS too.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Before any byte of the request can have left.
    Send,
    /// Waiting for the head of the response.
    Head,
    /// Reading the body.
    Body,
    /// The deadline for the head.
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

/// Why an exchange ended otherwise than with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NetError {
    /// The connection could not be made or broke.
    #[error("{message}")]
    Connection {
        /// How far it came.
        phase: Phase,
        /// Whether bytes of the request can have reached the peer.
        sent: bool,
        /// Whether the same again may go better.
        retryable: bool,
        /// One sentence for people.
        message: String,
    },
    /// TLS failed; trying again is of no use.
    #[error("{message}")]
    Tls {
        /// Whether bytes of the request can have reached the peer.
        sent: bool,
        /// One sentence for people.
        message: String,
    },
    /// A deadline passed.
    #[error("{message}")]
    Timeout {
        /// Which one.
        phase: Phase,
        /// One sentence for people.
        message: String,
    },
    /// The response breaks the protocol or a limit.
    #[error("{0}")]
    Malformed(String),
    /// The request cannot be sent as it is, or the client not be made.
    #[error("{0}")]
    Refused(String),
    /// The client or the exchange was closed, or belongs to the process before a fork.
    #[error("{0}")]
    Closed(&'static str),
}

impl NetError {
    pub(crate) fn timeout(phase: Phase) -> Self {
        let message = match phase {
            Phase::Connect => "no connection within the deadline",
            Phase::FirstByte => "no head of a response within the deadline",
            Phase::Idle => "the body stood still for longer than the deadline",
            _ => "not done within the deadline",
        };
        Self::Timeout { phase, message: message.to_owned() }
    }

    /// The same error, saying with whom it happened.
    pub(crate) fn with(mut self, authority: &str) -> Self {
        match &mut self {
            Self::Connection { message, .. }
            | Self::Tls { message, .. }
            | Self::Timeout { message, .. }
            | Self::Malformed(message) => *message = format!("{authority}: {message}"),
            Self::Refused(_) | Self::Closed(_) => {}
        }
        self
    }

    /// Tells what ended an exchange before the head of its response.
    pub(crate) fn before_head(error: &reqwest::Error, progress: &Progress, https: bool) -> Self {
        let sent = progress.sent();
        let found = Found::of(error);
        let broken = |phase, sent, message: String| Self::Connection { phase, sent, retryable: true, message };
        if let Some(lookup) = found.lookup {
            return Self::Connection {
                phase: Phase::Dns,
                sent: false,
                retryable: lookup.again,
                message: lookup.to_string(),
            };
        }
        if let Some(tls) = found.tls {
            return Self::Tls { sent, message: format!("TLS failed: {tls}") };
        }
        if error.is_connect() {
            // rustls itself is content, so the peer went away in the middle of the handshake.
            let in_handshake = https && found.io.is_some_and(went_away);
            let phase = if in_handshake { Phase::Tls } else { Phase::Connect };
            return broken(phase, false, format!("no connection: {}", found.told()));
        }
        if let Some(h2) = found.h2 {
            let unseen = h2.is_remote() && (h2.is_go_away() || h2.reason() == Some(h2::Reason::REFUSED_STREAM));
            let phase = if unseen { Phase::Send } else { Phase::Head };
            return broken(phase, sent && !unseen, format!("the stream was refused or reset: {}", reason(h2)));
        }
        if let Some(parse) = found.hyper.filter(|error| error.is_parse()) {
            return Self::Malformed(format!("the head of the response cannot be read: {parse}"));
        }
        let phase = if sent { Phase::Head } else { Phase::Send };
        broken(phase, sent, format!("the connection ended before the response: {}", found.told()))
    }

    /// Tells what ended an exchange in the body of its response; `streamed` when parts of it are out already.
    pub(crate) fn in_body(error: &reqwest::Error, streamed: bool) -> Self {
        let found = Found::of(error);
        if found.io.is_some_and(|kind| matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)) {
            return Self::Malformed("the body is not framed as HTTP says".to_owned());
        }
        let short = found.tls.is_none()
            && (found.io == Some(io::ErrorKind::UnexpectedEof)
                || found.hyper.is_some_and(hyper::Error::is_incomplete_message));
        if short { Self::cut(streamed) } else { Self::broken_body(format!("the body broke: {}", found.told())) }
    }

    /// The body ended, but not where it said it would.
    pub(crate) fn cut(streamed: bool) -> Self {
        if streamed {
            return Self::broken_body("the body was cut".to_owned());
        }
        Self::Malformed("the body ended before the length that was announced".to_owned())
    }

    fn broken_body(message: String) -> Self {
        Self::Connection { phase: Phase::Body, sent: true, retryable: true, message }
    }
}

/// What a chain of errors is made of.
#[derive(Default)]
struct Found<'a> {
    lookup: Option<&'a LookupFailed>,
    tls: Option<&'a rustls::Error>,
    h2: Option<&'a h2::Error>,
    hyper: Option<&'a hyper::Error>,
    io: Option<io::ErrorKind>,
    last: Option<&'a (dyn Error + 'static)>,
}

impl<'a> Found<'a> {
    fn of(error: &'a reqwest::Error) -> Self {
        let mut found = Self::default();
        let mut next = error.source();
        while let Some(error) = next {
            found.lookup = found.lookup.or_else(|| error.downcast_ref());
            found.tls = found.tls.or_else(|| error.downcast_ref());
            found.h2 = found.h2.or_else(|| error.downcast_ref());
            found.hyper = found.hyper.or_else(|| error.downcast_ref());
            found.last = Some(error);
            next = error.source();
            if let Some(io) = error.downcast_ref::<io::Error>() {
                // The outer ones are often wrappers without a kind of their own.
                found.io = found.io.filter(|kind| *kind != io::ErrorKind::Other).or(Some(io.kind()));
                // An io::Error shows what its content came from, but not the content.
                next = io.get_ref().map_or(next, |content| Some(content));
            }
        }
        found
    }

    /// A few words on the cause; the libraries' own texts are quoted only where they are constant.
    fn told(&self) -> String {
        if let Some(h2) = self.h2 {
            return reason(h2);
        }
        match (self.io, self.last) {
            (Some(kind), _) if kind != io::ErrorKind::Other => kind.to_string(),
            (_, Some(last)) => last.to_string().chars().take(120).collect(),
            (_, None) => "unknown".to_owned(),
        }
    }
}

fn went_away(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

fn reason(error: &h2::Error) -> String {
    error.reason().map_or_else(|| "HTTP/2 failed".to_owned(), |reason| reason.description().to_owned())
}
