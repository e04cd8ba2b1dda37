//! The Python binding of `ratatoskr_net`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use ratatoskr_core::sse::Event;
use ratatoskr_net as net;

/// (class, phase, sent, retryable, message), from which `ratatoskr.transport.native` makes an exception.
type Failure = (&'static str, Option<&'static str>, bool, bool, String);
/// (status, body or None when it is streamed); a large body is a `Body`.
type Head<'py> = (u16, Option<Bound<'py, PyAny>>);
/// (head, events, ended, failure).
type Update<'py> = (Option<Head<'py>>, Bound<'py, PyList>, bool, Option<Failure>);

fn failure(error: net::NetError) -> Failure {
    use net::NetError::{Closed, Configuration, Connection, Malformed, Timeout, Tls};
    match error {
        Connection { phase, sent, retryable, message } => ("connection", Some(phase.name()), sent, retryable, message),
        Tls { sent, message } => ("tls", Some(net::Phase::Tls.name()), sent, false, message),
        Timeout { phase, message } => ("timeout", Some(phase.name()), true, true, message),
        Malformed(message) => ("malformed", None, true, true, message),
        Configuration(message) => ("configuration", None, false, false, message),
        Closed(message) => ("closed", None, false, false, message.to_owned()),
    }
}

/// Mark everything that exists as belonging to the parent process; to be called in a forked child.
///
/// Takes no lock, as the thread that held it does not exist in the child.
#[pyfunction]
pub fn after_fork() {
    net::after_fork();
}

/// The network thread, one for each process, started by the constructor.
///
/// Raises:
///     OSError: the process may not have another thread or descriptor.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Runtime(net::Runtime);

#[pymethods]
impl Runtime {
    #[new]
    fn new() -> PyResult<Self> {
        net::Runtime::start().map(Self).map_err(PyOSError::new_err)
    }
}

/// A descriptor that wakes one event loop, and the tokens of the exchanges that have updates.
///
/// Raises:
///     OSError: the process has no free descriptor.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct WakeupFd(Arc<net::WakeupFd>);

#[pymethods]
impl WakeupFd {
    #[new]
    fn new() -> PyResult<Self> {
        net::WakeupFd::new().map(|wakeup| Self(Arc::new(wakeup))).map_err(PyOSError::new_err)
    }

    /// Return the descriptor, which is readable while there are tokens to drain.
    fn fileno(&self) -> i32 {
        self.0.descriptor()
    }

    /// Return the tokens of the exchanges that have had updates since the last call.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.drain())
    }
}

/// A pool of connections and the exchanges on it.
///
/// Args:
///     runtime: the network thread.
///     limits: in bytes: headers, body, line, event, queue, stream, undelivered.
///     in_flight: requests in flight to one origin at a time.
///     in_flight_by_origin: exceptions, by origin.
///     stream_by_origin: exceptions from the limit of a stream, by origin.
///     keep_idle: seconds for which an idle connection is kept.
///     proxy: URL of a proxy for all requests.
///     unix_socket: path of a Unix socket to which every connection goes.
///     ca_certificates: PEM of CA certificates to trust in addition to Mozilla's.
///     identity: PEM of the client's certificate chain and of its key.
///
/// Raises:
///     ValueError: the configuration is invalid.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Client(net::Client);

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (runtime, *, limits, in_flight, in_flight_by_origin, stream_by_origin, keep_idle, proxy=None, unix_socket=None, ca_certificates=None, identity=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        runtime: &Runtime,
        limits: (usize, usize, usize, usize, usize, usize, usize),
        in_flight: usize,
        in_flight_by_origin: HashMap<String, usize>,
        stream_by_origin: HashMap<String, usize>,
        keep_idle: f64,
        proxy: Option<String>,
        unix_socket: Option<PathBuf>,
        ca_certificates: Option<Vec<u8>>,
        identity: Option<(Vec<u8>, Vec<u8>)>,
    ) -> PyResult<Self> {
        let (head, body, line, event, queue, stream, undelivered) = limits;
        let config = net::Config {
            limits: net::Limits { head, body, line, event, queue, stream, undelivered },
            in_flight,
            in_flight_by_origin,
            stream_by_origin,
            proxy,
            tls: net::TlsOptions { ca_certificates, identity },
            unix_socket,
            keep_idle: seconds(Some(keep_idle)).unwrap_or(Duration::MAX),
        };
        let client = net::Client::new(&runtime.0, config);
        client.map(Self).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Create an exchange that notifies `wakeup`; one whose request is invalid ends at once with the reason.
    ///
    /// It starts at the next `flush`.
    ///
    /// Args:
    ///     wakeup: the descriptor of the event loop that waits.
    ///     method: "POST", "GET" or "HEAD".
    ///     url: the absolute URL.
    ///     headers: names and values.
    ///     body: the body, possibly empty.
    ///     framing: "body", "sse" or "ndjson".
    ///     connect: seconds; None is no limit. The same holds for the next three.
    ///     first_byte: seconds from the end of sending the request to the response headers.
    ///     idle: seconds between two pieces of the body.
    ///     total: seconds for the whole exchange.
    #[expect(clippy::too_many_arguments, reason = "to build an object would cost more than the call")]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 passes owned values")]
    fn send(
        &self,
        wakeup: &WakeupFd,
        method: &str,
        url: &str,
        headers: Vec<(PyBackedStr, PyBackedStr)>,
        body: &[u8],
        framing: &str,
        connect: Option<f64>,
        first_byte: Option<f64>,
        idle: Option<f64>,
        total: Option<f64>,
    ) -> PyResult<Exchange> {
        let body_mode = match framing {
            "body" => net::BodyMode::Full,
            "sse" => net::BodyMode::Sse,
            "ndjson" => net::BodyMode::Ndjson,
            _ => return Err(PyValueError::new_err("framing must be \"body\", \"sse\" or \"ndjson\"")),
        };
        let deadlines = net::Deadlines {
            connect: seconds(connect),
            first_byte: seconds(first_byte),
            idle: seconds(idle),
            total: seconds(total),
        };
        let headers = headers.iter().map(|(name, value)| (&**name, &**value));
        Ok(Exchange(self.0.send(&wakeup.0, net::Request { method, url, headers, body, body_mode, deadlines })))
    }

    /// Start every exchange that `send` created.
    fn flush(&self) {
        self.0.flush();
    }

    /// End all exchanges and close the connections; the returned exchange ends when that is done.
    fn close(&self, wakeup: &WakeupFd) -> Exchange {
        Exchange(self.0.close(&wakeup.0))
    }
}

/// The size from which on a body is not copied before it is needed.
const LARGE: usize = 64 * 1024;

/// The large body of a response, of which `bytes()` makes a copy.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Body(bytes::Bytes);

impl Body {
    pub fn content(&self) -> &[u8] {
        &self.0
    }
}

#[pymethods]
impl Body {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0)
    }
}

fn body_of(py: Python<'_>, body: bytes::Bytes) -> PyResult<Bound<'_, PyAny>> {
    if body.len() < LARGE {
        return Ok(PyBytes::new(py, &body).into_any());
    }
    Bound::new(py, Body(body)).map(Bound::into_any)
}

/// One request and its response; dropping it closes the connection unless the response is complete.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Exchange(net::Exchange);

#[pymethods]
impl Exchange {
    /// The number by which `WakeupFd.drain` names this exchange.
    #[getter]
    fn token(&self) -> u64 {
        self.0.token()
    }

    /// Return the update as (head, events, ended, failure), or None if nothing arrived since the last one.
    ///
    /// `head` is (status, body), where the body is None if it is streamed as events, and a `Body` if it is large;
    /// `failure` is (class, phase, sent, retryable, message).
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Update<'py>>> {
        let Some(update) = self.0.take() else { return Ok(None) };
        let head = match update.head {
            Some(head) => Some((head.status, head.body.map(|body| body_of(py, body)).transpose()?)),
            None => None,
        };
        let events = events(py, &update.events)?;
        let ended = update.end.is_some();
        Ok(Some((head, events, ended, update.end.and_then(Result::err).map(failure))))
    }

    /// Return the headers of the response: names in lower case, repeated values joined by ", ".
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let headers = self.0.headers();
        let dict = PyDict::new(py);
        let mut pairs = headers.iter().peekable();
        while let Some((name, value)) = pairs.next() {
            let mut text = latin1(value.as_bytes());
            // The values of one name are adjacent.
            while let Some((_, value)) = pairs.next_if(|(next, _)| *next == name) {
                text = format!("{text}, {}", latin1(value.as_bytes())).into();
            }
            // Most responses have the same few header names.
            dict.set_item(PyString::intern(py, name.as_str()), text)?;
        }
        Ok(dict)
    }

    /// Abort the rest of the response; a task that waits for an update receives the error.
    fn close(&self) {
        self.0.close();
    }

    /// Release a body whose last event has arrived; its end is awaited for a moment, to keep the connection.
    fn release(&self) {
        self.0.release();
    }
}

fn events<'py>(py: Python<'py>, events: &[Event]) -> PyResult<Bound<'py, PyList>> {
    let mut last: Option<(&str, Bound<'py, PyString>)> = None;
    let pairs = events.iter().map(|event| {
        // A stream uses few names, mostly the same one.
        let name = match &last {
            Some((text, name)) if *text == event.event => name.clone(),
            _ => PyString::new(py, &event.event),
        };
        last = Some((&event.event, name.clone()));
        PyTuple::new(py, [name.into_any(), PyBytes::new(py, &event.data).into_any()])
    });
    PyList::new(py, pairs.collect::<PyResult<Vec<_>>>()?)
}

/// Decodes a header value: any bytes are valid Latin-1, and nearly all values are ASCII.
fn latin1(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => value.iter().copied().map(char::from).collect::<String>().into(),
    }
}

/// Converts a limit in seconds; `None`, infinity and what exceeds a `Duration` are no limit.
fn seconds(limit: Option<f64>) -> Option<Duration> {
    limit.and_then(|limit| Duration::try_from_secs_f64(limit.max(0.0)).ok())
}
