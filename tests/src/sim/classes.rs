//! What must have bitten when many seeds have run: trouble that never did proves nothing, and neither do
//! judges that had nothing to judge.
//!
//! Trouble counts when it has had an effect, not when it was drawn: a pause when it held a message, a
//! clock that was set off when its node was asked for something meanwhile.

use super::plan::Plan;
use super::run::Run;
use crate::checker::Mode;
use std::collections::BTreeMap;

/// From so many seeds on there must be enough of every class.
pub const SEEDS_FOR_ALL: u64 = 60;

/// How often each class bit.
pub type Counts = BTreeMap<&'static str, u64>;

/// Every class, and how much of it [`SEEDS_FOR_ALL`] seeds have at the very least.
const CLASSES: &[(&str, u64)] = &[
    ("asked with its clock ahead", 10),
    ("asked with its clock behind", 10),
    ("calls broken with their proxy", 10),
    ("clock found to be off", 10),
    ("clock strayed", 3),
    ("clock of a proxy strayed", 10),
    ("calls over several slots", 60),
    ("calls sent ahead", 60),
    ("strong calls among others", 60),
    ("crash", 60),
    ("damage", 1),
    ("heal", 60),
    ("held by a pause", 600),
    ("held by a paused proxy", 60),
    ("lost at a bridge", 60),
    ("lost at a cut around", 60),
    ("lost at a one-way cut", 60),
    ("lost at a ring", 60),
    ("lost while suspended", 60),
    ("memory lost", 1),
    ("messages clogged", 60),
    ("messages late", 60),
    ("messages lost", 60),
    ("messages overtaken", 60),
    ("messages repeated", 60),
    ("beats stuck", 60),
    ("data stuck", 60),
    ("pulled as pushed, to adopt", 1),
    ("pulled as pushed, to join", 1),
    ("pulled for a repair", 1),
    ("pulled to adopt", 1),
    ("pulled to join", 1),
    ("pulled to keep", 1),
    ("pulled with others", 1),
    ("pulled without a lease", 1),
    ("siege", 60),
    ("tail lost", 10),
    ("wipe", 1),
    ("runs over the wire", 5),
    ("runs with another W", 5),
    ("runs with one owner", 1),
    // What the judges have to judge: four times as much is usual.
    ("writes judged", 1_500),
    ("increments judged", 1_200),
    ("available writes judged", 250),
    ("available increments judged", 250),
];

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
    run.troubles.iter().map(|(class, count)| (*class, *count)).chain(others)
}

/// The classes of which there was less than there must be.
pub fn too_few(sum: &Counts, seeds: u64) -> Vec<String> {
    if seeds < SEEDS_FOR_ALL {
        return Vec::new();
    }
    let least = |floor: u64| (floor * seeds / SEEDS_FOR_ALL).max(1);
    let found = |class| sum.get(class).copied().unwrap_or(0);
    let few = CLASSES.iter().filter(|(class, floor)| found(class) < least(*floor));
    few.map(|(class, floor)| format!("{class}: {}, not {}", found(class), least(*floor))).collect()
}
