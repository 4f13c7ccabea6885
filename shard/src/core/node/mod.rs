//! A shard as a state machine: time and messages come in, messages and log entries go out.
//!
//! | file | what it decides |
//! |---|---|
//! | `group` | what this node knows of the slots that it owns with the same others |
//! | `groups` | finding it by its number |
//! | `beat` | who is up, who wants which group, who is granted it |
//! | `clocks` | with whom a node compares its clock |
//! | `tenure` | holding a group: settling, fencing, handing over |
//! | `coordinate` | executing requests, and when their replies may leave |
//! | `execute` | what the commands of a request reply and change |
//! | `sweep` | ending what has expired |
//! | `replica` | taking other coordinators' writes and repairs |
//! | `repair` | what owners miss, and sending it to them |
//! | `exchange` | finding out what two owners hold differently; `respond` is the other side |
//! | `close` | what an exchange came to |
//! | `session` | the exchanges under way |
//! | `pace` | how fast exchanges go that nobody waits for |
//! | `read_repair` | keys that are read without a lease |
//! | `pull` | taking large records by ranges |
//! | `adoption` | taking back flushes that do not count |
//! | `rebuild` | getting lost data back |
//! | `floor` | rounds that settle history |
//! | `ended` | who writes without a lease no more |
//! | `unleased` | writing without a lease |
//! | `requests` | at most once |
//! | `refusals` | a try that was refused is not executed when it comes once more |
//! | `completions` | names of requests travel with what these changed |
//! | `acks` | acknowledgements that leave together |
//! | `doubtful` | leased writes that may not count |
//! | `apart` | where these do not meet what was written without a lease |
//! | `bonds` | keys that were written together |
//! | `journal` | nothing leaves before what it says is durable |
//! | `observe` | what can be seen of a node from outside |
//! | `replay` | starting again from the log |
//!
//! **Why an acknowledged write is not lost** (promise 1). It is on W owners, each of which was in step with
//! its coordinator and had granted nobody a later term. A later home holds grants from so many owners
//! that one of them has the write, and takes what the owners in step with the latest term have, after
//! their grants, before it answers anything.
//!
//! **Why there are no two truths** (promise 4). Leases keep two homes from answering at a time. What a
//! former home has executed and nobody has acknowledged is either on an owner that counts, and then it
//! counts, too; or it is dead, and whoever has it is put in step, its copies replaced, before it counts
//! again. Joining what does not count, or ending it by a floor, would not do: what an event replaced goes
//! with it.

mod acks;
mod adoption;
mod apart;
mod beat;
mod bonds;
mod clocks;
mod close;
mod completions;
mod coordinate;
mod doubtful;
mod ended;
mod exchange;
mod execute;
mod floor;
mod group;
mod groups;
mod journal;
mod observe;
mod pace;
mod pull;
mod read_repair;
mod rebuild;
mod refusals;
mod repair;
mod replay;
mod replica;
mod requests;
mod respond;
mod session;
mod sweep;
mod tenure;
mod unleased;

#[cfg(test)]
mod tests;

pub use observe::Tally;
pub use pull::{LARGE_CELLS, RANGES_BYTES};
pub use repair::{COPIES_BYTES, MISSED_MAX};
pub use replay::{Past, Restart};

use crate::core::lease::{Grants, Leases};
use crate::store::Entry;
use acks::Acks;
use group::Group;
use groups::Groups;
use journal::Journal;
use kinring_common::clock::{Hlc, Now, SteadyWall};
use kinring_common::id::{Actor, NodeId};
use kinring_common::keyspace::{Effects, HashSeed, Interest, Keyspace, Options};
use kinring_common::membership::drift::{DRIFT_MAX_MS, Drift, Judgement};
use kinring_common::membership::suspicion::Suspicion;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::{GroupId, Layout};
use kinring_common::placement::slot::Slot;
use kinring_common::quorum::Quorum;
use kinring_common::random::Random;
use kinring_common::resp::ReplyBuf;
use kinring_common::wire::peer::{AnswerWhat, AskWhat, Message};
use kinring_common::wire::request::{Attempt, Ping, Pong, Request, Response};
use pace::Pace;
use pull::Pulls;
use refusals::Refusals;
use requests::Requests;
use session::Sessions;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What a node is made with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Databases, 1 to 256.
    pub databases: u16,
    /// The keyed hash, the same on all nodes.
    pub seed: HashSeed,
    /// Owners that hold a write before it is acknowledged; `None` for a majority.
    pub writes: Option<u8>,
    /// Whether an acknowledgement waits until the log is durable.
    pub is_durable: bool,
    /// How often a home exchanges with every owner, in microseconds.
    pub exchange_us: u64,
    /// How often it settles a floor.
    pub round_us: u64,
    /// How often it looks for expired keys.
    pub sweep_us: u64,
    /// Records of more cells go by ranges: [`LARGE_CELLS`].
    pub large_cells: usize,
    /// What a message says of such cells, in bytes: [`RANGES_BYTES`].
    pub ranges_bytes: usize,
    /// What the copies in one message take, in bytes: [`COPIES_BYTES`].
    pub copies_bytes: usize,
    /// How fast owners that are in step are compared, and made equal, in bytes a second:
    /// [`EXCHANGE_BYTES_S`].
    pub exchange_bytes_s: u64,
    /// Writes of a group that an owner may miss before everything is compared: [`MISSED_MAX`].
    pub missed_max: usize,
}

/// A tenth of a fast disk or of a network of 10 Gbit/s: those who ask for something do not notice it.
pub const EXCHANGE_BYTES_S: u64 = 100_000_000;

/// A proxy's connection to this node.
pub type Connection = u64;

/// What happens to a node.
#[derive(Clone, Debug)]
pub enum Input {
    /// [`Node::wake_us`] has come.
    Tick,
    /// Another node says something.
    Peer(NodeId, Message),
    /// A proxy asks for something.
    Request(Connection, Request),
    /// A proxy asks what time it is.
    Ping(Connection, Ping),
    /// So many log entries are durable, of all that this node gave out.
    Synced(u64),
}

/// What a node wants done. Log entries are appended in their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Tell another node.
    Peer(NodeId, Message),
    /// Answer a proxy.
    Response(Connection, Attempt, Response),
    /// Answer a proxy.
    Pong(Connection, Pong),
    /// Append this to the log.
    Log(Entry),
}

/// The time of an input.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// As keys see it.
    now: Now,
    /// What this node's own wall clock shows.
    raw_ms: u64,
    /// The latest that it may be.
    likely_ms: u64,
    /// Whether its own clock is believed.
    is_sound: bool,
}

/// Who asks for something.
#[derive(Clone, Copy, Debug)]
struct Asker {
    connection: Connection,
    /// In which try.
    attempt: Attempt,
    /// After that nobody waits for it, by this node's monotonic clock.
    until_us: u64,
}

/// What is known of another node.
#[derive(Debug, Default)]
struct Peer {
    /// The groups that both own: none if they tell each other the time alone.
    shared: Vec<GroupId>,
    incarnation: Option<u64>,
    /// When that was asked, by this node's clock, what it answered last.
    answered_us: Option<u64>,
    is_sound: bool,
    declines: BTreeSet<GroupId>,
}

/// See the module.
pub struct Node {
    own: NodeId,
    incarnation: u64,
    settings: Settings,
    layout: Arc<Layout>,
    quorum: Quorum,
    keyspace: Keyspace,
    /// By whom writes are minted: as a home, and without a lease.
    actors: (Actor, Actor),
    random: Random,
    wall: SteadyWall,
    suspicion: Suspicion,
    drift: Drift,
    /// The last time that was asked for, and what came of it.
    judged: Option<(Now, Moment)>,
    believes_its_clock: bool,
    peers: BTreeMap<NodeId, Peer>,
    grants: Grants,
    leases: Leases,
    groups: Groups,
    sessions: Sessions,
    pulls: Pulls,
    pace: Pace,
    tally: Tally,
    requests: Requests,
    /// Tries that were not executed.
    refusals: Refusals,
    journal: Journal,
    outputs: VecDeque<Output>,
    /// What is said after them.
    acks: Acks,
    /// Messages that were taken in no part: they name what is not theirs to name.
    refused: u64,
    /// Where commands write their replies, empty in between.
    reply: ReplyBuf,
    beat_us: u64,
    wake_us: u64,
}

impl Node {
    /// Which node it is.
    pub fn id(&self) -> NodeId {
        self.own
    }

    /// Its keys.
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// Which start of the node this is.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Whether it has all that it should have of every group.
    pub fn is_whole(&self) -> bool {
        self.groups.values().all(Group::is_whole)
    }

    /// Something happened. The outputs are to be taken before the next input, or after all inputs that
    /// came at once.
    pub fn handle(&mut self, now: Now, input: Input) {
        let moment = self.moment(now);
        match input {
            Input::Tick => {}
            Input::Peer(from, message) => self.hear(from, message, moment),
            Input::Request(connection, request) => self.requested(connection, request, moment),
            Input::Ping(asker, Ping { sent_us }) => {
                let (mono_us, incarnation) = (now.mono_us, self.incarnation);
                self.outputs.push_back(Output::Pong(asker, Pong { sent_us, mono_us, incarnation }));
            }
            Input::Synced(entries) => self.synced(entries, moment),
        }
        if moment.now.mono_us >= self.wake_us {
            // What is said of inputs is said before what the time asks for.
            while let Some((to, ack)) = self.acks.pop() {
                self.outputs.push_back(Output::Peer(to, Message::Ack(ack)));
            }
            self.tick(moment);
        }
    }

    /// The next thing that it wants done.
    pub fn poll_output(&mut self) -> Option<Output> {
        let ack = |(to, ack)| Output::Peer(to, Message::Ack(ack));
        self.outputs.pop_front().or_else(|| self.acks.pop().map(ack))
    }

    /// When it wants to be woken by [`Input::Tick`], by its monotonic clock in microseconds.
    pub fn wake_us(&self) -> u64 {
        self.wake_us
    }

    /// What time it is. The inputs of a batch share one, until something is heard of another clock.
    fn moment(&mut self, now: Now) -> Moment {
        if let Some((of, moment)) = self.judged
            && of == now
        {
            return moment;
        }
        let moment = self.judge(now);
        self.judged = Some((now, moment));
        moment
    }

    fn judge(&mut self, now: Now) -> Moment {
        let (raw_ms, mono_us) = (now.wall_ms, now.mono_us);
        let mut judged = self.drift.judge(raw_ms, mono_us);
        if Mutant::ClockAheadAccepted.is_on() {
            judged = Judgement { is_sound: true, believed_ms: raw_ms, ..judged };
        }
        // Alone among peers of which it has heard none, a node does not know.
        let is_alone = !self.drift.has_heard() && !self.peers.is_empty();
        judged.is_sound &= !is_alone;
        self.believes_its_clock = judged.is_sound && judged.believed_ms == raw_ms;
        let Judgement { is_sound, believed_ms, middle_ms } = judged;
        let likely_ms = middle_ms.max(believed_ms);
        let mut wall_ms = self.wall.read(believed_ms, mono_us / 1_000);
        if wall_ms > likely_ms + DRIFT_MAX_MS {
            // It went ahead while nobody could say that it was wrong.
            self.wall = SteadyWall::default();
            wall_ms = self.wall.read(believed_ms, mono_us / 1_000);
        }
        Moment {
            now: Now { wall_ms, mono_us },
            raw_ms,
            likely_ms: likely_ms.max(wall_ms),
            is_sound,
        }
    }

    fn hear(&mut self, from: NodeId, message: Message, moment: Moment) {
        if !message.is_within(self.settings.databases) || !self.is_of_its_group(&message) {
            self.refused += 1;
            return;
        }
        match message {
            Message::Heartbeat(beat) => self.heartbeat(from, &beat, moment),
            Message::Beat(beat) => self.beaten(from, &beat, moment),
            Message::Release { incarnation, group, released_us, next } => {
                self.released(from, incarnation, (group, released_us), next, moment);
            }
            Message::Write(batch) => self.written(from, batch, moment),
            Message::Repair(repair) => self.repaired(from, *repair, moment),
            Message::Ack(ack) => self.acked(from, &ack, moment),
            Message::Ask(ask) => self.respond(from, *ask, moment),
            Message::Answer(answer) => self.answered(from, *answer, moment),
            Message::Settle(settle) => self.settle(from, *settle),
            Message::Settled { group, number, incarnation, is_in_step } => {
                self.has_settled(from, (group, number, incarnation), is_in_step, moment);
            }
        }
    }

    /// Whether all keys that a message names are of the group that it names.
    fn is_of_its_group(&self, message: &Message) -> bool {
        let Some(id) = message.group() else { return true };
        let is_of = |slot: Slot| self.layout.group_of(slot) == id;
        match message {
            // The ordinary write: its key is looked at where its slot is known anyway.
            Message::Write(batch) if batch.items.len() == 1 && self.pulls.is_empty() => true,
            Message::Answer(answer) => match &answer.what {
                AnswerWhat::Page(page) => {
                    let session = self.sessions.open.get(&answer.session);
                    let asked = session.filter(|session| session.last.step == answer.step);
                    let asked = asked.map(|session| &session.last.what);
                    !matches!(asked, Some(AskWhat::Leaf { slot, .. }) if !page.is_of(*slot))
                }
                _ => message.is_of(is_of),
            },
            _ => message.is_of(is_of),
        }
    }

    fn tick(&mut self, moment: Moment) {
        let now_us = moment.now.mono_us;
        if now_us >= self.beat_us {
            self.beat(moment);
        }
        self.resend_asks(moment);
        self.tend_tenures(moment);
        self.tend_unleased(moment);
        self.pulls.trim(now_us);
        self.keyspace.reclaim_actors(ENTRIES_LOOKED_AT);
        let sessions_us = self.sessions.wake_us();
        self.wake_us = self.beat_us.min(sessions_us).max(now_us + 1);
        if self.groups.values().any(Group::is_busy) {
            self.wake_us = self.wake_us.min(now_us + BUSY_TICK_US);
        }
    }

    /// Wakes no later than this.
    fn wake_at(&mut self, mono_us: u64) {
        self.wake_us = self.wake_us.min(mono_us);
    }

    /// Says something to another node, once what was logged until now is durable.
    fn send(&mut self, to: NodeId, message: Message) {
        let output = Output::Peer(to, message);
        match self.journal.gate(output) {
            Some(Output::Peer(to, Message::Ack(ack))) => self.acks.add(to, ack),
            Some(output) => self.outputs.push_back(output),
            None => {}
        }
    }

    fn log(&mut self, entry: Entry) {
        self.journal.count();
        self.outputs.push_back(Output::Log(entry));
    }

    fn effects(&self) -> Effects {
        let deltas = self.keyspace.options().deltas;
        Effects::new(Interest { deltas, ..Interest::default() })
    }

    /// Whether a clock that came from elsewhere can be right: an event of a clock far ahead would end
    /// the lives of keys that have some left.
    fn is_believable(&self, clock: Hlc, moment: Moment) -> bool {
        if clock == Hlc::CLOSED
            || Mutant::ClockAheadAccepted.is_on()
            || Mutant::AnyClockTaken.is_on()
        {
            return true;
        }
        clock.wall_ms() <= moment.likely_ms + 2 * DRIFT_MAX_MS
    }

    /// Whether an owner is up, as far as this node knows.
    fn is_up(&self, node: NodeId, moment: Moment) -> bool {
        node == self.own || !self.suspicion.suspects(node, moment.now.mono_us)
    }
}

/// How often a node looks after work that waits for others.
const BUSY_TICK_US: u64 = 20_000;

/// Entries that are looked at in a tick while numbers of actors are sought that none has any more: a tenth
/// of a millisecond or two.
const ENTRIES_LOOKED_AT: usize = 1024;

/// The keyspace of a node among others.
fn keyspace(settings: &Settings, actor: Actor) -> Keyspace {
    Keyspace::new(Options {
        seed: settings.seed,
        actor,
        databases: settings.databases,
        lone: false,
        deltas: true,
        events: false,
        digests: true,
    })
}

/// The quorum that the settings ask for.
fn quorum(settings: &Settings, layout: &Layout) -> Quorum {
    let replicas = layout.factor().owners(layout.members().len()) as u8;
    let own = settings.writes.and_then(|writes| Quorum::new(replicas, writes.min(replicas)));
    own.unwrap_or(Quorum::majority(replicas))
}
