//! What goes wrong, and when: from the seed, and from how the cluster is.
//!
//! What loses acknowledged data takes one machine at a time, and only when every other one has all that
//! it should: two such losses at once are more than R owners of which W have a write can bear. With
//! `consistency = available` a write may be on one machine alone, and none loses anything.

use super::plan::{Durability, Plan};
use crate::world::network::{Clog, Cut, Quality, Site};
use kinring_common::random::Random;
use std::collections::BTreeSet;

/// One trouble.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// The network is cut.
    Cut(Cut),
    /// The network works badly.
    Bad(Quality),
    /// Links are slow.
    Clog(Vec<(Site, Site)>, Clog),
    /// The cut heals, links are fast again.
    Heal,
    /// A machine loses power.
    Crash(usize),
    /// A machine that was down starts.
    Start(usize),
    /// A machine gets an empty disk.
    Wipe(usize),
    /// A machine's disk is damaged.
    Damage(usize),
    /// A machine stands still for so long.
    Pause(usize, u64),
    /// A machine is put to sleep for so long: it hears nothing of that time, and its wall clock may have
    /// stood still when it wakes.
    Suspend(usize, u64),
    /// A wall clock is set, by milliseconds.
    Jump(usize, i64),
    /// A clock runs at another rate.
    Rate(usize, u64),
    /// A machine with a proxy stands still for so long.
    PauseProxy(usize, u64),
    /// The clock of one runs at another rate.
    RateOfProxy(usize, u64),
    /// A proxy starts anew; its clients' connections break.
    Proxy(usize),
}

/// How the cluster is.
#[derive(Clone, Debug)]
pub struct Health {
    /// Machines that are down.
    pub down: BTreeSet<usize>,
    /// Every machine is up and has what it should.
    pub is_whole: bool,
    /// The network is cut or slow.
    pub is_cut: bool,
    /// How far each wall clock was set off, in milliseconds.
    pub off_ms: Vec<i64>,
}

/// The next trouble.
pub fn next(plan: &Plan, health: &Health, random: &mut Random) -> Trouble {
    let node = random.below(plan.nodes);
    if !health.down.is_empty() && random.chance(50) {
        let down: Vec<usize> = health.down.iter().copied().collect();
        return Trouble::Start(*random.pick(&down));
    }
    if health.is_cut && random.chance(50) {
        return Trouble::Heal;
    }
    let may_lose = health.is_whole && plan.may_lose;
    match random.below(100) {
        0..=24 => Trouble::Cut(cut(plan, random)),
        25..=31 => Trouble::Bad(bad(random)),
        32..=38 => {
            let (from, to) = (random.below(plan.nodes), random.below(plan.nodes));
            let longer_us = 10_000 + random.below(2_000_000) as u64;
            Trouble::Clog(vec![(from, to)], Clog::All(longer_us))
        }
        39..=58 => crash(plan, health, node, random),
        59..=63 if may_lose => Trouble::Wipe(node),
        64..=67 if may_lose && plan.durability != Durability::Off => Trouble::Damage(node),
        68..=77 => Trouble::Pause(node, 100_000 + random.below(3_000_000) as u64),
        78..=79 => {
            let proxy = random.below(plan.proxies);
            Trouble::PauseProxy(proxy, 100_000 + random.below(4_000_000) as u64)
        }
        80..=82 => Trouble::Suspend(node, 500_000 + random.below(12_000_000) as u64),
        83..=90 => jump(health, node, random),
        91..=94 => {
            let ppm = 995_000 + random.below(10_001) as u64;
            match random.below(plan.nodes + plan.proxies).checked_sub(plan.nodes) {
                Some(proxy) => Trouble::RateOfProxy(proxy, ppm),
                None => Trouble::Rate(node, ppm),
            }
        }
        _ => Trouble::Proxy(random.below(plan.proxies)),
    }
}

pub(super) fn crash(plan: &Plan, health: &Health, node: usize, random: &mut Random) -> Trouble {
    let loses = plan.durability != Durability::Always;
    if health.down.contains(&node) || loses && !health.is_whole {
        return Trouble::Pause(node, 100_000 + random.below(3_000_000) as u64);
    }
    Trouble::Crash(node)
}

/// A wall clock is set off, or right again; most of them are right.
pub(super) fn jump(health: &Health, node: usize, random: &mut Random) -> Trouble {
    if health.off_ms[node] != 0 {
        return Trouble::Jump(node, -health.off_ms[node]);
    }
    let others = health.off_ms.iter().filter(|ms| **ms != 0).count();
    if others > 0 {
        return Trouble::Heal;
    }
    let far_ms = [200, 450, 2_000, 120_000][random.below(4)];
    Trouble::Jump(node, if random.chance(60) { far_ms } else { -far_ms })
}

fn cut(plan: &Plan, random: &mut Random) -> Cut {
    let sites = plan.nodes + plan.proxies;
    let some = |random: &mut Random, percent: usize| -> BTreeSet<usize> {
        (0..sites).filter(|_| random.chance(percent)).collect()
    };
    match random.below(10) {
        0..=1 => Cut::Around(some(random, 40)),
        // A home with a proxy of its own, or a machine alone.
        2..=3 => Cut::Around(BTreeSet::from([
            random.below(plan.nodes),
            plan.nodes + random.below(plan.proxies),
        ])),
        4..=5 => Cut::Around(BTreeSet::from([random.below(plan.nodes)])),
        6..=7 => Cut::Mute(some(random, 25)),
        8 => Cut::Bridge { left: some(random, 50), bridge: random.below(plan.nodes) },
        _ => Cut::Ring,
    }
}

fn bad(random: &mut Random) -> Quality {
    Quality {
        delay_min_us: 50,
        delay_max_us: 1_000 + random.below(30_000) as u64,
        late_per_mille: random.below(50),
        lost_per_mille: random.below(200),
        repeated_per_mille: random.below(100),
    }
}
