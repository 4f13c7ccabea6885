//! A whole run: trouble, healing, rest, and what the judges say of it.

use super::classes::Counts;
use super::cluster::Cluster;
use super::ending;
use super::failure::Wrong;
use super::host::Host;
use super::plan::Plan;
use super::watch::{About, Watch};
use crate::checker::{self, Case, History, Report};
use crate::world::network::Faults;
use kinring_shard::core::node::Node;
use std::collections::BTreeSet;
use std::fmt::Write;

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// What the judges say.
    pub report: Report,
    /// What else is wrong.
    pub wrong: Option<Wrong>,
    /// Calls, and how many of them were answered.
    pub calls: (usize, usize),
    /// Troubles by class.
    pub troubles: Counts,
    /// What the network did.
    pub faults: Faults,
    /// How long after healing it was at rest for the first time, in microseconds of its own time.
    pub rest_us: u64,
    /// Everything that happened, in one number.
    pub hash: u64,
    /// What the clients did.
    pub history: History,
}

impl Run {
    /// Nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.report.is_clean() && self.wrong.is_none()
    }
}

/// States that one search of the linearizability checker may visit.
const STATES_MAX: usize = 400_000;

/// How far deadlines may be off: two nodes may be off by the drift bound, each its own way.
const SKEW_US: u64 = 1_400_000;

/// How often one looks whether the cluster is at rest.
const LOOK_US: u64 = 200_000;

/// Nothing expires so long after the last call.
const EXPIRED_US: u64 = 15_000_000;

/// What a cluster did for so long before it should have been at rest tells why it is not.
const RESTLESS_US: u64 = 20_000_000;

/// Runs a plan, and tells whoever watches.
pub fn run(plan: &Plan, watch: &Watch) -> Run {
    let mut cluster = Cluster::new(plan, watch.clone());
    let wants_to_end = |cluster: &Cluster<'_>| cluster.now_us >= plan.busy_us;
    cluster.go(u64::MAX, wants_to_end, true);
    cluster.heal();
    let healed_us = cluster.now_us;
    let end_us = healed_us + plan.rest_us;
    // What expires, expires; what differs, is found: it has to rest then still.
    let least_us = healed_us + EXPIRED_US;
    let mut rested = None;
    while cluster.wrong.is_none() && cluster.now_us < end_us {
        let is_resting = cluster.is_at_rest();
        if rested.is_none() && is_resting {
            rested = Some(cluster.now_us - healed_us);
        }
        if cluster.now_us >= least_us && is_resting {
            break;
        }
        let until_us = cluster.now_us + LOOK_US;
        cluster.go(until_us, |_| false, false);
    }
    if !cluster.is_at_rest() {
        rested = None;
    }
    cluster.end(rested)
}

impl Cluster<'_> {
    pub(super) fn is_at_rest(&self) -> bool {
        let at_rest = |host: &Host| host.node.as_ref().is_some_and(Node::is_at_rest);
        self.hosts.iter().all(at_rest)
            && ending::diverged(&self.names, self.plan, &self.hosts).is_none()
    }

    /// Why it is not at rest.
    fn restless(&self) -> Wrong {
        let span = self.now_us.saturating_sub(RESTLESS_US)..self.now_us + 1;
        let late = "promise 2: not at rest in time: ";
        if let Some(found) = ending::diverged(&self.names, self.plan, &self.hosts) {
            let Wrong { what, about, span } = found.wrong(self.plan, span);
            return Wrong { what: format!("{late}{what}"), about, span };
        }
        let mut what = format!("{late}nodes are busy still:\n");
        for (n, host) in self.hosts.iter().enumerate() {
            let node = host.node.as_ref().map(|node| node.describe());
            let _: std::fmt::Result = writeln!(what, "node {n}: {node:?}");
        }
        Wrong { what, about: About::everything(), span }
    }

    pub(super) fn end(mut self, rested: Option<u64>) -> Run {
        (0..self.hosts.len()).for_each(|n| self.count_node(n));
        (0..self.proxies.len()).for_each(|n| self.count_proxy(n));
        for client in &mut self.clients {
            self.operations.extend(client.breaks(Some(self.now_us)));
        }
        if rested.is_none() && self.wrong.is_none() {
            self.wrong = Some(self.restless());
        }
        self.mix(ending::digest(&self.names, self.plan, &self.hosts));
        let executions = self.witness.executions(self.plan);
        let history = History::new(self.operations).with_executions(executions);
        let ending = ending::ending(self.plan, &self.hosts, self.now_us);
        let seen = self.sight.reached(&history);
        let case = Case {
            history: &history,
            ending: &ending,
            ended_at: self.now_us,
            seen: &seen,
            mode: self.plan.mode,
            skew_us: SKEW_US,
        };
        let groups: Vec<BTreeSet<_>> = self.plan.groups();
        let report = match (&self.wrong, self.plan.finds_one) {
            (None, false) => checker::judge(&case, &groups, STATES_MAX),
            (None, true) => checker::find_one(&case, &groups, STATES_MAX / 20),
            (Some(_), _) => Report::default(),
        };
        let answered =
            history.operations().iter().filter(|operation| operation.reply().is_some()).count();
        Run {
            report,
            wrong: self.wrong,
            calls: (history.operations().len(), answered),
            troubles: self.troubles,
            faults: self.network.faults(),
            rest_us: rested.unwrap_or(self.plan.rest_us),
            hash: self.hash,
            history,
        }
    }
}
