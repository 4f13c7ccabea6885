//! Owners of one group, their messages as bytes: what a large record costs that one of them lacks
//! something of.

use super::*;
use bytes::{Bytes, BytesMut};
use kinring_common::causal::Record;
use kinring_common::placement::layout::{Epoch, ReplicationFactor};
use kinring_common::placement::members::{Member, Members};
use kinring_common::placement::slot::{SLOTS, Slot};
use kinring_common::resp::Protocol;
use kinring_common::wire::peer::{self, AnswerWhat, AskWhat};
use kinring_common::wire::request::{Consistency, RequestId, Work};
use kinring_common::wire::v1::{Frame, decode, encode};
use kinring_common::wire::{Copies, Copy, Name};

mod scope;

const OWNERS: usize = 3;
const KEY: &[u8] = b"large";

/// Messages take no time.
struct Three {
    nodes: Vec<Option<Node>>,
    logs: Vec<Vec<Entry>>,
    layout: Arc<Layout>,
    now: Now,
    next: u64,
    done: u64,
    /// Whom nobody reaches.
    away: Option<usize>,
    /// All messages that count, and the longest.
    bytes: usize,
    longest: usize,
    /// The most bytes that copies had in one.
    longest_copies: usize,
    /// Answers by ranges; from so many on they are lost, and `away` is who asked.
    answers: usize,
    answers_max: usize,
}

impl Three {
    fn new() -> Three {
        Three::with(|_| [0, 1, 2])
    }

    /// Whose slots have these owners.
    fn with(owners: impl Fn(usize) -> [u64; OWNERS]) -> Three {
        let ids: Vec<NodeId> = (0..OWNERS as u64).map(NodeId).collect();
        let member = |id: &NodeId| Member { id: *id, weight: 1, zone: String::new() };
        let members = Members::new(ids.iter().map(member).collect()).expect("they are different");
        let factor = ReplicationFactor::new(OWNERS as u8).expect("it is in range");
        let epoch = Epoch::new(1).expect("one");
        let owners: Vec<NodeId> =
            (0..usize::from(SLOTS)).flat_map(|slot| owners(slot).map(NodeId)).collect();
        let layout = Layout::new(epoch, members, factor, &owners);
        let mut three = Three {
            nodes: (0..OWNERS).map(|_| None).collect(),
            logs: vec![Vec::new(); OWNERS],
            layout: Arc::new(layout.expect("it is sound")),
            now: Now { wall_ms: 1_700_000_000_000, mono_us: 0 },
            next: 0,
            done: 0,
            away: None,
            bytes: 0,
            longest: 0,
            longest_copies: 0,
            answers: 0,
            answers_max: usize::MAX,
        };
        (0..OWNERS).for_each(|n| three.start(n, false));
        three.pass(4_000);
        assert!(three.nodes.iter().flatten().all(Node::is_at_rest), "there is a home");
        three
    }

    /// A node starts, with the log that it has.
    fn start(&mut self, n: usize, is_whole: bool) {
        let settings = Settings {
            databases: 1,
            seed: HashSeed(7),
            writes: None,
            is_durable: false,
            exchange_us: u64::MAX / 4,
            round_us: u64::MAX / 4,
            sweep_us: u64::MAX / 4,
            large_cells: LARGE_CELLS,
            ranges_bytes: RANGES_BYTES,
            copies_bytes: COPIES_BYTES,
            exchange_bytes_s: EXCHANGE_BYTES_S,
            missed_max: MISSED_MAX,
        };
        let past = Past { log: &self.logs[n], is_whole, is_damaged: false };
        let restart = Restart { now: self.now, seed: self.now.mono_us + n as u64, past };
        let node = Node::start(NodeId(n as u64), self.layout.clone(), settings, restart);
        self.nodes[n] = Some(node);
    }

    /// Milliseconds pass.
    fn pass(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            self.now.mono_us += 10_000;
            self.now.wall_ms += 10;
            for node in self.nodes.iter_mut().flatten() {
                node.handle(self.now, Input::Tick);
            }
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        loop {
            let mut said = Vec::new();
            for (from, node) in self.nodes.iter_mut().enumerate() {
                let node = node.iter_mut();
                said.extend(
                    node.flat_map(|node| std::iter::from_fn(|| node.poll_output()))
                        .map(|o| (from, o)),
                );
            }
            if said.is_empty() {
                return;
            }
            for (from, output) in said {
                match output {
                    Output::Peer(to, message) => self.carry(from, to.0 as usize, &message),
                    Output::Response(_, _, Response::Done(_)) => self.done += 1,
                    Output::Response(_, id, other) => panic!("{id:?}: {other:?}"),
                    Output::Log(entry) => self.logs[from].push(entry),
                    Output::Pong(..) => {}
                }
            }
        }
    }

    /// A message goes as bytes, unless it is lost.
    fn carry(&mut self, from: usize, to: usize, message: &Message) {
        if is_by_ranges(message) {
            self.answers += 1;
            if self.answers > self.answers_max {
                self.away = Some(to);
            }
        }
        if self.away == Some(from) || self.away == Some(to) {
            return;
        }
        let mut bytes = BytesMut::new();
        encode(message, &mut bytes).expect("it is short enough");
        self.longest_copies = self.longest_copies.max(copies_of(message).map_or(0, Copies::bytes));
        if !is_left_out(message) {
            self.bytes += bytes.len();
            self.longest = self.longest.max(bytes.len());
        }
        let Ok(Frame::Peer(message)) = decode(bytes.freeze()) else { panic!("it is a message") };
        if let Some(node) = &mut self.nodes[to] {
            node.handle(self.now, Input::Peer(NodeId(from as u64), message));
        }
    }

    /// Fields of the large hash get new values.
    fn put(&mut self, fields: std::ops::Range<usize>) {
        let mut words = vec![Bytes::from_static(b"HSET"), Bytes::from_static(KEY)];
        for field in fields {
            words.push(Bytes::from(format!("field-{field:08}")));
            words.push(Bytes::from(format!("the value of the field, {:08}", self.next)));
        }
        self.ask(words);
    }

    /// The home is asked for something, and does it.
    fn ask(&mut self, words: Vec<Bytes>) {
        self.next += 1;
        let node = self.nodes[0].as_mut().expect("it is up");
        let request = Request {
            attempt: Attempt { id: RequestId { session: 1, number: self.next }, number: 0 },
            epoch: self.layout.epoch(),
            slot: Slot::of(&words[1]),
            db: 0,
            protocol: Protocol::Resp2,
            consistency: Consistency::Strong,
            valid: (node.incarnation(), u64::MAX),
            is_retry: false,
            is_elsewhere: false,
            work: Work::Commands(vec![words]),
        };
        node.handle(self.now, Input::Request(0, request));
        self.deliver();
        assert_eq!(self.done, self.next, "it is acknowledged");
    }

    fn fill(&mut self, fields: usize) {
        (0..fields / 1_000).for_each(|at| self.put(at * 1_000..(at + 1) * 1_000));
        self.pass(500);
    }

    fn record(&self, n: usize) -> Record {
        self.record_of(n, KEY)
    }

    fn record_of(&self, n: usize, key: &[u8]) -> Record {
        let space = self.nodes[n].as_ref().expect("it is up").keyspace();
        let at = space.locate(0, key);
        let record = space.lock_one(at.partition).partition(at.partition).record(&at, 0, key);
        record.unwrap_or_default()
    }

    /// A node is told something by another one. Returns what it says to that, and logs.
    fn tell(&mut self, n: usize, from: u64, message: Message) -> Vec<Output> {
        let node = self.nodes[n].as_mut().expect("it is up");
        node.handle(self.now, Input::Peer(NodeId(from), message));
        let said = std::iter::from_fn(|| node.poll_output());
        said.filter(|output| match output {
            Output::Peer(_, message) => matches!(message, Message::Ack(_) | Message::Answer(_)),
            Output::Log(_) => true,
            _ => false,
        })
        .collect()
    }

    /// What the record would take in one message.
    fn whole_bytes(&self) -> usize {
        let name = Name { db: 0, key: Bytes::from_static(KEY) };
        let copies = vec![Copy { name, record: self.record(0) }];
        let answer = peer::Answer {
            session: 0,
            step: 0,
            group: GroupId(0),
            incarnation: 0,
            what: AnswerWhat::Keys {
                copies: Copies { copies, ..Copies::default() },
                together: Vec::new(),
                looked: 1,
            },
        };
        let mut bytes = BytesMut::new();
        encode(&Message::Answer(Box::new(answer)), &mut bytes).expect("it is short enough");
        bytes.len()
    }

    fn pulls(&self, n: usize, class: &str) -> u64 {
        let pulls = self.nodes[n].as_ref().expect("it is up").pulls();
        pulls.get(class).copied().unwrap_or(0)
    }

    /// Counts what is sent until all hold the same.
    #[track_caller]
    fn bytes_until_equal(&mut self) -> usize {
        (self.bytes, self.longest) = (0, 0);
        for _ in 0..200 {
            self.pass(100);
            if (1..OWNERS).all(|n| self.record(n) == self.record(0)) {
                return self.bytes;
            }
        }
        panic!("they differ still");
    }
}

/// The copies in a message.
fn copies_of(message: &Message) -> Option<&Copies> {
    match message {
        Message::Repair(repair) => Some(&repair.copies),
        Message::Ask(ask) => match &ask.what {
            AskWhat::Keys { copies, .. } => Some(copies),
            _ => None,
        },
        Message::Answer(answer) => match &answer.what {
            AnswerWhat::Keys { copies, .. } => Some(copies),
            _ => None,
        },
        _ => None,
    }
}

/// Not counted: what is said whether there is such a record or not. The digests of all slots are.
fn is_left_out(message: &Message) -> bool {
    match message {
        Message::Heartbeat(_) | Message::Beat(_) => true,
        Message::Ask(ask) => matches!(ask.what, AskWhat::Slots { .. }),
        _ => false,
    }
}

fn is_by_ranges(message: &Message) -> bool {
    let Message::Answer(answer) = message else { return false };
    let AnswerWhat::Keys { copies, .. } = &answer.what else { return false };
    copies.large.iter().any(|large| !large.findings.is_empty())
}

#[test]
fn of_a_hundred_thousand_fields_an_owner_gets_the_ten_that_it_missed() {
    let mut three = Three::new();
    three.fill(100_000);
    three.away = Some(2);
    (0..10).for_each(|at| three.put(at * 7_777..at * 7_777 + 1));
    three.away = None;
    let sent = three.bytes_until_equal();
    println!("{sent} bytes");
    assert!(sent < 100_000, "{sent}");
    assert_eq!(three.pulls(2, "pulled for a repair"), 1);
}

#[test]
fn of_a_hundred_thousand_fields_an_owner_that_was_down_gets_the_ten_that_differ() {
    let mut three = Three::new();
    three.fill(100_000);
    three.nodes[2] = None;
    (0..10).for_each(|at| three.put(at * 7_777..at * 7_777 + 1));
    three.start(2, true);
    let sent = three.bytes_until_equal();
    println!("{sent} bytes");
    assert!(sent < 100_000, "{sent}");
    assert_eq!(three.pulls(2, "pulled as pushed, to join"), 1);
    // What it logged brings it to the same.
    three.pass(1_000);
    three.nodes[2] = None;
    three.start(2, true);
    assert_eq!(three.record(2), three.record(0));
}

#[test]
fn what_was_fetched_before_an_owner_was_lost_is_not_fetched_again() {
    let mut three = Three::new();
    three.fill(50_000);
    three.nodes[2] = None;
    three.logs[2].clear();
    three.start(2, false);
    (three.bytes, three.longest) = (0, 0);
    three.answers_max = three.answers + 8;
    three.pass(4_000);
    assert_eq!(three.away, Some(2), "it was lost half way");
    assert_eq!(three.record(2), Record::default(), "nothing of it shows");
    let before = three.bytes;
    (three.away, three.answers_max) = (None, usize::MAX);
    let after = three.bytes_until_equal();
    let whole = three.whole_bytes();
    println!("{before} bytes before, {after} after, of {whole}; {} at most in one", three.longest);
    assert!(three.longest < RANGES_BYTES + 1_000);
    assert!(before > whole / 3 && before + after < whole + whole / 10);
}

#[test]
fn asks_by_ranges_are_of_a_tenure() {
    let mut three = Three::new();
    three.fill(2_000);
    let node = three.nodes[0].as_mut().expect("it is up");
    let what = |tenure| AskWhat::Cells { tenure, asks: Vec::new() };
    let id = GroupId(0);
    let ask = |what| peer::Ask {
        session: 1,
        step: 1,
        group: id,
        epoch: Epoch::new(1).expect("one"),
        incarnation: None,
        push: None,
        what,
    };
    let held = node.groups[&id].term.tenure;
    for (tenure, is_refused) in [(None, false), (Some(held), false), (Some(held ^ 1), true)] {
        node.handle(three.now, Input::Peer(NodeId(1), Message::Ask(Box::new(ask(what(tenure))))));
        let answers = std::iter::from_fn(|| node.poll_output());
        let refused = answers.into_iter().any(|output| {
            matches!(output, Output::Peer(_, Message::Answer(answer)) if answer.what == AnswerWhat::Refused)
        });
        assert_eq!(refused, is_refused);
    }
}

/// Values of a hundred kilobytes.
const VALUES: usize = 40;

fn value_key(n: usize) -> Bytes {
    Bytes::from(format!("value {n}"))
}

fn write_values(three: &mut Three) {
    for n in 0..VALUES {
        let value = Bytes::from(vec![n as u8; 100_000]);
        three.ask(vec![Bytes::from_static(b"SET"), value_key(n), value]);
    }
}

/// All hold the same, and no message had more copies than may be in one.
#[track_caller]
fn check_values(three: &Three) {
    for key in (0..VALUES).map(value_key) {
        assert_ne!(three.record_of(0, &key), Record::default());
        assert!((1..OWNERS).all(|n| three.record_of(n, &key) == three.record_of(0, &key)));
    }
    let longest = three.longest_copies;
    assert!((COPIES_BYTES / 2..=COPIES_BYTES).contains(&longest), "{longest}");
}

#[test]
fn what_an_owner_missed_comes_in_messages_of_a_bound() {
    let mut three = Three::new();
    three.away = Some(2);
    write_values(&mut three);
    three.away = None;
    three.pass(4_000);
    check_values(&three);
}

#[test]
fn what_an_owner_lost_comes_in_messages_of_a_bound() {
    let mut three = Three::new();
    write_values(&mut three);
    three.pass(500);
    three.nodes[2] = None;
    three.logs[2].clear();
    three.start(2, false);
    three.pass(6_000);
    check_values(&three);
}

#[test]
fn what_a_home_gives_in_an_exchange_comes_in_messages_of_a_bound() {
    let mut three = Three::new();
    three.nodes[2] = None;
    write_values(&mut three);
    three.start(2, true);
    three.pass(6_000);
    check_values(&three);
}
