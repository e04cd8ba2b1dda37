//! The one thread on which every request of a process runs.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Name resolution blocks, so it has threads of its own; this many hung lookups of different names can wait at once.
const LOOKUP_THREADS: usize = 64;

static EPOCH: AtomicU64 = AtomicU64::new(0);

/// Tells that this process is a fresh child: what was made before the fork must not be touched any more.
///
/// The child has no copy of the network thread, and the thread may have held any lock when the process forked. So this
/// takes none, and everything made before answers that it belongs elsewhere.
pub fn forked() {
    EPOCH.fetch_add(1, Ordering::AcqRel);
}

/// Which process something was made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home(u64);

impl Home {
    pub(crate) fn here() -> Self {
        Self(EPOCH.load(Ordering::Acquire))
    }

    pub(crate) fn is_here(self) -> bool {
        self == Self::here()
    }
}

type Start = Box<dyn FnOnce() + Send>;

/// What waits to be begun on the network thread; to wake it for each piece would cost more than the piece.
#[derive(Default)]
struct Waiting {
    starts: Mutex<Vec<Start>>,
    some: Notify,
}

impl Waiting {
    async fn begin_for_ever(&self) {
        loop {
            self.some.notified().await;
            let starts = std::mem::take(&mut *self.starts.lock().unwrap_or_else(PoisonError::into_inner));
            for start in starts {
                start();
            }
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Waiting").finish_non_exhaustive()
    }
}

/// A handle of the network thread, cheap to clone.
///
/// The thread never ends by itself: at the end of the process it is simply gone, as it holds nothing that needs care.
#[derive(Debug, Clone)]
pub struct Runtime {
    handle: tokio::runtime::Handle,
    home: Home,
    pid: u32,
    waiting: Arc<Waiting>,
}

impl Runtime {
    /// Starts the thread.
    ///
    /// # Errors
    /// The process may not have another thread or descriptor.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(LOOKUP_THREADS)
            .thread_name("ratatoskr-dns")
            .build()?;
        let handle = runtime.handle().clone();
        let waiting = Arc::<Waiting>::default();
        let begun = Arc::clone(&waiting);
        std::thread::Builder::new()
            .name("ratatoskr-io".to_owned())
            .spawn(move || runtime.block_on(begun.begin_for_ever()))?;
        Ok(Self { handle, home: Home::here(), pid: std::process::id(), waiting })
    }

    /// Whether the thread runs in this process; after a fork it does not.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.home.is_here() && self.pid == std::process::id()
    }

    pub(crate) fn spawn<F>(&self, work: F) -> tokio::task::AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.handle.spawn(work).abort_handle()
    }

    /// Lays `start` aside for the thread until [`Runtime::hand_over`].
    pub(crate) fn lay_aside(&self, start: impl FnOnce() + Send + 'static) {
        self.waiting.starts.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(start));
    }

    /// Lets the thread begin with all that was laid aside.
    pub(crate) fn hand_over(&self) {
        if self.is_here() {
            self.waiting.some.notify_one();
        }
    }

    /// Runs `work` with the thread's timers and sockets at hand, on the calling thread.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.handle.enter();
        work()
    }
}
