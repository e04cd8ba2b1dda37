//! A pool of connections and the exchanges on it: one client per gateway.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use reqwest::{Method, Url};
use tokio::sync::Semaphore;

use crate::buffers::Buffers;
use crate::deadline::{DeadlineTimer, Deadlines};
use crate::drive::{Plan, drive};
use crate::error::NetError;
use crate::exchange::{Exchange, Shared};
use crate::limits::{Limits, OriginSlots, Share, Undelivered};
use crate::request_body::{RequestBody, SendProgress};
use crate::resolve::Resolver;
use crate::runtime::Runtime;
use crate::tls::{self, TlsOptions};
use crate::wakeup::WakeupFd;

/// The time without traffic before TCP probes a peer, and the time that it has to answer.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Bounds the handshake of a connection whose request was cancelled and has no deadline any more.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(300);
/// What a peer may send on one HTTP/2 stream ahead of its reader.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// The most URLs whose routes are cached. A program uses few, unless it builds a new one for each request.
const MAX_ROUTES: usize = 256;
/// Turns of the network thread in which closed connections are polled for the last time.
const CLOSING_TURNS: usize = 32;

static TOKENS: AtomicU64 = AtomicU64::new(1);

/// The configuration of a client; nothing comes from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Limits of what a peer may make the client hold.
    pub limits: Limits,
    /// Requests in flight to one origin at a time; the others queue.
    pub in_flight: usize,
    /// Exceptions, by origin as in `https://api.example.com` (with the port unless it is the default of the scheme).
    pub in_flight_by_origin: HashMap<String, usize>,
    /// Exceptions from the limit of a stream, by origin.
    pub stream_by_origin: HashMap<String, usize>,
    /// URL of a proxy for all requests.
    pub proxy: Option<String>,
    /// Certificates and keys.
    pub tls: TlsOptions,
    /// A Unix socket to which every connection goes, whatever the host.
    pub unix_socket: Option<PathBuf>,
    /// How long an idle connection is kept.
    pub keep_idle: Duration,
}

/// How the body of a response is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyMode {
    /// As one buffer.
    Full,
    /// As events, if the content type is that of server-sent events.
    Sse,
    /// As events, if the content type is that of newline-delimited JSON.
    Ndjson,
}

/// One request.
#[derive(Debug)]
pub struct Request<'a, H> {
    /// `POST`, `GET` or `HEAD`.
    pub method: &'a str,
    /// The absolute URL.
    pub url: &'a str,
    /// Names and values.
    pub headers: H,
    /// The body, possibly empty.
    pub body: &'a [u8],
    /// How the body of the response is delivered.
    pub body_mode: BodyMode,
    /// Its deadlines.
    pub deadlines: Deadlines,
}

/// A parsed URL with the semaphore of its origin.
#[derive(Debug, Clone)]
struct Route {
    url: Url,
    slots: Arc<Semaphore>,
    /// The largest size of a stream.
    stream: usize,
    authority: Arc<str>,
}

#[derive(Debug)]
struct OpenClient {
    http: reqwest::Client,
    routes: HashMap<String, Route>,
    exchanges: HashMap<u64, Weak<Shared>>,
    /// Those of the exchanges that are under way.
    buffers: Weak<Buffers>,
    /// The number of exchanges at which those that have ended are removed next.
    sweep_at: usize,
}

/// The client; its exchanges end when it is closed or dropped.
#[derive(Debug)]
pub struct Client {
    runtime: Runtime,
    limits: Limits,
    stream_by_origin: HashMap<String, usize>,
    undelivered: Arc<Undelivered>,
    slots: OriginSlots,
    open: Mutex<Option<OpenClient>>,
}

impl Client {
    /// Creates a client that runs on `runtime`; it opens no connection yet.
    ///
    /// # Errors
    /// The configuration is invalid.
    pub fn new(runtime: &Runtime, config: Config) -> Result<Self, NetError> {
        let slots = OriginSlots::new(config.in_flight, config.in_flight_by_origin);
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(&config.tls)?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .dns_resolver(Arc::new(Resolver::default()))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(slots.largest_limit())
            .pool_idle_timeout(config.keep_idle)
            .tcp_nodelay(true)
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE)
            .tcp_keepalive_retries(5)
            .http2_max_header_list_size(u32::try_from(config.limits.head).unwrap_or(u32::MAX))
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(connection_window(slots.largest_limit()));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        {
            builder = builder.tcp_user_timeout(KEEPALIVE);
        }
        if let Some(proxy) = &config.proxy {
            let proxy = reqwest::Proxy::all(proxy)
                .map_err(|_| NetError::Configuration("the configured proxy is not a valid URL".to_owned()))?;
            builder = builder.proxy(proxy);
        }
        #[cfg(unix)]
        if let Some(path) = config.unix_socket {
            builder = builder.unix_socket(path);
        }
        let http = runtime
            .enter(|| builder.build())
            .map_err(|_| NetError::Configuration("the HTTP client cannot be created".to_owned()))?;
        let open = OpenClient {
            http,
            routes: HashMap::new(),
            exchanges: HashMap::new(),
            buffers: Weak::new(),
            sweep_at: 1024,
        };
        Ok(Self {
            runtime: runtime.clone(),
            limits: config.limits,
            stream_by_origin: config.stream_by_origin,
            undelivered: Arc::new(Undelivered::new(config.limits.undelivered)),
            slots,
            open: Mutex::new(Some(open)),
        })
    }

    fn open(&self) -> MutexGuard<'_, Option<OpenClient>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates an exchange that notifies `wakeup`; one whose request is invalid ends at once with the reason.
    ///
    /// It starts at the next [`Client::flush`].
    pub fn send<'a, H>(&self, wakeup: &Arc<WakeupFd>, request: Request<'a, H>) -> Exchange
    where
        H: IntoIterator<Item = (&'a str, &'a str)>,
    {
        let token = TOKENS.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(Shared::new(token, Arc::clone(wakeup), Arc::clone(&self.undelivered)));
        let exchange = Exchange::new(Arc::clone(&shared), self.runtime.clone());
        if let Err(error) = self.start(&shared, request) {
            shared.end(Err(error));
        }
        exchange
    }

    fn start<'a, H>(&self, shared: &Arc<Shared>, request: Request<'a, H>) -> Result<(), NetError>
    where
        H: IntoIterator<Item = (&'a str, &'a str)>,
    {
        if !self.runtime.is_in_this_process() {
            return Err(NetError::Closed("the client was created in the parent process, before the fork"));
        }
        let mut headers = header_map(request.headers)?;
        if request.method == "POST" && request.body.is_empty() {
            // RFC 9110, 8.6: sent where a body is expected, even if it is empty; hyper omits it.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let method = match request.method {
            "POST" => Method::POST,
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            _ => return Err(NetError::Configuration("the method must be POST, GET or HEAD".to_owned())),
        };
        let mut open = self.open();
        let open = open.as_mut().ok_or(NetError::Closed("the gateway was closed"))?;
        let route = match open.routes.get(request.url) {
            Some(route) => route.clone(),
            None => open.add_route(request.url, self)?,
        };
        let progress = Arc::new(SendProgress::new());
        let https = route.url.scheme() == "https";
        let mut http_request = reqwest::Request::new(method, route.url);
        *http_request.headers_mut() = headers;
        let body = RequestBody::new(Bytes::copy_from_slice(request.body), Arc::clone(&progress));
        *http_request.body_mut() = Some(reqwest::Body::wrap(body));
        let plan = Plan {
            http: open.http.clone(),
            request: http_request,
            slots: route.slots,
            body_mode: request.body_mode,
            limits: Limits { stream: route.stream, ..self.limits },
            buffers: open.buffers(),
            incomplete: Share::new(Arc::clone(&self.undelivered)),
            timer: DeadlineTimer::new(request.deadlines, Arc::clone(&progress)),
            progress,
            authority: route.authority,
            https,
        };
        open.register(shared);
        let shared = Arc::clone(shared);
        self.runtime.defer(move || {
            let task = tokio::spawn(drive(Arc::clone(&shared), plan)).abort_handle();
            shared.set_task(task);
        });
        Ok(())
    }

    /// Starts every exchange that [`Client::send`] created, on any client.
    pub fn flush(&self) {
        self.runtime.flush();
    }

    /// Ends all exchanges and closes the connections; the returned exchange ends when that is done.
    pub fn close(&self, wakeup: &Arc<WakeupFd>) -> Exchange {
        let token = TOKENS.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(Shared::new(token, Arc::clone(wakeup), Arc::clone(&self.undelivered)));
        let exchange = Exchange::new(Arc::clone(&shared), self.runtime.clone());
        if self.runtime.is_in_this_process() {
            self.abort_all();
            self.runtime.spawn(async move {
                for _ in 0..CLOSING_TURNS {
                    tokio::task::yield_now().await;
                }
                shared.end(Ok(()));
            });
        } else {
            shared.end(Ok(()));
        }
        exchange
    }

    fn abort_all(&self) {
        let Some(open) = self.open().take() else { return };
        self.slots.close();
        for exchange in open.exchanges.values().filter_map(Weak::upgrade) {
            exchange.abort("the gateway was closed");
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.runtime.is_in_this_process() {
            self.abort_all();
        } else {
            // The locks inside may be held by a thread that does not exist in this process.
            let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(open.take());
        }
    }
}

impl OpenClient {
    fn add_route(&mut self, url: &str, client: &Client) -> Result<Route, NetError> {
        let invalid = || NetError::Configuration("the URL is not an absolute http or https URL".to_owned());
        let parsed = Url::parse(url).map_err(|_| invalid())?;
        let host = parsed.host_str().filter(|_| matches!(parsed.scheme(), "http" | "https")).ok_or_else(invalid)?;
        let port = parsed.port_or_known_default().ok_or_else(invalid)?;
        let authority = Arc::from(format!("{host}:{port}"));
        let origin = parsed.origin().ascii_serialization();
        let stream = client.stream_by_origin.get(&origin).copied().unwrap_or(client.limits.stream);
        let route = Route { slots: client.slots.semaphore(&origin), stream, authority, url: parsed };
        if self.routes.len() >= MAX_ROUTES {
            self.routes.clear();
        }
        self.routes.insert(url.to_owned(), route.clone());
        Ok(route)
    }

    fn buffers(&mut self) -> Arc<Buffers> {
        self.buffers.upgrade().unwrap_or_else(|| {
            let buffers = Arc::default();
            self.buffers = Arc::downgrade(&buffers);
            buffers
        })
    }

    fn register(&mut self, shared: &Arc<Shared>) {
        if self.exchanges.len() >= self.sweep_at {
            self.exchanges.retain(|_, exchange| exchange.strong_count() > 0);
            self.sweep_at = (self.exchanges.len() * 2).max(1024);
        }
        self.exchanges.insert(shared.token(), Arc::downgrade(shared));
    }
}

fn header_map<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<HeaderMap, NetError> {
    let mut headers = HeaderMap::with_capacity(16);
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            NetError::Configuration("a header name contains characters that HTTP does not allow".to_owned())
        })?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING, HOST].contains(&name) {
            return Err(NetError::Configuration(format!("the header {name} is set by the transport")));
        }
        let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            NetError::Configuration(format!(
                "the value of the header {name} contains characters that HTTP does not allow"
            ))
        })?;
        value.set_sensitive(is_secret(name.as_str()));
        headers.append(name, value);
    }
    // No response is decompressed, so none can grow beyond its limit that way.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

/// The sum of all stream windows, so that slow readers cannot block the other streams of the connection.
fn connection_window(streams: usize) -> u32 {
    const MAX_WINDOW: u32 = i32::MAX.unsigned_abs();
    u32::try_from(streams).unwrap_or(MAX_WINDOW).saturating_mul(STREAM_WINDOW).min(MAX_WINDOW)
}

/// Whether a header carries a key, judged by its name: Authorization, X-Api-Key, X-Goog-Api-Key, Cookie and the like.
fn is_secret(name: &str) -> bool {
    ["auth", "key", "token", "secret", "cookie"].iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_marked_and_other_headers_are_not() -> Result<(), NetError> {
        let secret = ["authorization", "x-api-key", "X-Goog-Api-Key", "api-key", "cookie", "x-auth-token"];
        let marked = header_map(secret.iter().map(|name| (*name, "v")).chain([("content-type", "v")]))?;
        for (name, value) in &marked {
            assert_eq!(value.is_sensitive(), !matches!(name.as_str(), "content-type" | "accept-encoding"), "{name}");
        }
        Ok(())
    }

    #[test]
    fn a_value_with_a_line_end_is_refused_and_not_in_the_message() {
        let refused = header_map([("authorization", "sk-1\r\nx: y")]);
        assert!(matches!(refused, Err(NetError::Configuration(message)) if !message.contains("sk-1")));
    }
}
