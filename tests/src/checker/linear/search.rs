//! The search for one order of the operations that explains all replies.
//!
//! Depth first over (operations linearised, state), each pair visited once: Wing and Gong, "Testing
//! and verifying concurrent objects", 1993; the memo is Lowe's ("Testing for linearizability",
//! 2017), the list of entries that are lifted and put back is as in Porcupine (Athalye, 2017). Of
//! our own are laws that keep it short:
//!
//! 1. An operation that fits now, and by its reply changes nothing wherever it is executed, is taken
//!    at once: it can only be in the way. A key that may be gone by then is there for it, as long as
//!    no deadline is certainly over by then: whoever meets the key after it may still find it gone.
//! 2. An operation with an unknown outcome is tried only after all others, and is never owed. So a
//!    pair reached with fewer of them is worth more: what it dominates is not visited.
//! 3. Unknown operations that differ in nothing that anyone saw are taken in the order of their
//!    invocation: the memo counts them, it does not name them.
//! 4. A state that has lost a text that only one call writes, while someone who saw it is still to
//!    come, leads nowhere ([`Tokens`]). So does one that keeps a text, for someone to come, from
//!    whom an operation that cannot stand beside it has to go first; one where a text was put on
//!    something else than what it is seen to stand on; and one where a member was put beside another
//!    that it is seen without ([`Company`]).
//! 5. A counter that only rises never comes back to what an operation still to come has seen.
//!
//! 6. An operation with an unknown outcome whose text somebody saw was executed before that: it is
//!    owed. Of another one only what it writes counts, and it is not tried where whoever is content
//!    with what it leaves is content with what it finds ([`Tokens::is_vain`]).
//! 7. An operation with an unknown outcome can wait until right before one that depends on it. So it
//!    is tried only if a known operation that may come next needs a key of it, directly or by way of
//!    other unknown ones, and that has to come next then ([`Run`]). To put it off needs time to be
//!    kept for each key: operations without a common key are in no order but that of their calls.
//! 8. What nobody is still to see is blanked, the begin of a deadline that has begun is forgotten:
//!    more states are equal.
//!
//! Of unknown operations those that were sent last are tried first: what has taken effect has mostly done so
//! soon. Long runs of unknown operations are rarely needed: it first looks for an order in which few of
//! them follow each other. Only the search without that bound can say that there is none.

use super::company::Company;
use super::memo::{Memo, Way};
use super::problem::{Item, Problem, Window};
use super::run::{Run, Times, advance, latest};
use super::tokens::{Token, Tokens};
use crate::checker::history::{Key, Operation, Reply};
use crate::checker::model::{State, Timing};
use std::cmp::Reverse;

/// How a search ended.
pub enum Found {
    /// There is such an order.
    Order,
    /// There is none.
    None(Stuck),
    /// The budget was spent before either was known.
    OverBudget(Stuck),
}

/// Where the search came farthest.
#[derive(Default)]
pub struct Stuck {
    /// What was linearised, in order, as places in the operations given.
    pub order: Vec<usize>,
    /// The state after them.
    pub state: State,
    /// What had to come next, or could have: known outcomes first.
    pub next: Vec<usize>,
    /// When the first of what was left had to be over.
    pub deadline: Option<u64>,
    /// How many known operations were left.
    pub owed: usize,
}

/// An operation, the state after it, and the earliest that it was executed then.
type Branch = (usize, State, u64);

/// What is tried at a state.
pub struct Frame {
    pub state: State,
    pub from_us: Times,
    /// Length of the order when this frame was new.
    pub mark: usize,
    branches: Vec<Branch>,
    tried: usize,
    with_unknown: bool,
    run: Run,
}

/// The longest runs of unknown operations to try, one search after the other.
const RUNS_MAX: [usize; 4] = [1, 2, 4, usize::MAX];

/// Searches the operations of a window. They are sorted by invocation.
pub fn search(operations: &[Operation], window: Window, skew_us: u64, states_max: usize) -> Found {
    let mut best: Option<Stuck> = None;
    let mut is_decided = false;
    for run_max in RUNS_MAX {
        let problem = Problem::new(operations, window);
        let stuck = match Search::new(problem, skew_us, run_max).run(states_max) {
            Found::Order => return Found::Order,
            Found::None(stuck) => {
                is_decided = run_max == usize::MAX;
                stuck
            }
            Found::OverBudget(stuck) => stuck,
        };
        best = best.filter(|best| best.owed < stuck.owed).or(Some(stuck));
    }
    let best = best.expect("there was a search");
    if is_decided { Found::None(best) } else { Found::OverBudget(best) }
}

/// One search under way.
pub struct Search<'a> {
    pub items: Vec<Item<'a>>,
    pub tokens: Tokens,
    skew_us: u64,
    /// Known operations not linearised, by invocation: a list in which each names its neighbours.
    pub next: Vec<usize>,
    previous: Vec<usize>,
    owed: usize,
    known: u64,
    /// Unknown operations that are interchangeable, and how many of each are taken.
    pub classes: Vec<Vec<usize>>,
    pub taken: Vec<u16>,
    /// How many operations that saw a token are still to come.
    pub waiting: Vec<u32>,
    pub order: Vec<usize>,
    /// The known operations that are linearised.
    pub done: Vec<bool>,
    /// Who was seen without whom.
    pub company: Company,
    memo: Memo,
    /// The longest run of unknown operations to try.
    run_max: usize,
    /// For each token: when the last that saw it was invoked.
    pub seen_until: Vec<u64>,
    pub rises: bool,
    pub keys: Vec<Key>,
    /// When what ran beside the first read ended.
    beside: Vec<u64>,
    start: Option<(State, u64)>,
    best: Stuck,
}

impl<'a> Search<'a> {
    fn new(problem: Problem<'a>, skew_us: u64, run_max: usize) -> Search<'a> {
        let Problem { items, tokens, classes, start, from_us, rises, keys } = problem;
        let mut waiting = vec![0; tokens.len()];
        items.iter().flat_map(|item| &item.names).for_each(|token| waiting[*token as usize] += 1);
        let mut seen_until = vec![0; tokens.len()];
        for item in &items {
            let seen = |token: &Token| seen_until[*token as usize] = item.invoked_at;
            item.names.iter().for_each(seen);
        }
        let mut search = Search {
            rises,
            keys,
            beside: items.iter().filter_map(|item| Some(item.beside?.0)).collect(),
            start: Some((start, from_us)),
            run_max,
            seen_until,
            next: vec![items.len(); items.len() + 1],
            previous: vec![items.len(); items.len() + 1],
            owed: 0,
            known: 0,
            taken: vec![0; classes.len()],
            order: Vec::with_capacity(items.len()),
            done: vec![false; items.len()],
            company: Company::new(&items),
            memo: Memo::default(),
            best: Stuck::default(),
            items,
            tokens,
            skew_us,
            classes,
            waiting,
        };
        search.link();
        search
    }

    /// The list of all known operations; its end, and its head, is one past the last item.
    fn link(&mut self) {
        let end = self.items.len();
        let mut last = end;
        for at in (0..end).filter(|at| self.items[*at].ended.is_some()) {
            (self.next[last], self.previous[at]) = (at, last);
            last = at;
            self.owed += 1;
        }
        (self.next[last], self.previous[end]) = (end, last);
    }

    fn run(mut self, states_max: usize) -> Found {
        let mut frames = Vec::new();
        let (start, from_us) = self.start.take().expect("it runs once");
        let from_us = vec![from_us; self.keys.len().clamp(1, 64)];
        match self.enter(start, from_us, 0, Run::default()) {
            Some(frame) => frames.push(frame),
            None => return Found::Order,
        }
        let mut states = 0;
        while let Some(frame) = frames.last_mut() {
            let Some((op, after, since_us)) = frame.branches.get_mut(frame.tried) else {
                if frame.with_unknown {
                    self.leave(frame);
                    frames.pop();
                } else {
                    frame.with_unknown = true;
                    if frame.run.len < self.run_max {
                        let unknown = self.unknown(frame);
                        frame.branches.extend(unknown);
                    }
                }
                continue;
            };
            let (op, after, since_us) = (*op, std::mem::take(after), *since_us);
            frame.tried += 1;
            let misplaces = self.tokens.misplaces(&self.items[op].call, &frame.state, &after);
            if misplaces
                || self.forgets(op, &frame.state, &after)
                || self.is_spoilt(op, &frame.state, &after)
            {
                continue;
            }
            let mark = self.order.len();
            let keys = self.items[op].keys;
            let mut from_us = frame.from_us.clone();
            advance(&mut from_us, keys, since_us);
            let run = match self.items[op].ended {
                None => frame.run.with(&self.items[op]).expect("only such are tried"),
                Some(_) => Run::default(),
            };
            self.take(op);
            let Some(next) = self.enter(after, from_us, mark, run) else { return Found::Order };
            let way = Way {
                taken: self.taken.as_slice().into(),
                from_us: next.from_us.as_slice().into(),
                run: next.run.keys.as_slice().into(),
            };
            if self.memo.is_new(self.known, &next.state, way) {
                frames.push(next);
            } else {
                self.undo(mark);
            }
            states += 1;
            if states >= states_max {
                frames.iter_mut().rev().for_each(|frame| self.leave(frame));
                return Found::OverBudget(self.best);
            }
        }
        Found::None(self.best)
    }

    /// A frame at a state, after what changes nothing there is taken; none when nothing is owed.
    fn enter(&mut self, state: State, from_us: Times, mark: usize, run: Run) -> Option<Frame> {
        let end = self.items.len();
        let (branches, with_unknown) = (Vec::new(), false);
        let mut frame = Frame { state, from_us, mark, branches, tried: 0, with_unknown, run };
        self.take_inert(&mut frame);
        let deadline = self.deadline();
        self.forget(&mut frame);
        // A key that may go by itself sees a difference between early and late.
        let restless = frame.state.may_expire_by(deadline);
        let mut at = self.next[end];
        while at != end && self.items[at].invoked_at <= deadline {
            let from_us =
                self.items[at].invoked_at.max(latest(&frame.from_us, self.items[at].keys));
            let reply = self.items[at].ended.and_then(|(_, reply)| reply);
            for (mut after, since_us) in frame.state.met_by(&self.items[at].call, from_us, deadline)
            {
                let would = self.execute(at, &mut after);
                if !restless && self.is_too_late(at, &frame.state, &after, &would) {
                    frame.branches.clear();
                    frame.with_unknown = true;
                    return Some(frame);
                }
                let fits = reply.is_none_or(|reply| would == *reply);
                if fits && frame.run.leads_to(self.items[at].needs, self.items[at].keys) {
                    frame.branches.push((at, after, since_us));
                }
            }
            at = self.next[at];
        }
        let blocker = self.blocker()?;
        let order = |(at, ..): &Branch| {
            let late = self.items[*at].ended.map_or(u64::MAX, |(ended, _)| ended);
            (!self.items[*at].inert, !self.is_wanted(*at, blocker), late)
        };
        let mut branches = std::mem::take(&mut frame.branches);
        branches.sort_by_cached_key(order);
        frame.branches = branches;
        Some(frame)
    }

    /// Takes what fits and changes nothing: law 1.
    fn take_inert(&mut self, frame: &mut Frame) {
        let end = self.items.len();
        let (mut at, mut deadline) = (self.next[end], self.deadline());
        while at != end && self.items[at].invoked_at <= deadline {
            let following = self.next[at];
            let keys = self.items[at].keys;
            let from_us = self.items[at].invoked_at.max(latest(&frame.from_us, keys));
            if self.items[at].inert
                && from_us <= frame.state.whole_until()
                && !self.shuts_out(at, frame.from_us[0])
            {
                let would = self.execute(at, &mut frame.state.clone());
                if self.items[at].ended.is_some_and(|(_, reply)| reply == Some(&would)) {
                    self.take(at);
                    advance(&mut frame.from_us, keys, from_us);
                    frame.run.keys.clear();
                    deadline = self.deadline();
                }
            }
            at = following;
        }
    }

    /// Something that ran beside the first read could be taken now, and not after this.
    fn shuts_out(&self, at: usize, from_us: u64) -> bool {
        let invoked_at = self.items[at].invoked_at;
        self.beside.iter().any(|ended| (from_us..invoked_at).contains(ended))
    }

    /// The branches that take an operation with an unknown outcome next.
    fn unknown(&self, frame: &Frame) -> Vec<Branch> {
        let deadline = self.deadline();
        let mut branches = Vec::new();
        let reached = self.reached(deadline);
        for (class, taken) in self.classes.iter().zip(&self.taken) {
            let Some(&at) = class.get(usize::from(*taken)) else { continue };
            if self.items[at].invoked_at > deadline {
                continue;
            }
            let keys = self.items[at].keys;
            let Some(run) = frame.run.with(&self.items[at]) else { continue };
            if !reached.iter().any(|(needs, keys)| run.may_lead_to(*needs, *keys)) {
                continue;
            }
            let from_us = self.items[at].invoked_at.max(latest(&frame.from_us, keys));
            // Of one that ran beside the first read it is known when it ended, and how.
            let beside = self.items[at].beside;
            if beside.is_some_and(|(ended, _)| ended < from_us) {
                continue;
            }
            for (mut after, since_us) in frame.state.met_by(&self.items[at].call, from_us, deadline)
            {
                let would = self.execute(at, &mut after);
                let fits = beside.is_none_or(|(_, reply)| would == *reply);
                let vain = beside.is_none()
                    && self.tokens.is_vain(&self.items[at].call, &frame.state, &after);
                if fits && !vain && after != frame.state {
                    branches.push((at, after, since_us));
                }
            }
        }
        // What was sent last is likely to be what happened last.
        let sent = |at: usize| {
            let class = &self.classes[self.items[at].class];
            let open = class.partition_point(|at| self.items[*at].invoked_at <= deadline);
            Reverse(self.items[class[open - 1]].invoked_at)
        };
        let blocker = self.blocker();
        let is_wanted = |at: usize| blocker.is_some_and(|blocker| self.is_wanted(at, blocker));
        branches.sort_by_cached_key(|(at, ..)| (!is_wanted(*at), sent(*at)));
        branches
    }

    fn execute(&self, at: usize, state: &mut State) -> Reply {
        let item = &self.items[at];
        let to_us = match item.ended {
            Some((ended, Some(_))) => ended,
            _ => u64::MAX,
        };
        let timing = Timing { from_us: item.invoked_at, to_us, skew_us: self.skew_us };
        state.apply(&item.call, timing)
    }

    /// The known operation that ends first of those still owed: nothing invoked later may go before.
    fn blocker(&self) -> Option<usize> {
        let end = self.items.len();
        let (mut at, mut first, mut deadline) = (self.next[end], None, u64::MAX);
        while at != end && self.items[at].invoked_at <= deadline {
            let ended = self.items[at].ended.map_or(u64::MAX, |(ended, _)| ended);
            if first.is_none() || ended < deadline {
                (first, deadline) = (Some(at), ended);
            }
            at = self.next[at];
        }
        first
    }

    fn deadline(&self) -> u64 {
        let ended = self.blocker().and_then(|at| self.items[at].ended);
        ended.map_or(u64::MAX, |(ended, _)| ended)
    }

    fn take(&mut self, at: usize) {
        self.order.push(at);
        if self.items[at].ended.is_none() {
            self.taken[self.items[at].class] += 1;
            return;
        }
        let (before, after) = (self.previous[at], self.next[at]);
        (self.next[before], self.previous[after]) = (after, before);
        self.owed -= 1;
        self.done[at] = true;
        self.known ^= self.items[at].fingerprint;
        self.items[at].names.iter().for_each(|token| self.waiting[*token as usize] -= 1);
    }

    /// Takes back what was taken since, the last first.
    fn undo(&mut self, mark: usize) {
        while self.order.len() > mark {
            let at = self.order.pop().expect("it is longer than the mark");
            if self.items[at].ended.is_none() {
                self.taken[self.items[at].class] -= 1;
                continue;
            }
            (self.next[self.previous[at]], self.previous[self.next[at]]) = (at, at);
            self.owed += 1;
            self.done[at] = false;
            self.known ^= self.items[at].fingerprint;
            self.items[at].names.iter().for_each(|token| self.waiting[*token as usize] += 1);
        }
    }

    /// Gives a frame up, and remembers it if none came farther.
    fn leave(&mut self, frame: &mut Frame) {
        if self.best.deadline.is_none() || self.owed < self.best.owed {
            let deadline = self.deadline();
            let open = |at: &usize| self.items[*at].invoked_at <= deadline;
            let mut next: Vec<usize> = Vec::new();
            let mut at = self.next[self.items.len()];
            while at != self.items.len() {
                next.push(at);
                at = self.next[at];
            }
            let unknown = self.classes.iter().zip(&self.taken);
            next.extend(unknown.flat_map(|(class, taken)| &class[usize::from(*taken)..]));
            next.retain(open);
            self.best = Stuck {
                order: self.order.clone(),
                state: std::mem::take(&mut frame.state),
                next,
                deadline: Some(deadline),
                owed: self.owed,
            };
        }
        self.undo(frame.mark);
    }
}
