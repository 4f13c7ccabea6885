//! Plays a sequence on both servers and finds the first difference.

use super::super::reply::{Compare, Reply};
use super::super::twins::{Pair, Twins};
use super::Op;
use std::fmt;
use std::io;

/// Two replies that should be the same.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The number of the request; past the end: in what is left in the databases.
    pub at: usize,
    request: String,
    ours: Reply,
    theirs: Reply,
}

/// Requests sent before their replies are read.
const BATCH_MAX: usize = 64;

/// Their bytes: what the buffers of two sockets hold, so that nobody waits for the other.
const BATCH_BYTES_MAX: usize = 48 * 1024;

/// How far times may be apart: more than a busy machine stops a process.
const APART_S: i64 = 20;

/// Databases that are compared in the end.
const DATABASES: usize = 16;

/// Plays a sequence from an empty store.
///
/// # Errors
/// Those of connections, a server that has closed included.
pub fn play(twins: &Twins, ops: &[Op]) -> io::Result<Option<Difference>> {
    twins.clear()?;
    let mut players = [Player::new(twins)?, Player::new(twins)?];
    let mut at = 0;
    while at < ops.len() {
        let player = &mut players[ops[at].connection];
        let batch = batch(&ops[at..]);
        for op in &ops[at..at + batch] {
            player.pair.push(&op.words);
        }
        player.pair.flush();
        for (i, op) in ops[at..at + batch].iter().enumerate() {
            let (ours, theirs) = player.pair.replies()?;
            if !player.same(op, &ours, &theirs) {
                let request = shown(&op.words);
                return Ok(Some(Difference { at: at + i, request, ours, theirs }));
            }
            if ours.is_closed() {
                return Err(io::Error::other(format!("closed after {}", shown(&op.words))));
            }
        }
        at += batch;
    }
    leftovers(twins, ops.len())
}

/// How many requests from the first on go together: those of its connection.
fn batch(ops: &[Op]) -> usize {
    let mut bytes = 0;
    let fits = |op: &&Op| {
        bytes += op.words.iter().map(|word| word.len() + 16).sum::<usize>();
        op.connection == ops[0].connection && bytes <= BATCH_BYTES_MAX
    };
    ops.iter().take(BATCH_MAX).take_while(fits).count().max(1)
}

struct Player {
    pair: Pair,
    /// Of the Redis.
    version: (u32, u32),
    /// How the replies of EXEC are compared, one by one.
    queued: Vec<Compare>,
}

impl Player {
    fn new(twins: &Twins) -> io::Result<Player> {
        let version = twins.redis_version()?;
        Ok(Player { pair: twins.connect()?, version, queued: Vec::new() })
    }

    fn same(&mut self, op: &Op, ours: &Reply, theirs: &Reply) -> bool {
        let name = op.words[0].to_ascii_uppercase();
        let how = compare(&name, self.version);
        if ours.head == b"+QUEUED" {
            self.queued.push(how);
            return ours == theirs;
        }
        if name != b"EXEC" {
            if matches!(&name[..], b"MULTI" | b"DISCARD" | b"RESET") && ours.kind() != b'-' {
                self.queued.clear();
            }
            return how.same(ours, theirs);
        }
        let queued = std::mem::take(&mut self.queued);
        let mut children = ours.children.iter().zip(&theirs.children).zip(queued);
        ours.head == theirs.head && children.all(|((ours, theirs), how)| how.same(ours, theirs))
    }
}

/// How the replies of a command are compared with a Redis of this version.
fn compare(name: &[u8], version: (u32, u32)) -> Compare {
    match name {
        b"KEYS" | b"SMEMBERS" | b"SCAN" => Compare::Unordered,
        b"HGETALL" => Compare::Pairs,
        b"ZADD" | b"ZRANGE" | b"ZSCORE" => Compare::scores(version),
        b"RANDOMKEY" => Compare::Nullness,
        b"TTL" | b"EXPIRETIME" => Compare::Near(APART_S),
        b"PTTL" | b"PEXPIRETIME" => Compare::Near(APART_S * 1000),
        b"HELLO" | b"TIME" => Compare::Shape,
        _ => Compare::Exact,
    }
}

/// The first difference in what the databases hold.
fn leftovers(twins: &Twins, at: usize) -> io::Result<Option<Difference>> {
    let version = twins.redis_version()?;
    let mut pair = twins.connect()?;
    for db in 0..DATABASES {
        let select = vec![b"SELECT".to_vec(), db.to_string().into_bytes()];
        pair.ask(&select)?;
        let all = vec![b"KEYS".to_vec(), b"*".to_vec()];
        let (ours, theirs) = pair.ask(&all)?;
        if !Compare::Unordered.same(&ours, &theirs) {
            let request = format!("db {db}: {}", shown(&all));
            return Ok(Some(Difference { at, request, ours, theirs }));
        }
        for key in theirs.children.iter().filter_map(|key| key.payload.as_deref()) {
            for request in looks(&mut pair, key)? {
                let (ours, theirs) = pair.ask(&request)?;
                let how = compare(&request[0], version);
                if !how.same(&ours, &theirs) {
                    let request = format!("db {db}: {}", shown(&request));
                    return Ok(Some(Difference { at, request, ours, theirs }));
                }
            }
        }
    }
    Ok(None)
}

/// The requests that show all of a key.
fn looks(pair: &mut Pair, key: &[u8]) -> io::Result<Vec<Vec<Vec<u8>>>> {
    let request = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect();
    let kind = pair.redis.ask(&[b"TYPE", key])?;
    let value: Vec<Vec<u8>> = match kind.text().unwrap_or_default() {
        b"string" => request(&[b"GET", key]),
        b"hash" => request(&[b"HGETALL", key]),
        b"list" => request(&[b"LRANGE", key, b"0", b"-1"]),
        b"set" => request(&[b"SMEMBERS", key]),
        b"zset" => request(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]),
        _ => request(&[b"EXISTS", key]),
    };
    // The first TYPE went to one side only: it changes nothing.
    Ok(vec![request(&[b"TYPE", key]), request(&[b"PTTL", key]), value])
}

fn shown(words: &[Vec<u8>]) -> String {
    let quoted = |word: &Vec<u8>| format!("\"{}\"", super::super::reply::Quoted(word));
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  kinring: {}\n  redis:   {}", self.request, self.ours, self.theirs)
    }
}
