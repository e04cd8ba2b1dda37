//! Names to addresses, by the system's own resolver on threads that may block.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use tokio::sync::oneshot;

/// The resolver had no address to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{}", if *.again { "the name could not be resolved for the moment" } else { "no such name" })]
pub(crate) struct LookupFailed {
    /// Whether the same question may be answered later.
    pub(crate) again: bool,
}

type Answer = Result<Vec<SocketAddr>, LookupFailed>;
type Waiting = Arc<Mutex<HashMap<String, Vec<oneshot::Sender<Answer>>>>>;

/// Asks once for a name however many connections want it, so that one that hangs holds one thread.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    waiting: Waiting,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let answer = self.ask(name.as_str());
        Box::pin(async move {
            // Without an answer the lookup could not even be started.
            let found = answer.await.unwrap_or(Err(LookupFailed { again: true }))?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Resolver {
    fn ask(&self, name: &str) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(others) = waiting.get_mut(name) {
            others.push(sender);
            return receiver;
        }
        waiting.insert(name.to_owned(), vec![sender]);
        drop(waiting);
        let lookup = Lookup { name: name.to_owned(), waiting: Arc::clone(&self.waiting) };
        tokio::task::spawn_blocking(move || lookup.answer());
        receiver
    }
}

/// One question under way; dropped without an answer, it lets those who wait know.
struct Lookup {
    name: String,
    waiting: Waiting,
}

impl Lookup {
    fn answer(&self) {
        let answer = addresses(&self.name);
        for sender in self.leave() {
            // Whoever asked may have given up.
            let _ = sender.send(answer.clone());
        }
    }

    fn leave(&self) -> Vec<oneshot::Sender<Answer>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name).unwrap_or_default()
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        self.leave();
    }
}

fn addresses(name: &str) -> Answer {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = dns_lookup::getaddrinfo(Some(name), None, Some(hints)).map_err(|error| failed(&error))?;
    let found: Vec<_> = found.flatten().map(|info| info.sockaddr).collect();
    if found.is_empty() { Err(LookupFailed { again: false }) } else { Ok(found) }
}

fn failed(error: &LookupError) -> LookupFailed {
    let again = matches!(error.kind(), LookupErrorKind::Again | LookupErrorKind::System | LookupErrorKind::Memory);
    LookupFailed { again }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_exist_is_not_asked_for_again() {
        let label = "a".repeat(64);
        assert_eq!(addresses(&format!("{label}.invalid")), Err(LookupFailed { again: false }));
    }

    #[test]
    fn loopback_is_found_without_a_port() {
        let found = addresses("localhost").unwrap_or_default();
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback() && address.port() == 0));
    }
}
