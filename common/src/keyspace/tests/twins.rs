//! Random commands on one shard, in every mode: what shows, what is stored, what is counted and
//! what leaves as deltas is what the causal model says.

use super::twin::{Name, Twin};
use crate::causal::{Change, Delta, Kind, Path, Position, Record, Sibling, Sight};
use crate::command::error::CommandError;
use crate::id::Dot;
use crate::keyspace::{Ttl, Txn};
use crate::random::Random;
use crate::testing::for_all;
use bytes::Bytes;

pub fn name(random: &mut Random) -> Name {
    // Two of one slot, others anywhere.
    let keys: [&[u8]; 7] = [b"{t}a", b"{t}b", b"c", b"d", b"e", b"f", b""];
    (*random.pick(&[0, 0, 0, 3]), random.pick(&keys).to_vec())
}

pub fn value(random: &mut Random) -> Bytes {
    let values: [&[u8]; 9] = [
        b"",
        b"0",
        b"5",
        b"-7",
        b"9223372036854775807",
        b"-9223372036854775808",
        b"007",
        b"not a number",
        &[b'v'; 5000],
    ];
    Bytes::copy_from_slice(random.pick::<&[u8]>(&values))
}

/// One change that any key may take, without the lists'.
fn cells(random: &mut Random) -> Change {
    let element = |random: &mut Random| Bytes::from(format!("e{}", random.below(6)));
    let (kind, path): (Kind, fn(Bytes) -> Path) = *random.pick(&[
        (Kind::Hash, Path::Field as fn(Bytes) -> Path),
        (Kind::Set, Path::Member),
        (Kind::Zset, Path::Scored),
    ]);
    let put = if random.chance(60) { 1 + random.below(4) } else { 0 };
    let put: Vec<_> = (0..put)
        .map(|_| {
            let value =
                if kind == Kind::Set { Bytes::new() } else { Bytes::from_static(b"12345678") };
            (path(element(random)), value)
        })
        .collect();
    let remove = (0..random.below(4)).map(|_| path(element(random))).collect();
    Change::Cells { kind, put, remove }
}

fn list(random: &mut Random) -> impl Fn(&Record, Dot, u64) -> Change + Copy + use<> {
    let (what, nth) = (random.below(4), random.below(1000));
    move |record: &Record, dot: Dot, view: u64| {
        let items: Vec<(&Position, Dot, Bytes)> = record.items(view).collect();
        let at = nth % items.len().max(1);
        let place = |n: usize| items.get(n).map(|item| item.0);
        let position = match what {
            0 => Position::between(items.last().map(|item| item.0), None, dot),
            1 => Position::between(None, place(0), dot),
            2 if items.len() > 1 => {
                let at = at.min(items.len() - 2);
                Position::between(place(at), place(at + 1), dot)
            }
            _ if !items.is_empty() => {
                let remove = vec![Path::Item(items[at].0.clone(), items[at].1)];
                return Change::Cells { kind: Kind::List, put: Vec::new(), remove };
            }
            _ => Position::between(None, None, dot),
        };
        let put = vec![(Path::Item(position, dot), Bytes::from_static(b"item"))];
        Change::Cells { kind: Kind::List, put, remove: Vec::new() }
    }
}

fn set(twin: &mut Twin, name: &Name, random: &mut Random) -> Delta {
    let value = value(random);
    let at = deadline(twin, random);
    let (ttl, change) = match random.below(5) {
        0..=1 => (Ttl::Clear, Change::Replace { value: value.clone(), deadline_ms: None }),
        2..=3 => (Ttl::At(at), Change::Replace { value: value.clone(), deadline_ms: Some(at) }),
        _ => (Ttl::Keep, Change::Keep { value: value.clone() }),
    };
    twin.change(name, |_, _, _| change.clone(), |txn| txn.set(&name.1, &value, ttl))
}

/// Mostly soon, so that time passes it; sometimes past.
fn deadline(twin: &Twin, random: &mut Random) -> u64 {
    twin.now.wall_ms + random.below(400) as u64 - 20
}

fn increment(twin: &mut Twin, name: &Name, random: &mut Random) -> Option<Delta> {
    let by = *random.pick(&[1, -1, 40, i64::MAX, i64::MIN, i64::MIN / 2]);
    let view = twin.model.view_ms(&name.1, twin.now);
    let record = twin.model.record(name);
    let before = match record.kind(view) {
        None => Ok(0),
        Some(Kind::Text) => record
            .text(view)
            .and_then(|text| crate::command::number::parse_i64(&text.value.to_bytes()))
            .ok_or(CommandError::NotInteger),
        Some(_) => Err(CommandError::WrongType),
    };
    let sum = before.and_then(|n| n.checked_add(by).ok_or(CommandError::Overflow));
    // Concurrent ones may add up to more than shows: the next is added to what is behind it.
    let total = record.shown(&Path::Text, view).map_or(0, |shown| total(shown.sibling, view));
    let sum = sum.map(|_| (total + i128::from(by)).clamp(i64::MIN.into(), i64::MAX.into()) as i64);
    match sum {
        Err(error) => {
            let (out, effects) = twin.run(name.0, |txn| txn.increment(&name.1, by));
            assert_eq!(out, Err(error));
            assert!(effects.is_empty());
            None
        }
        Ok(sum) => {
            let change = Change::Increment { path: Path::Text, by };
            let run = |txn: &mut Txn<'_, '_>| assert_eq!(txn.increment(&name.1, by), Ok(sum));
            Some(twin.change(name, |_, _, _| change.clone(), run))
        }
    }
}

fn total(counter: &Sibling, view_ms: u64) -> i128 {
    let base = crate::command::number::parse_i64(&counter.base.value()).unwrap_or(0);
    let sums = counter.unexpired(Sight::at(view_ms)).map(|(_, increment)| increment.sum);
    i128::from(base) + sums.sum::<i128>()
}

fn expire(twin: &mut Twin, name: &Name, random: &mut Random) -> Option<Delta> {
    let at = random.chance(70).then(|| deadline(twin, random));
    if twin.model.shown(name, twin.now).is_none() {
        let (out, effects) = twin.run(name.0, |txn| txn.set_deadline(&name.1, at));
        assert!(!out && effects.is_empty());
        return None;
    }
    let run = |txn: &mut Txn<'_, '_>| assert!(txn.set_deadline(&name.1, at));
    Some(twin.change(name, |_, _, _| Change::Deadline(at), run))
}

/// Any change at all of one key, on both sides. Returns what leaves.
pub fn write(twin: &mut Twin, random: &mut Random) -> Vec<(Name, Delta)> {
    let key = name(random);
    let one = |delta: Option<Delta>| delta.into_iter().map(|d| (key.clone(), d)).collect();
    match random.below(16) {
        0..=3 => one(Some(set(twin, &key, random))),
        4..=5 => one(twin.delete(&key)),
        6..=7 => one(increment(twin, &key, random)),
        8..=9 => one(expire(twin, &key, random)),
        10 => {
            let to = name(random);
            twin.copy(&key, &to).into_iter().map(|delta| (to.clone(), delta)).collect()
        }
        11 => {
            let changes = [
                Change::Clear,
                Change::Expire,
                Change::Increment { path: Path::Field(Bytes::from_static(b"n")), by: 3 },
            ];
            let change = random.pick(&changes);
            let run = |txn: &mut Txn<'_, '_>| txn.change(&key.1, change.clone());
            one(Some(twin.change(&key, |_, _, _| change.clone(), run)))
        }
        12 => {
            let paths =
                (0..6).map(|n| Path::Field(Bytes::from(format!("e{n}")))).take(random.below(6));
            let deadline_ms = random.chance(70).then(|| deadline(twin, random));
            let change = Change::FieldDeadline { paths: paths.collect(), deadline_ms };
            let run = |txn: &mut Txn<'_, '_>| txn.change(&key.1, change.clone());
            one(Some(twin.change(&key, |_, _, _| change.clone(), run)))
        }
        13 => {
            let change = list(random);
            one(Some(twin.change(&key, change, |txn| txn.change_with(&key.1, change))))
        }
        _ => {
            let change = cells(random);
            let run = |txn: &mut Txn<'_, '_>| txn.change(&key.1, change.clone());
            one(Some(twin.change(&key, |_, _, _| change.clone(), run)))
        }
    }
}

pub fn pass_time(twin: &mut Twin, random: &mut Random) {
    let wall = &mut twin.now.wall_ms;
    *wall = match random.below(12) {
        0 => *wall - 300,
        1..=2 => *wall + 200,
        _ => *wall + random.below(20) as u64,
    };
}

fn run(random: &mut Random, lone: bool, deltas: bool) {
    let mut twin = Twin::new(5, lone, deltas);
    for step in 0..if cfg!(miri) { 30 } else { 120 } {
        pass_time(&mut twin, random);
        match random.below(60) {
            0 => drop(twin.flush(0)),
            1 => twin.flush_all(),
            2..=7 => {
                let late = *random.pick(&[0, 0, 100]);
                for partition in 0..=u8::MAX {
                    twin.sweep(partition, twin.now.wall_ms - late);
                }
            }
            _ => drop(write(&mut twin, random)),
        }
        if step % 10 == 0 {
            twin.check_all();
        }
    }
    twin.check_all();
}

#[test]
fn a_shard_among_others_stores_what_the_model_stores() {
    for_all(150, |random| run(random, false, false));
}

#[test]
fn a_shard_with_a_log_stores_what_the_model_stores() {
    for_all(150, |random| run(random, false, true));
}

#[test]
fn a_lone_shard_stores_what_the_model_stores() {
    for_all(150, |random| run(random, true, false));
}

#[test]
fn a_lone_shard_with_a_log_stores_what_the_model_stores() {
    for_all(150, |random| run(random, true, true));
}
