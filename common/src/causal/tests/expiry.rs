//! Expiry case by case: what a deadline reaches, what outlives what it hung on, and what does not.

use crate::causal::{Applied, Change, Delta, Horizon, Kind, Path, Position, Record, Value};
use crate::clock::Hlc;
use crate::id::{Actor, Dot};
use bytes::Bytes;

/// Two copies of one key.
#[derive(Default)]
struct Two {
    a: Record,
    b: Record,
}

impl Two {
    /// A change at A that B takes over.
    fn both(&mut self, change: Change, ms: u64) {
        let delta = at(&mut self.a, change, ms, 1);
        assert_eq!(self.b.apply(&delta, &Horizon::default()), Applied::Applied);
    }

    fn a(&mut self, change: Change, ms: u64) -> Delta {
        at(&mut self.a, change, ms, 1)
    }

    fn b(&mut self, change: Change, ms: u64) -> Delta {
        at(&mut self.b, change, ms, 2)
    }

    fn joined(&self) -> Record {
        let mut record = self.a.clone();
        record.join(&Horizon::default(), &self.b, &Horizon::default());
        record
    }
}

/// A change at a wall time, as an event of that time.
fn at(record: &mut Record, change: Change, ms: u64, actor: u64) -> Delta {
    let dot = dot(ms, actor);
    let delta = record.plan(change, dot, &Horizon::default(), ms);
    assert_eq!(record.apply(&delta, &Horizon::default()), Applied::Applied);
    delta
}

fn dot(ms: u64, actor: u64) -> Dot {
    Dot { hlc: Hlc::new(ms, 0), actor: Actor(actor) }
}

fn set(value: &'static str, deadline_ms: Option<u64>) -> Change {
    Change::Replace { value: value.into(), deadline_ms }
}

fn incr(by: i64) -> Change {
    Change::Increment { path: Path::Text, by }
}

fn expire_at(at_ms: u64) -> Change {
    Change::Deadline(Some(at_ms))
}

fn put(path: Path) -> Change {
    let kind = path.kind().expect("a cell");
    Change::Cells { kind, put: vec![(path, "5".into())], remove: Vec::new() }
}

fn field() -> Path {
    Path::Field(Bytes::from_static(b"f"))
}

fn number(record: &Record, now_ms: u64) -> Option<i64> {
    match record.text(now_ms)?.value {
        Value::Integer(number) => Some(number),
        Value::Bytes(bytes) => panic!("not a counter: {bytes:?}"),
    }
}

#[test]
fn a_counter_that_expired_everywhere_stays_expired_when_its_base_goes() {
    let mut two = Two::default();
    two.both(set("5", Some(100)), 1);
    two.b(incr(1), 50);
    assert_eq!(two.b.deadline_ms(60), Some(100));
    two.a(Change::Expire, 700);
    assert_eq!(two.joined().kind(800), None);
}

#[test]
fn a_counter_that_began_absent_stays_expired_too() {
    let mut two = Two::default();
    two.both(incr(1), 1);
    two.both(expire_at(100), 2);
    two.b(incr(1), 50);
    two.a(Change::Expire, 700);
    assert_eq!(two.joined().kind(800), None);
}

#[test]
fn the_delta_of_the_expire_event_does_the_same() {
    let mut two = Two::default();
    two.both(set("5", Some(100)), 1);
    two.b(incr(1), 50);
    let expire = two.a(Change::Expire, 700);
    assert_eq!(two.b.apply(&expire, &Horizon::default()), Applied::Applied);
    assert_eq!(two.b.kind(800), None);
}

#[test]
fn a_late_increment_of_an_expired_counter_is_no_sibling_of_the_next_one() {
    let mut two = Two::default();
    two.both(set("5", Some(100)), 1);
    two.b(incr(1), 50);
    two.a(incr(1), 200);
    let joined = two.joined();
    assert_eq!(number(&joined, 300), Some(1));
    assert_eq!(joined.text(300).map(|text| text.siblings), Some(1));
}

#[test]
fn a_collection_that_expired_everywhere_stays_expired() {
    let name = |n: &'static str| Bytes::from_static(n.as_bytes());
    let item = |n: u64| {
        let dot = dot(n, n);
        Path::Item(Position::between(None, None, dot), dot)
    };
    for (first, second) in [
        (Path::Member(name("x")), Path::Member(name("y"))),
        (Path::Field(name("x")), Path::Field(name("y"))),
        (Path::Scored(name("x")), Path::Scored(name("y"))),
        (item(1), item(2)),
    ] {
        for last in [Change::Expire, put(first.clone())] {
            let mut two = Two::default();
            two.both(put(first.clone()), 1);
            two.both(expire_at(100), 2);
            two.b(put(second.clone()), 50);
            assert_eq!(two.b.deadline_ms(60), Some(100));
            let begins_anew = last != Change::Expire;
            two.a(last, 700);
            let joined = two.joined();
            assert!(joined.shown(&second, 800).is_none(), "it had expired");
            assert_eq!(joined.shown(&first, 800).is_some(), begins_anew, "it is of after");
            assert_eq!(joined.deadline_ms(800), None);
            let swept = joined.plan(Change::Expire, dot(900, 1), &Horizon::default(), 900);
            let mut after = joined.clone();
            after.apply(&swept, &Horizon::default());
            assert_eq!(after.elements().count(), usize::from(begins_anew));
        }
    }
}

#[test]
fn a_field_that_expired_everywhere_stays_expired() {
    let mut two = Two::default();
    two.both(put(field()), 1);
    two.both(Change::FieldDeadline { paths: vec![field()], deadline_ms: Some(100) }, 2);
    two.b(Change::Increment { path: field(), by: 1 }, 50);
    two.a(Change::Expire, 700);
    assert_eq!(two.joined().kind(800), None);
}

#[test]
fn an_expire_does_not_reach_an_increment_that_it_never_saw() {
    let mut two = Two::default();
    two.a(incr(1), 1);
    two.a(expire_at(100), 2);
    two.b(incr(1), 3);
    let joined = two.joined();
    assert_eq!((number(&joined, 50), joined.deadline_ms(50)), (Some(2), None));
    assert_eq!(number(&joined, 200), Some(1), "what it saw has expired");
    assert_eq!(joined.min_deadline_ms(), Some(100));
    let mut swept = joined.clone();
    at(&mut swept, Change::Expire, 200, 1);
    assert_eq!((number(&swept, 200), swept.elements().count()), (Some(1), 1));
    // A starts again where its own share has expired, and nothing of that comes back.
    let mut counted = joined;
    at(&mut counted, incr(1), 200, 1);
    assert_eq!(number(&counted, 200), Some(2));
}

#[test]
fn an_expire_of_a_counter_does_not_reach_the_next_one() {
    let mut two = Two::default();
    two.both(incr(1), 1);
    two.a(expire_at(100), 2);
    two.b(Change::Clear, 3);
    two.b(incr(7), 4);
    assert_eq!(number(&two.joined(), 200), Some(7));
}

#[test]
fn a_persist_of_a_counter_does_not_reach_the_next_one() {
    let mut two = Two::default();
    two.both(incr(1), 1);
    two.both(expire_at(100), 2);
    two.a(Change::Deadline(None), 3);
    two.b(Change::Clear, 4);
    two.b(incr(7), 5);
    two.b(expire_at(90), 6);
    assert_eq!(two.joined().deadline_ms(50), Some(90));
    assert_eq!(two.joined().kind(90), None);
}

#[test]
fn a_persist_is_not_undone_by_an_increment_that_kept_the_deadline() {
    for first in [vec![incr(5), expire_at(100)], vec![set("5", Some(100))]] {
        let mut two = Two::default();
        first.into_iter().zip(1..).for_each(|(change, ms)| two.both(change, ms));
        two.a(Change::Deadline(None), 50);
        two.b(incr(1), 50);
        let joined = two.joined();
        assert_eq!((number(&joined, 60), joined.deadline_ms(60)), (Some(6), None));
        assert_eq!(number(&joined, 800), Some(6));
        assert_eq!(joined.min_deadline_ms(), None);
    }
}

#[test]
fn a_persist_is_not_undone_by_a_member_that_kept_the_deadline() {
    let member = |n: &'static str| Path::Member(Bytes::from_static(n.as_bytes()));
    let mut two = Two::default();
    two.both(put(member("x")), 1);
    two.both(expire_at(100), 2);
    two.a(Change::Deadline(None), 50);
    two.b(put(member("y")), 50);
    assert_eq!(two.joined().members(800).count(), 2);
    assert_eq!(two.joined().deadline_ms(60), None);
}

#[test]
fn a_persist_of_what_has_no_deadline_leaves_none() {
    let mut two = Two::default();
    two.both(incr(1), 1);
    two.both(Change::Deadline(None), 2);
    assert_eq!(two.a.elements().count(), 1);
    two.both(put(field()), 3);
    two.both(Change::Deadline(None), 4);
    two.both(Change::FieldDeadline { paths: vec![field()], deadline_ms: None }, 5);
    assert_eq!(two.a.elements().count(), 1);
}

/// Why [`Change::Expire`] asks that its issuer has seen every acknowledged write.
#[test]
fn an_expire_event_takes_what_a_persist_kept_that_it_had_not_seen() {
    let mut two = Two::default();
    two.both(set("v", Some(100)), 1);
    two.b(Change::Deadline(None), 50);
    two.a(Change::Expire, 700);
    assert_eq!(two.joined().kind(800), None, "the value is gone, the never is of nothing");
    assert_eq!(two.joined().min_deadline_ms(), Some(0), "and is swept at once");
}

/// What a deadline hides that its issuer had not seen is not removed with it: an increment that
/// neither the EXPIRE nor the expire event had seen lives on, as one that a DEL had not seen.
#[test]
fn an_increment_that_nobody_saw_outlives_the_expire_event() {
    let mut two = Two::default();
    two.both(set("5", None), 1);
    two.b(incr(1), 2);
    two.a(expire_at(100), 3);
    assert_eq!(two.joined().kind(200), None);
    two.a(Change::Expire, 200);
    assert_eq!(number(&two.joined(), 200), Some(6));
}

#[test]
fn a_deadline_of_a_collection_does_not_reach_the_next_one() {
    let member = |n: &'static str| Path::Member(Bytes::from_static(n.as_bytes()));
    // An EXPIRE of the old one, and a member that kept the old one's deadline.
    for late in [expire_at(1000), put(member("y"))] {
        let mut two = Two::default();
        two.both(put(member("x")), 1);
        two.both(expire_at(900), 2);
        two.b(late, 50);
        two.a(Change::Clear, 60);
        two.a(put(member("z")), 70);
        let joined = two.joined();
        assert_eq!(joined.deadline_ms(100), None);
        assert_eq!(joined.members(1000).collect::<Vec<_>>(), [&b"z"[..]]);
        let mut more = joined;
        at(&mut more, put(member("w")), 80, 1);
        assert_eq!(more.members(1000).count(), 2, "nor does what is added give it to the others");
    }
}

#[test]
fn a_sum_that_began_again_on_a_dead_base_is_not_what_a_deadline_meant() {
    let mut two = Two::default();
    two.both(set("5", None), 1);
    two.both(incr(1), 2);
    let mut third = two.b.clone();
    at(&mut third, expire_at(100), 4, 3);
    two.b(incr(1), 6);
    // Here the base dies, and with it the sum that the deadline's issuer saw.
    two.a(set("9", None), 5);
    two.a = two.joined();
    assert_eq!(number(&two.a, 7), Some(6), "the other's sum came later than the 9");
    two.a(incr(1), 7);
    two.a.join(&Horizon::default(), &third, &Horizon::default());
    assert_eq!(number(&two.a, 150), Some(7));
}

fn member(name: &'static str) -> Path {
    Path::Member(name.into())
}

fn hincr(by: i64) -> Change {
    Change::Increment { path: field(), by }
}

#[test]
fn the_next_counters_deadline_puts_off_none_that_has_come() {
    let mut two = Two::default();
    two.both(incr(5), 1);
    two.both(expire_at(100), 2);
    // A misses this one, which carries the deadline.
    two.b(incr(1), 50);
    two.a(incr(1), 200);
    assert_eq!(number(&two.joined(), 205), Some(1));
    two.a(expire_at(1000), 210);
    assert_eq!(number(&two.joined(), 300), Some(1));
    assert_eq!(two.joined().deadline_ms(300), Some(1000));
    assert_eq!(number(&two.joined(), 1000), None);
}

#[test]
fn the_next_collections_deadline_puts_off_none_that_has_come() {
    let mut two = Two::default();
    two.both(put(member("x")), 1);
    two.both(expire_at(100), 2);
    two.b(put(member("y")), 50);
    two.a(put(member("w")), 200);
    two.a(expire_at(1000), 210);
    let joined = two.joined();
    assert_eq!(joined.members(300).collect::<Vec<_>>(), [&b"w"[..]]);
    assert_eq!(joined.deadline_ms(300), Some(1000));
    assert_eq!(joined.kind(1000), None);
    assert_eq!(joined.min_deadline_ms(), Some(100), "y is swept");
}

#[test]
fn a_field_that_is_counted_again_brings_nothing_back() {
    let mut two = Two::default();
    two.both(hincr(5), 1);
    two.both(expire_at(100), 2);
    two.b(hincr(1), 50);
    two.a(hincr(1), 200);
    let shown = |record: &Record| record.field(&Bytes::from_static(b"f"), 300);
    assert_eq!(shown(&two.joined()), Some(Value::Integer(1)));
    let mut swept = two.joined();
    at(&mut swept, Change::Expire, 300, 3);
    assert_eq!(shown(&swept), Some(Value::Integer(1)));
    assert_eq!(swept.elements().count(), 1);
}

#[test]
fn counting_on_frees_no_share_from_its_deadline() {
    let mut two = Two::default();
    two.a(incr(5), 1);
    two.a(expire_at(100), 2);
    two.b(incr(1), 3);
    let mut joined = two.joined();
    assert_eq!(joined.deadline_ms(10), None, "a part of it stays");
    assert!(joined.is_to_expire(10), "but a PERSIST has something to do");
    at(&mut joined, incr(1), 10, 1);
    assert_eq!(number(&joined, 10), Some(7));
    assert_eq!(number(&joined, 200), Some(1), "the other's");
}

#[test]
fn a_persist_of_a_collection_does_not_reach_the_next_one() {
    let mut two = Two::default();
    two.both(put(member("x")), 1);
    two.both(expire_at(100), 2);
    two.a(Change::Deadline(None), 3);
    two.b(Change::Clear, 4);
    two.b(put(member("z")), 5);
    two.b(expire_at(90), 6);
    assert_eq!(two.joined().deadline_ms(50), Some(90));
    assert_eq!(two.joined().kind(90), None);
}

#[test]
fn a_collection_ends_whole_again_when_what_was_newer_goes() {
    let mut two = Two::default();
    two.both(put(member("x")), 1);
    two.a(expire_at(100), 2);
    two.b(put(member("y")), 3);
    let mut joined = two.joined();
    assert_eq!(joined.deadline_ms(50), None);
    assert_eq!((joined.len(Kind::Set, 50), joined.len(Kind::Set, 100)), (2, 1));
    let remove = vec![member("y")];
    at(&mut joined, Change::Cells { kind: Kind::Set, put: Vec::new(), remove }, 4, 1);
    assert_eq!(joined.deadline_ms(50), Some(100));
}

#[test]
fn a_persisted_collection_is_never_due() {
    let mut two = Two::default();
    two.both(put(member("x")), 1);
    two.both(expire_at(100), 2);
    two.both(Change::Deadline(None), 3);
    assert_eq!(two.a.min_deadline_ms(), None);
    two.both(Change::Deadline(Some(200)), 4);
    assert_eq!(two.a.min_deadline_ms(), Some(200));
}
