//! KEYS in slices: some keys at a time, so that a pattern over millions of them does not keep
//! everybody else waiting. What is there from its start to its end is in the reply, once.

use super::glob;
use crate::keyspace::{Cursor, Steps, Txn};
use crate::resp::ReplyBuf;

/// How far a step goes: some hundred microseconds under one lock, whatever the database holds.
const A_STEP: Steps = Steps { count: 1024, segments: 16 };

/// A KEYS on its way.
#[derive(Debug)]
pub struct KeysJob {
    pattern: Vec<u8>,
    next: Option<Cursor>,
    keys: usize,
    /// The keys as the reply has them: to be moved at the end, not written again.
    found: ReplyBuf,
}

impl KeysJob {
    /// Of the words of a KEYS command.
    pub fn new(args: &[&[u8]]) -> KeysJob {
        let (pattern, found) = (args[1].to_vec(), ReplyBuf::default());
        KeysJob { pattern, next: Some(Cursor::START), keys: 0, found }
    }

    /// The partition whose lock the next step needs; `None` when it is done.
    pub fn next(&self) -> Option<u8> {
        self.next.map(|cursor| cursor.partition)
    }

    /// Looks at some keys of one partition.
    pub fn step(&mut self, txn: &mut Txn<'_, '_>) {
        let Some(cursor) = self.next else { return };
        let all = self.pattern == b"*";
        let (pattern, keys, found) = (&self.pattern, &mut self.keys, &mut self.found);
        self.next = txn.scan_partition(cursor, &mut { A_STEP }, |key, _| {
            if all || glob::matches(pattern, key, glob::Case::Sensitive) {
                found.bulk(key);
                *keys += 1;
            }
        });
    }

    /// Writes the reply.
    pub fn finish(self, out: &mut ReplyBuf) {
        out.array(self.keys);
        out.append(self.found);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;

    fn keys(bench: &mut Bench, pattern: &[u8]) -> Vec<String> {
        let reply = bench.run(&[b"KEYS", pattern]);
        let reply = String::from_utf8(reply).expect("the test's keys are text");
        let mut keys: Vec<String> =
            reply.split("\r\n").skip(2).step_by(2).map(str::to_owned).collect();
        keys.sort();
        assert!(reply.starts_with(&format!("*{}\r\n", keys.len())), "{reply}");
        keys
    }

    #[test]
    fn keys_of_the_database_that_match_and_have_not_expired_are_returned() {
        let mut bench = Bench::new();
        bench.db = 2;
        bench.line("SET elsewhere 1");
        bench.db = 0;
        for line in ["SET one 1", "SADD two m", "ZADD three 1 m", "SET {tag}:4 1", "SET a*b 1"] {
            bench.line(line);
        }
        assert_eq!(keys(&mut bench, b"*"), ["a*b", "one", "three", "two", "{tag}:4"]);
        assert_eq!(keys(&mut bench, b"t*"), ["three", "two"]);
        assert_eq!(keys(&mut bench, b"?ne"), ["one"]);
        assert_eq!(keys(&mut bench, b"[nop]n[^f]"), ["one"]);
        assert_eq!(keys(&mut bench, b"a\\*b"), ["a*b"]);
        assert_eq!(keys(&mut bench, b"ONE"), Vec::<String>::new());
        assert_eq!(keys(&mut bench, b""), Vec::<String>::new());
        bench.check(&[("PEXPIRE two 5", ":1\r\n"), ("KEYS", WRONG), ("KEYS a b", WRONG)]);
        bench.pass_ms(4);
        assert_eq!(keys(&mut bench, b"t*"), ["three", "two"]);
        bench.pass_ms(1);
        assert_eq!(keys(&mut bench, b"t*"), ["three"]);
    }

    const WRONG: &str = "-ERR wrong number of arguments for 'keys' command\r\n";

    #[test]
    fn thousands_of_keys_are_returned_once_each() {
        let mut bench = Bench::new();
        // Seven slots: each takes several steps.
        for key in 0..20_000 {
            bench.line(&format!("SET {{{}}}{key} v", key % 7));
        }
        let mut all = keys(&mut bench, b"*");
        all.dedup();
        assert_eq!(all.len(), 20_000);
        assert_eq!(
            keys(&mut bench, b"{3}*99").len(),
            (3..20_000).step_by(7).filter(|n| n % 100 == 99).count()
        );
    }
}
