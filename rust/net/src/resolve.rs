//! Name resolution by the system's own resolver, on threads that may block.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use tokio::sync::oneshot;

/// The resolver returned no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{}", if *.retryable { "temporary failure in name resolution" } else { "the host name does not exist" })]
pub(crate) struct LookupError {
    /// Whether the same lookup may succeed later.
    pub(crate) retryable: bool,
}

type Addresses = Result<Vec<SocketAddr>, LookupError>;
type Waiters = Arc<Mutex<HashMap<String, Vec<oneshot::Sender<Addresses>>>>>;

/// Runs one lookup of a name at a time however many connections need it, so that a lookup that hangs holds one thread.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    waiters: Waiters,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.start_lookup(name.as_str());
        Box::pin(async move {
            // The sender was dropped: the lookup could not even be started.
            let found = addresses.await.unwrap_or(Err(LookupError { retryable: true }))?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Resolver {
    fn start_lookup(&self, name: &str) -> oneshot::Receiver<Addresses> {
        let (sender, receiver) = oneshot::channel();
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(others) = waiters.get_mut(name) {
            others.push(sender);
            return receiver;
        }
        waiters.insert(name.to_owned(), vec![sender]);
        drop(waiters);
        let lookup = Lookup { name: name.to_owned(), waiters: Arc::clone(&self.waiters) };
        tokio::task::spawn_blocking(move || lookup.run());
        receiver
    }
}

/// One lookup in progress; if it is dropped before it ran, its waiters receive an error.
struct Lookup {
    name: String,
    waiters: Waiters,
}

impl Lookup {
    fn run(&self) {
        let addresses = resolve_blocking(&self.name);
        for sender in self.take_waiters() {
            // The receiver is gone if the request was cancelled.
            let _ = sender.send(addresses.clone());
        }
    }

    fn take_waiters(&self) -> Vec<oneshot::Sender<Addresses>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name).unwrap_or_default()
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        self.take_waiters();
    }
}

fn resolve_blocking(name: &str) -> Addresses {
    use LookupErrorKind::{Again, Memory, System};
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = dns_lookup::getaddrinfo(Some(name), None, Some(hints))
        .map_err(|error| LookupError { retryable: matches!(error.kind(), Again | System | Memory) })?;
    let found: Vec<_> = found.flatten().map(|info| info.sockaddr).collect();
    if found.is_empty() { Err(LookupError { retryable: false }) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_exist_is_not_retryable() {
        let label = "a".repeat(64);
        assert_eq!(resolve_blocking(&format!("{label}.invalid")), Err(LookupError { retryable: false }));
    }

    #[test]
    fn loopback_is_found_without_a_port() {
        let found = resolve_blocking("localhost").unwrap_or_default();
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback() && address.port() == 0));
    }
}
