//! What a search is to order: the operations of a window, and what is known of each there.
//!
//! A window ends at a time: what was still open then counts as unknown, what began later is left
//! out. It begins with the history, or at a read that shows all of a key: then what was over before
//! the read is left out, and what ran beside it may have come before it, so is not owed. The orders
//! of the whole history, cut there, are among those of the window: a window without one condemns the
//! history, one with one says nothing.

use super::tokens::{Token, Tokens};
use crate::checker::history::{Call, Key, Operation, Outcome, Reply, Verb};
use crate::checker::model::State;
use kinring_common::random::Random;
use std::collections::{BTreeSet, HashMap};

/// A part of a history in time.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The read that it begins with; none for the beginning of the history.
    pub begin: Option<usize>,
    /// The end, in microseconds.
    pub until: u64,
}

/// One operation as the search needs it.
pub struct Item<'a> {
    /// The call, blanked where nobody can tell.
    pub call: Call,
    /// When it was sent.
    pub invoked_at: u64,
    /// Of an operation that is owed: when it was over, and with what; without a reply if its outcome
    /// is unknown, and someone saw by then what nobody else writes.
    pub ended: Option<(u64, Option<&'a Reply>)>,
    /// Of one that ran beside the first read: if it comes after that, then by then and with this.
    pub beside: Option<(u64, &'a Reply)>,
    /// The keys that it is about, as bits.
    pub keys: u64,
    /// Those of them whose state before it matters, to its reply or to what it leaves.
    pub needs: u64,
    /// Stands for the operation in the fingerprint of a set.
    pub fingerprint: u64,
    /// The tokens in the reply of one that is owed, sorted.
    pub names: Vec<Token>,
    /// The tokens that the call writes.
    pub writes: Vec<Token>,
    /// The place of its class, if it is not owed.
    pub class: usize,
    /// It is owed, and by its reply it changed nothing.
    pub inert: bool,
}

/// What is to be ordered.
pub struct Problem<'a> {
    /// All operations up to the end of the window, in the order given.
    pub items: Vec<Item<'a>>,
    /// Their texts.
    pub tokens: Tokens,
    /// Operations that are not owed; those of a class are interchangeable.
    pub classes: Vec<Vec<usize>>,
    /// What is there at the beginning.
    pub start: State,
    /// When that is.
    pub from_us: u64,
    /// The keys, sorted.
    pub keys: Vec<Key>,
    /// All calls are GET, EXISTS, or an INCR that lowers nothing.
    pub rises: bool,
}

/// A window can begin with this operation: it shows everything that is to be known of its key.
pub fn begins(op: &Operation) -> bool {
    shown(op).is_some()
}

fn shown(op: &Operation) -> Option<State> {
    match (&op.call, op.reply()) {
        (Call::On(key, verb), Some(reply)) => State::shown(*key, verb, reply),
        _ => None,
    }
}

impl<'a> Problem<'a> {
    /// The problem of a window. A window that begins with a read is for the operations of one key,
    /// of which none is EXPIRE: a read shows no deadline.
    pub fn new(operations: &'a [Operation], window: Window) -> Problem<'a> {
        let prefix = &operations[..operations.partition_point(|op| op.invoked_at <= window.until)];
        let begin = window.begin.map(|at| &prefix[at]);
        let from_us = begin.map_or(0, |read| read.invoked_at);
        let read_until = begin.and_then(Operation::finished_at).unwrap_or(0);
        let over = |op: &Operation| op.finished_at().is_some_and(|at| at < from_us);
        let known = |op: &Operation| op.finished_at().is_some_and(|at| at <= window.until);
        let tokens = Tokens::new(prefix, |op| known(op) && !over(op));
        let keys: BTreeSet<Key> = prefix.iter().flat_map(|op| op.call.keys()).collect();
        let mut problem = Problem {
            keys: keys.into_iter().collect(),
            start: begin.and_then(shown).unwrap_or_default(),
            rises: only_rises(prefix),
            classes: Vec::new(),
            items: Vec::with_capacity(prefix.len()),
            tokens,
            from_us,
        };
        let mut random = Random::new(window.until);
        let mut named: HashMap<Call, usize> = HashMap::new();
        for (at, op) in prefix.iter().enumerate() {
            let left_out = over(op) || window.begin == Some(at);
            let ended = match &op.outcome {
                Outcome::Reply { at, reply } if known(op) && !left_out => Some((*at, reply)),
                _ => None,
            };
            let may_precede = begin.is_some() && op.invoked_at <= read_until;
            let beside = ended.filter(|_| may_precede);
            let owed = match ended {
                Some((at, reply)) => Some((at, Some(reply))),
                None => seen_by(&problem.tokens, &op.call).map(|at| (at, None)),
            };
            let owed = owed.filter(|_| !may_precede && !left_out);
            let (mut class, mut call) = (0, problem.tokens.blanked(&op.call));
            if ended.is_none() {
                call = writes(call);
            }
            if owed.is_none() && !left_out && !op.call.is_read() {
                let next = problem.classes.len();
                class = match beside {
                    Some(_) => next,
                    None => *named.entry(problem.tokens.class(&call)).or_insert(next),
                };
                problem.classes.resize_with(next.max(class + 1), Vec::new);
                problem.classes[class].push(at);
            }
            let tokens = &problem.tokens;
            let reply = owed.and_then(|(_, reply)| reply);
            problem.items.push(Item {
                keys: bits(&call, &problem.keys),
                needs: needs(&call, reply.is_some() || beside.is_some(), &problem.keys),
                call,
                invoked_at: op.invoked_at,
                names: reply.map_or_else(Vec::new, |reply| tokens.of_reply(reply)),
                writes: tokens.of_call(&op.call),
                inert: reply.is_some_and(|reply| op.call.is_inert(reply)),
                ended: owed,
                beside,
                fingerprint: random.word(),
                class,
            });
        }
        problem
    }
}

/// A key's place in the sorted keys. There are no more than 64 places: keys that share one are only
/// held to be less independent than they are.
pub fn place(key: Key, keys: &[Key]) -> usize {
    keys.binary_search(&key).unwrap_or(0).min(63)
}

fn bits(call: &Call, keys: &[Key]) -> u64 {
    let is_flush = |call: &Call| *call == Call::FlushDb;
    if is_flush(call) || matches!(call, Call::Exec(calls) if calls.iter().any(is_flush)) {
        return u64::MAX;
    }
    call.keys().into_iter().fold(0, |bits, key| bits | 1 << place(key, keys))
}

/// The keys of a call that it does not begin by overwriting. DEL tells whether something was there.
fn needs(call: &Call, is_told: bool, keys: &[Key]) -> u64 {
    match call {
        Call::On(_, Verb::Set(_)) | Call::MSet(_) | Call::FlushDb => 0,
        Call::On(_, Verb::Del) if !is_told => 0,
        Call::Exec(calls) => {
            let (mut needed, mut overwritten) = (0, 0);
            for call in calls {
                needed |= needs(call, is_told, keys) & !overwritten;
                overwritten |= bits(call, keys) & !needed;
            }
            needed
        }
        call => bits(call, keys),
    }
}

/// What matters of a call that nobody had a reply for.
fn writes(call: Call) -> Call {
    match call {
        Call::Exec(mut calls) => {
            calls.retain(|call| !call.is_read());
            let all: Vec<Call> = calls.into_iter().map(writes).collect();
            let stays = |at: &usize| !is_undone(&all[*at], &all[at + 1..]);
            let mut calls: Vec<Call> =
                (0..all.len()).filter(stays).map(|at| all[at].clone()).collect();
            match calls.len() {
                1 => writes(calls.remove(0)),
                _ => Call::Exec(calls),
            }
        }
        Call::MSet(mut pairs) if pairs.len() == 1 => {
            let (key, text) = pairs.remove(0);
            Call::On(key, Verb::Set(text))
        }
        Call::On(key, Verb::Expire { ttl_us: 0 }) => Call::On(key, Verb::Del),
        call => call,
    }
}

/// One of the calls that follow in the same EXEC leaves nothing of it.
fn is_undone(call: &Call, following: &[Call]) -> bool {
    let Call::On(key, _) = call else { return false };
    let undoes =
        |later: &Call| matches!(later, Call::On(on, Verb::Set(_) | Verb::Del) if on == key);
    following.iter().any(undoes)
}

/// When someone was over who saw what only this call writes.
fn seen_by(tokens: &Tokens, call: &Call) -> Option<u64> {
    tokens.of_call(call).into_iter().map(|token| tokens.seen_by(token)).min()
}

fn only_rises(operations: &[Operation]) -> bool {
    let rises = |verb: &Verb| match verb {
        Verb::Incr(by) => *by >= 0,
        Verb::Get | Verb::Exists => true,
        _ => false,
    };
    operations.iter().all(|op| matches!(&op.call, Call::On(_, verb) if rises(verb)))
}
