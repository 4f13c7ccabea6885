//! A siege: for some seconds one thing after the other goes wrong with the owners of one slot, its home
//! above all, and clients ask for that slot's keys more often than for others.
//!
//! What breaks only when three things come together would hardly ever be met otherwise: a home goes
//! while its last writes are under way, the next one goes when the first is back, an owner comes back
//! when the one that had everything goes. So the time from one trouble to the next is about that of a
//! takeover.

use super::plan::{Plan, TAGS};
use super::trouble::{self, Health, Trouble};
use super::words::first_name;
use crate::world::network::{Clog, Cut, Site};
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::random::Random;
use std::collections::BTreeSet;

/// Of a hundred troubles, so many begin one.
pub const PERCENT: usize = 6;

/// Of a hundred calls during one, so many are for its keys.
pub const CALLS_PERCENT: usize = 60;

/// Clients think so many times faster.
pub const HASTE: usize = 3;

/// See the module.
#[derive(Clone, Debug)]
pub struct Siege {
    /// The keys that are asked for.
    pub tag: usize,
    /// Their group.
    pub group: GroupId,
    owners: Vec<Site>,
    /// When it is over.
    pub until_us: u64,
}

impl Siege {
    /// One that begins now.
    pub fn lay(plan: &Plan, now_us: u64, random: &mut Random) -> Siege {
        // The first tag's keys are written together most often.
        let tag = if random.chance(40) { 0 } else { random.below(TAGS) };
        let slot = Slot::of(&first_name(tag));
        let owners = plan.layout.owners(slot).iter().map(|owner| owner.0 as Site).collect();
        let until_us = now_us + 3_000_000 + random.below(8_000_000) as u64;
        Siege { tag, group: plan.layout.group_of(slot), owners, until_us }
    }

    /// How long until its next trouble.
    pub fn pause_us(&self, random: &mut Random) -> u64 {
        50_000 + random.below(1_500_000) as u64
    }

    /// Its next trouble.
    pub fn next(
        &self,
        plan: &Plan,
        health: &Health,
        home: Option<Site>,
        random: &mut Random,
    ) -> Trouble {
        if !health.down.is_empty() && random.chance(50) {
            let down: Vec<Site> = health.down.iter().copied().collect();
            return Trouble::Start(*random.pick(&down));
        }
        let any = *random.pick(&self.owners);
        let node = home.filter(|_| random.chance(60)).unwrap_or(any);
        let others = || self.owners.iter().copied().filter(move |other| *other != node);
        match random.below(100) {
            0..=29 => Trouble::Cut(Cut::Around(self.alone(plan, node, random))),
            30..=37 => Trouble::Cut(Cut::Mute(self.alone(plan, node, random))),
            38..=49 => {
                let most_us = 200_000 + random.below(2_500_000) as u64;
                Trouble::Clog(others().map(|to| (node, to)).collect(), Clog::Data(most_us))
            }
            50..=53 => {
                let longer_us = 50_000 + random.below(1_200_000) as u64;
                Trouble::Clog(others().map(|from| (from, node)).collect(), Clog::All(longer_us))
            }
            54..=61 => {
                let most_us = 200_000 + random.below(2_000_000) as u64;
                Trouble::Clog(others().map(|from| (from, node)).collect(), Clog::Beats(most_us))
            }
            62..=69 => Trouble::Pause(node, 200_000 + random.below(1_200_000) as u64),
            70..=81 => trouble::crash(plan, health, node, random),
            82..=84 => trouble::jump(health, node, random),
            _ => Trouble::Heal,
        }
    }

    /// A machine, with or without a proxy of its own.
    fn alone(&self, plan: &Plan, node: Site, random: &mut Random) -> BTreeSet<Site> {
        let proxy = random.chance(60).then(|| plan.nodes + random.below(plan.proxies));
        [node].into_iter().chain(proxy).collect()
    }
}
