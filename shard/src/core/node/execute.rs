//! Executing the commands of a request: what they reply, and what changes.

use super::{Moment, Node};
use crate::core::flight::Names;
use bytes::{Buf, Bytes};
use kinring_common::command::plan::{Hints, reach};
use kinring_common::command::table::{Place, Row, resolve};
use kinring_common::command::{CommandError, run_one};
use kinring_common::keyspace::{Effect, Effects, PartitionSet, Source, Txn};
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::resp::ReplyBuf;
use kinring_common::wire::request::{Consistency, Request, Work};
use kinring_common::wire::{Item, Items, Name};
use smallvec::SmallVec;

/// The commands of a request, looked up once.
pub struct Wanted<'r> {
    /// Some of them may change something.
    pub is_write: bool,
    /// The keys that they name.
    pub names: Names,
    commands: SmallVec<[Command<'r>; 1]>,
}

/// A command: its words, and its row or why it has none here.
struct Command<'r> {
    source: &'r [Bytes],
    words: SmallVec<[&'r [u8]; 4]>,
    row: Result<&'static Row, CommandError>,
}

/// What executing some commands came to.
pub struct Ran {
    /// The replies, one after the other.
    pub reply: Bytes,
    /// What changed.
    pub items: Items,
}

impl<'r> Wanted<'r> {
    /// By a request's words and the command table. A flush has no commands, and changes something.
    pub fn of(request: &'r Request) -> Wanted<'r> {
        let mut wanted = Wanted { is_write: false, names: Names::new(), commands: SmallVec::new() };
        let Work::Commands(commands) = &request.work else {
            return Wanted { is_write: true, ..wanted };
        };
        for command in commands {
            let mut words: SmallVec<[&[u8]; 4]> = SmallVec::new();
            command.iter().for_each(|word| words.push(word));
            let row = known(&words);
            if let Ok(row) = row {
                wanted.is_write |= row.is_write();
                for at in row.keys(&words).into_iter().flatten() {
                    wanted.names.push(Name { db: request.db, key: command[at].clone() });
                }
            }
            wanted.commands.push(Command { source: command, words, row });
        }
        wanted.names.sort_unstable();
        wanted.names.dedup();
        wanted
    }
}

impl Node {
    /// Executes the commands of a request, one after the other, or none: all keys are in its slot.
    pub(super) fn run(&mut self, wanted: &Wanted<'_>, request: &Request, moment: Moment) -> Ran {
        let mut reply = std::mem::take(&mut self.reply);
        reply.set_protocol(request.protocol);
        let mut effects = self.effects();
        let random = self.random.word();
        let (mut set, mut hints) = (PartitionSet::default(), Hints::new());
        for Command { words, row, .. } in &wanted.commands {
            if let Ok(row) = row {
                // Words that tell no keys are refused when they are executed.
                let _: Result<(), CommandError> =
                    reach(&self.keyspace, row, words, request.db, true, (&mut set, &mut hints));
            }
        }
        if hints.iter().any(|hint| hint.at.slot() != request.slot) {
            // What is of another group is not this one's to change.
            reply.error_line(&CommandError::CrossSlot.line());
            let bytes = taken(&mut reply);
            self.reply = reply;
            return Ran { reply: bytes, items: Items::default() };
        }
        let mut locks = self.keyspace.lock(&set);
        let is_leased = request.consistency == Consistency::Strong;
        if !is_leased {
            set.iter().for_each(|partition| locks.partition(partition).rename(self.actors.1));
        }
        for Command { source, words, row } in &wanted.commands {
            let mut txn = Txn::new(&mut locks, &mut effects, moment.now, request.db, random)
                .with_hints(&hints);
            txn.source = Source::Words(source);
            txn.expires = is_leased && !Mutant::AbsentWithoutEvent.is_on();
            let mark = reply.mark();
            let done = row.clone().and_then(|row| run_one(row, &mut txn, words, &mut reply));
            if let Err(error) = done {
                reply.truncate(mark);
                reply.error_line(&error.line());
            }
        }
        if !is_leased {
            set.iter().for_each(|partition| locks.partition(partition).rename(self.actors.0));
        }
        locks.settle(&effects);
        drop(locks);
        let bytes = taken(&mut reply);
        self.reply = reply;
        Ran { reply: bytes, items: changes(&mut effects).collect() }
    }

    /// FLUSHDB of a group: a cut above all that was written in it.
    pub(super) fn flush(&mut self, id: GroupId, request: &Request, moment: Moment) -> Ran {
        let cut = self.clock_of(id).tick(moment.now.wall_ms);
        let item = Item::Cut { db: request.db, cut };
        self.apply_cut(id, request.db, cut, moment);
        let mut reply = ReplyBuf::new(request.protocol);
        reply.ok();
        Ran { reply: taken(&mut reply), items: [item].into() }
    }
}

fn known(words: &[&[u8]]) -> Result<&'static Row, CommandError> {
    let row = resolve(words)?;
    match row.place {
        // Those that name no keys are for all nodes together.
        Place::Keyspace if row.has_keys() && row.arity_ok(words.len()) => Ok(row),
        _ => Err(CommandError::Syntax),
    }
}

/// The reply of most writes.
pub(super) const OK: &[u8] = b"+OK\r\n";

/// What was written, and the buffer is empty again. The reply of most writes takes no memory, however
/// often it is kept.
pub(super) fn taken(reply: &mut ReplyBuf) -> Bytes {
    let len = reply.len();
    let is_ok = len == OK.len() && reply.chunk() == OK;
    let bytes = if is_ok { Bytes::from_static(OK) } else { reply.copy_to_bytes(len) };
    reply.clear();
    bytes
}

/// What others need to do the same.
pub(super) fn changes(effects: &mut Effects) -> impl Iterator<Item = Item> {
    let item = |effect| match effect {
        Effect::Delta { db, key, delta } => Some(Item::Delta { name: Name { db, key }, delta }),
        _ => None,
    };
    effects.drain().filter_map(item)
}
