//! The wake-up line between the network thread and one event loop.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// A descriptor that becomes readable when exchanges have news, and the list of those exchanges.
///
/// However many exchanges have news, the descriptor is written once until [`Bell::drain`] answers it. A token that
/// nobody waits for any more is harmless: it is handed out once and forgotten.
#[derive(Debug)]
pub struct Bell {
    line: Line,
    rung: AtomicBool,
    tokens: Mutex<VecDeque<u64>>,
}

impl Bell {
    /// Makes a line of its own.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self { line: Line::new()?, rung: AtomicBool::new(false), tokens: Mutex::new(VecDeque::new()) })
    }

    /// The descriptor to wait on; it lives as long as the bell.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.line.descriptor()
    }

    /// Puts a token on the list and wakes the loop unless it is about to look anyway.
    pub(crate) fn ring(&self, token: u64) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).push_back(token);
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.line.write();
        }
    }

    /// Takes every token that came since the last call, in order.
    pub fn drain(&self) -> VecDeque<u64> {
        self.line.clear();
        // Before the list is taken: a token that comes in between is either taken now or rings again, never lost.
        self.rung.store(false, Ordering::Release);
        std::mem::take(&mut *self.tokens.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Line(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Line {
    fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?))
    }

    fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Cannot fail in a way that matters: a full counter means that the loop has been woken already.
    fn write(&self) {
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    fn clear(&self) {
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }
}

#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Line {
    near: std::os::unix::net::UnixStream,
    far: std::os::unix::net::UnixStream,
}

#[cfg(not(target_os = "linux"))]
impl Line {
    fn new() -> io::Result<Self> {
        let (near, far) = std::os::unix::net::UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        Ok(Self { near, far })
    }

    fn descriptor(&self) -> RawFd {
        self.near.as_raw_fd()
    }

    fn write(&self) {
        use std::io::Write;
        let _ = (&self.far).write(&[1]);
    }

    fn clear(&self) {
        use std::io::Read;
        let mut sink = [0_u8; 64];
        while matches!((&self.near).read(&mut sink), Ok(n) if n == sink.len()) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_out_once_and_in_order() -> io::Result<()> {
        let bell = Bell::new()?;
        for token in [3, 1, 2] {
            bell.ring(token);
        }
        assert_eq!(bell.drain(), [3, 1, 2]);
        assert!(bell.drain().is_empty());
        Ok(())
    }

    #[test]
    fn a_token_after_the_drain_rings_again() -> io::Result<()> {
        let bell = Bell::new()?;
        bell.ring(1);
        bell.drain();
        assert!(!bell.rung.load(Ordering::Acquire));
        bell.ring(2);
        assert!(bell.rung.load(Ordering::Acquire));
        assert_eq!(bell.drain(), [2]);
        Ok(())
    }
}
