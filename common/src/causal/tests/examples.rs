//! Single cases that are worth reading.

use crate::causal::{Applied, Change, Context, Delta, Floor, Horizon, Kind, Path, Record, Value};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use bytes::Bytes;

const FIELD: fn() -> Path = || Path::Field(Bytes::from_static(b"f"));

fn dot(actor: u64, hlc: u64) -> Dot {
    Dot { hlc: Hlc(hlc), actor: Actor(actor) }
}

fn set(value: &'static str) -> Change {
    Change::Replace { value: Bytes::from_static(value.as_bytes()), deadline_ms: None }
}

fn incr(by: i64) -> Change {
    Change::Increment { path: Path::Text, by }
}

fn put(path: Path) -> Change {
    let kind = path.kind().expect("a cell");
    Change::Cells { kind, put: vec![(path, Bytes::new())], remove: Vec::new() }
}

fn none() -> Horizon {
    Horizon::default()
}

/// This record after a change.
fn after(record: &Record, change: Change, dot: Dot, now_ms: u64) -> Record {
    let mut record = record.clone();
    let delta = record.plan(change, dot, &none(), now_ms);
    assert_eq!(record.apply(&delta, &none()), Applied::Applied);
    record
}

fn joined(a: &Record, b: &Record) -> Record {
    let mut record = a.clone();
    record.join(&none(), b, &none());
    record
}

fn shows(record: &Record, now_ms: u64) -> Option<Bytes> {
    Some(record.text(now_ms)?.value.to_bytes())
}

#[test]
fn two_first_increments_add_up() {
    let a = after(&Record::default(), incr(2), dot(1, 1), 0);
    let b = after(&Record::default(), incr(3), dot(2, 1), 0);
    assert_eq!(shows(&joined(&a, &b), 0), Some("5".into()));
}

#[test]
fn an_increment_concurrent_with_a_set_keeps_its_base_beside_it() {
    let base = after(&Record::default(), set("10"), dot(1, 1), 0);
    let set = after(&base, set("x"), dot(1, 3), 0);
    let incremented = after(&base, incr(1), dot(2, 2), 0);
    let both = joined(&set, &incremented);
    let view = both.text(0).expect("a string");
    assert_eq!((view.value, view.siblings), (Value::Bytes("x".into()), 2));
    let cleared = after(&both, incr(1), dot(2, 4), 0);
    assert_eq!(cleared.text(0).expect("a string").siblings, 1, "the other was seen");
}

#[test]
fn a_sum_beyond_64_bits_shows_clamped_and_comes_back() {
    let top = after(&Record::default(), incr(i64::MAX), dot(1, 1), 0);
    let over = after(&top, incr(5), dot(2, 2), 0);
    assert_eq!(over.text(0).expect("a string").value, Value::Integer(i64::MAX));
    let back = after(&over, incr(-5), dot(3, 3), 0);
    assert_eq!(back.text(0).expect("a string").value, Value::Integer(i64::MAX));
}

#[test]
fn an_expired_sibling_gives_way_to_one_that_its_deadline_never_reached() {
    let expiring = after(&Record::default(), set("a"), dot(1, 5), 0);
    let expiring = after(&expiring, Change::Deadline(Some(100)), dot(1, 6), 0);
    let other = after(&Record::default(), set("b"), dot(2, 1), 0);
    let both = joined(&expiring, &other);
    assert_eq!(shows(&both, 99), Some("a".into()));
    assert_eq!(shows(&both, 100), Some("b".into()));
    let swept = after(&both, Change::Expire, dot(1, 7), 100);
    assert_eq!(shows(&swept, 100), Some("b".into()), "the expire event takes what expired only");
}

#[test]
fn of_two_concurrent_deadlines_the_later_time_wins() {
    let base = after(&Record::default(), set("a"), dot(1, 1), 0);
    let sooner = after(&base, Change::Deadline(Some(100)), dot(1, 3), 0);
    let later = after(&base, Change::Deadline(Some(200)), dot(2, 2), 0);
    let both = joined(&sooner, &later);
    assert_eq!(both.deadline_ms(0), Some(200));
    assert_eq!(both.min_deadline_ms(), Some(200), "nothing expires before that");
    let persisted = after(&both, Change::Deadline(None), dot(1, 4), 0);
    assert_eq!(persisted.deadline_ms(0), None);
}

#[test]
fn a_field_that_is_set_and_counted_concurrently_keeps_both_by_delta_too() {
    let base = after(&Record::default(), put(FIELD()), dot(1, 1), 0);
    let hset = base.plan(put(FIELD()), dot(1, 3), &none(), 0);
    let hincrby = Change::Increment { path: FIELD(), by: 7 };
    let hincrby = base.plan(hincrby, dot(2, 2), &none(), 0);
    let apply = |deltas: [&Delta; 2]| {
        let mut record = base.clone();
        deltas
            .into_iter()
            .for_each(|delta| assert_eq!(record.apply(delta, &none()), Applied::Applied));
        record
    };
    let record = apply([&hset, &hincrby]);
    assert_eq!(record, apply([&hincrby, &hset]));
    assert_eq!(record.cells[&FIELD()].siblings.len(), 2);
}

#[test]
fn an_orphan_deadline_is_no_deadline_of_the_next_value() {
    let base = after(&Record::default(), set("a"), dot(1, 1), 0);
    let deleted = after(&base, Change::Clear, dot(1, 2), 0);
    let expiring = after(&base, Change::Deadline(Some(100)), dot(2, 2), 0);
    let both = joined(&deleted, &expiring);
    assert_eq!(both.kind(0), None);
    assert_eq!(both.min_deadline_ms(), Some(100), "the sweep will remove it");
    let counted = after(&both, incr(1), dot(1, 3), 0);
    assert_eq!(counted.deadline_ms(0), None);
    assert_eq!(counted.elements().count(), 1);
}

#[test]
fn the_last_cell_takes_the_deadline_along() {
    let hash = after(&Record::default(), put(FIELD()), dot(1, 1), 0);
    let hash = after(&hash, Change::Deadline(Some(100)), dot(1, 2), 0);
    let hdel = Change::Cells { kind: Kind::Hash, put: Vec::new(), remove: vec![FIELD()] };
    let empty = after(&hash, hdel, dot(1, 3), 0);
    assert!(empty.cells.is_empty());
    let again = after(&empty, put(FIELD()), dot(1, 4), 0);
    assert_eq!(again.deadline_ms(0), None);
}

#[test]
fn of_two_types_the_higher_clock_shows_and_the_next_write_removes_the_other() {
    let hash = after(&Record::default(), put(FIELD()), dot(1, 2), 0);
    let text = after(&Record::default(), set("x"), dot(2, 1), 0);
    let both = joined(&hash, &text);
    assert_eq!(both.kind(0), Some(Kind::Hash));
    assert_eq!(both.text(0), None);
    let written = after(&both, put(FIELD()), dot(1, 3), 0);
    assert!(!written.cells.contains_key(&Path::Text));
}

#[test]
fn a_floor_keeps_the_dead_dead_without_a_tombstone() {
    let old = after(&Record::default(), set("old"), dot(1, 1), 0);
    let mut record = after(&old, Change::Clear, dot(1, 2), 0);
    let floor = Floor::from(Context::single(dot(1, 2)));
    let horizon = Horizon { floor, ..none() };
    assert!(!record.clone().prune(&none()), "without a floor the tombstone stays");
    assert!(record.prune(&horizon));
    record.join(&horizon, &old, &none());
    assert_eq!(record, Record::default());
    let mut returning = old;
    returning.join(&none(), &record, &horizon);
    assert!(returning.cells.is_empty(), "and the old copy learns it");
    assert_eq!(returning.context, Context::single(dot(1, 2)));
}

#[test]
fn a_pruned_delta_is_a_gap_to_a_receiver_without_its_floor() {
    let horizon = Horizon { floor: Floor::from(Context::single(dot(1, 2))), ..none() };
    let delta = Record::default().plan(set("x"), dot(1, 3), &horizon, 0);
    assert_eq!(Record::default().apply(&delta, &none()), Applied::Gap);
    assert_eq!(Record::default().apply(&delta, &horizon), Applied::Applied);
    let mut repaired = Record::default();
    repaired.join(&none(), &Record::default(), &horizon);
    assert_eq!(repaired.apply(&delta, &none()), Applied::Applied);
}

#[test]
fn a_delta_from_above_a_cut_is_a_gap_to_a_receiver_without_it() {
    let horizon = Horizon { cut: Hlc(5), ..none() };
    let delta = Record::default().plan(set("x"), dot(1, 6), &horizon, 0);
    assert_eq!(Record::default().apply(&delta, &none()), Applied::Gap);
    assert_eq!(Record::default().apply(&delta, &horizon), Applied::Applied);
    let flushed = Horizon { cut: Hlc(6), ..none() };
    assert_eq!(Record::default().apply(&delta, &flushed), Applied::Covered);
}

/// Why a floor round may not close the actor of a copy that later returns as an equal: what its own
/// dead writes had superseded goes with them. Such a copy gives its data up, or is not closed.
#[test]
fn a_copy_whose_actor_was_closed_without_it_must_give_its_data_up() {
    let acked = after(&Record::default(), set("acked"), dot(1, 1), 0);
    let away = after(&acked, set("unacked"), dot(2, 2), 0);
    // A later event of actor 2, on another key of the slot, was the highest seen of it.
    let floor: Context = [dot(1, 1), dot(2, 3)].into_iter().collect();
    let horizon = Horizon { floor: Floor::from(floor), ..none() };
    let mut home = acked.clone();
    home.prune(&horizon);
    let mut both = home.clone();
    both.join(&horizon, &away, &none());
    assert_eq!(shows(&both, 0), None, "the unacked is dead, and the acked was superseded by it");
    let mut given_up = Record::default();
    given_up.join(&none(), &home, &horizon);
    home.join(&horizon, &given_up, &none());
    assert_eq!(shows(&home, 0), Some("acked".into()));
}
