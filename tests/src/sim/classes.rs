//! What must have bitten when many seeds have run: trouble that never did proves nothing, and neither do
//! judges that had nothing to judge.
//!
//! Trouble counts when it has had an effect, not when it was drawn: a pause when it held a message, a
//! clock that was set off when its node was asked for something meanwhile.

use super::plan::Plan;
use super::run::Run;
use super::words;
use crate::checker::Mode;
use std::collections::BTreeMap;

/// From so many seeds on there must be enough of every class.
pub const SEEDS_FOR_ALL: u64 = 60;

/// How often each class bit.
pub type Counts = BTreeMap<&'static str, u64>;

/// Every class, and how much of it [`SEEDS_FOR_ALL`] seeds have at the very least: about a quarter of what is
/// usual, less where it comes in few of them.
const CLASSES: &[(&str, u64)] = &[
    ("answers that came again", 3_300),
    ("asked with its clock ahead", 26_000),
    ("asked with its clock behind", 16_000),
    ("calls broken with their proxy", 76),
    ("clock found to be off", 190_000),
    ("clock strayed", 3),
    ("clock of a proxy strayed", 10),
    ("calls over several slots", 4_200),
    ("calls sent ahead", 8_700),
    ("strong calls among others", 1_000),
    ("crash", 330),
    ("damage", 14),
    ("heal", 430),
    ("held by a pause", 9_600),
    ("held by a paused proxy", 72),
    ("lost at a bridge", 20_000),
    ("lost at a cut around", 160_000),
    ("lost at a one-way cut", 61_000),
    ("lost at a ring", 33_000),
    ("lost while suspended", 7_400),
    ("memory lost", 70),
    ("messages clogged", 10_000),
    ("messages late", 28_000),
    ("messages lost", 52_000),
    ("messages overtaken", 72_000),
    ("messages repeated", 20_000),
    ("beats stuck", 4_800),
    ("data stuck", 4_700),
    ("pulled as pushed, to adopt", 150),
    ("pulled as pushed, to join", 110),
    ("pulled for a repair", 460),
    ("pulled to adopt", 160),
    ("pulled to join", 54),
    ("pulled to keep", 2),
    ("pulled with others", 370),
    ("pulled without a lease", 110),
    ("siege", 100),
    ("tail lost", 38),
    ("tries that came again", 2_200),
    ("wipe", 22),
    ("runs over the wire", 5),
    ("runs with another W", 5),
    // What the judges have to judge.
    ("writes judged", 1_500),
    ("increments judged", 1_200),
    ("available writes judged", 250),
    ("available increments judged", 250),
    // What is to be done about trouble.
    ("a bound of a node was reached", 1_000),
    ("a bound of a proxy was reached", 1_000),
    ("asked a node that is not home", 180_000),
    ("exchanges paced", 420),
    ("expire events", 250),
    ("hedges", 3_300),
    ("hints delivered", 7_100),
    ("read repairs", 15),
    ("rounds of floors", 1_900),
    ("takeovers", 1_800),
    // Every command of the workload is answered.
    ("APPEND", 6_900),
    ("DEL", 7_600),
    ("EXEC", 14_000),
    ("EXISTS", 2_100),
    ("FLUSHDB", 330),
    ("GET", 25_000),
    ("HDEL", 4_000),
    ("HGET", 5_100),
    ("HGETALL", 5_100),
    ("HSET", 7_300),
    ("INCRBY", 13_000),
    ("LPOP", 4_000),
    ("LPUSH", 7_200),
    ("LRANGE", 10_000),
    ("MGET", 8_600),
    ("MSET", 9_800),
    ("PERSIST", 3_800),
    ("PEXPIRE", 5_100),
    ("SADD", 4_200),
    ("SET", 13_000),
    ("SETNX", 2_300),
    ("SMEMBERS", 6_400),
    ("SREM", 2_000),
    ("ZADD", 5_000),
    ("ZRANGE", 3_700),
];

/// The same of what is drawn once a run, and seldom: in so few seeds there may be none by chance.
const RARE: &[(&str, u64)] = &[("runs with one owner", 1)];

/// How many times as many seeds these take.
const RARE_TIMES: u64 = 3;

/// What bit in a run.
pub fn counts(plan: &Plan, run: &Run) -> impl Iterator<Item = (&'static str, u64)> {
    let faults = run.faults;
    let judged = run.report.judged;
    let (writes, increments) = match plan.mode {
        Mode::Strong => ("writes judged", "increments judged"),
        Mode::Available => ("available writes judged", "available increments judged"),
    };
    let others = [
        ("messages lost", faults.lost),
        ("messages repeated", faults.repeated),
        ("messages late", faults.late),
        ("messages overtaken", faults.overtaken),
        ("messages clogged", faults.clogged),
        ("data stuck", faults.stuck_data),
        ("beats stuck", faults.stuck_beats),
        ("lost at a cut around", faults.cut_around),
        ("lost at a one-way cut", faults.cut_one_way),
        ("lost at a bridge", faults.cut_bridge),
        ("lost at a ring", faults.cut_ring),
        ("runs with one owner", u64::from(plan.layout.factor().number() == 1)),
        ("runs with another W", u64::from(plan.settings.writes.is_some())),
        ("runs over the wire", u64::from(plan.is_encoded)),
        (writes, judged.writes),
        (increments, judged.increments),
    ];
    let answered = run.history.operations().iter().filter(|operation| operation.reply().is_some());
    let answered = answered.flat_map(|operation| words::names(&operation.call));
    let troubles = run.troubles.iter().map(|(class, count)| (*class, *count));
    troubles.chain(others).chain(answered.map(|name| (name, 1)))
}

/// The classes of which there was less than there must be.
pub fn too_few(sum: &Counts, seeds: u64) -> Vec<String> {
    if seeds < SEEDS_FOR_ALL {
        return Vec::new();
    }
    let least = |floor: u64| (floor * seeds / SEEDS_FOR_ALL).max(1);
    let found = |class| sum.get(class).copied().unwrap_or(0);
    let rare = RARE.iter().filter(|_| seeds >= RARE_TIMES * SEEDS_FOR_ALL);
    let few = CLASSES.iter().chain(rare).filter(|(class, floor)| found(class) < least(*floor));
    few.map(|(class, floor)| format!("{class}: {}, not {}", found(class), least(*floor))).collect()
}
