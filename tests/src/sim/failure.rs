//! A seed that failed, so that it can be read: which one, of which code, what is wrong, and what
//! happened before that.
//!
//! Whatever went wrong, the same seed runs a second time, and what is kept of that is the time before
//! it broke, about the key or node in question.

use super::plan::Plan;
use super::run::Run;
use super::watch::{About, Watch};
use super::words;
use crate::checker::{Call, Finding, Operation, Verdict, Violation};
use std::any::Any;
use std::fmt::{self, Write};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Lines of a trace that are shown: the last ones.
const LINES: usize = 200;

/// Calls on a key that are shown, before and after it broke.
const CALLS: usize = 12;

/// Something that must not be, whatever the clients were told.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// What.
    pub what: String,
    /// What to look at.
    pub about: About,
    /// When it broke: in this span of the run, in microseconds.
    pub span: Range<u64>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// A run that ended with a panic.
#[derive(Clone, Debug)]
pub struct Panicked {
    /// What was said.
    pub what: String,
    /// How far it had come, in microseconds of its time.
    pub at_us: u64,
}

/// What a seed came to.
#[derive(Debug)]
pub struct Tried {
    /// Its run, unless it panicked.
    pub run: Option<Run>,
    /// What is wrong with it, for a reader.
    pub failure: Option<String>,
}

/// Runs a plan, and explains what is wrong, if something is. `runs` is [`super::run()`], or what a test
/// has in its place.
pub fn attempt(
    plan: &Plan,
    commit: &str,
    watch: &Watch,
    runs: impl Fn(&Plan, &Watch) -> Run,
) -> Tried {
    let run = caught(watch, || runs(plan, watch));
    let again = |watch: &Watch| caught(watch, || runs(plan, watch)).ok();
    let failure = match &run {
        Ok(run) if run.is_clean() => None,
        Ok(run) => Some(head(plan, commit) + &of_run(plan, run, again)),
        Err(panicked) => Some(head(plan, commit) + &of_panic(panicked, again)),
    };
    Tried { run: run.ok(), failure }
}

/// What runs under a watch, and may panic.
pub(super) fn caught<T>(watch: &Watch, run: impl FnOnce() -> T) -> Result<T, Panicked> {
    // The run is gone with everything in it; the lines are only ever added to.
    catch_unwind(AssertUnwindSafe(run))
        .map_err(|panic| Panicked { what: message(&*panic), at_us: watch.now_us() })
}

/// What a panic said.
pub fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn head(plan: &Plan, commit: &str) -> String {
    let seed = plan.seed;
    format!(
        "SEED {seed} FAILED at commit {commit}: {} nodes, R = {}, {:?}, {:?}; again with \
         SIM_SEED={seed} SIM_SEEDS=1\n",
        plan.nodes,
        plan.layout.factor().number(),
        plan.mode,
        plan.durability,
    )
}

fn of_panic(panicked: &Panicked, again: impl Fn(&Watch) -> Option<Run>) -> String {
    let Panicked { what, at_us } = panicked;
    let traced = traced(About::everything(), before(*at_us), again);
    format!("a panic at {at_us}: {what}\n{traced}")
}

fn of_run(plan: &Plan, run: &Run, again: impl Fn(&Watch) -> Option<Run>) -> String {
    if let Some(wrong) = &run.wrong {
        // Who watches sees at once what broke first; without that it is looked for now and then.
        let first = again(&Watch::over(wrong.span.clone())).and_then(|run| run.wrong);
        let Wrong { what, about, span } = first.as_ref().unwrap_or(wrong);
        return format!("{what}\n{}", traced(about.clone(), span.clone(), again));
    }
    let traced = |about, span| traced(about, span, &again);
    let mut said = String::new();
    let _: fmt::Result = write!(said, "{}", run.report);
    if let Some(finding) = run.report.first_finding() {
        said.push_str(&calls(run, finding));
        let about = About::key(plan, &words::name(finding.key));
        said.push_str(&traced(about, around(finding.at_us)));
    }
    if let Some(violation) = run.report.first_violation() {
        said.push_str(&traced(of_violation(plan, violation), before(violation.broke_at)));
    }
    let is_undecided = |verdict: &Verdict| matches!(verdict, Verdict::Undecided { .. });
    if run.report.verdicts.iter().any(is_undecided) {
        said.push_str("undecided is not wrong: the search has a budget of states\n");
    }
    said
}

fn of_violation(plan: &Plan, violation: &Violation) -> About {
    match violation.keys.iter().next() {
        Some(key) if violation.keys.len() == 1 => About::key(plan, &words::name(*key)),
        _ => About::everything(),
    }
}

/// The last second before something broke.
fn before(at_us: u64) -> Range<u64> {
    at_us.saturating_sub(1_000_000)..at_us + 1
}

/// A call that was wrong, or was not right for long: what came before it and what came then.
fn around(at_us: u64) -> Range<u64> {
    at_us.saturating_sub(1_000_000)..at_us + 500_000
}

/// What clients asked of the key, around the time.
fn calls(run: &Run, finding: &Finding) -> String {
    let operations = run.history.operations().iter();
    let is_on = |op: &&Operation| op.call == Call::FlushDb || op.call.keys().contains(&finding.key);
    let all: Vec<_> = operations.filter(is_on).collect();
    let until = all.partition_point(|op| op.invoked_at <= finding.at_us);
    let shown = &all[until.saturating_sub(CALLS)..(until + CALLS).min(all.len())];
    let lines: String = shown.iter().map(|op| format!("  {op}\n")).collect();
    format!(
        "calls on {:?} around {}, {} of {}:\n{lines}",
        finding.key,
        finding.at_us,
        shown.len(),
        all.len()
    )
}

/// The seed runs again, and this is kept.
fn traced(about: About, span: Range<u64>, again: impl Fn(&Watch) -> Option<Run>) -> String {
    let watch = Watch::over(span.clone()).about(about);
    // It ends as it did before.
    let _: Option<Run> = again(&watch);
    let lines = watch.lines();
    let skip = lines.len().saturating_sub(LINES);
    let shown: String = lines[skip..].iter().map(|line| format!("  {line}\n")).collect();
    let (from, to) = (span.start, span.end);
    format!(
        "what happened, the last {} of {} lines (all with SIM_FROM={from} SIM_TO={to}, and SIM_ALL=1 \
         for heartbeats and syncs):\n{shown}",
        lines.len() - skip,
        lines.len(),
    )
}

#[cfg(test)]
mod tests;
