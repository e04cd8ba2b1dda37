//! How much a peer may make us hold, and how many requests go to one origin at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// Caps, all in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Names and values of a response's head.
    pub head: usize,
    /// A whole body.
    pub body: usize,
    /// One line of a stream.
    pub line: usize,
    /// The data of one event of a stream.
    pub event: usize,
    /// Events that wait for their reader; a chunk that passes it is still taken, the next one is not read.
    pub queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 64 * 1024,
            body: 32 * 1024 * 1024,
            line: ratatoskr_core::sse::DEFAULT_CAP,
            event: ratatoskr_core::sse::DEFAULT_CAP,
            queue: 256 * 1024,
        }
    }
}

/// The slots of every origin, made when it is first asked for.
#[derive(Debug)]
pub(crate) struct Slots {
    in_flight: usize,
    by_origin: HashMap<String, usize>,
    made: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Slots {
    pub(crate) fn new(in_flight: usize, by_origin: HashMap<String, usize>) -> Self {
        Self { in_flight, by_origin, made: Mutex::new(HashMap::new()) }
    }

    /// The largest number of requests that any one origin may have in flight.
    pub(crate) fn widest(&self) -> usize {
        self.by_origin.values().copied().fold(self.in_flight, usize::max)
    }

    /// The queue in front of `origin`, as in `https://host:443`; fair, and who leaves it has used nothing.
    pub(crate) fn of(&self, origin: &str) -> Arc<Semaphore> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slots) = made.get(origin) {
            return Arc::clone(slots);
        }
        let wide = self.by_origin.get(origin).copied().unwrap_or(self.in_flight);
        let slots = Arc::new(Semaphore::new(wide.clamp(1, Semaphore::MAX_PERMITS)));
        made.insert(origin.to_owned(), Arc::clone(&slots));
        slots
    }

    /// Sends everyone home who waits, so that the end of one request does not begin another.
    pub(crate) fn close(&self) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(|slots| slots.close());
    }
}
