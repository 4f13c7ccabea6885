//! A message names a group, and keys of that group: any other one is taken in no part.

use super::*;
use kinring_common::causal::{Change, Delta, Horizon};
use kinring_common::clock::Hlc;
use kinring_common::id::Dot;
use kinring_common::keyspace::HashSeed;
use kinring_common::merkle::{Leaves, Page};
use kinring_common::wire::peer::{Batch, Repair, WriteNumber};
use kinring_common::wire::{Item, Large};

/// Two groups: of even slots node 0 is home, of odd ones node 1.
struct Two {
    three: Three,
    /// A key of each.
    own: Name,
    foreign: Name,
}

impl Two {
    fn new() -> Two {
        let three = Three::with(|slot| if slot.is_multiple_of(2) { [0, 1, 2] } else { [1, 2, 0] });
        let key = |odd: bool| {
            let keys = (0..).map(|n| Bytes::from(format!("key {n}")));
            let is_it = |key: &Bytes| Slot::of(key).number().is_multiple_of(2) != odd;
            Name { db: 0, key: { keys }.find(is_it).expect("there are many") }
        };
        Two { three, own: key(false), foreign: key(true) }
    }

    fn group(&self) -> GroupId {
        self.three.layout.group_of(Slot::of(&self.own.key))
    }

    fn delta(&self) -> Delta {
        let (now, actor) = (self.three.now, Actor(2));
        let dot = Dot { hlc: Hlc::new(now.wall_ms, 7), actor };
        let change = Change::Replace { value: Bytes::from_static(b"v"), deadline_ms: None };
        Record::default().plan(change, dot, &Horizon::default(), now.wall_ms)
    }

    fn number(&self) -> WriteNumber {
        let node = self.three.nodes[0].as_ref().expect("it is up");
        WriteNumber { tenure: node.groups[&self.group()].term.tenure, sequence: 0 }
    }

    /// A write of the home of the first group.
    fn write(&self, names: &[&Name]) -> Message {
        let items =
            names.iter().map(|&name| Item::Delta { name: name.clone(), delta: self.delta() });
        Message::Write(Arc::new(Batch {
            group: self.group(),
            epoch: self.three.layout.epoch(),
            number: self.number(),
            stable: 0,
            is_available: false,
            items: items.collect(),
            executed: None,
        }))
    }

    fn copies(&self, names: &[&Name]) -> Copies {
        let mut record = Record::default();
        record.apply(&self.delta(), &Horizon::default());
        let copy = |&name: &&Name| Copy { name: name.clone(), record: record.clone() };
        Copies { copies: names.iter().map(copy).collect(), ..Copies::default() }
    }

    fn repair(&self, copies: Copies) -> Message {
        Message::Repair(Box::new(Repair {
            group: self.group(),
            epoch: self.three.layout.epoch(),
            copies,
            writes: vec![self.number()],
            next: 1,
            held: 0,
            is_available: false,
        }))
    }

    fn ask(&self, what: AskWhat) -> Message {
        let (group, epoch) = (self.group(), self.three.layout.epoch());
        let (incarnation, push) = (None, None);
        Message::Ask(Box::new(peer::Ask {
            session: 1,
            step: 1,
            group,
            epoch,
            incarnation,
            push,
            what,
        }))
    }

    fn answer(&self, what: AnswerWhat) -> Message {
        let (group, incarnation) = (self.group(), 1);
        Message::Answer(Box::new(peer::Answer { session: 1, step: 1, group, incarnation, what }))
    }

    /// The second owner hears it from the first.
    #[track_caller]
    fn refuses(&mut self, message: Message) {
        let refused = |two: &Two| two.three.nodes[1].as_ref().expect("it is up").refused();
        let before = refused(self);
        assert_eq!(self.three.tell(1, 0, message), [], "nothing is said or logged");
        assert_eq!(refused(self), before + 1, "and it is counted once");
        for name in [&self.own, &self.foreign] {
            assert_eq!(self.three.record_of(1, &name.key), Record::default(), "nothing is taken");
        }
    }
}

#[test]
fn a_write_that_names_a_key_of_another_group_is_refused_as_a_whole() {
    let mut two = Two::new();
    let (own, foreign) = (two.own.clone(), two.foreign.clone());
    two.refuses(two.write(&[&foreign]));
    two.refuses(two.write(&[&own, &foreign]));
    let said = two.three.tell(1, 0, two.write(&[&own]));
    assert!(said.iter().any(|output| matches!(output, Output::Peer(_, Message::Ack(_)))));
    assert_ne!(two.three.record_of(1, &own.key), Record::default());
}

#[test]
fn copies_of_a_key_of_another_group_are_refused_with_all_beside_them() {
    let mut two = Two::new();
    let (own, foreign) = (two.own.clone(), two.foreign.clone());
    two.refuses(two.repair(two.copies(&[&own, &foreign])));
    let bonds = vec![vec![own.clone(), foreign.clone()]];
    two.refuses(two.repair(Copies { bonds, ..two.copies(&[&own]) }));
    let (name, context) = (foreign.clone(), kinring_common::causal::Context::new());
    let large = vec![Large { name, context, digest: 0, findings: Vec::new() }];
    two.refuses(two.repair(Copies { large, ..two.copies(&[&own]) }));
    let (copies, wanted, is_whole) = (two.copies(&[&own, &foreign]), Vec::new(), false);
    two.refuses(two.ask(AskWhat::Keys { copies: copies.clone(), wanted, is_whole }));
    let (together, looked) = (Vec::new(), 1);
    two.refuses(two.answer(AnswerWhat::Keys { copies, together, looked }));
    let said = two.three.tell(1, 0, two.repair(two.copies(&[&own])));
    assert!(said.iter().any(|output| matches!(output, Output::Peer(_, Message::Ack(_)))));
}

#[test]
fn a_step_of_an_exchange_that_names_what_is_elsewhere_is_refused() {
    let mut two = Two::new();
    let seed = HashSeed(7);
    let (slot, other) = (Slot::of(&two.own.key), Slot::of(&two.foreign.key));
    let (own, foreign) = (seed.key_ref(0, &two.own.key), seed.key_ref(0, &two.foreign.key));
    // Of a slot that is not theirs, of one that is not the key's, and a place that is not the slot's.
    let elsewhere = kinring_common::merkle::KeyRef { order: own.order ^ 1 << 63, ..own.clone() };
    for key in [(other, foreign.clone()), (slot, foreign.clone()), (slot, elsewhere)] {
        two.refuses(two.ask(AskWhat::Read(vec![(slot, own.clone()), key.clone()])));
        let (copies, is_whole) = (Copies::default(), false);
        two.refuses(two.ask(AskWhat::Keys { copies, wanted: vec![key], is_whole }));
    }
    two.refuses(
        two.answer(AnswerWhat::Leaves { slots: vec![(other, Leaves::default())], looked: 1 }),
    );
    let page = Page { keys: vec![(foreign, 1)], next: None };
    assert!(page.is_of(other) && !page.is_of(slot));
}
