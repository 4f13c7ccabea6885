//! A proxy of the simulator (for now: the simplest that can ask).

use crate::checker::Call;
use bytes::Bytes;
use kinring_common::placement::layout::Layout;
use kinring_common::placement::slot::Slot;
use kinring_common::resp::Protocol;
use kinring_common::wire::request::{Consistency, Ping, Pong, Request, RequestId, Response, Work};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What it wants.
pub enum Want {
    /// Ask a node.
    Ask(usize, Request),
    /// Ask a node what time it is.
    Ping(usize, Ping),
    /// A call has ended: its token; the replies, or none and whether it may have been executed.
    Done(u64, Result<Bytes, bool>),
}

struct Part {
    token: u64,
    group: kinring_common::placement::layout::GroupId,
    slot: Slot,
    work: Work,
    is_write: bool,
    due_us: u64,
    until_us: u64,
    at: usize,
    maybe: bool,
    sent: bool,
}

/// See the module.
pub struct Proxy {
    layout: Arc<Layout>,
    session: u64,
    next: u64,
    parts: BTreeMap<u64, Part>,
    calls: BTreeMap<u64, (usize, Option<Bytes>, bool, bool)>,
    clocks: BTreeMap<usize, (u64, u64, u64)>,
    ping_us: u64,
    consistency: Consistency,
    homes: BTreeMap<u32, usize>,
    /// What it wants.
    pub wants: Vec<Want>,
}

impl Proxy {
    /// A new one.
    pub fn new(layout: Arc<Layout>, session: u64, consistency: Consistency) -> Proxy {
        Proxy {
            layout,
            session,
            next: 0,
            parts: BTreeMap::new(),
            calls: BTreeMap::new(),
            clocks: BTreeMap::new(),
            ping_us: 0,
            consistency,
            homes: BTreeMap::new(),
            wants: Vec::new(),
        }
    }

    /// A client asks.
    pub fn call(&mut self, token: u64, call: &Call, commands: Vec<Vec<Bytes>>, now_us: u64) {
        let works: Vec<(Slot, Work)> = if *call == Call::FlushDb {
            self.layout.groups().map(|g| (g.slots[0], Work::Flush(g.id))).collect()
        } else {
            vec![(Slot::of(&commands[0][1]), Work::Commands(commands))]
        };
        self.calls.insert(token, (works.len(), None, false, false));
        for (slot, work) in works {
            let number = self.next;
            self.next += 1;
            let group = self.layout.group_of(slot);
            let at = self.homes.get(&group.0).copied().unwrap_or(0);
            self.parts.insert(
                number,
                Part {
                    token,
                    group,
                    slot,
                    work,
                    is_write: !call.is_read(),
                    due_us: now_us,
                    until_us: now_us + 4_000_000,
                    at,
                    maybe: false,
                    sent: false,
                },
            );
        }
        self.tick(now_us);
    }

    /// When it wants to be woken.
    pub fn wake_us(&self) -> u64 {
        self.parts.values().map(|part| part.due_us.min(part.until_us)).min().unwrap_or(u64::MAX).min(self.ping_us)
    }

    /// Time goes on.
    pub fn tick(&mut self, now_us: u64) {
        if now_us >= self.ping_us {
            self.ping_us = now_us + 150_000;
            for node in 0..self.layout.members().len() {
                self.wants.push(Want::Ping(node, Ping { sent_us: now_us }));
            }
        }
        let over: Vec<u64> =
            self.parts.iter().filter(|(_, p)| now_us >= p.until_us).map(|(n, _)| *n).collect();
        for number in over {
            let maybe = self.parts[&number].maybe && self.parts[&number].is_write;
            self.end(number, Err(maybe));
        }
        for (&number, part) in &mut self.parts {
            if now_us < part.due_us {
                continue;
            }
            let owners = self.layout.group(part.group).owners;
            if part.sent {
                part.at += 1;
            }
            let node = owners[part.at % owners.len()].0 as usize;
            part.due_us = now_us + 300_000;
            let Some((mono_us, at_us, incarnation)) = self.clocks.get(&node) else {
                part.at += 1;
                part.due_us = now_us + 30_000;
                continue;
            };
            let left_us = part.until_us.saturating_sub(*at_us);
            let request = Request {
                id: RequestId { session: self.session, number },
                epoch: self.layout.epoch(),
                slot: part.slot,
                db: 0,
                protocol: Protocol::Resp2,
                consistency: self.consistency,
                valid: (*incarnation, mono_us + left_us - left_us / 64),
                is_retry: part.maybe,
                work: part.work.clone(),
            };
            (part.sent, part.maybe) = (true, true);
            self.wants.push(Want::Ask(node, request));
        }
    }

    /// A node says what time it is.
    pub fn pong(&mut self, node: usize, pong: Pong, now_us: u64) {
        self.clocks.insert(node, (pong.mono_us, now_us, pong.incarnation));
    }

    /// A node answers.
    pub fn answered(&mut self, node: usize, id: RequestId, response: Response, now_us: u64) {
        if id.session != self.session {
            return;
        }
        let Some(part) = self.parts.get_mut(&id.number) else { return };
        let owners = self.layout.group(part.group).owners;
        let place = owners.iter().position(|owner| owner.0 as usize == node).unwrap_or(0);
        match response {
            Response::Done(bytes) => {
                self.homes.insert(part.group.0, place);
                self.end(id.number, Ok(bytes));
            }
            Response::Unknown => self.end(id.number, Err(true)),
            Response::Later => (part.due_us, part.sent) = (now_us + 30_000, false),
            Response::Elsewhere(hint) => {
                let hint = hint.and_then(|hint| owners.iter().position(|owner| *owner == hint));
                part.at = hint.unwrap_or(place + 1);
                (part.due_us, part.sent) = (now_us + 20_000, false);
            }
        }
        self.tick(now_us);
    }

    fn end(&mut self, number: u64, how: Result<Bytes, bool>) {
        let Some(part) = self.parts.remove(&number) else { return };
        let Some((left, reply, maybe, failed)) = self.calls.get_mut(&part.token) else { return };
        *left -= 1;
        match how {
            Ok(bytes) => {
                // Something of it was executed.
                *maybe = true;
                *reply = Some(bytes);
            }
            Err(may) => {
                *maybe |= may;
                *failed = true;
            }
        }
        if *left == 0 {
            let (_, reply, maybe, failed) = self.calls.remove(&part.token).expect("it is there");
            let outcome = if failed { Err(maybe) } else { Ok(reply.unwrap_or_default()) };
            self.wants.push(Want::Done(part.token, outcome));
        }
    }
}
