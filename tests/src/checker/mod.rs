//! The judges of a simulated cluster: from what clients did and were told, whether it kept its
//! promises. Pure: no I/O, no clock.
//!
//! | file | promise | what it asks |
//! |---|---|---|
//! | [`linear`] | 4 | has every key, and every group of keys, an order that explains all replies? |
//! | [`lost`] | 1 | is what was acknowledged there, or rightly removed? |
//! | [`resurrection`] | 3 | is something back that was deleted? |
//! | [`session`] | 6 | did a client go back in time? |
//! | [`once`] | 8 | did a write take effect twice? |
//! | [`counters`] | 1, 4, 8 | do the increments add up? |
//!
//! [`linear`] needs nothing but the [`history`]; the others are cheap, work on unique values, and
//! hold, each as far as it says, in available mode too. All judges are sound: what they find is
//! wrong. What they do not find may still be.

pub mod counters;
pub mod executions;
pub mod history;
pub mod linear;
pub mod lost;
pub mod model;
pub mod once;
pub mod parts;
pub mod resurrection;
pub mod session;
pub mod steps;

#[cfg(test)]
mod tests;

pub use history::{Call, History, Key, Operation, Outcome, Reply, Text, Verb};
pub use linear::{Limits, Verdict, Violation};
pub use steps::{Case, Final, Finding, Held, Mode, Place};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What all judges together say of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Promises that were broken, one line each.
    pub findings: Vec<Finding>,
    /// Objects that are not linearizable, or not known to be.
    pub verdicts: Vec<Verdict>,
    /// How much there was to judge.
    pub judged: Judged,
}

/// What acknowledged writes the loss of which would have been found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// By [`lost`].
    pub writes: u64,
    /// Increments, by [`counters`].
    pub increments: u64,
}

impl Report {
    /// Nothing is wrong, and nothing is undecided.
    pub const fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.verdicts.is_empty()
    }

    /// The finding that showed first.
    pub fn first_finding(&self) -> Option<&Finding> {
        self.findings.iter().min_by_key(|finding| finding.at_us)
    }

    /// The object that was the first to have no order.
    pub fn first_violation(&self) -> Option<&Violation> {
        self.violations().min_by_key(|violation| violation.broke_at)
    }

    fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.verdicts.iter().filter_map(|verdict| match verdict {
            Verdict::Violation(violation) => Some(&**violation),
            Verdict::Linearizable | Verdict::Undecided { .. } => None,
        })
    }
}

/// Asks every judge that the mode allows. `groups` are the keys of one slot that MSET and EXEC name
/// together: those are judged as one object too.
pub fn judge(case: &Case<'_>, groups: &[BTreeSet<Key>], states_max: usize) -> Report {
    let (findings, judged) = by_promise(case);
    let limits = Limits { skew_us: case.skew_us, states_max };
    let verdicts = match case.mode {
        Mode::Strong => decided(case, linear::check_all(case.history, groups, &limits), &limits),
        Mode::Available => Vec::new(),
    };
    Report { findings, verdicts, judged }
}

/// What was left undecided is searched once more, for much longer: one run of hundreds needs it.
fn decided(case: &Case<'_>, mut verdicts: Vec<Verdict>, limits: &Limits) -> Vec<Verdict> {
    const LONGER: usize = 15;
    let limits = Limits { states_max: limits.states_max * LONGER, ..*limits };
    for verdict in &mut verdicts {
        if let Verdict::Undecided { keys, .. } = verdict {
            *verdict = linear::check(case.history, keys, &limits);
        }
    }
    verdicts.retain(|verdict| !matches!(verdict, Verdict::Linearizable));
    verdicts
}

/// The first thing that is wrong, if something is: cheaper than [`judge`], and what takes many states to
/// decide is left undecided.
pub fn find_one(case: &Case<'_>, groups: &[BTreeSet<Key>], states_max: usize) -> Report {
    let (mut findings, judged) = by_promise(case);
    findings.truncate(1);
    if !findings.is_empty() {
        return Report { findings, verdicts: Vec::new(), judged };
    }
    let limits = Limits { skew_us: case.skew_us, states_max };
    let keys = case.history.keys().into_iter().map(|key| BTreeSet::from([key]));
    let objects = keys.chain(groups.iter().cloned()).filter(|_| case.mode == Mode::Strong);
    let violation = objects
        .map(|keys| linear::check(case.history, &keys, &limits))
        .find(|verdict| matches!(verdict, Verdict::Violation(_)));
    Report { findings, verdicts: violation.into_iter().collect(), judged }
}

fn by_promise(case: &Case<'_>) -> (Vec<Finding>, Judged) {
    let mut judged = Judged::default();
    let mut findings = lost::judge(case, &mut judged.writes);
    findings.extend(resurrection::judge(case));
    findings.extend(counters::judge(case, &mut judged.increments));
    findings.extend([session::judge, once::judge].iter().flat_map(|judge| judge(case)));
    (findings, judged)
}

impl fmt::Display for Report {
    /// What broke first in full, and how much else there is: most of it follows from that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first) = self.first_finding() {
            writeln!(f, "promise {}: {:?}: {}", first.promise, first.key, first.what)?;
            let mut more: BTreeMap<u8, usize> = BTreeMap::new();
            self.findings.iter().for_each(|found| *more.entry(found.promise).or_default() += 1);
            *more.entry(first.promise).or_default() -= 1;
            for (promise, count) in more.into_iter().filter(|(_, count)| *count > 0) {
                writeln!(f, "and {count} more of promise {promise}")?;
            }
        }
        if let Some(first) = self.first_violation() {
            write!(f, "{first}")?;
            let more = self.violations().count() - 1;
            if more > 0 {
                writeln!(f, "and {more} more objects without an order")?;
            }
        }
        for verdict in &self.verdicts {
            if let Verdict::Undecided { keys, operations } = verdict {
                writeln!(f, "undecided: {keys:?}, {operations} operations")?;
            }
        }
        Ok(())
    }
}
