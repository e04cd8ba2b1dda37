//! The one thread on which every request of a process runs.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The most name lookups at a time; they block, so each takes a thread.
const LOOKUP_THREADS: usize = 64;

static EPOCH: AtomicU64 = AtomicU64::new(0);

/// Marks everything that exists as belonging to the parent process; to be called in a forked child.
///
/// The child has no copy of the network thread, and that thread may have held any lock when the process forked. So this
/// takes no lock, and every object made before the fork refuses further use.
pub fn after_fork() {
    EPOCH.fetch_add(1, Ordering::AcqRel);
}

/// The process in which an object was made, counted in forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessEpoch(u64);

impl ProcessEpoch {
    pub(crate) fn current() -> Self {
        Self(EPOCH.load(Ordering::Acquire))
    }

    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }
}

type StartTask = Box<dyn FnOnce() + Send>;

/// Tasks to start on the network thread; to wake it for each would cost more than to start it.
#[derive(Default)]
struct DeferredTasks {
    tasks: Mutex<Vec<StartTask>>,
    flushed: Notify,
}

impl DeferredTasks {
    async fn start_forever(&self) {
        loop {
            self.flushed.notified().await;
            let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
            for start in tasks {
                start();
            }
        }
    }
}

impl fmt::Debug for DeferredTasks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DeferredTasks").finish_non_exhaustive()
    }
}

/// A handle of the network thread, cheap to clone.
///
/// The thread runs until the process ends, and holds nothing that would have to be closed then.
#[derive(Debug, Clone)]
pub struct Runtime {
    handle: tokio::runtime::Handle,
    epoch: ProcessEpoch,
    pid: u32,
    deferred: Arc<DeferredTasks>,
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
        let deferred = Arc::<DeferredTasks>::default();
        let tasks = Arc::clone(&deferred);
        std::thread::Builder::new()
            .name("ratatoskr-io".to_owned())
            .spawn(move || runtime.block_on(tasks.start_forever()))?;
        Ok(Self { handle, epoch: ProcessEpoch::current(), pid: std::process::id(), deferred })
    }

    /// Whether the thread runs in this process; after a fork it does not.
    #[must_use]
    pub fn is_in_this_process(&self) -> bool {
        self.epoch.is_current() && self.pid == std::process::id()
    }

    pub(crate) fn spawn<F>(&self, work: F) -> tokio::task::AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.handle.spawn(work).abort_handle()
    }

    /// Runs `start` on the thread after the next [`Runtime::flush`].
    pub(crate) fn defer(&self, start: impl FnOnce() + Send + 'static) {
        self.deferred.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(start));
    }

    /// Wakes the thread to run everything that was deferred.
    pub(crate) fn flush(&self) {
        if self.is_in_this_process() {
            self.deferred.flushed.notify_one();
        }
    }

    /// Runs `work` on the calling thread with the runtime's timers and sockets available.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.handle.enter();
        work()
    }
}
