//! One request and its response, between the network thread that runs it and the loop that waits for it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ratatoskr_core::sse::Event;
use reqwest::header::HeaderMap;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::bell::Bell;
use crate::error::NetError;
use crate::runtime::{Home, Runtime};

/// How long the end of a body may take behind the last event that its reader wants.
const LINGER: Duration = Duration::from_secs(1);
/// What an event costs beside its data, in the reckoning of a queue.
const EVENT_OVERHEAD: usize = 64;

/// The head of a response, with the whole body unless that is streamed.
#[derive(Debug)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// The body; `None` when it comes as events.
    pub body: Option<Bytes>,
}

/// Everything that came since it was last asked for.
#[derive(Debug, Default)]
pub struct News {
    /// The head, once.
    pub head: Option<Head>,
    /// Complete events, in order.
    pub events: Vec<Event>,
    /// Nothing more will come, and why.
    pub end: Option<Result<(), NetError>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Course {
    #[default]
    Open,
    /// The reader has all that it wants; what still comes is read for the connection's sake.
    Left,
    Ended,
}

#[derive(Debug, Default)]
struct State {
    news: News,
    headers: Arc<HeaderMap>,
    /// Bytes of the events that wait for the reader.
    queued: usize,
    /// The network thread waits until the reader has caught up.
    blocked: bool,
    course: Course,
    /// The bell has been rung for what is there.
    rung: bool,
}

/// What both sides hold.
#[derive(Debug)]
pub(crate) struct Shared {
    token: u64,
    bell: Arc<Bell>,
    state: Mutex<State>,
    space: Notify,
    task: OnceLock<AbortHandle>,
}

impl Shared {
    pub(crate) fn new(token: u64, bell: Arc<Bell>) -> Self {
        Self { token, bell, state: Mutex::default(), space: Notify::new(), task: OnceLock::new() }
    }

    pub(crate) fn token(&self) -> u64 {
        self.token
    }

    /// Notes the task of this exchange, which has not run yet; it never will if the exchange has ended meanwhile.
    pub(crate) fn runs_as(&self, task: AbortHandle) {
        let task = self.task.get_or_init(|| task);
        if self.state().course == Course::Ended {
            task.abort();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let answer = change(&mut state);
        let ring = !std::mem::replace(&mut state.rung, true);
        drop(state);
        if ring {
            self.bell.ring(self.token);
        }
        answer
    }

    /// Hands over the head of a response whose events follow.
    pub(crate) fn begin(&self, status: u16, headers: HeaderMap) {
        self.tell(|state| {
            state.headers = Arc::new(headers);
            state.news.head = Some(Head { status, body: None });
        });
    }

    /// Hands over events; true when `limit` is passed and [`Shared::space`] is to be awaited before the next ones.
    pub(crate) fn push(&self, events: &mut Vec<Event>, limit: usize) -> bool {
        self.tell(|state| {
            if state.course == Course::Left {
                events.clear();
                return false;
            }
            state.queued += events.iter().map(|event| event.data.len() + EVENT_OVERHEAD).sum::<usize>();
            state.news.events.append(events);
            state.blocked = state.queued > limit;
            state.blocked
        })
    }

    /// Waits until the reader has taken what there is.
    pub(crate) async fn space(&self) {
        while self.state().blocked {
            self.space.notified().await;
        }
    }

    /// Ends the exchange with a whole response.
    pub(crate) fn answer(&self, status: u16, headers: HeaderMap, body: Bytes) {
        self.tell(|state| {
            if state.course == Course::Open {
                state.headers = Arc::new(headers);
                state.news.head = Some(Head { status, body: Some(body) });
                state.news.end = Some(Ok(()));
                state.course = Course::Ended;
            }
        });
    }

    /// Ends the exchange behind what the reader has not taken yet; the first end counts.
    pub(crate) fn end(&self, end: Result<(), NetError>) {
        self.tell(|state| {
            if state.course == Course::Open {
                state.course = Course::Ended;
                state.news.end = Some(end);
            }
        });
    }

    /// Ends the exchange at once: what the reader has not taken is dropped, and the connection with it.
    pub(crate) fn abort(&self, why: &'static str) {
        {
            let mut state = self.state();
            if std::mem::replace(&mut state.course, Course::Ended) == Course::Ended {
                return;
            }
            state.news = News { end: Some(Err(NetError::Closed(why))), ..News::default() };
        }
        self.tell(|_| ());
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    /// Lets go of the reader if the body is still on its way, and tells whether it is.
    fn leave(&self) -> bool {
        let mut state = self.state();
        if state.course != Course::Open {
            return false;
        }
        state.news = News { end: Some(Err(NetError::Closed("the response was closed"))), ..News::default() };
        state.course = Course::Left;
        state.rung = true;
        state.blocked = false;
        drop(state);
        self.space.notify_one();
        true
    }
}

/// The asker's side; dropping it closes the connection, or resets the stream, unless the response is complete.
#[derive(Debug)]
pub struct Exchange {
    shared: Arc<Shared>,
    runtime: Runtime,
    home: Home,
}

impl Exchange {
    pub(crate) fn new(shared: Arc<Shared>, runtime: Runtime) -> Self {
        Self { shared, runtime, home: Home::here() }
    }

    /// The number under which the bell announces this exchange.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.shared.token
    }

    /// Takes all that is new, or `None`; a bell may ring in vain.
    #[must_use]
    pub fn take(&self) -> Option<News> {
        if !self.home.is_here() {
            let end = Some(Err(NetError::Closed("the response belongs to the process before the fork")));
            return Some(News { end, ..News::default() });
        }
        let mut state = self.shared.state();
        if !std::mem::replace(&mut state.rung, false) {
            return None;
        }
        state.queued = 0;
        let news = std::mem::take(&mut state.news);
        let behind = std::mem::replace(&mut state.blocked, false);
        drop(state);
        if behind {
            self.shared.space.notify_one();
        }
        Some(news)
    }

    /// The headers of the response; empty before its head has come.
    #[must_use]
    pub fn headers(&self) -> Arc<HeaderMap> {
        if self.home.is_here() { Arc::clone(&self.shared.state().headers) } else { Arc::default() }
    }

    /// Gives up the rest of the response; whoever waits for news is told.
    pub fn close(&self) {
        if self.home.is_here() && self.shared.state().course != Course::Left {
            self.shared.abort("the response was closed");
        }
    }

    /// Takes leave of a body whose last event has come: its end is awaited for a moment, so that the connection can
    /// serve again.
    pub fn leave(&self) {
        if self.home.is_here() && self.shared.leave() {
            let shared = Arc::downgrade(&self.shared);
            self.runtime.spawn(async move {
                tokio::time::sleep(LINGER).await;
                if let Some(shared) = shared.upgrade() {
                    shared.abort("the body did not end");
                }
            });
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.home.is_here() {
            self.close();
        } else {
            // The lists and locks behind it are copies that nobody will ever put in order.
            std::mem::forget(Arc::clone(&self.shared));
        }
    }
}
