//! `client-output-buffer-limit`: how much unread output a client may have before it is closed.
//!
//! Written as in Redis: groups of four words `class hard soft soft-seconds`. A group changes its
//! own class and leaves the others as they were.

use std::fmt;

use super::value::{ValueError, memory_bytes};

/// So much of a client's output does not count: Redis writes it into a buffer that each client has
/// anyway. Without it a limit of a few bytes would close every client at its first reply, also the
/// one that comes to raise the limit.
const UNCOUNTED_BYTES: u64 = 16 * 1024;

/// The limit of one class of clients, for what counts of their output; 0 is "no limit".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLimit {
    /// Above this the client is closed at once.
    pub hard_bytes: u64,
    /// Above this for [`Self::soft_s`] seconds without a break the client is closed.
    pub soft_bytes: u64,
    /// How long the soft limit may be exceeded, in seconds.
    pub soft_s: u32,
}

/// The limits of all classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLimits {
    /// Ordinary clients; MONITOR counts as one.
    pub normal: BufferLimit,
    /// Redis replicas, `replica` or `slave` in Redis's words.
    pub replica: BufferLimit,
    /// Clients with at least one subscription.
    pub pubsub: BufferLimit,
}

impl BufferLimit {
    /// Unread output by what counts: the part that does not, and the part that does.
    pub fn parts(output_bytes: u64) -> (u64, u64) {
        let uncounted = output_bytes.min(UNCOUNTED_BYTES);
        (uncounted, output_bytes - uncounted)
    }

    /// Whether so much unread output is above the hard limit.
    pub fn is_above_hard(&self, output_bytes: u64) -> bool {
        self.hard_bytes > 0 && Self::parts(output_bytes).1 > self.hard_bytes
    }

    /// Whether so much unread output is above the soft limit.
    pub fn is_above_soft(&self, output_bytes: u64) -> bool {
        self.soft_bytes > 0 && Self::parts(output_bytes).1 > self.soft_bytes
    }

    /// The largest output that is not above the hard limit.
    pub fn output_bytes_max(&self) -> usize {
        match self.hard_bytes {
            0 => usize::MAX,
            bytes => usize::try_from(bytes.saturating_add(UNCOUNTED_BYTES)).unwrap_or(usize::MAX),
        }
    }
}

impl BufferLimits {
    const NONE: BufferLimit = BufferLimit { hard_bytes: 0, soft_bytes: 0, soft_s: 0 };
    /// No limit for any class: what the table's default is then read onto.
    pub(super) const UNLIMITED: Self =
        Self { normal: Self::NONE, replica: Self::NONE, pubsub: Self::NONE };

    /// These limits with the groups in `text` put in place. Errors are Redis's.
    pub fn with(mut self, text: &str) -> Result<Self, ValueError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (groups, rest) = words.as_chunks::<4>();
        if !rest.is_empty() {
            return shape("Wrong number of arguments in buffer limit configuration.");
        }
        for [class, hard, soft, seconds] in groups {
            let limit = match class.to_ascii_lowercase().as_str() {
                "normal" => &mut self.normal,
                "replica" | "slave" => &mut self.replica,
                "pubsub" => &mut self.pubsub,
                _ => return shape("Invalid client class specified in buffer limit configuration."),
            };
            let (Ok(hard_bytes), Ok(soft_bytes), Ok(soft_s)) =
                (memory_bytes(hard), memory_bytes(soft), seconds.parse())
            else {
                return shape(
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
                );
            };
            *limit = BufferLimit { hard_bytes, soft_bytes, soft_s };
        }
        Ok(self)
    }
}

fn shape<T>(text: &str) -> Result<T, ValueError> {
    Err(ValueError::Shape(text.to_owned()))
}

impl fmt::Display for BufferLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // CONFIG GET says "slave" in every Redis up to now; clients parse it.
        let classes = [("normal", self.normal), ("slave", self.replica), ("pubsub", self.pubsub)];
        for (at, (class, limit)) in classes.into_iter().enumerate() {
            let gap = if at == 0 { "" } else { " " };
            let BufferLimit { hard_bytes, soft_bytes, soft_s } = limit;
            write!(f, "{gap}{class} {hard_bytes} {soft_bytes} {soft_s}")?;
        }
        Ok(())
    }
}
