//! What the coordination of a SET costs: three owners in one thread, and no network between them.

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use kinring_common::clock::Now;
use kinring_common::id::NodeId;
use kinring_common::keyspace::HashSeed;
use kinring_common::placement::layout::{Layout, ReplicationFactor};
use kinring_common::placement::members::{Member, Members};
use kinring_common::placement::plan;
use kinring_common::placement::slot::Slot;
use kinring_common::resp::Protocol;
use kinring_common::wire::request::{Attempt, Consistency, Request, RequestId, Response, Work};
use kinring_shard::core::node::{
    COPIES_BYTES, EXCHANGE_BYTES_S, Input, LARGE_CELLS, MISSED_MAX, Node, Output, Past,
    RANGES_BYTES, Restart, Settings,
};
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

/// SETs that are under way at a time.
const BATCH: u64 = 64;

struct Three {
    nodes: Vec<Node>,
    layout: Arc<Layout>,
    now: Now,
    next: u64,
    done: u64,
    /// What was said and not delivered yet, empty in between.
    said: VecDeque<(usize, Output)>,
}

impl Three {
    fn new() -> Three {
        let member = |n: u64| Member { id: NodeId(n), weight: 1, zone: String::new() };
        let members = Members::new((0..3).map(member).collect()).expect("they are different");
        let factor = ReplicationFactor::new(3).expect("it is in range");
        let layout = Arc::new(plan::first(&members, factor));
        let settings = Settings {
            databases: 16,
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
        let now = Now { wall_ms: 1_700_000_000_000, mono_us: 0 };
        let start = |n: u64| {
            let restart = Restart { now, seed: n + 1, past: Past::NOTHING };
            Node::start(NodeId(n), layout.clone(), settings, restart)
        };
        let nodes = (0..3).map(start).collect();
        let mut three = Three { nodes, layout, now, next: 0, done: 0, said: VecDeque::new() };
        for _ in 0..400 {
            three.now.mono_us += 10_000;
            three.now.wall_ms += 10;
            (0..3).for_each(|n| three.nodes[n].handle(three.now, Input::Tick));
            three.deliver();
        }
        assert!(three.nodes.iter().all(Node::is_at_rest), "all groups have a home");
        three
    }

    fn deliver(&mut self) {
        let mut said = std::mem::take(&mut self.said);
        loop {
            for (from, node) in self.nodes.iter_mut().enumerate() {
                while let Some(output) = node.poll_output() {
                    said.push_back((from, output));
                }
            }
            if said.is_empty() {
                self.said = said;
                return;
            }
            for (from, output) in said.drain(..) {
                match output {
                    Output::Peer(to, message) => {
                        let input = Input::Peer(NodeId(from as u64), message);
                        self.nodes[to.0 as usize].handle(self.now, input);
                    }
                    Output::Response(_, _, Response::Done(reply)) => {
                        black_box(reply);
                        self.done += 1;
                    }
                    Output::Response(_, id, other) => panic!("{id:?}: {other:?}"),
                    Output::Log(entry) => drop(black_box(entry)),
                    Output::Pong(..) => {}
                }
            }
        }
    }

    fn set(&mut self, key: Bytes, value: Bytes) {
        let slot = Slot::of(&key);
        let home = self.layout.owners(slot)[0];
        self.next += 1;
        let node = &mut self.nodes[home.0 as usize];
        let request = Request {
            attempt: Attempt { id: RequestId { session: 1, number: self.next }, number: 0 },
            epoch: self.layout.epoch(),
            slot,
            db: 0,
            protocol: Protocol::Resp2,
            consistency: Consistency::Strong,
            valid: (node.incarnation(), u64::MAX),
            is_retry: false,
            is_elsewhere: false,
            work: Work::Commands(vec![vec![Bytes::from_static(b"SET"), key, value]]),
        };
        node.handle(self.now, Input::Request(0, request));
    }
}

/// See the module.
pub fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("coordination");
    let mut three = Three::new();
    let keys: Vec<Bytes> = (0..10_000).map(|n| Bytes::from(format!("key:{n:012}"))).collect();
    let value = Bytes::from(vec![b'v'; 64]);
    let mut at = 0;
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("set_at_three_owners", |b| {
        b.iter(|| {
            for _ in 0..BATCH {
                at = (at + 1) % keys.len();
                three.set(keys[at].clone(), value.clone());
            }
            three.deliver();
            three.now.mono_us += BATCH;
        });
    });
    assert!(three.done > 0, "SETs were acknowledged");
    group.finish();
}
