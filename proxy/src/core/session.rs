//! One connection's state and the way of its requests: look up, gather, run, reply.

use super::group::{Group, HIGH_WATER_BYTES, Manner, Words, refuse};
use super::transaction::{Queue, Watching};
use crate::clients::Client;
use crate::node::{Moment, Node};
use crate::stats::{ThreadStats, add};
use bytes::Bytes;
use kinring_common::command::table::{self, flag};
use kinring_common::command::{Command, CommandError, KeysJob, Place, Row};
use kinring_common::keyspace::Txn;
use kinring_common::resp::{Batch, Mark, Protocol, ProtocolError, ReplyBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Which replies the client wants (CLIENT REPLY). What is written while one is not wanted is lost,
/// whatever a later command says: so it is in Redis, inside EXEC too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplyMode {
    /// None, until the client says otherwise.
    pub off: bool,
    /// Not that of this request.
    pub skip: bool,
    /// Not that of the next one.
    pub skip_next: bool,
}

impl ReplyMode {
    /// Whether what is written now is lost.
    #[inline]
    pub fn is_silent(self) -> bool {
        self.off || self.skip
    }

    /// The request is over.
    fn after(self) -> ReplyMode {
        ReplyMode { off: self.off, skip: self.skip_next, skip_next: false }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    /// What others see of this connection.
    pub client: Arc<Client>,
    /// The selected database.
    pub db: u8,
    /// The protocol that replies are written in.
    pub protocol: Protocol,
    /// Whether it may use more than AUTH and its like.
    pub authenticated: bool,
    /// The connection closes when the replies so far are written.
    pub closing: bool,
    pub(super) reply: ReplyMode,
    pub(super) touch: bool,
    pub(super) multi: Option<Queue>,
    pub(super) watching: Option<Watching>,
    random: u64,
}

/// What a request runs with besides its words.
pub struct Cx<'a> {
    /// The process.
    pub node: &'a Node,
    /// The thread's numbers.
    pub stats: &'a ThreadStats,
    /// The moment of the batch.
    pub moment: Moment,
    /// The buffer that the words lie in, if it may be kept (see [`Txn::source`]).
    pub source: Option<&'a Bytes>,
    /// A clock for how long commands take.
    pub nanos: &'a dyn Fn() -> u64,
}

/// Whether a command is timed: for how many calls it stands, and when it began.
#[derive(Clone, Copy, Debug)]
pub struct Begun(Option<(u64, u64)>);

/// Why [`Session::run`] came back.
#[derive(Debug)]
pub enum Step {
    /// Every request of the batch has run.
    Done,
    /// Replies piled up: write them, then go on with this request.
    Full(usize),
    /// This job comes first; then go on with this request.
    Slices {
        /// The job.
        job: Box<KeysJob>,
        /// Whether its reply is lost (CLIENT REPLY).
        silent: bool,
        /// The request behind it.
        next: usize,
    },
}

impl Cx<'_> {
    /// A command begins; what this gives is for [`Cx::end`].
    #[inline]
    pub fn begin(&self, row: &Row) -> Begun {
        Begun(self.stats.commands.call(row).map(|weight| (weight, (self.nanos)())))
    }

    /// The command is over.
    #[inline]
    pub fn end(&self, row: &Row, begun: Begun, failed: bool) {
        if begun.0.is_some() || failed {
            self.note_end(row, begun.0, failed);
        }
    }

    #[cold]
    fn note_end(&self, row: &Row, begun: Option<(u64, u64)>, failed: bool) {
        if let Some((weight, at)) = begun {
            let nanos = (self.nanos)().saturating_sub(at);
            self.stats.commands.took(row, nanos, weight);
        }
        if failed {
            self.stats.commands.fail(row);
        }
    }

    /// Adds a transaction's numbers to the thread's.
    pub fn count(&self, txn: &Txn<'_, '_>, row: &Row) {
        let (hits, misses) = txn.hits_and_misses(row.counts_looks());
        add(&self.stats.hits, hits);
        add(&self.stats.misses, misses);
    }
}

impl Session {
    /// A new connection; `seed` feeds RANDOMKEY and its like.
    pub fn new(client: Arc<Client>, authenticated: bool, seed: u64) -> Session {
        Session {
            client,
            db: 0,
            protocol: Protocol::Resp2,
            authenticated,
            closing: false,
            reply: ReplyMode::default(),
            touch: true,
            multi: None,
            watching: None,
            random: seed | 1,
        }
    }

    /// Runs the requests of a batch from number `from` on; replies go to `out`.
    pub fn run<'b>(
        &mut self,
        cx: &Cx<'_>,
        (batch, input): (&'b Batch, &'b [u8]),
        from: usize,
        out: &mut ReplyBuf,
    ) -> Step {
        // First, as a command may show it.
        self.client.active_us.store(cx.moment.now.mono_us, Relaxed);
        let mut last = None;
        let step = self.run_on(cx, (batch, input), from, out, &mut last);
        self.note(last);
        step.err().unwrap_or(Step::Done)
    }

    /// The same; the error is where it stopped before the end.
    fn run_on<'b>(
        &mut self,
        cx: &Cx<'_>,
        (batch, input): (&'b Batch, &'b [u8]),
        from: usize,
        out: &mut ReplyBuf,
        last: &mut Option<Command>,
    ) -> Result<(), Step> {
        let mut group = Group::default();
        let mut words = Words::new();
        for at in from..batch.len() {
            if self.closing {
                break;
            }
            if group.is_full() {
                self.flush(&mut group, at, cx, out)?;
            }
            if out.len() > HIGH_WATER_BYTES {
                debug_assert!(group.is_empty(), "replies do not grow while commands are gathered");
                return Err(Step::Full(at));
            }
            batch.args(at, input, &mut words);
            let row = match table::resolve(&words) {
                Ok(row) => row,
                Err(error) => {
                    self.flush(&mut group, at, cx, out)?;
                    self.refuse_unknown(cx, &words, &error, out);
                    continue;
                }
            };
            *last = Some(row.run);
            if self.is_plain() && row.place == Place::Keyspace && row.has_keys() {
                if let Err(error) = group.push(cx.node, row, &words, self.db) {
                    self.flush(&mut group, at, cx, out)?;
                    refuse(cx.node, out, &error);
                }
                continue;
            }
            self.flush(&mut group, at, cx, out)?;
            if row.run == Command::Keys && self.authenticated && self.multi.is_none() {
                // Its slices are timed one by one.
                cx.stats.commands.call(row);
                let silent = self.reply.is_silent();
                self.reply = self.reply.after();
                let job = Box::new(KeysJob::new(&words));
                return Err(Step::Slices { job, silent, next: at + 1 });
            }
            self.run_alone(cx, row, &words, out);
        }
        self.flush(&mut group, batch.len(), cx, out)
    }

    /// What others may see of the batch.
    fn note(&self, last: Option<Command>) {
        if let Some(command) = last {
            self.client.command.store(command as u16 + 1, Relaxed);
        }
    }

    /// Whether commands on keys may simply run.
    #[inline]
    fn is_plain(&self) -> bool {
        self.authenticated && self.multi.is_none() && self.reply == ReplyMode::default()
    }

    /// Runs what was gathered, which are the requests right before number `at`.
    #[inline]
    fn flush(
        &mut self,
        group: &mut Group<'_>,
        at: usize,
        cx: &Cx<'_>,
        out: &mut ReplyBuf,
    ) -> Result<(), Step> {
        if group.is_empty() {
            return Ok(());
        }
        let gathered = group.len();
        let manner = self.manner(cx);
        match group.run(cx, manner, out) {
            ran if ran == gathered => Ok(()),
            ran => Err(Step::Full(at - gathered + ran)),
        }
    }

    /// How this connection's commands run.
    pub(super) fn manner(&mut self, cx: &Cx<'_>) -> Manner {
        // xorshift64: a different number for each group, the same sequence for the same seed.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let text_bytes_max = cx.node.settings.now().proto_max_bulk_len_bytes as usize;
        Manner { db: self.db, touch: self.touch, random: self.random, text_bytes_max }
    }

    fn refuse_unknown(
        &mut self,
        cx: &Cx<'_>,
        words: &[&[u8]],
        error: &CommandError,
        out: &mut ReplyBuf,
    ) {
        let mark = out.mark();
        // An EXEC that is refused ends its transaction.
        let exec = table::find(words[0]).is_some_and(|row| row.run == Command::Exec);
        if exec {
            let aborted = self.abort_exec(cx, error);
            refuse(cx.node, out, &aborted);
        } else {
            self.break_transaction();
            refuse(cx.node, out, error);
        }
        if let CommandError::Arity { command } = error
            && let Some(row) = table::TABLE.iter().find(|row| row.name == *command)
        {
            cx.stats.commands.reject(row);
        }
        self.silence(mark, out);
        self.reply = self.reply.after();
    }

    /// One request that is not gathered with others.
    fn run_alone(&mut self, cx: &Cx<'_>, row: &'static Row, words: &[&[u8]], out: &mut ReplyBuf) {
        self.client.command.store(row.run as u16 + 1, Relaxed);
        let mark = out.mark();
        // EXEC silences its commands one by one: one of them may be CLIENT REPLY.
        let executes = row.run == Command::Exec;
        match self.dispatch(cx, row, words, out) {
            Ok(()) if executes => {}
            Ok(()) => self.silence(mark, out),
            Err(error) => {
                out.truncate(mark);
                refuse(cx.node, out, &error);
                self.silence(mark, out);
            }
        }
        self.reply = self.reply.after();
    }

    fn dispatch(
        &mut self,
        cx: &Cx<'_>,
        row: &'static Row,
        words: &[&[u8]],
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        if !self.authenticated && !row.has(flag::NO_AUTH) {
            cx.stats.commands.reject(row);
            if row.run == Command::Exec {
                return Err(self.abort_exec(cx, &CommandError::NoAuth));
            }
            return Err(CommandError::NoAuth);
        }
        if self.multi.is_some() {
            match row.run {
                Command::Exec
                | Command::Discard
                | Command::Multi
                | Command::Watch
                | Command::Quit
                | Command::Reset => {}
                _ if row.has(flag::NO_MULTI) => {
                    cx.stats.commands.reject(row);
                    self.break_transaction();
                    return Err(CommandError::NotInMulti);
                }
                _ => {
                    let bytes_max = cx.node.settings.now().client_query_buffer_limit_bytes;
                    return self.queue(row, words, bytes_max, out);
                }
            }
        }
        if row.place == Place::Session {
            let begun = cx.begin(row);
            let done = self.control(row, words, cx, None, out);
            cx.end(row, begun, done.is_err());
            return done;
        }
        let mut group = Group::default();
        group.push(cx.node, row, words, self.db)?;
        let manner = self.manner(cx);
        group.run(cx, manner, out);
        Ok(())
    }

    /// What the client sent is no request: it is told so, unless it wants no reply, and the
    /// connection ends. (Redis says as little, but then forgets to close.)
    pub fn refuse_input(&mut self, node: &Node, error: ProtocolError, out: &mut ReplyBuf) {
        self.closing = true;
        if error == ProtocolError::RequestTooLarge {
            node.stats.query_limit_closed.fetch_add(1, Relaxed);
        }
        if !error.is_silent() {
            let mark = out.mark();
            refuse(node, out, &CommandError::Other(format!("ERR {error}").into()));
            self.silence(mark, out);
        }
    }

    /// Takes back what was written since `mark` if it is not wanted.
    pub(super) fn silence(&self, mark: Mark, out: &mut ReplyBuf) {
        if self.reply.is_silent() {
            out.truncate(mark);
        }
    }
}
