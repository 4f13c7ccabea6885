//! Nothing unacknowledged is visible: the writes of a group that are on their way to its owners, and
//! the replies that wait for them.
//!
//! A reply, a read's too, leaves when every event that it observed is on W owners. An owner takes a
//! key's deltas in their order or not at all, so its acknowledgement of a write speaks for all
//! earlier ones of that key: a reply waits for the last write of each of its keys, and for the last
//! flush.
//!
//! Invariant: `last` and `flush` name writes that are in `writes`; a waiting reply is noted at each
//! write that it waits for.

use kinring_common::id::NodeId;
use kinring_common::quorum::Quorum;
use kinring_common::wire::Name;
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};

#[cfg(test)]
mod tests;

/// Writes under way in a group at most: some milliseconds of them at the target rate. Past that its
/// home takes no more until some are acknowledged.
pub const WRITES_MAX: usize = 4096;

/// Replies that wait in a group at most: what its clients may have under way, and more. Past that it takes
/// no more requests.
pub const REPLIES_MAX: usize = 65_536;

/// The number of a write within its group, in the order of their execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// What a write touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// These keys.
    Keys(Vec<Name>),
    /// All keys of the group: a flush.
    All,
}

/// See the module. `R` is a reply.
#[derive(Debug)]
pub struct Flight<R> {
    quorum: Quorum,
    next: u64,
    writes: BTreeMap<Sequence, Write>,
    last: HashMap<Name, Sequence>,
    flush: Option<Sequence>,
    waiting: BTreeMap<u64, Waiting<R>>,
    replies: u64,
}

#[derive(Debug)]
struct Write {
    touched: Touched,
    is_own: bool,
    owners: SmallVec<[NodeId; 4]>,
    waiting: Vec<u64>,
}

#[derive(Debug)]
struct Waiting<R> {
    reply: R,
    writes: usize,
}

impl<R> Flight<R> {
    /// Of a group with so many owners.
    pub fn new(quorum: Quorum) -> Flight<R> {
        Flight {
            quorum,
            next: 0,
            writes: BTreeMap::new(),
            last: HashMap::new(),
            flush: None,
            waiting: BTreeMap::new(),
            replies: 0,
        }
    }

    /// Whether no further write may begin now.
    pub fn is_full(&self) -> bool {
        self.writes.len() >= WRITES_MAX
    }

    /// Whether no further request may be executed now: its write, or its reply, would have no place.
    pub fn is_crowded(&self) -> bool {
        self.is_full() || self.waiting.len() >= REPLIES_MAX
    }

    /// Whether one of these is changed by a write under way.
    pub fn touches<'n>(&self, mut names: impl Iterator<Item = &'n Name>) -> bool {
        self.flush.is_some() || names.any(|name| self.last.contains_key(name))
    }

    /// What the writes under way change that are this home's own: not those that came from elsewhere.
    pub fn own(&self) -> impl Iterator<Item = &Touched> {
        self.writes.values().filter(|write| write.is_own).map(|write| &write.touched)
    }

    /// The last write that was begun came from elsewhere.
    pub fn is_of_others(&mut self) {
        if let Some(mut write) = self.writes.last_entry() {
            write.get_mut().is_own = false;
        }
    }

    /// How many replies wait.
    pub fn replies(&self) -> usize {
        self.waiting.len()
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// How many more may.
    pub fn room(&self) -> usize {
        WRITES_MAX - self.writes.len()
    }

    /// A write was executed and is on no owner yet, not even durably on this one.
    ///
    /// # Panics
    /// When the table is full.
    pub fn begin(&mut self, touched: Touched) -> Sequence {
        assert!(!self.is_full(), "a full table takes no further write");
        let sequence = Sequence(self.next);
        self.next += 1;
        match &touched {
            Touched::Keys(names) => {
                self.last.extend(names.iter().map(|name| (name.clone(), sequence)));
            }
            Touched::All => self.flush = Some(sequence),
        }
        let write = Write { touched, is_own: true, owners: SmallVec::new(), waiting: Vec::new() };
        self.writes.insert(sequence, write);
        sequence
    }

    /// A reply that observed these keys: given back if it may leave now, else kept until it may.
    pub fn reply(&mut self, observed: &Touched, reply: R) -> Option<R> {
        let mut writes: Vec<Sequence> = match observed {
            Touched::Keys(names) => names.iter().filter_map(|name| self.last.get(name)).collect(),
            Touched::All => self.last.values().collect::<Vec<_>>(),
        }
        .into_iter()
        .copied()
        .chain(self.flush)
        .collect();
        writes.sort_unstable();
        writes.dedup();
        if writes.is_empty() {
            return Some(reply);
        }
        let number = self.replies;
        self.replies += 1;
        for sequence in &writes {
            let write = self.writes.get_mut(sequence).expect("what is named is under way");
            write.waiting.push(number);
        }
        self.waiting.insert(number, Waiting { reply, writes: writes.len() });
        None
    }

    /// An owner holds a write, durably if that is asked for; this node is one of them. Returns the
    /// replies that may leave. Acknowledgements may come twice and late.
    pub fn acknowledged(&mut self, sequence: Sequence, by: NodeId) -> Vec<R> {
        let Some(write) = self.writes.get_mut(&sequence) else { return Vec::new() };
        if !write.owners.contains(&by) {
            write.owners.push(by);
        }
        if write.owners.len() < self.quorum.acks() {
            return Vec::new();
        }
        let write = self.writes.remove(&sequence).expect("it is there");
        self.forget(sequence, &write.touched);
        write.waiting.into_iter().filter_map(|number| self.release(number)).collect()
    }

    fn forget(&mut self, sequence: Sequence, touched: &Touched) {
        match touched {
            Touched::Keys(names) => {
                for name in names {
                    if self.last.get(name) == Some(&sequence) {
                        self.last.remove(name);
                    }
                }
            }
            Touched::All => self.flush = self.flush.filter(|last| *last != sequence),
        }
    }

    /// One of the writes that a reply waits for is done.
    fn release(&mut self, number: u64) -> Option<R> {
        let waiting = self.waiting.get_mut(&number)?;
        waiting.writes -= 1;
        if waiting.writes > 0 {
            return None;
        }
        self.waiting.remove(&number).map(|waiting| waiting.reply)
    }

    /// The writes that an owner has not acknowledged, oldest first: to be sent to it again, or noted
    /// for it.
    pub fn missing(&self, owner: NodeId) -> impl Iterator<Item = (Sequence, &Touched)> {
        let writes = self.writes.iter().filter(move |(_, write)| !write.owners.contains(&owner));
        writes.map(|(sequence, write)| (*sequence, &write.touched))
    }

    /// The oldest write under way.
    pub fn first(&self) -> Option<Sequence> {
        self.writes.first_key_value().map(|(sequence, _)| *sequence)
    }

    /// Whether no write is under way.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// This node is no longer home: what became of the writes is for others to find out. Returns all
    /// replies that waited, in the order of their execution.
    pub fn abandon(&mut self) -> Vec<R> {
        self.writes.clear();
        self.last.clear();
        self.flush = None;
        std::mem::take(&mut self.waiting).into_values().map(|waiting| waiting.reply).collect()
    }
}
