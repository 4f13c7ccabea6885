//! What holds for all calls, whatever the world does.

use super::super::{CALL_US, Call, Outcome, RouterInput, What, Why};
use super::words;
use super::world::{Executed, Weather, World};
use kinring_common::random::Random;
use kinring_common::resp::Protocol;
use kinring_common::wire::request::Consistency;
use std::collections::{BTreeMap, BTreeSet};

const SESSIONS: u64 = 8;
const STRONG: Weather = Weather { lost: 3, twice: 5, late: 5 };

/// What a client asked for.
#[derive(Debug)]
struct Asked {
    session: u64,
    at_us: u64,
    line: String,
    is_read: bool,
    /// Of a single part.
    is_single: bool,
    keys: BTreeSet<String>,
    is_strong: bool,
}

/// A run and what was asked in it.
struct Run {
    world: World,
    asked: BTreeMap<u64, Asked>,
    closed: BTreeSet<u64>,
}

fn one_of(random: &mut Random) -> (What, String, bool, bool) {
    let key = |random: &mut Random| format!("k{}", random.below(9));
    let some = |random: &mut Random| {
        (0..2 + random.below(3)).map(|_| key(random)).collect::<Vec<_>>().join(" ")
    };
    let (one, value) = (key(random), random.below(1000));
    let many = some(random);
    let (line, is_scatter) = match random.below(16) {
        0..=3 => (format!("SET {one} {value}"), false),
        4..=6 => (format!("SETNX {one} {value}"), false),
        7..=8 => (format!("DEL {one}"), false),
        9..=11 => (format!("GET {one}"), false),
        12 => (format!("SET {one} {value}; GET {one}"), false),
        13 => (format!("MGET {many}"), true),
        14 if value < 500 => (format!("DEL {many}"), true),
        14 => (format!("EXISTS {many}"), true),
        _ => {
            let pairs = many.split(' ').map(|key| format!("{key} {value}"));
            (format!("MSET {}", pairs.collect::<Vec<_>>().join(" ")), true)
        }
    };
    let is_read = ["GET", "MGET", "EXISTS"].contains(&line.split(' ').next().unwrap());
    let what = if is_scatter {
        What::Scatter(words(&line))
    } else {
        What::Commands(line.split("; ").map(words).collect())
    };
    (what, line, is_read, !is_scatter)
}

fn run(seed: u64, weather: Weather) -> Run {
    let mut random = Random::new(seed ^ 0xc11e);
    let mut run =
        Run { world: World::new(seed, weather), asked: BTreeMap::new(), closed: BTreeSet::new() };
    let (mut names, mut token) = ((0..SESSIONS).collect::<Vec<u64>>(), 0);
    let mut next_name = SESSIONS;
    while run.world.now_us < 15_000_000 {
        let pause_us = random.below(20_000) as u64;
        run.world.go(run.world.now_us + pause_us);
        let at = random.below(names.len());
        if random.below(300) == 0 {
            run.world.tell(RouterInput::Closed { session: names[at] });
            run.closed.insert(names[at]);
            names[at] = next_name;
            next_name += 1;
        }
        let session = names[at];
        // Some sessions are available for all of their calls.
        let is_strong = session % 4 != 0;
        let (db, consistency) =
            if is_strong { (0, Consistency::Strong) } else { (1, Consistency::Available) };
        let (mut what, mut line, mut is_read, mut is_single) = one_of(&mut random);
        if random.below(200) == 0 {
            (what, line, is_read, is_single) = (What::Flush, "FLUSHDB".into(), false, false);
        }
        let keys = (0..9).map(|n| format!("k{n}"));
        let keys = keys.filter(|key| is_flush(&line) || line.split([' ', ';']).any(|w| w == key));
        let keys = keys.collect();
        let at_us = run.world.now_us;
        let asked = Asked { session, at_us, line, is_read, is_single, keys, is_strong };
        run.asked.insert(token, asked);
        let call = Call { db, protocol: Protocol::Resp2, consistency, what };
        run.world.tell(RouterInput::Call { session, token, call });
        token += 1;
    }
    run.world.calm();
    run.world.go(run.world.now_us + CALL_US + CALL_US / 8);
    run
}

fn is_flush(line: &str) -> bool {
    line == "FLUSHDB"
}

impl Run {
    /// The call of an execution.
    fn call_of(&self, executed: &Executed) -> (u64, &Asked) {
        let (_, token) = self.world.owners[&executed.number];
        (token, &self.asked[&token])
    }

    fn every_call_has_one_outcome_in_its_turn(&self) {
        let mut ended = BTreeSet::new();
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        for (session, token, at_us, outcome) in &self.world.done {
            assert!(ended.insert(*token), "call {token} ended twice");
            let before = last.insert(*session, *token);
            let asked = &self.asked[token];
            assert!(before < Some(*token), "{} was answered after {before:?}", asked.line);
            let took_us = at_us - asked.at_us;
            assert!(took_us < CALL_US + CALL_US / 64, "{asked:?} took {took_us}");
            assert!(!asked.is_read || *outcome != Outcome::Unknown, "{asked:?} changes nothing");
        }
        for (token, asked) in &self.asked {
            let is_closed = self.closed.contains(&asked.session);
            assert!(is_closed || ended.contains(token), "no outcome of {token}: {asked:?}");
        }
        assert_eq!(self.world.router.calls(), 0);
        assert_eq!((self.world.router.parts, self.world.router.bytes), (0, 0));
        assert!(self.world.router.timers.is_empty());
    }

    fn what_is_over_is_not_executed_and_what_was_executed_is_not_refused(&self) {
        let done = self.world.done.iter();
        let ends: BTreeMap<u64, (u64, &Outcome)> =
            done.map(|(_, token, at_us, outcome)| (*token, (*at_us, outcome))).collect();
        for executed in self.world.executed.iter() {
            let (token, asked) = self.call_of(executed);
            let Some((ended_us, outcome)) = ends.get(&token) else { continue };
            if asked.is_read {
                continue;
            }
            assert!(
                !matches!(outcome, Outcome::Refused(_)) || !executed.has_effect,
                "{token} {asked:?} was executed and {outcome:?}"
            );
            let is_late = executed.at_us > *ended_us;
            let may_be = matches!(outcome, Outcome::Reply(_)) && !executed.has_effect;
            assert!(!is_late || may_be, "{token} {asked:?} ended {ended_us}: {executed:?}");
        }
    }

    fn a_part_has_one_effect_and_its_reply_is_the_one_that_is_told(&self) {
        let mut of_parts: BTreeMap<u64, Vec<&Executed>> = BTreeMap::new();
        for executed in &self.world.executed {
            of_parts.entry(executed.number).or_default().push(executed);
        }
        let done = self.world.done.iter();
        let ends: BTreeMap<u64, &Outcome> = done.map(|(_, t, _, outcome)| (*t, outcome)).collect();
        for of_part in of_parts.values() {
            let (token, asked) = self.call_of(of_part[0]);
            let effects: Vec<_> = of_part.iter().filter(|one| one.has_effect).collect();
            // Availability gives up on more than that.
            assert!(!asked.is_strong || effects.len() <= 1, "{asked:?} was executed {effects:?}");
            let Some(Outcome::Reply(reply)) = ends.get(&token) else { continue };
            if !asked.is_single || !asked.is_strong {
                continue;
            }
            let told = of_part.iter().find(|one| one.reply == *reply);
            let told = told.unwrap_or_else(|| panic!("{asked:?}: {reply:?} was never replied"));
            assert!(told.has_effect || effects.is_empty(), "{asked:?}: {reply:?}, but {effects:?}");
        }
    }

    /// Of two calls of a session on one key, all that the first one does is before the second.
    fn sessions_are_in_order(&self) {
        let mut spans: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        let done = self.world.done.iter();
        let ends: BTreeMap<u64, &Outcome> = done.map(|(_, t, _, outcome)| (*t, outcome)).collect();
        for (at, executed) in self.world.executed.iter().enumerate() {
            let (token, asked) = self.call_of(executed);
            let is_told =
                matches!(ends.get(&token), Some(Outcome::Reply(r)) if *r == executed.reply);
            // Of reads, and of what changed nothing, that counts which was told.
            if asked.is_single && asked.is_strong && (executed.has_effect || is_told) {
                let span = spans.entry(token).or_insert((at as u64, at as u64));
                span.1 = at as u64;
            }
        }
        let mut last: BTreeMap<(u64, &str), (u64, u64)> = BTreeMap::new();
        for (token, (first, until)) in &spans {
            let asked = &self.asked[token];
            for key in &asked.keys {
                if let Some((before, end)) = last.insert((asked.session, key), (*token, *until)) {
                    assert!(end < *first, "{before} was executed after {token}: {asked:?}");
                }
            }
        }
    }

    fn nobody_asks_without_end(&self) {
        let most = self.world.asks.values().max().unwrap();
        assert!(*most < 300, "{most} questions for one part");
    }

    fn is_right(&self) {
        assert_eq!(self.world.wrong, None);
        self.every_call_has_one_outcome_in_its_turn();
        self.what_is_over_is_not_executed_and_what_was_executed_is_not_refused();
        self.a_part_has_one_effect_and_its_reply_is_the_one_that_is_told();
        self.sessions_are_in_order();
        self.nobody_asks_without_end();
    }
}

/// How many worlds: `KINRING_ROUTER_WORLDS` asks for more.
fn worlds() -> u64 {
    let asked = std::env::var("KINRING_ROUTER_WORLDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(30)
}

#[test]
fn in_any_world_every_call_ends_once_rightly_and_in_order() {
    let (mut replies, mut refused, mut unknown, mut asks) = (0, 0, 0, 0);
    let mut troubles = 0;
    for seed in 0..worlds() {
        let run = run(seed, STRONG);
        let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.is_right()));
        assert!(judged.is_ok(), "seed {seed}");
        for (_, _, _, outcome) in &run.world.done {
            match outcome {
                Outcome::Reply(_) => replies += 1,
                Outcome::Refused(_) => refused += 1,
                Outcome::Unknown => unknown += 1,
            }
        }
        asks += run.world.asks.values().sum::<u32>();
        troubles += run.world.troubles;
    }
    println!(
        "{replies} replies, {refused} refused, {unknown} unknown, {asks} questions, {troubles} troubles"
    );
    assert!(replies > 20 * unknown && unknown > 0 && refused > 0, "all of them are met");
}

#[cfg(feature = "mutants")]
#[test]
fn a_retry_under_a_new_name_is_found() {
    use kinring_common::mutant::{Mutant, set};
    set(Some(Mutant::RetryUnderNewId));
    let is_wrong = |seed| {
        let run = run(seed, STRONG);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.is_right())).is_err()
    };
    let found = (0..worlds()).any(is_wrong);
    set(None);
    assert!(found, "a write is executed under each of its names");
}

#[test]
fn where_much_comes_twice_every_call_still_ends_once_and_rightly() {
    let rough = Weather { lost: 10, twice: 40, late: 20 };
    for seed in 0..worlds() / 2 {
        let run = run(seed, rough);
        run.is_right();
    }
}

#[test]
fn in_a_good_world_nothing_is_refused_and_little_is_asked_twice() {
    let good = Weather { lost: 0, twice: 0, late: 0 };
    let mut run =
        Run { world: World::new(1, good), asked: BTreeMap::new(), closed: BTreeSet::new() };
    let mut random = Random::new(1);
    run.world.calm();
    run.world.go(1_000_000);
    for token in 0..5_000 {
        run.world.go(run.world.now_us + 500);
        let (what, ..) = one_of(&mut random);
        let consistency = Consistency::Strong;
        let call = Call { db: 0, protocol: Protocol::Resp2, consistency, what };
        run.world.tell(RouterInput::Call { session: token % 8, token, call });
    }
    run.world.go(run.world.now_us + 100_000);
    let done = &run.world.done;
    assert_eq!(done.len(), 5_000);
    assert!(done.iter().all(|(.., outcome)| matches!(outcome, Outcome::Reply(_))));
    let (parts, asks) = (run.world.asks.len(), run.world.asks.values().sum::<u32>() as usize);
    assert!(asks < parts + parts / 50, "{asks} questions for {parts} parts");
}

#[test]
fn the_same_seed_goes_the_same_way() {
    let ends = |seed| run(seed, STRONG).world.done;
    assert_eq!(ends(3), ends(3));
}

#[test]
fn reasons_are_lines_of_redis() {
    let reasons = [Why::Busy, Why::SessionBusy, Why::NoReplicas, Why::NoAnswer, Why::Garbled];
    for why in reasons {
        let outcome = Outcome::Refused(why);
        let line = outcome.error().unwrap();
        let code = line.split(|byte| *byte == b' ').next().unwrap();
        assert!(code.iter().all(u8::is_ascii_uppercase) && !line.contains(&b'\n'));
    }
    assert!(Outcome::UNKNOWN.starts_with("UNKNOWN outcome"));
}
