//! The loop: what happens next, and to whom.

use super::clients::{Client, Workload};
use super::ending;
use super::failure::Wrong;
use super::host::{Host, Loss};
use super::plan::Plan;
use super::siege::{self, Siege};
use super::sight::{self, Sight};
use super::traps::Traps;
use super::trouble::{self, Counts, Health, Trouble};
use super::watch::{About, Watch};
use super::words;
use crate::checker::{self, Case, History, Mode, Operation, Outcome, Report};
use crate::world::clock::Clock;
use crate::world::network::{Faults, Freight, Network};
use bytes::Bytes;
use kinring::core::router::{Call, Outcome as Told, Router, RouterInput, RouterOutput, What};
use kinring_common::id::NodeId;
use kinring_common::random::Random;
use kinring_common::resp::Protocol;
use kinring_common::wire::peer::Message;
use kinring_common::wire::request::{Consistency, Ping, Pong, Request, RequestId, Response};
use kinring_shard::core::node::{Input, Node, Output};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

/// What travels.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    Peer(Box<Message>),
    Request(Box<Request>),
    Response(RequestId, Response),
    Ping(Ping),
    Pong(Pong),
}

impl Letter {
    /// Its kind: a place in [`KINDS`].
    pub(super) fn kind(&self) -> u64 {
        match self {
            Letter::Peer(message) => match &**message {
                Message::Heartbeat(_) => 1,
                Message::Beat(_) => 2,
                Message::Release { .. } => 3,
                Message::Write(_) => 4,
                Message::Repair(_) => 5,
                Message::Ack(_) => 6,
                Message::Ask(_) => 7,
                Message::Answer(_) => 8,
                Message::Settle(_) => 9,
                Message::Settled { .. } => 10,
            },
            Letter::Request(_) => 11,
            Letter::Response(..) => 12,
            Letter::Ping(_) => 13,
            Letter::Pong(_) => 14,
        }
    }
}

impl Freight for Letter {
    fn is_data(&self) -> bool {
        match self {
            Letter::Peer(message) => !matches!(
                **message,
                Message::Heartbeat(_) | Message::Beat(_) | Message::Release { .. }
            ),
            _ => false,
        }
    }
}

/// The kinds of letters, by number.
pub(super) const KINDS: [&str; 15] = [
    "",
    "Heartbeat",
    "Beat",
    "Release",
    "Write",
    "Repair",
    "Ack",
    "Ask",
    "Answer",
    "Settle",
    "Settled",
    "Request",
    "Response",
    "Ping",
    "Pong",
];

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// What the judges say.
    pub report: Report,
    /// What else is wrong.
    pub wrong: Option<Wrong>,
    /// Calls, and how many of them were answered.
    pub calls: (usize, usize),
    /// Troubles by class.
    pub troubles: Counts,
    /// What the network did.
    pub faults: Faults,
    /// How long it took to come to rest, in microseconds of its own time.
    pub rest_us: u64,
    /// Everything that happened, in one number.
    pub hash: u64,
    /// What the clients did.
    pub history: History,
}

impl Run {
    /// Nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.report.is_clean() && self.wrong.is_none()
    }
}

/// States that one search of the linearizability checker may visit.
const STATES_MAX: usize = 400_000;

/// How far deadlines may be off: two nodes may be off by the drift bound, each its own way.
const SKEW_US: u64 = 1_400_000;

/// What wall clocks show at the beginning.
const START_MS: u64 = 1_700_000_000_000;

/// How often the wall clocks are put right, as far as nobody set them off.
const NTP_US: u64 = 10_000_000;

/// How often it is looked at what nodes hold.
const LOOK_US: u64 = 5_000_000;

/// What a cluster did for so long before it should have been at rest tells why it is not.
const RESTLESS_US: u64 = 20_000_000;

/// See the module.
pub(super) struct Cluster<'p> {
    pub(super) plan: &'p Plan,
    pub(super) now_us: u64,
    pub(super) random: Random,
    pub(super) network: Network<Letter>,
    pub(super) hosts: Vec<Host>,
    inboxes: Vec<VecDeque<(usize, Letter)>>,
    pub(super) off_ms: Vec<i64>,
    pub(super) proxies: Vec<Router>,
    clients: Vec<Client>,
    /// Which client waits for a token.
    tokens: BTreeMap<u64, usize>,
    pub(super) next_token: u64,
    next_client: u32,
    workload: Workload,
    operations: Vec<Operation>,
    sight: Sight,
    troubles: Counts,
    trouble_us: u64,
    siege: Option<Siege>,
    is_cut: bool,
    look_us: u64,
    ntp_us: u64,
    hash: u64,
    pub(super) watch: Watch,
    pub(super) wrong: Option<Wrong>,
    /// The keys that owners must not differ in.
    pub(super) names: BTreeSet<Bytes>,
    /// Letters that a script keeps from arriving.
    pub(super) traps: Traps<Letter>,
    /// What a script's calls came to, by token.
    pub(super) told: BTreeMap<u64, Option<Told>>,
}

/// Runs a plan, and tells whoever watches.
pub fn run(plan: &Plan, watch: &Watch) -> Run {
    let mut cluster = Cluster::new(plan, watch.clone());
    let wants_to_end = |cluster: &Cluster<'_>| cluster.now_us >= plan.busy_us;
    cluster.go(u64::MAX, wants_to_end, true);
    cluster.heal();
    let healed_us = cluster.now_us;
    cluster.go(healed_us + 15_000_000, |_| false, false);
    // What expires, expires; what differs, is found.
    let mut rested = None;
    let end_us = healed_us + plan.rest_us;
    while rested.is_none() && cluster.wrong.is_none() && cluster.now_us < end_us {
        let until_us = cluster.now_us + 1_000_000;
        cluster.go(until_us, |_| false, false);
        if cluster.is_at_rest() {
            rested = Some(cluster.now_us - healed_us);
        }
    }
    cluster.end(rested)
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
            off_ms: vec![0; plan.nodes],
            hosts,
            proxies: Vec::new(),
            clients: Vec::new(),
            tokens: BTreeMap::new(),
            next_token: 0,
            next_client: 0,
            workload: Workload::new(plan),
            operations: Vec::new(),
            sight: Sight::default(),
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
            let fresh = cluster.new_proxy();
            cluster.proxies.push(fresh);
            for _ in 0..plan.clients {
                let id = cluster.next_client;
                cluster.next_client += 1;
                let next_us = 2_000_000 + cluster.random.below(1_000_000) as u64;
                cluster.clients.push(Client { id, proxy, asked: None, order: 0, next_us });
            }
        }
        cluster
    }

    fn new_proxy(&mut self) -> Router {
        let settings = kinring::core::router::Settings::default();
        Router::new(self.random.word(), self.plan.layout.clone(), settings)
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

    fn next_us(&self, calls: bool) -> u64 {
        let mut next_us = self.network.next_us().unwrap_or(u64::MAX);
        for host in &self.hosts {
            next_us = next_us.min(host.wake_us().unwrap_or(u64::MAX));
            next_us = next_us.min(host.sync_us().unwrap_or(u64::MAX));
        }
        for proxy in &self.proxies {
            next_us = next_us.min(proxy.wake_us());
        }
        if calls {
            let idle = self.clients.iter().filter(|client| client.asked.is_none());
            next_us = idle.map(|client| client.next_us).min().unwrap_or(u64::MAX).min(next_us);
            next_us = next_us.min(self.trouble_us).min(self.plan.busy_us);
        }
        next_us
    }

    fn step(&mut self, calls: bool) {
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
        self.wrong = wrong.or_else(|| ending::too_long(&self.hosts, span));
        if let (Some(wrong), true) = (&self.wrong, self.watch.is_on()) {
            self.watch.keep(&format!("WRONG {wrong}"));
        }
    }

    fn step_host(&mut self, n: usize) {
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

    fn deliver(&mut self, from: usize, to: usize, letter: Letter) {
        self.note(from, to, &letter);
        if to >= self.plan.nodes {
            return self.tell_proxy(from, to - self.plan.nodes, letter);
        }
        if self.hosts[to].node.is_none() {
            return;
        }
        if !self.hosts[to].is_running(self.now_us) {
            self.inboxes[to].push_back((from, letter));
            return;
        }
        let mut said = Vec::new();
        self.give(to, from, letter, &mut said);
        self.say(to, said);
    }

    fn give(&mut self, n: usize, from: usize, letter: Letter, said: &mut Vec<Output>) {
        let asker = from as u64;
        let input = match letter {
            Letter::Peer(message) => Input::Peer(NodeId(asker), *message),
            Letter::Request(request) => Input::Request(asker, *request),
            Letter::Ping(ping) => Input::Ping(asker, ping),
            Letter::Response(..) | Letter::Pong(_) => unreachable!("nodes are not answered"),
        };
        self.hosts[n].handle(input, self.now_us, said, &mut self.random);
    }

    fn say(&mut self, n: usize, said: Vec<Output>) {
        for output in said {
            if let Output::Peer(_, Message::Write(batch)) = &output
                && batch.is_available
            {
                self.sight.note(batch);
            }
            let (to, letter) = match output {
                Output::Peer(to, message) => (to.0 as usize, Letter::Peer(Box::new(message))),
                Output::Response(to, id, response) => (to as usize, Letter::Response(id, response)),
                Output::Pong(to, pong) => (to as usize, Letter::Pong(pong)),
                Output::Log(_) => unreachable!("the host keeps the log"),
            };
            if self.traps.catches((n, to), KINDS[letter.kind() as usize], &letter) {
                continue;
            }
            let (now_us, random) = (self.now_us, &mut self.random);
            match letter {
                Letter::Peer(_) => self.network.send(n, to, letter, now_us, random),
                _ => self.network.send_once(n, to, letter, now_us, random),
            }
        }
    }

    fn tell_proxy(&mut self, from: usize, n: usize, letter: Letter) {
        let node = NodeId(from as u64);
        let input = match letter {
            Letter::Response(id, response) => RouterInput::Response { node, id, response },
            Letter::Pong(pong) => RouterInput::Pong { node, pong },
            _ => unreachable!("proxies are not asked"),
        };
        self.tell_router(n, input);
    }

    pub(super) fn tell_router(&mut self, n: usize, input: RouterInput) {
        let site = self.plan.nodes + n;
        self.proxies[n].handle(self.now_us, input);
        while let Some(output) = self.proxies[n].poll_output() {
            let (to, letter) = match output {
                RouterOutput::Ask { node, request } => {
                    self.is_asked(n, &request);
                    (node, Letter::Request(Box::new(request)))
                }
                RouterOutput::Ping { node, ping } => (node, Letter::Ping(ping)),
                RouterOutput::Done { token, outcome, .. } => {
                    self.done(token, outcome);
                    continue;
                }
            };
            let to = to.0 as usize;
            if !self.traps.catches((site, to), KINDS[letter.kind() as usize], &letter) {
                self.network.send_once(site, to, letter, self.now_us, &mut self.random);
            }
        }
    }

    /// Whose EXPIRE a request is, if that is certain.
    fn is_asked(&mut self, proxy: usize, request: &Request) {
        if request.consistency == Consistency::Strong || request.is_retry {
            return;
        }
        let Some(command) = sight::expire_of(request) else { return };
        let is_its = |client: &&Client| {
            let asked = client.asked.as_ref().filter(|_| client.proxy == proxy);
            asked.is_some_and(|(call, _)| words::commands(call) == [command])
        };
        let mut those = self.clients.iter().filter(is_its);
        if let (Some(client), None) = (those.next(), those.next()) {
            self.sight.is_asked(request.id, (client.id, client.order));
        }
    }

    fn done(&mut self, token: u64, outcome: Told) {
        if let Some(told) = self.told.get_mut(&token) {
            *told = Some(outcome);
            return;
        }
        let Some(at) = self.tokens.remove(&token) else { return };
        let now_us = self.now_us;
        let client = &mut self.clients[at];
        let Some((call, _)) = &client.asked else { return };
        let outcome = match outcome {
            Told::Reply(bytes) => Outcome::Reply { at: now_us, reply: words::reply(call, &bytes) },
            Told::Unknown => Outcome::Unknown { at: Some(now_us) },
            Told::Refused(_) => Outcome::Refused { at: now_us },
        };
        let haste = if self.siege.is_some() { siege::HASTE } else { 1 };
        let think_us = self.random.below(self.plan.think_us as usize / haste) as u64;
        client.next_us = now_us + 1 + think_us;
        let operation = client.ends(outcome);
        if self.watch.is_on()
            && let Some(operation) = &operation
        {
            self.watch.keep(&operation.to_string());
        }
        self.operations.extend(operation);
    }

    fn step_clients(&mut self) {
        for at in 0..self.clients.len() {
            let client = &self.clients[at];
            if client.asked.is_some() || self.now_us < client.next_us {
                continue;
            }
            let call = self.workload.draw(self.siege.as_ref().map(|siege| siege.tag));
            let proxy = client.proxy;
            let token = self.next_token;
            self.next_token += 1;
            self.tokens.insert(token, at);
            let what = match call {
                checker::Call::FlushDb => What::Flush,
                _ => What::Commands(words::commands(&call)),
            };
            self.clients[at].asked = Some((call, self.now_us));
            let consistency = match self.plan.mode {
                Mode::Strong => Consistency::Strong,
                Mode::Available => Consistency::Available,
            };
            let session = u64::from(self.clients[at].id);
            let call = Call { db: 0, protocol: Protocol::Resp2, consistency, what };
            self.tell_router(proxy, RouterInput::Call { session, token, call });
        }
    }

    fn health(&self) -> Health {
        let down = (0..self.hosts.len()).filter(|n| self.hosts[*n].node.is_none()).collect();
        Health {
            down,
            is_whole: self.hosts.iter().all(|host| host.node.as_ref().is_some_and(Node::is_whole)),
            is_cut: self.is_cut,
            off_ms: self.off_ms.clone(),
        }
    }

    /// What goes wrong now, and when the next thing does.
    fn next_trouble(&mut self) -> Trouble {
        let (plan, now_us, health) = (self.plan, self.now_us, self.health());
        self.siege = self.siege.take().filter(|siege| now_us < siege.until_us);
        if self.siege.is_none() && self.random.chance(siege::PERCENT) {
            self.siege = Some(Siege::lay(plan, now_us, &mut self.random));
            *self.troubles.entry("siege").or_default() += 1;
        }
        if let Some(siege) = &self.siege {
            self.trouble_us = now_us + siege.pause_us(&mut self.random);
            let is_home = |n: &usize| {
                let host = &self.hosts[*n];
                let mono_us = host.clock.now(now_us).mono_us;
                host.node.as_ref().is_some_and(|node| node.is_settled_home(siege.group, mono_us))
            };
            let home = (0..plan.nodes).find(is_home);
            return siege.next(plan, &health, home, &mut self.random);
        }
        let pause_us = self.random.below(2 * plan.trouble_us as usize) as u64;
        self.trouble_us = now_us + 100_000 + pause_us;
        trouble::next(plan, &health, &mut self.random)
    }

    fn make_trouble(&mut self) {
        let now_us = self.now_us;
        let trouble = self.next_trouble();
        if self.watch.is_on() {
            self.watch.keep(&format!("TROUBLE {trouble:?}"));
        }
        *self.troubles.entry(trouble.class()).or_default() += 1;
        match trouble {
            Trouble::Cut(cut) => {
                self.is_cut = true;
                self.network.set_cut(Some(cut));
            }
            Trouble::Bad(quality) => {
                self.is_cut = true;
                self.network.set_quality(quality);
            }
            Trouble::Clog(links, clog) => {
                self.is_cut = true;
                links.into_iter().for_each(|(from, to)| self.network.clog(from, to, clog));
            }
            Trouble::Heal => {
                self.is_cut = false;
                self.network.heal();
                self.network.set_quality(self.plan.quality);
            }
            Trouble::Crash(n) => self.crash(n, Loss::Crash),
            Trouble::Wipe(n) => {
                self.crash(n, Loss::Wipe);
                self.start(n, false);
            }
            Trouble::Damage(n) => {
                self.crash(n, Loss::Damage);
                self.start(n, true);
            }
            Trouble::Start(n) => self.start(n, false),
            Trouble::Pause(n, for_us) => self.hosts[n].paused_until_us = now_us + for_us,
            Trouble::Jump(n, by_ms) => {
                self.off_ms[n] += by_ms;
                self.hosts[n].clock.jump_wall(by_ms, now_us);
            }
            Trouble::Rate(n, ppm) => self.hosts[n].clock.set_rate(ppm, now_us),
            Trouble::Proxy(n) => self.restart_proxy(n),
        }
    }

    /// What a node has taken by ranges counts as something that bit.
    fn count_pulls(&mut self, n: usize) {
        let pulls = self.hosts[n].node.iter().flat_map(Node::pulls);
        for (class, count) in pulls {
            *self.troubles.entry(class).or_default() += count;
        }
    }

    pub(super) fn crash(&mut self, n: usize, loss: Loss) {
        self.count_pulls(n);
        let lost = self.hosts[n].crash(loss, &mut self.random);
        if lost > 0 {
            *self.troubles.entry("entries lost").or_default() += lost as u64;
        }
        self.inboxes[n].clear();
    }

    pub(super) fn start(&mut self, n: usize, is_damaged: bool) {
        if self.hosts[n].node.is_none() {
            self.hosts[n].start(self.plan, is_damaged, self.now_us, &mut self.random);
        }
    }

    fn restart_proxy(&mut self, n: usize) {
        self.proxies[n] = self.new_proxy();
        for at in 0..self.clients.len() {
            if self.clients[at].proxy != n {
                continue;
            }
            let operation = self.clients[at].ends(Outcome::Unknown { at: Some(self.now_us) });
            self.operations.extend(operation);
            let id = self.next_client;
            self.next_client += 1;
            let next_us = self.now_us + 1 + self.random.below(300_000) as u64;
            self.clients[at] = Client { id, proxy: n, asked: None, order: 0, next_us };
            self.tokens.retain(|_, client| *client != at);
        }
    }

    fn put_clocks_right(&mut self) {
        for (host, off_ms) in self.hosts.iter_mut().zip(&self.off_ms) {
            let right_ms = (START_MS + self.now_us / 1_000).cast_signed() + off_ms;
            let wrong_ms = self.random.below(100) as i64;
            let shows_ms = host.clock.now(self.now_us).wall_ms.cast_signed();
            host.clock.jump_wall(right_ms + wrong_ms - shows_ms, self.now_us);
        }
    }

    /// Nothing is wrong any more; what is asked for is answered, and nothing more is.
    pub(super) fn heal(&mut self) {
        self.network.heal();
        self.network.set_quality(crate::world::network::Quality::GOOD);
        for n in 0..self.hosts.len() {
            self.hosts[n].paused_until_us = self.hosts[n].paused_until_us.min(self.now_us);
            self.hosts[n].clock.jump_wall(-self.off_ms[n], self.now_us);
            self.off_ms[n] = 0;
            self.start(n, false);
        }
    }

    pub(super) fn is_at_rest(&self) -> bool {
        let at_rest = |host: &Host| host.node.as_ref().is_some_and(Node::is_at_rest);
        self.hosts.iter().all(at_rest)
            && ending::diverged(&self.names, self.plan, &self.hosts).is_none()
    }

    /// Why it is not at rest.
    fn restless(&self) -> Wrong {
        let span = self.now_us.saturating_sub(RESTLESS_US)..self.now_us + 1;
        let late = "promise 2: not at rest in time: ";
        if let Some(found) = ending::diverged(&self.names, self.plan, &self.hosts) {
            let Wrong { what, about, span } = found.wrong(self.plan, span);
            return Wrong { what: format!("{late}{what}"), about, span };
        }
        let mut what = format!("{late}nodes are busy still:\n");
        for (n, host) in self.hosts.iter().enumerate() {
            let node = host.node.as_ref().map(|node| node.describe());
            let _: std::fmt::Result = writeln!(what, "node {n}: {node:?}");
        }
        Wrong { what, about: About::everything(), span }
    }

    fn end(mut self, rested: Option<u64>) -> Run {
        (0..self.hosts.len()).for_each(|n| self.count_pulls(n));
        for client in &mut self.clients {
            self.operations.extend(client.ends(Outcome::Unknown { at: Some(self.now_us) }));
        }
        if rested.is_none() && self.wrong.is_none() {
            self.wrong = Some(self.restless());
        }
        let history = History::new(self.operations);
        let ending = ending::ending(self.plan, &self.hosts, self.now_us);
        let seen = self.sight.reached(&history);
        let case = Case {
            history: &history,
            ending: &ending,
            ended_at: self.now_us,
            seen: &seen,
            mode: self.plan.mode,
            skew_us: SKEW_US,
        };
        let groups: Vec<BTreeSet<_>> = self.plan.groups();
        let report = match (&self.wrong, self.plan.finds_one) {
            (None, false) => checker::judge(&case, &groups, STATES_MAX),
            (None, true) => checker::find_one(&case, &groups, STATES_MAX / 20),
            (Some(_), _) => Report::default(),
        };
        let answered =
            history.operations().iter().filter(|operation| operation.reply().is_some()).count();
        Run {
            report,
            wrong: self.wrong,
            calls: (history.operations().len(), answered),
            troubles: self.troubles,
            faults: self.network.faults(),
            rest_us: rested.unwrap_or(self.plan.rest_us),
            hash: self.hash,
            history,
        }
    }

    fn note(&mut self, from: usize, to: usize, letter: &Letter) {
        let kind = letter.kind();
        let word = self.now_us ^ (from as u64) << 56 ^ (to as u64) << 48 ^ kind << 40;
        self.hash = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        if self.watch.is_on() && !matches!(kind, 1 | 2 | 13 | 14) || self.watch.is_on_for_all() {
            match letter {
                // What is asked for comes first: a reader sees the beginning of a line.
                Letter::Request(asked) => {
                    self.watch.keep(&format!("{from} -> {to} {:?} of {asked:?}", asked.work));
                }
                _ => self.watch.keep(&format!("{from} -> {to} {letter:?}")),
            }
        }
    }
}
