//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.
//!
//! Between MULTI and EXEC commands are checked and kept. EXEC takes the locks of all of them, and of
//! the watched keys, at once; under these it looks whether a watched key was touched, and runs the
//! commands as one.

use super::group::refuse;
use super::session::{Cx, Session};
use kinring_common::command::plan::{self, Hints};
use kinring_common::command::{Command, CommandError, Place, Row, run_one};
use kinring_common::keyspace::{Effects, PartitionSet, Txn, WATCHED_KEYS_MAX, Watch, partition_of};
use kinring_common::placement::slot::Slot;
use kinring_common::resp::ReplyBuf;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

/// Commands kept since MULTI.
#[derive(Debug, Default)]
pub struct Queue {
    commands: Vec<(&'static Row, Vec<Vec<u8>>)>,
    bytes: u64,
    /// One could not be queued: EXEC will refuse.
    broken: bool,
}

/// Keys that the connection watches.
#[derive(Debug, Default)]
pub struct Watching {
    watch: Watch,
    /// By database and name; true: its deadline had passed already when the watch began.
    keys: HashMap<(u8, Vec<u8>), bool>,
}

/// Bytes that a kept word costs besides its own.
const WORD_OVERHEAD_BYTES: u64 = 32;

impl Session {
    /// Keeps a command for EXEC. `bytes_max` bounds what one connection may keep.
    pub(super) fn queue(
        &mut self,
        row: &'static Row,
        words: &[&[u8]],
        bytes_max: u64,
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        let Some(queue) = &mut self.multi else { return Ok(()) };
        let bytes: u64 = words.iter().map(|word| word.len() as u64 + WORD_OVERHEAD_BYTES).sum();
        if queue.bytes + bytes > bytes_max {
            queue.broken = true;
            return Err(CommandError::Other(
                "ERR the transaction is larger than 'client-query-buffer-limit'".into(),
            ));
        }
        queue.bytes += bytes;
        queue.commands.push((row, words.iter().map(|word| word.to_vec()).collect()));
        self.client.queued.store(queue.commands.len() as i64, Relaxed);
        self.client.queued_bytes.store(queue.bytes, Relaxed);
        out.simple("QUEUED");
        Ok(())
    }

    /// A command could not be queued: EXEC will refuse.
    pub(super) fn break_transaction(&mut self) {
        if let Some(queue) = &mut self.multi {
            queue.broken = true;
        }
    }

    pub(super) fn begin(&mut self, out: &mut ReplyBuf) -> Result<(), CommandError> {
        if self.multi.is_some() {
            return Err(CommandError::NestedMulti);
        }
        self.multi = Some(Queue::default());
        self.client.queued.store(0, Relaxed);
        self.client.queued_bytes.store(0, Relaxed);
        out.ok();
        Ok(())
    }

    /// An EXEC that cannot even begin: the transaction is over, and the reason is told.
    pub(super) fn abort_exec(&mut self, cx: &Cx<'_>, reason: &CommandError) -> CommandError {
        self.take_queue();
        self.unwatch(cx);
        let reason = reason.to_string();
        let reason = reason.strip_prefix("ERR ").unwrap_or(&reason);
        let line = format!("EXECABORT Transaction discarded because of: {reason}");
        CommandError::Other(line.into())
    }

    pub(super) fn discard(&mut self, cx: &Cx<'_>, out: &mut ReplyBuf) -> Result<(), CommandError> {
        if self.take_queue().is_none() {
            return Err(CommandError::DiscardWithoutMulti);
        }
        self.unwatch(cx);
        out.ok();
        Ok(())
    }

    pub(super) fn watch(
        &mut self,
        cx: &Cx<'_>,
        words: &[&[u8]],
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        if self.multi.is_some() {
            return Err(CommandError::WatchInMulti);
        }
        let watching = self.watching.get_or_insert_default();
        for key in &words[1..] {
            let name = (self.db, key.to_vec());
            if watching.keys.contains_key(&name) {
                continue;
            }
            if watching.keys.len() >= WATCHED_KEYS_MAX {
                return Err(CommandError::Other("ERR too many watched keys, UNWATCH first".into()));
            }
            let space = cx.node.shard.keyspace();
            let was_expired = space.watch(self.db, key, &watching.watch, cx.moment.now);
            watching.keys.insert(name, was_expired);
        }
        self.client.watched.store(watching.keys.len() as u64, Relaxed);
        out.ok();
        Ok(())
    }

    /// Ends every watch.
    pub(super) fn unwatch(&mut self, cx: &Cx<'_>) {
        self.release_watches(cx.node.shard.keyspace());
    }

    /// The same when the connection ends.
    pub fn release_watches(&mut self, space: &kinring_common::keyspace::Keyspace) {
        let Some(watching) = self.watching.take() else { return };
        for (db, key) in watching.keys.keys() {
            space.unwatch(*db, key, &watching.watch);
        }
        self.client.watched.store(0, Relaxed);
    }

    /// Drops the queue, when there is one.
    pub(super) fn take_queue(&mut self) -> Option<Queue> {
        self.client.queued.store(-1, Relaxed);
        self.multi.take()
    }

    pub(super) fn exec(&mut self, cx: &Cx<'_>, out: &mut ReplyBuf) -> Result<(), CommandError> {
        let queue = self.multi.take().ok_or(CommandError::ExecWithoutMulti)?;
        let done = self.exec_queue(cx, &queue, out);
        // Until here CLIENT LIST shows the transaction, its own commands included.
        self.client.queued.store(-1, Relaxed);
        done
    }

    fn exec_queue(
        &mut self,
        cx: &Cx<'_>,
        queue: &Queue,
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        if queue.broken {
            self.unwatch(cx);
            return Err(CommandError::ExecAbort);
        }
        let space = cx.node.shard.keyspace();
        let mut set = self.reach_of(queue, cx);
        let watching = self.watching.take();
        for (_, key) in watching.iter().flat_map(|w| w.keys.keys()) {
            set.insert(partition_of(Slot::of(key)));
        }
        let mut effects = Effects::new(space.interest());
        let mut locks = space.lock(&set);
        let touched = watching.as_ref().is_some_and(|watching| {
            watching.watch.is_dirty()
                || watching.keys.iter().any(|((db, key), was_expired)| {
                    !was_expired && locks.is_expired(*db, key, cx.moment.now)
                })
        });
        self.watching = watching;
        self.client.watched.store(0, Relaxed);
        let mark = out.mark();
        if touched {
            out.null_array();
            self.silence(mark, out);
        } else {
            out.array(queue.commands.len());
            self.silence(mark, out);
            for (row, words) in &queue.commands {
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                let mark = out.mark();
                let begun = cx.begin(row);
                let done = if row.place == Place::Session {
                    self.control(row, &words, cx, Some(&mut locks), out)
                } else {
                    let manner = self.manner(cx);
                    let mut txn =
                        Txn::new(&mut locks, &mut effects, cx.moment.now, manner.db, manner.random);
                    txn.touch = manner.touch;
                    txn.text_bytes_max = manner.text_bytes_max;
                    let done = run_one(row, &mut txn, &words, out);
                    cx.count(&txn, row);
                    done
                };
                cx.end(row, begun, done.is_err());
                if let Err(error) = done {
                    out.truncate(mark);
                    refuse(cx.node, out, &error);
                }
                self.silence(mark, out);
            }
        }
        locks.settle(&effects);
        drop(locks);
        cx.node.shard.finish(effects);
        self.unwatch(cx);
        Ok(())
    }

    /// The partitions that a queue needs. Databases do not matter: a slot is the same in all.
    fn reach_of(&self, queue: &Queue, cx: &Cx<'_>) -> PartitionSet {
        let mut set = PartitionSet::default();
        for (row, words) in &queue.commands {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let into = (&mut set, &mut Hints::new());
            let space = cx.node.shard.keyspace();
            // What cannot be told is refused again when it runs, before it touches a key.
            let told = plan::reach(space, row, &words, self.db, true, into).is_ok();
            if !told || row.run == Command::Info {
                set.extend(&PartitionSet::ALL);
            }
        }
        set
    }
}
