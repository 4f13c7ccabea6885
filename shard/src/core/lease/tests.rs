//! A group of owners whose clocks drift and whose processes pause and start again: never two homes.

use super::*;
use kinring_common::random::Random;

const GROUP: GroupId = GroupId(7);

/// An owner with a clock of its own, which may run fast or slow, stop for a while in a pause of the
/// process (the clock goes on), and forget what it granted.
struct Owner {
    id: NodeId,
    /// Microseconds that its clock runs in a million of true time.
    rate: u64,
    offset_us: u64,
    grants: Grants,
    leases: Leases,
    paused_until_us: u64,
}

enum Message {
    Ask { asked_us: u64 },
    Granted { asked_us: u64 },
    Release { released_us: u64 },
}

struct World {
    now_us: u64,
    owners: Vec<Owner>,
    /// To whom, from whom, when at the earliest.
    net: Vec<(usize, usize, u64, Message)>,
    quorum: Quorum,
    homes: usize,
    changes: usize,
    last: Option<usize>,
}

impl Owner {
    fn clock(&self, now_us: u64) -> u64 {
        self.offset_us + (u128::from(now_us) * u128::from(self.rate) / 1_000_000) as u64
    }
}

impl World {
    fn new(random: &mut Random) -> World {
        let quorum = *random.pick(&[Quorum::majority(3), Quorum::majority(2), Quorum::majority(5)]);
        let owner = |n: usize, random: &mut Random| {
            let id = NodeId(n as u64);
            // Half a percent either way: within the drift that is allowed for.
            let rate = 995_000 + random.below(10_001) as u64;
            let offset_us = random.below(1 << 40) as u64;
            let (grants, leases) = (Grants::default(), Leases::new(id, quorum));
            Owner { id, rate, offset_us, grants, leases, paused_until_us: 0 }
        };
        let owners = (0..quorum.replicas()).map(|n| owner(n, random)).collect();
        World { now_us: 0, owners, net: Vec::new(), quorum, homes: 0, changes: 0, last: None }
    }

    fn send(&mut self, to: usize, from: usize, random: &mut Random, message: Message) {
        // Nearly always soon; sometimes after longer than any lease lasts.
        let delay_us =
            if random.chance(95) { random.below(5_000) } else { random.below(2_000_000) };
        self.net.push((to, from, self.now_us + delay_us as u64, message));
    }

    fn step(&mut self, random: &mut Random) {
        self.now_us += random.below(20_000) as u64;
        let at = random.below(self.owners.len());
        if self.owners[at].paused_until_us > self.now_us {
            return;
        }
        let clock = self.owners[at].clock(self.now_us);
        match random.below(100) {
            0..20 => {
                let id = self.owners[at].id;
                if self.owners[at].grants.ask(GROUP, id, clock, clock) == Answer::Granted {
                    self.owners[at].leases.granted(GROUP, id, clock);
                    for to in (0..self.owners.len()).filter(|&to| to != at) {
                        self.send(to, at, random, Message::Ask { asked_us: clock });
                    }
                }
            }
            20..22 => {
                let pause_us = random.below(1_500_000) as u64;
                self.owners[at].paused_until_us = self.now_us + pause_us;
            }
            22 => {
                let owner = &mut self.owners[at];
                owner.grants = Grants::after_restart(clock);
                owner.leases = Leases::new(owner.id, self.quorum);
            }
            23..26 if self.owners[at].leases.is_home(GROUP, clock) => {
                self.owners[at].leases.release(GROUP, clock);
                for to in 0..self.owners.len() {
                    self.send(to, at, random, Message::Release { released_us: clock });
                }
            }
            _ => self.deliver(random),
        }
    }

    fn deliver(&mut self, random: &mut Random) {
        let due = |&(to, _, when, _): &(usize, usize, u64, Message)| {
            when <= self.now_us && self.owners[to].paused_until_us <= self.now_us
        };
        let Some(at) = self.net.iter().position(due) else { return };
        let (to, from, _, message) = self.net.swap_remove(at);
        let (clock, id) = (self.owners[to].clock(self.now_us), self.owners[from].id);
        match message {
            Message::Ask { asked_us } => {
                if self.owners[to].grants.ask(GROUP, id, asked_us, clock) == Answer::Granted {
                    self.send(from, to, random, Message::Granted { asked_us });
                }
            }
            Message::Granted { asked_us } => self.owners[to].leases.granted(GROUP, id, asked_us),
            Message::Release { released_us } => {
                self.owners[to].grants.release(GROUP, id, released_us);
            }
        }
    }

    /// Who believes to be home. A paused process believes nothing: it looks again when it goes on.
    fn check(&mut self) {
        let believes = |owner: &Owner| owner.leases.is_home(GROUP, owner.clock(self.now_us));
        let homes: Vec<usize> =
            (0..self.owners.len()).filter(|&at| believes(&self.owners[at])).collect();
        assert!(homes.len() <= 1, "two homes at {} µs: {homes:?}", self.now_us);
        if let Some(&home) = homes.first() {
            let clock = self.owners[home].clock(self.now_us);
            for id in self.owners[home].leases.grantors(GROUP, clock) {
                let grantor = &self.owners[id.0 as usize];
                let holder = grantor.grants.holder(GROUP, grantor.clock(self.now_us));
                let knows = grantor.grants.barred_until_us <= grantor.clock(self.now_us);
                assert!(
                    !knows || holder == Some(NodeId(home as u64)),
                    "a grant outlives its giver"
                );
            }
            self.homes += 1;
            self.changes += usize::from(self.last.replace(home) != Some(home));
        }
    }
}

#[test]
fn there_are_never_two_homes_whatever_clocks_and_network_do() {
    let (mut homes, mut changes) = (0, 0);
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let mut world = World::new(&mut random);
        for _ in 0..1500 {
            world.step(&mut random);
            world.check();
        }
        (homes, changes) = (homes + world.homes, changes + world.changes);
    }
    assert!(homes > 50_000 && changes > 2_000, "there were homes: {homes}, {changes} changes");
}

#[test]
fn a_grant_is_renewed_for_its_holder_and_refused_to_others_until_it_ends() {
    let (a, b) = (NodeId(1), NodeId(2));
    let mut grants = Grants::default();
    assert_eq!(grants.ask(GROUP, a, 7, 1_000), Answer::Granted);
    assert_eq!(grants.ask(GROUP, b, 7, 1_000), Answer::Held(a));
    assert_eq!(grants.ask(GROUP, a, 9, 500_000), Answer::Granted);
    assert_eq!(grants.ask(GROUP, b, 9, 500_000 + LEASE_US - 1), Answer::Held(a));
    assert_eq!(grants.ask(GROUP, b, 9, 500_000 + LEASE_US), Answer::Granted);
    grants.release(GROUP, a, 99);
    assert_eq!(grants.holder(GROUP, 500_000 + LEASE_US), Some(b), "only its holder gives it back");
}

#[test]
fn an_owner_that_starts_again_waits_for_what_it_may_have_granted() {
    let mut grants = Grants::after_restart(5);
    assert_eq!(grants.ask(GROUP, NodeId(1), 1, 4 + LEASE_US), Answer::Barred);
    assert_eq!(grants.ask(GROUP, NodeId(1), 1, 5 + LEASE_US), Answer::Granted);
}

#[test]
fn a_home_needs_its_own_grant_and_enough_others() {
    let mut leases = Leases::new(NodeId(1), Quorum::majority(3));
    leases.granted(GROUP, NodeId(2), 0);
    leases.granted(GROUP, NodeId(3), 0);
    assert!(!leases.is_home(GROUP, 1), "its own is missing");
    leases.granted(GROUP, NodeId(1), 0);
    assert_eq!(leases.until_us(GROUP, 1), Some(HOLD_US));
    leases.granted(GROUP, NodeId(2), 1_000);
    assert_eq!(leases.until_us(GROUP, 1), Some(HOLD_US), "its own ends first");
    leases.granted(GROUP, NodeId(1), 1_000);
    assert_eq!(leases.until_us(GROUP, 1), Some(HOLD_US + 1_000));
    assert!(!leases.is_home(GROUP, HOLD_US + 1_000));
    leases.release(GROUP, 1_000);
    assert!(!leases.is_home(GROUP, 1));
}

#[test]
fn what_was_asked_for_before_a_release_counts_no_more_on_either_side() {
    let (a, b) = (NodeId(1), NodeId(2));
    let (mut grants, mut leases) = (Grants::default(), Leases::new(a, Quorum::majority(1)));
    assert_eq!(grants.ask(GROUP, a, 10, 1_000), Answer::Granted);
    leases.release(GROUP, 20);
    leases.granted(GROUP, a, 10);
    assert!(!leases.is_home(GROUP, 30), "the answer came late");
    assert_eq!(grants.ask(GROUP, a, 30, 2_000), Answer::Granted);
    leases.granted(GROUP, a, 30);
    grants.release(GROUP, a, 20);
    assert_eq!(grants.ask(GROUP, b, 5, 2_001), Answer::Held(a), "the release came late");
    assert!(leases.is_home(GROUP, 40));
    grants.release(GROUP, a, 50);
    assert_eq!(grants.ask(GROUP, b, 5, 2_002), Answer::Granted);
}
