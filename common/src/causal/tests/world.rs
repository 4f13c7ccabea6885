//! A few nodes with copies of one key: they write, and what they write is lost, repeated, late, or
//! joined from a copy of any age.

use super::oracle::{self, History, Set};
use crate::causal::{
    Applied, Change, Context, Delta, Horizon, Kind, Path, Position, Record, Removed,
};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use crate::random::Random;
use crate::testing::Case;
use bytes::Bytes;

/// One copy, with what it must know.
#[derive(Clone, Debug, Default)]
pub struct Copy {
    pub record: Record,
    pub horizon: Horizon,
    pub known: Set,
    /// The floors of those that it has joined: part of its record's context.
    pub taken_floor: Context,
}

impl Copy {
    /// As a node does it: the cut first, then the record.
    pub fn join(&mut self, other: &Copy) {
        self.raise_cut(other.horizon.cut);
        self.record.join(&self.horizon, &other.record, &other.horizon);
        self.known |= other.known;
        self.taken_floor.merge(&other.taken_floor);
        other.horizon.floor.iter().for_each(|dot| self.taken_floor.insert(dot));
    }

    pub fn raise_cut(&mut self, cut: Hlc) {
        self.horizon.cut = self.horizon.cut.max(cut);
        self.record.prune(&self.horizon);
    }

    /// The events that count as seen, of these actors.
    pub fn effective(&self, actors: &[Actor]) -> Vec<Hlc> {
        let Copy { record, horizon, .. } = self;
        let seen =
            |&actor| record.context.get(actor).max(horizon.floor.get(actor)).max(horizon.cut);
        actors.iter().map(seen).collect()
    }
}

pub struct Node {
    pub actor: Actor,
    pub clock: Hlc,
    pub skew_ms: u64,
    pub copy: Copy,
}

/// A delta on its way, with its event's number.
#[derive(Clone)]
pub struct Parcel {
    pub delta: Delta,
    pub event: usize,
}

/// What a world's clients ask for.
pub type Menu = fn(&mut Random, &Record, u64, Dot) -> Change;

pub struct World {
    pub now_ms: u64,
    pub nodes: Vec<Node>,
    pub history: History,
    pub changes: Vec<Change>,
    pub net: Vec<Parcel>,
    /// All that was ever in the net.
    pub sent: Vec<Parcel>,
    /// Copies as they were at some time.
    pub past: Vec<Copy>,
    pub menu: Menu,
    pub flushes: bool,
}

impl World {
    pub fn new(rng: &mut Random, menu: Menu, flushes: bool) -> World {
        let count = 3 + rng.below(2);
        let node = |at: usize, rng: &mut Random| Node {
            actor: Actor(at as u64 + 1),
            clock: Hlc::ZERO,
            skew_ms: rng.below(8) as u64,
            copy: Copy::default(),
        };
        World {
            now_ms: 100,
            nodes: (0..count).map(|at| node(at, rng)).collect(),
            history: History::default(),
            changes: Vec::new(),
            net: Vec::new(),
            sent: Vec::new(),
            past: vec![Copy::default()],
            menu,
            flushes,
        }
    }

    /// A world that has run for as long as the seed says.
    pub fn run(rng: &mut Case, menu: Menu, flushes: bool) -> World {
        let mut world = World::new(rng, menu, flushes);
        for _ in 0..rng.size {
            world.step(rng);
        }
        world
    }

    pub fn actors(&self) -> Vec<Actor> {
        self.nodes.iter().map(|node| node.actor).collect()
    }

    pub fn step(&mut self, rng: &mut Random) {
        self.now_ms += rng.below(3) as u64;
        let at = rng.below(self.nodes.len());
        match rng.below(100) {
            0..45 => {
                self.write(rng, at);
            }
            45..80 if !self.net.is_empty() => {
                let parcel = rng.below(self.net.len());
                self.deliver(parcel, at);
                if rng.chance(30) {
                    self.net.swap_remove(parcel);
                }
            }
            80..88 => {
                let other = rng.below(self.nodes.len());
                self.join(at, &self.nodes[other].copy.clone());
            }
            88..94 => {
                let old = rng.pick(&self.past).clone();
                self.join(at, &old);
            }
            94..97 if self.flushes => self.flush(at),
            _ => {}
        }
        self.past.push(self.nodes[at].copy.clone());
    }

    /// A change from the menu at this node; the number of its event.
    pub fn write(&mut self, rng: &mut Random, at: usize) -> usize {
        let (dot, now_ms) = self.mint(at);
        let change = (self.menu)(rng, &self.nodes[at].copy.record, now_ms, dot);
        self.commit(at, change, dot, now_ms)
    }

    /// This change at this node; the number of its event.
    pub fn write_this(&mut self, at: usize, change: Change) -> usize {
        let (dot, now_ms) = self.mint(at);
        self.commit(at, change, dot, now_ms)
    }

    fn mint(&mut self, at: usize) -> (Dot, u64) {
        let now_ms = self.now_ms + self.nodes[at].skew_ms;
        let node = &mut self.nodes[at];
        let seen = node.copy.record.context.highest().max(node.copy.horizon.cut);
        node.clock = node.clock.max(seen).tick(now_ms);
        // A node that saw a later clock is not younger.
        (Dot { hlc: node.clock, actor: node.actor }, now_ms.max(node.clock.wall_ms()))
    }

    fn commit(&mut self, at: usize, change: Change, dot: Dot, now_ms: u64) -> usize {
        let Copy { record, horizon, known, .. } = &mut self.nodes[at].copy;
        let event = self.history.mint(*known, horizon.cut, &change, dot, now_ms);
        let delta = record.plan(change.clone(), dot, horizon, now_ms);
        assert_eq!(apply(record, &delta, horizon), Applied::Applied, "its own delta fits");
        *known |= 1 << event;
        self.changes.push(change);
        self.net.push(Parcel { delta: delta.clone(), event });
        self.sent.push(Parcel { delta, event });
        event
    }

    pub fn deliver(&mut self, parcel: usize, at: usize) -> Applied {
        let Parcel { delta, event } = &self.net[parcel];
        let Copy { record, horizon, known, .. } = &mut self.nodes[at].copy;
        let applied = apply(record, delta, horizon);
        if applied == Applied::Applied {
            *known |= 1 << *event;
        }
        applied
    }

    /// What delivering must do, by the history alone.
    pub fn expected(&self, parcel: usize, at: usize) -> Applied {
        let Parcel { delta, event } = &self.net[parcel];
        let Copy { horizon, known, .. } = &self.nodes[at].copy;
        let Event { dot, seen } = Event::of(&self.history, *event);
        if known >> event & 1 == 1 || dot.hlc <= horizon.cut {
            return Applied::Covered;
        }
        let settled = |dot: Dot| dot.hlc <= horizon.cut;
        let reaches = delta.cut <= horizon.cut && self.history.is_known(seen, *known, settled);
        if reaches { Applied::Applied } else { Applied::Gap }
    }

    pub fn join(&mut self, at: usize, other: &Copy) {
        self.nodes[at].copy.join(other);
    }

    fn flush(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.clock = node.clock.max(node.copy.record.context.highest()).tick(self.now_ms);
        node.copy.raise_cut(node.clock);
    }

    /// Every node joins every other, twice: then all know all.
    pub fn heal(&mut self) {
        for _ in 0..2 {
            for at in 0..self.nodes.len() {
                for other in 0..self.nodes.len() {
                    self.join(at, &self.nodes[other].copy.clone());
                }
            }
        }
    }

    /// Asserts that a copy holds and has seen what the history says.
    pub fn check(&self, copy: &Copy) {
        let Copy { record, horizon, known, .. } = copy;
        oracle::assert_canonical(record);
        assert_eq!(oracle::flat(record), self.history.flat(*known, horizon.cut));
        let events = self.history.events.iter().enumerate();
        let seen: Context =
            events.filter(|(id, _)| known >> id & 1 == 1).map(|(_, event)| event.dot).collect();
        let seen = Copy { record: Record { context: seen, ..Record::default() }, ..copy.clone() };
        assert_eq!(copy.effective(&self.actors()), seen.effective(&self.actors()));
    }
}

struct Event {
    dot: Dot,
    seen: Set,
}

impl Event {
    fn of(history: &History, id: usize) -> Event {
        Event { dot: history.events[id].dot, seen: history.events[id].seen }
    }
}

/// All changes of all types over few paths.
pub fn everything(rng: &mut Random, record: &Record, now_ms: u64, dot: Dot) -> Change {
    match rng.below(20) {
        0..8 => strings(rng, record, now_ms, dot),
        8..10 => Change::Increment { path: field(rng), by: rng.below(9) as i64 - 3 },
        10 => Change::FieldDeadline {
            paths: (0..1 + rng.below(2)).map(|_| field(rng)).collect(),
            deadline_ms: some_deadline(rng, now_ms),
        },
        11..14 => cells(rng, Kind::Hash, field),
        14 | 15 => cells(rng, Kind::Set, |rng| Path::Member(name(rng))),
        16 | 17 => cells(rng, Kind::Zset, |rng| Path::Scored(name(rng))),
        _ => items(rng, record, dot),
    }
}

/// All changes of strings, expiry included.
pub fn strings(rng: &mut Random, _: &Record, now_ms: u64, _: Dot) -> Change {
    match rng.below(12) {
        0..2 => Change::Replace { value: value(rng), deadline_ms: None },
        2 => Change::Replace { value: value(rng), deadline_ms: Some(deadline(rng, now_ms)) },
        3 => Change::Keep { value: value(rng) },
        4 => Change::Clear,
        5 => Change::Expire,
        6..10 => Change::Increment { path: Path::Text, by: rng.below(9) as i64 - 3 },
        _ => Change::Deadline(some_deadline(rng, now_ms)),
    }
}

fn cells(rng: &mut Random, kind: Kind, path: impl Fn(&mut Random) -> Path) -> Change {
    let put = (0..rng.below(3)).map(|_| (path(rng), value(rng))).collect();
    let remove = (0..rng.below(3)).map(|_| path(rng)).collect();
    Change::Cells { kind, put, remove }
}

/// Pushes, inserts, overwrites and removals in the list that the record holds.
fn items(rng: &mut Random, record: &Record, dot: Dot) -> Change {
    let held: Vec<Path> = record.cells.keys().cloned().collect();
    let held: Vec<Path> = held.into_iter().filter(|path| path.kind() == Some(Kind::List)).collect();
    let place = |at: usize| match held.get(at) {
        Some(Path::Item(position, _)) => Some(position),
        _ => None,
    };
    let (mut put, mut remove) = (Vec::new(), Vec::new());
    for _ in 0..rng.below(3) {
        let gap = rng.below(held.len() + 1);
        let left = gap.checked_sub(1).and_then(&place);
        let position = Position::between(left, place(gap), dot);
        put.push((Path::Item(position, dot), value(rng)));
    }
    if !held.is_empty() && rng.chance(40) {
        put.push((rng.pick(&held).clone(), value(rng)));
    }
    if !held.is_empty() && rng.chance(40) {
        remove.push(rng.pick(&held).clone());
    }
    Change::Cells { kind: Kind::List, put, remove }
}

fn field(rng: &mut Random) -> Path {
    Path::Field(name(rng))
}

fn name(rng: &mut Random) -> Bytes {
    Bytes::from_static([b"a", b"b", b"c"][rng.below(3)])
}

pub fn value(rng: &mut Random) -> Bytes {
    Bytes::from(rng.below(50).to_string())
}

pub fn deadline(rng: &mut Random, now_ms: u64) -> u64 {
    now_ms + rng.below(30) as u64
}

fn some_deadline(rng: &mut Random, now_ms: u64) -> Option<u64> {
    rng.chance(75).then(|| deadline(rng, now_ms))
}

/// Counters and sets that nearly always have a deadline.
pub fn expiring(rng: &mut Random, record: &Record, now_ms: u64, _: Dot) -> Change {
    match rng.below(20) {
        0..2 => Change::Replace { value: value(rng), deadline_ms: Some(deadline(rng, now_ms)) },
        2..8 => Change::Increment { path: Path::Text, by: 1 + rng.below(9) as i64 },
        8 => Change::Increment { path: field(rng), by: 1 },
        9..11 if record.kind(now_ms) != Some(Kind::Text) => {
            let put = vec![(Path::Member(name(rng)), Bytes::new())];
            Change::Cells { kind: Kind::Set, put, remove: Vec::new() }
        }
        11 => cells(rng, Kind::Set, |rng| Path::Member(name(rng))),
        12 => Change::Clear,
        13..15 => Change::Expire,
        15 => Change::Deadline(None),
        _ => Change::Deadline(Some(deadline(rng, now_ms))),
    }
}

/// Applies a delta both ways, at once and after what it supersedes was taken out, which is the same.
pub fn apply(record: &mut Record, delta: &Delta, horizon: &Horizon) -> Applied {
    let mut other = record.clone();
    let gone = other.take_superseded(delta, horizon);
    assert!(gone.is_none() || delta.removed == Removed::AllCovered);
    let applied = record.apply(delta, horizon);
    assert_eq!(other.apply(delta, horizon), applied);
    assert_eq!(other, *record);
    applied
}
