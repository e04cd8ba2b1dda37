//! How many bytes a peer may make the client hold, and how many requests go to one origin at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// Limits, all in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Names and values of the response headers.
    pub head: usize,
    /// A whole body.
    pub body: usize,
    /// One line of a stream.
    pub line: usize,
    /// The data of one event of a stream.
    pub event: usize,
    /// Events that wait for their reader. The chunk that exceeds it is still queued; the next one is not read.
    pub queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 64 * 1024,
            body: 32 * 1024 * 1024,
            line: ratatoskr_core::sse::DEFAULT_LIMIT,
            event: ratatoskr_core::sse::DEFAULT_LIMIT,
            queue: 256 * 1024,
        }
    }
}

/// A semaphore for each origin, created on first use.
#[derive(Debug)]
pub(crate) struct OriginSlots {
    default_limit: usize,
    limits: HashMap<String, usize>,
    semaphores: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl OriginSlots {
    pub(crate) fn new(default_limit: usize, limits: HashMap<String, usize>) -> Self {
        Self { default_limit, limits, semaphores: Mutex::new(HashMap::new()) }
    }

    /// The largest number of requests that any one origin may have in flight.
    pub(crate) fn largest_limit(&self) -> usize {
        self.limits.values().copied().fold(self.default_limit, usize::max)
    }

    /// The semaphore of `origin`, as in `https://host:443`; it is fair, and a cancelled waiter takes no slot.
    pub(crate) fn semaphore(&self, origin: &str) -> Arc<Semaphore> {
        let mut semaphores = self.semaphores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = semaphores.get(origin) {
            return Arc::clone(semaphore);
        }
        let limit = self.limits.get(origin).copied().unwrap_or(self.default_limit);
        let semaphore = Arc::new(Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS)));
        semaphores.insert(origin.to_owned(), Arc::clone(&semaphore));
        semaphore
    }

    /// Fails every waiter, so that the end of one request does not start another.
    pub(crate) fn close(&self) {
        self.semaphores.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(|slots| slots.close());
    }
}
