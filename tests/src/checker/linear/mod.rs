//! Promise 4: commands on one key, or on keys of one slot, are linearizable.
//!
//! Each object is judged apart (`project`). Where something is said of when writes were executed, a
//! walk by these times finds an order in nearly every sound history (`walk`). An object that the search (`search`) finds no order
//! for is cut to its shortest prefix without one: linearizability is prefix-closed, an operation
//! that was still open at the cut counts as unknown, and what nobody has seen by then costs the
//! search little. Better still where it is possible: a short window that begins with a read of all
//! that the key holds and has no order either (`problem`).

mod company;
mod laws;
mod memo;
pub(super) mod problem;
mod run;
pub(super) mod search;
mod tokens;
mod walk;

use self::problem::{Window, begins};
use self::search::{Found, Stuck, search};
use self::walk::finds_order;
use super::history::{History, Key, Operation};
use super::model::{State, Timing};
use super::parts::project;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// How hard to look, and how far clocks may be off.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A deadline may pass this much too early or too late.
    pub skew_us: u64,
    /// States that one pass of a search may visit. A search has four passes at most, an object five
    /// searches, and short ones.
    pub states_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        // Twice the drift bound: the home and the observer may be off in different directions. A
        // hundred thousand states take a fraction of a second, and a sound history takes as many as
        // it has operations.
        Limits { skew_us: 1_000_000, states_max: 100_000 }
    }
}

/// What is known of one object.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// There is an order that explains every reply.
    Linearizable,
    /// There is none.
    Violation(Box<Violation>),
    /// The budget was spent before either was known. Never a success.
    Undecided {
        /// The object.
        keys: BTreeSet<Key>,
        /// How many operations it has.
        operations: usize,
    },
}

/// Why there is no order: what to read first.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The object.
    pub keys: BTreeSet<Key>,
    /// The shortest prefix that has none ends here, in microseconds: with this reply it broke.
    pub broke_at: u64,
    /// The longest order that was found there; reads that do not matter are left out.
    pub linearised: Vec<Operation>,
    /// What the keys hold after it.
    pub state: State,
    /// What had to come next, or could have, and why it cannot.
    pub blocked: Vec<Blocked>,
}

/// An operation that had no place in the order.
#[derive(Clone, Debug)]
pub struct Blocked {
    /// The operation.
    pub operation: Operation,
    /// What Redis would have replied instead; with the right reply in it, it fits here, and its
    /// successors do not.
    pub would_reply: String,
}

/// Judges one object: a key alone, or keys of one slot whose calls must be atomic together.
pub fn check(history: &History, keys: &BTreeSet<Key>, limits: &Limits) -> Verdict {
    let operations = project(history, keys);
    let look = |begin, until| {
        search(&operations, Window { begin, until }, limits.skew_us, limits.states_max)
    };
    if let Some(timed) = history.executions().timed(&operations, keys)
        && finds_order(&timed, limits.skew_us, limits.states_max)
    {
        return Verdict::Linearizable;
    }
    let found = look(None, u64::MAX);
    let (Found::None(stuck) | Found::OverBudget(stuck)) = &found else {
        return Verdict::Linearizable;
    };
    let mut ends: Vec<u64> = operations.iter().filter_map(Operation::finished_at).collect();
    ends.sort_unstable();
    ends.dedup();
    // It is likely to have broken where the search came no farther.
    let farthest = stuck.deadline.unwrap_or(0);
    let guess = ends.partition_point(|end| *end < farthest).min(ends.len() - 1);
    let windowed = |at: usize| {
        let mut reads = beginnings(&operations, keys, ends[at]).into_iter();
        reads.find(|read| matches!(look(Some(*read), ends[at]), Found::None(_)))
    };
    let mut begin = windowed(guess);
    let mut broken = match (begin, &found) {
        (Some(_), _) => Some(guess),
        (None, Found::None(_)) => Some(ends.len() - 1),
        _ => None,
    };
    // A window ends after its first read.
    let read = begin.and_then(|at| operations[at].finished_at());
    let first = ends.partition_point(|end| Some(*end) <= read);
    broken = shortest(first..ends.len(), guess, broken, |at| look(begin, ends[at]));
    let Some(at) = broken else {
        return Verdict::Undecided { keys: keys.clone(), operations: operations.len() };
    };
    // Found the long way: a window says more in fewer words.
    begin = begin.or_else(|| windowed(at));
    let window = Window { begin, until: ends[at] };
    Verdict::Violation(Box::new(explain(operations, keys, window, limits)))
}

/// Reads to begin a window with that ends then: the shortest window first.
fn beginnings(operations: &[Operation], keys: &BTreeSet<Key>, until: u64) -> Vec<usize> {
    let expires = operations.iter().any(|op| op.call.has_deadline());
    if keys.len() > 1 || expires {
        return Vec::new();
    }
    let end = operations.partition_point(|op| op.invoked_at <= until);
    let begins = |at: &usize| {
        let over = operations[*at].finished_at().is_some_and(|at| at < until);
        over && begins(&operations[*at])
    };
    let nearest = |back: &usize| (0..end.saturating_sub(*back)).rev().find(begins);
    let mut found: Vec<usize> = [15, 30, 60, 120, 240].iter().filter_map(nearest).collect();
    found.dedup();
    found
}

/// The shortest of these prefixes, as far as can be told, that has no order. `broken` is one that is
/// known to have none.
fn shortest(
    prefixes: Range<usize>,
    guess: usize,
    mut broken: Option<usize>,
    look: impl Fn(usize) -> Found,
) -> Option<usize> {
    // Searches that may be given up: each takes the whole budget.
    let mut patience = 4;
    // Below `low` nothing is broken, or not known to be.
    let (mut low, mut high) = (prefixes.start, broken.unwrap_or(prefixes.end));
    let mut middle = guess.min(high);
    while low < high && patience > 0 {
        match look(middle) {
            Found::Order => low = middle + 1,
            Found::None(_) => (high, broken) = (middle, Some(middle)),
            Found::OverBudget(_) => {
                patience -= 1;
                // A shorter one may be decided; once one is known to be broken, a longer one too.
                match broken {
                    None => high = middle,
                    Some(_) => low = middle + 1,
                }
            }
        }
        middle = low.midpoint(high).min(prefixes.end - 1);
    }
    broken
}

/// Judges every key by itself, and every group as a whole. What is sound is left out, and so is a
/// group of which one key alone is not linearizable: then the group is not.
pub fn check_all(history: &History, groups: &[BTreeSet<Key>], limits: &Limits) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut broken = BTreeSet::new();
    for key in history.keys() {
        let verdict = check(history, &BTreeSet::from([key]), limits);
        if matches!(verdict, Verdict::Violation(_)) {
            broken.insert(key);
        }
        verdicts.push(verdict);
    }
    let whole = groups.iter().filter(|keys| keys.is_disjoint(&broken));
    verdicts.extend(whole.map(|keys| check(history, keys, limits)));
    verdicts.retain(|verdict| !matches!(verdict, Verdict::Linearizable));
    verdicts
}

/// Says why a prefix has no order, with as few reads as will do.
fn explain(
    mut operations: Vec<Operation>,
    keys: &BTreeSet<Key>,
    window: Window,
    limits: &Limits,
) -> Violation {
    let broke_at = window.until;
    operations.retain(|op| op.invoked_at <= broke_at);
    let first = window.begin.map(|at| operations[at].clone());
    // The first read moves to the left as others are left out.
    let again = |operations: &[Operation]| Window {
        begin: first.as_ref().and_then(|first| operations.iter().position(|op| op == first)),
        until: broke_at,
    };
    let fails = |operations: &[Operation]| {
        let window = again(operations);
        if window.begin.is_some() != first.is_some() {
            return None;
        }
        // Few states: what is hard to judge is not worth making shorter.
        match search(operations, window, limits.skew_us, limits.states_max / 10) {
            Found::None(stuck) => Some(stuck),
            Found::Order | Found::OverBudget(_) => None,
        }
    };
    drop_reads(&mut operations, |fewer| fails(fewer).is_some());
    let stuck = match search(&operations, again(&operations), limits.skew_us, limits.states_max) {
        Found::None(stuck) | Found::OverBudget(stuck) => stuck,
        Found::Order => unreachable!("it was found to have none"),
    };
    let blocked = stuck.next.iter().map(|at| Blocked {
        operation: operations[*at].clone(),
        would_reply: would_reply(&operations[*at], &stuck, &operations, limits),
    });
    Violation {
        keys: keys.clone(),
        broke_at,
        blocked: blocked.collect(),
        linearised: {
            let order = stuck.order.iter().map(|at| operations[*at].clone());
            first.into_iter().chain(order).collect()
        },
        state: stuck.state,
    }
}

/// Leaves out reads, in ever smaller chunks, as long as it still fails: a history without some of
/// its reads has every order that it had with them.
fn drop_reads(operations: &mut Vec<Operation>, fails: impl Fn(&[Operation]) -> bool) {
    let mut chunk = operations.len().div_ceil(2);
    // Enough to make most of them short; the rest is for the eye.
    let mut tries = 60;
    while chunk > 0 && tries > 0 {
        let mut end = operations.len();
        while end > 0 && tries > 0 {
            let start = end.saturating_sub(chunk);
            let mut at = 0;
            let mut fewer = operations.clone();
            fewer.retain(|op| {
                at += 1;
                !((start..end).contains(&(at - 1)) && op.call.is_read())
            });
            if fewer.len() < operations.len() {
                tries -= 1;
                if fails(&fewer) {
                    *operations = fewer;
                }
            }
            end = start;
        }
        chunk /= 2;
    }
}

fn would_reply(op: &Operation, stuck: &Stuck, all: &[Operation], limits: &Limits) -> String {
    let deadline = stuck.deadline.unwrap_or(u64::MAX);
    let before = stuck.order.iter().map(|at| all[*at].invoked_at).max().unwrap_or(0);
    let from_us = before.max(op.invoked_at);
    let timing = Timing { from_us, to_us: deadline, skew_us: limits.skew_us };
    let met = stuck.state.met_by(&op.call, from_us, deadline).into_iter();
    let replies: Vec<String> =
        met.map(|(mut state, _)| format!("{:?}", state.apply(&op.call, timing))).collect();
    replies.join(" or ")
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The end of the order is what matters.
        const SHOWN: usize = 12;
        writeln!(
            f,
            "promise 4: {:?} has no order of its calls up to {}",
            self.keys, self.broke_at
        )?;
        let left_out = self.linearised.len().saturating_sub(SHOWN);
        if left_out > 0 {
            writeln!(f, "  ({left_out} earlier)")?;
        }
        for op in &self.linearised[left_out..] {
            writeln!(f, "  {op}")?;
        }
        for (key, value) in self.state.values() {
            writeln!(f, "then {key:?} holds {value:?}")?;
        }
        if self.state == State::default() {
            writeln!(f, "then nothing is there")?;
        }
        for blocked in self.blocked.iter().take(SHOWN) {
            writeln!(f, "and next: {}; here {}", blocked.operation, blocked.would_reply)?;
        }
        Ok(())
    }
}
