//! The limits of one exchange in time, all watched by a single timer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::{NetError, Phase};
use crate::outgoing::Progress;

/// Limits of one exchange; `None` is without one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deadlines {
    /// Name resolution, connection and TLS together.
    pub connect: Option<Duration>,
    /// From the last of the request having left to the head of the response.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the body, while the reader keeps up.
    pub idle: Option<Duration>,
    /// The whole exchange, waiting for a slot included.
    pub total: Option<Duration>,
}

/// Where an exchange stands, and since when.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    /// In the queue for a slot.
    Queued,
    /// Connecting, sending, or waiting for the head; [`Progress`] tells which.
    Asking(Instant),
    /// Waiting for the next piece of the body.
    Reading(Instant),
    /// Waiting for the reader; the peer cannot be blamed for silence now.
    Behind,
}

enum Due {
    Passed(Phase),
    At(Instant),
    Never,
}

/// Runs the waits of one exchange under its deadlines.
///
/// The timer is moved only when it fires or when an earlier deadline comes up, so a body of a thousand chunks touches
/// it no more often than one of three.
pub(crate) struct Clock {
    deadlines: Deadlines,
    started: Instant,
    stage: Stage,
    progress: Arc<Progress>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    pub(crate) fn new(deadlines: Deadlines, progress: Arc<Progress>) -> Self {
        Self { deadlines, started: progress.started(), stage: Stage::Queued, progress, timer: None }
    }

    /// Moves on to another stage.
    pub(crate) fn enter(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// Waits for `work`, but no longer than the deadlines of the present stage allow.
    pub(crate) async fn watch<T>(&mut self, work: impl Future<Output = T>) -> Result<T, NetError> {
        let mut work = std::pin::pin!(work);
        let mut armed = false;
        std::future::poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            if !std::mem::replace(&mut armed, true) {
                self.arm();
            }
            self.poll_timer(cx).map(|phase| Err(NetError::timeout(phase)))
        })
        .await
    }

    /// Brings the timer forward if the present stage ends before it would fire; a late one is left to fire in vain.
    fn arm(&mut self) {
        let at = match self.due(Instant::now()) {
            Due::Never => return,
            Due::At(at) => at,
            Due::Passed(_) => Instant::now(),
        };
        match &mut self.timer {
            None => self.timer = Some(Box::pin(sleep_until(at))),
            Some(timer) if timer.is_elapsed() || at < timer.deadline() => timer.as_mut().reset(at),
            Some(_) => {}
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Phase> {
        loop {
            let Some(timer) = &mut self.timer else { return Poll::Pending };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match self.due(Instant::now()) {
                Due::Passed(phase) => return Poll::Ready(phase),
                Due::At(at) => {
                    if let Some(timer) = &mut self.timer {
                        timer.as_mut().reset(at);
                    }
                }
                Due::Never => {
                    self.timer = None;
                    return Poll::Pending;
                }
            }
        }
    }

    fn due(&self, now: Instant) -> Due {
        let total = self.deadlines.total.and_then(|limit| self.started.checked_add(limit));
        let (stage, look_again) = match self.stage {
            Stage::Queued | Stage::Behind => (None, None),
            Stage::Reading(since) => (after(since, self.deadlines.idle, Phase::Idle), None),
            Stage::Asking(since) => match self.progress.left_at() {
                Some(left) => (after(left, self.deadlines.first_byte, Phase::FirstByte), None),
                // The request may leave at any moment from now, without a word to this timer.
                None => (
                    after(since, self.deadlines.connect, Phase::Connect),
                    self.deadlines.first_byte.and_then(|limit| now.checked_add(limit)),
                ),
            },
        };
        let total = total.map(|at| (at, Phase::Total));
        match (stage, total) {
            (Some((at, phase)), _) if at <= now => Due::Passed(phase),
            (_, Some((at, phase))) if at <= now => Due::Passed(phase),
            (stage, total) => [stage.map(|(at, _)| at), total.map(|(at, _)| at), look_again]
                .into_iter()
                .flatten()
                .min()
                .map_or(Due::Never, Due::At),
        }
    }
}

fn after(since: Instant, limit: Option<Duration>, phase: Phase) -> Option<(Instant, Phase)> {
    Some((since.checked_add(limit?)?, phase))
}
