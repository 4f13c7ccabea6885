//! Owners with their disks, driven message by message: which of them had what when it was lost.

use bytes::{Bytes, BytesMut};
use kinring_common::causal::Floor;
use kinring_common::clock::{Hlc, Now};
use kinring_common::id::{Actor, NodeId};
use kinring_common::placement::layout::{Epoch, GroupId, Layout, ReplicationFactor};
use kinring_common::placement::members::{Member, Members};
use kinring_common::placement::slot::{SLOTS, Slot};
use kinring_common::resp::Protocol;
use kinring_common::wire::Item;
use kinring_common::wire::peer::{Ask, AskWhat, Batch, Heartbeat, Message};
use kinring_common::wire::request::{Attempt, Consistency, Request, RequestId, Response, Work};
use kinring_common::wire::v1::encode;
use kinring_shard::core::node::{Input, Node, Output, Past, Restart, Settings};
use kinring_shard::store::Entry;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

/// The only group: all nodes own it, the first one first.
const GROUP: GroupId = GroupId(0);

/// Decides whether a message arrives: from, to, what.
type Rule = Box<dyn FnMut(usize, usize, &Message) -> bool>;

struct World {
    nodes: Vec<Node>,
    logs: Vec<Vec<Entry>>,
    /// So many entries are on disk.
    synced: Vec<usize>,
    /// Where each log began at the last start.
    base: Vec<usize>,
    /// These disks stand still.
    stuck: BTreeSet<usize>,
    away: BTreeSet<usize>,
    /// The monotonic clock of this node runs slower than the others' by a hundredth, since then.
    slow: Option<(usize, u64)>,
    /// The wall clock of this node is ahead of the others' by milliseconds.
    ahead: Option<(usize, u64)>,
    rule: Rule,
    layout: Arc<Layout>,
    settings: Settings,
    now: Now,
    db: u8,
    starts: u64,
    responses: Vec<(u64, Response)>,
    /// Tries so far.
    tries: u32,
    consistency: Consistency,
}

impl World {
    fn new(owners: usize, writes: Option<u8>) -> World {
        World::with(owners, Settings { writes, is_durable: true, ..super::direct::untimed() })
    }

    fn with(owners: usize, settings: Settings) -> World {
        let ids: Vec<NodeId> = (0..owners as u64).map(NodeId).collect();
        let member = |id: &NodeId| Member { id: *id, weight: 1, zone: String::new() };
        let members = Members::new(ids.iter().map(member).collect()).expect("they are different");
        let factor = ReplicationFactor::new(owners as u8).expect("it is in range");
        let epoch = Epoch::new(1).expect("one");
        let layout = Layout::new(epoch, members, factor, &ids.repeat(usize::from(SLOTS)));
        let layout = Arc::new(layout.expect("it is sound"));
        let now = Now { wall_ms: 1_700_000_000_000, mono_us: 0 };
        let mut world = World {
            nodes: Vec::new(),
            logs: vec![Vec::new(); owners],
            synced: vec![0; owners],
            base: vec![0; owners],
            stuck: BTreeSet::new(),
            away: BTreeSet::new(),
            slow: None,
            ahead: None,
            rule: Box::new(|_, _, _| true),
            layout,
            settings,
            now,
            db: 0,
            starts: 0,
            responses: Vec::new(),
            tries: 0,
            consistency: Consistency::Strong,
        };
        for n in 0..owners {
            let node = world.fresh(n, false);
            world.nodes.push(node);
        }
        world.pass(4_000_000);
        assert!(world.is_home(0), "{:?}", world.nodes[0].describe());
        world
    }

    fn fresh(&mut self, n: usize, is_whole: bool) -> Node {
        self.starts += 1;
        let past = Past { log: &self.logs[n], is_whole, is_damaged: false };
        let restart = Restart { now: self.now, seed: self.starts, past };
        Node::start(NodeId(n as u64), self.layout.clone(), self.settings, restart)
    }

    /// It starts again with what is on its disk.
    fn restart(&mut self, n: usize) {
        self.logs[n].truncate(self.synced[n]);
        self.base[n] = self.logs[n].len();
        self.stuck.remove(&n);
        self.nodes[n] = self.fresh(n, true);
    }

    /// It starts again with an empty disk.
    fn wipe(&mut self, n: usize) {
        self.logs[n].clear();
        (self.synced[n], self.base[n]) = (0, 0);
        self.nodes[n] = self.fresh(n, false);
    }

    fn is_home(&self, n: usize) -> bool {
        self.nodes[n].is_settled_home(GROUP, self.now(n).mono_us)
    }

    fn pass(&mut self, time_us: u64) {
        (0..time_us / 10_000).for_each(|_| self.pass_ms(10));
    }

    fn pass_ms(&mut self, ms: u64) {
        self.now.mono_us += ms * 1_000;
        self.now.wall_ms += ms;
        (0..self.nodes.len()).for_each(|n| self.handle(n, Input::Tick));
        self.deliver();
    }

    /// What time it is for a node.
    fn now(&self, n: usize) -> Now {
        let slow = self.slow.filter(|(slow, _)| *slow == n);
        let lost_us = slow.map_or(0, |(_, since_us)| (self.now.mono_us - since_us) / 100);
        let ahead_ms = self.ahead.filter(|(ahead, _)| *ahead == n).map_or(0, |(_, ms)| ms);
        Now { wall_ms: self.now.wall_ms + ahead_ms, mono_us: self.now.mono_us - lost_us }
    }

    fn handle(&mut self, n: usize, input: Input) {
        let now = self.now(n);
        self.nodes[n].handle(now, input);
    }

    fn deliver(&mut self) {
        loop {
            let mut said = Vec::new();
            for n in 0..self.nodes.len() {
                while let Some(output) = self.nodes[n].poll_output() {
                    match output {
                        Output::Log(entry) => self.logs[n].push(entry),
                        Output::Peer(to, message) => said.push((n, to.0 as usize, message)),
                        Output::Response(_, attempt, response) => {
                            self.responses.push((attempt.id.number, response));
                        }
                        Output::Pong(..) => {}
                    }
                }
            }
            let mut is_done = said.is_empty();
            for n in 0..self.nodes.len() {
                if self.synced[n] < self.logs[n].len() && !self.stuck.contains(&n) {
                    self.synced[n] = self.logs[n].len();
                    let entries = (self.logs[n].len() - self.base[n]) as u64;
                    self.handle(n, Input::Synced(entries));
                    is_done = false;
                }
            }
            if is_done {
                return;
            }
            for (from, to, message) in said {
                let is_cut = self.away.contains(&from) || self.away.contains(&to);
                if !is_cut && (self.rule)(from, to, &message) {
                    let input = Input::Peer(NodeId(from as u64), message);
                    self.handle(to, input);
                }
            }
        }
    }

    /// Asks, and delivers nothing yet.
    fn say(&mut self, n: usize, number: u64, tries: (bool, bool), words: &[&str]) {
        let request = self.request(n, number, tries, words);
        self.handle(n, Input::Request(0, request));
    }

    fn request(
        &mut self,
        n: usize,
        number: u64,
        (is_retry, is_elsewhere): (bool, bool),
        words: &[&str],
    ) -> Request {
        let words: Vec<Bytes> =
            words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        let is_flush = words[0] == "FLUSHDB";
        let work = if is_flush { Work::Flush(GROUP) } else { Work::Commands(vec![words.clone()]) };
        self.tries += 1;
        Request {
            attempt: Attempt { id: RequestId { session: 1, number }, number: self.tries },
            epoch: self.layout.epoch(),
            slot: words.get(1).map_or(Slot::of(b""), |key| Slot::of(key)),
            db: self.db,
            protocol: Protocol::Resp2,
            consistency: self.consistency,
            valid: (self.nodes[n].incarnation(), u64::MAX),
            is_retry,
            is_elsewhere,
            work,
        }
    }

    fn ask(&mut self, n: usize, number: u64, words: &[&str]) -> Option<Response> {
        self.say(n, number, (false, false), words);
        self.deliver();
        self.said(number)
    }

    fn said(&self, number: u64) -> Option<Response> {
        let said = self.responses.iter().rev().find(|(of, _)| *of == number);
        said.map(|(_, response)| response.clone())
    }
}

fn is_done(response: &Option<Response>) -> bool {
    matches!(response, Some(Response::Done(_)))
}

/// Owner 0 alone has what it was asked for, loses its lease, and gets it again by the word of one other, to whom
/// it has given nothing yet.
fn began_again_alone(words: &[&str]) -> World {
    let mut world = World::new(3, None);
    assert!(is_done(&world.ask(0, 1, &["HSET", "h", "f", "1"])));
    world.rule =
        Box::new(|_, _, message| !matches!(message, Message::Write(_) | Message::Repair(_)));
    assert_eq!(world.ask(0, 2, words), None, "nobody else has it");
    world.rule = Box::new(|_, _, message| {
        !matches!(message, Message::Write(_) | Message::Repair(_) | Message::Beat(_))
    });
    world.pass(700_000);
    assert!(!world.is_home(0));
    world.rule = Box::new(|from, to, message| match message {
        Message::Write(_) | Message::Repair(_) => false,
        Message::Beat(_) => (from, to) == (1, 0),
        Message::Ask(ask) => ask.push.is_none(),
        _ => true,
    });
    world.pass(4_000_000);
    let step = world.logs[0].iter().rev().find(|entry| matches!(entry, Entry::Step { .. }));
    assert!(matches!(step, Some(Entry::Step { is_own: true, .. })), "{step:?}");
    world
}

/// Nobody is granted anything, nor compares with another one.
fn without_homes(_: usize, _: usize, message: &Message) -> bool {
    match message {
        Message::Beat(beat) => beat.asked.is_empty(),
        Message::Ask(_) | Message::Answer(_) | Message::Settle(_) => false,
        _ => true,
    }
}

/// Nothing is written without a lease at owner 0 on top of what is in doubt there, nor is it when that has
/// started again; other keys are.
fn leaves_in_doubt(mut world: World, words: &[&str]) {
    world.rule = Box::new(without_homes);
    world.consistency = Consistency::Available;
    for number in [3, 4] {
        world.pass(1_000_000);
        let said = world.ask(0, number, words);
        assert_eq!(said, Some(Response::Elsewhere(None)), "{number}");
        if words[0] == "INCR" {
            assert!(is_done(&world.ask(0, number + 2, &["INCR", "m"])), "{number}");
        }
        world.restart(0);
    }
}

/// What an exchange says.
fn bytes_of(message: &Message) -> usize {
    if !matches!(message, Message::Ask(_) | Message::Answer(_)) {
        return 0;
    }
    let mut bytes = BytesMut::new();
    encode(message, &mut bytes).expect("it is short enough");
    bytes.len()
}

stories! {

/// Promise 1. A home notes a thousand writes that an owner has not acknowledged; those after are sent to it,
/// and not noted. If one of these has a gap there, the home answers with a repair that holds nothing and
/// names the write: the owner acknowledges what it does not have.
///
/// Here: one lost message, and a burst of 1,100 pipelined writes before the first acknowledgement comes back.
#[test]
fn a_repair_of_a_write_that_is_not_noted_makes_nobody_acknowledge_it() {
    let mut world = World::new(3, None);
    world.away = [2].into();
    world.pass(100_000);
    let mut writes = 0;
    world.rule = Box::new(move |from, to, message| {
        let is_write = (from, to) == (0, 1) && matches!(message, Message::Write(_));
        writes += u64::from(is_write);
        !is_write || writes != 1
    });
    let first = (false, false);
    world.say(0, 0, first, &["SET", "k", "v1"]);
    (1..=1_100).for_each(|number| world.say(0, number, first, &["SET", "x", "v"]));
    world.say(0, 2_000, first, &["SET", "k", "v2"]);
    world.deliver();
    let acknowledged = world.said(2_000);
    // The home is gone before it sends the first one again.
    world.away = [0].into();
    world.rule = Box::new(|_, _, _| true);
    world.pass(3_000_000);
    assert!(world.is_home(1), "{:?}", world.nodes[1].describe());
    let shown = world.ask(1, 3_000, &["GET", "k"]);
    assert!(
        !is_done(&acknowledged) || shown == Some(Response::Done("$2\r\nv2\r\n".into())),
        "it was acknowledged: {acknowledged:?}, and is lost: {shown:?}"
    );
}

/// Promise 4. What a former process of a home gave back counts for nothing, because its clock says nothing of
/// this one's requests. But a late heartbeat of that process makes it the known one again: then its late
/// release takes the grant of the one that lives.
#[test]
fn a_late_heartbeat_of_an_earlier_process_does_not_let_its_late_release_in() {
    let mut world = World::new(3, None);
    let beat = Heartbeat {
        incarnation: 77,
        epoch: world.layout.epoch(),
        sent_us: 86_399_000_000,
        actor: Actor::leased(77),
        is_sound: true,
        asks: Vec::new(),
        declines: Vec::new(),
    };
    for to in [1, 2] {
        let (group, released_us, next) = (GROUP, 86_400_000_000, Some(NodeId(1)));
        let release = Message::Release { incarnation: 77, group, released_us, next };
        for message in [Message::Heartbeat(Box::new(beat.clone())), release] {
            world.nodes[to].handle(world.now, Input::Peer(NodeId(0), message));
        }
    }
    world.away = [0].into();
    for _ in 0..100 {
        world.pass(10_000);
        let homes = (0..3).filter(|n| world.is_home(*n)).count();
        assert!(homes < 2, "two homes answer at a time");
    }
}

/// Promise 1, where W is more than a majority. What a new home has taken is on as many owners as grant it, a
/// majority, and is shown to who tries it again: so the home waits until it is on W owners.
#[test]
fn a_write_that_a_new_home_has_taken_over_is_acknowledged_when_it_is_on_w_owners() {
    let mut world = World::new(3, Some(3));
    world.stuck = [0].into();
    world.rule = Box::new(|from, to, message| {
        (from, to) != (0, 2) || !matches!(message, Message::Write(_) | Message::Repair(_))
    });
    assert_eq!(world.ask(0, 1, &["INCR", "n"]), None, "it is on one disk");
    world.away = [0].into();
    world.restart(0);
    world.pass(3_000_000);
    assert!(!world.is_home(1), "two would show what is to be on three");
    world.say(1, 1, (true, true), &["INCR", "n"]);
    world.deliver();
    let acknowledged = world.said(1);
    // Two disks are lost: that is what W = 3 is for.
    world.rule = Box::new(|_, _, _| true);
    world.wipe(1);
    world.wipe(2);
    world.away.clear();
    world.pass(5_000_000);
    let shown = world.ask(0, 2, &["GET", "n"]);
    assert!(
        !is_done(&acknowledged) || shown == Some(Response::Done("$1\r\n1\r\n".into())),
        "it was acknowledged: {acknowledged:?}, and is lost: {shown:?}"
    );
}

/// Promise 1. Among three, an owner that lost its disk gets its data back from both others. The second owner
/// has a term of a high number of it, and says what it has: it is in step with the old term still, for it has
/// not yet heard how the wiped one stands. It does hear that while its lease lasts: from the new process, which
/// knows nothing of this term, and so it notes that it is in step with its own. It never was settled. The
/// first owner is granted a lower number by the wiped one, and acknowledges; then the second one takes its
/// own data for the later ones.
#[test]
fn among_three_an_owner_that_was_wiped_grants_no_term_below_one_that_it_had_granted() {
    let mut world = World::new(3, None);
    assert!(is_done(&world.ask(0, 1, &["SET", "k", "v1"])));
    // The second one asks again and again, and is not told how the third one stands.
    let is_answer = |message: &Message| matches!(message, Message::Answer(_));
    world.rule = Box::new(move |from, to, message| (from, to) != (2, 1) || !is_answer(message));
    for _ in 0..4 {
        world.away = [0].into();
        world.pass(2_000_000);
        world.away = [0, 1].into();
        world.pass(700_000);
    }
    world.away = [0].into();
    world.pass(1_500_000);
    // The first and the second one do not reach each other; the wiped one is in reach of both.
    world.away.clear();
    world.wipe(2);
    world.rule = Box::new(|from, to, _| !matches!((from, to), (0, 1) | (1, 0)));
    world.pass(450_000);
    world.away = [1].into();
    world.pass(3_000_000);
    assert!(world.is_home(0), "{:?} {:?}", world.nodes[0].describe(), world.nodes[1].describe());
    assert!(is_done(&world.ask(0, 2, &["SET", "k", "v2"])));
    world.away = [0].into();
    world.rule = Box::new(|_, _, _| true);
    world.pass(5_000_000);
    assert!(world.is_home(1), "{:?}", world.nodes[1].describe());
    let shown = world.ask(1, 3, &["GET", "k"]);
    assert_eq!(
        shown,
        Some(Response::Done("$2\r\nv2\r\n".into())),
        "{:?}",
        world.nodes[2].describe()
    );
}

/// Promise 7. A flush that does not count is taken back at the beginning of an exchange, and what it removed
/// comes back until its end. Asked in between, the owner has the flush again, whole, and takes no more of
/// that exchange; another one puts it in step.
#[test]
fn an_owner_that_is_asked_in_the_middle_of_an_adoption_has_what_it_had_before() {
    let mut world = World::new(3, None);
    assert!(is_done(&world.ask(0, 1, &["SET", "k", "v"])));
    world.rule = Box::new(|from, _, message| from != 0 || !matches!(message, Message::Write(_)));
    world.say(0, 2, (false, false), &["FLUSHDB"]);
    world.away = [0].into();
    world.pass(3_000_000);
    assert!(world.is_home(1), "{:?}", world.nodes[1].describe());
    // The new home begins to give the first one what counts, and gets no further.
    world.rule = Box::new(|_, to, message| match message {
        Message::Ask(ask) => to != 0 || matches!(ask.what, AskWhat::Open { .. }),
        _ => true,
    });
    world.away.clear();
    let slot = Slot::of(b"k");
    let begun = (0..400).any(|_| {
        world.pass(10_000);
        world.nodes[0].is_unflushed(slot)
    });
    assert!(begun, "{:?}", world.nodes[0].describe());
    let what = AskWhat::Open {
        digest: 0,
        cuts: Vec::new(),
        flushes: Vec::new(),
        floor: Default::default(),
        wants_clock: false,
        ended: Vec::new(),
        is_survey: false,
    };
    let epoch = world.layout.epoch();
    let ask = Ask { session: 9, step: 0, group: GROUP, epoch, incarnation: None, push: None, what };
    let input = Input::Peer(NodeId(2), Message::Ask(Box::new(ask)));
    world.nodes[0].handle(world.now, input);
    assert!(!world.nodes[0].is_unflushed(slot), "it has the flush again");
    world.rule = Box::new(|_, _, _| true);
    world.pass(10_000_000);
    let space = world.nodes[0].keyspace();
    let at = space.locate(0, b"k");
    let record = space.lock_one(at.partition).partition(at.partition).record(&at, 0, b"k");
    assert!(record.is_some_and(|record| !record.cells.is_empty()), "it was put in step");
}

/// Promise 2. What is read without a lease is the first to be equal again: the read asks another owner.
#[test]
fn a_read_without_a_lease_finds_next_time_what_another_owner_had() {
    let mut world = World::new(3, None);
    world.consistency = Consistency::Available;
    world.rule = Box::new(|_, to, message| {
        to != 1 || !matches!(message, Message::Write(_) | Message::Repair(_))
    });
    assert!(is_done(&world.ask(0, 1, &["SET", "k", "v"])));
    assert_eq!(world.ask(1, 2, &["GET", "k"]), Some(Response::Done("$-1\r\n".into())));
    assert_eq!(world.ask(1, 3, &["GET", "k"]), Some(Response::Done("$1\r\nv\r\n".into())));
}

/// Promise 9, and no message is a reason to die. Databases are a setting of each node, and a key names its
/// database by a byte: one that is set for more than another ends that one's process by an ordinary write.
#[test]
fn a_write_to_a_database_that_is_not_there_is_no_reason_to_die() {
    let mut world = World::new(3, None);
    world.db = 20;
    world.ask(0, 1, &["SET", "k", "v1"]);
}

/// Promise 8. A machine that starts again may count its time anew, and names are forgotten: what was asked of
/// an earlier start may look as if it were valid still.
#[test]
fn a_request_to_an_earlier_start_of_a_node_is_not_executed() {
    let mut world = World::new(3, None);
    let late = world.request(0, 1, (false, false), &["INCR", "n"]);
    assert!(is_done(&world.ask(0, 1, &["INCR", "n"])));
    world.restart(0);
    world.pass(10_000_000);
    assert!(world.is_home(0), "{:?}", world.nodes[0].describe());
    assert!(is_done(&world.ask(0, 2, &["SET", "x", "v"])));
    world.handle(0, Input::Request(0, late));
    world.deliver();
    assert_eq!(world.said(1), Some(Response::Elsewhere(None)));
    assert_eq!(world.ask(0, 3, &["GET", "n"]), Some(Response::Done("$1\r\n1\r\n".into())));
}

/// Promise 4. Clocks differ by some parts in a thousand: a home stops before its grants end.
#[test]
fn a_home_whose_clock_is_slow_has_stopped_when_another_begins() {
    let mut world = World::new(3, None);
    world.slow = Some((0, world.now.mono_us));
    world.pass(1_000_000);
    world.away = [0].into();
    for _ in 0..700 {
        // The next one asks as soon as it can.
        let incarnation = world.nodes[0].incarnation();
        let (group, released_us, next) = (GROUP, 0, Some(NodeId(1)));
        let release = Message::Release { incarnation, group, released_us, next };
        world.handle(1, Input::Peer(NodeId(0), release));
        world.pass_ms(1);
        assert!(!(world.is_home(0) && world.is_home(1)), "two homes answer at a time");
    }
    assert!(world.is_home(1), "{:?}", world.nodes[1].describe());
}

/// Promise 9. Writes that there was no room to note are found by comparing, at once.
#[test]
fn writes_that_could_not_be_noted_are_made_up_for_soon() {
    let mut world = World::new(3, None);
    world.away = [2].into();
    world.pass(100_000);
    world.rule = Box::new(|_, _, message| !matches!(message, Message::Write(_)));
    let first = (false, false);
    (0..1_100).for_each(|number| world.say(0, number, first, &["INCR", &format!("k{number}")]));
    world.deliver();
    world.pass(3_000_000);
    assert!((0..1_100).all(|number| is_done(&world.said(number))), "some wait for ever");
}

/// Promise 1. A home settles with those who have what it took. What an earlier start of an owner said is no
/// word of this one, which may have lost its disk since.
#[test]
fn a_word_of_an_earlier_start_of_an_owner_does_not_settle_a_home() {
    let mut world = World::new(3, None);
    let tenure = Rc::new(Cell::new(None));
    let seen = tenure.clone();
    world.rule = Box::new(move |from, _, message| {
        let Message::Settle(settle) = message else { return true };
        seen.set(Some(settle.term.tenure).filter(|_| from == 1));
        false
    });
    world.away = [0].into();
    world.pass(2_000_000);
    let number = tenure.get().expect("the second one is the next home");
    assert!(!world.is_home(1), "nobody has said to be in step with it");
    let settled =
        Message::Settled { group: GROUP, number, incarnation: 77, is_in_step: true };
    world.handle(1, Input::Peer(NodeId(2), settled));
    world.deliver();
    assert!(!world.is_home(1), "nobody has said so still");
}

/// Promise 3 and 4. A node looks at its own clock before it mints; who takes what it has minted looks, too.
#[test]
fn a_write_of_a_clock_far_ahead_is_not_taken() {
    let mut world = World::new(3, None);
    let write = Rc::new(RefCell::new(None));
    let seen = write.clone();
    world.rule = Box::new(move |from, to, message| {
        let Message::Write(batch) = message else { return true };
        if (from, to) == (0, 1) {
            *seen.borrow_mut() = Some(batch.clone());
        }
        to != 1
    });
    assert!(is_done(&world.ask(0, 1, &["SET", "k", "v"])));
    let sent: Arc<Batch> = write.borrow_mut().take().expect("it was sent");
    let mut batch = Batch::clone(&sent);
    let [Item::Delta { name, delta }] = &batch.items[..] else { unreachable!("it is one SET") };
    let mut delta = delta.clone();
    delta.dot.hlc = Hlc::new(world.now.wall_ms + 3_600_000, 0);
    batch.items = [Item::Delta { name: name.clone(), delta }].into();
    world.handle(1, Input::Peer(NodeId(0), Message::Write(Arc::new(batch))));
    let said = std::iter::from_fn(|| world.nodes[1].poll_output());
    assert_eq!(said.count(), 0, "it is not logged and not acknowledged");
}

/// Promise 4. A home whose clock is ahead says that a key has expired: so it has, for the next one, too.
#[test]
fn what_was_told_to_have_expired_is_not_there_at_a_home_whose_clock_is_behind() {
    let mut world = World::new(3, None);
    world.ahead = Some((0, 400));
    assert!(is_done(&world.ask(0, 1, &["SET", "k", "v", "PX", "1000"])));
    world.pass(1_010_000);
    let nothing = Some(Response::Done("$-1\r\n".into()));
    assert_eq!(world.ask(0, 2, &["GET", "k"]), nothing);
    world.away = [0].into();
    for to in [1, 2] {
        let (group, released_us, next) = (GROUP, world.now.mono_us, Some(NodeId(1)));
        let incarnation = world.nodes[0].incarnation();
        let release = Message::Release { incarnation, group, released_us, next };
        world.handle(to, Input::Peer(NodeId(0), release));
    }
    world.pass(200_000);
    assert!(world.is_home(1), "{:?}", world.nodes[1].describe());
    assert_eq!(world.ask(1, 3, &["GET", "k"]), nothing);
}

/// Promise 8 (which holds in both modes). A home that begins a term is in step with itself by its own word: what it
/// had in doubt before is so until others have got that.
#[test]
fn what_is_in_doubt_at_a_home_is_so_in_its_next_term_and_at_its_next_start() {
    leaves_in_doubt(began_again_alone(&["INCR", "n"]), &["INCR", "n"]);
}

/// Promise 4. The same of a flush, which changes every key.
#[test]
fn a_flush_in_doubt_at_a_home_is_so_in_its_next_term_and_at_its_next_start() {
    leaves_in_doubt(began_again_alone(&["FLUSHDB"]), &["HSET", "h", "g", "1"]);
}

/// Promise 8. An owner that lost a part of its data, and has heard of all, counts by what it has left and what
/// others have beside that: what nobody else has is in doubt still.
#[test]
fn what_is_in_doubt_at_a_home_is_so_when_it_has_got_back_what_it_lost() {
    let mut world = began_again_alone(&["INCR", "n"]);
    world.nodes[0] = world.fresh(0, false);
    world.base[0] = world.logs[0].len();
    world.rule = Box::new(|from, to, message| match message {
        Message::Beat(beat) => beat.asked.is_empty(),
        Message::Ask(_) => from == 0,
        Message::Answer(_) => to == 0,
        _ => true,
    });
    world.pass(3_000_000);
    assert!(world.nodes[0].is_whole(), "{:?}", world.nodes[0].describe());
    leaves_in_doubt(world, &["INCR", "n"]);
}

/// Availability. What was in doubt is in none any more when the home is settled, nor at its next start.
#[test]
fn what_was_in_doubt_is_in_none_when_others_have_got_it() {
    let mut world = began_again_alone(&["INCR", "n"]);
    world.rule = Box::new(|_, _, _| true);
    world.pass(10_000_000);
    assert!(world.is_home(0), "{:?}", world.nodes[0].describe());
    world.consistency = Consistency::Available;
    assert!(is_done(&world.ask(0, 3, &["INCR", "n"])));
    world.rule = Box::new(without_homes);
    world.restart(0);
    world.pass(3_000_000);
    assert!(is_done(&world.ask(0, 4, &["INCR", "n"])));
}

/// Liveness. Of four owners the first one reaches only the second. The others are a quorum, and the second is
/// not to hand over to the first, again and again: that is up and misses nothing, and cannot hold the group.
#[test]
fn a_home_is_not_handed_over_to_an_owner_that_reaches_nobody_else() {
    let mut world = World::new(4, None);
    world.rule = Box::new(|from, to, _| !(from.min(to) == 0 && from.max(to) >= 2));
    world.pass(5_000_000);
    let (mut times, mut served, mut changes, mut was) = (0, 0, 0, false);
    for _ in 0..2_000 {
        world.pass(10_000);
        let is = (0..4).any(|n| world.is_home(n));
        (times, served, changes) = (times + 1, served + u32::from(is), changes + u32::from(is != was));
        was = is;
    }
    assert!(served * 100 >= times * 99, "a home for {served} of {times} ticks, {changes} changes");
}

/// Promise 1. An actor without a lease whose start is over is closed by a floor. What comes from that start after one
/// owner has been compared, and before it has the floor, would be dead; and what it replaced would be gone.
#[test]
fn a_late_word_of_an_actor_that_is_being_closed_takes_nothing_away() {
    let mut world = World::new(3, None);
    world.settings.round_us = 2_000_000;
    (0..3).for_each(|n| world.restart(n));
    world.pass(10_000_000);
    assert!(world.is_home(0), "{:?}", world.nodes[0].describe());
    assert!(is_done(&world.ask(0, 1, &["SET", "k", "v1"])));
    world.consistency = Consistency::Available;
    assert!(is_done(&world.ask(2, 2, &["SET", "j", "w"])));
    // Nobody gets this, and its owner has it no more when it starts again.
    let late = Rc::new(RefCell::new(None));
    let kept = late.clone();
    world.rule = Box::new(move |from, to, message| {
        if (from, to) == (2, 1) && matches!(message, Message::Write(_)) {
            *kept.borrow_mut() = Some(message.clone());
        }
        from != 2
    });
    world.stuck = [2].into();
    world.ask(2, 3, &["SET", "k", "v2"]);
    world.restart(2);
    let late = late.borrow_mut().take().expect("it was sent");
    // In the second round from now owner 1 has been compared, and owner 2 is late.
    let is_told = Rc::new(Cell::new(false));
    let seen = is_told.clone();
    world.rule = Box::new(move |_, to, message| {
        let Message::Ask(ask) = message else { return true };
        let AskWhat::Open { ended, .. } = &ask.what else { return true };
        seen.set(seen.get() || !ended.is_empty());
        ended.is_empty() || to != 2
    });
    let begins = (0..2_000).any(|_| {
        world.pass(10_000);
        is_told.get()
    });
    assert!(begins, "{:?}", world.nodes[0].describe());
    world.pass(300_000);
    world.handle(1, Input::Peer(NodeId(2), late));
    world.deliver();
    world.rule = Box::new(|_, _, _| true);
    world.pass(10_000_000);
    world.away = [0].into();
    world.pass(3_000_000);
    world.consistency = Consistency::Strong;
    assert_eq!(world.ask(1, 4, &["GET", "k"]), Some(Response::Done("$2\r\nv1\r\n".into())));
}

/// Promise 4. Who has started again does not know whom it has granted the group: two owners answer at a time if
/// it grants at once.
#[test]
fn an_owner_that_starts_again_grants_nothing_until_what_it_granted_has_run_out() {
    let mut world = World::new(3, None);
    // The third one grants the home nothing any more; the second one does.
    world.rule = Box::new(|from, to, _| (from, to) != (0, 2));
    world.pass(1_000_000);
    assert!(world.is_home(0), "one grantor beside itself is enough");
    world.away = [0].into();
    world.restart(1);
    for _ in 0..1_000 {
        // The third one asks as soon as it can.
        let incarnation = world.nodes[0].incarnation();
        let (group, released_us, next) = (GROUP, 0, Some(NodeId(2)));
        let release = Message::Release { incarnation, group, released_us, next };
        world.handle(2, Input::Peer(NodeId(0), release));
        world.pass_ms(1);
        let homes = (0..3).filter(|n| world.is_home(*n)).count();
        assert!(homes < 2, "two homes answer at a time");
    }
    world.pass(3_000_000);
    assert!(world.is_home(1) || world.is_home(2), "{:?}", world.nodes[1].describe());
}

/// Promise 1. A floor says that what is absent is dead: an owner that has taken note of one before the data, and
/// loses power between, would say so of what it was to be given.
#[test]
fn an_owner_that_crashes_at_the_start_of_an_exchange_has_not_the_floor_of_its_end() {
    let mut world = World::new(3, None);
    let asked: Rc<RefCell<Option<Ask>>> = Rc::default();
    let caught = asked.clone();
    // The third one gets nothing; what the home asks it is kept.
    world.rule = Box::new(move |from, to, message| {
        if let (0, 2, Message::Ask(ask)) = (from, to, message)
            && matches!(ask.what, AskWhat::Open { .. })
            && ask.push.is_some()
        {
            caught.borrow_mut().get_or_insert_with(|| (**ask).clone());
        }
        let is_lost = matches!(message, Message::Write(_) | Message::Repair(_) | Message::Ask(_));
        (from, to) != (0, 2) || !is_lost
    });
    // More than is noted for it: it is to be compared with.
    let first = (false, false);
    for number in 0..1_100 {
        world.say(0, number, first, &["SET", "k", &format!("v{number}")]);
        world.deliver();
    }
    world.pass(100_000);
    assert!(is_done(&world.said(1_099)));
    let mut ask = asked.borrow_mut().take().expect("it lacks what there was no room to note");
    // The floor of a home that has settled what this owner lacks.
    let at = world.nodes[0].keyspace().locate(0, b"k");
    let seen = {
        let mut locks = world.nodes[0].keyspace().lock_one(at.partition);
        locks.partition(at.partition).record(&at, 0, b"k").expect("it was written").context
    };
    let AskWhat::Open { floor, .. } = &mut ask.what else { unreachable!("it begins an exchange") };
    *floor = Floor::from(seen);
    world.away = [0, 1].into();
    world.handle(2, Input::Peer(NodeId(0), Message::Ask(Box::new(ask))));
    world.deliver();
    world.restart(2);
    world.away.clear();
    world.rule = Box::new(|_, _, _| true);
    world.pass(3_000_000);
    // Who is home next takes what the third one has, which is whole.
    world.away = [0].into();
    world.pass(3_000_000);
    let shown = world.ask(1, 2_000, &["GET", "k"]);
    assert_eq!(shown, Some(Response::Done("$5\r\nv1099\r\n".into())));
}

/// Owners in step that differ in much are made equal no faster than the settings say.
#[test]
fn an_exchange_that_nobody_waits_for_goes_no_faster_than_its_rate() {
    const RATE: u64 = 200_000;
    const SPAN_US: u64 = 5_000_000;
    // A hundred milliseconds' worth, and one step with its answer: 64 keys of a thousand bytes, both ways.
    const BURST: u64 = RATE / 10 + 2 * 64 * 1_200;
    let rated = Settings { exchange_bytes_s: RATE, ..super::direct::untimed() };
    let mut world = World::with(3, Settings { is_durable: true, ..rated });
    world.rule = Box::new(|_, to, message| {
        to != 2 || !matches!(message, Message::Write(_) | Message::Repair(_) | Message::Ask(_))
    });
    let value = "v".repeat(1_000);
    for number in 0..3_000 {
        world.say(0, number, (false, false), &["SET", &format!("{{t}}{number}"), &value]);
        world.deliver();
    }
    world.pass(100_000);
    assert!((0..3_000).all(|number| is_done(&world.said(number))), "two have all of them");
    let said = Rc::new(Cell::new(0_u64));
    let sum = said.clone();
    world.rule = Box::new(move |from, to, message| {
        sum.set(sum.get() + if from == 2 || to == 2 { bytes_of(message) as u64 } else { 0 });
        true
    });
    for span in 0..3 {
        said.set(0);
        world.pass(SPAN_US);
        let most = RATE * SPAN_US / 1_000_000 + BURST;
        assert!((most / 4..=most).contains(&said.get()), "span {span}: {} of {most}", said.get());
    }
    assert!(world.nodes[0].paced() > 0, "it had to wait");
    world.pass(60_000_000);
    assert!(world.nodes.iter().all(Node::is_at_rest), "{:?}", world.nodes[0].describe());
}

}
