//! One keyspace and one connection for tests of commands: words in, bytes out, time by hand.

use super::{Outcome, Place, execute, plan, table};
use crate::clock::Now;
use crate::id::Actor;
use crate::keyspace::{
    Doomed, Effect, Effects, HashSeed, Interest, Keyspace, Options, PartitionSet, Txn,
};
use crate::resp::{Protocol, ReplyBuf};

/// See the module.
pub struct Bench {
    /// The keys.
    pub space: Keyspace,
    /// The time, moved by the test.
    pub now: Now,
    /// The selected database.
    pub db: u8,
    /// What replies are written in.
    pub protocol: Protocol,
    /// What the commands did.
    pub effects: Vec<Effect>,
    /// What they took out, as nobody frees it.
    pub doomed: Vec<Doomed>,
    random: u64,
}

impl Bench {
    /// With 16 databases, the only owner of its slots, at 1,700,000,000 seconds of Unix time.
    pub fn new() -> Bench {
        Bench::with(|_| {})
    }

    /// The same with other options.
    pub fn with(change: impl FnOnce(&mut Options)) -> Bench {
        let mut options = Options {
            seed: HashSeed(1),
            actor: Actor(7),
            databases: 16,
            lone: true,
            deltas: false,
            events: true,
            digests: false,
        };
        change(&mut options);
        Bench {
            space: Keyspace::new(options),
            now: Now { wall_ms: 1_700_000_000_000, mono_us: 0 },
            db: 0,
            protocol: Protocol::Resp2,
            effects: Vec::new(),
            doomed: Vec::new(),
            random: 1,
        }
    }

    /// Lets time pass.
    pub fn pass_ms(&mut self, ms: u64) {
        self.now.wall_ms += ms;
        self.now.mono_us += ms * 1000;
    }

    /// Runs one command given as words; returns the bytes of its reply.
    pub fn run(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let mut out = ReplyBuf::new(self.protocol);
        let row = match table::resolve(words) {
            Ok(row) => row,
            Err(error) => {
                out.error(&error);
                return bytes(&out);
            }
        };
        assert_eq!(row.place, Place::Keyspace, "{} is the session's", row.name);
        let (mut set, mut hints) = (PartitionSet::default(), plan::Hints::new());
        let reach = plan::reach(&self.space, row, words, self.db, false, (&mut set, &mut hints));
        if let Err(error) = reach {
            out.error(&error);
            return bytes(&out);
        }
        let interest = Interest { touched: true, ready: true, ..self.space.interest() };
        let mut effects = Effects::new(interest);
        let mut locks = self.space.lock(&set);
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut txn =
            Txn::new(&mut locks, &mut effects, self.now, self.db, self.random).with_hints(&hints);
        match execute(row.run, &mut txn, words, &mut out) {
            Ok(Outcome::Reply) => {}
            Ok(Outcome::Slices(mut job)) => {
                while job.next().is_some() {
                    job.step(&mut txn);
                }
                job.finish(&mut out);
            }
            Err(error) => {
                assert!(out.is_empty(), "{words:?} wrote before it refused");
                out.error(&error);
            }
        }
        locks.settle(&effects);
        self.effects.extend(effects.drain());
        self.doomed.append(&mut effects.doomed);
        bytes(&out)
    }

    /// Runs a command line, its words separated by blanks; returns the reply as text.
    pub fn line(&mut self, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        String::from_utf8_lossy(&self.run(&words)).into_owned()
    }

    /// Runs lines and compares each reply: `("SET a b", "+OK\r\n")`.
    pub fn check(&mut self, cases: &[(&str, &str)]) {
        for (line, wanted) in cases {
            assert_eq!(self.line(line), *wanted, "{line}");
        }
    }
}

fn bytes(out: &ReplyBuf) -> Vec<u8> {
    out.chunks().flatten().copied().collect()
}

#[test]
fn a_set_value_is_read_back_and_expires_with_its_deadline() {
    let mut bench = Bench::new();
    bench.check(&[("GET a", "$-1\r\n"), ("SET a 1", "+OK\r\n"), ("GET a", "$1\r\n1\r\n")]);
    assert!(bench.line("KEYS *").contains("\r\na\r\n"));
}
