//! Whether the owners agree at the end, and what they hold.

use super::failure::Wrong;
use super::front::Front;
use super::host::Host;
use super::letter;
use super::plan::Plan;
use super::watch::About;
use super::words::name;
use crate::checker::{Final, Held, Key, Place, Text};
use bytes::Bytes;
use kinring_common::causal::{Base, Context, Horizon, Path, Record};
use kinring_common::clock::Now;
use kinring_common::placement::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

/// A copy of a key: what it has seen, and what of that lives.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) horizon: Horizon,
    pub(super) record: Record,
}

impl Stored {
    /// The context without what is settled: a copy says the same with that and without.
    fn unsettled(&self) -> Context {
        let mut context = self.record.context.clone();
        context.remove_where(|dot| self.horizon.covers(dot));
        context
    }
}

/// The copies of a key, by owner.
pub(super) fn copies(plan: &Plan, hosts: &[Host], name: &[u8]) -> Vec<(usize, Stored)> {
    let owners = plan.layout.owners(Slot::of(name));
    let copy = |owner: usize| {
        let space = hosts[owner].node.as_ref()?.keyspace();
        let at = space.locate(0, name);
        let mut locks = space.lock_one(at.partition);
        let partition = locks.partition(at.partition);
        let record = partition.record(&at, 0, name).unwrap_or_default();
        Some((owner, Stored { horizon: partition.horizon(&at, 0), record }))
    };
    owners.iter().filter_map(|owner| copy(owner.0 as usize)).collect()
}

/// Copies of a key that must not differ, and do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    pub(super) name: Bytes,
    what: &'static str,
    one: (usize, Stored),
    other: (usize, Stored),
}

impl Difference {
    /// The same for a reader, who finds it in this span of the run.
    pub(super) fn wrong(&self, plan: &Plan, span: Range<u64>) -> Wrong {
        Wrong { what: self.to_string(), about: About::key(plan, &self.name), span }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, other) = (&self.one, &self.other);
        writeln!(f, "{:?}: nodes {} and {} {}:", self.name, one.0, other.0, self.what)?;
        writeln!(f, "  node {}: {:?}", one.0, one.1)?;
        write!(f, "  node {}: {:?}", other.0, other.1)
    }
}

/// Copies that have seen the same and do not hold the same: there must be none, at any time.
pub(super) fn unequal(names: &BTreeSet<Bytes>, plan: &Plan, hosts: &[Host]) -> Option<Difference> {
    names.iter().find_map(|name| {
        let mut copies = copies(plan, hosts, name);
        // Who has taken a flush back and is getting back what it removed says nothing of that.
        let slot = Slot::of(name);
        let is_between =
            |owner: usize| hosts[owner].node.as_ref().is_some_and(|node| node.is_unflushed(slot));
        copies.retain(|(owner, _)| !is_between(*owner));
        unequal_copies(name, &copies)
    })
}

fn unequal_copies(name: &Bytes, copies: &[(usize, Stored)]) -> Option<Difference> {
    let pairs = copies.iter().enumerate();
    let mut pairs = pairs.flat_map(|(at, one)| copies[at + 1..].iter().map(move |b| (one, b)));
    let differ = pairs.find(|((_, a), (_, b))| {
        let same = a.horizon == b.horizon && a.unsettled() == b.unsettled();
        same && a.record.cells != b.record.cells
    });
    differ.map(|(one, other)| Difference {
        name: name.clone(),
        what: "have seen the same and differ",
        one: one.clone(),
        other: other.clone(),
    })
}

/// Owners that do not hold the same, if there are any.
pub(super) fn diverged(names: &BTreeSet<Bytes>, plan: &Plan, hosts: &[Host]) -> Option<Difference> {
    names.iter().find_map(|name| diverged_copies(name, &copies(plan, hosts, name)))
}

fn diverged_copies(name: &Bytes, copies: &[(usize, Stored)]) -> Option<Difference> {
    let (one, rest) = copies.split_first()?;
    let other = rest.iter().find(|other| one.1.record.cells != other.1.record.cells)?;
    let (one, other) = (one.clone(), other.clone());
    Some(Difference { name: name.clone(), what: "differ", one, other })
}

/// A queue of a node or of a proxy that is longer than it may be, in this span of the run; or a message
/// that a node refused: nobody sends such ones.
pub(super) fn too_long(hosts: &[Host], proxies: &[Front], span: Range<u64>) -> Option<Wrong> {
    let of_proxy = proxies.iter().enumerate().find_map(|(n, proxy)| {
        let what = format!("promise 9: proxy {n}: {}", longer(&proxy.queues())?);
        Some(Wrong { what, about: About::everything(), span: span.clone() })
    });
    let of_node = |(n, host): (usize, &Host)| {
        let node = host.node.as_ref()?;
        let long = longer(&node.queues()).map(|what| format!("promise 9: node {n}: {what}"));
        let refused = node.refused();
        let refuses = || (refused > 0).then(|| format!("node {n} refused {refused} messages"));
        let what = long.or_else(refuses)?;
        Some(Wrong { what, about: About::node(n), span: span.clone() })
    };
    of_proxy.or_else(|| hosts.iter().enumerate().find_map(of_node))
}

/// The first queue that has more than it may: its name, its length, its bound.
fn longer(queues: &[(&str, usize, usize)]) -> Option<String> {
    let (name, len, max) = queues.iter().find(|(_, len, max)| len > max)?;
    Some(format!("{name}: {len}, at most {max}"))
}

/// One number for what all owners hold, and by which events.
pub fn digest(names: &BTreeSet<Bytes>, plan: &Plan, hosts: &[Host]) -> u64 {
    let copies: Vec<_> = names.iter().map(|name| copies(plan, hosts, name)).collect();
    letter::digest(format!("{copies:?}").as_bytes())
}

/// What every key is at the end, by the copies of one owner of each.
pub fn ending(plan: &Plan, hosts: &[Host], now_us: u64) -> BTreeMap<Key, Final> {
    let mut ending = BTreeMap::new();
    for key in plan.keys() {
        let copies = copies(plan, hosts, &name(key));
        let Some((owner, copy)) = copies.first() else { continue };
        let Now { wall_ms, .. } = hosts[*owner].clock.now(now_us);
        if copy.record.kind(wall_ms).is_none() {
            continue;
        }
        let shown = copy.record.text(wall_ms).map(|text| text.value.to_bytes());
        ending.insert(key, Final { shown, held: held(&copy.record, wall_ms) });
    }
    ending
}

fn held(record: &Record, now_ms: u64) -> Vec<Held> {
    let mut held = Vec::new();
    for (path, register) in record.cells.iter() {
        for sibling in &register.siblings {
            let Base::Value { dot, live: true, value } = &sibling.base else { continue };
            if sibling.deadlines.iter().any(|deadline| deadline.at_ms <= now_ms) {
                continue;
            }
            let (place, text): (Place, Text) = match path {
                Path::Text => (Place::Text, value.clone()),
                Path::Field(field) => (Place::Field(field.clone()), value.clone()),
                Path::Member(member) => (Place::Member, member.clone()),
                Path::Scored(member) => (Place::Scored, member.clone()),
                Path::Item(..) => (Place::Element, value.clone()),
                Path::Deadline => continue,
            };
            held.push(Held { place, text, dot: *dot });
        }
    }
    held
}

#[cfg(test)]
mod tests;
