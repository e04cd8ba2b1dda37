//! The deadlines of one exchange, all watched by a single timer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::{NetError, Phase};
use crate::request_body::SendProgress;

/// Deadlines of one exchange; `None` is no deadline.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deadlines {
    /// Name resolution, connection and TLS together.
    pub connect: Option<Duration>,
    /// From the end of sending the request to the headers of the response.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the body, while the reader keeps up.
    pub idle: Option<Duration>,
    /// The whole exchange, including the wait for a slot.
    pub total: Option<Duration>,
}

/// What an exchange is doing, and since when.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    /// Waiting for a slot.
    Queued,
    /// Connecting, sending, or waiting for the response headers; [`SendProgress`] says which.
    AwaitingHead(Instant),
    /// Waiting for the next piece of the body.
    ReadingBody(Instant),
    /// Waiting for the reader; the peer is not to blame for the pause.
    AwaitingReader,
}

enum Due {
    Passed(Phase, Duration),
    At(Instant),
    Never,
}

/// A deadline: when it passes, its name, and its length.
type Deadline = (Instant, Phase, Duration);

/// Runs the waits of one exchange under its deadlines.
///
/// The timer is reset only when it fires or when an earlier deadline applies, so a body of a thousand chunks costs no
/// more resets than one of three.
pub(crate) struct DeadlineTimer {
    deadlines: Deadlines,
    started: Instant,
    stage: Stage,
    progress: Arc<SendProgress>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl DeadlineTimer {
    pub(crate) fn new(deadlines: Deadlines, progress: Arc<SendProgress>) -> Self {
        Self { deadlines, started: progress.started(), stage: Stage::Queued, progress, timer: None }
    }

    /// Changes the stage.
    pub(crate) fn enter(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// Waits for `work`, at most until the deadlines of the present stage.
    pub(crate) async fn run<T>(&mut self, work: impl Future<Output = T>) -> Result<T, NetError> {
        let mut work = std::pin::pin!(work);
        let mut armed = false;
        std::future::poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            if !std::mem::replace(&mut armed, true) {
                self.arm();
            }
            self.poll_timer(cx).map(Err)
        })
        .await
    }

    /// Moves the timer forward if the present stage ends before it would fire; a later timer may fire early.
    fn arm(&mut self) {
        let at = match self.due(Instant::now()) {
            Due::Never => return,
            Due::At(at) => at,
            Due::Passed(..) => Instant::now(),
        };
        match &mut self.timer {
            None => self.timer = Some(Box::pin(sleep_until(at))),
            Some(timer) if timer.is_elapsed() || at < timer.deadline() => timer.as_mut().reset(at),
            Some(_) => {}
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<NetError> {
        loop {
            let Some(timer) = &mut self.timer else { return Poll::Pending };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match self.due(Instant::now()) {
                Due::Passed(phase, limit) => return Poll::Ready(NetError::timeout(phase, limit, self.activity())),
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
        let total = deadline(self.started, self.deadlines.total, Phase::Total);
        let (stage, recheck) = match self.stage {
            Stage::Queued | Stage::AwaitingReader => (None, None),
            Stage::ReadingBody(since) => (deadline(since, self.deadlines.idle, Phase::Idle), None),
            Stage::AwaitingHead(since) => match self.progress.last_sent() {
                Some(sent) => (deadline(sent, self.deadlines.first_byte, Phase::FirstByte), None),
                // The request may be sent at any moment from now, without any notice to this timer.
                None => (
                    deadline(since, self.deadlines.connect, Phase::Connect),
                    self.deadlines.first_byte.and_then(|limit| now.checked_add(limit)),
                ),
            },
        };
        match (stage, total) {
            (Some((at, phase, limit)), _) | (_, Some((at, phase, limit))) if at <= now => Due::Passed(phase, limit),
            (stage, total) => [stage.map(|(at, ..)| at), total.map(|(at, ..)| at), recheck]
                .into_iter()
                .flatten()
                .min()
                .map_or(Due::Never, Due::At),
        }
    }

    /// What the exchange is doing, as the end of "timed out while …".
    fn activity(&self) -> &'static str {
        match self.stage {
            Stage::Queued => "waiting for a free connection slot",
            Stage::AwaitingHead(_) if self.progress.has_started() => "waiting for the response headers",
            Stage::AwaitingHead(_) => "connecting",
            Stage::ReadingBody(_) => "reading the response body",
            Stage::AwaitingReader => "waiting for the reader of the response",
        }
    }
}

fn deadline(since: Instant, limit: Option<Duration>, phase: Phase) -> Option<Deadline> {
    Some((since.checked_add(limit?)?, phase, limit?))
}
