//! Clients call, and are told what came of it.

use super::clients::Client;
use super::cluster::Cluster;
use super::{siege, sight, words};
use crate::checker::{self, Mode, Outcome};
use kinring::core::router::{Call, Outcome as Told, RouterInput, What};
use kinring_common::resp::Protocol;
use kinring_common::wire::request::{Consistency, Request};

impl Cluster<'_> {
    /// Whose EXPIRE a request is, if that is certain.
    pub(super) fn is_asked(&mut self, proxy: usize, request: &Request) {
        if request.consistency == Consistency::Strong || request.is_retry {
            return;
        }
        let Some(command) = sight::expire_of(request) else { return };
        let is_its = |client: &&Client| {
            let asked = client.asked.as_ref().filter(|_| client.proxy == proxy);
            asked.is_some_and(|(call, _)| words::commands(call) == [command])
        };
        let mut those = self.clients.iter().filter(is_its);
        if let (Some(client), None) = (those.next(), those.next()) {
            self.sight.is_asked(request.id, (client.id, client.order));
        }
    }

    pub(super) fn done(&mut self, token: u64, outcome: Told) {
        if let Some(told) = self.told.get_mut(&token) {
            *told = Some(outcome);
            return;
        }
        let Some(at) = self.tokens.remove(&token) else { return };
        let now_us = self.now_us;
        let client = &mut self.clients[at];
        let Some((call, _)) = &client.asked else { return };
        let outcome = match outcome {
            Told::Reply(bytes) => Outcome::Reply { at: now_us, reply: words::reply(call, &bytes) },
            Told::Unknown => Outcome::Unknown { at: Some(now_us) },
            Told::Refused(_) => Outcome::Refused { at: now_us },
        };
        let haste = if self.siege.is_some() { siege::HASTE } else { 1 };
        let think_us = self.random.below(self.plan.think_us as usize / haste) as u64;
        client.next_us = now_us + 1 + think_us;
        let operation = client.ends(outcome);
        if self.watch.is_on()
            && let Some(operation) = &operation
        {
            self.watch.keep(&operation.to_string());
        }
        self.operations.extend(operation);
    }

    pub(super) fn step_clients(&mut self) {
        for at in 0..self.clients.len() {
            let client = &self.clients[at];
            if client.asked.is_some() || self.now_us < client.next_us {
                continue;
            }
            let call = self.workload.draw(self.siege.as_ref().map(|siege| siege.tag));
            let proxy = client.proxy;
            let token = self.next_token;
            self.next_token += 1;
            self.tokens.insert(token, at);
            let what = match call {
                checker::Call::FlushDb => What::Flush,
                _ => What::Commands(words::commands(&call)),
            };
            self.clients[at].asked = Some((call, self.now_us));
            let consistency = match self.plan.mode {
                Mode::Strong => Consistency::Strong,
                Mode::Available => Consistency::Available,
            };
            let session = u64::from(self.clients[at].id);
            let call = Call { db: 0, protocol: Protocol::Resp2, consistency, what };
            self.tell_router(proxy, RouterInput::Call { session, token, call });
        }
    }
}
