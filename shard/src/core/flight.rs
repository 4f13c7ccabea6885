//! Nothing unacknowledged is visible: the writes of a group that are on their way to its owners, and
//! the replies that wait for them.
//!
//! A reply, a read's too, leaves when every event that it observed is on W owners. An owner takes a
//! key's deltas in their order or not at all, so its acknowledgement of a write speaks for all
//! earlier ones of that key: a reply waits for the last write of each of its keys, and for the last
//! flush.
//!
//! What observed all keys waits for all writes before it, in their order.
//!
//! Invariant: `last` and `flush` name writes that are in `writes`; a reply that waits for some keys is noted
//! at each write that it waits for, and is kept there if that is the only one.

use super::ascending::Ascending;
use kinring_common::id::NodeId;
use kinring_common::keyed::Keyed;
use kinring_common::quorum::Quorum;
use kinring_common::wire::Name;
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap, VecDeque};

#[cfg(test)]
mod tests;

/// Writes under way in a group at most: some milliseconds of them at the target rate. Past that its
/// home takes no more until some are acknowledged.
pub const WRITES_MAX: usize = 4096;

/// Replies that wait in a group at most: what its clients may have under way, and more. Past that it takes
/// no more requests.
pub const REPLIES_MAX: usize = 65_536;

/// The number of the first write of a tenure: below it is what its holder found.
pub const FIRST: u64 = 1;

/// The number of a write within its group, in the order of their execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// Some keys: nearly always one.
pub type Names = SmallVec<[Name; 1]>;

/// What a write touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// These keys.
    Keys(Names),
    /// All keys of the group: a flush.
    All,
}

impl Touched {
    /// The keys; none are named of a flush.
    pub fn names(&self) -> &[Name] {
        match self {
            Touched::Keys(names) => names,
            Touched::All => &[],
        }
    }

    /// Whether one of these keys is among them.
    pub fn holds(&self, names: &[Name]) -> bool {
        match self {
            Touched::Keys(keys) => keys.iter().any(|key| names.contains(key)),
            Touched::All => true,
        }
    }
}

/// See the module. `R` is a reply.
#[derive(Debug)]
pub struct Flight<R> {
    quorum: Quorum,
    next: u64,
    writes: Ascending<Write<R>>,
    last: HashMap<Name, Sequence, Keyed>,
    flush: Option<Sequence>,
    /// Keys that writes under way change that came from elsewhere: nearly always none.
    others: BTreeMap<Name, usize>,
    /// Replies that wait for more than one write.
    shared: BTreeMap<u64, Shared<R>>,
    /// Replies that wait for all writes up to one, with their numbers.
    behind_all: VecDeque<(Sequence, u64, R)>,
    replies: u64,
    /// Replies that wait.
    kept: usize,
}

#[derive(Debug)]
struct Write<R> {
    touched: Touched,
    is_own: bool,
    owners: SmallVec<[NodeId; 4]>,
    /// The replies that wait for it, by their number: nearly always that of its own request.
    waiting: SmallVec<[(u64, Waiting<R>); 1]>,
}

/// A reply at a write that it waits for.
#[derive(Debug)]
enum Waiting<R> {
    /// It waits for no other one.
    Alone(R),
    /// It is in `shared`.
    Shared,
}

#[derive(Debug)]
struct Shared<R> {
    reply: R,
    writes: usize,
}

impl<R> Flight<R> {
    /// Of a group with so many owners. Keys are looked up by this hash.
    pub fn new(quorum: Quorum, keyed: Keyed) -> Flight<R> {
        Flight {
            quorum,
            next: FIRST,
            writes: Ascending::default(),
            last: HashMap::with_hasher(keyed),
            flush: None,
            others: BTreeMap::new(),
            shared: BTreeMap::new(),
            behind_all: VecDeque::new(),
            replies: 0,
            kept: 0,
        }
    }

    /// Whether no further write may begin now.
    pub fn is_full(&self) -> bool {
        self.writes.len() >= WRITES_MAX
    }

    /// Whether no further request may be executed now: its write, or its reply, would have no place.
    pub fn is_crowded(&self) -> bool {
        self.is_full() || self.kept >= REPLIES_MAX
    }

    /// Whether one of these is changed by a write under way.
    pub fn touches<'n>(&self, mut names: impl Iterator<Item = &'n Name>) -> bool {
        self.flush.is_some() || names.any(|name| self.last.contains_key(name))
    }

    /// How many owners are known to have all that is under way of some keys, if anything is. An owner takes a
    /// key's changes in their order, so the last one says it.
    pub fn holders<'n>(&self, names: impl Iterator<Item = &'n Name>) -> Option<usize> {
        let last = names.filter_map(|name| self.last.get(name)).chain(&self.flush);
        let writes = last.filter_map(|Sequence(sequence)| self.writes.get(*sequence));
        writes.map(|write| write.owners.len()).min()
    }

    /// What the writes under way change that are this home's own: not those that came from elsewhere.
    pub fn own(&self) -> impl Iterator<Item = (Sequence, &Touched)> {
        let own = self.writes.iter().filter(|(_, write)| write.is_own);
        own.map(|(sequence, write)| (Sequence(sequence), &write.touched))
    }

    /// Whether something that came from elsewhere, and is under way, changes one of these keys.
    pub fn is_behind_others(&self, touched: &Touched) -> bool {
        match touched {
            _ if self.others.is_empty() => false,
            Touched::Keys(names) => names.iter().any(|name| self.others.contains_key(name)),
            Touched::All => true,
        }
    }

    /// How many replies wait.
    pub fn replies(&self) -> usize {
        self.kept
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
        self.begin_by(touched, true)
    }

    /// The same for what came from elsewhere.
    ///
    /// # Panics
    /// When the table is full.
    pub fn begin_of_others(&mut self, touched: Touched) -> Sequence {
        self.begin_by(touched, false)
    }

    fn begin_by(&mut self, touched: Touched, is_own: bool) -> Sequence {
        assert!(!self.is_full(), "a full table takes no further write");
        let sequence = Sequence(self.next);
        self.next += 1;
        match &touched {
            Touched::Keys(names) => {
                for name in names {
                    self.last.insert(name.clone(), sequence);
                }
            }
            Touched::All => self.flush = Some(sequence),
        }
        if let (false, Touched::Keys(names)) = (is_own, &touched) {
            for name in names {
                *self.others.entry(name.clone()).or_default() += 1;
            }
        }
        let write = Write { touched, is_own, owners: SmallVec::new(), waiting: SmallVec::new() };
        self.writes.push(sequence.0, write);
        sequence
    }

    /// A reply that observed these keys: given back if it may leave now, else kept until it may.
    pub fn reply(&mut self, observed: &Touched, reply: R) -> Option<R> {
        // Mostly it is that of the latest write, and nothing has touched its keys since.
        if self.flush.is_none()
            && let Touched::Keys(names) = observed
            && !names.is_empty()
            && let Some((sequence, write)) = self.writes.last_mut()
            && sequence + 1 == self.next
            && matches!(&write.touched, Touched::Keys(touched) if touched == names)
        {
            write.waiting.push((self.replies, Waiting::Alone(reply)));
            (self.replies, self.kept) = (self.replies + 1, self.kept + 1);
            return None;
        }
        let mut writes: SmallVec<[Sequence; 4]> = self.flush.into_iter().collect();
        match observed {
            Touched::Keys(names) if self.last.is_empty() || names.is_empty() => {}
            Touched::Keys(names) => {
                writes.extend(names.iter().filter_map(|name| self.last.get(name)).copied());
            }
            Touched::All => return self.reply_behind_all(reply),
        }
        writes.sort_unstable();
        writes.dedup();
        if writes.is_empty() {
            return Some(reply);
        }
        let number = self.replies;
        (self.replies, self.kept) = (self.replies + 1, self.kept + 1);
        if let [sequence] = writes[..] {
            self.wait(sequence, number, Waiting::Alone(reply));
            return None;
        }
        for sequence in &writes {
            self.wait(*sequence, number, Waiting::Shared);
        }
        self.shared.insert(number, Shared { reply, writes: writes.len() });
        None
    }

    fn reply_behind_all(&mut self, reply: R) -> Option<R> {
        let Some((last, _)) = self.writes.last_mut() else { return Some(reply) };
        self.behind_all.push_back((Sequence(last), self.replies, reply));
        (self.replies, self.kept) = (self.replies + 1, self.kept + 1);
        None
    }

    fn wait(&mut self, Sequence(sequence): Sequence, number: u64, waiting: Waiting<R>) {
        let write = self.writes.get_mut(sequence).expect("what is named is under way");
        write.waiting.push((number, waiting));
    }

    /// An owner holds a write, durably if that is asked for; this node is one of them. Returns the
    /// replies that may leave. Acknowledgements may come twice and late.
    pub fn acknowledged(&mut self, sequence: Sequence, by: NodeId) -> SmallVec<[R; 1]> {
        let Some(write) = self.writes.get_mut(sequence.0) else { return SmallVec::new() };
        if !write.owners.contains(&by) {
            write.owners.push(by);
        }
        if write.owners.len() < self.quorum.acks() {
            return SmallVec::new();
        }
        let write = self.writes.remove(sequence.0).expect("it is there");
        self.forget(sequence, &write.touched);
        if let (false, Touched::Keys(names)) = (write.is_own, &write.touched) {
            self.forget_others(names);
        }
        let mut free = SmallVec::new();
        for (number, waiting) in write.waiting {
            match waiting {
                Waiting::Alone(reply) => free.push(reply),
                Waiting::Shared => free.extend(self.release(number)),
            }
        }
        let first = self.first();
        let is_free = |last: &Sequence| first.is_none_or(|first| *last < first);
        while self.behind_all.front().is_some_and(|(last, ..)| is_free(last)) {
            free.extend(self.behind_all.pop_front().map(|(.., reply)| reply));
        }
        self.kept -= free.len();
        free
    }

    fn forget(&mut self, sequence: Sequence, touched: &Touched) {
        match touched {
            Touched::Keys(names) => {
                for name in names {
                    // Rarely a later one has changed it: then that stays.
                    match self.last.remove_entry(name) {
                        Some((name, last)) if last != sequence => {
                            self.last.insert(name, last);
                        }
                        _ => {}
                    }
                }
            }
            Touched::All => self.flush = self.flush.filter(|last| *last != sequence),
        }
    }

    fn forget_others(&mut self, names: &[Name]) {
        for name in names {
            let left = self.others.get_mut(name).map(|count| {
                *count -= 1;
                *count
            });
            if left == Some(0) {
                self.others.remove(name);
            }
        }
    }

    /// One of the writes that a reply waits for is done.
    fn release(&mut self, number: u64) -> Option<R> {
        let shared = self.shared.get_mut(&number)?;
        shared.writes -= 1;
        if shared.writes > 0 {
            return None;
        }
        self.shared.remove(&number).map(|shared| shared.reply)
    }

    /// The writes that an owner has not acknowledged, oldest first: to be sent to it again, or noted
    /// for it.
    pub fn missing(&self, owner: NodeId) -> impl Iterator<Item = (Sequence, &Touched)> {
        let writes = self.writes.iter().filter(move |(_, write)| !write.owners.contains(&owner));
        writes.map(|(sequence, write)| (Sequence(sequence), &write.touched))
    }

    /// The oldest write under way.
    pub fn first(&self) -> Option<Sequence> {
        self.writes.first().map(Sequence)
    }

    /// Whether no write is under way.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// This node is no longer home: what became of the writes is for others to find out. Returns all
    /// replies that waited, in the order of their execution.
    pub fn abandon(&mut self) -> Vec<R> {
        self.last.clear();
        self.others.clear();
        (self.flush, self.kept) = (None, 0);
        let shared = std::mem::take(&mut self.shared).into_iter();
        let mut replies: Vec<(u64, R)> =
            shared.map(|(number, shared)| (number, shared.reply)).collect();
        replies.extend(self.behind_all.drain(..).map(|(_, number, reply)| (number, reply)));
        for (number, waiting) in self.writes.drain().flat_map(|(_, write)| write.waiting) {
            if let Waiting::Alone(reply) = waiting {
                replies.push((number, reply));
            }
        }
        replies.sort_unstable_by_key(|(number, _)| *number);
        replies.into_iter().map(|(_, reply)| reply).collect()
    }
}
