//! The model's Redis, where it is easy to get wrong.

use crate::checker::history::{Call, Key, Reply, Text, Verb};
use crate::checker::model::{State, Timing};

const KEY: Key = Key(0);

fn text(text: &str) -> Text {
    Text::copy_from_slice(text.as_bytes())
}

fn bulk(from: &str) -> Reply {
    Reply::Bulk(text(from))
}

fn list(from: &[&str]) -> Reply {
    Reply::List(from.iter().map(|item| text(item)).collect())
}

/// Runs them in turn on one key, and compares each reply.
#[track_caller]
fn check(steps: &[(Verb, Reply)]) {
    let mut state = State::default();
    for (verb, expected) in steps {
        let timing = Timing { from_us: 1000, to_us: 1000, skew_us: 10 };
        let reply = state.apply(&Call::On(KEY, verb.clone()), timing);
        assert_eq!(reply, *expected, "{verb:?} in {steps:?}");
    }
}

#[test]
fn an_increment_needs_a_number_as_redis_writes_it() {
    check(&[
        (Verb::Incr(-3), Reply::Int(-3)),
        (Verb::Get, bulk("-3")),
        (Verb::Set(text("007")), Reply::Ok),
        (Verb::Incr(1), Reply::NotInteger),
        (Verb::Set(text("9223372036854775807")), Reply::Ok),
        (Verb::Incr(1), Reply::NotInteger),
        (Verb::Append(text("x")), Reply::Int(20)),
        (Verb::Incr(0), Reply::NotInteger),
    ]);
}

#[test]
fn a_command_of_another_type_changes_nothing_and_set_replaces_any_type() {
    check(&[
        (Verb::SAdd(text("m")), Reply::Int(1)),
        (Verb::HSet(text("f"), text("v")), Reply::WrongType),
        (Verb::LPop, Reply::WrongType),
        (Verb::Get, Reply::WrongType),
        (Verb::SetNx(text("v")), Reply::Int(0)),
        (Verb::Incr(1), Reply::WrongType),
        (Verb::SMembers, list(&["m"])),
        (Verb::Set(text("v")), Reply::Ok),
        (Verb::SMembers, Reply::WrongType),
        (Verb::Get, bulk("v")),
    ]);
}

#[test]
fn a_collection_without_elements_is_no_key() {
    check(&[
        (Verb::HSet(text("f"), text("a")), Reply::Int(1)),
        (Verb::HSet(text("f"), text("b")), Reply::Int(0)),
        (Verb::HDel(text("f")), Reply::Int(1)),
        (Verb::Exists, Reply::Int(0)),
        (Verb::LPush(text("a")), Reply::Int(1)),
        (Verb::LPush(text("b")), Reply::Int(2)),
        (Verb::LRange, list(&["b", "a"])),
        (Verb::LPop, bulk("b")),
        (Verb::LPop, bulk("a")),
        (Verb::LPop, Reply::Nil),
        (Verb::ZAdd(text("b"), 1), Reply::Int(1)),
        (Verb::ZAdd(text("a"), 2), Reply::Int(1)),
        (Verb::ZRange, list(&["b", "1", "a", "2"])),
        (Verb::Del, Reply::Int(1)),
        (Verb::SRem(text("a")), Reply::Int(0)),
    ]);
}

#[test]
fn a_deadline_goes_with_set_and_persist_and_stays_with_an_edit() {
    check(&[
        (Verb::Expire { ttl_us: 9 }, Reply::Int(0)),
        (Verb::Incr(1), Reply::Int(1)),
        (Verb::Expire { ttl_us: 9 }, Reply::Int(1)),
        (Verb::Incr(1), Reply::Int(2)),
        (Verb::Persist, Reply::Int(1)),
        (Verb::Persist, Reply::Int(0)),
        (Verb::Expire { ttl_us: 9 }, Reply::Int(1)),
        (Verb::Set(text("v")), Reply::Ok),
        (Verb::Persist, Reply::Int(0)),
        (Verb::Expire { ttl_us: 0 }, Reply::Int(1)),
        (Verb::Get, Reply::Nil),
    ]);
}

#[test]
fn a_key_may_go_within_the_skew_of_its_deadline_and_must_be_gone_after() {
    let mut state = State::default();
    let timing = Timing { from_us: 1000, to_us: 1020, skew_us: 10 };
    state.apply(&Call::On(KEY, Verb::Set(text("v"))), timing);
    state.apply(&Call::On(KEY, Verb::Expire { ttl_us: 100 }), timing);
    let met = |from_us, to_us| {
        let states = state.met_by(&Call::On(KEY, Verb::Get), from_us, to_us);
        states.iter().map(|(state, _)| state.get(KEY).is_some()).collect::<Vec<_>>()
    };
    assert_eq!(met(1000, 1089), [true]);
    assert_eq!(met(1000, 1090), [true, false]);
    assert_eq!(met(1130, 1200), [true, false]);
    assert_eq!(met(1131, 1200), [false]);
}
