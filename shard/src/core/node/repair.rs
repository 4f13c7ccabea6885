//! What owners miss, and sending it to them.
//!
//! A home keeps for each other owner which writes it has not acknowledged. Those that it asks for, or
//! does not acknowledge in time, or that were made while it was away (*hints*), are sent as copies of
//! the keys as they are then. They are bounded; past that, or after the owner started again, an
//! exchange finds out what it misses.

use super::session::RESEND_US;
use super::tenure::Phase;
use super::{Moment, Node, Settings};
use crate::core::ascending::Ascending;
use bytes::Bytes;
use kinring_common::causal::Record;
use kinring_common::id::NodeId;
use kinring_common::keyspace::{HashSeed, partition_of};
use kinring_common::merkle::{KEY_BYTES_MAX, KeyName, KeyRef};
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::peer::{Message, Repair, Term, WriteNumber};
use kinring_common::wire::{Copies, Copy, Large, Name};
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// Writes that an owner may miss before it is easier to compare everything, in production: about what an
/// exchange of a group costs.
pub const MISSED_MAX: usize = 1024;

/// The longest between two tries.
const RESEND_MAX_US: u64 = 1_600_000;

/// The copies in one message, in bytes: about what a link of 10 Gbit/s carries in a millisecond, so that
/// what is behind it hardly waits, and what is being sent to all owners at a time fits into memory. One key
/// may take more, with all that must be taken together with it: a value, or what one request wrote.
pub const COPIES_BYTES: usize = 1 << 20;

/// Writes whose keys go into one message.
const WRITES_A_REPAIR: usize = 32;

/// Keys up to this length are noted without an allocation.
const ORDINARY_BYTES: usize = 24;

/// What another owner has, in a tenure.
#[derive(Debug, Default)]
pub struct Owner {
    /// Its start that the last exchange was with.
    pub incarnation: Option<u64>,
    /// With which term's holder it was in step last, as it said since it granted this node the group.
    pub found: Option<Term>,
    /// All that it has was taken.
    pub is_taken: bool,
    /// It has got all that this node had then.
    pub has_exchanged: bool,
    /// It has said so, durably where that is asked for: its acknowledgements count.
    pub is_in_step: bool,
    /// It is not asked how it is before.
    pub ask_us: u64,
    /// When it is to be told again.
    pub settle_us: u64,
    /// It may miss what is not noted: up to this write.
    pub behind: Option<u64>,
    /// When it is to be compared with again.
    pub exchange_us: u64,
    /// Writes that it has not acknowledged.
    pub missed: Ascending<Missed>,
}

/// A write that an owner has not acknowledged.
#[derive(Debug)]
pub struct Missed {
    keys: NotedKeys,
    due_us: u64,
    wait_us: u64,
    /// It was made while the owner was away.
    is_hint: bool,
}

/// Why a write is noted for an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was sent, and is not acknowledged yet.
    Unconfirmed,
    /// The owner is away: it is a hint.
    Away,
    /// It came here from elsewhere, and is nobody's to send but this node's.
    Changed,
}

impl Missed {
    /// Whether it is a hint that was sent.
    pub fn was_hinted(&self) -> bool {
        self.is_hint && self.wait_us > RESEND_US
    }
}

/// A key as it is remembered for those who miss a write of it. Not its value: that may be long.
#[derive(Debug)]
pub enum Noted {
    /// A short one by itself, and not as a part of the message that it came in, which may be long.
    Short {
        /// The database.
        db: u8,
        /// The key.
        key: SmallVec<[u8; ORDINARY_BYTES]>,
    },
    /// A long one by its digest.
    Long(Box<(Slot, KeyRef)>),
}

/// Those of a write: nearly always one.
pub type NotedKeys = SmallVec<[Noted; 1]>;

impl Clone for Noted {
    /// At once: a copy of a `SmallVec` goes element by element otherwise.
    fn clone(&self) -> Noted {
        match self {
            Noted::Short { db, key } => Noted::Short { db: *db, key: SmallVec::from_slice(key) },
            Noted::Long(long) => Noted::Long(long.clone()),
        }
    }
}

impl Noted {
    /// What is remembered of a key.
    pub fn new(name: &Name, seed: HashSeed) -> Noted {
        if name.key.len() <= KEY_BYTES_MAX {
            Noted::Short { db: name.db, key: SmallVec::from_slice(&name.key) }
        } else {
            let slot = Slot::of(&name.key);
            Noted::Long(Box::new((slot, seed.key_ref(name.db, &name.key))))
        }
    }

    /// Whether it is what is remembered of this key.
    pub fn is_of(&self, name: &Name, seed: HashSeed) -> bool {
        match self {
            Noted::Short { db, key } => *db == name.db && key[..] == name.key[..],
            Noted::Long(long) => long.1 == seed.key_ref(name.db, &name.key),
        }
    }
}

impl Owner {
    /// What it had is as good as unknown.
    pub fn begins_anew(&mut self) {
        (self.found, self.incarnation, self.is_taken) = (None, None, false);
        (self.has_exchanged, self.is_in_step, self.settle_us) = (false, false, 0);
    }

    /// Whether it has all that this node knows of.
    pub fn misses_nothing(&self) -> bool {
        self.is_in_step && self.behind.is_none() && self.missed.is_empty()
    }

    /// Whether something waits for it.
    pub fn is_busy(&self) -> bool {
        !self.missed.is_empty() && self.is_in_step
    }

    /// It has got all writes below this one.
    pub fn has_got(&mut self, next: u64) {
        self.has_exchanged = true;
        self.behind = self.behind.filter(|last| *last >= next);
    }

    /// Notes a write that was sent to it, or will have to be. Returns whether there was room.
    pub fn note(
        &mut self,
        sequence: u64,
        keys: &NotedKeys,
        why: Why,
        (now_us, missed_max): (u64, usize),
    ) -> bool {
        if self.missed.len() >= missed_max {
            self.behind = Some(sequence).filter(|_| !Mutant::OverflowForgotten.is_on());
            return false;
        }
        let due_us = if why == Why::Unconfirmed { now_us + RESEND_US } else { now_us };
        let (keys, is_hint) = (keys.clone(), why == Why::Away);
        self.missed.push(sequence, Missed { keys, due_us, wait_us: RESEND_US, is_hint });
        true
    }
}

/// What goes into a message still.
#[derive(Debug)]
pub struct Room {
    left: usize,
    /// Whose copies are in it.
    names: BTreeSet<Name>,
}

impl Room {
    /// Of one that has no copies yet.
    pub fn new(settings: &Settings) -> Room {
        Room { left: settings.copies_bytes, names: BTreeSet::new() }
    }
}

impl Node {
    /// Sends an owner what it missed, as far as it is due.
    pub(super) fn send_repairs(&mut self, id: GroupId, moment: Moment) {
        let now_us = moment.now.mono_us;
        let Some(tenure) = &self.groups[&id].tenure else { return };
        let nodes: Vec<NodeId> = tenure.owners.keys().copied().collect();
        for to in nodes {
            let tenure = self.groups[&id].tenure.as_ref().expect("it was there");
            // One that is not in step takes nothing yet: an exchange comes first.
            if !self.is_up(to, moment) || !tenure.owners[&to].is_in_step {
                continue;
            }
            let missed = tenure.owners[&to].missed.iter();
            let due = missed.filter(|(_, missed)| missed.due_us <= now_us);
            let due: Vec<u64> = due.map(|(at, _)| at).take(WRITES_A_REPAIR).collect();
            if !due.is_empty() {
                self.send_repair(id, to, &due, moment);
            }
        }
    }

    /// Sends an owner the copies of the keys of some writes, of those that are noted.
    pub(super) fn send_repair(&mut self, id: GroupId, to: NodeId, writes: &[u64], moment: Moment) {
        let now_us = moment.now.mono_us;
        let (names, fits) = self.names_that_fit(id, to, writes);
        let group = self.groups.get_mut(&id).expect("it is held");
        let tenure = group.tenure.as_mut().expect("it is held");
        let (number, next) = (tenure.term.tenure, tenure.next);
        let owner = tenure.owners.get_mut(&to).expect("it owns the group");
        let mut noted = Vec::new();
        for (at, &sequence) in writes.iter().enumerate() {
            let Some(missed) = owner.missed.get_mut(sequence) else { continue };
            if at >= fits {
                // It comes with the next message.
                missed.due_us = now_us;
                continue;
            }
            noted.push(WriteNumber { tenure: number, sequence });
            missed.wait_us = (missed.wait_us * 2).min(RESEND_MAX_US);
            missed.due_us = now_us + missed.wait_us;
        }
        if noted.is_empty() {
            // An exchange gives it what is not noted.
            return;
        }
        if Mutant::HintDroppedWhenSent.is_on() {
            writes.iter().for_each(|sequence| drop(owner.missed.remove(*sequence)));
        }
        let copies = self.copies(id, &names);
        let tenure = self.groups[&id].tenure.as_ref().expect("it is held");
        let held = match tenure.phase {
            Phase::Settled => tenure.flight.holders(copies.names()),
            // What it found may be on no other owner.
            Phase::Taking | Phase::Giving => Some(0),
        };
        let repair = Repair {
            group: id,
            epoch: self.layout.epoch(),
            copies,
            writes: noted,
            next,
            held: held.unwrap_or(self.quorum.acks()) as u8,
            is_available: false,
        };
        self.send(to, Message::Repair(Box::new(repair)));
    }

    /// The keys of the first of some writes that an owner misses, and of how many: as far as their copies go
    /// into a message.
    fn names_that_fit(&self, id: GroupId, to: NodeId, writes: &[u64]) -> (Vec<Name>, usize) {
        let tenure = self.groups[&id].tenure.as_ref().expect("it is held");
        let missed = &tenure.owners[&to].missed;
        let (mut names, mut room) = (Vec::new(), Room::new(&self.settings));
        for (at, &sequence) in writes.iter().enumerate() {
            let Some(missed) = missed.get(sequence) else { continue };
            let of: Vec<Name> = missed.keys.iter().filter_map(|key| self.noted(key)).collect();
            if !self.takes_room(id, &of, &mut room) {
                return (names, at);
            }
            names.extend(of);
        }
        (names, writes.len())
    }

    /// Whether copies of these keys, and of all that must travel with them, go into a message beside others.
    /// The first ones always do.
    pub(super) fn takes_room(&self, id: GroupId, names: &[Name], room: &mut Room) -> bool {
        let (all, _) = self.groups[&id].bonds.closure(names);
        let new: Vec<Name> = all.into_iter().filter(|name| !room.names.contains(name)).collect();
        let bytes: usize = new.iter().map(|name| self.copy_bytes(name)).sum();
        let is_first = room.names.is_empty();
        if !is_first && bytes > room.left {
            return false;
        }
        room.left = room.left.saturating_sub(bytes);
        room.names.extend(new);
        true
    }

    /// About what a copy of a key takes in a message.
    fn copy_bytes(&self, name: &Name) -> usize {
        /// What is said of it beside its name and its record.
        const ABOUT: usize = 16;
        let at = self.keyspace.locate(name.db, &name.key);
        let mut locks = self.keyspace.lock_one(at.partition);
        let bytes = |record: &Record| match record.cells.len() {
            cells if cells > self.settings.large_cells => 0,
            _ => record.bytes(),
        };
        let record = locks.partition(at.partition).with_record(&at, name.db, &name.key, bytes);
        ABOUT + name.key.len() + record
    }

    /// The key that was remembered, if it is there still.
    pub(super) fn noted(&self, key: &Noted) -> Option<Name> {
        match key {
            Noted::Short { db, key } => Some(Name { db: *db, key: Bytes::copy_from_slice(key) }),
            Noted::Long(long) => self.name_of(long.0, &long.1),
        }
    }

    /// The key that another owner names, if it is there.
    pub(super) fn name_of(&self, slot: Slot, key: &KeyRef) -> Option<Name> {
        let bytes = match &key.name {
            KeyName::Whole(bytes) => bytes.clone(),
            KeyName::Digest(_) => {
                let partition = partition_of(slot);
                let mut locks = self.keyspace.lock_one(partition);
                Bytes::copy_from_slice(locks.partition(partition).key_named(key)?)
            }
        };
        Some(Name { db: key.db, key: bytes })
    }

    /// Copies of these keys and of all that must travel with them, at this moment; of large ones, what
    /// they have seen.
    pub(super) fn copies(&self, id: GroupId, names: &[Name]) -> Copies {
        let group = &self.groups[&id];
        let (all, bonds) = group.bonds.closure(names);
        let (horizon, completions) = (group.horizon.clone(), self.completions(id, &all));
        let mut copies = Copies { horizon, bonds, completions, ..Copies::default() };
        let seed = self.settings.seed.digests();
        for name in all {
            let at = self.keyspace.locate(name.db, &name.key);
            let mut locks = self.keyspace.lock_one(at.partition);
            let partition = locks.partition(at.partition);
            partition.with_record(&at, name.db, &name.key, |record| {
                let name = name.clone();
                if record.cells.len() > self.settings.large_cells {
                    let (context, digest) = (record.context.clone(), record.cells.digest(seed));
                    copies.large.push(Large { name, context, digest, findings: Vec::new() });
                } else {
                    copies.copies.push(Copy { name, record: record.clone() });
                }
            });
        }
        copies
    }
}
