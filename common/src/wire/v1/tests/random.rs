//! Random messages: all of their variants, and values at their edges.

use super::super::Frame;
use crate::causal::{Context, Floor};
use crate::clock::Hlc;
use crate::id::{Actor, Dot, NodeId};
use crate::merkle::{KEY_BYTES_MAX, KeyName, KeyRef, LEAVES, Leaf, Leaves, Page};
use crate::placement::layout::{Epoch, GroupId};
use crate::placement::slot::{SLOTS, Slot};
use crate::resp::Protocol;
use crate::testing::Case;
use crate::wire::peer::{
    Ack, Answer, AnswerWhat, Ask, AskWhat, Batch, Beat, Granted, Heartbeat, Message, Push, Repair,
    Settle, Term, WriteNumber,
};
use crate::wire::request::{
    Attempt, Changed, Completion, Consistency, Executed, Ping, Pong, Request, RequestId, Response,
    Work,
};
use crate::wire::{GroupCuts, GroupHorizon, Item, Name};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

pub const NOW_MS: u64 = 1_800_000_000_000;

/// Draws the messages of one case.
pub struct Draw<'c> {
    pub case: &'c mut Case,
    actors: Vec<Actor>,
    /// What writes of this case are relative to: see [`Draw::known`].
    pub horizons: [GroupHorizon; 2],
}

impl Deref for Draw<'_> {
    type Target = Case;

    fn deref(&self) -> &Case {
        self.case
    }
}

impl DerefMut for Draw<'_> {
    fn deref_mut(&mut self) -> &mut Case {
        self.case
    }
}

impl<'c> Draw<'c> {
    pub fn new(case: &'c mut Case) -> Draw<'c> {
        let count = if case.chance(10) { 40 } else { 1 + case.below(5) };
        let actors = (0..count).map(|_| Actor(case.word())).collect();
        let mut draw = Draw { case, actors, horizons: Default::default() };
        draw.horizons = [draw.horizon(), draw.horizon()];
        draw
    }

    /// What a receiver knows of.
    pub fn known(&self) -> [&GroupHorizon; 2] {
        self.horizons.each_ref()
    }

    /// Whether the short form of this write has a digest.
    pub fn names_a_past(&self, batch: &Batch) -> bool {
        batch.items.iter().any(|item| match item {
            Item::Delta { delta, .. } => !delta.floor.is_empty() || delta.cut != Hlc::ZERO,
            Item::Cut { .. } => false,
        })
    }

    pub fn frame(&mut self) -> Frame {
        match self.below(16) {
            0 => Frame::Request(self.request()),
            1 => Frame::Response(self.attempt(), self.response()),
            2 => Frame::Ping(Ping { sent_us: self.small() }),
            3 => {
                let (sent_us, mono_us, incarnation) = (self.small(), self.small(), self.word());
                Frame::Pong(Pong { sent_us, mono_us, incarnation })
            }
            _ => Frame::Peer(self.message()),
        }
    }

    fn message(&mut self) -> Message {
        match self.below(14) {
            0 => Message::Heartbeat(Box::new(self.heartbeat())),
            1 => Message::Beat(Box::new(self.beat())),
            2 => {
                let next = self.chance(50).then(|| self.node());
                let (incarnation, group) = (self.word(), self.group());
                Message::Release { incarnation, group, released_us: self.small(), next }
            }
            3..6 => Message::Write(Arc::new(self.batch())),
            6 => Message::Repair(Box::new(Repair {
                group: self.group(),
                epoch: self.epoch(),
                copies: self.copies(),
                writes: self.numbers(),
                next: self.small(),
                held: self.below(17) as u8,
                is_available: self.chance(50),
            })),
            7 => {
                let (held, gaps) = (self.numbers().into(), self.numbers());
                Message::Ack(Ack { group: self.group(), held, gaps })
            }
            8..10 => Message::Ask(Box::new(self.ask())),
            10..12 => Message::Answer(Box::new(self.answer())),
            12 => Message::Settle(Box::new(Settle {
                group: self.group(),
                epoch: self.epoch(),
                incarnation: self.word(),
                floor: self.floor(),
                term: self.term(),
            })),
            _ => {
                let (number, incarnation) = (self.word(), self.word());
                let (group, is_in_step) = (self.group(), self.chance(50));
                Message::Settled { group, number, incarnation, is_in_step }
            }
        }
    }

    pub fn some<T>(&mut self, each: impl Fn(&mut Self) -> T) -> Vec<T> {
        let count = if self.chance(40) { 0 } else { self.below(5) };
        (0..count).map(|_| each(self)).collect()
    }

    /// Numbers of all lengths.
    pub fn small(&mut self) -> u64 {
        let bits = self.below(64);
        self.word() >> bits
    }

    pub fn bytes(&mut self) -> Bytes {
        let len = if self.chance(5) { self.below(3_000) } else { self.below(20) };
        self.case.bytes(len).into()
    }

    pub fn group(&mut self) -> GroupId {
        GroupId(self.small() as u32)
    }

    pub fn epoch(&mut self) -> Epoch {
        Epoch::new(self.small().max(1)).expect("it is not 0")
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.word())
    }

    fn slot(&mut self) -> Slot {
        Slot::new(self.below(SLOTS.into()) as u16).expect("it is one")
    }

    fn term(&mut self) -> Term {
        Term { number: self.small(), tenure: self.word() }
    }

    pub fn number(&mut self) -> WriteNumber {
        WriteNumber { tenure: self.word(), sequence: self.small() }
    }

    fn numbers(&mut self) -> Vec<WriteNumber> {
        let tenure = self.word();
        self.some(|draw| match draw.chance(70) {
            true => WriteNumber { tenure, sequence: draw.small() },
            false => draw.number(),
        })
    }

    fn request_id(&mut self) -> RequestId {
        RequestId { session: self.word(), number: self.small() }
    }

    pub fn executed(&mut self) -> Executed {
        let reply = match self.below(3) {
            0 => None,
            1 => Some(Bytes::from_static(b"+OK\r\n")),
            _ => Some(self.bytes()),
        };
        Executed { id: self.request_id(), reply }
    }

    pub fn completion(&mut self) -> Completion {
        let changed = match self.chance(80) {
            true => Changed::Keys(self.some(|draw| draw.word()).into()),
            false => Changed::All,
        };
        Completion { executed: self.executed(), changed }
    }

    pub fn actor(&mut self) -> Actor {
        *self.case.pick(&self.actors)
    }

    pub fn clock(&mut self) -> Hlc {
        match self.below(20) {
            0 => Hlc(1),
            1 => Hlc(u64::MAX - 1),
            2 => Hlc(self.word() | 2),
            _ => {
                let back = self.small() % 100_000_000;
                Hlc::new(NOW_MS - back, self.small() as u16)
            }
        }
    }

    pub fn dot(&mut self) -> Dot {
        Dot { actor: self.actor(), hlc: self.clock() }
    }

    pub fn context(&mut self) -> Context {
        let closed = |draw: &mut Draw<'_>, dot: Dot| match draw.chance(10) {
            true => Dot { hlc: Hlc::CLOSED, ..dot },
            false => dot,
        };
        let dots = self.some(|draw| {
            let dot = draw.dot();
            closed(draw, dot)
        });
        dots.into_iter().collect()
    }

    fn floor(&mut self) -> Floor {
        Floor::from(self.context())
    }

    fn cuts(&mut self) -> GroupCuts {
        let cuts: BTreeMap<u8, Hlc> =
            self.some(|draw| (draw.below(4) as u8, draw.clock())).into_iter().collect();
        cuts.into_iter().collect()
    }

    pub fn horizon(&mut self) -> GroupHorizon {
        GroupHorizon { floor: self.floor(), cuts: self.cuts() }
    }

    pub fn name(&mut self) -> Name {
        Name { db: self.db(), key: self.bytes() }
    }

    fn db(&mut self) -> u8 {
        if self.chance(60) { 0 } else { self.small() as u8 }
    }

    fn heartbeat(&mut self) -> Heartbeat {
        Heartbeat {
            incarnation: self.word(),
            epoch: self.epoch(),
            sent_us: self.small(),
            actor: self.actor(),
            is_sound: self.chance(50),
            asks: self
                .some(|draw| (draw.group(), draw.term(), draw.chance(50).then(|| draw.small()))),
            declines: self.some(Draw::group),
        }
    }

    fn beat(&mut self) -> Beat {
        let asked = self.some(|draw| {
            let granted = match draw.below(4) {
                0 => Granted::Yes,
                1 => Granted::Held(draw.node()),
                2 => Granted::NotYet,
                _ => Granted::Stale(draw.small()),
            };
            (draw.group(), draw.term(), granted)
        });
        let (incarnation, asker) = (self.word(), self.word());
        let (sent_us, wall_ms) = (self.small(), self.small() >> 16);
        Beat { incarnation, asker, sent_us, wall_ms, asked }
    }

    fn ask(&mut self) -> Ask {
        let what = match self.below(8) {
            0 => AskWhat::Open {
                digest: self.word(),
                cuts: self.cuts(),
                flushes: self.some(Draw::completion),
                floor: self.floor(),
                wants_clock: self.chance(50),
                ended: self.some(Draw::actor),
                is_survey: self.chance(50),
            },
            1 => {
                AskWhat::Slots { from: self.small() as u32, digests: self.some(|draw| draw.word()) }
            }
            2 => AskWhat::Leaf { slot: self.slot(), leaf: self.leaf(), from: self.word() },
            3 => AskWhat::Close {
                floor: self.floor(),
                completions: self.some(Draw::completion),
                unsure_us: self.small(),
            },
            4 => AskWhat::Cells {
                tenure: self.chance(50).then(|| self.word()),
                asks: self.some(|draw| (draw.name(), draw.ranges())),
            },
            5 => AskWhat::Read(self.some(|draw| (draw.slot(), draw.key_ref()))),
            _ => AskWhat::Keys {
                copies: self.copies(),
                wanted: self.some(|draw| (draw.slot(), draw.key_ref())),
                is_whole: self.chance(50),
            },
        };
        Ask {
            session: self.word(),
            step: self.small() as u32,
            group: self.group(),
            epoch: self.epoch(),
            incarnation: self.chance(50).then(|| self.word()),
            push: self.chance(50).then(|| Push {
                term: self.term(),
                is_adopted: self.chance(50),
                next: self.small(),
            }),
            what,
        }
    }

    fn answer(&mut self) -> Answer {
        let what = match self.below(8) {
            0 => AnswerWhat::Opened {
                is_equal: self.chance(50),
                cuts: self.cuts(),
                completions: self.some(Draw::completion),
                floor: self.floor(),
                is_whole: self.chance(50),
                step: self.term(),
                term: self.term(),
                clock: self.chance(50).then(|| ([self.actor(), self.actor()], self.clock())),
            },
            1 => AnswerWhat::Leaves {
                slots: self.some(|draw| (draw.slot(), draw.leaves())),
                looked: self.small() as u32,
            },
            2 => {
                let mut keys = self.some(|draw| (draw.key_ref(), draw.word()));
                keys.sort();
                AnswerWhat::Page(Page { keys, next: self.chance(50).then(|| self.word()) })
            }
            3 => AnswerWhat::Closed {
                open: self.some(Draw::actor),
                unsure_us: self.small(),
                step: self.term(),
            },
            4 => AnswerWhat::Refused,
            5 => AnswerWhat::Pulling { answers: self.small(), is_done: self.chance(50) },
            _ => AnswerWhat::Keys {
                copies: self.copies(),
                together: self.some(|draw| draw.some(Draw::name)),
                looked: self.small() as u32,
            },
        };
        Answer {
            session: self.word(),
            step: self.small() as u32,
            group: self.group(),
            incarnation: self.word(),
            what,
        }
    }

    fn leaf(&mut self) -> Leaf {
        Leaf::new(self.below(LEAVES) as u8).expect("it is one")
    }

    fn leaves(&mut self) -> Leaves {
        Leaves::new([(); LEAVES].map(|()| self.word()))
    }

    fn key_ref(&mut self) -> KeyRef {
        let name = match self.chance(50) {
            true => {
                let len = self.below(KEY_BYTES_MAX + 1);
                KeyName::Whole(self.case.bytes(len).into())
            }
            false => KeyName::Digest(u128::from(self.word()) << 64 | u128::from(self.word())),
        };
        KeyRef { order: self.word(), db: self.db(), name }
    }

    fn request(&mut self) -> Request {
        let work = match self.chance(10) {
            true => Work::Flush(self.group()),
            false => Work::Commands(
                self.some(|draw| (0..1 + draw.below(4)).map(|_| draw.bytes()).collect()),
            ),
        };
        Request {
            attempt: self.attempt(),
            epoch: self.epoch(),
            slot: self.slot(),
            db: self.db(),
            protocol: *self.case.pick(&[Protocol::Resp2, Protocol::Resp3]),
            consistency: *self.case.pick(&[Consistency::Strong, Consistency::Available]),
            valid: (self.word(), self.small()),
            is_retry: self.chance(50),
            is_elsewhere: self.chance(50),
            work,
        }
    }

    fn attempt(&mut self) -> Attempt {
        Attempt { id: self.request_id(), number: self.small() as u32 }
    }

    fn response(&mut self) -> Response {
        match self.below(5) {
            0 => Response::Elsewhere(None),
            1 => Response::Elsewhere(Some(self.node())),
            2 => Response::Later,
            3 => Response::Unknown,
            _ => Response::Done(self.bytes()),
        }
    }
}
