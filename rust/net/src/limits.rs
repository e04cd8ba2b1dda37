//! How many bytes a peer may make the client hold, and how many requests go to one origin at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// A whole stream, unless its origin has a limit of its own.
    pub stream: usize,
    /// What all streams together hold for their readers. Above that a stream reads no further while it holds anything,
    /// and one that holds an incomplete event larger than `queue` fails.
    pub undelivered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 64 * 1024,
            body: 32 * 1024 * 1024,
            line: ratatoskr_core::sse::DEFAULT_LIMIT,
            event: ratatoskr_core::sse::DEFAULT_LIMIT,
            queue: 256 * 1024,
            stream: 256 * 1024 * 1024,
            undelivered: 256 * 1024 * 1024,
        }
    }
}

/// The bytes that all streams of a client hold.
#[derive(Debug)]
pub(crate) struct Undelivered {
    held: AtomicUsize,
    limit: usize,
}

impl Undelivered {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { held: AtomicUsize::new(0), limit }
    }
}

/// The share of one stream, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    total: Arc<Undelivered>,
    bytes: usize,
}

impl Share {
    pub(crate) const fn new(total: Arc<Undelivered>) -> Self {
        Self { total, bytes: 0 }
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sets the size of the share; true when all shares together exceed the limit.
    pub(crate) fn set(&mut self, bytes: usize) -> bool {
        let before = std::mem::replace(&mut self.bytes, bytes);
        // Wrapping, so that a difference below zero is subtracted.
        let difference = bytes.wrapping_sub(before);
        let held = self.total.held.fetch_add(difference, Ordering::Relaxed).wrapping_add(difference);
        held > self.total.limit
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted_together_and_given_back() {
        let total = Arc::new(Undelivered::new(100));
        let mut one = Share::new(Arc::clone(&total));
        let mut other = Share::new(Arc::clone(&total));
        assert!(!one.set(60));
        assert!(other.set(41));
        assert!(!other.set(40));
        drop(one);
        assert!(!other.set(100));
        assert!(other.set(101));
        drop(other);
        assert_eq!(total.held.load(Ordering::Relaxed), 0);
    }
}
