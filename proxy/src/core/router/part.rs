//! One part of a call on its way: its tries, and what their answers mean.
//!
//! All tries of a part have one name, by which a shard knows a write that it has executed. But a write
//! that changed nothing (SETNX of a key that is there) leaves no trace on other owners, and could be
//! executed at the next one with another reply. Hence two laws, for writes:
//!
//! 1. **One node at a time.** A try goes to another node only when every earlier one elsewhere was
//!    answered "not executed", or is void: each is valid only as long as its answer is waited for.
//! 2. **Only the node asked last is believed** when it says that it executed, and only of tries that it was
//!    asked for since another one was asked.
//!
//! Every try has a number, and its answer names it: one that comes twice says nothing more. A shard to which
//! a try that it has refused comes once more is silent.
//!
//! Reads change nothing: any node may be asked at any time, and the first answer is as good as a later
//! one.

use super::split::{Ended, Piece};
use kinring_common::id::NodeId;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::request::{Response, Work};
use smallvec::SmallVec;

/// Answers that are awaited in vain from a node that seems to be up, before another one is asked.
const SILENCES_MAX: u32 = 2;

/// See the module. Times are microseconds of the router's clock.
#[derive(Debug)]
pub struct Part {
    /// Its group.
    pub group: GroupId,
    /// Its slot.
    pub slot: Slot,
    /// What is to be done.
    pub work: Work,
    /// Which keys of the call it has.
    pub places: Vec<u32>,
    /// How it ended.
    pub ended: Option<Ended>,
    /// When something is to be done about it: its timer.
    pub due_us: Option<u64>,
    is_read: bool,
    /// Tries that may have been executed.
    open: SmallVec<[(NodeId, u32); 2]>,
    /// The node asked last, hedges aside, and the first try of those on end at it.
    target: Option<NodeId>,
    first: u32,
    /// What was asked of it is void then.
    end_us: u64,
    first_us: u64,
    sent: u32,
    is_hedged: bool,
    /// Answers awaited in vain, in all and from the target.
    silences: (u32, u32),
    /// Pauses so far.
    pauses: u32,
    /// Nodes that refused since the last pause.
    round: SmallVec<[NodeId; 2]>,
    /// What the target advised while another try at it was open, or before a pause.
    advice: Option<Advice>,
    is_resting: bool,
}

/// What a node that did not execute says about who might.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// That node.
    Hint(NodeId),
    /// Anyone but this node.
    After(NodeId),
    /// This node, later.
    Again(NodeId),
}

/// What an answer means for a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing, or nothing yet.
    Nothing,
    /// It has ended.
    Ended(Ended),
    /// The node asked last did not execute it.
    Refused(Advice),
}

/// What is to be done when a part's timer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// Ask another node than this, without giving this one up.
    Hedge(NodeId),
    /// The node did not answer.
    Silent(NodeId),
    /// Do as was advised.
    Follow(Advice),
    /// Ask anyone.
    Seek,
}

impl Part {
    /// It was not asked of anyone.
    pub fn new(piece: Piece, is_read: bool) -> Part {
        let Piece { group, slot, work, places } = piece;
        Part {
            group,
            slot,
            work,
            places,
            ended: None,
            due_us: None,
            is_read,
            open: SmallVec::new(),
            target: None,
            first: 0,
            end_us: 0,
            first_us: 0,
            sent: 0,
            is_hedged: false,
            silences: (0, 0),
            pauses: 0,
            round: SmallVec::new(),
            advice: None,
            is_resting: true,
        }
    }

    /// How often it was asked for.
    pub fn sent(&self) -> u32 {
        self.sent
    }

    /// How long it took until now, if one try or a hedged one did it.
    pub fn took_us(&self, now_us: u64) -> Option<u64> {
        let is_smooth = self.silences.0 == 0 && self.pauses == 0 && self.round.is_empty();
        is_smooth.then(|| now_us.saturating_sub(self.first_us))
    }

    /// Whether some try may have been executed.
    pub fn is_in_doubt(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether some try at another node may have been.
    pub fn is_in_doubt_at_others(&self, node: NodeId) -> bool {
        self.open.iter().any(|(of, _)| *of != node)
    }

    /// For how many waits on end nobody answered: each next one is longer.
    pub fn silences(&self) -> u32 {
        self.silences.0
    }

    /// A try goes to a node; it is void at `end_us`. Returns its number.
    pub fn asks(&mut self, node: NodeId, now_us: u64, end_us: u64) -> u32 {
        let is_free = self.target.is_none_or(|last| last == node || !self.is_open_at(last));
        assert!(
            self.is_read || is_free || now_us >= self.end_us,
            "a write goes elsewhere only when it cannot be executed any more where it was"
        );
        if self.target != Some(node) {
            self.silences.1 = 0;
            self.first = self.sent;
        }
        (self.target, self.end_us) = (Some(node), end_us);
        (self.advice, self.is_resting) = (None, false);
        self.begin(node, now_us)
    }

    /// A read is asked for once more elsewhere. Returns the number of the try, and when it is void.
    pub fn hedges(&mut self, node: NodeId, now_us: u64) -> (u32, u64) {
        assert!(self.is_read, "only what changes nothing is hedged");
        self.is_hedged = true;
        (self.begin(node, now_us), self.end_us)
    }

    /// Whether it may be hedged.
    pub fn may_hedge(&self) -> bool {
        self.is_read && !self.is_hedged
    }

    /// It pauses, and then does as advised. Returns the number of the pause.
    pub fn rests(&mut self, advice: Option<Advice>) -> u32 {
        self.pauses += 1;
        self.round.clear();
        (self.advice, self.is_resting) = (advice, true);
        self.pauses
    }

    /// Whether a node refused it since its last pause.
    pub fn was_refused_by(&self, node: NodeId) -> bool {
        self.round.contains(&node)
    }

    /// A node answered a try.
    pub fn hears(&mut self, of: (NodeId, u32), response: Response, now_us: u64) -> Heard {
        let node = of.0;
        if !self.open.contains(&of) || self.ended.is_some() {
            return Heard::Nothing;
        }
        let advice = match response {
            Response::Done(reply) if self.believes(of) => {
                return Heard::Ended(Ended::Reply(reply));
            }
            Response::Unknown if !self.is_read && self.believes(of) => {
                return Heard::Ended(Ended::Unknown);
            }
            Response::Done(_) => return Heard::Nothing,
            Response::Unknown if !self.is_read => return Heard::Nothing,
            Response::Elsewhere(Some(home)) if home != node => Advice::Hint(home),
            Response::Elsewhere(_) | Response::Unknown => Advice::After(node),
            Response::Later => Advice::Again(node),
        };
        self.open.retain(|open| *open != of);
        self.refused(node, advice, now_us)
    }

    fn refused(&mut self, node: NodeId, advice: Advice, now_us: u64) -> Heard {
        if self.target != Some(node) || self.is_resting {
            return Heard::Nothing;
        }
        if self.is_open_at(node) && now_us < self.end_us && !self.is_read {
            // Another try may still be executed there: by law 1 it has to be waited for.
            self.advice = Some(advice);
            return Heard::Nothing;
        }
        if !self.round.contains(&node) {
            self.round.push(node);
        }
        Heard::Refused(advice)
    }

    /// Its timer has come.
    pub fn is_due(&mut self, now_us: u64, is_up: impl Fn(NodeId) -> bool) -> Due {
        if self.ended.is_some() {
            return Due::Nothing;
        }
        let Some(target) = self.target else { return Due::Seek };
        if self.is_resting {
            return self.advice.take().map_or(Due::Seek, Due::Follow);
        }
        if now_us < self.end_us {
            return if self.may_hedge() { Due::Hedge(target) } else { Due::Nothing };
        }
        if let Some(advice) = self.advice.take() {
            return Due::Follow(advice);
        }
        self.silences.0 += 1;
        self.silences.1 += 1;
        if is_up(target) && self.silences.1 < SILENCES_MAX {
            Due::Follow(Advice::Again(target))
        } else {
            self.silences.1 = 0;
            Due::Silent(target)
        }
    }

    /// When what was asked last is void.
    pub fn end_us(&self) -> u64 {
        self.end_us
    }

    fn believes(&self, (node, number): (NodeId, u32)) -> bool {
        let is_asked_last = self.target == Some(node) && number >= self.first;
        self.is_read || is_asked_last || Mutant::AnyNodeBelieved.is_on()
    }

    fn is_open_at(&self, node: NodeId) -> bool {
        self.open.iter().any(|(of, _)| *of == node)
    }

    fn begin(&mut self, node: NodeId, now_us: u64) -> u32 {
        if self.sent == 0 {
            self.first_us = now_us;
        }
        let number = self.sent;
        self.sent += 1;
        // Not many: a call is given up after some seconds, and each wait for an answer is longer.
        self.open.push((node, number));
        number
    }
}
