//! What shards say to each other about the groups of slots that they own together.

use super::request::{Completion, Executed};
use super::{Copies, GroupCuts, Item, Items, Name};
use crate::causal::{Floor, ranges};
use crate::clock::Hlc;
use crate::id::{Actor, NodeId};
use crate::merkle::{KeyRef, Leaf, Leaves, Page};
use crate::placement::layout::{Epoch, GroupId};
use crate::placement::slot::Slot;
use smallvec::SmallVec;
use std::sync::Arc;

/// A message between shards. What there is of each write is small enough to be passed on by hand; the
/// rest, and what several peers get, lies behind a pointer.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Every 150 ms to each node that owns something together with the sender.
    Heartbeat(Box<Heartbeat>),
    /// The answer to each.
    Beat(Box<Beat>),
    /// A holder gives a group back.
    Release {
        /// Which start of the holder it is.
        incarnation: u64,
        /// The group.
        group: GroupId,
        /// By the holder's monotonic clock.
        released_us: u64,
        /// Who should have it next.
        next: Option<NodeId>,
    },
    /// A write, from its coordinator to the other owners.
    Write(Arc<Batch>),
    /// The copies that owners get who could not take a write, or were away: joined, not applied.
    Repair(Box<Repair>),
    /// What became of writes and repairs.
    Ack(Ack),
    /// A step of an exchange, from who began it.
    Ask(Box<Ask>),
    /// The answer to it.
    Answer(Box<Answer>),
    /// An owner is in step with the holder, or a floor is settled.
    Settle(Box<Settle>),
    /// What the owner says to that.
    Settled {
        /// The group.
        group: GroupId,
        /// In which term.
        number: u64,
        /// In which start of the sender.
        incarnation: u64,
        /// It has taken that over. If not, it has given up what it was given: that begins anew.
        is_in_step: bool,
    },
}

/// See [`Message::Heartbeat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Which start of the sender it is.
    pub incarnation: u64,
    /// The layout it goes by.
    pub epoch: Epoch,
    /// By the sender's monotonic clock.
    pub sent_us: u64,
    /// By whom its writes are minted.
    pub actor: Actor,
    /// Whether it is able to coordinate: its clock is believed.
    pub is_sound: bool,
    /// The groups of both that it wants to hold, and in which term; of those that it holds, the write below
    /// which all of that term are on W owners.
    pub asks: Vec<(GroupId, Term, Option<u64>)>,
    /// The groups of both that it cannot hold: its data is incomplete, or it reaches too few owners.
    pub declines: Vec<GroupId>,
}

/// See [`Message::Beat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Which start of the sender it is.
    pub incarnation: u64,
    /// As in the heartbeat: which start of whoever asked it is.
    pub asker: u64,
    /// As in the heartbeat.
    pub sent_us: u64,
    /// The sender's wall clock.
    pub wall_ms: u64,
    /// What became of each group that was asked for, in which term.
    pub asked: Vec<(GroupId, Term, Granted)>,
}

/// What became of a request for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// It is granted, anew or for longer.
    Yes,
    /// Another node holds it.
    Held(NodeId),
    /// Not now: this owner does not know what it granted or what it held.
    NotYet,
    /// This owner has granted a term of this number, or a later one.
    Stale(u64),
}

/// The right to hold a group, once: terms are ordered by number, and an owner that has granted one takes
/// nothing from earlier ones any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// Higher than that of every term that its grantors knew. 0 is before the first.
    pub number: u64,
    /// Drawn at random by whoever asks: it never comes again.
    pub tenure: u64,
}

/// A write: the changes of one request, applied whole or not at all. The log and every message of it share
/// one value.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The group.
    pub group: GroupId,
    /// The layout that its coordinator goes by.
    pub epoch: Epoch,
    /// Which of its coordinator's writes in this tenure.
    pub number: WriteNumber,
    /// Every write of this tenure below this one is on W owners.
    pub stable: u64,
    /// Coordinated without a lease.
    pub is_available: bool,
    /// The changes, in order.
    pub items: Items,
    /// For which request.
    pub executed: Option<Executed>,
}

/// The number of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteNumber {
    /// The coordinator's tenure: it never comes again.
    pub tenure: u64,
    /// Within the tenure, in the order of execution.
    pub sequence: u64,
}

/// Some writes: mostly one.
pub type WriteNumbers = SmallVec<[WriteNumber; 1]>;

/// Copies of keys that an owner missed changes of.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    /// The group.
    pub group: GroupId,
    /// The layout.
    pub epoch: Epoch,
    /// The copies.
    pub copies: Copies,
    /// The writes that are in these copies, whole.
    pub writes: Vec<WriteNumber>,
    /// Every write of their tenure that is in these copies, whole or in part, is below this one.
    pub next: u64,
    /// So many owners at least, its sender among them, are known to have all of these copies that may not be
    /// on enough of them.
    pub held: u8,
    /// Coordinated without a lease.
    pub is_available: bool,
}

/// What became of writes at an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The group.
    pub group: GroupId,
    /// Held there, durably where that is asked for.
    pub held: WriteNumbers,
    /// Not applied: something before them is missing there.
    pub gaps: Vec<WriteNumber>,
}

/// A step of an exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The exchange: unique for whoever began it.
    pub session: u64,
    /// Its steps are numbered.
    pub step: u32,
    /// The group.
    pub group: GroupId,
    /// The layout.
    pub epoch: Epoch,
    /// The start of the owner that the exchange began with: one that has started again may have lost
    /// what it got.
    pub incarnation: Option<u64>,
    /// Whether the owner is to take what it lacks, or only to give.
    pub push: Option<Push>,
    /// The step.
    pub what: AskWhat,
}

/// How an owner is to take copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Push {
    /// The term of the holder.
    pub term: Term,
    /// What this owner has counts no more: it is replaced, not joined.
    pub is_adopted: bool,
    /// Every write of that term that is in what is pushed is below this one.
    pub next: u64,
}

/// What a step asks.
#[derive(Clone, Debug, PartialEq)]
pub enum AskWhat {
    /// Is all of the group equal? The sum of its slots' digests, and the last flushes.
    Open {
        /// The sum.
        digest: u64,
        /// The flushes.
        cuts: GroupCuts,
        /// For which requests these were lately.
        flushes: Vec<Completion>,
        /// The floor, to compare.
        floor: Floor,
        /// For a floor round: which clock was reached?
        wants_clock: bool,
        /// Nor do these write without a lease any more: they are closed at the end of that round.
        ended: Vec<Actor>,
        /// How is this owner? Nothing of what it has is asked for.
        is_survey: bool,
    },
    /// Which slots are not? Digests of the group's slots from this place on.
    Slots {
        /// The place among the slots of the group.
        from: u32,
        /// Of one slot after the other.
        digests: Vec<u64>,
    },
    /// What lives in a part of a slot, from this order on?
    Leaf {
        /// The slot.
        slot: Slot,
        /// The part.
        leaf: Leaf,
        /// The first order.
        from: u64,
    },
    /// Take these, and give what you have of them.
    Keys {
        /// What this side has.
        copies: Copies,
        /// Keys of which it shows nothing.
        wanted: Vec<(Slot, KeyRef)>,
        /// These are taken together: all of them are to be answered at once, however long that is.
        is_whole: bool,
    },
    /// What is in ranges of these records? All of these keys are told of at one moment, with those that
    /// must travel with them; of one that is not large the ranges say nothing.
    Cells {
        /// The asker wants what the holder of this tenure has, and nobody else's.
        tenure: Option<u64>,
        /// The keys, and what is asked of each.
        asks: Vec<(Name, ranges::Ask)>,
    },
    /// What do you have of these keys? They were read without a lease. What may not count is not told.
    Read(Vec<(Slot, KeyRef)>),
    /// All is compared: take over this floor, and say what else is known.
    Close {
        /// The floor at the beginning.
        floor: Floor,
        /// Requests that were executed lately, as far as they count; nothing where nothing is given.
        completions: Vec<Completion>,
        /// So long, in microseconds, others may come again that are known no more.
        unsure_us: u64,
    },
}

impl AskWhat {
    /// About as many bytes as it takes.
    pub fn bytes(&self) -> usize {
        match self {
            AskWhat::Slots { digests, .. } => size_of_val(&digests[..]),
            AskWhat::Keys { copies, wanted, .. } => copies.bytes() + size_of_val(&wanted[..]),
            AskWhat::Read(wanted) => size_of_val(&wanted[..]),
            AskWhat::Cells { asks, .. } => size_of_val(&asks[..]),
            AskWhat::Open { .. } | AskWhat::Leaf { .. } | AskWhat::Close { .. } => 0,
        }
    }

    /// Whether this answers it. A refusal does not.
    pub fn is_answered_by(&self, what: &AnswerWhat) -> bool {
        matches!(
            (self, what),
            (AskWhat::Open { .. }, AnswerWhat::Opened { .. })
                | (AskWhat::Slots { .. }, AnswerWhat::Leaves { .. })
                | (AskWhat::Leaf { .. }, AnswerWhat::Page(_))
                | (AskWhat::Keys { .. }, AnswerWhat::Keys { .. } | AnswerWhat::Pulling { .. })
                | (AskWhat::Cells { .. } | AskWhat::Read(_), AnswerWhat::Keys { .. })
                | (AskWhat::Close { .. }, AnswerWhat::Closed { .. })
        )
    }
}

/// The answer to a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The exchange.
    pub session: u64,
    /// The step.
    pub step: u32,
    /// The group.
    pub group: GroupId,
    /// Which start of the sender it is.
    pub incarnation: u64,
    /// The answer.
    pub what: AnswerWhat,
}

/// What is answered to a step.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerWhat {
    /// To `Open`.
    Opened {
        /// All is equal.
        is_equal: bool,
        /// The last flushes.
        cuts: GroupCuts,
        /// For which requests these were lately; where nothing is given, all requests that were executed
        /// lately.
        completions: Vec<Completion>,
        /// The floor.
        floor: Floor,
        /// The answerer's data is complete.
        is_whole: bool,
        /// With which term's holder it was in step last.
        step: Term,
        /// The last term that it granted.
        term: Term,
        /// Who mints there, with a lease and without, and which clock they will not mint at or below
        /// any more.
        clock: Option<([Actor; 2], Hlc)>,
    },
    /// To `Slots`: those that are not equal, with their parts.
    Leaves {
        /// The slots.
        slots: Vec<(Slot, Leaves)>,
        /// How many slots were looked at.
        looked: u32,
    },
    /// To `Leaf`.
    Page(Page),
    /// To `Keys` and to `Cells`.
    Keys {
        /// What is there.
        copies: Copies,
        /// Keys that can only be taken together: not taken.
        together: Vec<Vec<Name>>,
        /// How many of the keys that were asked for this is about, in their order: there was no room for
        /// the others, which are to be asked for again.
        looked: u32,
    },
    /// To `Keys` of which some are large: they are being taken by ranges. To be asked again.
    Pulling {
        /// Answers by ranges that were taken there so far: whether it goes on.
        answers: u64,
        /// That has come to its end since.
        is_done: bool,
    },
    /// To `Close`.
    Closed {
        /// By whom those who held the group minted, as far as that is not closed.
        open: Vec<Actor>,
        /// So long, in microseconds, others may come again that are known no more.
        unsure_us: u64,
        /// With which term's holder it is in step.
        step: Term,
    },
    /// The exchange is to be begun again, or is not wanted.
    Refused,
}

impl AnswerWhat {
    /// About as many bytes as it takes.
    pub fn bytes(&self) -> usize {
        match self {
            AnswerWhat::Leaves { slots, .. } => size_of_val(&slots[..]),
            AnswerWhat::Page(page) => page.keys.iter().map(|(key, _)| key.bytes()).sum(),
            AnswerWhat::Keys { copies, .. } => copies.bytes(),
            AnswerWhat::Opened { .. }
            | AnswerWhat::Pulling { .. }
            | AnswerWhat::Closed { .. }
            | AnswerWhat::Refused => 0,
        }
    }
}

/// Tells an owner that has exchanged with the holder of a term that it is in step with it, and what is
/// settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Settle {
    /// The group.
    pub group: GroupId,
    /// The layout.
    pub epoch: Epoch,
    /// The start of the owner that the exchange was with.
    pub incarnation: u64,
    /// The floor.
    pub floor: Floor,
    /// The holder's term: all writes of other ones, as far as they live, are in it.
    pub term: Term,
}

/// The keys of a write.
pub fn names(items: &[Item]) -> impl Iterator<Item = &Name> {
    items.iter().filter_map(|item| match item {
        Item::Delta { name, .. } => Some(name),
        Item::Cut { .. } => None,
    })
}
