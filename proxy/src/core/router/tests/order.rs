//! Calls of one session, and of too many.

use super::super::{Call, Outcome, RouterInput, SESSION_QUEUE_MAX, Settings, Why};
use super::desk::{Desk, reply, text};
use super::{commands, scatter};
use kinring_common::placement::slot::Slot;
use kinring_common::wire::request::{Consistency, Response};

/// Keys of three groups, and a second one of the first.
fn keys(desk: &Desk) -> ([String; 3], String) {
    let group = |key: &String| desk.layout.group_of(Slot::of(key.as_bytes()));
    let mut found: Vec<String> = Vec::new();
    let mut same = None;
    for n in 0.. {
        let key = format!("k{n}");
        match found.iter().position(|other| group(other) == group(&key)) {
            None if found.len() < 3 => found.push(key),
            Some(0) if same.is_none() => same = Some(key),
            _ => {}
        }
        if found.len() == 3 && same.is_some() {
            break;
        }
    }
    (found.try_into().unwrap(), same.unwrap())
}

#[test]
fn calls_in_one_group_wait_for_each_other_and_others_do_not() {
    let mut desk = Desk::new();
    let ([one, two, _], same) = keys(&desk);
    desk.call(1, 1, commands(&format!("SET {one} 1")));
    desk.call(1, 2, commands(&format!("SET {same} 2")));
    desk.call(1, 3, commands(&format!("SET {two} 3")));
    desk.call(2, 4, commands(&format!("SET {same} 4")));
    let asks = desk.asks();
    let texts: Vec<String> = asks.iter().map(text).collect();
    let line = |key: &String, n| format!("SET {key} {n}");
    assert_eq!(texts, [line(&one, 1), line(&two, 3), line(&same, 4)]);
    desk.done(&asks[1], "+OK\r\n");
    assert!(desk.done.is_empty(), "two calls of its session are before it");
    desk.done(&asks[0], "+OK\r\n");
    assert_eq!(desk.tokens(), [1]);
    let second = desk.ask();
    assert_eq!(text(&second), line(&same, 2));
    desk.done(&second, "+OK\r\n");
    assert_eq!(desk.tokens(), [2, 3]);
}

#[test]
fn a_call_over_groups_holds_each_only_until_its_part_there_is_done() {
    let mut desk = Desk::new();
    let ([one, two, _], same) = keys(&desk);
    desk.call(1, 1, scatter(&format!("MSET {one} 1 {two} 1")));
    desk.call(1, 2, commands(&format!("GET {same}")));
    let asks = desk.asks();
    assert_eq!(asks.len(), 2);
    let of_one = asks.iter().find(|ask| text(ask).contains(&one)).unwrap();
    desk.done(of_one, "+OK\r\n");
    let read = desk.ask();
    desk.done(&read, "$-1\r\n");
    assert!(desk.done.is_empty(), "it is answered after the MSET");
}

#[test]
fn what_follows_a_call_that_was_given_up_goes_on() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    desk.pass(1_000_000);
    desk.call(1, 2, commands("GET a"));
    desk.asks();
    desk.pass(3_000_000);
    assert_eq!(desk.outcome(), Outcome::Unknown);
    let read = desk.asks().into_iter().rfind(|ask| text(ask) == "GET a").unwrap();
    desk.done(&read, "$-1\r\n");
    assert_eq!(desk.outcome(), reply("$-1\r\n"));
}

#[test]
fn a_session_that_runs_too_far_ahead_is_refused() {
    let mut desk = Desk::new();
    for token in 0..=SESSION_QUEUE_MAX as u64 {
        desk.call(1, token, commands("INCR a"));
    }
    let last = SESSION_QUEUE_MAX as u64;
    assert_eq!(desk.done.pop_front(), Some((1, last, Outcome::Refused(Why::SessionBusy))));
    assert!(desk.done.is_empty());
    desk.call(2, 1, commands("INCR a"));
    assert!(desk.done.is_empty(), "others are not");
}

#[test]
fn a_router_that_has_enough_to_do_says_so() {
    let few = Settings { calls_max: 2, parts_max: 3, bytes_max: 100 };
    let busy = Outcome::Refused(Why::Busy);
    let refuses = |calls: &[Call]| {
        let mut desk = Desk::with(few);
        for (n, call) in calls.iter().enumerate() {
            desk.call(n as u64, 1, call.clone());
        }
        desk.done.into_iter().map(|(session, _, outcome)| (session, outcome)).collect::<Vec<_>>()
    };
    let set = commands("SET a 1");
    assert_eq!(refuses(&[set.clone(), set.clone(), set.clone()]), [(2, busy.clone())]);
    assert_eq!(refuses(&[set.clone(), scatter("MGET a b c")]), [(1, busy.clone())]);
    assert_eq!(refuses(&[scatter("MGET a b c d e")]), [], "one is always allowed");
    let big = commands(&format!("SET a {}", "x".repeat(200)));
    assert_eq!(refuses(&[set, big.clone()]), [(1, busy)]);
    assert_eq!(refuses(&[big]), []);
}

#[test]
fn an_error_of_words_waits_for_its_turn() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    desk.call(1, 2, commands("GET"));
    assert!(desk.done.is_empty());
    let ask = desk.ask();
    desk.done(&ask, "+OK\r\n");
    assert_eq!(desk.tokens(), [1, 2]);
}

#[test]
fn nothing_is_left_of_a_session_that_is_closed() {
    let mut desk = Desk::new();
    desk.call(1, 1, scatter("MSET a 1 b 2"));
    desk.call(1, 2, commands("GET a"));
    let asks = desk.asks();
    desk.input(RouterInput::Closed { session: 1 });
    assert_eq!(desk.router.calls(), 0);
    asks.iter().for_each(|ask| desk.done(ask, "+OK\r\n"));
    desk.pass(5_000_000);
    assert!(desk.asked.is_empty() && desk.done.is_empty());
    assert!(desk.router.sessions.is_empty() && desk.router.timers.is_empty());
    assert_eq!((desk.router.bytes, desk.router.parts), (0, 0));
}

#[test]
fn an_available_session_stays_with_the_owner_that_answered_it() {
    let mut desk = Desk::new();
    let available = |line: &str| Call { consistency: Consistency::Available, ..commands(line) };
    desk.call(1, 1, available("SET a 1"));
    let first = desk.ask();
    desk.answer(&first, Response::Elsewhere(None));
    desk.pass(20_000);
    let second = desk.ask();
    assert_ne!(second.0, first.0);
    desk.done(&second, "+OK\r\n");
    desk.call(1, 2, available("GET a"));
    assert_eq!(desk.ask().0, second.0);
    desk.call(2, 3, available("GET a"));
    assert_eq!(desk.ask().0, first.0, "another session has no reason to");
    desk.down.insert(second.0);
    desk.pass(800_000);
    desk.asks();
    desk.call(3, 4, available("GET a"));
    assert_ne!(desk.ask().0, second.0);
}
