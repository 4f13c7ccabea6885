//! A random world around a router: nodes that execute, lose, delay, repeat, restart and say every kind
//! of answer, on clocks that drift.
//!
//! What nodes hold is held once for all of them, so a node never answers wrongly: what goes wrong is
//! the router's. They keep what shards promise: a name is known for a while, everywhere if there was
//! an effect, and on the node itself if not; a try that comes twice is not declined once and executed
//! once; one that is void is not executed. Connections do not repeat "not executed", and break when
//! a node restarts.

use super::super::{Outcome, Router, RouterInput, RouterOutput, Settings};
use super::layout;
use bytes::Bytes;
use kinring_common::id::NodeId;
use kinring_common::placement::layout::{GroupId, Layout};
use kinring_common::placement::slot::Slot;
use kinring_common::random::Random;
use kinring_common::wire::request::{
    Attempt, Consistency, Ping, Pong, Request, RequestId, Response, Work,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a node knows a name.
const KEEP_US: u64 = 5_625_000;

/// The bits of a number that name a part, whatever its tries are called.
const PART: u64 = (1 << 48) - 1;

/// How bad the world is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Of a hundred messages, so many are lost, come twice, come late.
    pub lost: usize,
    pub twice: usize,
    pub late: usize,
}

/// Something that was executed.
#[derive(Clone, Debug)]
pub struct Executed {
    pub at_us: u64,
    pub number: u64,
    pub has_effect: bool,
    pub reply: Bytes,
}

#[derive(Clone, Debug)]
enum Event {
    Request(NodeId, Request),
    Response(NodeId, u64, Attempt, Response),
    Ping(NodeId, Ping),
    Pong(NodeId, Pong),
    Trouble,
}

/// A clock: it shows `offset` at the beginning, and is fast by so many parts in a million.
#[derive(Clone, Copy, Debug)]
struct Clock {
    offset_us: u64,
    ppm: i64,
}

impl Clock {
    fn show_us(self, at_us: u64) -> u64 {
        self.offset_us + (at_us as i64 + at_us as i64 * self.ppm / 1_000_000) as u64
    }

    /// The first time at which it shows this.
    fn when_us(self, shows_us: u64) -> u64 {
        let since_us = shows_us.saturating_sub(self.offset_us);
        let mut at_us =
            (since_us as i64 - since_us as i64 * self.ppm / 1_000_000 - 100).max(0) as u64;
        at_us = at_us.saturating_sub(since_us / 10_000);
        while self.show_us(at_us) < shows_us {
            at_us += 1;
        }
        at_us
    }
}

#[derive(Debug)]
struct Shard {
    clock: Clock,
    incarnation: u64,
    down_until_us: u64,
    stalled_until_us: u64,
    /// Tries that it has answered, and whether it declined them.
    answered: BTreeMap<Attempt, bool>,
    /// What it executed without an effect.
    noted: BTreeMap<RequestId, (u64, Bytes)>,
}

/// See the module. Times are those of nobody's clock.
pub struct World {
    pub router: Router,
    pub now_us: u64,
    pub executed: Vec<Executed>,
    /// What became of calls: session, token, when, what.
    pub done: Vec<(u64, u64, u64, Outcome)>,
    /// Questions by the number of their part; the call that a part is of.
    pub asks: BTreeMap<u64, u32>,
    pub owners: BTreeMap<u64, (u64, u64)>,
    pub wrong: Option<String>,
    pub troubles: usize,
    random: Random,
    weather: Weather,
    layout: Arc<Layout>,
    clock: Clock,
    shards: BTreeMap<NodeId, Shard>,
    homes: Vec<Option<NodeId>>,
    values: BTreeMap<(u8, Bytes), (u64, Bytes)>,
    known: BTreeMap<RequestId, (u64, Option<Bytes>)>,
    events: BTreeMap<(u64, u64), Event>,
    sent: u64,
    is_calm: bool,
}

impl World {
    pub fn new(seed: u64, weather: Weather) -> World {
        let mut random = Random::new(seed);
        let nodes = 3 + random.below(3) as u64;
        let layout = layout(nodes);
        let mut clock = || Clock {
            offset_us: random.below(100_000_000) as u64,
            ppm: random.below(10_001) as i64 - 5_000,
        };
        let shard = |clock| Shard {
            clock,
            incarnation: 1,
            down_until_us: 0,
            stalled_until_us: 0,
            answered: BTreeMap::new(),
            noted: BTreeMap::new(),
        };
        let shards = (1..=nodes).map(|id| (NodeId(id), shard(clock()))).collect();
        let clock = clock();
        let homes = layout.groups().map(|group| Some(group.owners[0])).collect();
        let mut world = World {
            router: Router::new(random.word(), layout.clone(), Settings::default()),
            now_us: 0,
            executed: Vec::new(),
            done: Vec::new(),
            asks: BTreeMap::new(),
            owners: BTreeMap::new(),
            wrong: None,
            troubles: 0,
            random,
            weather,
            layout,
            clock,
            shards,
            homes,
            values: BTreeMap::new(),
            known: BTreeMap::new(),
            events: BTreeMap::new(),
            sent: 0,
            is_calm: false,
        };
        world.tell(RouterInput::Tick);
        world.events.insert((500_000, 0), Event::Trouble);
        world
    }

    /// Something happens to the router.
    pub fn tell(&mut self, input: RouterInput) {
        self.router.handle(self.clock.show_us(self.now_us), input);
        while let Some(output) = self.router.poll_output() {
            match output {
                RouterOutput::Ask { node, request, .. } => {
                    self.check_ask(&request);
                    self.send(&Event::Request(node, request));
                }
                RouterOutput::Ping { node, ping } => self.send(&Event::Ping(node, ping)),
                RouterOutput::Done { session, token, outcome } => {
                    self.done.push((session, token, self.now_us, outcome));
                }
            }
        }
    }

    /// Lets things happen until then.
    pub fn go(&mut self, until_us: u64) {
        loop {
            let wake_us = self.clock.when_us(self.router.wake_us());
            let event_us = self.events.first_key_value().map_or(u64::MAX, |((at_us, _), _)| *at_us);
            let next_us = wake_us.min(event_us);
            if next_us > until_us {
                self.now_us = until_us;
                return;
            }
            if event_us <= wake_us {
                let ((at_us, _), event) = self.events.pop_first().expect("it was seen");
                self.now_us = at_us.max(self.now_us);
                self.happen(event);
            } else {
                self.now_us = wake_us.max(self.now_us);
                self.tell(RouterInput::Tick);
                let shown_us = self.clock.show_us(self.now_us);
                assert!(self.router.wake_us() > shown_us, "it wants to be woken at once");
            }
        }
    }

    /// Nothing goes wrong any more.
    pub fn calm(&mut self) {
        self.is_calm = true;
        for group in self.layout.groups() {
            self.homes[group.id.0 as usize] = Some(group.owners[0]);
        }
        for shard in self.shards.values_mut() {
            (shard.down_until_us, shard.stalled_until_us) = (0, 0);
        }
    }

    fn check_ask(&mut self, request: &Request) {
        let id = request.attempt.id;
        let number = id.number;
        *self.asks.entry(number & PART).or_default() += 1;
        // A test sees the calls inside.
        let (_, call) = self.router.calls.range(..=number & PART).next_back().unwrap();
        self.owners.insert(number & PART, (call.session, call.token));
        if !request.is_retry && self.known.contains_key(&id) {
            self.wrong = Some(format!("{:?} was executed, and is asked as if not", id));
        }
    }

    fn send(&mut self, event: &Event) {
        let weather = self.weather;
        if !self.is_calm && self.random.chance(weather.lost) {
            return;
        }
        let twice = !self.is_calm && self.random.chance(weather.twice);
        for _ in 0..=usize::from(twice) {
            let late = !self.is_calm && self.random.chance(weather.late);
            let delay_us = 100 + self.random.below(if late { 900_000 } else { 2_000 }) as u64;
            self.sent += 1;
            self.events.insert((self.now_us + delay_us, self.sent), event.clone());
        }
    }

    fn happen(&mut self, event: Event) {
        match &event {
            Event::Request(node, _) | Event::Ping(node, _) => {
                let shard = &self.shards[node];
                if self.now_us < shard.down_until_us {
                    return;
                }
                if self.now_us < shard.stalled_until_us {
                    self.sent += 1;
                    self.events.insert((shard.stalled_until_us, self.sent), event);
                    return;
                }
            }
            _ => {}
        }
        match event {
            Event::Request(node, request) => self.asked(node, &request),
            Event::Ping(node, Ping { sent_us }) => {
                let shard = &self.shards[&node];
                let mono_us = shard.clock.show_us(self.now_us);
                let pong = Pong { sent_us, mono_us, incarnation: shard.incarnation };
                self.send(&Event::Pong(node, pong));
            }
            Event::Pong(node, pong) => self.tell(RouterInput::Pong { node, pong }),
            Event::Response(node, incarnation, attempt, response) => {
                if self.shards[&node].incarnation == incarnation {
                    self.tell(RouterInput::Response { node, attempt, response });
                }
            }
            Event::Trouble => self.trouble(),
        }
    }

    fn asked(&mut self, node: NodeId, request: &Request) {
        let now_us = self.now_us;
        let shard = &self.shards[&node];
        let before = shard.answered.get(&request.attempt).copied();
        let mono_us = shard.clock.show_us(now_us);
        let group = self.layout.group(self.layout.group_of(request.slot));
        let is_void = request.valid.0 != shard.incarnation || mono_us >= request.valid.1;
        if before == Some(true) || before.is_some() && is_void {
            return;
        }
        let home = self.homes[group.id.0 as usize];
        let is_available = request.consistency == Consistency::Available;
        let is_home = home == Some(node) || is_available && group.owners.contains(&node);
        let is_overloaded = !self.is_calm && self.random.chance(5);
        let response = if before == Some(false) {
            self.execute(node, request)
        } else if is_void {
            Response::Elsewhere(None)
        } else if !is_home {
            let owners = group.owners;
            let other = *self.random.pick(owners);
            let hint = *self.random.pick(&[home, home, home, None, Some(other)]);
            Response::Elsewhere(hint)
        } else if is_overloaded {
            Response::Later
        } else {
            self.execute(node, request)
        };
        let shard = self.shards.get_mut(&node).expect("it is there");
        let is_declined = matches!(response, Response::Elsewhere(_) | Response::Later);
        shard.answered.insert(request.attempt, is_declined);
        let incarnation = shard.incarnation;
        self.send(&Event::Response(node, incarnation, request.attempt, response));
    }

    fn execute(&mut self, node: NodeId, request: &Request) -> Response {
        let (now_us, id) = (self.now_us, request.attempt.id);
        let is_fresh = |at_us: u64| now_us < at_us + KEEP_US;
        if let Some((at_us, reply)) = self.known.get(&id)
            && is_fresh(*at_us)
        {
            return reply.clone().map_or(Response::Unknown, Response::Done);
        }
        if let Some((at_us, reply)) = self.shards[&node].noted.get(&id)
            && is_fresh(*at_us)
        {
            return Response::Done(reply.clone());
        }
        let (mut reply, mut has_effect) = (Vec::new(), false);
        match &request.work {
            Work::Commands(commands) => {
                for words in commands {
                    has_effect |= self.run(request.db, words, &mut reply);
                }
            }
            Work::Flush(group) => {
                let layout = self.layout.clone();
                self.values.retain(|(db, key), _| {
                    let slot = Slot::of(key);
                    *db != request.db || layout.group_of(slot) != *group
                });
                reply.extend_from_slice(b"+OK\r\n");
                has_effect = true;
            }
        }
        let reply = Bytes::from(reply);
        let number = id.number & PART;
        let executed = Executed { at_us: now_us, number, has_effect, reply: reply.clone() };
        self.executed.push(executed);
        if !has_effect {
            let shard = self.shards.get_mut(&node).expect("it is there");
            shard.noted.insert(id, (now_us, reply.clone()));
            return Response::Done(reply);
        }
        let is_doubtful = !self.is_calm && self.random.chance(3);
        self.known.insert(id, (now_us, (!is_doubtful).then(|| reply.clone())));
        if is_doubtful { Response::Unknown } else { Response::Done(reply) }
    }

    /// Executes a command; a value is shown with the number of this execution before it.
    fn run(&mut self, db: u8, words: &[Bytes], reply: &mut Vec<u8>) -> bool {
        let stamp = self.executed.len();
        let name = words[0].to_ascii_uppercase();
        let keys = || words[1..].iter().map(|key| (db, key.clone()));
        let number = |n: usize| format!(":{n}\r\n").into_bytes();
        let show = |values: &BTreeMap<(u8, Bytes), (u64, Bytes)>, key: &(u8, Bytes)| {
            let value = values.get(key).map_or(Bytes::new(), |(_, value)| value.clone());
            let text = format!("{stamp}:{}", String::from_utf8_lossy(&value));
            format!("${}\r\n{text}\r\n", text.len()).into_bytes()
        };
        let (text, has_effect) = match &name[..] {
            b"SET" | b"MSET" => {
                for pair in words[1..].chunks(2) {
                    self.values.insert((db, pair[0].clone()), (0, pair[1].clone()));
                }
                (b"+OK\r\n".to_vec(), true)
            }
            b"SETNX" => {
                let is_new = !self.values.contains_key(&(db, words[1].clone()));
                if is_new {
                    self.values.insert((db, words[1].clone()), (0, words[2].clone()));
                }
                (number(usize::from(is_new)), is_new)
            }
            b"DEL" => {
                let gone = keys().filter(|key| self.values.remove(key).is_some()).count();
                (number(gone), gone > 0)
            }
            b"EXISTS" => {
                (number(keys().filter(|key| self.values.contains_key(key)).count()), false)
            }
            b"GET" => (show(&self.values, &(db, words[1].clone())), false),
            b"MGET" => {
                let mut all = format!("*{}\r\n", words.len() - 1).into_bytes();
                keys().for_each(|key| all.extend(show(&self.values, &key)));
                (all, false)
            }
            other => unreachable!("nobody asks for {other:?}"),
        };
        reply.extend(text);
        has_effect
    }

    fn trouble(&mut self) {
        if self.is_calm {
            return;
        }
        self.troubles += 1;
        let now_us = self.now_us;
        let layout = self.layout.clone();
        for group in layout.groups() {
            let owner = *self.random.pick(group.owners);
            let is_up = self.shards[&owner].down_until_us <= now_us;
            let home = &mut self.homes[group.id.0 as usize];
            if home.is_none() && is_up && self.random.chance(50) {
                *home = Some(owner);
            }
        }
        let group = self.random.below(self.homes.len());
        let nodes: Vec<NodeId> = self.shards.keys().copied().collect();
        let node = *self.random.pick(&nodes);
        let for_us = self.random.below(2_500_000) as u64;
        let owners = layout.group(GroupId(group as u32)).owners;
        match self.random.below(10) {
            0 => self.homes[group] = None,
            1 => {
                let shard = self.shards.get_mut(&node).expect("it is there");
                shard.stalled_until_us = now_us + for_us;
            }
            2 => {
                let shard = self.shards.get_mut(&node).expect("it is there");
                shard.incarnation += 1;
                shard.noted.clear();
                shard.down_until_us = now_us + for_us;
                let lost = |home: &mut Option<NodeId>| *home = home.filter(|home| *home != node);
                self.homes.iter_mut().for_each(lost);
            }
            _ => self.homes[group] = Some(*self.random.pick(owners)),
        }
        self.sent += 1;
        let pause_us = 1_000 + self.random.below(500_000) as u64;
        self.events.insert((now_us + pause_us, self.sent), Event::Trouble);
    }
}
