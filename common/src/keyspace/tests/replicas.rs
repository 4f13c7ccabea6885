//! Three owners that write, lose messages, get them late and twice, repair by whole records, flush
//! and settle: each one's keyspace is what its plain records are, and they end equal.

use super::twin::{Name, Twin};
use super::{digests, twins};
use crate::causal::{Applied, Delta, Floor, Record};
use crate::clock::Hlc;
use crate::placement::slot::Slot;
use crate::random::Random;
use crate::testing::for_all;
use std::collections::BTreeSet;

#[derive(Clone)]
enum Parcel {
    Delta(Name, Delta),
    Cut(u8, u8, Hlc),
    CutSlot(Slot, Hlc),
    Floor(Slot, Floor),
}

struct World {
    nodes: Vec<Twin>,
    /// To whom, and what: delivered in any order, any number of times, or never.
    under_way: Vec<(usize, Parcel)>,
    floors: bool,
}

impl World {
    fn new(floors: bool) -> World {
        let nodes = (1..=3).map(|actor| Twin::new(actor, false, true)).collect();
        World { nodes, under_way: Vec::new(), floors }
    }

    fn tell(&mut self, from: usize, parcel: &Parcel) {
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            self.under_way.push((to, parcel.clone()));
        }
    }

    fn step(&mut self, random: &mut Random) {
        let at = random.below(self.nodes.len());
        if random.chance(50) {
            self.nodes[at].reclaim_actors();
        }
        match random.below(40) {
            0 => {
                for (partition, cut) in self.nodes[at].flush(0) {
                    if self.nodes.iter().any(|n| n.holds(partition)) {
                        self.tell(at, &Parcel::Cut(partition, 0, cut));
                    }
                }
            }
            1 => {
                let slot = Slot::of(&twins::name(random).1);
                let cut = self.nodes[at].flush_slot(slot, 0);
                self.tell(at, &Parcel::CutSlot(slot, cut));
            }
            2 => {
                let due = self.nodes[at].now.wall_ms;
                for partition in self.nodes[at].partitions() {
                    for (name, delta) in self.nodes[at].sweep(partition, due) {
                        self.tell(at, &Parcel::Delta(name, delta));
                    }
                }
            }
            3..=6 => {
                let other = random.below(self.nodes.len());
                let name = twins::name(random);
                self.repair(at, other, &name);
            }
            7 if random.chance(20) => self.nodes[at].rename(3),
            7 if self.floors => self.settle(random),
            8..=22 => {
                if !self.under_way.is_empty() {
                    let n = random.below(self.under_way.len());
                    let (to, parcel) = match random.below(4) {
                        0 => self.under_way[n].clone(),
                        _ => self.under_way.remove(n),
                    };
                    // One in five is lost.
                    if !random.chance(20) {
                        self.deliver(to, &parcel);
                    }
                }
            }
            _ => {
                twins::pass_time(&mut self.nodes[at], random);
                for (name, delta) in twins::write(&mut self.nodes[at], random) {
                    self.tell(at, &Parcel::Delta(name, delta));
                }
            }
        }
    }

    fn deliver(&mut self, to: usize, parcel: &Parcel) {
        match parcel {
            Parcel::Delta(name, delta) => {
                if self.nodes[to].apply(name, delta) == Applied::Gap {
                    let from = (delta.dot.actor.0 as usize - 1) % self.nodes.len();
                    self.repair(to, from, name);
                }
            }
            Parcel::Cut(partition, db, cut) => self.nodes[to].cut(*partition, *db, *cut),
            Parcel::CutSlot(slot, cut) => self.nodes[to].cut_slot(*slot, 0, *cut),
            Parcel::Floor(slot, floor) => self.nodes[to].raise_floor(*slot, floor),
        }
    }

    fn repair(&mut self, to: usize, from: usize, name: &Name) {
        if to != from {
            let (record, horizon) = self.nodes[from].stored(name);
            self.nodes[to].join(name, &record.unwrap_or_default(), &horizon);
        }
    }

    fn names(&self) -> BTreeSet<Name> {
        self.nodes.iter().flat_map(|node| node.model.records.keys().cloned()).collect()
    }

    /// A floor round of one slot: every holder says its clock, all exchange, and each logs the
    /// floor at a time of its own.
    fn settle(&mut self, random: &mut Random) {
        let slot = Slot::of(&twins::name(random).1);
        let mut floor = Floor::new();
        for node in &mut self.nodes {
            floor.merge(&node.report(slot));
        }
        for name in self.names().iter().filter(|name| Slot::of(&name.1) == slot) {
            self.exchange(name);
        }
        for to in 0..self.nodes.len() {
            if random.chance(60) {
                self.nodes[to].raise_floor(slot, &floor);
            } else {
                self.under_way.push((to, Parcel::Floor(slot, floor.clone())));
            }
        }
    }

    fn exchange(&mut self, name: &Name) {
        for round in 0..2 {
            for at in 1..self.nodes.len() {
                let (to, from) = if round == 0 { (0, at) } else { (at, 0) };
                self.repair(to, from, name);
            }
        }
    }

    fn heal(&mut self) {
        let names = self.names();
        names.iter().for_each(|name| self.exchange(name));
        for name in &names {
            let shown: Vec<Record> =
                self.nodes.iter().map(|node| node.stored(name).0.unwrap_or_default()).collect();
            assert!(shown.windows(2).all(|two| two[0].cells == two[1].cells), "{name:?} {shown:?}");
        }
        self.nodes.iter().for_each(Twin::check_all);
        self.nodes.windows(2).for_each(|two| digests::check_pair(&two[0], &two[1]));
    }
}

fn run(random: &mut Random, floors: bool) {
    let mut world = World::new(floors);
    for _ in 0..if cfg!(miri) { 30 } else { 200 } {
        world.step(random);
        let two = [random.below(3), random.below(3)];
        digests::check_pair(&world.nodes[two[0]], &world.nodes[two[1]]);
    }
    world.nodes.iter().for_each(Twin::check_all);
    world.heal();
}

#[test]
fn owners_that_lose_messages_and_repair_end_equal() {
    for_all(150, |random| run(random, false));
}

#[test]
fn owners_that_also_settle_their_slots_end_equal() {
    for_all(300, |random| run(random, true));
}

#[test]
fn deltas_in_order_need_no_repair() {
    for_all(60, |random| {
        let mut world = World::new(false);
        for _ in 0..150 {
            twins::pass_time(&mut world.nodes[0], random);
            for (name, delta) in twins::write(&mut world.nodes[0], random) {
                assert_eq!(world.nodes[1].apply(&name, &delta), Applied::Applied);
            }
            for name in world.names() {
                assert_eq!(world.nodes[0].stored(&name).0, world.nodes[1].stored(&name).0);
            }
        }
        world.nodes.iter().for_each(Twin::check_all);
    });
}
