//! Clients call, and are told what came of it.

use super::cluster::Cluster;
use super::plan::KEYS_A_TAG;
use super::sight::expire_of;
use super::{siege, words};
use crate::checker::{self, Mode, Outcome};
use kinring::core::router::{Call, Outcome as Told, RouterInput, What, Why};
use kinring_common::resp::Protocol;
use kinring_common::wire::request::{Consistency, Request};
use std::collections::BTreeSet;

/// Of a hundred calls, so many are followed by another one before they are answered.
const AHEAD_PERCENT: usize = 6;

/// Its keys are in several slots.
fn is_scattered(call: &checker::Call) -> bool {
    let tags: BTreeSet<u32> = call.keys().iter().map(|key| key.0 / KEYS_A_TAG as u32).collect();
    matches!(call, checker::Call::MSet(_) | checker::Call::MGet(_)) && tags.len() > 1
}

impl Cluster<'_> {
    /// A node is asked for something.
    pub(super) fn is_asked(&mut self, token: u64, request: &Request) {
        let Some(who) = self.whose.get(&token) else { return };
        self.witness.is_asked(request.attempt.id, *who);
        if request.consistency == Consistency::Available && expire_of(request).is_some() {
            self.sight.is_asked(request.attempt.id, *who);
        }
    }

    pub(super) fn done(&mut self, token: u64, outcome: Told) {
        if let Some(told) = self.told.get_mut(&token) {
            *told = Some(outcome);
            return;
        }
        let Some(at) = self.tokens.remove(&token) else { return };
        let now_us = self.now_us;
        let is_full = matches!(outcome, Told::Refused(Why::Busy | Why::SessionBusy));
        self.bit("a bound of a proxy was reached", u64::from(is_full));
        let client = &mut self.clients[at];
        let Some((call, is_first)) = client.asked(token) else { return };
        assert!(is_first || is_full, "calls of a session are answered in their order");
        let outcome = match outcome {
            Told::Reply(bytes) => Outcome::Reply { at: now_us, reply: words::reply(call, &bytes) },
            Told::Unknown => Outcome::Unknown { at: Some(now_us) },
            Told::Refused(_) => Outcome::Refused { at: now_us },
        };
        let haste = if self.siege.is_some() { siege::HASTE } else { 1 };
        let think_us = self.random.below(self.plan.think_us as usize / haste) as u64;
        let operation = client.ends(token, outcome, now_us + 1 + think_us);
        if self.watch.is_on()
            && let Some(operation) = &operation
        {
            self.watch.keep(&operation.to_string());
        }
        self.operations.extend(operation);
    }

    pub(super) fn step_clients(&mut self) {
        for at in 0..self.clients.len() {
            if self.clients[at].calls_us().is_none_or(|next_us| self.now_us < next_us) {
                continue;
            }
            let call = self.workload.draw(self.siege.as_ref().map(|siege| siege.tag));
            let proxy = self.clients[at].proxy;
            let token = self.next_token;
            self.next_token += 1;
            self.tokens.insert(token, at);
            let what = match call {
                checker::Call::FlushDb => What::Flush,
                _ if is_scattered(&call) => What::Scatter(words::commands(&call).remove(0)),
                _ => What::Commands(words::commands(&call)),
            };
            self.bit("calls over several slots", u64::from(matches!(what, What::Scatter(_))));
            let is_strong = self.plan.is_mixed && self.clients[at].is_strong;
            self.bit("strong calls among others", u64::from(is_strong));
            let consistency = match self.plan.mode {
                Mode::Available if !is_strong => Consistency::Available,
                _ => Consistency::Strong,
            };
            let is_ahead = self.clients[at].first().is_some();
            self.bit("calls sent ahead", u64::from(is_ahead));
            self.whose.insert(token, self.clients[at].next_call());
            let again = self.random.chance(AHEAD_PERCENT).then_some(self.now_us + 1);
            self.clients[at].calls(call, token, self.now_us, again);
            let session = u64::from(self.clients[at].id);
            let call = Call { db: 0, protocol: Protocol::Resp2, consistency, what };
            self.tell_router(proxy, RouterInput::Call { session, token, call });
        }
    }
}
