//! How replies leave: in order, vectored, in as many writes as the socket wants.

use super::ReplyBuf;
use bytes::Buf;
use std::io::IoSlice;

/// Sent bytes are dropped from the front of a buffer once there are so many, and more than unsent
/// ones: a client that reads slowly but steadily must not make it grow.
pub(super) const COMPACT_BYTES_MIN: usize = 16 * 1024;

impl ReplyBuf {
    /// All unsent bytes, when none of them is a reference.
    pub fn as_slice(&self) -> Option<&[u8]> {
        self.shared.is_empty().then(|| &self.bytes[self.sent..])
    }

    /// The unsent bytes in order; no chunk is empty.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = self.sent;
        let mut sent_of_shared = self.sent_of_shared;
        let tail = self.shared.last().map_or(self.sent, |last| last.at);
        self.shared
            .iter()
            .flat_map(move |shared| {
                let before = &self.bytes[at..shared.at];
                at = shared.at;
                [before, &shared.value[std::mem::take(&mut sent_of_shared)..]]
            })
            .chain([&self.bytes[tail..]])
            .filter(|chunk| !chunk.is_empty())
    }

    /// Drops what has been sent from the front.
    fn compact(&mut self) {
        if self.is_empty() {
            return self.clear();
        }
        if self.sent >= COMPACT_BYTES_MIN && self.sent >= self.bytes.len() - self.sent {
            self.bytes.drain(..self.sent);
            for shared in &mut self.shared {
                shared.at -= self.sent;
            }
            self.sent = 0;
        }
    }
}

/// The unsent bytes, for vectored writing.
impl Buf for ReplyBuf {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.chunks().next().unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        slices
            .iter_mut()
            .zip(self.chunks())
            .map(|(slice, chunk)| *slice = IoSlice::new(chunk))
            .count()
    }

    /// Notes that `count` bytes have been sent.
    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len(), "only what was there can have been sent");
        let mut done = 0;
        for shared in &self.shared {
            let before = count.min(shared.at - self.sent);
            self.sent += before;
            count -= before;
            if self.sent < shared.at {
                break;
            }
            let of_shared = count.min(shared.value.len() - self.sent_of_shared);
            self.sent_of_shared += of_shared;
            count -= of_shared;
            if self.sent_of_shared < shared.value.len() {
                break;
            }
            self.sent_of_shared = 0;
            self.shared_bytes -= shared.value.len();
            done += 1;
        }
        self.shared.drain(..done);
        // Past the last reference there are only plain bytes; before one, `count` is used up.
        self.sent += count;
        self.compact();
    }
}
