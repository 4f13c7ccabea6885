//! Calls under way, and the order in which each session's are executed and answered.
//!
//! **Session order** (promise 6): of one session, the parts in one group (its *lane*) belong to one call
//! at a time, so that no retry of an earlier call can overtake a later one; calls are answered in
//! the order in which they came. Lanes are independent of each other.

use super::call::{Call, Outcome};
use super::part::Part;
use super::split::{Ended, Gather, Split, outcome};
use kinring_common::id::NodeId;
use kinring_common::placement::layout::GroupId;
use kinring_common::resp::Protocol;
use kinring_common::wire::request::Consistency;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// A call under way.
#[derive(Debug)]
pub struct Running {
    /// Who asked.
    pub session: u64,
    /// What the asker calls it.
    pub token: u64,
    /// Where it is to be done.
    pub db: u8,
    /// How its reply is written.
    pub protocol: Protocol,
    /// Which promises it asks for.
    pub consistency: Consistency,
    /// When it is given up.
    pub deadline_us: u64,
    /// It changes nothing.
    pub is_read: bool,
    /// Its parts, by group.
    pub parts: Vec<Part>,
    /// Bytes that it holds.
    pub bytes: usize,
    gather: Gather,
    lanes: Vec<Lane>,
    /// Parts under way.
    left: usize,
    /// How it ended, when that was clear before it began.
    early: Option<Outcome>,
}

/// The parts of a call in one group.
#[derive(Debug)]
struct Lane {
    group: GroupId,
    parts: Range<usize>,
    left: usize,
}

impl Running {
    /// One that is to be executed.
    pub fn new(of: (u64, u64), call: &Call, split: Split, deadline_us: u64, bytes: usize) -> Self {
        let Split { pieces, gather, is_read } = split;
        let parts: Vec<Part> = pieces.into_iter().map(|piece| Part::new(piece, is_read)).collect();
        let mut start = 0;
        let lane = |parts: &[Part]| {
            let range = start..start + parts.len();
            start = range.end;
            Lane { group: parts[0].group, left: range.len(), parts: range }
        };
        let lanes = parts.chunk_by(|a, b| a.group == b.group).map(lane).collect();
        let left = parts.len();
        let mut running = Running::refused(of, call, None, deadline_us);
        (running.parts, running.lanes, running.left) = (parts, lanes, left);
        (running.gather, running.is_read, running.bytes) = (gather, is_read, bytes);
        running
    }

    /// One that has only to wait for its turn to be answered.
    pub fn refused(
        (session, token): (u64, u64),
        call: &Call,
        early: Option<Outcome>,
        deadline_us: u64,
    ) -> Running {
        let &Call { db, protocol, consistency, .. } = call;
        Running {
            session,
            token,
            db,
            protocol,
            consistency,
            deadline_us,
            is_read: true,
            parts: Vec::new(),
            bytes: 0,
            gather: Gather::Only,
            lanes: Vec::new(),
            left: 0,
            early,
        }
    }

    /// Its groups.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        self.lanes.iter().map(|lane| lane.group)
    }

    /// The parts in a group, by their places.
    pub fn parts_in(&self, group: GroupId) -> Range<usize> {
        self.lane(group).map_or(0..0, |at| self.lanes[at].parts.clone())
    }

    /// A part has ended. Returns whether all of its group have.
    pub fn ends(&mut self, part: usize, ended: Ended) -> bool {
        if let Ended::Reply(reply) = &ended {
            self.bytes += reply.len();
        }
        let part = &mut self.parts[part];
        assert!(part.ended.replace(ended).is_none(), "a part ends once");
        let group = part.group;
        self.left -= 1;
        let at = self.lane(group).expect("every part is in a lane");
        self.lanes[at].left -= 1;
        self.lanes[at].left == 0
    }

    /// Whether all parts have ended.
    pub fn is_over(&self) -> bool {
        self.left == 0
    }

    /// What became of it, when it is over.
    pub fn outcome(self) -> Outcome {
        assert!(self.left == 0, "only a call that is over has an outcome");
        if let Some(early) = self.early {
            return early;
        }
        let ended = |part: Part| (part.ended.expect("all have ended"), part.places);
        let parts = self.parts.into_iter().map(ended).collect();
        outcome(self.gather, parts, self.is_read, self.protocol)
    }

    fn lane(&self, group: GroupId) -> Option<usize> {
        self.lanes.binary_search_by_key(&group, |lane| lane.group).ok()
    }
}

/// Owners that a session in available mode remembers. The rest of its groups go where the others of the
/// router go.
const OWNERS_MAX: usize = 256;

/// The calls of a session, by number.
#[derive(Debug, Default)]
pub struct Session {
    /// In the order in which they came and are answered.
    pub calls: VecDeque<u64>,
    lanes: BTreeMap<GroupId, VecDeque<u64>>,
    /// Who answered it last, in available mode.
    owners: BTreeMap<GroupId, NodeId>,
}

impl Session {
    /// A call is to be executed in a group. Returns whether it is its turn.
    pub fn queue(&mut self, group: GroupId, call: u64) -> bool {
        let lane = self.lanes.entry(group).or_default();
        lane.push_back(call);
        lane.len() == 1
    }

    /// The call whose turn it was has ended in a group. Returns the next one.
    pub fn next(&mut self, group: GroupId) -> Option<u64> {
        let lane = self.lanes.get_mut(&group)?;
        lane.pop_front();
        let next = lane.front().copied();
        if next.is_none() {
            self.lanes.remove(&group);
        }
        next
    }

    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.owners.is_empty()
    }

    /// Who answered it last in a group.
    pub fn owner(&self, group: GroupId) -> Option<NodeId> {
        self.owners.get(&group).copied()
    }

    /// A node answered it in available mode.
    pub fn stays_with(&mut self, group: GroupId, node: NodeId) {
        if self.owners.len() < OWNERS_MAX || self.owners.contains_key(&group) {
            self.owners.insert(group, node);
        }
    }
}
