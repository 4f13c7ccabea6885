//! The loop: what happens next, and to whom.

use super::classes::Counts;
use super::clients::{Client, Workload};
use super::ending;
use super::failure::Wrong;
use super::front::Front;
use super::harm::START_MS;
use super::host::Host;
use super::letter::Letter;
use super::plan::Plan;
use super::siege::Siege;
use super::sight::Sight;
use super::traps::Traps;
use super::watch::Watch;
use super::witness::Witness;
use super::words;
use crate::checker::Operation;
use crate::world::clock::Clock;
use crate::world::network::Network;
use bytes::Bytes;
use kinring::core::router::{Outcome as Told, Router, RouterInput};
use kinring_common::id::NodeId;
use kinring_common::random::Random;
use kinring_common::wire::request::Attempt;
use kinring_shard::core::node::Input;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

/// How often the wall clocks are put right, as far as nobody set them off.
const NTP_US: u64 = 10_000_000;

/// How often it is looked at what nodes hold.
const LOOK_US: u64 = 5_000_000;

/// See the module.
pub(super) struct Cluster<'p> {
    pub(super) plan: &'p Plan,
    pub(super) now_us: u64,
    pub(super) random: Random,
    pub(super) network: Network<Letter>,
    pub(super) hosts: Vec<Host>,
    pub(super) inboxes: Vec<VecDeque<(usize, Letter)>>,
    /// Tries and answers that arrived: from where, and where.
    pub(super) arrived: HashSet<(usize, usize, Attempt)>,
    pub(super) off_ms: Vec<i64>,
    pub(super) proxies: Vec<Front>,
    pub(super) clients: Vec<Client>,
    /// Which client waits for a token.
    pub(super) tokens: BTreeMap<u64, usize>,
    pub(super) next_token: u64,
    /// Whose call a token stood for: the client, and the place of the call among its calls.
    pub(super) whose: BTreeMap<u64, (u32, u32)>,
    pub(super) next_client: u32,
    pub(super) workload: Workload,
    pub(super) operations: Vec<Operation>,
    pub(super) sight: Sight,
    pub(super) witness: Witness,
    pub(super) troubles: Counts,
    pub(super) trouble_us: u64,
    pub(super) siege: Option<Siege>,
    pub(super) is_cut: bool,
    pub(super) look_us: u64,
    pub(super) ntp_us: u64,
    pub(super) hash: u64,
    pub(super) watch: Watch,
    pub(super) wrong: Option<Wrong>,
    /// The keys that owners must not differ in.
    pub(super) names: BTreeSet<Bytes>,
    /// Letters that a script keeps from arriving.
    pub(super) traps: Traps<Letter>,
    /// What a script's calls came to, by token.
    pub(super) told: BTreeMap<u64, Option<Told>>,
}

impl<'p> Cluster<'p> {
    pub(super) fn new(plan: &'p Plan, watch: Watch) -> Cluster<'p> {
        let mut random = Random::new(plan.seed);
        let mut hosts = Vec::new();
        for n in 0..plan.nodes {
            let rate = 1_000_000 + random.below(2_001) as u64 - 1_000;
            let wall_ms = START_MS + random.below(200) as u64;
            let clock = Clock::new(rate, random.below(1_000_000) as u64, wall_ms, 0);
            let mut host = Host::new(NodeId(n as u64), clock, plan.durability);
            host.start(plan, false, 0, &mut random);
            hosts.push(host);
        }
        let sites = plan.nodes + plan.proxies;
        let mut cluster = Cluster {
            now_us: 0,
            network: Network::new(sites, plan.quality),
            inboxes: vec![VecDeque::new(); plan.nodes],
            arrived: HashSet::new(),
            off_ms: vec![0; plan.nodes],
            hosts,
            proxies: Vec::new(),
            clients: Vec::new(),
            tokens: BTreeMap::new(),
            next_token: 0,
            whose: BTreeMap::new(),
            next_client: 0,
            workload: Workload::new(plan),
            operations: Vec::new(),
            sight: Sight::default(),
            witness: Witness::default(),
            troubles: Counts::new(),
            trouble_us: 5_000_000,
            siege: None,
            is_cut: false,
            look_us: 0,
            ntp_us: NTP_US,
            hash: 0,
            watch,
            wrong: None,
            names: plan.keys().map(words::name).collect(),
            traps: Traps::default(),
            told: BTreeMap::new(),
            random,
            plan,
        };
        for proxy in 0..plan.proxies {
            let router = cluster.new_proxy();
            let rate = 1_000_000 + cluster.random.below(2_001) as u64 - 1_000;
            let clock = Clock::new(rate, cluster.random.below(1_000_000) as u64, START_MS, 0);
            cluster.proxies.push(Front::new(router, clock));
            for _ in 0..plan.clients {
                let id = cluster.next_client;
                cluster.next_client += 1;
                let next_us = 2_000_000 + cluster.random.below(1_000_000) as u64;
                cluster.clients.push(Client::new(id, proxy, next_us));
            }
        }
        cluster
    }

    pub(super) fn new_proxy(&mut self) -> Router {
        Router::new(self.random.word(), self.plan.layout.clone(), self.plan.router)
    }

    /// Lets things happen until then, or until `ends`.
    pub(super) fn go(&mut self, until_us: u64, ends: impl Fn(&Self) -> bool, calls: bool) {
        while !ends(self) && self.wrong.is_none() {
            let next_us = self.next_us(calls);
            if next_us >= until_us {
                self.now_us = until_us;
                return;
            }
            self.now_us = next_us.max(self.now_us);
            self.watch.comes_to(self.now_us);
            self.step(calls);
        }
    }

    pub(super) fn next_us(&self, calls: bool) -> u64 {
        let mut next_us = self.network.next_us().unwrap_or(u64::MAX);
        for host in &self.hosts {
            next_us = next_us.min(host.wake_us().unwrap_or(u64::MAX));
            next_us = next_us.min(host.sync_us().unwrap_or(u64::MAX));
        }
        for proxy in &self.proxies {
            next_us = next_us.min(proxy.wake_us());
        }
        if calls {
            let next = self.clients.iter().filter_map(Client::calls_us);
            next_us = next.min().unwrap_or(u64::MAX).min(next_us);
            next_us = next_us.min(self.trouble_us).min(self.plan.busy_us);
        }
        next_us
    }

    pub(super) fn step(&mut self, calls: bool) {
        for n in 0..self.hosts.len() {
            self.step_host(n);
        }
        while let Some((from, to, letter)) = self.network.receive(self.now_us) {
            self.deliver(from, to, letter);
        }
        for n in 0..self.proxies.len() {
            if self.proxies[n].wake_us() <= self.now_us {
                self.tell_router(n, RouterInput::Tick);
            }
        }
        if calls {
            self.step_clients();
            if self.now_us >= self.trouble_us {
                self.make_trouble();
            }
        }
        if self.now_us >= self.ntp_us {
            self.ntp_us = self.now_us + NTP_US;
            self.put_clocks_right();
        }
        // Who watches wants to know when it broke.
        if self.now_us >= self.look_us || self.watch.is_on() {
            self.look();
        }
    }

    fn look(&mut self) {
        let looked_us = self.look_us.saturating_sub(LOOK_US);
        self.look_us = self.look_us.max(self.now_us + 1).next_multiple_of(LOOK_US);
        let span = looked_us..self.now_us + 1;
        let unequal = ending::unequal(&self.names, self.plan, &self.hosts);
        let wrong = unequal.map(|found| found.wrong(self.plan, span.clone()));
        self.wrong = wrong.or_else(|| ending::too_long(&self.hosts, &self.proxies, span));
        if let (Some(wrong), true) = (&self.wrong, self.watch.is_on()) {
            self.watch.keep(&format!("WRONG {wrong}"));
        }
    }

    pub(super) fn step_host(&mut self, n: usize) {
        let now_us = self.now_us;
        let mut said = Vec::new();
        if self.hosts[n].sync_us().is_some_and(|at_us| at_us <= now_us) {
            self.hosts[n].sync(now_us, &mut said, &mut self.random);
            if self.watch.is_on_for_all() {
                self.watch.keep(&format!("SYNC {n}"));
            }
        }
        if self.hosts[n].is_running(now_us) {
            while let Some((from, letter)) = self.inboxes[n].pop_front() {
                self.give(n, from, letter, &mut said);
            }
        }
        if self.hosts[n].wake_us().is_some_and(|at_us| at_us <= now_us)
            && self.hosts[n].is_running(now_us)
        {
            self.hosts[n].handle(Input::Tick, now_us, &mut said, &mut self.random);
        }
        self.say(n, said);
    }
}
