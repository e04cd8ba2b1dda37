//! Python's face of `ratatoskr_net`.

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

/// (class, phase, sent, retryable, message): what `ratatoskr.transport.native` makes an error of.
type Failure = (&'static str, Option<&'static str>, bool, bool, String);
/// (status, body or None when it is streamed).
type Head<'py> = (u16, Option<Bound<'py, PyBytes>>);
/// (head, events, ended, failure).
type News<'py> = (Option<Head<'py>>, Bound<'py, PyList>, bool, Option<Failure>);

fn failure(error: net::NetError) -> Failure {
    use net::NetError::{Closed, Connection, Malformed, Refused, Timeout, Tls};
    match error {
        Connection { phase, sent, retryable, message } => ("connection", Some(phase.name()), sent, retryable, message),
        Tls { sent, message } => ("tls", Some(net::Phase::Tls.name()), sent, false, message),
        Timeout { phase, message } => ("timeout", Some(phase.name()), true, true, message),
        Malformed(message) => ("malformed", None, true, true, message),
        Refused(message) => ("refused", None, false, false, message),
        Closed(message) => ("closed", None, false, false, message.to_owned()),
    }
}

/// Tell the extension that this process was forked: everything made before answers that it belongs elsewhere.
///
/// Takes no lock, as the thread that held one may not exist any more.
#[pyfunction]
pub fn forked() {
    net::forked();
}

/// The network thread: one a process, started by making this.
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

/// A wake-up line for one event loop: a descriptor to wait on, and the exchanges that have news.
///
/// Raises:
///     OSError: the process has no descriptor left.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Bell(Arc<net::Bell>);

#[pymethods]
impl Bell {
    #[new]
    fn new() -> PyResult<Self> {
        net::Bell::new().map(|bell| Self(Arc::new(bell))).map_err(PyOSError::new_err)
    }

    /// Return the descriptor, which is readable while there is something to drain.
    fn fileno(&self) -> i32 {
        self.0.descriptor()
    }

    /// Return the tokens of the exchanges that have had news since the last call.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.drain())
    }
}

/// A pool of connections, and everything that is open on it.
///
/// Args:
///     runtime: the network thread.
///     limits: caps in bytes: head, body, line, event, queue.
///     in_flight: requests in flight to one origin at a time.
///     in_flight_by_origin: exceptions from that.
///     keep_idle: seconds that a connection may wait for its next request.
///     proxy: URL of a proxy for everything.
///     unix_socket: path of a socket that every connection goes to.
///     authorities: PEM of authorities to trust beside Mozilla's.
///     identity: PEM of the client's chain and of its key.
///
/// Raises:
///     ValueError: the configuration cannot be used; the message says why.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Client(net::Client);

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (runtime, *, limits, in_flight, in_flight_by_origin, keep_idle, proxy=None, unix_socket=None, authorities=None, identity=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        runtime: &Runtime,
        limits: (usize, usize, usize, usize, usize),
        in_flight: usize,
        in_flight_by_origin: HashMap<String, usize>,
        keep_idle: f64,
        proxy: Option<String>,
        unix_socket: Option<PathBuf>,
        authorities: Option<Vec<u8>>,
        identity: Option<(Vec<u8>, Vec<u8>)>,
    ) -> PyResult<Self> {
        let (head, body, line, event, queue) = limits;
        let config = net::Config {
            limits: net::Limits { head, body, line, event, queue },
            in_flight,
            in_flight_by_origin,
            proxy,
            trust: net::Trust { authorities, identity },
            unix_socket,
            keep_idle: seconds(Some(keep_idle)).unwrap_or(Duration::MAX),
        };
        let client = net::Client::new(&runtime.0, config);
        client.map(Self).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Make an exchange whose news ring `bell`; what cannot be sent ends at once with the reason.
    ///
    /// It begins at `hand_over`.
    ///
    /// Args:
    ///     bell: the line of the event loop that waits.
    ///     method: "POST", "GET" or "HEAD".
    ///     url: the absolute URL.
    ///     headers: names and values.
    ///     body: the body, possibly empty.
    ///     framing: "body", "sse" or "ndjson".
    ///     connect: seconds; None is without limit. So for the next three.
    ///     first_byte: seconds from the request having left to the head.
    ///     idle: seconds between two pieces of the body.
    ///     total: seconds for the whole exchange.
    #[expect(clippy::too_many_arguments, reason = "an object in between would cost more than the call")]
    #[expect(clippy::needless_pass_by_value, reason = "what PyO3 extracts is owned")]
    fn send(
        &self,
        bell: &Bell,
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
        let want = match framing {
            "body" => net::Want::Body,
            "sse" => net::Want::Sse,
            "ndjson" => net::Want::Ndjson,
            _ => return Err(PyValueError::new_err("framing is \"body\", \"sse\" or \"ndjson\"")),
        };
        let deadlines = net::Deadlines {
            connect: seconds(connect),
            first_byte: seconds(first_byte),
            idle: seconds(idle),
            total: seconds(total),
        };
        let headers = headers.iter().map(|(name, value)| (&**name, &**value));
        Ok(Exchange(self.0.send(&bell.0, net::Request { method, url, headers, body, want, deadlines })))
    }

    /// Let the network thread begin with all that was to be sent.
    fn hand_over(&self) {
        self.0.hand_over();
    }

    /// End everything that is open and close the connections; what comes back ends when that is done.
    fn close(&self, bell: &Bell) -> Exchange {
        Exchange(self.0.close(&bell.0))
    }
}

/// One request and its response; dropping it closes the connection unless the response is complete.
#[pyclass(frozen, module = "ratatoskr._core")]
pub struct Exchange(net::Exchange);

#[pymethods]
impl Exchange {
    /// The number under which the bell announces this exchange.
    #[getter]
    fn token(&self) -> u64 {
        self.0.token()
    }

    /// Return all that is new as (head, events, ended, failure), or None; a bell may ring in vain.
    ///
    /// `head` is (status, body), with None for a body that comes as events; `failure` is (class, phase, sent,
    /// retryable, message).
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<News<'py>>> {
        let Some(news) = self.0.take() else { return Ok(None) };
        let head = news.head.map(|head| (head.status, head.body.map(|body| PyBytes::new(py, &body))));
        let events = events(py, &news.events)?;
        let ended = news.end.is_some();
        Ok(Some((head, events, ended, news.end.and_then(Result::err).map(failure))))
    }

    /// Return the headers of the response: names in lower case, repeated values joined by ", ".
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let headers = self.0.headers();
        let dict = PyDict::new(py);
        let mut pairs = headers.iter().peekable();
        while let Some((name, value)) = pairs.next() {
            let mut text = latin1(value.as_bytes());
            // The values of one name follow one another.
            while let Some((_, value)) = pairs.next_if(|(next, _)| *next == name) {
                text = format!("{text}, {}", latin1(value.as_bytes())).into();
            }
            // Providers repeat the same few names.
            dict.set_item(PyString::intern(py, name.as_str()), text)?;
        }
        Ok(dict)
    }

    /// Give up the rest of the response; whoever waits for news is told.
    fn close(&self) {
        self.0.close();
    }

    /// Take leave of a body whose last event has come; its end is awaited for a moment, to keep the connection.
    fn leave(&self) {
        self.0.leave();
    }
}

fn events<'py>(py: Python<'py>, events: &[Event]) -> PyResult<Bound<'py, PyList>> {
    let mut last: Option<(&str, Bound<'py, PyString>)> = None;
    let pairs = events.iter().map(|event| {
        // Streams repeat a few names.
        let name = match &last {
            Some((text, name)) if *text == event.event => name.clone(),
            _ => PyString::new(py, &event.event),
        };
        last = Some((&event.event, name.clone()));
        PyTuple::new(py, [name.into_any(), PyBytes::new(py, &event.data).into_any()])
    });
    PyList::new(py, pairs.collect::<PyResult<Vec<_>>>()?)
}

/// Every header's value is readable in Latin-1, and nearly all are ASCII.
fn latin1(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => value.iter().copied().map(char::from).collect::<String>().into(),
    }
}

/// A limit in seconds; none, an infinite or an absurd one is no limit.
fn seconds(limit: Option<f64>) -> Option<Duration> {
    limit.and_then(|limit| Duration::try_from_secs_f64(limit.max(0.0)).ok())
}
