//! Memory of whole bodies, used again while requests are under way: to get fresh pages for each large body from the
//! kernel takes longer than to receive it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

/// The sizes that are worth keeping, and those that are not too large to be kept.
const KEPT: std::ops::RangeInclusive<usize> = 256 * 1024..=16 * 1024 * 1024;
/// The most buffers that wait to be used again.
const MOST: usize = 8;

/// The buffers that are not in use; they are freed with the last exchange of their client that is under way.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// Returns an empty buffer for at least `size` bytes.
    pub(crate) fn take(self: &Arc<Self>, size: usize) -> Buffer {
        let waiting = || {
            let mut buffers = self.0.try_lock().ok()?;
            let place = buffers.iter().position(|bytes| bytes.capacity() >= size)?;
            Some(buffers.swap_remove(place))
        };
        let reused = if KEPT.contains(&size) { waiting() } else { None };
        Buffer { bytes: reused.unwrap_or_else(|| Vec::with_capacity(size)), buffers: Arc::clone(self) }
    }
}

/// A buffer in use.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
    buffers: Arc<Buffers>,
}

impl Buffer {
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !KEPT.contains(&self.bytes.capacity()) {
            return;
        }
        // A fork may have left the lock held; the buffer is then freed.
        if let Ok(mut buffers) = self.buffers.0.try_lock()
            && buffers.len() < MOST
        {
            self.bytes.clear();
            buffers.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Buffers, KEPT, MOST};

    fn capacities(buffers: &Buffers) -> Vec<usize> {
        buffers.0.lock().map(|kept| kept.iter().map(Vec::capacity).collect()).unwrap_or_default()
    }

    #[test]
    fn a_large_buffer_is_used_again_and_empty() {
        let buffers = Arc::new(Buffers::default());
        let mut first = buffers.take(1 << 20);
        first.bytes.extend_from_slice(b"secret");
        let address = first.bytes.as_ptr();
        drop(first.freeze());
        let second = buffers.take(1 << 19);
        assert_eq!((second.bytes.as_ptr(), second.bytes.len()), (address, 0));
        assert!(buffers.take(1 << 21).bytes.capacity() >= 1 << 21);
    }

    #[test]
    fn few_buffers_are_kept_and_none_that_is_small_or_huge() {
        let buffers = Arc::new(Buffers::default());
        drop((buffers.take(1000), buffers.take(*KEPT.end() + 1)));
        assert!(capacities(&buffers).is_empty());
        let many: Vec<_> = (0..MOST + 2).map(|_| buffers.take(1 << 20)).collect();
        drop(many);
        assert_eq!(capacities(&buffers).len(), MOST);
    }
}
