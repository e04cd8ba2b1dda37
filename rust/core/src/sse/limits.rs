//! The sizes above which a stream is refused.

use super::event::SseError;

/// Limits in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) line: usize,
    pub(super) event: usize,
}

impl Limits {
    pub(super) const fn check_line(self, length: usize) -> Result<(), SseError> {
        if length > self.line { Err(SseError::LineTooLong { limit: self.line }) } else { Ok(()) }
    }

    pub(super) const fn check_event(self, length: usize) -> Result<(), SseError> {
        if length > self.event { Err(SseError::EventTooLarge { limit: self.event }) } else { Ok(()) }
    }
}
