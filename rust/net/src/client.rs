//! A pool of connections and everything that is open on it: one client per gateway.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use reqwest::{Method, Url};
use tokio::sync::Semaphore;

use crate::bell::Bell;
use crate::deadline::{Clock, Deadlines};
use crate::drive::{Plan, drive};
use crate::error::NetError;
use crate::exchange::{Exchange, Shared};
use crate::limits::{Limits, Slots};
use crate::outgoing::{Outgoing, Progress};
use crate::resolve::Resolver;
use crate::runtime::Runtime;
use crate::tls::{self, Trust};

/// A silent peer is asked for a sign of life after this time, and given up after as much again.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// A connection that outlived the request it was opened for must not hang in its handshake for ever.
const LONGEST_CONNECT: Duration = Duration::from_secs(300);
/// What a peer may send on one HTTP/2 stream ahead of its reader.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// URLs are few; more than this come from a caller who makes them up.
const KNOWN_ROUTES: usize = 256;
/// What the last polls of closed connections may take, in turns of the network thread.
const CLOSING_TURNS: usize = 32;

static TOKENS: AtomicU64 = AtomicU64::new(1);

/// How a client is set up; all of it comes from the caller, nothing from the environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Caps on what a peer may make us hold.
    pub limits: Limits,
    /// Requests in flight to one origin at a time; the others queue.
    pub in_flight: usize,
    /// Exceptions, by origin as in `https://api.example.com` (with the port where it is not the scheme's own).
    pub in_flight_by_origin: HashMap<String, usize>,
    /// URL of a proxy for everything.
    pub proxy: Option<String>,
    /// Authorities and identity.
    pub trust: Trust,
    /// A socket that every connection goes to, whatever the host.
    pub unix_socket: Option<PathBuf>,
    /// How long a connection may wait for its next request.
    pub keep_idle: Duration,
}

/// How the body of a response is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Whole.
    Body,
    /// As server-sent events, if the response is that.
    Sse,
    /// As lines of JSON, if the response is that.
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
    /// How the response is wanted.
    pub want: Want,
    /// Its limits in time.
    pub deadlines: Deadlines,
}

/// What a URL comes to, looked up once.
#[derive(Debug, Clone)]
struct Route {
    url: Url,
    slots: Arc<Semaphore>,
    authority: Arc<str>,
}

#[derive(Debug)]
struct Open {
    http: reqwest::Client,
    routes: HashMap<String, Route>,
    exchanges: HashMap<u64, Weak<Shared>>,
    /// The size at which ended exchanges are swept out next.
    sweep_at: usize,
}

/// The client; everything that is open on it ends when it is closed or dropped.
#[derive(Debug)]
pub struct Client {
    runtime: Runtime,
    limits: Limits,
    slots: Slots,
    open: Mutex<Option<Open>>,
}

impl Client {
    /// Makes a client that runs on `runtime`; it opens no connection yet.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub fn new(runtime: &Runtime, config: Config) -> Result<Self, NetError> {
        let slots = Slots::new(config.in_flight, config.in_flight_by_origin);
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(&config.trust)?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .dns_resolver(Arc::new(Resolver::default()))
            .connect_timeout(LONGEST_CONNECT)
            .pool_max_idle_per_host(slots.widest())
            .pool_idle_timeout(config.keep_idle)
            .tcp_nodelay(true)
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE)
            .tcp_keepalive_retries(5)
            .http2_max_header_list_size(u32::try_from(config.limits.head).unwrap_or(u32::MAX))
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(connection_window(slots.widest()));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        {
            builder = builder.tcp_user_timeout(KEEPALIVE);
        }
        if let Some(proxy) = &config.proxy {
            let proxy = reqwest::Proxy::all(proxy)
                .map_err(|_| NetError::Refused("the configured proxy is not a URL that can be used".to_owned()))?;
            builder = builder.proxy(proxy);
        }
        #[cfg(unix)]
        if let Some(path) = config.unix_socket {
            builder = builder.unix_socket(path);
        }
        let http = runtime
            .enter(|| builder.build())
            .map_err(|_| NetError::Refused("the HTTP client cannot be set up".to_owned()))?;
        let open = Open { http, routes: HashMap::new(), exchanges: HashMap::new(), sweep_at: 1024 };
        Ok(Self { runtime: runtime.clone(), limits: config.limits, slots, open: Mutex::new(Some(open)) })
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an exchange whose news ring `bell`; what cannot be sent ends at once with the reason.
    ///
    /// It begins at [`Client::hand_over`].
    pub fn send<'a, H>(&self, bell: &Arc<Bell>, request: Request<'a, H>) -> Exchange
    where
        H: IntoIterator<Item = (&'a str, &'a str)>,
    {
        let token = TOKENS.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(Shared::new(token, Arc::clone(bell)));
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
        if !self.runtime.is_here() {
            return Err(NetError::Closed("the client belongs to the process before the fork"));
        }
        let mut headers = headers(request.headers)?;
        if request.method == "POST" && request.body.is_empty() {
            // RFC 9110, 8.6: said where a body is expected, even when there is none; hyper leaves it out.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let method = match request.method {
            "POST" => Method::POST,
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            _ => return Err(NetError::Refused("the method is not POST, GET or HEAD".to_owned())),
        };
        let mut open = self.open();
        let open = open.as_mut().ok_or(NetError::Closed("the gateway was closed"))?;
        let route = open.route(request.url, &self.slots)?;
        let progress = Arc::new(Progress::new());
        let https = route.url.scheme() == "https";
        let mut outgoing = reqwest::Request::new(method, route.url);
        *outgoing.headers_mut() = headers;
        let body = Outgoing::new(Bytes::copy_from_slice(request.body), Arc::clone(&progress));
        *outgoing.body_mut() = Some(reqwest::Body::wrap(body));
        let plan = Plan {
            http: open.http.clone(),
            request: outgoing,
            slots: route.slots,
            want: request.want,
            limits: self.limits,
            clock: Clock::new(request.deadlines, Arc::clone(&progress)),
            progress,
            authority: route.authority,
            https,
        };
        open.remember(shared);
        let shared = Arc::clone(shared);
        self.runtime.lay_aside(move || {
            let task = tokio::spawn(drive(Arc::clone(&shared), plan)).abort_handle();
            shared.runs_as(task);
        });
        Ok(())
    }

    /// Lets the network thread begin with all that was to be sent, by any client.
    pub fn hand_over(&self) {
        self.runtime.hand_over();
    }

    /// Ends everything that is open and closes the connections; the exchange that comes back ends when that is done.
    pub fn close(&self, bell: &Arc<Bell>) -> Exchange {
        let shared = Arc::new(Shared::new(TOKENS.fetch_add(1, Ordering::Relaxed), Arc::clone(bell)));
        let exchange = Exchange::new(Arc::clone(&shared), self.runtime.clone());
        if self.runtime.is_here() {
            self.shut();
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

    fn shut(&self) {
        let Some(open) = self.open().take() else { return };
        self.slots.close();
        for exchange in open.exchanges.values().filter_map(Weak::upgrade) {
            exchange.abort("the gateway was closed");
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.runtime.is_here() {
            self.shut();
        } else {
            // The locks inside may be held by a thread that this process does not have.
            let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(open.take());
        }
    }
}

impl Open {
    fn route(&mut self, url: &str, slots: &Slots) -> Result<Route, NetError> {
        if let Some(route) = self.routes.get(url) {
            return Ok(route.clone());
        }
        let refused = || NetError::Refused("the URL is not an absolute http or https one".to_owned());
        let parsed = Url::parse(url).map_err(|_| refused())?;
        let host = parsed.host_str().filter(|_| matches!(parsed.scheme(), "http" | "https")).ok_or_else(refused)?;
        let port = parsed.port_or_known_default().ok_or_else(refused)?;
        let authority = Arc::from(format!("{host}:{port}"));
        let route = Route { slots: slots.of(&parsed.origin().ascii_serialization()), authority, url: parsed };
        if self.routes.len() >= KNOWN_ROUTES {
            self.routes.clear();
        }
        self.routes.insert(url.to_owned(), route.clone());
        Ok(route)
    }

    fn remember(&mut self, shared: &Arc<Shared>) {
        if self.exchanges.len() >= self.sweep_at {
            self.exchanges.retain(|_, exchange| exchange.strong_count() > 0);
            self.sweep_at = (self.exchanges.len() * 2).max(1024);
        }
        self.exchanges.insert(shared.token(), Arc::downgrade(shared));
    }
}

fn headers<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<HeaderMap, NetError> {
    let mut headers = HeaderMap::with_capacity(16);
    for (name, value) in pairs {
        let known = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| NetError::Refused("a header has a name that HTTP does not allow".to_owned()))?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING, HOST].contains(&known) {
            return Err(NetError::Refused(format!("the header {known} is set by the transport")));
        }
        let mut value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| NetError::Refused(format!("the header {known} has a value that HTTP does not allow")))?;
        value.set_sensitive(is_secret(known.as_str()));
        headers.append(known, value);
    }
    // What is not asked for need not be bounded when it is unpacked.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

/// Wide enough for every stream's window, so that readers who are behind cannot starve the other streams.
fn connection_window(streams: usize) -> u32 {
    const WIDEST: u32 = i32::MAX.unsigned_abs();
    u32::try_from(streams).unwrap_or(WIDEST).saturating_mul(STREAM_WINDOW).min(WIDEST)
}

/// Whether a header carries a key, judged by its name: Authorization, X-Api-Key, X-Goog-Api-Key, Cookie and their kin.
fn is_secret(name: &str) -> bool {
    ["auth", "key", "token", "secret", "cookie"].iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_marked_and_other_headers_are_not() -> Result<(), NetError> {
        let secret = ["authorization", "x-api-key", "X-Goog-Api-Key", "api-key", "cookie", "x-auth-token"];
        let made = headers(secret.iter().map(|name| (*name, "v")).chain([("content-type", "v")]))?;
        for (name, value) in &made {
            assert_eq!(value.is_sensitive(), !matches!(name.as_str(), "content-type" | "accept-encoding"), "{name}");
        }
        Ok(())
    }

    #[test]
    fn a_value_with_a_line_end_is_refused_without_being_told() {
        let refused = headers([("authorization", "sk-1\r\nx: y")]);
        assert!(matches!(refused, Err(NetError::Refused(message)) if !message.contains("sk-1")));
    }
}
