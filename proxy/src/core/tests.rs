//! Sessions without sockets: bytes of a pipeline in, bytes of its replies out, time by hand.

use super::group::HIGH_WATER_BYTES;
use super::session::{Cx, Session, Step};
use crate::clients::Clients;
use crate::config::{Config, Launch, Settings, Variables, fit_clients};
use crate::node::{Facts, Moment, Node};
use crate::stats::{Stats, ThreadStats};
use crate::stop::Stop;
use kinring_common::clock::Now;
use kinring_common::id::Actor;
use kinring_common::keyspace::HashSeed;
use kinring_common::resp::{Batch, Decoder, Limits, ReplyBuf};
use kinring_shard::{Shard, ShardOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A process without threads.
struct World {
    node: Node,
    stats: ThreadStats,
    wall_ms: u64,
    /// The most reply bytes that a batch stopped with.
    fullest: AtomicUsize,
}

impl World {
    fn new(flags: &[&str]) -> World {
        let args = flags.iter().map(std::ffi::OsString::from);
        let loaded = Config::load(args, &Variables::new(), &|_| panic!("no file is named"));
        let Ok(Launch::Run(config)) = loaded else { panic!("{flags:?} are good flags") };
        let (seed, actor) = (HashSeed(1), Actor(1));
        let shard = Shard::alone(ShardOptions { databases: config.databases as u16, seed, actor });
        let facts = Facts {
            run_id: String::new(),
            listening: Vec::new(),
            threads: (true, 1),
            executable: String::new(),
        };
        let node = Node {
            shard: Arc::new(shard),
            settings: Settings::new(*config, fit_clients),
            clients: Clients::default(),
            stats: Stats::default(),
            stop: Stop::default(),
            facts,
        };
        World {
            node,
            stats: ThreadStats::default(),
            wall_ms: 1_700_000_000_000,
            fullest: AtomicUsize::default(),
        }
    }

    fn connect(&self) -> Session {
        let addr = ([127, 0, 0, 1], 1).into();
        let client = self.node.clients.add(addr, addr, 0, 0);
        Session::new(client, !self.node.settings.now().requirepass.is_set(), 1)
    }

    /// Runs a pipeline of commands, a line each; returns the replies as text.
    fn run(&self, session: &mut Session, lines: &str) -> String {
        let request = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let bulks = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
            format!("*{}\r\n{}", words.len(), bulks.collect::<String>()).into_bytes()
        };
        let input: Vec<u8> = lines.trim().lines().flat_map(request).collect();
        let (mut batch, mut out) = (Batch::new(), ReplyBuf::new(session.protocol));
        let used = Decoder::new().decode(&input, &Limits::default(), &mut batch, 10_000);
        assert_eq!(used, Ok(input.len()), "{lines}");
        let now = Now { wall_ms: self.wall_ms, mono_us: 0 };
        let moment = Moment { now, wall_us: self.wall_ms * 1000 };
        let cx = Cx { node: &self.node, stats: &self.stats, moment, source: None, nanos: &|| 0 };
        let (mut from, mut bytes) = (0, Vec::new());
        loop {
            match session.run(&cx, (&batch, &input), from, &mut out) {
                Step::Done => break,
                Step::Full(next) => {
                    assert!(!out.is_empty(), "a batch stops for replies that are there");
                    self.fullest.fetch_max(out.len(), Relaxed);
                    bytes.extend(out.chunks().flatten().copied());
                    out.clear();
                    from = next;
                }
                Step::Slices { silent, next, .. } => {
                    if !silent {
                        out.simple("SLICES");
                    }
                    from = next;
                }
            }
        }
        bytes.extend(out.chunks().flatten().copied());
        String::from_utf8_lossy(&bytes).replace("\r\n", " ").trim_end().to_owned()
    }
}

#[test]
fn a_pipeline_is_answered_in_order_whatever_it_mixes() {
    let world = World::new(&[]);
    let mut a = world.connect();
    let replies = world
        .run(&mut a, "SET a 1\nPING\nINCR a\nSELECT 1\nGET a\nSELECT 0\nGET a\nNOPE\nMGET a b");
    assert_eq!(
        replies,
        "+OK +PONG :2 +OK $-1 +OK $1 2 -ERR unknown command 'NOPE', with args beginning with:  \
         *2 $1 2 $-1"
    );
}

#[test]
fn more_commands_than_a_group_holds_all_run_once() {
    let world = World::new(&[]);
    let mut a = world.connect();
    let lines = "INCR n\n".repeat(100);
    let replies = world.run(&mut a, &lines);
    let wanted: Vec<String> = (1..=100).map(|n| format!(":{n}")).collect();
    assert_eq!(replies, wanted.join(" "));
}

#[test]
fn exec_runs_what_was_queued_and_nothing_before() {
    let world = World::new(&[]);
    let (mut a, mut b) = (world.connect(), world.connect());
    assert_eq!(
        world.run(&mut a, "MULTI\nSET k 1\nINCR k\nINFO keyspace"),
        "+OK +QUEUED +QUEUED +QUEUED"
    );
    assert_eq!(world.run(&mut b, "GET k"), "$-1");
    let replies = world.run(&mut a, "EXEC");
    assert!(replies.starts_with("*3 +OK :2 $") && replies.contains("db0:keys=1"), "{replies}");
    assert_eq!(world.run(&mut b, "GET k"), "$1 2");
}

#[test]
fn a_watched_key_that_was_touched_fails_the_exec() {
    let world = World::new(&[]);
    let (mut a, mut b) = (world.connect(), world.connect());
    assert_eq!(world.run(&mut a, "WATCH k\nMULTI\nSET k mine"), "+OK +OK +QUEUED");
    world.run(&mut b, "SET k theirs");
    assert_eq!(world.run(&mut a, "EXEC\nGET k"), "*-1 $6 theirs");
    assert_eq!(
        world.run(&mut a, "MULTI\nSET k mine\nEXEC"),
        "+OK +QUEUED *1 +OK",
        "the watch ended"
    );
}

#[test]
fn a_watched_key_that_expires_fails_the_exec() {
    let mut world = World::new(&[]);
    let mut a = world.connect();
    world.run(&mut a, "SET k v PX 100\nWATCH k\nMULTI\nPING");
    world.wall_ms += 100;
    assert_eq!(world.run(&mut a, "EXEC"), "*-1");
}

#[test]
fn an_error_while_queueing_aborts_and_one_inside_does_not() {
    let world = World::new(&[]);
    let mut a = world.connect();
    let replies = world.run(&mut a, "MULTI\nGET\nSET x 1\nEXEC\nGET x");
    assert!(replies.contains("-EXECABORT"), "{replies}");
    assert!(replies.ends_with("$-1"), "{replies}");
    let replies = world.run(&mut a, "SET s v\nMULTI\nINCR s\nSET x 1\nEXEC\nGET x");
    assert!(
        replies.ends_with("*2 -ERR value is not an integer or out of range +OK $1 1"),
        "{replies}"
    );
}

#[test]
fn nothing_but_a_password_opens_a_guarded_server() {
    let world = World::new(&["--requirepass", "secret"]);
    let mut a = world.connect();
    let noauth = "-NOAUTH Authentication required.";
    assert_eq!(world.run(&mut a, "GET k\nSET k v\nKEYS *"), [noauth; 3].join(" "));
    assert!(world.run(&mut a, "GET").starts_with("-ERR wrong number"), "arity first, as in Redis");
    assert!(world.run(&mut a, "AUTH wrong").starts_with("-WRONGPASS"));
    assert_eq!(world.run(&mut a, "GET k"), noauth);
    assert_eq!(world.run(&mut a, "AUTH secret\nGET k"), "+OK $-1");
    assert_eq!(world.run(&mut a, "RESET\nGET k"), format!("+RESET {noauth}"));
}

#[test]
fn client_reply_silences_what_it_says() {
    let world = World::new(&[]);
    let mut a = world.connect();
    assert_eq!(world.run(&mut a, "CLIENT REPLY SKIP\nSET a 1\nGET a"), "$1 1");
    assert_eq!(world.run(&mut a, "CLIENT REPLY OFF\nGET a\nPING\nCLIENT REPLY ON"), "+OK");
    assert_eq!(world.run(&mut a, "CLIENT REPLY SKIP\nKEYS *\nKEYS *"), "+SLICES");
    assert_eq!(
        world.run(&mut a, "CLIENT REPLY OFF\nKEYS *\nCLIENT REPLY ON\nKEYS *"),
        "+OK +SLICES"
    );
    assert_eq!(world.run(&mut a, "CLIENT REPLY SKIP\nRESET\nPING"), "+PONG");
}

#[test]
fn client_reply_counts_from_where_it_stands_inside_exec() {
    let world = World::new(&[]);
    let mut a = world.connect();
    let queued = |n: usize| vec!["+QUEUED"; n].join(" ");
    // The array is shorter than it says: so it is in Redis, seen on a raw socket.
    let replies = world.run(&mut a, "MULTI\nECHO a\nCLIENT REPLY OFF\nECHO b\nEXEC\nECHO c");
    assert_eq!(replies, format!("+OK {} *3 $1 a", queued(3)));
    let replies = world.run(&mut a, "MULTI\nECHO a\nCLIENT REPLY ON\nECHO b\nEXEC\nECHO c");
    assert_eq!(replies, "+OK $1 b $1 c");
    let replies =
        world.run(&mut a, "MULTI\nECHO a\nCLIENT REPLY SKIP\nECHO b\nEXEC\nECHO c\nECHO d");
    assert_eq!(replies, format!("+OK {} *3 $1 a $1 b $1 d", queued(3)));
    let replies = world.run(&mut a, "CLIENT REPLY SKIP\nEXEC\nPING");
    assert_eq!(replies, "+PONG");
}

#[test]
fn quit_answers_and_runs_nothing_behind_it() {
    let world = World::new(&[]);
    let mut a = world.connect();
    assert_eq!(world.run(&mut a, "QUIT\nSET a 1"), "+OK");
    assert!(a.closing);
    assert_eq!(world.run(&mut world.connect(), "GET a"), "$-1");
}

#[test]
fn keys_stands_between_what_was_before_and_what_comes_after() {
    let world = World::new(&[]);
    let mut a = world.connect();
    assert_eq!(world.run(&mut a, "SET a 1\nKEYS *\nGET a"), "+OK +SLICES $1 1");
    assert_eq!(world.run(&mut a, "MULTI\nKEYS *\nEXEC"), "+OK +QUEUED *1 *1 $1 a");
}

#[test]
fn replies_past_the_high_water_mark_stop_the_batch() {
    let world = World::new(&[]);
    let mut a = world.connect();
    world.run(&mut a, &format!("SET big {}", "x".repeat(60_000)));
    let replies = world.run(&mut a, &"GET big\n".repeat(50));
    assert_eq!(replies.matches("$60000").count(), 50, "they go on where they stopped");
}

#[test]
fn replies_are_never_more_than_one_past_the_high_water_mark() {
    const BIG: usize = 3_000_000;
    let world = World::new(&[]);
    let mut a = world.connect();
    world.run(&mut a, &format!("SET big {}", "x".repeat(BIG)));
    // Counters between show that what stops a batch is run once, and in order.
    let replies = world.run(&mut a, &"INCR n\nGET big\nNOPE\nPING\nINCR n\n".repeat(20));
    assert_eq!(replies.matches("$3000000").count(), 20);
    let numbers = replies.split(' ').filter_map(|word| word.strip_prefix(':')?.parse().ok());
    assert_eq!(numbers.collect::<Vec<u32>>(), (1..=40).collect::<Vec<u32>>());
    let fullest = world.fullest.load(Relaxed);
    assert!(fullest < HIGH_WATER_BYTES + BIG + 1000, "{fullest} bytes at once");
}
