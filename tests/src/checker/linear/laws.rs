//! The laws of [`super::search`] that tell which steps lead nowhere.

use super::problem::{Item, place};
use super::search::{Frame, Search};
use super::tokens::Token;
use crate::checker::history::{Call, Key, Reply, Verb};
use crate::checker::model::{State, Value, integer};

impl Search<'_> {
    /// Makes states equal that only the past tells apart.
    pub fn forget(&self, frame: &mut Frame) {
        let taken = self.order[frame.mark..].iter();
        let mut done: Vec<Token> = taken.flat_map(|at| &self.items[*at].names).copied().collect();
        done.retain(|token| self.waiting[*token as usize] == 0);
        if !done.is_empty() {
            self.tokens.forget(&mut frame.state, &done);
        }
        let from_us = |key: Key| frame.from_us[place(key, &self.keys)];
        frame.state.forget_begun(from_us);
    }

    /// For each known operation that may come next: the keys that it needs and those that it is about,
    /// directly or by way of unknown ones.
    pub fn reached(&self, deadline: u64) -> Vec<(u64, u64)> {
        let heads = self.classes.iter().zip(&self.taken);
        let heads = heads.filter_map(|(class, taken)| class.get(usize::from(*taken)));
        let open = heads.map(|at| &self.items[*at]).filter(|item| item.invoked_at <= deadline);
        let links: Vec<&Item<'_>> = open.filter(|item| item.keys.count_ones() > 1).collect();
        let mut reached = Vec::new();
        let (end, mut at) = (self.items.len(), self.next[self.items.len()]);
        while at != end && self.items[at].invoked_at <= deadline {
            let mut all = (self.items[at].needs, self.items[at].keys);
            let mut before = (0, 0);
            while before != all {
                before = all;
                let linked = links.iter().filter(|link| link.keys & before.1 != 0);
                all =
                    linked.fold(all, |(needs, keys), link| (needs | link.needs, keys | link.keys));
            }
            if !reached.contains(&all) {
                reached.push(all);
            }
            at = self.next[at];
        }
        reached
    }

    /// The blocker saw something that this one writes.
    pub fn is_wanted(&self, at: usize, blocker: usize) -> bool {
        let names = &self.items[blocker].names;
        self.items[at].writes.iter().any(|token| names.binary_search(token).is_ok())
    }

    /// The step loses a text for good that someone still to come has seen.
    pub fn forgets(&self, op: usize, before: &State, after: &State) -> bool {
        let adds = |verb: &Verb| {
            verb.is_read() || matches!(verb, Verb::SAdd(_) | Verb::ZAdd(..) | Verb::LPush(_))
        };
        if let Call::On(key, verb) = &self.items[op].call
            && adds(verb)
            && before.expiry(*key).is_none()
        {
            return false;
        }
        let mut forgets = false;
        self.tokens.lost(before, after, |token| {
            let names = &self.items[op].names;
            let from = names.partition_point(|name| *name < token);
            let own = names[from..].iter().take_while(|name| **name == token).count();
            forgets |= self.waiting[token as usize] as usize > own;
        });
        forgets
    }

    /// The step brings members of a set together that are seen apart.
    pub fn is_spoilt(&self, op: usize, before: &State, after: &State) -> bool {
        let is_open = |at: usize| {
            let item = &self.items[at];
            let class = || self.classes.get(item.class).map_or(0, Vec::len);
            match item.ended {
                Some(_) => !self.done[at],
                None => usize::from(self.taken[item.class]) < class(),
            }
        };
        let call = (op, &self.items[op].call);
        self.company.is_spoilt(call, (before, after), &self.tokens, is_open)
    }

    /// A known operation can no longer be executed rightly before it has ended.
    pub fn is_too_late(&self, at: usize, state: &State, after: &State, would: &Reply) -> bool {
        let item = &self.items[at];
        let Some((ended, reply)) = item.ended else { return false };
        let reply = reply.unwrap_or(would);
        // What is there for someone who was invoked after this one ended stays there until then.
        let stays = |token: Token| self.seen_until[token as usize] > ended;
        let mut late = false;
        match &item.call {
            Call::On(
                _,
                Verb::Set(_) | Verb::Del | Verb::HSet(..) | Verb::HDel(_) | Verb::SRem(_),
            )
            | Call::MSet(_)
            | Call::FlushDb => self.tokens.lost(state, after, |token| late |= stays(token)),
            Call::MGet(_) | Call::On(..) if item.call.is_read() && would != reply => {
                let there = self.tokens.of_reply(would);
                late = there
                    .iter()
                    .any(|token| stays(*token) && item.names.binary_search(token).is_err());
            }
            _ => {}
        }
        late || (self.rises && has_passed(state, &item.call, reply))
    }
}

/// The counter is above what this call found there.
fn has_passed(state: &State, call: &Call, reply: &Reply) -> bool {
    let Call::On(key, verb) = call else { return false };
    let found = match (verb, reply) {
        (Verb::Incr(by), Reply::Int(sum)) => sum.checked_sub(*by),
        (Verb::Get, Reply::Bulk(text)) => integer(text),
        (Verb::Get, Reply::Nil) => Some(0),
        _ => None,
    };
    let now = match state.get(*key) {
        Some(Value::Text(text)) => integer(text),
        _ => None,
    };
    matches!((now, found), (Some(now), Some(found)) if now > found)
}
