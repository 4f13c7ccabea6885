//! The start of a request whose rest has not arrived, in a buffer that grows with what arrives.
//!
//! A large request gets a buffer as long as itself, into which the socket is read, so that a value
//! that is nearly all of it can be stored without a copy. Nobody reserves memory by announcing a
//! length: a buffer hardly more than doubles, or is as long as the last request that did arrive.

use bytes::Bytes;

/// A buffer grows by at least this.
const GROW_BYTES_MIN: usize = 16 * 1024;

/// From here on a request is large.
const LARGE_BYTES_MIN: usize = 64 * 1024;

/// A buffer is made this long, at most, because the last request was.
const EXPECTED_BYTES_MAX: usize = 1024 * 1024;

/// What the next large request may take beyond the last one before its buffer has to grow.
const EXPECTED_BYTES_MORE: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub struct Partial {
    bytes: Vec<u8>,
    /// About how long the last request was if it was large, else 0: the next one may be, too.
    expected: usize,
}

/// What has arrived, to be run.
#[derive(Debug)]
pub enum Arrived {
    /// In a buffer that comes back.
    Lent(Vec<u8>),
    /// In a buffer that may be kept; `whole`: it is hardly longer than what is in it.
    Shared {
        /// The bytes.
        bytes: Bytes,
        /// Whether keeping all of it wastes little.
        whole: bool,
    },
}

/// What is done with.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Bytes from the start.
    pub bytes: usize,
    /// Requests in them.
    pub requests: usize,
}

impl Partial {
    /// Nothing of a request is there.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that are there.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether what comes next should be read into [`Partial::room`].
    pub fn is_wanted(&self) -> bool {
        !self.bytes.is_empty() || self.expected > 0
    }

    /// The buffer with room to read into; the argument that is being read misses so many bytes (0:
    /// nobody knows).
    pub fn room(&mut self, missing: usize) -> &mut Vec<u8> {
        let len = self.bytes.len();
        let free = self.bytes.capacity() - len;
        let reach = len.max(self.expected).max(GROW_BYTES_MIN);
        if len == 0 {
            self.bytes.reserve_exact(reach);
        } else if free < missing.min(GROW_BYTES_MIN) {
            // A little more than twice at the end saves a move for a small rest.
            let last = missing <= reach + reach / 4;
            self.bytes.reserve_exact(if last { missing } else { reach });
        } else if missing == 0 && free < GROW_BYTES_MIN {
            self.bytes.reserve(len.max(GROW_BYTES_MIN));
        }
        &mut self.bytes
    }

    /// Nothing came after all.
    pub fn rest(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }

    /// Keeps the start of a request, whose argument misses so many bytes.
    pub fn keep(&mut self, start: &[u8], missing: usize) {
        self.bytes = Vec::new();
        if !start.is_empty() {
            let more = missing.min(start.len().max(self.expected));
            self.bytes.reserve_exact(start.len() + more);
            self.bytes.extend_from_slice(start);
        }
    }

    /// Takes what is there, to be run; `all`: no argument is known to miss anything.
    pub fn take(&mut self, all: bool) -> Arrived {
        let bytes = std::mem::take(&mut self.bytes);
        if !all || bytes.len() < LARGE_BYTES_MIN {
            return Arrived::Lent(bytes);
        }
        let whole = bytes.capacity() - bytes.len() <= bytes.len() / 8;
        Arrived::Shared { bytes: Bytes::from(bytes), whole }
    }

    /// Takes it back after a part has run, when what follows misses so many bytes.
    pub fn give_back(&mut self, arrived: Arrived, used: Used, missing: usize) {
        if used.bytes > 0 {
            let each = used.bytes / used.requests.max(1);
            let expected = (each + EXPECTED_BYTES_MORE).min(EXPECTED_BYTES_MAX);
            self.expected = if each >= LARGE_BYTES_MIN { expected } else { 0 };
            return self.keep(&arrived.bytes()[used.bytes..], missing);
        }
        self.bytes = match arrived {
            Arrived::Lent(bytes) => bytes,
            // Nobody keeps a part of it: it comes back without a copy.
            Arrived::Shared { bytes, .. } => Vec::from(bytes),
        };
    }
}

impl Arrived {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Arrived::Lent(bytes) => bytes,
            Arrived::Shared { bytes, .. } => bytes,
        }
    }

    /// The buffer, if a value may stay in it.
    pub fn source(&self) -> Option<&Bytes> {
        match self {
            Arrived::Shared { bytes, whole: true } => Some(bytes),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announced_length_reserves_no_more_than_has_arrived() {
        let mut partial = Partial::default();
        partial.keep(&[0; 100], 500_000_000);
        assert!(partial.bytes.capacity() <= 200);
        let mut capacity = 0;
        for _ in 0..30 {
            let room = partial.room(500_000_000 - partial.len());
            let most = room.len() + room.len().max(GROW_BYTES_MIN) * 5 / 4;
            assert!(room.capacity() <= most);
            capacity = room.capacity();
            room.resize(capacity.min(1_000_000), 0);
        }
        assert!(capacity <= 2_000_000);
    }

    #[test]
    fn a_large_request_ends_in_a_buffer_of_its_length() {
        let mut partial = Partial::default();
        partial.keep(&[0; 65_536], 34_501);
        while partial.len() < 100_037 {
            let room = partial.room(100_037 - partial.len());
            room.resize(room.capacity().min(100_037), 0);
        }
        assert_eq!(partial.bytes.capacity(), 100_037);
        let arrived = partial.take(true);
        assert_eq!(arrived.source().map(Bytes::len), Some(100_037));
        partial.give_back(arrived, Used { bytes: 100_037, requests: 1 }, 0);
        assert!(partial.is_empty() && partial.is_wanted());
        assert_eq!(partial.room(0).capacity(), 100_293, "the next one is expected");
        partial.rest();
        assert_eq!(partial.bytes.capacity(), 0);
        partial.room(0).extend_from_slice(b"PING\r\n");
        let arrived = partial.take(true);
        assert!(arrived.source().is_none());
        partial.give_back(arrived, Used { bytes: 6, requests: 1 }, 0);
        assert!(!partial.is_wanted(), "a small one was it");
    }

    #[test]
    fn a_huge_argument_that_trickles_in_moves_seldom() {
        let (mut partial, mut moves) = (Partial::default(), 0);
        let all = 100_000_000;
        partial.keep(&[0; 65_536], all - 65_536);
        while partial.len() < all {
            let before = partial.bytes.capacity();
            let room = partial.room(all - partial.len());
            moves += usize::from(room.capacity() != before);
            let len = room.len();
            room.resize((len + 30_000).min(room.capacity()), 0);
        }
        assert!(moves < 15, "{moves} moves");
        assert_eq!(partial.bytes.capacity(), all);
    }

    #[test]
    fn what_has_not_run_comes_back_where_it_was() {
        let mut partial = Partial::default();
        partial.keep(&vec![7; 100_000], 0);
        let at = partial.bytes.as_ptr();
        let arrived = partial.take(true);
        partial.give_back(arrived, Used { bytes: 0, requests: 0 }, 0);
        assert_eq!((partial.bytes.as_ptr(), partial.len()), (at, 100_000));
        let arrived = partial.take(true);
        partial.give_back(arrived, Used { bytes: 99_990, requests: 3 }, 0);
        assert_eq!(partial.bytes, [7; 10]);
        assert!(partial.bytes.capacity() < 100, "little is left, and little is held");
    }

    #[test]
    fn many_small_arguments_move_a_buffer_seldom() {
        let (mut partial, mut moves) = (Partial::default(), 0);
        partial.keep(&[0; 10], 0);
        while partial.len() < 50_000_000 {
            let before = partial.bytes.capacity();
            let room = partial.room(if moves % 2 == 0 { 0 } else { 5 });
            moves += usize::from(room.capacity() != before);
            let len = room.len();
            room.resize(len + 1000, 0);
        }
        assert!(moves < 20, "{moves} moves");
    }
}
