//! Exchanges that this node drives: why, with whom, and how far they are.

use super::pull::{PULLS_MAX, Pull, Unit};
use crate::store::Take;
use kinring_common::causal::Floor;
use kinring_common::clock::Hlc;
use kinring_common::id::{Actor, NodeId};
use kinring_common::merkle::{KeyRef, Leaf};
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::peer::{Ask, AskWhat, Term};
use kinring_common::wire::request::Completion;
use kinring_common::wire::{Copies, Name};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// An answer that has not come in this time may have been lost.
pub const RESEND_US: u64 = 200_000;

/// Tries of one step; then the owner is out of reach.
pub const TRIES_MAX: u32 = 12;

/// Sessions that a node drives at a time: more would only wait for each other.
pub const SESSIONS_MAX: usize = 64;

/// Why an exchange is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To ask how an owner is.
    Survey,
    /// To take what an owner has.
    Take(Take),
    /// A holder gives an owner what it has, or compares.
    Give,
    /// The same in a floor round.
    Round,
    /// An owner that lost data gets it back.
    Rebuild(Take),
    /// Keys were read without a lease.
    Read,
    /// An owner gets large records that another one wants it to have.
    Pull(Take),
}

impl Purpose {
    /// How copies that come in such an exchange are taken.
    pub fn takes(self) -> Take {
        match self {
            Purpose::Take(how) | Purpose::Rebuild(how) | Purpose::Pull(how) => how,
            Purpose::Survey | Purpose::Give | Purpose::Round | Purpose::Read => Take::Keep,
        }
    }
}

/// An exchange that this node drives.
#[derive(Debug)]
pub struct Session {
    /// Of which group.
    pub group: GroupId,
    /// With whom.
    pub peer: NodeId,
    /// Why.
    pub purpose: Purpose,
    /// What was asked last.
    pub last: Ask,
    /// When it was.
    pub sent_us: u64,
    /// How often.
    pub tries: u32,
    /// Writes below this one are in what the owner will have at the end.
    pub next_at_open: u64,
    /// This node's floor then.
    pub floor_at_open: Floor,
    /// Requests that were executed until then, if something is given.
    pub names_at_open: Vec<Completion>,
    /// What the owner said at its beginning.
    pub theirs: Option<Opened>,
    /// The owner is in step: what it is given, it has, or nearly all of it.
    pub is_of_equals: bool,
    /// What is to be compared.
    pub todo: VecDeque<Todo>,
    /// Keys that differ.
    pub keys: VecDeque<(Slot, KeyRef)>,
    /// The owner pulls large records before it answers: how far it was, and how often it said the same.
    pub waits: Option<Waits>,
    /// For whom it pulls.
    pub pull: Option<Pull>,
    /// Its next step is not to be said before.
    pub paced_until_us: Option<u64>,
    /// Of the keys that were asked for so many are to be asked for again.
    pub rest: Option<usize>,
}

/// See [`Session::waits`].
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// Answers that the owner had taken.
    pub answers: u64,
    /// How often it was asked since.
    pub tries: u32,
    /// It is to be asked again.
    pub is_resting: bool,
}

impl Session {
    /// One that begins with this.
    pub fn new(peer: NodeId, purpose: Purpose, first: Ask, now_us: u64) -> Session {
        Session {
            group: first.group,
            peer,
            purpose,
            last: first,
            sent_us: now_us,
            tries: 1,
            next_at_open: 0,
            floor_at_open: Floor::new(),
            names_at_open: Vec::new(),
            theirs: None,
            is_of_equals: false,
            todo: VecDeque::new(),
            keys: VecDeque::new(),
            waits: None,
            pull: None,
            paced_until_us: None,
            rest: None,
        }
    }

    /// Whether it was asked last for large records, by ranges.
    pub fn is_pulling(&self) -> bool {
        matches!(self.last.what, AskWhat::Cells { .. })
    }

    /// An answer is about so many of the keys that were asked for, and has these: the others are asked for
    /// again.
    pub fn asks_for_others(&mut self, looked: u32, answered: &Copies) {
        let AskWhat::Keys { copies, wanted, is_whole } = &mut self.last.what else { return };
        // However little there was room for, it goes on.
        let looked = looked.max(1) as usize;
        let came: BTreeSet<&Name> = answered.names().collect();
        let others = copies.names().skip(looked).filter(|name| !came.contains(name));
        let others: Vec<Name> = others.cloned().collect();
        let given = copies.names().count();
        let wanted = wanted.split_off(looked.saturating_sub(given).min(wanted.len()));
        let rest = others.len() + wanted.len();
        // What must travel with the others comes before them again, and may leave them no room.
        let is_whole = *is_whole || self.rest.is_some_and(|before| rest >= before);
        self.rest = Some(rest).filter(|rest| *rest > 0);
        if rest > 0 {
            self.todo.push_front(Todo::Again(others, wanted, is_whole));
        }
    }

    /// Whether it is about keys that were read.
    pub fn is_read(&self) -> bool {
        self.purpose == Purpose::Read
    }

    /// Whether somebody waits for its end.
    pub fn is_urgent(&self) -> bool {
        !matches!(self.purpose, Purpose::Give | Purpose::Round) || !self.is_of_equals
    }

    /// Whether it waits for an owner that pulls.
    pub fn is_resting(&self) -> bool {
        self.waits.is_some_and(|waits| waits.is_resting)
    }
}

/// What an owner said when an exchange with it began.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its floor.
    pub floor: Floor,
    /// With which term's holder it was in step.
    pub step: Term,
    /// Requests that it had executed.
    pub completions: Vec<Completion>,
    /// Which clock it reached.
    pub clock: Option<([Actor; 2], Hlc)>,
}

/// What is to be compared next.
#[derive(Clone, Debug)]
pub enum Todo {
    /// Slots of the group from this place on.
    Slots {
        /// The place.
        from: u32,
    },
    /// A part of a slot.
    Leaf {
        /// The slot.
        slot: Slot,
        /// The part.
        leaf: Leaf,
        /// From which order on.
        from: u64,
    },
    /// Keys that the owner takes only together.
    Together(Vec<Name>),
    /// Keys that the owner takes when it has pulled the large ones among them, and those of which this
    /// side shows nothing. Also those that an answer had no room for. Whether they are taken together.
    Again(Vec<Name>, Vec<(Slot, KeyRef)>, bool),
    /// Large records, by ranges, and what must be taken with them.
    Pull(Unit),
}

/// All exchanges that a node drives.
#[derive(Debug, Default)]
pub struct Sessions {
    /// By number.
    pub open: BTreeMap<u64, Session>,
    /// The next number.
    pub next: u64,
}

impl Sessions {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there is one with an owner of a group. Those of owners that pull, and of reads, are beside
    /// them.
    pub fn is_open(&self, id: GroupId, peer: NodeId) -> bool {
        let is_it = |session: &Session| session.group == id && session.peer == peer;
        let is_beside = |session: &Session| session.pull.is_some() || session.is_read();
        self.open.values().any(|session| is_it(session) && !is_beside(session))
    }

    /// Whether an owner was asked for keys that were read, and has not answered.
    pub fn is_reading(&self, id: GroupId, peer: NodeId) -> bool {
        let is_it = |session: &Session| session.group == id && session.peer == peer;
        self.open.values().any(|session| is_it(session) && session.is_read())
    }

    /// How many others wait for.
    pub fn pulls(&self) -> usize {
        self.open.values().filter(|session| session.pull.is_some()).count()
    }

    /// Whether there may be one more of these.
    pub fn has_room_to_pull(&self) -> bool {
        self.pulls() < PULLS_MAX && self.open.len() < SESSIONS_MAX
    }

    /// Whether all of a group is being taken from one of these owners. What is taken from another one,
    /// who is out of reach, is ended: two at a time would replace each other's.
    pub fn is_taking(&mut self, id: GroupId, from: impl Fn(NodeId) -> bool) -> bool {
        let takes = |session: &Session| {
            session.group == id && matches!(session.purpose, Purpose::Take(_) | Purpose::Rebuild(_))
        };
        self.open.retain(|_, session| !takes(session) || from(session.peer));
        self.open.values().any(takes)
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
        let wake_us =
            |session: &Session| session.paced_until_us.unwrap_or(session.sent_us + RESEND_US);
        self.open.values().map(wake_us).min().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinring_common::causal::Record;
    use kinring_common::placement::layout::Epoch;
    use kinring_common::wire::Copy;

    fn copies(keys: &[&'static str]) -> Copies {
        let copy = |key: &&'static str| Copy {
            name: Name { db: 0, key: (*key).into() },
            record: Record::default(),
        };
        Copies { copies: keys.iter().map(copy).collect(), ..Copies::default() }
    }

    /// A session that has asked for these.
    fn asked(session: &mut Session, keys: &[&'static str], is_whole: bool) {
        session.last.what = AskWhat::Keys { copies: copies(keys), wanted: Vec::new(), is_whole };
    }

    fn begun() -> Session {
        let (group, epoch) = (GroupId(0), Epoch::new(1).expect("one"));
        let what = AskWhat::Read(Vec::new());
        let ask = Ask { session: 1, step: 0, group, epoch, incarnation: None, push: None, what };
        Session::new(NodeId(1), Purpose::Give, ask, 0)
    }

    /// What it asks for again, and whether it wants all of that.
    fn again(session: &mut Session) -> Option<(Vec<&'static str>, bool)> {
        let Todo::Again(names, _, is_whole) = session.todo.pop_front()? else { return None };
        let key =
            |name: &Name| *["a", "b", "c", "d"].iter().find(|k| name.key == **k).expect("one");
        Some((names.iter().map(key).collect(), is_whole))
    }

    #[test]
    fn what_there_was_no_room_for_is_asked_for_again() {
        let mut session = begun();
        asked(&mut session, &["a", "b", "c", "d"], false);
        // The second one came along with the first.
        session.asks_for_others(1, &copies(&["a", "b"]));
        assert_eq!(again(&mut session), Some((vec!["c", "d"], false)));
        asked(&mut session, &["c", "d"], false);
        session.asks_for_others(1, &copies(&["c"]));
        assert_eq!(again(&mut session), Some((vec!["d"], false)));
        asked(&mut session, &["d"], false);
        session.asks_for_others(1, &copies(&["d"]));
        assert_eq!(again(&mut session), None);
    }

    #[test]
    fn a_rest_that_gets_no_shorter_is_asked_for_whole() {
        let mut session = begun();
        for is_whole in [false, true] {
            // The first two must travel with the others, and there is no room for more.
            asked(&mut session, &["a", "b", "c", "d"], false);
            session.asks_for_others(2, &copies(&["a", "b"]));
            assert_eq!(again(&mut session), Some((vec!["c", "d"], is_whole)));
        }
        asked(&mut session, &["a", "b", "c", "d"], true);
        session.asks_for_others(4, &copies(&["a", "b", "c", "d"]));
        assert_eq!(again(&mut session), None);
        asked(&mut session, &["a", "b"], false);
        session.asks_for_others(1, &copies(&["a"]));
        assert_eq!(again(&mut session), Some((vec!["b"], false)), "it begins anew");
    }
}
