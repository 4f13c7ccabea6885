//! Three shards driven directly, without a network between them: what a peer or a client may do to them.

use bytes::Bytes;
use kinring_common::clock::Now;
use kinring_common::id::NodeId;
use kinring_common::keyspace::HashSeed;
use kinring_common::placement::layout::{GroupId, Layout, ReplicationFactor};
use kinring_common::placement::members::{Member, Members};
use kinring_common::placement::plan;
use kinring_common::placement::slot::Slot;
use kinring_common::resp::Protocol;
use kinring_common::wire::peer::{Answer, AnswerWhat, Ask, Message, Term};
use kinring_common::wire::request::{Attempt, Consistency, Request, RequestId, Response, Work};
use kinring_shard::core::node::{
    EXCHANGE_BYTES_S, Input, MISSED_MAX, Node, Output, Past, Restart, Settings,
};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

struct Three {
    nodes: Vec<Node>,
    layout: Arc<Layout>,
    now: Now,
    away: BTreeSet<usize>,
    /// The wall clock of this node is ahead of the others' by milliseconds.
    ahead: Option<(usize, u64)>,
    loses_acks: bool,
    responses: Vec<(u64, Response)>,
    /// Tries so far.
    tries: u32,
}

/// Of nodes that do nothing by themselves from time to time.
pub fn untimed() -> Settings {
    Settings {
        databases: 16,
        seed: HashSeed(7),
        writes: None,
        is_durable: false,
        exchange_us: u64::MAX / 4,
        round_us: u64::MAX / 4,
        sweep_us: u64::MAX / 4,
        large_cells: 1024,
        ranges_bytes: 256 << 10,
        copies_bytes: 1 << 20,
        exchange_bytes_s: EXCHANGE_BYTES_S,
        missed_max: MISSED_MAX,
    }
}

fn start(n: u64) -> (Node, Arc<Layout>, Now) {
    start_of(n, 3)
}

/// One of three nodes, with so many owners of each slot.
fn start_of(n: u64, owners: u8) -> (Node, Arc<Layout>, Now) {
    let member = |n: u64| Member { id: NodeId(n), weight: 1, zone: String::new() };
    let members = Members::new((0..3).map(member).collect()).expect("they are different");
    let factor = ReplicationFactor::new(owners).expect("it is in range");
    let layout = Arc::new(plan::first(&members, factor));
    let settings = untimed();
    let now = Now { wall_ms: 1_700_000_000_000, mono_us: 0 };
    let restart = Restart { now, seed: n + 1, past: Past::NOTHING };
    (Node::start(NodeId(n), layout.clone(), settings, restart), layout, now)
}

impl Three {
    fn new() -> Three {
        Three::with(3)
    }

    /// Three nodes, so many of which own a slot.
    fn with(owners: u8) -> Three {
        let nodes = (0..3).map(|n| start_of(n, owners).0).collect();
        let (_, layout, now) = start_of(0, owners);
        let (away, ahead, responses) = (BTreeSet::new(), None, Vec::new());
        let mut three =
            Three { nodes, layout, now, away, ahead, loses_acks: false, responses, tries: 0 };
        three.pass(4_000_000);
        three
    }

    /// What time it is for a node.
    fn now_of(&self, n: usize) -> Now {
        let ahead = self.ahead.filter(|(of, _)| *of == n).map_or(0, |(_, ahead_ms)| ahead_ms);
        Now { wall_ms: self.now.wall_ms + ahead, ..self.now }
    }

    fn pass(&mut self, time_us: u64) {
        for _ in 0..time_us / 10_000 {
            self.now.mono_us += 10_000;
            self.now.wall_ms += 10;
            for n in 0..3 {
                let now = self.now_of(n);
                self.nodes[n].handle(now, Input::Tick);
            }
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        let mut said = VecDeque::new();
        loop {
            for (from, node) in self.nodes.iter_mut().enumerate() {
                while let Some(output) = node.poll_output() {
                    said.push_back((from, output));
                }
            }
            if said.is_empty() {
                return;
            }
            for (from, output) in said.drain(..) {
                match output {
                    Output::Peer(to, message) => {
                        let to = to.0 as usize;
                        let is_lost = self.away.contains(&from)
                            || self.away.contains(&to)
                            || self.loses_acks && matches!(message, Message::Ack(_));
                        if !is_lost {
                            let input = Input::Peer(NodeId(from as u64), message);
                            let now = self.now_of(to);
                            self.nodes[to].handle(now, input);
                        }
                    }
                    Output::Response(_, attempt, response) => {
                        self.responses.push((attempt.id.number, response));
                    }
                    _ => {}
                }
            }
        }
    }

    fn ask(&mut self, n: usize, number: u64, is_retry: bool, words: &[&str]) {
        self.ask_for(Consistency::Strong, n, (number, is_retry), words);
    }

    fn ask_for(&mut self, consistency: Consistency, n: usize, number: (u64, bool), words: &[&str]) {
        let request = self.request(consistency, n, number, words);
        self.hears(n, request);
    }

    /// A try of a request comes to a node.
    fn hears(&mut self, n: usize, request: Request) {
        let now = self.now_of(n);
        self.nodes[n].handle(now, Input::Request(0, request));
        self.deliver();
    }

    /// The next try of a request.
    fn request(
        &mut self,
        consistency: Consistency,
        n: usize,
        (number, is_retry): (u64, bool),
        words: &[&str],
    ) -> Request {
        let slot = Slot::of(words[1].as_bytes());
        let words = words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        self.tries += 1;
        Request {
            attempt: Attempt { id: RequestId { session: 1, number }, number: self.tries },
            epoch: self.layout.epoch(),
            slot,
            db: 0,
            protocol: Protocol::Resp2,
            consistency,
            valid: (self.nodes[n].incarnation(), u64::MAX),
            is_retry,
            is_elsewhere: false,
            work: Work::Commands(vec![words]),
        }
    }

    fn owners(&self, key: &str) -> Vec<usize> {
        let owners = self.layout.owners(Slot::of(key.as_bytes()));
        owners.iter().map(|node| node.0 as usize).collect()
    }

    fn said(&self, number: u64) -> Option<&Response> {
        self.responses.iter().rev().find(|(of, _)| *of == number).map(|(_, response)| response)
    }
}

/// A node that has just started asks another how it is: what it asks.
fn survey() -> (Node, Now, NodeId, Ask) {
    let (mut node, _, mut now) = start(0);
    now.mono_us += 1_000;
    node.handle(now, Input::Tick);
    let mut asked = None;
    while let Some(output) = node.poll_output() {
        if let Output::Peer(to, Message::Ask(ask)) = output {
            asked = Some((to, ask));
        }
    }
    let (to, ask) = asked.expect("it has lost its data");
    (node, now, to, *ask)
}

fn opened() -> AnswerWhat {
    AnswerWhat::Opened {
        is_equal: true,
        cuts: Vec::new(),
        completions: Vec::new(),
        floor: kinring_common::causal::Floor::default(),
        is_whole: true,
        step: Term::default(),
        term: Term::default(),
        clock: None,
    }
}

stories! {

#[test]
fn keys_outside_of_the_slot_that_a_request_names_are_left_alone() {
    for consistency in [Consistency::Strong, Consistency::Available] {
        let mut three = Three::new();
        let home = three.owners("n")[0];
        let slot = Slot::of(b"n");
        for (number, key) in [(0, "m"), (1, "n")] {
            let request = three.request(consistency, home, (number, false), &["SET", key, "1"]);
            three.hears(home, Request { slot, ..request });
        }
        let refused = b"-CROSSSLOT Keys in request don't hash to the same slot\r\n";
        assert_eq!(three.said(0), Some(&Response::Done(Bytes::from_static(refused))));
        assert_eq!(three.said(1), Some(&Response::Done(Bytes::from_static(b"+OK\r\n"))));
        for n in three.owners("m") {
            let (keyspace, key) = (three.nodes[n].keyspace(), b"m");
            let at = keyspace.locate(0, key);
            let mut locks = keyspace.lock_one(at.partition);
            assert!(locks.partition(at.partition).record(&at, 0, key).is_none(), "{n}");
        }
    }
}

#[test]
fn a_try_that_was_refused_is_not_executed_when_it_comes_once_more() {
    let mut three = Three::new();
    let owners = three.owners("n");
    let (first, second) = (owners[0], owners[1]);
    three.ask(first, 1, false, &["SET", "n", "1"]);
    let early = three.request(Consistency::Strong, second, (0, false), &["SETNX", "n", "2"]);
    three.hears(second, early.clone());
    assert!(matches!(three.said(0), Some(Response::Elsewhere(_))), "{:?}", three.said(0));
    // Whoever asked goes to another one. What changed nothing there leaves no name elsewhere.
    three.ask(first, 0, false, &["SETNX", "n", "2"]);
    assert_eq!(three.said(0), Some(&Response::Done(Bytes::from_static(b":0\r\n"))));
    three.ask(first, 2, false, &["DEL", "n"]);
    three.away = [first].into();
    three.pass(3_000_000);
    three.responses.clear();
    three.hears(second, early.clone());
    assert_eq!(three.said(0), None, "nobody waits for that");
    three.ask(second, 3, false, &["EXISTS", "n"]);
    assert_eq!(three.said(3), Some(&Response::Done(Bytes::from_static(b":0\r\n"))));
    three.pass(3_000_000);
    three.hears(second, Request { valid: (early.valid.0, three.now.mono_us), ..early });
    assert_eq!(three.said(0), None, "it is void");
}

#[test]
fn a_try_that_was_executed_is_not_refused_when_it_comes_once_more() {
    for consistency in [Consistency::Strong, Consistency::Available] {
        let mut three = Three::new();
        let home = three.owners("n")[0];
        three.ask(home, 0, false, &["SET", "n", "1"]);
        let effectless = three.request(consistency, home, (1, false), &["SETNX", "n", "2"]);
        let write = three.request(consistency, home, (2, false), &["INCR", "n"]);
        three.hears(home, effectless.clone());
        three.hears(home, write.clone());
        let done = |reply: &'static [u8]| Some(Response::Done(Bytes::from_static(reply)));
        assert_eq!(three.said(1).cloned(), done(b":0\r\n"));
        assert_eq!(three.said(2).cloned(), done(b":2\r\n"));
        three.away = [home].into();
        three.ahead = Some((home, 10_000));
        three.pass(3_000_000);
        three.responses.clear();
        three.hears(home, effectless);
        three.hears(home, write);
        assert_eq!(three.said(1), None, "{consistency:?}");
        assert_eq!(three.said(2), None, "{consistency:?}");
        three.ask_for(consistency, home, (3, false), &["INCR", "n"]);
        assert_eq!(three.said(3), Some(&Response::Elsewhere(None)), "{consistency:?}");
    }
}

#[test]
fn a_name_that_one_owner_had_to_forget_is_in_doubt_at_the_next_home_too() {
    let mut three = Three::new();
    let owners = three.owners("n");
    let (first, second) = (owners[0], owners[1]);
    three.away = [second].into();
    three.pass(100_000);
    // Executed, and the answer is lost on its way.
    three.ask(first, 0, false, &["INCR", "n"]);
    assert!(matches!(three.said(0), Some(Response::Done(_))), "{:?}", three.said(0));
    // Seventy thousand writes a second for two seconds.
    for number in 1..=140_000 {
        three.ask(first, number, false, &["SET", "{n}x", "v"]);
        if number % 10_000 == 0 {
            three.pass(140_000);
        }
    }
    three.away = [first].into();
    three.pass(2_500_000);
    assert!(three.now.mono_us < 4_000_000 + 5_000_000, "the name may come again");
    three.ask(second, 0, true, &["INCR", "n"]);
    let reply = three.said(0).cloned();
    assert!(
        matches!(&reply, Some(Response::Unknown)) || reply == Some(Response::Done(":1\r\n".into())),
        "it was executed twice: {reply:?}"
    );
}

#[test]
fn replies_that_wait_for_other_owners_are_bounded() {
    let mut three = Three::new();
    let home = three.owners("k")[0];
    three.loses_acks = true;
    three.ask(home, 0, false, &["SET", "k", "v"]);
    let asked = 300_000;
    for number in 1..=asked {
        three.ask(home, number, false, &["GET", "k"]);
    }
    assert!(!three.responses.is_empty(), "{asked} replies wait, and none was refused");
}

#[test]
fn an_answer_for_a_group_that_nobody_owns_is_no_reason_to_die() {
    let (mut node, now, from, ask) = survey();
    let group = GroupId(60_000);
    let what = opened();
    let answer = Answer { session: ask.session, step: ask.step, group, incarnation: 7, what };
    node.handle(now, Input::Peer(from, Message::Answer(Box::new(answer))));
}

#[test]
fn an_answer_to_another_question_is_no_reason_to_die() {
    let (mut node, now, from, ask) = survey();
    let what = AnswerWhat::Closed { open: vec![], unsure_us: 0, step: Term::default() };
    let Ask { session, step, group, .. } = ask;
    let answer = Answer { session, step, group, incarnation: 7, what };
    node.handle(now, Input::Peer(from, Message::Answer(Box::new(answer))));
}

#[test]
fn a_release_of_an_earlier_process_gives_no_lease_away() {
    let mut three = Three::new();
    let owners = three.owners("k");
    let (home, second, third) = (owners[0], owners[1], owners[2]);
    let group = three.layout.group_of(Slot::of(b"k"));
    let two_homes = |three: &Three| {
        let is_home = |n: &&usize| three.nodes[**n].is_settled_home(group, three.now.mono_us);
        owners.iter().filter(is_home).count() > 1
    };
    // The home's process before this one had run for a day when it gave the group back; its clock began
    // anew with this one. What it said then comes only now.
    let released_us = 86_400_000_000;
    for to in [second, third] {
        let next = Some(NodeId(second as u64));
        let incarnation = 77;
        let release = Message::Release { incarnation, group, released_us, next };
        three.nodes[to].handle(three.now, Input::Peer(NodeId(home as u64), release));
    }
    three.away = [home].into();
    for _ in 0..100 {
        three.pass(10_000);
        assert!(!two_homes(&three), "two homes answer at a time");
    }
}

/// Promise 1. There are no two owners known to have it, and no more room to wait for them: it is unknown, and
/// stays so for who asks again.
#[test]
fn a_write_without_a_lease_that_is_waited_for_no_more_is_unknown_when_it_is_tried_again() {
    let mut three = Three::new();
    three.loses_acks = true;
    for number in 0..=1_024 {
        three.ask_for(Consistency::Available, 0, (number, false), &["SET", "k", "v"]);
    }
    assert_eq!(three.said(0), Some(&Response::Unknown));
    three.responses.clear();
    three.ask_for(Consistency::Available, 0, (0, true), &["SET", "k", "v"]);
    assert_eq!(three.said(0), Some(&Response::Unknown));
}

/// Promise 4: a clock that is ahead ends keys before their time.
#[test]
fn an_owner_alone_whose_clock_is_ahead_of_the_other_nodes_answers_nothing() {
    let mut three = Three::with(1);
    let owner = three.owners("k")[0];
    three.ask(owner, 0, false, &["SET", "k", "v", "EX", "100"]);
    assert!(matches!(three.said(0), Some(Response::Done(_))), "{:?}", three.said(0));
    three.ahead = Some((owner, 120_000));
    three.ask(owner, 1, false, &["GET", "k"]);
    assert_eq!(three.said(1), Some(&Response::Elsewhere(None)));
    three.pass(10_000_000);
    three.ask_for(Consistency::Available, owner, (2, false), &["SET", "k", "w"]);
    assert_eq!(three.said(2), Some(&Response::Elsewhere(None)));
    three.ahead = None;
    three.pass(1_000_000);
    three.ask(owner, 3, false, &["GET", "k"]);
    assert_eq!(three.said(3), Some(&Response::Done("$1\r\nv\r\n".into())));
}

}
