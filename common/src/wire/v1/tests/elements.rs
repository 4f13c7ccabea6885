//! Random records, changes of them, and writes.

use super::random::{Draw, NOW_MS};
use crate::causal::ranges::{self, PARTS, Range};
use crate::causal::{
    Added, Base, BaseId, Context, Deadline, Delta, Element, Finding, Horizon, Increment, NEVER,
    Part, Path, Position, Record, Register, Removed, Sibling,
};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use crate::wire::peer::Batch;
use crate::wire::{Copies, Copy, Item, Large};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

impl Draw<'_> {
    pub fn batch(&mut self) -> Batch {
        let mut items: Vec<Item> = if self.chance(50) { Vec::new() } else { self.some(Draw::item) };
        items.push(self.item());
        if self.chance(2) {
            items.clear();
        }
        let number = self.number();
        let behind = self.small() % 1_000;
        Batch {
            group: self.group(),
            epoch: self.epoch(),
            number,
            stable: number.sequence.wrapping_sub(behind),
            is_available: self.chance(20),
            items: items.into(),
            executed: self.chance(70).then(|| self.executed()),
        }
    }

    pub fn item(&mut self) -> Item {
        if self.chance(10) {
            return Item::Cut { db: self.small() as u8, cut: self.clock() };
        }
        let name = self.name();
        let (dot, at) = (self.dot(), self.below(2));
        let Horizon { floor, cut } = match self.below(3) {
            0 => Horizon::default(),
            _ => self.horizons[at].of(name.db),
        };
        let base = match self.below(3) {
            0 => Context::new(),
            1 => Context::single(Dot { actor: dot.actor, hlc: self.clock() }),
            _ => self.context(),
        };
        let (removed, added) = self.effect(dot);
        Item::Delta { name, delta: Delta { base, floor, cut, dot, removed, added } }
    }

    fn effect(&mut self, dot: Dot) -> (Removed, Vec<Added>) {
        let set = Added::Base { path: Path::Text, value: self.bytes() };
        let (path, base, at_ms) = (Path::Text, BaseId::Value(dot), self.time());
        let covers = if self.chance(70) { Context::new() } else { self.context() };
        match self.below(4) {
            0 => (Removed::AllCovered, vec![set]),
            1 => (Removed::AllCovered, vec![set, Added::Deadline { path, base, at_ms, covers }]),
            _ => {
                let removed = match self.chance(30) {
                    true => Removed::AllCovered,
                    false => Removed::Elements(self.some(Draw::element)),
                };
                (removed, self.some(|draw| draw.added(dot)))
            }
        }
    }

    fn added(&mut self, dot: Dot) -> Added {
        let path = self.path();
        match self.below(3) {
            0 => Added::Base { path, value: self.bytes() },
            1 => Added::Increment {
                path,
                base: self.base(dot),
                value: self.bytes(),
                sum: self.sum(),
                since: self.since(dot.hlc),
            },
            _ => {
                let (base, at_ms, covers) = (self.base(dot), self.time(), self.context());
                Added::Deadline { path, base, at_ms, covers }
            }
        }
    }

    fn base(&mut self, own: Dot) -> BaseId {
        match self.below(3) {
            0 => BaseId::Bottom,
            1 => BaseId::Value(own),
            _ => BaseId::Value(self.dot()),
        }
    }

    fn element(&mut self) -> Element {
        let dot = self.dot();
        let part = *self.case.pick(&[Part::Base, Part::Increment, Part::Deadline]);
        Element { path: self.path(), base: self.base(dot), part, dot }
    }

    fn sum(&mut self) -> i128 {
        match self.below(10) {
            0 => i128::MIN,
            1 => i128::MAX,
            2 => i128::from(self.word()) << 60,
            _ => i128::from(self.small() as i64),
        }
    }

    fn since(&mut self, last: Hlc) -> Hlc {
        match self.below(4) {
            0 => Hlc::ZERO,
            1 => last,
            2 => Hlc(1),
            _ => Hlc(last.0 - self.small() % last.0),
        }
    }

    fn time(&mut self) -> u64 {
        match self.below(6) {
            0 => NEVER,
            1 => self.small(),
            _ => NOW_MS + self.small() % 100_000_000,
        }
    }

    fn path(&mut self) -> Path {
        match self.below(6) {
            0 => Path::Text,
            1 => Path::Field(self.bytes()),
            2 => Path::Member(self.bytes()),
            3 => Path::Scored(self.bytes()),
            4 => Path::Deadline,
            _ => {
                let dot = self.dot();
                Path::Item(self.position(dot), dot)
            }
        }
    }

    fn position(&mut self, dot: Dot) -> Position {
        let end = Position::between(None, None, dot);
        let left = Position::between(None, Some(&Position::end(0)), dot);
        match self.below(7) {
            0 => end,
            1 => left,
            2 => Position::end(left.major - i128::from(self.small() as u32)),
            3 => Position::between(Some(&left), Some(&end), dot),
            4 => Position::between(Some(&Position::end(end.major + 7)), None, dot),
            5 => Position::end(self.sum()),
            _ => Position { major: self.sum(), fraction: Bytes::from_static(&[0, 7, 1]) },
        }
    }

    pub fn record(&mut self) -> Record {
        let cells = self.some(|draw| (draw.path(), draw.register()));
        Record { context: self.context(), cells: cells.into_iter().collect() }
    }

    /// As the laws of the model leave one.
    fn register(&mut self) -> Register {
        let mut siblings: BTreeMap<BaseId, Sibling> = BTreeMap::new();
        let count = if self.chance(70) { 1 } else { 1 + self.below(3) };
        for _ in 0..count {
            let sibling = self.sibling();
            siblings.insert(sibling.base.id(), sibling);
        }
        Register { siblings: siblings.into_values().collect() }
    }

    fn sibling(&mut self) -> Sibling {
        let increments = self.some(|draw| {
            let last = draw.clock();
            (draw.actor(), Increment { sum: draw.sum(), since: draw.since(last), last })
        });
        let increments: BTreeMap<Actor, Increment> = increments.into_iter().collect();
        let deadlines = self.some(|draw| {
            let deadline = Deadline { dot: draw.dot(), at_ms: draw.time(), covers: draw.context() };
            (deadline.dot, deadline)
        });
        let deadlines: BTreeMap<Dot, Deadline> = deadlines.into_iter().collect();
        let is_empty = increments.is_empty() && deadlines.is_empty();
        let live = is_empty || self.chance(50);
        let base = if !is_empty && self.chance(30) {
            Base::Bottom
        } else {
            let has_value = live || !increments.is_empty();
            let value = if has_value { self.bytes() } else { Bytes::new() };
            Base::Value { dot: self.dot(), live, value }
        };
        Sibling {
            base,
            increments: increments.into_iter().collect(),
            deadlines: deadlines.into_values().collect(),
        }
    }

    pub fn copies(&mut self) -> Copies {
        Copies {
            horizon: self.horizon(),
            copies: self.some(|draw| Copy { name: draw.name(), record: draw.record() }),
            large: if self.chance(60) { Vec::new() } else { self.some(Draw::large) },
            bonds: self.some(|draw| draw.some(Draw::name)),
            completions: self.some(Draw::completion),
        }
    }

    fn large(&mut self) -> Large {
        let (name, context, digest) = (self.name(), self.context(), self.word());
        Large { name, context, digest, findings: self.some(Draw::finding) }
    }

    fn finding(&mut self) -> Finding {
        let range = self.range();
        match self.below(3) {
            0 => {
                let width = (range.last() - range.first()) / (1 + self.below(PARTS - 1) as u64);
                let width = NonZeroU64::MIN.saturating_add(width);
                let digests = range.parts(width).map(|_| self.word()).collect();
                Finding::Split { range, width, digests }
            }
            1 => {
                let places = self.some(|draw| (draw.word(), draw.word()));
                let places: BTreeMap<u64, u64> =
                    places.into_iter().filter(|(place, _)| range.holds(*place)).collect();
                Finding::Listed { range, places: places.into_iter().collect() }
            }
            _ => Finding::Cells { range, cells: self.some(|draw| (draw.path(), draw.register())) },
        }
    }

    fn range(&mut self) -> Range {
        let (one, other) = match self.chance(30) {
            true => (0, u64::MAX),
            false => (self.small(), self.word()),
        };
        Range::new(one.min(other), one.max(other)).expect("ascending")
    }

    pub fn ranges(&mut self) -> ranges::Ask {
        ranges::Ask { compare: self.some(Draw::range), fetch: self.some(Draw::range) }
    }
}
