//! What a seed says about a run.

use crate::checker::{Key, Mode};
use crate::world::network::Quality;
use kinring::core::router;
use kinring_common::id::NodeId;
use kinring_common::keyspace::{HashSeed, PARTITIONS};
use kinring_common::placement::layout::{Epoch, Layout, ReplicationFactor};
use kinring_common::placement::members::{Member, Members};
use kinring_common::placement::slot::SLOTS;
use kinring_common::random::Random;
use kinring_shard::core::node::{
    COPIES_BYTES, EXCHANGE_BYTES_S, LARGE_CELLS, MISSED_MAX, RANGES_BYTES, Settings,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a crash does to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is kept.
    Off,
    /// Of the last second some may be lost.
    EverySecond,
    /// What was acknowledged is there.
    Always,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Shards.
    pub nodes: usize,
    /// Proxies.
    pub proxies: usize,
    /// Clients at each.
    pub clients: usize,
    /// Which promises clients ask for.
    pub mode: Mode,
    /// Some of the clients ask for all promises in available mode, too.
    pub is_mixed: bool,
    /// What a crash does.
    pub durability: Durability,
    /// Whether a machine may lose what it had acknowledged: a write has to be on more than one.
    pub may_lose: bool,
    /// How long there are calls and trouble, in microseconds of true time.
    pub busy_us: u64,
    /// How long everything has to come to rest then.
    pub rest_us: u64,
    /// A client thinks up to this long between two calls.
    pub think_us: u64,
    /// Between two troubles.
    pub trouble_us: u64,
    /// How the network is when nothing is wrong.
    pub quality: Quality,
    /// Who owns what.
    pub layout: Arc<Layout>,
    /// Clients ask for FLUSHDB, too: a reason for everything that is gone.
    pub flushes: bool,
    /// How the nodes are set.
    pub settings: Settings,
    /// How the proxies are.
    pub router: router::Settings,
    /// All that is sent is encoded and decoded on its way.
    pub is_encoded: bool,
    /// It is enough to find one thing that is wrong.
    pub finds_one: bool,
}

/// Keys of the workload: as many as that in each of [`TAGS`] slots. The last one of each is kept:
/// nothing of it is ever removed, but by FLUSHDB.
pub const KEYS_A_TAG: usize = 4;

/// Slots in use.
pub const TAGS: usize = 4;

/// One in so many seeds is encoded.
const ENCODED_PART: u64 = 10;

impl Plan {
    /// What the seed says.
    pub fn new(seed: u64) -> Plan {
        Plan::with_mode(seed, None)
    }

    /// The same, but for the mode.
    pub fn with_mode(seed: u64, mode: Option<Mode>) -> Plan {
        let mut random = Random::new(seed ^ 0x5eed);
        let nodes = 5 + random.below(5);
        let replicas = *random.pick(&[3, 3, 3, 3, 2, 5, 4]);
        let (replicas, writes) = quorum(seed, replicas);
        let is_alone = replicas == 1 || writes == Some(1);
        let drawn = if random.chance(12) { Mode::Available } else { Mode::Strong };
        let mode = mode.unwrap_or(drawn);
        let durability = match random.below(10) {
            // Who writes in a minority has its writes alone: no machine may lose what it had.
            // Nor may the only one that has it.
            _ if mode == Mode::Available || is_alone => Durability::Always,
            0..=2 => Durability::Off,
            3..=5 => Durability::EverySecond,
            _ => Durability::Always,
        };
        let (large_cells, ranges_bytes) = large(seed);
        let settings = Settings {
            databases: 1,
            seed: HashSeed(random.word()),
            writes,
            is_durable: durability == Durability::Always,
            exchange_us: 4_000_000 + random.below(10_000_000) as u64,
            round_us: 6_000_000 + random.below(20_000_000) as u64,
            sweep_us: 1_000_000 + random.below(3_000_000) as u64,
            large_cells,
            ranges_bytes,
            copies_bytes: copies_bytes(seed),
            exchange_bytes_s: exchange_bytes_s(seed),
            missed_max: missed_max(seed),
        };
        let quality = if random.chance(50) {
            Quality::GOOD
        } else {
            Quality {
                delay_min_us: 50,
                delay_max_us: 300 + random.below(4_000) as u64,
                late_per_mille: random.below(20),
                lost_per_mille: random.below(20),
                repeated_per_mille: random.below(20),
            }
        };
        Plan {
            seed,
            nodes,
            proxies: 2,
            clients: 4,
            mode,
            is_mixed: mode == Mode::Available && Random::new(seed ^ 0x3713).chance(50),
            durability,
            may_lose: mode == Mode::Strong && !is_alone,
            busy_us: 600_000_000,
            rest_us: 60_000_000,
            think_us: 360_000 + random.below(1_080_000) as u64,
            trouble_us: 2_000_000 + random.below(8_000_000) as u64,
            quality,
            layout: Arc::new(layout(nodes, replicas, &mut random)),
            flushes: Random::new(seed ^ 0xf1a5).chance(50),
            settings,
            router: router(seed),
            // It costs time. What runs twice is among them: what was sent is compared, too.
            is_encoded: seed.is_multiple_of(ENCODED_PART),
            finds_one: false,
        }
    }

    /// A cluster in which nothing goes wrong and nobody asks for anything by itself: one group, of which
    /// all nodes are owners, the first one first.
    pub fn quiet(seed: u64, owners: usize, durability: Durability, round_us: u64) -> Plan {
        let plan = Plan::with_mode(seed, Some(Mode::Strong));
        let nodes: Vec<NodeId> = (0..owners as u64).map(NodeId).collect();
        let member = |id: &NodeId| Member { id: *id, weight: 1, zone: String::new() };
        let members = Members::new(nodes.iter().map(member).collect()).expect("they are different");
        let factor = ReplicationFactor::new(owners as u8).expect("it is in range");
        let epoch = Epoch::new(1).expect("one");
        let layout = Layout::new(epoch, members, factor, &nodes.repeat(usize::from(SLOTS)));
        let settings = Settings {
            writes: None,
            is_durable: durability == Durability::Always,
            exchange_us: 5_000_000,
            round_us,
            sweep_us: 1_000_000,
            // Stories hold back messages of one kind: a copy is to come in one of its own.
            large_cells: LARGE_CELLS,
            copies_bytes: COPIES_BYTES,
            exchange_bytes_s: EXCHANGE_BYTES_S,
            missed_max: MISSED_MAX,
            ..plan.settings
        };
        Plan {
            nodes: owners,
            clients: 0,
            durability,
            is_encoded: false,
            quality: Quality::GOOD,
            layout: Arc::new(layout.expect("it is sound")),
            settings,
            router: router::Settings::default(),
            ..plan
        }
    }

    /// Keys that are in one slot, and so may be written together: three at a time, as one more takes the
    /// judge many times as long.
    pub fn groups(&self) -> Vec<BTreeSet<Key>> {
        let key = |tag: usize, n: usize| Key((tag * KEYS_A_TAG + n) as u32);
        let without = |tag: usize, out: usize| {
            (0..KEYS_A_TAG).filter(|n| *n != out).map(|n| key(tag, n)).collect()
        };
        (0..TAGS).flat_map(|tag| [without(tag, KEYS_A_TAG - 1), without(tag, 0)]).collect()
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        (0..(TAGS * KEYS_A_TAG) as u32).map(Key)
    }
}

/// How fast owners in step are compared: in half of the runs so slowly that it takes a while.
fn exchange_bytes_s(seed: u64) -> u64 {
    let mut random = Random::new(seed ^ 0x9ace);
    *random.pick(&[EXCHANGE_BYTES_S, 30_000, 10_000])
}

/// Writes that an owner may miss: in a quarter of the runs so few that there are more whenever one is away.
fn missed_max(seed: u64) -> usize {
    let mut random = Random::new(seed ^ 0x315ed);
    if random.chance(75) { MISSED_MAX } else { *random.pick(&[2, 8, 32]) }
}

/// What a proxy holds: in a quarter of the runs no more than is asked of it when nobody answers. One call
/// has a part for each group at most, and there are five.
fn router(seed: u64) -> router::Settings {
    let mut random = Random::new(seed ^ 0xca115);
    let usual = router::Settings::default();
    if random.chance(75) {
        return usual;
    }
    let (calls_max, parts_max) = *random.pick(&[(2, 8), (3, 5), (5, 6), (16, 8)]);
    router::Settings { calls_max, parts_max, ..usual }
}

/// How many bytes of copies go into a message: in half of the runs so few that most have a key or two.
fn copies_bytes(seed: u64) -> usize {
    let mut random = Random::new(seed ^ 0xc09e5);
    *random.pick(&[COPIES_BYTES, COPIES_BYTES, 100, 400])
}

/// From how many cells on a record goes by ranges, and in how many bytes: in half of the runs all of
/// them do, or nearly all, in tiny messages.
fn large(seed: u64) -> (usize, usize) {
    let mut random = Random::new(seed ^ 0x1a56e);
    if random.chance(50) {
        return (LARGE_CELLS, RANGES_BYTES);
    }
    (*random.pick(&[0, 0, 1, 2, 3]), *random.pick(&[1, 300, 1_000, RANGES_BYTES]))
}

/// How many owners, and how many of them have a write before it is acknowledged, if not a majority:
/// in some runs others than `replicas`, and than that.
fn quorum(seed: u64, replicas: u8) -> (u8, Option<u8>) {
    let mut random = Random::new(seed ^ 0x900);
    let replicas = if random.chance(4) { 1 } else { replicas };
    let any = 1 + random.below(usize::from(replicas)) as u8;
    (replicas, random.chance(20).then_some(any))
}

/// A layout of few groups, so that a long run costs little.
fn layout(nodes: usize, replicas: u8, random: &mut Random) -> Layout {
    let member = |n: usize| Member { id: NodeId(n as u64), weight: 1, zone: String::new() };
    let members = Members::new((0..nodes).map(member).collect()).expect("they are different");
    let factor = ReplicationFactor::new(replicas).expect("it is in range");
    let groups = 3 + random.below(3);
    let owners: Vec<Vec<NodeId>> = (0..groups)
        .map(|_| {
            let mut all: Vec<NodeId> = (0..nodes as u64).map(NodeId).collect();
            random.shuffle(&mut all);
            all.truncate(factor.owners(nodes));
            all
        })
        .collect();
    // By partition: what is done for all slots of a group costs less then.
    let group = |slot: usize| slot % PARTITIONS * groups / PARTITIONS;
    let of_slots: Vec<NodeId> =
        (0..usize::from(SLOTS)).flat_map(|slot| owners[group(slot)].clone()).collect();
    Layout::new(Epoch::new(1).expect("one"), members, factor, &of_slots).expect("it is sound")
}
