//! The descriptor through which the network thread wakes one event loop.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// A descriptor that becomes readable when exchanges have updates, and the tokens of those exchanges.
///
/// However many exchanges have updates, the descriptor is written once until the next [`WakeupFd::drain`]. A token that
/// no task waits for any more is harmless: it is returned once and forgotten.
#[derive(Debug)]
pub struct WakeupFd {
    signal: Signal,
    pending: AtomicBool,
    tokens: Mutex<VecDeque<u64>>,
}

impl WakeupFd {
    /// Creates a new descriptor.
    ///
    /// # Errors
    /// The process has no free descriptor.
    pub fn new() -> io::Result<Self> {
        Ok(Self { signal: Signal::new()?, pending: AtomicBool::new(false), tokens: Mutex::new(VecDeque::new()) })
    }

    /// The descriptor to wait on; it stays open as long as this object exists.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.signal.descriptor()
    }

    /// Adds a token and wakes the loop, unless a wake-up is already pending.
    pub(crate) fn notify(&self, token: u64) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).push_back(token);
        if !self.pending.swap(true, Ordering::AcqRel) {
            self.signal.write();
        }
    }

    /// Takes every token that was added since the last call, in order.
    pub fn drain(&self) -> VecDeque<u64> {
        self.signal.clear();
        // Before the list is taken: a token added in between is either taken now or signalled again, never lost.
        self.pending.store(false, Ordering::Release);
        std::mem::take(&mut *self.tokens.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Signal(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Signal {
    fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?))
    }

    fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Ignores errors: a full counter means that the loop has been woken already.
    fn write(&self) {
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    fn clear(&self) {
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }
}

#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Signal {
    reader: std::os::unix::net::UnixStream,
    writer: std::os::unix::net::UnixStream,
}

#[cfg(not(target_os = "linux"))]
impl Signal {
    fn new() -> io::Result<Self> {
        let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Self { reader, writer })
    }

    fn descriptor(&self) -> RawFd {
        self.reader.as_raw_fd()
    }

    fn write(&self) {
        use std::io::Write;
        let _ = (&self.writer).write(&[1]);
    }

    fn clear(&self) {
        use std::io::Read;
        let mut sink = [0_u8; 64];
        while matches!((&self.reader).read(&mut sink), Ok(n) if n == sink.len()) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_returned_once_and_in_order() -> io::Result<()> {
        let wakeup = WakeupFd::new()?;
        for token in [3, 1, 2] {
            wakeup.notify(token);
        }
        assert_eq!(wakeup.drain(), [3, 1, 2]);
        assert!(wakeup.drain().is_empty());
        Ok(())
    }

    #[test]
    fn a_token_after_the_drain_signals_again() -> io::Result<()> {
        let wakeup = WakeupFd::new()?;
        wakeup.notify(1);
        wakeup.drain();
        assert!(!wakeup.pending.load(Ordering::Acquire));
        wakeup.notify(2);
        assert!(wakeup.pending.load(Ordering::Acquire));
        assert_eq!(wakeup.drain(), [2]);
        Ok(())
    }
}
