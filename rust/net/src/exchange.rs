//! One request and its response, shared by the network thread that runs it and the event loop that waits for it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ratatoskr_core::sse::Event;
use reqwest::header::HeaderMap;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::error::NetError;
use crate::limits::{Share, Undelivered};
use crate::runtime::{ProcessEpoch, Runtime};
use crate::wakeup::WakeupFd;

/// How long the end of a body may take after its reader released it.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// The bytes that an event counts in a queue in addition to its data.
const EVENT_OVERHEAD: usize = 64;

/// The status of a response, with the whole body unless that is streamed.
#[derive(Debug)]
pub struct Head {
    /// The HTTP status.
    pub status: u16,
    /// The body; `None` when it is streamed as events.
    pub body: Option<Bytes>,
}

/// Everything that arrived since the last update was taken.
#[derive(Debug, Default)]
pub struct Update {
    /// The head, in one update only.
    pub head: Option<Head>,
    /// Complete events, in order.
    pub events: Vec<Event>,
    /// Set when nothing will follow: how the exchange ended.
    pub end: Option<Result<(), NetError>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Lifecycle {
    #[default]
    Open,
    /// The reader needs no more; the rest of the body is read so that the connection can be used again.
    Released,
    Ended,
}

#[derive(Debug)]
struct State {
    update: Update,
    headers: Arc<HeaderMap>,
    /// Bytes of the events that wait for the reader.
    queued: Share,
    /// The network thread waits until the reader has taken them.
    blocked: bool,
    lifecycle: Lifecycle,
    /// The event loop has been notified of the present update.
    notified: bool,
}

/// What the network thread and the reader share.
#[derive(Debug)]
pub(crate) struct Shared {
    token: u64,
    wakeup: Arc<WakeupFd>,
    state: Mutex<State>,
    space: Notify,
    task: OnceLock<AbortHandle>,
}

impl Shared {
    pub(crate) fn new(token: u64, wakeup: Arc<WakeupFd>, undelivered: Arc<Undelivered>) -> Self {
        let state = State {
            update: Update::default(),
            headers: Arc::default(),
            queued: Share::new(undelivered),
            blocked: false,
            lifecycle: Lifecycle::default(),
            notified: false,
        };
        Self { token, wakeup, state: Mutex::new(state), space: Notify::new(), task: OnceLock::new() }
    }

    pub(crate) fn token(&self) -> u64 {
        self.token
    }

    /// Sets the task of this exchange, which has not run yet; it never will if the exchange has ended already.
    pub(crate) fn set_task(&self, task: AbortHandle) {
        let task = self.task.get_or_init(|| task);
        if self.state().lifecycle == Lifecycle::Ended {
            task.abort();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and notifies the event loop.
    fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let notify = !std::mem::replace(&mut state.notified, true);
        drop(state);
        if notify {
            self.wakeup.notify(self.token);
        }
        result
    }

    /// Delivers the head of a response whose events follow.
    pub(crate) fn start_stream(&self, status: u16, headers: HeaderMap) {
        self.update(|state| {
            state.headers = Arc::new(headers);
            state.update.head = Some(Head { status, body: None });
        });
    }

    /// Delivers events; true when the queue exceeds `limit`, or all queues together theirs, so that
    /// [`Shared::wait_for_space`] must be awaited next.
    pub(crate) fn push(&self, events: &mut Vec<Event>, limit: usize) -> bool {
        self.update(|state| {
            if state.lifecycle == Lifecycle::Released {
                events.clear();
                return false;
            }
            let bytes: usize = events.iter().map(|event| event.data.len() + EVENT_OVERHEAD).sum();
            let queued = state.queued.bytes() + bytes;
            let together = state.queued.set(queued);
            state.update.events.append(events);
            state.blocked = together || queued > limit;
            state.blocked
        })
    }

    /// Waits until the reader has taken the queued events.
    pub(crate) async fn wait_for_space(&self) {
        while self.state().blocked {
            self.space.notified().await;
        }
    }

    /// Ends the exchange with a whole response.
    pub(crate) fn complete(&self, status: u16, headers: HeaderMap, body: Bytes) {
        self.update(|state| {
            if state.lifecycle == Lifecycle::Open {
                state.headers = Arc::new(headers);
                state.update.head = Some(Head { status, body: Some(body) });
                state.update.end = Some(Ok(()));
                state.lifecycle = Lifecycle::Ended;
            }
        });
    }

    /// Ends the exchange after the events that the reader has not taken yet; later calls change nothing.
    pub(crate) fn end(&self, end: Result<(), NetError>) {
        self.update(|state| {
            if state.lifecycle == Lifecycle::Open {
                state.lifecycle = Lifecycle::Ended;
                state.update.end = Some(end);
            }
        });
    }

    /// Ends the exchange at once: events that the reader has not taken are dropped, and the connection is closed.
    pub(crate) fn abort(&self, reason: &'static str) {
        {
            let mut state = self.state();
            if std::mem::replace(&mut state.lifecycle, Lifecycle::Ended) == Lifecycle::Ended {
                return;
            }
            state.update = Update { end: Some(Err(NetError::Closed(reason))), ..Update::default() };
            state.queued.set(0);
        }
        self.update(|_| ());
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    /// Ends the exchange for the reader while the body is still being read; returns whether it is.
    fn release(&self) -> bool {
        let mut state = self.state();
        if state.lifecycle != Lifecycle::Open {
            return false;
        }
        state.update = Update { end: Some(Err(NetError::Closed("the response was closed"))), ..Update::default() };
        state.queued.set(0);
        state.lifecycle = Lifecycle::Released;
        state.notified = true;
        state.blocked = false;
        drop(state);
        self.space.notify_one();
        true
    }
}

/// The reader's side; dropping it closes the connection, or resets the stream, unless the response is complete.
#[derive(Debug)]
pub struct Exchange {
    shared: Arc<Shared>,
    runtime: Runtime,
    epoch: ProcessEpoch,
}

impl Exchange {
    pub(crate) fn new(shared: Arc<Shared>, runtime: Runtime) -> Self {
        Self { shared, runtime, epoch: ProcessEpoch::current() }
    }

    /// The number by which [`WakeupFd::drain`] names this exchange.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.shared.token
    }

    /// Takes the update, or `None` if nothing arrived since the last one.
    #[must_use]
    pub fn take(&self) -> Option<Update> {
        if !self.epoch.is_current() {
            let end = Some(Err(NetError::Closed("the request was sent by the parent process, before the fork")));
            return Some(Update { end, ..Update::default() });
        }
        let mut state = self.shared.state();
        if !std::mem::replace(&mut state.notified, false) {
            return None;
        }
        state.queued.set(0);
        let update = std::mem::take(&mut state.update);
        let was_blocked = std::mem::replace(&mut state.blocked, false);
        drop(state);
        if was_blocked {
            self.shared.space.notify_one();
        }
        Some(update)
    }

    /// The headers of the response; empty before they have arrived.
    #[must_use]
    pub fn headers(&self) -> Arc<HeaderMap> {
        if self.epoch.is_current() { Arc::clone(&self.shared.state().headers) } else { Arc::default() }
    }

    /// Aborts the rest of the response; a task that waits for an update receives the error.
    pub fn close(&self) {
        if self.epoch.is_current() && self.shared.state().lifecycle != Lifecycle::Released {
            self.shared.abort("the response was closed");
        }
    }

    /// Releases a body whose last event has arrived: its end is awaited for a moment, so that the connection can be
    /// used again.
    pub fn release(&self) {
        if self.epoch.is_current() && self.shared.release() {
            let shared = Arc::downgrade(&self.shared);
            self.runtime.spawn(async move {
                tokio::time::sleep(DRAIN_TIMEOUT).await;
                if let Some(shared) = shared.upgrade() {
                    shared.abort("the body did not end in time");
                }
            });
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.epoch.is_current() {
            self.close();
        } else {
            // Its locks and lists are copies that may stay locked or half changed.
            std::mem::forget(Arc::clone(&self.shared));
        }
    }
}
