//! Parts on their way: starting them, asking, pausing, giving up.

use super::call::Why;
use super::pace::Pace;
use super::part::{Advice, Due, Heard, Part};
use super::running::Running;
use super::split::Ended;
use super::{Router, RouterOutput};
use kinring_common::id::NodeId;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::request::{Attempt, Consistency, Request, RequestId, Response};
use std::collections::{BTreeMap, BTreeSet};

/// A pause before somebody else is asked, or the same one again, and what it grows to: a lease changes
/// hands within some hundred milliseconds.
const PAUSE_MIN_US: u64 = 10_000;
const PAUSE_MAX_US: u64 = 50_000;

/// No try begins with less time left: one that is not answered in time makes a call unknown that could
/// have been refused.
const TRY_MIN_US: u64 = 50_000;

/// Numbers of parts have so many bits; those above count tries, if each is to have a name of its own.
const NUMBER_BITS: u32 = 48;

impl Router {
    /// A call is taken in.
    pub(super) fn begin(&mut self, running: Running) {
        let first = self.next_number;
        self.next_number += running.parts.len().max(1) as u64;
        assert!(self.next_number < 1 << NUMBER_BITS, "nobody asks for so much");
        self.parts += running.parts.len();
        self.bytes += running.bytes;
        let session = self.sessions.entry(running.session).or_default();
        session.calls.push_back(first);
        let groups: Vec<GroupId> = running.groups().collect();
        let ready: Vec<GroupId> =
            groups.into_iter().filter(|group| session.queue(*group, first)).collect();
        let (owner, is_over) = (running.session, running.is_over());
        self.calls.insert(first, running);
        for group in ready {
            self.start(first, group);
        }
        if is_over {
            self.answer(owner);
        }
    }

    /// It is a call's turn in a group.
    fn start(&mut self, call: u64, group: GroupId) {
        for part in self.calls[&call].parts_in(group) {
            self.seek(call + part as u64);
        }
    }

    /// Asks whoever is most likely to be home.
    fn seek(&mut self, number: u64) {
        let Some((_, call, part)) = locate(&mut self.calls, number) else { return };
        let group = self.layout.group(call.parts[part].group);
        let preferred = match call.consistency {
            Consistency::Strong => None,
            Consistency::Available => {
                self.sessions.get(&call.session).and_then(|session| session.owner(group.id))
            }
        };
        match self.routes.choose(&group, preferred, &self.nodes, self.now_us) {
            Some(node) => self.ask(number, node),
            None => self.rest(number, None),
        }
    }

    /// Asks a node, and waits for its answer.
    fn ask(&mut self, number: u64, node: NodeId) {
        let now_us = self.now_us;
        let Some((_, call, at)) = locate(&mut self.calls, number) else { return };
        let (deadline_us, part) = (call.deadline_us, &mut call.parts[at]);
        if now_us + TRY_MIN_US > deadline_us {
            // It is given up in a moment.
            return due(&mut self.timers, part, number, None);
        }
        let is_retry = part.is_in_doubt();
        let wait_us = self.nodes.wait_us(node) << part.silences().min(4);
        let end_us = deadline_us.min(now_us + wait_us.min(Pace::MAX_US));
        let attempt = part.asks(node, now_us, end_us);
        let hedge_us = now_us + self.nodes.hedge.after_us();
        let due_us = if part.may_hedge() { hedge_us.min(end_us) } else { end_us };
        due(&mut self.timers, part, number, Some(due_us));
        self.send((number, attempt), node, end_us, is_retry);
    }

    /// A read takes long: another owner may be faster.
    fn hedge(&mut self, number: u64, slow: NodeId) {
        let now_us = self.now_us;
        let Some((_, call, at)) = locate(&mut self.calls, number) else { return };
        let part = &mut call.parts[at];
        let group = self.layout.group(part.group);
        let other = self.routes.other(&group, slow, &self.nodes, now_us);
        due(&mut self.timers, part, number, Some(part.end_us()));
        if let Some(node) = other {
            let (attempt, end_us) = part.hedges(node, now_us);
            self.hedges += 1;
            self.send((number, attempt), node, end_us, true);
        }
    }

    fn send(&mut self, (number, attempt): (u64, u32), node: NodeId, end_us: u64, is_retry: bool) {
        let epoch = self.layout.epoch();
        let valid = self.nodes.valid(node, end_us);
        let Some((_, call, at)) = locate(&mut self.calls, number) else { return };
        let part = &call.parts[at];
        let is_renamed = is_retry && Mutant::RetryUnderNewId.is_on();
        let tries = if is_renamed { u64::from(part.sent() % 0xffff) } else { 0 };
        let id = RequestId { session: self.session, number: number | tries << NUMBER_BITS };
        let request = Request {
            attempt: Attempt { id, number: attempt },
            epoch,
            slot: part.slot,
            db: call.db,
            protocol: call.protocol,
            consistency: call.consistency,
            valid,
            is_retry,
            is_elsewhere: part.is_in_doubt_at_others(node),
            work: part.work.clone(),
        };
        self.outputs.push_back(RouterOutput::Ask { node, token: call.token, request });
    }

    /// A node answered a try.
    pub(super) fn hear(&mut self, node: NodeId, attempt: Attempt, response: Response) {
        let Attempt { id, number: attempt } = attempt;
        let number = id.number & ((1 << NUMBER_BITS) - 1);
        let Some((_, call, at)) = locate(&mut self.calls, number) else { return };
        if id.session != self.session {
            return;
        }
        let group = self.layout.group(call.parts[at].group);
        if let Response::Elsewhere(hint) = response {
            self.routes.forget(group.id, node);
            if let Some(home) = hint.filter(|home| *home != node && group.owners.contains(home)) {
                self.routes.learn(group.id, home);
            }
        }
        match call.parts[at].hears((node, attempt), response, self.now_us) {
            Heard::Nothing => {}
            Heard::Ended(ended) => {
                if matches!(ended, Ended::Reply(_)) {
                    self.learn(number, node);
                }
                self.end(number, ended);
            }
            Heard::Refused(Advice::Hint(home)) => self.follow_hint(number, node, home),
            Heard::Refused(advice) => self.rest(number, Some(advice)),
        }
    }

    /// A hint is followed at once, unless that node was asked since the last pause: two that point at
    /// each other are asked no faster than others.
    fn follow_hint(&mut self, number: u64, from: NodeId, home: NodeId) {
        let Some((_, call, at)) = locate(&mut self.calls, number) else { return };
        let part = &call.parts[at];
        let is_owner = self.layout.group(part.group).owners.contains(&home);
        if !is_owner || part.was_refused_by(home) || !self.nodes.is_askable(home, self.now_us) {
            return self.rest(number, Some(Advice::After(from)));
        }
        self.ask(number, home);
    }

    /// Who executes is home; how long it took is known.
    fn learn(&mut self, number: u64, node: NodeId) {
        let Some((_, call, at)) = locate(&mut self.calls, number) else { return };
        let part = &call.parts[at];
        match call.consistency {
            Consistency::Strong => self.routes.learn(part.group, node),
            Consistency::Available => {
                if let Some(session) = self.sessions.get_mut(&call.session) {
                    session.stays_with(part.group, node);
                }
            }
        }
        let Some(took_us) = part.took_us(self.now_us) else { return };
        if part.sent() == 1 {
            self.nodes.took(node, took_us);
        }
        if call.is_read {
            self.nodes.hedge.took(took_us);
        }
    }

    fn rest(&mut self, number: u64, advice: Option<Advice>) {
        let Some((_, call, at)) = locate(&mut self.calls, number) else { return };
        let part = &mut call.parts[at];
        let pauses = part.rests(advice);
        let usual_us = (PAUSE_MIN_US << (pauses - 1).min(8)).min(PAUSE_MAX_US * 4 / 5);
        let pause_us = usual_us + self.random.below(usual_us as usize / 4) as u64;
        due(&mut self.timers, part, number, Some(self.now_us + pause_us));
    }

    /// A part's timer has come.
    pub(super) fn look_after(&mut self, number: u64) {
        let now_us = self.now_us;
        let Some((_, call, at)) = locate(&mut self.calls, number) else { return };
        let part = &mut call.parts[at];
        part.due_us = None;
        let group = self.layout.group(part.group);
        let (nodes, routes) = (&self.nodes, &mut self.routes);
        let next = match part.is_due(now_us, |node| nodes.is_healthy(node, now_us)) {
            Due::Nothing => return,
            Due::Hedge(slow) => return self.hedge(number, slow),
            Due::Seek => None,
            Due::Silent(node) => {
                if !nodes.is_healthy(node, now_us) {
                    routes.forget(group.id, node);
                }
                routes.after(&group, node, nodes, now_us)
            }
            Due::Follow(Advice::After(node)) => routes.after(&group, node, nodes, now_us),
            Due::Follow(Advice::Again(node) | Advice::Hint(node)) => {
                Some(node).filter(|node| nodes.is_healthy(*node, now_us))
            }
        };
        match next {
            Some(node) if group.owners.contains(&node) => self.ask(number, node),
            _ => self.seek(number),
        }
    }

    /// A part has ended: what waited for it goes on.
    fn end(&mut self, number: u64, ended: Ended) {
        let Some((first, call, at)) = locate(&mut self.calls, number) else { return };
        let (session, group) = (call.session, call.parts[at].group);
        due(&mut self.timers, &mut call.parts[at], number, None);
        let held = call.bytes;
        let is_lane_free = call.ends(at, ended);
        self.bytes += call.bytes - held;
        let is_over = call.is_over();
        if is_lane_free {
            let next = self.sessions.get_mut(&session).and_then(|session| session.next(group));
            if let Some(next) = next {
                debug_assert!(next > first, "a lane is served in order");
                self.start(next, group);
            }
        }
        if is_over {
            self.answer(session);
        }
    }

    /// Answers the calls of a session that are over, up to the first that is not.
    fn answer(&mut self, id: u64) {
        while let Some(session) = self.sessions.get_mut(&id) {
            let first = session.calls.front().filter(|first| self.calls[*first].is_over()).copied();
            let Some(first) = first else {
                if session.is_empty() {
                    self.sessions.remove(&id);
                }
                return;
            };
            session.calls.pop_front();
            let call = self.remove(first);
            let token = call.token;
            let outcome = call.outcome();
            self.done(id, token, outcome);
        }
    }

    /// The time of a call is over.
    pub(super) fn give_up(&mut self, first: u64) {
        for at in 0..self.calls[&first].parts.len() {
            // With its last part it is gone.
            let Some(call) = self.calls.get(&first) else { return };
            let part = &call.parts[at];
            if part.ended.is_some() {
                continue;
            }
            let ended = match (call.is_read, part.is_in_doubt()) {
                (true, _) => Ended::Refused(Why::NoAnswer),
                (false, true) => Ended::Unknown,
                (false, false) => Ended::Refused(Why::NoReplicas),
            };
            self.end(first + at as u64, ended);
        }
    }

    /// Nobody waits for the calls of a session any more. What was asked for may be executed still.
    pub(super) fn close(&mut self, id: u64) {
        let Some(session) = self.sessions.remove(&id) else { return };
        for first in session.calls {
            let mut call = self.remove(first);
            for (at, part) in call.parts.iter_mut().enumerate() {
                due(&mut self.timers, part, first + at as u64, None);
            }
        }
    }

    fn remove(&mut self, first: u64) -> Running {
        let call = self.calls.remove(&first).expect("a session has calls that are there");
        self.parts -= call.parts.len();
        self.bytes -= call.bytes;
        call
    }
}

/// The call that a number belongs to, its own number, and which part of it that is.
fn locate(calls: &mut BTreeMap<u64, Running>, number: u64) -> Option<(u64, &mut Running, usize)> {
    let (&first, call) = calls.range_mut(..=number).next_back()?;
    let part = usize::try_from(number - first).ok()?;
    (part < call.parts.len()).then_some((first, call, part))
}

/// Sets the timer of a part, or takes it away.
fn due(timers: &mut BTreeSet<(u64, u64)>, part: &mut Part, number: u64, due_us: Option<u64>) {
    if let Some(before_us) = part.due_us.take() {
        timers.remove(&(before_us, number));
    }
    if let Some(due_us) = due_us {
        timers.insert((due_us, number));
        part.due_us = Some(due_us);
    }
}
