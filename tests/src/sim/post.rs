//! Who is told what: letters on their way, and proxies.

use super::cluster::Cluster;
use super::letter::{KINDS, Letter};
use kinring::core::router::{RouterInput, RouterOutput};
use kinring_common::id::NodeId;
use kinring_common::wire::peer::Message;
use kinring_common::wire::request::Response;
use kinring_shard::core::node::{Input, Output};

impl Cluster<'_> {
    pub(super) fn deliver(&mut self, from: usize, to: usize, letter: Letter) {
        self.note(from, to, &letter);
        self.arrives(from, to, &letter);
        if to >= self.plan.nodes {
            return self.tell_proxy(from, to - self.plan.nodes, letter);
        }
        if self.hosts[to].node.is_none() {
            return;
        }
        if !self.hosts[to].is_running(self.now_us) {
            if self.hosts[to].is_asleep(self.now_us) {
                return self.bit("lost while suspended", 1);
            }
            self.bit("held by a pause", 1);
            self.inboxes[to].push_back((from, letter));
            return;
        }
        let mut said = Vec::new();
        self.give(to, from, letter, &mut said);
        self.say(to, said);
    }

    /// Has it arrived before?
    fn arrives(&mut self, from: usize, to: usize, letter: &Letter) {
        let (attempt, class) = match letter {
            Letter::Request(request) => (request.attempt, "tries that came again"),
            Letter::Response(attempt, _) => (*attempt, "answers that came again"),
            _ => return,
        };
        let is_new = self.arrived.insert((from, to, attempt));
        self.bit(class, u64::from(!is_new));
    }

    pub(super) fn give(&mut self, n: usize, from: usize, letter: Letter, said: &mut Vec<Output>) {
        let asker = from as u64;
        let input = match letter {
            Letter::Peer(message) => Input::Peer(NodeId(asker), *message),
            Letter::Request(request) => Input::Request(asker, *request),
            Letter::Ping(ping) => Input::Ping(asker, ping),
            Letter::Response(..) | Letter::Pong(_) => unreachable!("nodes are not answered"),
        };
        if self.off_ms[n] != 0 {
            self.is_off(n, matches!(input, Input::Request(..)));
        }
        self.hosts[n].handle(input, self.now_us, said, &mut self.random);
    }

    /// A node whose clock was set off is told something.
    fn is_off(&mut self, n: usize, is_asked: bool) {
        let class = match self.off_ms[n] {
            1.. => "asked with its clock ahead",
            _ => "asked with its clock behind",
        };
        self.bit(class, u64::from(is_asked));
        let finds_out = self.hosts[n].node.as_ref().is_some_and(|node| !node.believes_its_clock());
        self.bit("clock found to be off", u64::from(finds_out));
    }

    pub(super) fn say(&mut self, n: usize, said: Vec<Output>) {
        for batch in self.hosts[n].executed.drain(..) {
            self.witness.executed(&batch, self.now_us);
        }
        for output in said {
            if let Output::Peer(_, Message::Write(batch)) = &output
                && batch.is_available
            {
                self.sight.note(batch);
            }
            let (to, letter) = match output {
                Output::Peer(to, message) => (to.0 as usize, Letter::Peer(Box::new(message))),
                Output::Response(to, attempt, response) => {
                    (to as usize, Letter::Response(attempt, response))
                }
                Output::Pong(to, pong) => (to as usize, Letter::Pong(pong)),
                Output::Log(_) => unreachable!("the host keeps the log"),
            };
            if !self.traps.catches((n, to), KINDS[letter.kind() as usize], &letter) {
                self.post(n, to, letter);
            }
        }
    }

    /// Sends a letter, as bytes if the plan wants that.
    fn post(&mut self, from: usize, to: usize, mut letter: Letter) {
        if self.plan.is_encoded {
            let (again, digest) = letter.over_the_wire();
            letter = again;
            self.mix(digest);
        }
        self.network.send(from, to, letter, self.now_us, &mut self.random);
    }

    pub(super) fn tell_proxy(&mut self, from: usize, n: usize, letter: Letter) {
        let node = NodeId(from as u64);
        let input = match letter {
            Letter::Response(attempt, response) => {
                let is_elsewhere = matches!(response, Response::Elsewhere(_));
                self.bit("asked a node that is not home", u64::from(is_elsewhere));
                RouterInput::Response { node, attempt, response }
            }
            Letter::Pong(pong) => RouterInput::Pong { node, pong },
            _ => unreachable!("proxies are not asked"),
        };
        self.tell_router(n, input);
    }

    pub(super) fn tell_router(&mut self, n: usize, input: RouterInput) {
        let site = self.plan.nodes + n;
        let waits = self.proxies[n].tell(input, self.now_us);
        self.bit("held by a paused proxy", u64::from(waits));
        while let Some(output) = self.proxies[n].poll(self.now_us) {
            let (to, letter) = match output {
                RouterOutput::Ask { node, token, request } => {
                    self.is_asked(token, &request);
                    (node, Letter::Request(Box::new(request)))
                }
                RouterOutput::Ping { node, ping } => (node, Letter::Ping(ping)),
                RouterOutput::Done { token, outcome, .. } => {
                    self.done(token, outcome);
                    continue;
                }
            };
            let to = to.0 as usize;
            if !self.traps.catches((site, to), KINDS[letter.kind() as usize], &letter) {
                self.post(site, to, letter);
            }
        }
    }

    pub(super) fn note(&mut self, from: usize, to: usize, letter: &Letter) {
        let kind = letter.kind();
        let word = self.now_us ^ (from as u64) << 56 ^ (to as u64) << 48 ^ kind << 40;
        self.mix(word);
        if self.watch.is_on() && !matches!(kind, 1 | 2 | 13 | 14) || self.watch.is_on_for_all() {
            match letter {
                // What is asked for comes first: a reader sees the beginning of a line.
                Letter::Request(asked) => {
                    self.watch.keep(&format!("{from} -> {to} {:?} of {asked:?}", asked.work));
                }
                _ => self.watch.keep(&format!("{from} -> {to} {letter:?}")),
            }
        }
    }

    /// Something more has happened: see [`Run::hash`](super::Run::hash).
    pub(super) fn mix(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    }
}
