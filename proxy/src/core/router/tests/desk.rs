//! A router whose questions are answered by hand.

use super::super::{Call, Outcome, Router, RouterInput, RouterOutput, Settings};
use super::layout;
use bytes::Bytes;
use kinring_common::id::NodeId;
use kinring_common::placement::layout::Layout;
use kinring_common::wire::request::{Pong, Request, Response, Work};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// See the module. Nodes answer pings at once unless they are down; node `n`'s clock shows `n` seconds
/// more than the router's.
pub struct Desk {
    pub router: Router,
    pub layout: Arc<Layout>,
    pub now_us: u64,
    pub asked: VecDeque<(NodeId, Request)>,
    pub done: VecDeque<(u64, u64, Outcome)>,
    pub down: BTreeSet<NodeId>,
    pub incarnation: u64,
}

impl Desk {
    /// Three nodes that the router knows.
    pub fn new() -> Desk {
        Desk::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Desk {
        let layout = layout(3);
        let mut desk = Desk {
            router: Router::new(1, layout.clone(), settings),
            layout,
            now_us: 1_000_000,
            asked: VecDeque::new(),
            done: VecDeque::new(),
            down: BTreeSet::new(),
            incarnation: 7,
        };
        desk.input(RouterInput::Tick);
        desk.pass(1_000_000);
        desk
    }

    pub fn input(&mut self, input: RouterInput) {
        self.router.handle(self.now_us, input);
        while let Some(output) = self.router.poll_output() {
            match output {
                RouterOutput::Ask { node, request, .. } => self.asked.push_back((node, request)),
                RouterOutput::Done { session, token, outcome } => {
                    self.done.push_back((session, token, outcome));
                }
                RouterOutput::Ping { node, ping } if !self.down.contains(&node) => {
                    let mono_us = self.mono_us(node);
                    let (sent_us, incarnation) = (ping.sent_us, self.incarnation);
                    let pong = Pong { sent_us, mono_us, incarnation };
                    self.router.handle(self.now_us, RouterInput::Pong { node, pong });
                }
                RouterOutput::Ping { .. } => {}
            }
        }
    }

    pub fn mono_us(&self, node: NodeId) -> u64 {
        self.now_us + node.0 * 1_000_000
    }

    /// Time goes on.
    pub fn pass(&mut self, by_us: u64) {
        let until_us = self.now_us + by_us;
        while self.router.wake_us() <= until_us {
            let wake_us = self.router.wake_us();
            assert!(wake_us > self.now_us || wake_us == 0, "it woke for nothing");
            self.now_us = wake_us.max(self.now_us);
            self.input(RouterInput::Tick);
        }
        self.now_us = until_us;
    }

    pub fn call(&mut self, session: u64, token: u64, call: Call) {
        self.input(RouterInput::Call { session, token, call });
    }

    /// The next question.
    #[track_caller]
    pub fn ask(&mut self) -> (NodeId, Request) {
        self.asked.pop_front().expect("something is asked")
    }

    /// All questions that were not taken.
    pub fn asks(&mut self) -> Vec<(NodeId, Request)> {
        self.asked.drain(..).collect()
    }

    pub fn answer(&mut self, to: &(NodeId, Request), response: Response) {
        let (node, attempt) = (to.0, to.1.attempt);
        self.input(RouterInput::Response { node, attempt, response });
    }

    pub fn done(&mut self, to: &(NodeId, Request), reply: &'static str) {
        self.answer(to, Response::Done(Bytes::from_static(reply.as_bytes())));
    }

    pub fn elsewhere(&mut self, to: &(NodeId, Request), hint: Option<NodeId>) {
        self.answer(to, Response::Elsewhere(hint));
    }

    /// The owners of a question's slot, those that were not asked.
    pub fn others(&self, to: &(NodeId, Request)) -> Vec<NodeId> {
        let owners = self.layout.owners(to.1.slot).iter().copied();
        owners.filter(|owner| *owner != to.0).collect()
    }

    /// The outcome of the next call that has one.
    #[track_caller]
    pub fn outcome(&mut self) -> Outcome {
        self.done.pop_front().expect("a call has ended").2
    }

    /// The tokens of the calls that have an outcome, in order.
    pub fn tokens(&mut self) -> Vec<u64> {
        self.done.drain(..).map(|(_, token, _)| token).collect()
    }
}

pub fn reply(text: &'static str) -> Outcome {
    Outcome::Reply(Bytes::from_static(text.as_bytes()))
}

/// The commands of a question, as text.
pub fn text(ask: &(NodeId, Request)) -> String {
    let Work::Commands(commands) = &ask.1.work else { return String::from("flush") };
    let word = |word: &Bytes| String::from_utf8_lossy(word).into_owned();
    let line = |words: &Vec<Bytes>| words.iter().map(word).collect::<Vec<_>>().join(" ");
    commands.iter().map(line).collect::<Vec<_>>().join("; ")
}
