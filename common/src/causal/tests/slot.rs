//! A slot of two keys on three nodes that crash, go away, come back and settle floors.
//!
//! A floor round is the design's: every holder reports its clock and mints nothing at or below it
//! any more; the home pulls from every holder, then pushes to every holder; the floor is the live
//! actors' clocks and the highest seen of closed ones; all log it after the data that it covers;
//! only then it prunes. Writes, deltas, joins and crashes happen between any two of these steps.

use super::oracle::History;
use super::world::{Copy, Menu, Parcel, apply};
use crate::causal::{Applied, Context, Floor, Horizon};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use crate::random::Random;
use std::collections::BTreeSet;

const KEYS: usize = 2;
const NODES: usize = 3;

/// What a round does about actors that report no clock. A round that closes them all while a copy
/// is away, which then joins with what it has, loses writes: see
/// `a_copy_whose_actor_was_closed_without_it_must_give_its_data_up`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Closes them at the highest seen if every copy takes part; if one is away, leaves their
    /// entries where they were.
    WhenAllTakePart,
    /// Closes them at the highest seen, and a copy that was away gives its data up on its return.
    ReturningGivesUp,
}

pub struct Slot {
    pub nodes: Vec<Holder>,
    pub histories: [History; KEYS],
    actors: Vec<Actor>,
    pub now_ms: u64,
    net: Vec<(usize, Parcel)>,
    round: Option<Round>,
    menu: Menu,
    closing: Closing,
    pub rounds_done: usize,
}

pub struct Holder {
    actor: Actor,
    clock: Hlc,
    skew_ms: u64,
    pub away: bool,
    /// Actors that a round has closed: nothing of theirs is taken any more but by an exchange.
    closed: BTreeSet<Actor>,
    /// It has lost its data and its floor with it: it only asks, until it has exchanged with all.
    asks: bool,
    /// One copy a key; they share one horizon.
    pub keys: [Copy; KEYS],
    /// What was synced, oldest first.
    synced: Vec<[Copy; KEYS]>,
}

struct Round {
    home: usize,
    /// What each holder reported.
    live: Vec<Dot>,
    steps: Vec<Step>,
    closes: bool,
    floor: Floor,
}

#[derive(Clone, Copy)]
enum Step {
    Pull(usize),
    Compute,
    Push(usize),
    Adopt(usize),
    Prune(usize),
}

impl Slot {
    pub fn new(rng: &mut Random, menu: Menu, closing: Closing) -> Slot {
        let node = |rng: &mut Random| Holder {
            actor: Actor(0),
            clock: Hlc::ZERO,
            skew_ms: rng.below(8) as u64,
            away: false,
            closed: BTreeSet::new(),
            asks: false,
            keys: Default::default(),
            synced: vec![Default::default()],
        };
        let nodes = (0..NODES).map(|_| node(rng)).collect();
        let mut slot = Slot {
            nodes,
            histories: Default::default(),
            actors: Vec::new(),
            now_ms: 100,
            net: Vec::new(),
            round: None,
            menu,
            closing,
            rounds_done: 0,
        };
        (0..NODES).for_each(|at| slot.rename(at));
        slot
    }

    pub fn step(&mut self, rng: &mut Random) {
        self.now_ms += rng.below(3) as u64;
        let (at, other, key) = (rng.below(NODES), rng.below(NODES), rng.below(KEYS));
        match rng.below(100) {
            0..55 if self.nodes[at].asks => self.catch_up(at),
            0..30 => self.write(rng, at, key),
            30..55 => self.deliver(rng, at),
            55..63 if self.can_talk(at, other) => self.join(at, other, key),
            63..67 => {
                let now = self.nodes[at].keys.clone();
                self.nodes[at].synced.push(now);
            }
            67..70 => self.crash(rng, at),
            70 => self.wipe(at),
            71..73 => self.leave_or_return(at),
            73..75 => self.flush(at),
            _ => self.advance_round(rng, at),
        }
    }

    pub fn can_talk(&self, a: usize, b: usize) -> bool {
        a != b && !self.nodes[a].away && !self.nodes[b].away && !self.nodes[b].asks
    }

    fn rename(&mut self, at: usize) {
        self.actors.push(Actor(self.actors.len() as u64 + 1));
        self.nodes[at].actor = *self.actors.last().expect("just pushed");
    }

    fn write(&mut self, rng: &mut Random, at: usize, key: usize) {
        let node = &mut self.nodes[at];
        let now_ms = self.now_ms + node.skew_ms;
        node.clock = node.clock.max(node.keys[key].highest()).tick(now_ms);
        let dot = Dot { hlc: node.clock, actor: node.actor };
        let now_ms = now_ms.max(node.clock.wall_ms());
        let Copy { record, horizon, known, .. } = &mut node.keys[key];
        let change = (self.menu)(rng, record, now_ms, dot);
        let event = self.histories[key].mint(*known, horizon.cut, &change, dot, now_ms);
        let delta = record.plan(change, dot, horizon, now_ms);
        assert_eq!(apply(record, &delta, horizon), Applied::Applied, "its own delta fits");
        *known |= 1 << event;
        self.net.push((key, Parcel { delta, event }));
    }

    fn deliver(&mut self, rng: &mut Random, at: usize) {
        if self.net.is_empty() {
            return;
        }
        let parcel = rng.below(self.net.len());
        let (key, Parcel { delta, event }) = &self.net[parcel];
        if self.nodes[at].closed.contains(&delta.dot.actor) {
            return;
        }
        let node = &mut self.nodes[at];
        let Copy { record, horizon, known, taken_floor } = &mut node.keys[*key];
        let history = &self.histories[*key];
        let settled = |dot: Dot| horizon.covers(dot) || taken_floor.covers(dot);
        // A floor is part of what was seen, and so is one that a record took into its context.
        let is_floor = |dot: &Dot| !history.events.iter().any(|event| event.dot == *dot);
        let floors: Context =
            delta.floor.iter().chain(delta.base.iter().filter(is_floor)).collect();
        let reaches = delta.cut <= horizon.cut
            && history.is_known(history.events[*event].seen, *known, settled)
            && floors.iter().all(|dot| record.knows(dot, horizon));
        let expected = match *known >> event & 1 == 1 || settled(delta.dot) {
            true => Applied::Covered,
            false if reaches => Applied::Applied,
            false => Applied::Gap,
        };
        assert_eq!(apply(record, delta, horizon), expected);
        if expected == Applied::Applied {
            *known |= 1 << *event;
            node.clock = node.clock.max(delta.dot.hlc);
        }
        if rng.chance(30) {
            self.net.swap_remove(parcel);
        }
    }

    fn join(&mut self, at: usize, other: usize, key: usize) {
        let other = self.nodes[other].keys[key].clone();
        self.take_in(at, key, &other);
    }

    /// Joins a copy into that of a node.
    pub fn take_in(&mut self, at: usize, key: usize, other: &Copy) {
        let node = &mut self.nodes[at];
        node.keys.iter_mut().for_each(|copy| copy.raise_cut(other.horizon.cut));
        node.keys[key].join(other);
        node.clock = node.clock.max(node.keys[key].highest());
    }

    fn exchange(&mut self, at: usize, other: usize) {
        (0..KEYS).for_each(|key| self.join(at, other, key));
    }

    /// Loses everything since some sync, and what was synced after that; comes back as a new actor.
    fn crash(&mut self, rng: &mut Random, at: usize) {
        let node = &mut self.nodes[at];
        let kept =
            if rng.chance(70) { node.synced.len() } else { 1 + rng.below(node.synced.len()) };
        node.synced.truncate(kept);
        node.keys = node.synced.last().expect("the empty one stays").clone();
        node.clock = node.keys.iter().map(Copy::highest).max().expect("keys");
        self.rename(at);
        self.round = None;
    }

    /// Loses the data and the floor with it.
    fn wipe(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.synced.truncate(1);
        (node.keys, node.clock) = (Default::default(), Hlc::ZERO);
        (node.closed, node.asks) = (BTreeSet::new(), true);
        self.rename(at);
        self.round = None;
    }

    /// Exchanges with all that can answer, and takes over what they have settled.
    fn catch_up(&mut self, at: usize) {
        let sources: Vec<usize> = (0..NODES).filter(|&other| self.can_talk(at, other)).collect();
        for &other in &sources {
            self.exchange(at, other);
        }
        for &other in &sources {
            let (floor, closed) = {
                let other = &self.nodes[other];
                (other.keys[0].horizon.floor.clone(), other.closed.clone())
            };
            let node = &mut self.nodes[at];
            node.keys.iter_mut().for_each(|copy| copy.horizon.floor.merge(&floor));
            node.closed.extend(closed);
            node.asks = false;
        }
    }

    fn leave_or_return(&mut self, at: usize) {
        let others_away = (0..NODES).any(|other| other != at && self.nodes[other].away);
        if self.nodes[at].away {
            self.come_back(at);
        } else if !others_away {
            self.nodes[at].away = true;
        }
        self.round = None;
    }

    fn come_back(&mut self, at: usize) {
        if !std::mem::take(&mut self.nodes[at].away) {
            return;
        }
        if self.closing == Closing::ReturningGivesUp {
            self.wipe(at);
        }
    }

    fn flush(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let seen = node.keys.iter().map(Copy::highest).max().expect("keys");
        node.clock = node.clock.max(seen).tick(self.now_ms);
        node.keys.iter_mut().for_each(|copy| copy.raise_cut(node.clock));
    }

    fn advance_round(&mut self, rng: &mut Random, at: usize) {
        let Some(round) = &mut self.round else {
            if !self.nodes[at].away {
                self.start_round(rng, at);
            }
            return;
        };
        let home = round.home;
        match round.steps.pop() {
            Some(Step::Pull(from)) => self.exchange(home, from),
            Some(Step::Compute) => self.compute_floor(home),
            Some(Step::Push(to)) => self.exchange(to, home),
            Some(Step::Adopt(at)) => self.adopt(at),
            Some(Step::Prune(at)) => self.prune(at),
            None => {
                self.rounds_done += 1;
                self.round = None;
            }
        }
    }

    fn start_round(&mut self, rng: &mut Random, home: usize) {
        let members: Vec<usize> = (0..NODES).filter(|&at| !self.nodes[at].away).collect();
        for &at in &members {
            if self.nodes[at].asks {
                self.catch_up(at);
            }
        }
        if members.iter().any(|&at| self.nodes[at].asks) {
            return;
        }
        let closes = members.len() == NODES || self.closing != Closing::WhenAllTakePart;
        let mut live = Vec::new();
        for &at in &members {
            let node = &mut self.nodes[at];
            let highest = node.keys.iter().map(Copy::highest).max().expect("keys");
            node.clock = node.clock.max(highest).tick(self.now_ms);
            live.push(Dot { hlc: node.clock, actor: node.actor });
        }
        let closed =
            self.actors.iter().filter(|&actor| !live.iter().any(|dot| dot.actor == *actor));
        for &at in members.iter().filter(|_| closes) {
            self.nodes[at].closed.extend(closed.clone());
        }
        let others: Vec<usize> = members.iter().copied().filter(|&at| at != home).collect();
        // Taken from the end.
        let mut steps: Vec<Step> = Vec::new();
        for phase in [Step::Prune as fn(usize) -> Step, Step::Adopt] {
            let mut phase: Vec<Step> = members.iter().map(|&at| phase(at)).collect();
            rng.shuffle(&mut phase);
            steps.extend(phase);
        }
        steps.extend(others.iter().map(|&at| Step::Push(at)));
        steps.push(Step::Compute);
        steps.extend(others.iter().map(|&at| Step::Pull(at)));
        self.round = Some(Round { home, live, steps, closes, floor: Floor::new() });
    }

    fn compute_floor(&mut self, home: usize) {
        let node = &self.nodes[home];
        let round = self.round.as_mut().expect("a round runs");
        let is_live = |dot: &Dot| round.live.iter().any(|live| live.actor == dot.actor);
        let mut floor: Context = node.keys[0].horizon.floor.iter().collect();
        let seen = node.keys.iter().flat_map(|copy| copy.record.context.iter());
        let closed = seen.filter(|dot| round.closes && !is_live(dot));
        closed.chain(round.live.iter().copied()).for_each(|dot| floor.insert(dot));
        round.floor = Floor::from(floor);
    }

    /// Logs the floor with the data that it covers.
    fn adopt(&mut self, at: usize) {
        let floor = &self.round.as_ref().expect("a round runs").floor;
        for copy in &mut self.nodes[at].keys {
            copy.horizon.floor.merge(floor);
        }
        let now = self.nodes[at].keys.clone();
        self.nodes[at].synced.push(now);
    }

    fn prune(&mut self, at: usize) {
        for copy in &mut self.nodes[at].keys {
            copy.record.prune(&copy.horizon);
        }
    }

    /// Everyone back, everything exchanged, and one undisturbed round.
    pub fn settle(&mut self, rng: &mut Random) {
        (0..NODES).for_each(|at| self.come_back(at));
        for at in 0..NODES {
            if self.nodes[at].asks {
                self.catch_up(at);
            }
        }
        self.nodes.iter_mut().for_each(|node| node.asks = false);
        for at in (0..NODES).chain(0..NODES) {
            (0..NODES).filter(|&other| other != at).for_each(|other| self.exchange(at, other));
        }
        self.round = None;
        self.start_round(rng, 0);
        while self.round.is_some() {
            self.advance_round(rng, 0);
        }
    }

    /// Asserts that every copy holds what its history says.
    pub fn check(&self) {
        for node in &self.nodes {
            for (key, copy) in node.keys.iter().enumerate() {
                let Copy { record, horizon, known, .. } = copy;
                super::oracle::assert_canonical(record);
                let expected = self.histories[key].flat(*known, horizon.cut);
                assert_eq!(super::oracle::flat(record), expected, "key {key}");
            }
        }
    }

    /// Whether all copies of each key are the same.
    pub fn agrees(&self) -> bool {
        (0..KEYS).all(|key| {
            let copies: Vec<_> = self.nodes.iter().map(|node| &node.keys[key]).collect();
            copies.iter().all(|copy| {
                copy.record.cells == copies[0].record.cells
                    && copy.effective(&self.actors) == copies[0].effective(&self.actors)
            })
        })
    }
}

impl Copy {
    /// The highest clock in the record's context, the implicit one included.
    fn highest(&self) -> Hlc {
        let Horizon { floor, cut } = &self.horizon;
        let settled = floor.iter().map(|dot| dot.hlc).max().unwrap_or(Hlc::ZERO);
        self.record.context.highest().max(settled).max(*cut)
    }
}
