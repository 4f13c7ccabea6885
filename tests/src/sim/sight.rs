//! What deadlines can reach: which values the issuer of an EXPIRE had not seen.
//!
//! A judge that sees calls and replies alone must let every EXPIRE be the reason for every value that is
//! gone. So it is read off the writes as they leave, where that is certain: without a lease, whoever
//! executes one tells the other owners at once what it had seen. A SET's value has one event; values
//! that were put together from others, and elements of collections, a deadline may reach whoever wrote
//! them.

use super::words;
use crate::checker::{History, Key, Text, Verb, steps::steps};
use bytes::Bytes;
use kinring_common::causal::{Added, Delta, Path};
use kinring_common::id::Dot;
use kinring_common::wire::Item;
use kinring_common::wire::peer::Batch;
use kinring_common::wire::request::{Request, RequestId, Work};
use std::collections::BTreeMap;

/// Who asked: a client and the number of its call.
pub type Who = (u32, u32);

/// See the module.
#[derive(Debug, Default)]
pub struct Sight {
    asked: BTreeMap<RequestId, Who>,
    /// The events that set a key to a value.
    set: BTreeMap<(Bytes, Text), Vec<Dot>>,
    /// Of each EXPIRE its executions.
    expires: BTreeMap<Who, Vec<Delta>>,
}

/// The command of a request, if it is one EXPIRE.
pub fn expire_of(request: &Request) -> Option<&[Bytes]> {
    match &request.work {
        Work::Commands(commands) => match &commands[..] {
            [command] if command[0] == "PEXPIRE" => Some(command),
            _ => None,
        },
        Work::Flush(_) => None,
    }
}

impl Sight {
    /// This request is for a call of that client.
    pub fn is_asked(&mut self, id: RequestId, who: Who) {
        self.asked.entry(id).or_insert(who);
    }

    /// Somebody has executed a write without a lease.
    pub fn note(&mut self, batch: &Batch) {
        let who = batch.executed.as_ref().and_then(|executed| self.asked.get(&executed.id));
        for item in batch.items.iter() {
            let Item::Delta { name, delta } = item else { continue };
            for added in &delta.added {
                let Added::Base { path: Path::Text, value } = added else { continue };
                let dots = self.set.entry((name.key.clone(), value.clone())).or_default();
                if !dots.contains(&delta.dot) {
                    dots.push(delta.dot);
                }
            }
            if let Some(who) = who {
                let known = self.expires.entry(*who).or_default();
                if known.iter().all(|known| known.dot != delta.dot) {
                    known.push(delta.clone());
                }
            }
        }
    }

    /// Of each EXPIRE of which that is known: all values that it may reach.
    pub fn reached(&self, history: &History) -> BTreeMap<Who, Vec<Text>> {
        let mut reached = BTreeMap::new();
        for (key, steps) in steps(history) {
            let written: Vec<_> =
                steps.iter().filter_map(|s| Some((&s.verb, s.written()?.1))).collect();
            for step in &steps {
                let who = (step.operation.client, step.operation.order);
                let Some([delta]) = self.expires.get(&who).map(|all| &all[..]) else { continue };
                let reaches =
                    |(verb, text): &&(&Verb, &Text)| !self.is_unseen(key, verb, text, delta);
                let texts = written.iter().filter(reaches).map(|(_, text)| (*text).clone());
                reached.insert(who, texts.collect());
            }
        }
        reached
    }

    fn is_unseen(&self, key: Key, verb: &Verb, text: &Text, by: &Delta) -> bool {
        let dots = self.set.get(&(words::name(key), text.clone())).map(|dots| &dots[..]);
        match (verb, dots) {
            (Verb::Set(_), Some(&[dot])) => {
                !by.base.covers(dot) && !by.floor.covers(dot) && dot.hlc > by.cut
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::{Call, Operation, Outcome, Reply};
    use kinring_common::causal::{Context, Floor, Removed};
    use kinring_common::clock::Hlc;
    use kinring_common::id::{Actor, NodeId};
    use kinring_common::placement::layout::{Epoch, GroupId};
    use kinring_common::wire::Name;
    use kinring_common::wire::peer::WriteNumber;
    use kinring_common::wire::request::Executed;

    fn dot(ms: u64, actor: u64) -> Dot {
        Dot { hlc: Hlc::new(ms, 0), actor: Actor(actor) }
    }

    fn batch(number: u64, base: Option<Dot>, dot: Dot, value: Option<&'static str>) -> Batch {
        let path = Path::Text;
        let added = value.map(|value| Added::Base { path, value: Bytes::from(value) });
        let delta = Delta {
            base: base.into_iter().collect::<Context>(),
            floor: Floor::new(),
            cut: Hlc::ZERO,
            dot,
            removed: Removed::AllCovered,
            added: added.into_iter().collect(),
        };
        let name = Name { db: 0, key: words::name(Key(0)) };
        let id = RequestId { session: 1, number };
        Batch {
            group: GroupId(0),
            epoch: Epoch::new(1).expect("one"),
            number: WriteNumber { tenure: NodeId(1).0, sequence: number },
            stable: 0,
            is_available: true,
            items: [Item::Delta { name, delta }].into(),
            executed: Some(Executed { id, reply: None }),
        }
    }

    #[test]
    fn a_deadline_reaches_what_its_issuer_had_seen_and_no_other_value_that_was_set() {
        let mut sight = Sight::default();
        sight.is_asked(RequestId { session: 1, number: 3 }, (7, 0));
        let (v1, v2) = (dot(10, 1), dot(11, 2));
        sight.note(&batch(1, None, v1, Some("v1")));
        sight.note(&batch(2, None, v2, Some("v2")));
        sight.note(&batch(3, Some(v1), dot(12, 1), None));
        let on = |client, verb| Operation {
            client,
            order: 0,
            call: Call::On(Key(0), verb),
            invoked_at: 1,
            outcome: Outcome::Reply { at: 2, reply: Reply::Ok },
        };
        let text = |text: &'static str| Text::from(text);
        let set = |client, value| on(client, Verb::Set(text(value)));
        let append = on(3, Verb::Append(text("v3")));
        let expire = on(7, Verb::Expire { ttl_us: 1 });
        let history = History::new(vec![set(1, "v1"), set(2, "v2"), append, expire]);
        let reached = sight.reached(&history);
        assert_eq!(reached, BTreeMap::from([((7, 0), vec![text("v1"), text("v3")])]));
        // It was executed twice: nobody knows.
        sight.note(&batch(3, None, dot(13, 2), None));
        assert!(sight.reached(&history).is_empty());
    }
}
