//! Finding out what two owners hold differently, and giving each what it lacks.
//!
//! Whoever begins one drives it step by step; the other answers ([`super::respond`]) and keeps nothing
//! of it. It goes down from the group's digest over its slots and their parts to single keys, whose
//! copies both join. At its end each has all that the other had at its beginning; only then may it take
//! over the other's floor, for a floor says that what is absent is dead.
//!
//! **Who may take from whom.** Once an owner has granted a group, it takes from the holder alone, or
//! something that the holder has not seen could come to life behind its back.

use super::{Moment, Node};
use kinring_common::causal::Floor;
use kinring_common::id::{Actor, NodeId};
use kinring_common::merkle::{KeyRef, Leaf, Page};
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::peer::{Answer, AnswerWhat, Ask, AskWhat, Message};
use kinring_common::wire::request::Executed;
use kinring_common::wire::{Copies, Name};
use std::collections::{BTreeMap, VecDeque};

/// An answer that has not come in this time may have been lost.
pub const RESEND_US: u64 = 200_000;

/// Tries of one step; then the owner is out of reach.
const TRIES_MAX: u32 = 12;

/// Sessions that a node drives at a time: more would only wait for each other.
const SESSIONS_MAX: usize = 64;

/// Digests in a message.
const SLOTS_A_STEP: usize = 4096;

/// Keys whose copies go into a message.
const KEYS_A_STEP: usize = 64;

/// Entries looked at for one page.
pub const LOOKS_A_PAGE: usize = 512;

/// Why an exchange is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A home settles.
    Settle,
    /// A home compares with an owner, from time to time or because it was away.
    Sync,
    /// An owner that lost data gets it back. It only takes.
    Rebuild,
    /// A floor round, first or second pass.
    Round,
}

/// An exchange that this node drives.
#[derive(Debug)]
struct Session {
    group: GroupId,
    peer: NodeId,
    purpose: Purpose,
    step: u32,
    last: Ask,
    sent_us: u64,
    tries: u32,
    /// Writes below this one are in what the owner will have at the end.
    next_at_open: u64,
    floor_at_open: Floor,
    /// What the owner said at its beginning.
    theirs: Option<Opened>,
    todo: VecDeque<Todo>,
    keys: VecDeque<(Slot, KeyRef)>,
    /// Something was new here.
    has_pulled: bool,
}

#[derive(Clone, Debug)]
struct Opened {
    floor: Floor,
    is_whole: bool,
    clock: Option<(Actor, kinring_common::clock::Hlc)>,
}

/// What is to be compared next.
#[derive(Clone, Debug)]
enum Todo {
    Slots { from: u32 },
    Leaf { slot: Slot, leaf: Leaf, from: u64 },
}

/// All exchanges that a node drives.
#[derive(Debug, Default)]
pub struct Sessions {
    open: BTreeMap<u64, Session>,
    next: u64,
}

impl Sessions {
    /// Whether there is one with an owner of a group.
    pub fn is_open(&self, id: GroupId, peer: NodeId) -> bool {
        self.open.values().any(|session| session.group == id && session.peer == peer)
    }

    /// Ends those with an owner that `which` says.
    pub fn end_with(&mut self, id: GroupId, peer: NodeId, which: impl Fn(Purpose) -> bool) {
        let ends = |s: &Session| s.group == id && s.peer == peer && which(s.purpose);
        self.open.retain(|_, session| !ends(session));
    }

    /// Ends those with any owner of a group.
    pub fn end_with_any(&mut self, id: GroupId, which: impl Fn(Purpose) -> bool) {
        self.open.retain(|_, session| session.group != id || !which(session.purpose));
    }

    /// Ends all with a node.
    pub fn end_all_with(&mut self, peer: NodeId) {
        self.open.retain(|_, session| session.peer != peer);
    }

    /// When the next step is to be said again.
    pub fn wake_us(&self) -> u64 {
        self.open.values().map(|session| session.sent_us + RESEND_US).min().unwrap_or(u64::MAX)
    }
}

impl Node {
    /// Begins an exchange.
    pub(super) fn open_session(
        &mut self,
        id: GroupId,
        peer: NodeId,
        purpose: Purpose,
        moment: Moment,
    ) {
        if self.sessions.open.len() >= SESSIONS_MAX {
            return;
        }
        let number = self.sessions.next;
        self.sessions.next += 1;
        let group = &self.groups[&id];
        let what = AskWhat::Open {
            digest: self.group_digest(id),
            cuts: group.horizon.cuts.clone(),
            floor: group.horizon.floor.clone(),
            wants_clock: purpose == Purpose::Round,
        };
        let last = Ask {
            // Unique over this node's starts, too.
            session: self.incarnation.rotate_left(32) ^ number,
            step: 0,
            group: id,
            epoch: self.layout.epoch(),
            incarnation: None,
            is_push: purpose != Purpose::Rebuild,
            what,
        };
        let session = Session {
            group: id,
            peer,
            purpose,
            step: 0,
            last: last.clone(),
            sent_us: moment.now.mono_us,
            tries: 1,
            next_at_open: group.tenure.as_ref().map_or(0, |tenure| tenure.next),
            floor_at_open: group.horizon.floor.clone(),
            theirs: None,
            todo: VecDeque::new(),
            keys: VecDeque::new(),
            has_pulled: false,
        };
        self.sessions.open.insert(last.session, session);
        self.send(peer, Message::Ask(last));
        self.wake_at(moment.now.mono_us + RESEND_US);
    }

    /// The sum over the digests of a group's slots, each by its number.
    pub(super) fn group_digest(&self, id: GroupId) -> u64 {
        self.groups[&id].parts.iter().fold(0_u64, |sum, &(partition, slots)| {
            let mut locks = self.keyspace.lock_one(partition);
            sum.wrapping_add(locks.partition(partition).digest_of(slots))
        })
    }

    /// Says steps again whose answers did not come.
    pub(super) fn resend_asks(&mut self, moment: Moment) {
        let now_us = moment.now.mono_us;
        let mut again = Vec::new();
        self.sessions.open.retain(|_, session| {
            if now_us < session.sent_us + RESEND_US {
                return true;
            }
            (session.sent_us, session.tries) = (now_us, session.tries + 1);
            if session.tries <= TRIES_MAX {
                again.push((session.peer, session.last.clone()));
            }
            session.tries <= TRIES_MAX
        });
        for (peer, ask) in again {
            self.send(peer, Message::Ask(ask));
        }
    }

    pub(super) fn answered(&mut self, from: NodeId, answer: Answer, moment: Moment) {
        let Some(session) = self.sessions.open.get_mut(&answer.session) else { return };
        if session.peer != from || session.step != answer.step {
            return;
        }
        let begun = session.last.incarnation;
        if begun.is_some_and(|begun| begun != answer.incarnation)
            || answer.what == AnswerWhat::Refused
        {
            self.sessions.open.remove(&answer.session);
            return;
        }
        session.last.incarnation = Some(answer.incarnation);
        let number = answer.session;
        match answer.what {
            AnswerWhat::Opened { is_equal, cuts, floor, is_whole, clock } => {
                if Mutant::FloorBeforeExchange.is_on() {
                    let id = answer.group;
                    self.raise_floor(id, &floor);
                }
                let session = self.sessions.open.get_mut(&number).expect("it is there");
                session.theirs = Some(Opened { floor, is_whole, clock });
                if !is_equal {
                    session.todo.push_back(Todo::Slots { from: 0 });
                }
                self.take_cuts(answer.group, &cuts, moment);
            }
            AnswerWhat::Leaves { slots, looked } => self.compare_leaves(number, &slots, looked),
            AnswerWhat::Page(page) => self.compare_page(number, &page),
            AnswerWhat::Keys(copies) => {
                self.pulled(number, copies, moment);
            }
            AnswerWhat::Closed { open, executed, is_home } => {
                return self.close_session(number, (open, executed, is_home), moment);
            }
            AnswerWhat::Refused => unreachable!("it was ended"),
        }
        self.next_step(number, moment);
    }

    /// Which parts of these slots are not equal?
    fn compare_leaves(
        &mut self,
        number: u64,
        slots: &[(Slot, kinring_common::merkle::Leaves)],
        looked: u32,
    ) {
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        let Some(Todo::Slots { from }) = session.todo.pop_front() else { return };
        for (slot, theirs) in slots {
            let partition = partition_of(*slot);
            let mut locks = self.keyspace.lock_one(partition);
            let mine = locks.partition(partition).leaves(*slot);
            let leaves = mine.differing(theirs);
            session.todo.extend(leaves.map(|leaf| Todo::Leaf { slot: *slot, leaf, from: 0 }));
        }
        let next = from + looked.max(1);
        if (next as usize) < self.groups[&session.group].slots.len() {
            session.todo.push_front(Todo::Slots { from: next });
        }
    }

    /// Which keys of a part of a slot are not equal?
    fn compare_page(&mut self, number: u64, theirs: &Page) {
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        let Some(Todo::Leaf { slot, leaf, from }) = session.todo.pop_front() else { return };
        let partition = partition_of(slot);
        let mut locks = self.keyspace.lock_one(partition);
        let mine = locks.partition(partition).leaf_keys(slot, leaf, from, LOOKS_A_PAGE);
        let (keys, next) = mine.differing(theirs);
        session.keys.extend(keys.into_iter().map(|key| (slot, key)));
        if let Some(from) = next {
            session.todo.push_front(Todo::Leaf { slot, leaf, from });
        }
    }

    /// Copies of the other side came.
    fn pulled(&mut self, number: u64, copies: Copies, moment: Moment) {
        let (id, purpose) = {
            let session = &self.sessions.open[&number];
            (session.group, session.purpose)
        };
        let changed = self.take_copies(id, copies, Vec::new(), moment);
        if !changed.is_empty() {
            self.sessions.open.get_mut(&number).expect("it is there").has_pulled = true;
            if purpose != Purpose::Rebuild {
                self.home_changed(id, changed, moment);
            }
        }
    }

    /// What shows at a settled home has changed from elsewhere: it is a write like any other.
    pub(super) fn home_changed(&mut self, id: GroupId, changed: Vec<Name>, moment: Moment) {
        let settled = self.groups[&id].tenure.as_ref().is_some_and(super::tenure::Tenure::is_settled);
        if settled {
            self.note_changed(id, changed, moment);
        }
    }

    /// Says the next step of a session.
    fn next_step(&mut self, number: u64, moment: Moment) {
        let session = &self.sessions.open[&number];
        let id = session.group;
        let what = if session.keys.len() >= KEYS_A_STEP
            || session.todo.is_empty() && !session.keys.is_empty()
        {
            self.keys_step(number)
        } else {
            match self.sessions.open[&number].todo.front() {
                Some(Todo::Slots { from }) => self.slots_step(id, *from),
                Some(Todo::Leaf { slot, leaf, from }) => {
                    AskWhat::Leaf { slot: *slot, leaf: *leaf, from: *from }
                }
                None => AskWhat::Close { floor: session.floor_at_open.clone() },
            }
        };
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        session.step += 1;
        (session.last.step, session.last.what) = (session.step, what);
        (session.sent_us, session.tries) = (moment.now.mono_us, 1);
        let (peer, ask) = (session.peer, session.last.clone());
        self.send(peer, Message::Ask(ask));
        self.wake_at(moment.now.mono_us + RESEND_US);
    }

    fn slots_step(&self, id: GroupId, from: u32) -> AskWhat {
        let slots = self.groups[&id].slots.iter().skip(from as usize).take(SLOTS_A_STEP);
        let digest = |slot: &Slot| {
            let partition = partition_of(*slot);
            self.keyspace.lock_one(partition).partition(partition).slot_digest(*slot)
        };
        AskWhat::Slots { from, digests: slots.map(digest).collect() }
    }

    fn keys_step(&mut self, number: u64) -> AskWhat {
        let session = self.sessions.open.get_mut(&number).expect("it is there");
        let (id, is_push) = (session.group, session.last.is_push);
        let count = session.keys.len().min(KEYS_A_STEP);
        let keys: Vec<(Slot, KeyRef)> = session.keys.drain(..count).collect();
        let (mut names, mut wanted) = (Vec::new(), Vec::new());
        for (slot, key) in keys {
            match self.name_of(slot, &key) {
                Some(name) => names.push(name),
                None => wanted.push((slot, key)),
            }
        }
        if !is_push {
            // It shows nothing of its own: only asks.
            wanted.extend(names.drain(..).map(|name| {
                let key = self.settings.seed.key_ref(name.db, &name.key);
                (Slot::of(&name.key), key)
            }));
        }
        AskWhat::Keys { copies: self.copies(id, &names), wanted }
    }

    /// All is compared: this side has what the other had at the beginning.
    fn close_session(
        &mut self,
        number: u64,
        (open, executed, is_home): (Vec<Actor>, Vec<Executed>, bool),
        moment: Moment,
    ) {
        let session = self.sessions.open.remove(&number).expect("it is there");
        let (id, peer, now_us) = (session.group, session.peer, moment.now.mono_us);
        for executed in executed {
            self.requests.note(id, executed, now_us);
        }
        let theirs = session.theirs.expect("a session is opened before it is closed");
        self.raise_floor(id, &theirs.floor);
        let group = self.groups.get_mut(&id).expect("it is owned");
        if session.purpose == Purpose::Rebuild {
            let known = |actor: &Actor| group.horizon.floor.closes(*actor);
            let new: Vec<Actor> =
                open.into_iter().filter(|a| !known(a) && !group.open.contains(a)).collect();
            // Whoever held it before is not the last one that this owner grants.
            new.iter().rev().for_each(|actor| group.open.insert(0, *actor));
            group.rebuilt_with(peer, theirs.is_whole, is_home, self.quorum);
            return;
        }
        let floor = &group.horizon.floor;
        let Some(tenure) = group.tenure.as_mut() else { return };
        tenure.strangers.extend(open.into_iter().filter(|actor| !floor.closes(*actor)));
        let tenure_number = tenure.number;
        let owner = tenure.owners.get_mut(&peer).expect("it owns the group");
        owner.incarnation = session.last.incarnation;
        (owner.has_exchanged, owner.is_behind) = (true, false);
        owner.exchange_us = now_us + self.settings.exchange_us;
        let held: Vec<u64> =
            owner.missed.range(..session.next_at_open).map(|(sequence, _)| *sequence).collect();
        if self.leases.grantors(id, now_us).any(|grantor| grantor == peer) {
            for sequence in held {
                let write =
                    kinring_common::wire::peer::WriteNumber { tenure: tenure_number, sequence };
                self.is_held(id, write, peer, moment);
            }
        }
        if session.purpose == Purpose::Round {
            self.round_with(id, peer, theirs.clock, session.has_pulled, moment);
        }
        self.look_after(id, moment);
    }

    /// Exchanges with the other owners until this one has what it should.
    pub(super) fn rebuild(&mut self, id: GroupId, moment: Moment) {
        let Some(group) = self.groups.get(&id).filter(|group| !group.is_whole()) else { return };
        if group.owners.len() == 1 {
            // There is nobody to ask.
            self.groups.get_mut(&id).expect("it is there").wholeness =
                super::group::Wholeness::Whole;
            return;
        }
        let others: Vec<NodeId> = group.others().collect();
        for peer in others {
            if !self.sessions.is_open(id, peer) && self.is_up(peer, moment) {
                self.open_session(id, peer, Purpose::Rebuild, moment);
            }
        }
    }
}

/// The partition of a slot.
pub fn partition_of(slot: Slot) -> u8 {
    (usize::from(slot.number()) % kinring_common::keyspace::PARTITIONS) as u8
}
