//! One call at a time.

use super::super::{CALL_US, Outcome, RouterInput, What, Why};
use super::desk::{Desk, reply, text};
use super::{call, commands, scatter};
use kinring_common::command::CommandError;
use kinring_common::id::NodeId;
use kinring_common::wire::request::{Pong, Request, Response};

#[test]
fn a_call_goes_to_the_first_owner_and_its_reply_comes_back() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("GET a"));
    let ask = desk.ask();
    assert_eq!(Some(&ask.0), desk.layout.owners(ask.1.slot).first());
    assert!(!ask.1.is_retry);
    desk.done(&ask, "$1\r\nx\r\n");
    assert_eq!(desk.outcome(), reply("$1\r\nx\r\n"));
    desk.done(&ask, "$1\r\ny\r\n");
    desk.pass(CALL_US);
    assert!(desk.done.is_empty() && desk.asked.is_empty(), "it is over");
}

#[test]
fn a_hint_is_followed_at_once_and_remembered() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    let first = desk.ask();
    let home = desk.others(&first)[1];
    desk.elsewhere(&first, Some(home));
    let second = desk.ask();
    assert_eq!(
        (second.0, second.1.attempt.id, second.1.is_retry),
        (home, first.1.attempt.id, false)
    );
    desk.done(&second, "+OK\r\n");
    assert_eq!(desk.outcome(), reply("+OK\r\n"));
    desk.call(1, 2, commands("SET a 2"));
    assert_eq!(desk.ask().0, home);
}

#[test]
fn hints_that_point_in_a_circle_make_no_hot_loop_and_the_third_owner_is_asked() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    let (mut asks, mut third_asked) = (0, 0);
    let owners = desk.layout.owners(desk.asked[0].1.slot).to_vec();
    while desk.done.is_empty() {
        let Some(ask) = desk.asked.pop_front() else {
            desk.pass(1_000);
            continue;
        };
        asks += 1;
        let hint = match owners.iter().position(|owner| *owner == ask.0) {
            Some(0) => Some(owners[1]),
            Some(1) => Some(owners[0]),
            _ => None,
        };
        third_asked += usize::from(hint.is_none());
        desk.elsewhere(&ask, hint);
    }
    assert!(asks < 300 && third_asked > 20, "{asks} questions, {third_asked} to the third");
    assert_eq!(desk.outcome(), Outcome::Refused(Why::NoReplicas));
}

#[test]
fn a_node_that_is_not_home_and_knows_nobody_sends_the_router_round() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    let first = desk.ask();
    desk.elsewhere(&first, None);
    assert!(desk.asked.is_empty(), "a pause first");
    desk.pass(15_000);
    let second = desk.ask();
    assert_eq!(second.0, desk.others(&first)[0]);
    desk.elsewhere(&second, None);
    desk.pass(30_000);
    let third = desk.ask();
    assert_eq!(third.0, desk.others(&first)[1]);
    desk.answer(&third, Response::Later);
    desk.pass(60_000);
    let again = desk.ask();
    assert_eq!((again.0, again.1.is_retry), (third.0, false));
}

#[test]
fn a_silent_node_is_asked_again_under_the_same_name_and_then_another_one() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("INCR a"));
    let first = desk.ask();
    desk.pass(250_000);
    let second = desk.ask();
    assert_eq!(
        (second.0, second.1.attempt.id, second.1.is_retry),
        (first.0, first.1.attempt.id, true)
    );
    desk.pass(500_000);
    let third = desk.ask();
    assert_eq!((third.0, third.1.attempt.id), (desk.others(&first)[0], first.1.attempt.id));
    let void_us = second.1.valid.1 - (desk.mono_us(second.0) - desk.now_us);
    assert!(void_us <= desk.now_us, "by then nothing is executed where it was asked before");
}

#[test]
fn a_node_that_is_down_is_left_for_the_next() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    let first = desk.ask();
    desk.down.insert(first.0);
    desk.pass(800_000);
    let nodes: Vec<_> = desk.asks().iter().map(|ask| ask.0).collect();
    assert_eq!(nodes, [first.0, desk.others(&first)[0]]);
    desk.call(2, 2, commands("SET a 2"));
    assert_ne!(desk.ask().0, first.0, "it is suspected now");
}

#[test]
fn only_the_node_asked_last_is_believed_about_a_write() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SETNX a 1"));
    let first = desk.ask();
    desk.down.insert(first.0);
    desk.pass(800_000);
    let last = desk.asks().pop().unwrap();
    assert_ne!(last.0, first.0);
    desk.done(&first, ":0\r\n");
    assert!(desk.done.is_empty(), "the next owner may do it still");
    desk.done(&last, ":1\r\n");
    assert_eq!(desk.outcome(), reply(":1\r\n"));
}

#[test]
fn a_slow_read_is_asked_for_elsewhere_and_the_first_answer_counts() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("GET a"));
    let first = desk.ask();
    desk.pass(30_000);
    let hedge = desk.ask();
    assert_eq!((hedge.0, hedge.1.attempt.id), (desk.others(&first)[0], first.1.attempt.id));
    desk.elsewhere(&hedge, Some(first.0));
    assert!(desk.asked.is_empty(), "the first is waited for");
    desk.pass(50_000);
    assert!(desk.asked.is_empty(), "once is enough");
    desk.done(&first, "$1\r\n1\r\n");
    assert_eq!(desk.outcome(), reply("$1\r\n1\r\n"));

    desk.call(1, 2, commands("GET a"));
    let first = desk.ask();
    desk.pass(50_000);
    let hedge = desk.ask();
    desk.done(&hedge, "$1\r\n2\r\n");
    desk.done(&first, "$1\r\n1\r\n");
    assert_eq!((desk.outcome(), desk.done.len()), (reply("$1\r\n2\r\n"), 0));
}

#[test]
fn what_may_change_something_is_never_hedged() {
    for line in ["SET a 1", "GET a; INCR a", "GETDEL a"] {
        let mut desk = Desk::new();
        desk.call(1, 1, commands(line));
        let first = desk.ask();
        desk.pass(249_000);
        assert!(desk.asked.is_empty(), "{line}");
        assert_eq!(text(&first), line);
    }
}

#[test]
fn a_write_of_which_nobody_tells_is_unknown_and_a_read_has_an_error() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    desk.call(2, 2, commands("GET a"));
    desk.pass(CALL_US - 1);
    assert!(desk.done.is_empty());
    desk.pass(1);
    assert_eq!(desk.outcome(), Outcome::Unknown);
    assert_eq!(desk.outcome(), Outcome::Refused(Why::NoAnswer));
    for (node, request) in desk.asks() {
        assert!(request.valid.1 <= desk.mono_us(node), "nothing is executed after that");
    }
}

#[test]
fn a_write_that_every_owner_declined_is_refused() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    let mut asks = 0;
    while desk.done.is_empty() {
        desk.pass(1_000);
        while let Some(ask) = desk.asked.pop_front() {
            asks += 1;
            assert!(!ask.1.is_retry);
            let response = if asks % 2 == 0 { Response::Later } else { Response::Elsewhere(None) };
            desk.answer(&ask, response);
        }
    }
    assert_eq!(desk.outcome(), Outcome::Refused(Why::NoReplicas));
    assert!((50..200).contains(&asks), "{asks}");
}

#[test]
fn a_write_that_was_declined_once_and_once_not_answered_is_unknown() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    desk.pass(260_000);
    let second = desk.asks().pop().unwrap();
    desk.pass(1_000_000);
    let later = desk.asks();
    desk.elsewhere(&second, None);
    for ask in &later {
        desk.elsewhere(ask, None);
    }
    desk.pass(CALL_US);
    assert_eq!(desk.outcome(), Outcome::Unknown);
}

#[test]
fn a_shard_that_does_not_know_makes_a_write_unknown_at_once() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    let ask = desk.ask();
    desk.answer(&ask, Response::Unknown);
    assert_eq!(desk.outcome(), Outcome::Unknown);
    desk.pass(CALL_US);
    assert!(desk.asked.is_empty() && desk.done.is_empty());
}

#[test]
fn nobody_is_asked_who_was_not_heard_of_lately() {
    let mut desk = Desk::new();
    (1..=3).for_each(|node| _ = desk.down.insert(NodeId(node)));
    desk.pass(2_000_000);
    desk.call(1, 1, commands("SET a 1"));
    desk.pass(1_000_000);
    assert!(desk.asked.is_empty());
    desk.down.clear();
    desk.pass(250_000);
    assert!(!desk.asked.is_empty(), "they are back");
    desk.done.clear();
    (1..=3).for_each(|node| _ = desk.down.insert(NodeId(node)));
    desk.pass(2_000_000);
    desk.asked.clear();
    desk.call(2, 2, commands("SET a 1"));
    desk.pass(CALL_US);
    assert!(desk.done.iter().any(|(_, token, outcome)| {
        (*token, outcome) == (2, &Outcome::Refused(Why::NoReplicas))
    }));
}

#[test]
fn a_try_is_for_one_start_of_a_node() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    assert_eq!(desk.ask().1.valid.0, 7);
    desk.incarnation = 8;
    desk.pass(400_000);
    assert_eq!(desk.asks().pop().unwrap().1.valid.0, 8);
}

#[test]
fn a_pong_that_comes_late_says_nothing() {
    let mut desk = Desk::new();
    desk.call(1, 1, commands("SET a 1"));
    let (node, request) = desk.ask();
    let (sent_us, mono_us) = (desk.now_us - 500_000, desk.mono_us(node) + 10_000_000);
    for (sent_us, incarnation) in [(sent_us, 6), (sent_us, 7), (desk.now_us + 1, 7)] {
        let pong = Pong { sent_us, mono_us, incarnation };
        desk.input(RouterInput::Pong { node, pong });
    }
    let stranger = Pong { sent_us: desk.now_us, mono_us, incarnation: 1 };
    desk.input(RouterInput::Pong { node: NodeId(99), pong: stranger });
    desk.pass(250_000);
    let (again, second) = desk.ask();
    assert_eq!((again, second.valid.0), (node, request.valid.0));
    assert!(second.valid.1 <= desk.mono_us(node) + 500_000);
}

#[test]
fn mget_over_some_slots_answers_in_the_order_of_its_keys() {
    let mut desk = Desk::new();
    desk.call(1, 1, scatter("MGET a b {a}x c a"));
    let asks = desk.asks();
    let mut texts: Vec<String> = asks.iter().map(text).collect();
    texts.sort();
    assert_eq!(texts, ["MGET a {a}x a", "MGET b", "MGET c"]);
    for ask in asks.iter().rev() {
        let reply = match text(ask).as_str() {
            "MGET b" => "*1\r\n$-1\r\n",
            "MGET c" => "*1\r\n$1\r\nC\r\n",
            _ => "*3\r\n$1\r\nA\r\n$2\r\nAX\r\n$1\r\nA\r\n",
        };
        desk.done(ask, reply);
    }
    let whole = "*5\r\n$1\r\nA\r\n$-1\r\n$2\r\nAX\r\n$1\r\nC\r\n$1\r\nA\r\n";
    assert_eq!(desk.outcome(), reply(whole));
}

#[test]
fn counts_are_summed_and_sets_are_one_ok() {
    for (line, part, whole) in [
        ("DEL a b c", ":1\r\n", ":3\r\n"),
        ("UNLINK a b c", ":0\r\n", ":0\r\n"),
        ("EXISTS a b c", ":1\r\n", ":3\r\n"),
        ("TOUCH a b c", ":1\r\n", ":3\r\n"),
        ("MSET a 1 b 2 c 3", "+OK\r\n", "+OK\r\n"),
    ] {
        let mut desk = Desk::new();
        desk.call(1, 1, scatter(line));
        let asks = desk.asks();
        assert_eq!(asks.len(), 3, "{line}");
        asks.iter().for_each(|ask| desk.done(ask, part));
        assert_eq!(desk.outcome(), reply(whole), "{line}");
    }
}

#[test]
fn mset_over_three_slots_of_which_one_is_unknown_is_unknown() {
    let mut desk = Desk::new();
    desk.call(1, 1, scatter("MSET a 1 b 2 c 3"));
    let asks = desk.asks();
    desk.done(&asks[0], "+OK\r\n");
    desk.answer(&asks[1], Response::Unknown);
    assert!(desk.done.is_empty(), "the third is under way");
    desk.done(&asks[2], "+OK\r\n");
    assert_eq!(desk.outcome(), Outcome::Unknown);
}

#[test]
fn what_was_done_in_part_is_unknown_and_what_was_refused_everywhere_is_refused() {
    let parts = |replies: [Option<&'static str>; 3]| {
        let mut desk = Desk::new();
        desk.call(1, 1, scatter("MSET a 1 b 2 c 3"));
        let first = desk.asks();
        let reply_of = |ask: &(_, Request)| {
            let slots = first.iter().position(|of| of.1.slot == ask.1.slot);
            replies[slots.unwrap()]
        };
        let mut asks: Vec<_> = first.clone();
        while desk.done.is_empty() {
            for ask in std::mem::take(&mut asks) {
                match reply_of(&ask) {
                    Some(reply) => desk.done(&ask, reply),
                    None => desk.elsewhere(&ask, None),
                }
            }
            desk.pass(1_000);
            asks = desk.asks();
        }
        desk.outcome()
    };
    let (ok, oom) = (Some("+OK\r\n"), Some("-OOM no room\r\n"));
    assert_eq!(parts([ok, None, ok]), Outcome::Unknown);
    assert_eq!(parts([None, None, None]), Outcome::Refused(Why::NoReplicas));
    assert_eq!(parts([ok, oom, ok]), Outcome::Unknown);
    assert_eq!(parts([oom, oom, oom]), reply("-OOM no room\r\n"));
}

#[test]
fn flushdb_goes_to_every_group() {
    let mut desk = Desk::new();
    desk.call(1, 1, call(What::Flush));
    let asks = desk.asks();
    assert_eq!(asks.len(), desk.layout.groups().len());
    for ask in &asks {
        let group = desk.layout.group(desk.layout.group_of(ask.1.slot));
        assert_eq!((ask.0, text(ask).as_str()), (group.owners[0], "flush"));
        desk.done(ask, "+OK\r\n");
    }
    assert_eq!(desk.outcome(), reply("+OK\r\n"));
}

#[test]
fn what_cannot_be_done_rightly_is_refused_at_once() {
    let refused = |error: CommandError| Outcome::Refused(Why::Command(error));
    for (call, error) in [
        (commands("MSET a 1 b 2"), CommandError::CrossSlot),
        (commands("SET a 1; SET b 2"), CommandError::CrossSlot),
        (scatter("SINTER a b"), CommandError::unknown_command(&["SINTER", "a", "b"])),
        (scatter("RENAME a b"), CommandError::CrossSlot),
        (scatter("MSET a 1 b"), CommandError::Arity { command: "mset" }),
        (commands("GET"), CommandError::Arity { command: "get" }),
        (commands("PING"), CommandError::Syntax),
    ] {
        let mut desk = Desk::new();
        desk.call(1, 1, call);
        assert_eq!(desk.outcome(), refused(error));
        assert!(desk.asked.is_empty());
    }
}
