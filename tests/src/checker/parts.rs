//! A history cut by keys: what each operation did to some of them.
//!
//! Linearizability is local (Herlihy, Wing, 1990): a history of independent objects is linearizable
//! when the part of each object is. An object is a key, or a group of keys whose calls must be
//! atomic together.

use super::history::{Call, History, Key, Operation, Outcome, Reply, Verb};
use std::collections::BTreeSet;

/// The part of a history that concerns some keys: without refused operations, and with replies in
/// one order where Redis leaves it free.
pub fn project(history: &History, keys: &BTreeSet<Key>) -> Vec<Operation> {
    let one = |op: &Operation| {
        if op.is_refused() {
            return None;
        }
        let (call, reply) = part(&op.call, op.reply(), keys)?;
        let outcome = match (&op.outcome, reply) {
            (Outcome::Reply { at, .. }, Some(reply)) => Outcome::Reply { at: *at, reply },
            (other, _) => other.clone(),
        };
        Some(Operation { call, outcome, ..*op })
    };
    history.operations().iter().filter_map(one).collect()
}

/// A call restricted to some keys, with what its reply says about them.
fn part(call: &Call, reply: Option<&Reply>, keys: &BTreeSet<Key>) -> Option<(Call, Option<Reply>)> {
    match call {
        Call::On(key, verb) => {
            let sorted = reply.map(|reply| in_one_order(verb, reply));
            keys.contains(key).then(|| (call.clone(), sorted))
        }
        Call::FlushDb => Some((Call::FlushDb, reply.cloned())),
        Call::MSet(pairs) => {
            let mut pairs = pairs.clone();
            pairs.retain(|(key, _)| keys.contains(key));
            (!pairs.is_empty()).then(|| (Call::MSet(pairs), reply.cloned()))
        }
        Call::MGet(all) => {
            let ours: Vec<usize> = (0..all.len()).filter(|at| keys.contains(&all[*at])).collect();
            let reply = reply.map(|reply| match reply {
                Reply::Array(replies) if replies.len() == all.len() => {
                    Reply::Array(ours.iter().map(|at| replies[*at].clone()).collect())
                }
                // Not a reply of MGET: kept, and no state will give it.
                wrong => wrong.clone(),
            });
            let named = ours.iter().map(|at| all[*at]).collect();
            (!ours.is_empty()).then_some((Call::MGet(named), reply))
        }
        Call::Exec(calls) => exec_part(calls, reply, keys),
    }
}

fn exec_part(
    calls: &[Call],
    reply: Option<&Reply>,
    keys: &BTreeSet<Key>,
) -> Option<(Call, Option<Reply>)> {
    let replies = match reply {
        Some(Reply::Array(replies)) if replies.len() == calls.len() => Some(replies),
        _ => None,
    };
    let parts = calls.iter().enumerate();
    let parts = parts.filter_map(|(at, call)| part(call, replies.map(|all| &all[at]), keys));
    let (calls, parts): (Vec<Call>, Vec<Option<Reply>>) = parts.unzip();
    let reply = match replies {
        Some(_) => parts.into_iter().collect::<Option<Vec<Reply>>>().map(Reply::Array),
        None => reply.cloned(),
    };
    (!calls.is_empty()).then_some((Call::Exec(calls), reply))
}

fn in_one_order(verb: &Verb, reply: &Reply) -> Reply {
    match (verb, reply) {
        (Verb::SMembers, Reply::List(members)) => {
            let mut members = members.clone();
            members.sort_unstable();
            Reply::List(members)
        }
        (Verb::HGetAll, Reply::List(flat)) if flat.len().is_multiple_of(2) => {
            let mut pairs: Vec<_> = flat.chunks(2).collect();
            pairs.sort_unstable();
            Reply::List(pairs.concat())
        }
        _ => reply.clone(),
    }
}
