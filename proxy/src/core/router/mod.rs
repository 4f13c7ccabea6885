//! Which shard is asked for what, until every call has exactly one outcome.
//!
//! | file | what it decides |
//! |---|---|
//! | `call` | what can be asked for, and what is answered |
//! | `split`, `gather` | a call as parts for one slot each, and their replies as one |
//! | `running` | the order of a session's calls |
//! | `part` | the tries of a part, and what their answers mean |
//! | `drive` | starting parts, asking, pausing, giving up |
//! | `nodes`, `pace`, `routes` | who is up, what its clock says, how long it takes, who is home |
//!
//! **At most once** (promise 8). All tries of a part have one name. Each try is void, by the clock of
//! the node that it goes to, when its answer is no longer waited for, and so at the latest when the
//! call is given up: after its outcome nothing of a call is executed any more.
//!
//! **Never half done in silence** (promise 7). [`Outcome::Refused`] means that each try of each part was
//! answered "not executed", or that there was none. Whatever is less certain is
//! [`Outcome::Unknown`].
//!
//! The router is told the time and what nodes say; what it wants said comes out. It relies on a
//! connection that delivers a message at most once: see `part`.

pub mod call;
mod drive;
mod gather;
mod nodes;
mod pace;
mod part;
mod routes;
mod running;
mod split;
#[cfg(test)]
mod tests;

pub use call::{Call, Outcome, What, Why};

use bytes::Bytes;
use kinring_common::id::NodeId;
use kinring_common::placement::layout::Layout;
use kinring_common::random::Random;
use kinring_common::wire::request::{Attempt, Ping, Pong, Request, Response};
use nodes::{Nodes, PING_US};
use routes::Routes;
use running::{Running, Session};
use split::Split;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A call is given up after so long. Shards know a name for `RETRY_US` = 5 s and an eighth more: a try
/// of a call never comes to one that has forgotten the name of an earlier one.
pub const CALL_US: u64 = 4_000_000;

/// Calls of one session at a time. A client that sends further ahead is to be read no further.
pub const SESSION_QUEUE_MAX: usize = 1024;

/// What a router holds at most. Past it calls are refused at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Calls under way, of all sessions.
    pub calls_max: usize,
    /// Their parts.
    pub parts_max: usize,
    /// The bytes of their words, and of replies that wait for others. One call is always allowed.
    pub bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        // At 100,000 calls a second so many are under way for a sixth of a second; while a home is
        // missing they are what is asked again every 50 ms.
        Settings { calls_max: 16_384, parts_max: 65_536, bytes_max: 1 << 28 }
    }
}

/// What happens to a router.
#[derive(Clone, Debug)]
pub enum RouterInput {
    /// [`Router::wake_us`] has come.
    Tick,
    /// A session asks for something, and calls it by a token.
    Call {
        /// Whose calls are executed and answered in their order.
        session: u64,
        /// The name of the call in [`RouterOutput::Done`].
        token: u64,
        /// What it asks for.
        call: Call,
    },
    /// A node answers a try.
    Response {
        /// The node.
        node: NodeId,
        /// Which try it answers.
        attempt: Attempt,
        /// What it says.
        response: Response,
    },
    /// A node says what time it is.
    Pong {
        /// The node.
        node: NodeId,
        /// What it says.
        pong: Pong,
    },
    /// A session has ended: none of its calls is answered any more, and no other one may have its name.
    Closed {
        /// Which.
        session: u64,
    },
}

/// What a router wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouterOutput {
    /// Ask a node.
    Ask {
        /// The node.
        node: NodeId,
        /// For which call.
        token: u64,
        /// What.
        request: Request,
    },
    /// Ask a node what time it is.
    Ping {
        /// The node.
        node: NodeId,
        /// With the router's own time.
        ping: Ping,
    },
    /// A call has ended. Those of one session do in the order in which they came, except that
    /// [`Why::Busy`] and [`Why::SessionBusy`] are said at once.
    Done {
        /// Whose call it was.
        session: u64,
        /// What it was called.
        token: u64,
        /// What became of it.
        outcome: Outcome,
    },
}

/// See the module. Times are microseconds of the proxy's monotonic clock.
#[derive(Debug)]
pub struct Router {
    settings: Settings,
    layout: Arc<Layout>,
    random: Random,
    /// The session of all its requests.
    session: u64,
    nodes: Nodes,
    routes: Routes,
    /// By the number of their first part; numbers are given as calls come, so the first call is the
    /// first to be given up.
    calls: BTreeMap<u64, Running>,
    sessions: BTreeMap<u64, Session>,
    /// Parts to look after, by time.
    timers: BTreeSet<(u64, u64)>,
    next_number: u64,
    parts: usize,
    bytes: usize,
    ping_us: u64,
    now_us: u64,
    hedges: u64,
    outputs: VecDeque<RouterOutput>,
}

impl Router {
    /// One that knows nobody yet. The seed names its requests: no two routers have the same.
    pub fn new(seed: u64, layout: Arc<Layout>, settings: Settings) -> Router {
        let mut random = Random::new(seed);
        let groups = layout.groups().len();
        Router {
            settings,
            session: random.word(),
            random,
            nodes: Nodes::new(),
            routes: Routes::new(groups),
            layout,
            calls: BTreeMap::new(),
            sessions: BTreeMap::new(),
            timers: BTreeSet::new(),
            next_number: 0,
            parts: 0,
            bytes: 0,
            ping_us: 0,
            now_us: 0,
            hedges: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Something happened. The outputs are to be taken before the next input.
    pub fn handle(&mut self, now_us: u64, input: RouterInput) {
        self.now_us = now_us.max(self.now_us);
        match input {
            RouterInput::Tick => {}
            RouterInput::Call { session, token, call } => self.call(session, token, call),
            RouterInput::Response { node, attempt, response } => self.hear(node, attempt, response),
            RouterInput::Pong { node, pong } => {
                if self.layout.members().contains(node) {
                    self.nodes.pong(node, pong, self.now_us);
                }
            }
            RouterInput::Closed { session } => self.close(session),
        }
        self.tick();
    }

    /// The next thing that it wants done.
    pub fn poll_output(&mut self) -> Option<RouterOutput> {
        self.outputs.pop_front()
    }

    /// When it wants to be woken by [`RouterInput::Tick`].
    pub fn wake_us(&self) -> u64 {
        let timer_us = self.timers.first().map_or(u64::MAX, |(due_us, _)| *due_us);
        let deadline_us = self.calls.values().next().map_or(u64::MAX, |call| call.deadline_us);
        self.ping_us.min(timer_us).min(deadline_us)
    }

    /// Calls under way.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// How long its queues are, and how long they may be.
    pub fn queues(&self) -> [(&'static str, usize, usize); 4] {
        let Settings { calls_max, parts_max, bytes_max } = self.settings;
        let of_session = self.sessions.values().map(|session| session.calls.len()).max();
        [
            ("calls", self.calls.len(), calls_max),
            ("calls of a session", of_session.unwrap_or(0), SESSION_QUEUE_MAX),
            ("parts", self.parts, parts_max),
            ("bytes", self.bytes, bytes_max),
        ]
    }

    /// How often a read was asked for once more elsewhere, because it took long.
    pub fn hedges(&self) -> u64 {
        self.hedges
    }

    fn call(&mut self, session: u64, token: u64, mut call: Call) {
        let bytes = bytes_of(&call.what);
        let queued = self.sessions.get(&session).map_or(0, |session| session.calls.len());
        if queued >= SESSION_QUEUE_MAX {
            return self.done(session, token, Outcome::Refused(Why::SessionBusy));
        }
        let is_full = self.calls.len() >= self.settings.calls_max
            || self.bytes > 0 && self.bytes + bytes > self.settings.bytes_max;
        if is_full {
            return self.done(session, token, Outcome::Refused(Why::Busy));
        }
        let deadline_us = self.now_us + CALL_US;
        let what = std::mem::replace(&mut call.what, What::Flush);
        let running = match Split::new(what, &self.layout) {
            Ok(split)
                if self.parts > 0 && self.parts + split.pieces.len() > self.settings.parts_max =>
            {
                return self.done(session, token, Outcome::Refused(Why::Busy));
            }
            Ok(split) => Running::new((session, token), &call, split, deadline_us, bytes),
            Err(why) => {
                let early = Some(Outcome::Refused(why));
                Running::refused((session, token), &call, early, deadline_us)
            }
        };
        self.begin(running);
    }

    fn done(&mut self, session: u64, token: u64, outcome: Outcome) {
        self.outputs.push_back(RouterOutput::Done { session, token, outcome });
    }

    fn tick(&mut self) {
        let now_us = self.now_us;
        if now_us >= self.ping_us {
            self.ping_us = now_us + PING_US;
            for member in self.layout.members().as_slice() {
                let (node, ping) = (member.id, Ping { sent_us: now_us });
                self.outputs.push_back(RouterOutput::Ping { node, ping });
            }
        }
        while let Some((&call, running)) = self.calls.first_key_value()
            && now_us >= running.deadline_us
        {
            self.give_up(call);
        }
        while let Some(&(due_us, number)) = self.timers.first()
            && now_us >= due_us
        {
            self.timers.pop_first();
            self.look_after(number);
        }
    }
}

/// What a call holds.
fn bytes_of(what: &What) -> usize {
    let of = |words: &[Bytes]| words.iter().map(Bytes::len).sum();
    match what {
        What::Commands(commands) => commands.iter().map(|words| of(words)).sum(),
        What::Scatter(words) => of(words),
        What::Flush => 0,
    }
}
