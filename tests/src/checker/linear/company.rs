//! Which members of a set were seen without which.
//!
//! A member that one call alone adds stays, once it is there, until the whole set goes or a call takes it
//! out, and never comes back. So if a read that is still to come shows such a member and not another one
//! that is there too, some call that is still to come has to take that other one out by itself.

use super::problem::Item;
use super::tokens::Tokens;
use crate::checker::history::{Call, Key, Reply, Text, Verb};
use crate::checker::model::{State, Value};
use std::collections::HashMap;

/// Reads of a set that are looked at: the next ones say most.
const READS_MAX: usize = 4;

/// See the module.
#[derive(Default)]
pub struct Company {
    /// For each key: the operations that show all of it before they change it, and what they showed.
    reads: HashMap<Key, Vec<Read>>,
    /// For each member: the operations that take it out, and when they were sent.
    removers: HashMap<Text, Vec<(usize, u64)>>,
}

struct Read {
    at: usize,
    ended: u64,
    /// Sorted.
    shown: Vec<Text>,
}

impl Company {
    /// Looks through the operations of a search.
    pub fn new(items: &[Item<'_>]) -> Company {
        let mut company = Company::default();
        for (at, item) in items.iter().enumerate() {
            let reply = item.ended.and_then(|(_, reply)| reply);
            each_verb(&item.call, reply, &mut |key, verb, reply| match verb {
                Verb::SRem(member) if reply != Some(&Reply::Int(0)) => {
                    let removers = company.removers.entry(member.clone()).or_default();
                    removers.push((at, item.invoked_at));
                }
                Verb::SMembers => company.note_read(at, key, item),
                _ => {}
            });
        }
        company
    }

    fn note_read(&mut self, at: usize, key: Key, item: &Item<'_>) {
        let Some((ended, Some(reply))) = item.ended else { return };
        let shown = match (&item.call, reply) {
            (Call::On(..), Reply::List(shown)) => shown,
            (Call::Exec(calls), Reply::Array(replies)) => {
                let first = calls.iter().zip(replies).find(|(call, _)| call.keys().contains(&key));
                let Some((Call::On(_, Verb::SMembers), Reply::List(shown))) = first else { return };
                shown
            }
            _ => return,
        };
        let reads = self.reads.entry(key).or_default();
        if reads.last().is_none_or(|last| last.at != at) {
            let mut shown = shown.clone();
            shown.sort_unstable();
            reads.push(Read { at, ended, shown });
        }
    }

    /// The step of an operation brings members together that a read shows apart, and that no operation
    /// parts. `is_open` tells which operations may still come.
    pub fn is_spoilt(
        &self,
        (op, call): (usize, &Call),
        (before, after): (&State, &State),
        tokens: &Tokens,
        is_open: impl Fn(usize) -> bool,
    ) -> bool {
        let mut spoilt = false;
        each_verb(call, None, &mut |key, verb, _| {
            let (Verb::SAdd(member), Some(Value::Set(members))) = (verb, after.get(key)) else {
                return;
            };
            let was_there = match before.get(key) {
                Some(Value::Set(members)) => members.binary_search(member).is_ok(),
                _ => false,
            };
            let Some(reads) = self.reads.get(&key).filter(|_| !was_there && !spoilt) else {
                return;
            };
            let stays = |member: &Text, until: u64| {
                let goes = |(at, sent): &(usize, u64)| *sent <= until && is_open(*at);
                !self.removers.get(member).is_some_and(|all| all.iter().any(goes))
            };
            let next = reads.iter().filter(|read| read.at != op && is_open(read.at));
            spoilt = next.take(READS_MAX).any(|Read { ended, shown, .. }| {
                let is_shown = |member: &&Text| shown.binary_search(member).is_ok();
                members.iter().filter(is_shown).any(|member| tokens.is_token(member))
                    && members.iter().any(|member| !is_shown(&member) && stays(member, *ended))
            });
        });
        spoilt
    }
}

/// Calls back for each verb of a call, and what was replied to it.
fn each_verb(
    call: &Call,
    reply: Option<&Reply>,
    each: &mut impl FnMut(Key, &Verb, Option<&Reply>),
) {
    match call {
        Call::On(key, verb) => each(*key, verb, reply),
        Call::Exec(calls) => {
            for (at, call) in calls.iter().enumerate() {
                let reply = match reply {
                    Some(Reply::Array(replies)) => replies.get(at),
                    _ => None,
                };
                each_verb(call, reply, each);
            }
        }
        Call::MSet(_) | Call::MGet(_) | Call::FlushDb => {}
    }
}
