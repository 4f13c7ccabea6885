//! Whether the owners agree at the end, and what they hold.

use super::host::Host;
use super::letter;
use super::plan::Plan;
use super::words::name;
use crate::checker::{Final, Held, Key, Place, Text};
use bytes::Bytes;
use kinring_common::causal::{Base, Context, Horizon, Path, Record};
use kinring_common::clock::Now;
use kinring_common::placement::slot::Slot;
use std::collections::{BTreeMap, BTreeSet};

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

/// Copies that have seen the same and do not hold the same: there must be none, at any time.
pub fn unequal(names: &BTreeSet<Bytes>, plan: &Plan, hosts: &[Host]) -> Option<String> {
    for name in names {
        let copies = copies(plan, hosts, name);
        for (at, (one, a)) in copies.iter().enumerate() {
            for (other, b) in &copies[at + 1..] {
                let same = a.horizon == b.horizon && a.unsettled() == b.unsettled();
                if same && a.record.cells != b.record.cells {
                    return Some(format!(
                        "{name:?}: nodes {one} and {other} have seen the same and differ:\n{a:#?}\n{b:#?}"
                    ));
                }
            }
        }
    }
    None
}

/// Owners that do not hold the same, if there are any.
pub fn diverged(names: &BTreeSet<Bytes>, plan: &Plan, hosts: &[Host]) -> Option<String> {
    for name in names {
        let copies = copies(plan, hosts, name);
        let (first, rest) = copies.split_first()?;
        for other in rest {
            if first.1.record.cells != other.1.record.cells {
                return Some(format!(
                    "{name:?}: nodes {} and {} differ:\n{:#?}\n{:#?}",
                    first.0, other.0, first.1, other.1
                ));
            }
        }
    }
    None
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
