//! ZADD, ZRANGE, ZREM and their kin: requests and their replies.

use super::super::testing::Bench;
use crate::resp::Protocol;

/// Alone, where nothing deleted is kept, and as one owner of several, where tombstones and deltas
/// are.
fn check(cases: &[(&str, &str)]) {
    for lone in [true, false] {
        let mut bench = Bench::with(|options| {
            options.lone = lone;
            options.deltas = !lone;
        });
        bench.check(cases);
    }
}

fn check_resp3(cases: &[(&str, &str)]) {
    let mut bench = Bench::new();
    bench.protocol = Protocol::Resp3;
    bench.check(cases);
}

/// The same for replies that are arrays of strings: their words with blanks between.
fn check_words(cases: &[(&str, &str)]) {
    let mut bench = Bench::new();
    for (line, wanted) in cases {
        let reply = bench.line(line);
        let mut lines = reply.split("\r\n");
        let words: Vec<&str> = match lines.next() {
            Some(head) if head.starts_with('*') => lines.skip(1).step_by(2).collect(),
            _ => vec![&reply],
        };
        assert_eq!(words.join(" "), *wanted, "{line}");
    }
}

#[test]
fn what_is_no_score_or_no_set_of_options_is_refused() {
    check(&[
        ("ZADD z 1", "-ERR wrong number of arguments for 'zadd' command\r\n"),
        ("ZADD z 1 a 2", "-ERR syntax error\r\n"),
        ("ZADD z NX 1", "-ERR syntax error\r\n"),
        ("ZADD z NX XX", "-ERR syntax error\r\n"),
        ("ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible\r\n"),
        (
            "ZADD z nx gt 1 a",
            "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n",
        ),
        (
            "ZADD z NX LT 1 a",
            "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n",
        ),
        (
            "ZADD z GT LT 1 a",
            "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n",
        ),
        (
            "ZADD z XX NX GT LT INCR 1 a 2 b",
            "-ERR XX and NX options at the same time are not compatible\r\n",
        ),
        (
            "ZADD z GT LT INCR 1 a 2 b",
            "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n",
        ),
        ("ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair\r\n"),
        ("ZADD z INCR x a 2 b", "-ERR INCR option supports a single increment-element pair\r\n"),
        ("ZADD z x a", "-ERR value is not a valid float\r\n"),
        ("ZADD z nan a", "-ERR value is not a valid float\r\n"),
        ("ZADD z 1 a x b", "-ERR value is not a valid float\r\n"),
        ("ZADD z 1e400 a", "-ERR value is not a valid float\r\n"),
        ("ZADD z ch", "-ERR wrong number of arguments for 'zadd' command\r\n"),
        ("ZADD z foo 1 a", "-ERR syntax error\r\n"),
        ("EXISTS z", ":0\r\n"),
    ]);
}

#[test]
fn scores_are_set_under_the_conditions_of_the_options() {
    check(&[
        ("ZADD z XX 1 a", ":0\r\n"),
        ("ZADD z XX INCR 1 a", "$-1\r\n"),
        ("ZADD z XX CH 1 a", ":0\r\n"),
        ("EXISTS z", ":0\r\n"),
        ("ZADD z 1 a", ":1\r\n"),
        ("ZADD z 1 a", ":0\r\n"),
        ("ZADD z CH 1 a 2 b", ":1\r\n"),
        ("ZADD z CH 2 a 3 b 4 c", ":3\r\n"),
        ("ZADD z 1 a", ":0\r\n"),
        ("ZADD z NX CH 9 a 5 d", ":1\r\n"),
        ("ZADD z XX CH 2 a 5 e", ":1\r\n"),
        ("ZADD z GT CH 1 a 7 b 0 f", ":2\r\n"),
        ("ZADD z LT CH 3 a 6 b 0 g", ":2\r\n"),
        ("ZADD z LT CH 1 a", ":1\r\n"),
        ("ZADD z XX GT CH 5 a 5 none", ":1\r\n"),
        ("ZADD z GT XX CH 5 a", ":0\r\n"),
        ("ZADD z CH 1 dup 2 dup", ":2\r\n"),
        ("ZADD z CH GT 1 twice 2 twice 1 twice", ":2\r\n"),
        ("ZADD z INCR 1.5 a", "$3\r\n6.5\r\n"),
        ("ZADD z NX INCR 1 a", "$-1\r\n"),
        ("ZADD z GT INCR -1 a", "$-1\r\n"),
        ("ZADD z LT INCR 1 a", "$-1\r\n"),
        ("ZADD z LT INCR -1 a", "$3\r\n5.5\r\n"),
        ("ZADD z XX INCR 1 none", "$-1\r\n"),
        ("ZADD z INCR 0 a", "$3\r\n5.5\r\n"),
        ("ZADD z INCR 0.1 h", "$3\r\n0.1\r\n"),
        ("ZADD z NX INCR 3 i", "$1\r\n3\r\n"),
        ("ZADD z INCR inf i", "$3\r\ninf\r\n"),
        ("ZADD z INCR -inf i", "-ERR resulting score is not a number (NaN)\r\n"),
        ("ZADD z INCR inf i", "$3\r\ninf\r\n"),
        ("ZADD z -inf i", ":0\r\n"),
        ("ZADD z INCR +inf i", "-ERR resulting score is not a number (NaN)\r\n"),
        ("ZADD z INCR NaN i", "-ERR value is not a valid float\r\n"),
        ("ZADD z 0x10 hex", ":1\r\n"),
        ("ZADD n -0 a", ":1\r\n"),
        ("ZADD n INCR -0 b", "$2\r\n-0\r\n"),
        ("ZRANGE n 0 -1 WITHSCORES", "*4\r\n$1\r\na\r\n$1\r\n0\r\n$1\r\nb\r\n$1\r\n0\r\n"),
        ("ZRANGE z 0 0 WITHSCORES", "*2\r\n$1\r\ni\r\n$4\r\n-inf\r\n"),
        ("ZRANGE z 3 4 WITHSCORES", "*4\r\n$1\r\nh\r\n$3\r\n0.1\r\n$3\r\ndup\r\n$1\r\n2\r\n"),
        ("ZRANGE z -2 -1 WITHSCORES", "*4\r\n$1\r\nb\r\n$1\r\n6\r\n$3\r\nhex\r\n$2\r\n16\r\n"),
    ]);
}

#[test]
fn scores_are_doubles_in_resp3() {
    check_resp3(&[
        ("ZADD z XX INCR 1 a", "_\r\n"),
        ("ZADD z 1 a", ":1\r\n"),
        ("ZADD z INCR 1.5 a", ",2.5\r\n"),
        ("ZADD z NX INCR 1 a", "_\r\n"),
        ("ZADD z GT INCR -1 a", "_\r\n"),
        ("ZADD z INCR 0.1 h", ",0.1\r\n"),
        ("ZADD z INCR inf i", ",inf\r\n"),
        ("ZADD z INCR -inf i", "-ERR resulting score is not a number (NaN)\r\n"),
        ("ZADD z NX CH 1 a", ":0\r\n"),
        ("ZRANGE z 0 -1", "*3\r\n$1\r\nh\r\n$1\r\na\r\n$1\r\ni\r\n"),
        (
            "ZRANGE z 0 -1 WITHSCORES",
            "*3\r\n*2\r\n$1\r\nh\r\n,0.1\r\n*2\r\n$1\r\na\r\n,2.5\r\n*2\r\n$1\r\ni\r\n,inf\r\n",
        ),
        ("ZRANGE z (3 1 BYSCORE WITHSCORES REV", "*1\r\n*2\r\n$1\r\na\r\n,2.5\r\n"),
        ("ZRANGE z 9 9 WITHSCORES", "*0\r\n"),
        ("ZRANGE none 0 -1 WITHSCORES", "*0\r\n"),
    ]);
}

#[test]
fn a_range_is_refused_in_the_words_of_redis() {
    check(&[
        ("ZRANGE z 0", "-ERR wrong number of arguments for 'zrange' command\r\n"),
        ("ZRANGE z 0 1 foo", "-ERR syntax error\r\n"),
        ("ZRANGE z 0 1 LIMIT 1", "-ERR syntax error\r\n"),
        ("ZRANGE z 0 1 LIMIT 1 x", "-ERR value is not an integer or out of range\r\n"),
        ("ZRANGE z 0 1 LIMIT x 1 foo", "-ERR value is not an integer or out of range\r\n"),
        (
            "ZRANGE z 0 1 LIMIT 0 1",
            "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX\r\n",
        ),
        ("ZRANGE z 0 1 LIMIT 5 -1", "*0\r\n"),
        (
            "ZRANGE z x 1 LIMIT 0 1",
            "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX\r\n",
        ),
        ("ZRANGE z 0 1 REV REV", "-ERR syntax error\r\n"),
        ("ZRANGE z 0 1 BYSCORE BYLEX", "-ERR syntax error\r\n"),
        ("ZRANGE z 0 1 BYLEX BYLEX", "-ERR syntax error\r\n"),
        (
            "ZRANGE z 0 1 BYLEX WITHSCORES",
            "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n",
        ),
        ("ZRANGE z 0 1 WITHSCORES WITHSCORES", "*0\r\n"),
        (
            "ZRANGE z 0 1 LIMIT 0 1 BYLEX WITHSCORES",
            "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n",
        ),
        ("ZRANGE z x 1", "-ERR value is not an integer or out of range\r\n"),
        ("ZRANGE z 0 1.0", "-ERR value is not an integer or out of range\r\n"),
        ("ZRANGE z 0 9223372036854775808", "-ERR value is not an integer or out of range\r\n"),
        ("ZRANGE z x 1 BYSCORE", "-ERR min or max is not a float\r\n"),
        ("ZRANGE z nan 1 BYSCORE", "-ERR min or max is not a float\r\n"),
        ("ZRANGE z ((1 1 BYSCORE", "-ERR min or max is not a float\r\n"),
        ("ZRANGE z 1 [2 BYSCORE", "-ERR min or max is not a float\r\n"),
        ("ZRANGE z a b BYLEX", "-ERR min or max not valid string range item\r\n"),
        ("ZRANGE z [a b BYLEX", "-ERR min or max not valid string range item\r\n"),
        ("ZRANGE z -1 [b BYLEX", "-ERR min or max not valid string range item\r\n"),
        ("ZRANGE z  [b BYLEX", "-ERR min or max not valid string range item\r\n"),
        ("ZRANGE z  1 BYSCORE", "*0\r\n"),
        ("ZRANGE z 0 -1", "*0\r\n"),
        ("ZRANGE z 0 -1 WITHSCORES", "*0\r\n"),
        ("ZRANGE z 1e400 ( BYSCORE", "*0\r\n"),
    ]);
}

#[test]
fn members_are_selected_by_place() {
    check_words(&[
        ("ZADD z 1 a 2 b 2 bb 3 c inf d -inf e", ":6\r\n"),
        ("ZRANGE z 0 -1", "e a b bb c d"),
        ("ZRANGE z 0 -1 REV", "d c bb b a e"),
        ("ZRANGE z 1 2", "a b"),
        ("ZRANGE z 1 2 rev", "c bb"),
        ("ZRANGE z -2 -1 WITHSCORES", "c 3 d inf"),
        ("ZRANGE z -2 -1 WITHSCORES REV", "a 1 e -inf"),
        ("ZRANGE z -100 0", "e"),
        ("ZRANGE z 5 100", "d"),
        ("ZRANGE z 6 100", ""),
        ("ZRANGE z 3 2", ""),
        ("ZRANGE z -9223372036854775808 9223372036854775807 limit 3 -1", "e a b bb c d"),
    ]);
}

#[test]
fn members_are_selected_by_score() {
    check_words(&[
        ("ZADD z 1 a 2 b 2 bb 3 c inf d -inf e", ":6\r\n"),
        ("ZRANGE z 1 2 BYSCORE", "a b bb"),
        ("ZRANGE z (1 2 BYSCORE", "b bb"),
        ("ZRANGE z 1 (2 BYSCORE", "a"),
        ("ZRANGE z (1 (3 BYSCORE WITHSCORES", "b 2 bb 2"),
        ("ZRANGE z 2 1 BYSCORE", ""),
        ("ZRANGE z 2 1 BYSCORE REV", "bb b a"),
        ("ZRANGE z 1 2 BYSCORE REV", ""),
        ("ZRANGE z (3 (1 BYSCORE REV", "bb b"),
        ("ZRANGE z -inf +inf BYSCORE", "e a b bb c d"),
        ("ZRANGE z (-inf (inf BYSCORE", "a b bb c"),
        ("ZRANGE z inf -inf BYSCORE REV WITHSCORES", "d inf c 3 bb 2 b 2 a 1 e -inf"),
        ("ZRANGE z 2 2 BYSCORE", "b bb"),
        ("ZRANGE z (2 2 BYSCORE", ""),
        ("ZRANGE z 0x2 3e0 BYSCORE", "b bb c"),
        ("ZRANGE z -inf inf BYSCORE LIMIT 1 2", "a b"),
        ("ZRANGE z inf -inf BYSCORE REV LIMIT 1 2", "c bb"),
        ("ZRANGE z -inf inf BYSCORE LIMIT 4 -1", "c d"),
        ("ZRANGE z -inf inf BYSCORE LIMIT 4 -7", "c d"),
        ("ZRANGE z -inf inf BYSCORE LIMIT -1 2", ""),
        ("ZRANGE z -inf inf BYSCORE LIMIT 6 1", ""),
        ("ZRANGE z -inf inf BYSCORE LIMIT 0 0", ""),
        ("ZRANGE z 1 2 LIMIT 1 9223372036854775807 BYSCORE", "b bb"),
        ("ZRANGE z 1 2 LIMIT 1 1 BYSCORE LIMIT 0 1", "a"),
        ("ZRANGE z 3 1e400 BYSCORE", "c d"),
        ("ZRANGE z -1e-400 1 BYSCORE", "a"),
    ]);
}

#[test]
fn members_are_selected_by_name() {
    check_words(&[
        ("ZADD z 0 a 0 b 0 bb 0 c 0 d", ":5\r\n"),
        ("ZRANGE z - + BYLEX", "a b bb c d"),
        ("ZRANGE z + - BYLEX", ""),
        ("ZRANGE z + - BYLEX REV", "d c bb b a"),
        ("ZRANGE z - + BYLEX REV", ""),
        ("ZRANGE z [b [c BYLEX", "b bb c"),
        ("ZRANGE z (b [c BYLEX", "bb c"),
        ("ZRANGE z [b (c BYLEX", "b bb"),
        ("ZRANGE z (b (c BYLEX REV", ""),
        ("ZRANGE z (c (b BYLEX REV", "bb"),
        ("ZRANGE z [c [b BYLEX", ""),
        ("ZRANGE z [b [b BYLEX", "b"),
        ("ZRANGE z (b [b BYLEX", ""),
        ("ZRANGE z - [bb BYLEX", "a b bb"),
        ("ZRANGE z [bb + BYLEX", "bb c d"),
        ("ZRANGE z [ ( BYLEX", ""),
        ("ZRANGE z ( + BYLEX", "a b bb c d"),
        ("ZRANGE z - + BYLEX LIMIT 1 2", "b bb"),
        ("ZRANGE z + - BYLEX REV LIMIT 1 2", "c bb"),
        ("ZRANGE z [b + BYLEX LIMIT 1 -1", "bb c d"),
        ("ZRANGE z - + BYLEX LIMIT -1 2", ""),
        ("ZRANGE z [x [y BYLEX", ""),
    ]);
}

#[test]
fn members_of_one_score_are_in_the_order_of_their_names() {
    let mut bench = Bench::new();
    for n in 0..200 {
        bench.line(&format!("ZADD z {} m{:03}", n % 4, n * 77 % 200));
    }
    let names = |score: usize| {
        let mut names: Vec<String> = (0..200)
            .filter(|n| n % 4 == score)
            .map(|n| format!("$4\r\nm{:03}\r\n", n * 77 % 200))
            .collect();
        names.sort();
        names
    };
    let mut all: Vec<String> = (0..4).flat_map(names).collect();
    assert_eq!(bench.line("ZRANGE z 0 -1"), format!("*200\r\n{}", all.concat()));
    assert_eq!(
        bench.line("ZRANGE z (0 2 BYSCORE LIMIT 10 80"),
        format!("*80\r\n{}", all[60..140].concat())
    );
    all.reverse();
    assert_eq!(bench.line("ZRANGE z 20 119 REV"), format!("*100\r\n{}", all[20..120].concat()));
}

#[test]
fn members_are_counted_looked_for_and_removed() {
    check(&[
        ("ZCARD z", ":0\r\n"),
        ("ZSCORE z a", "$-1\r\n"),
        ("ZREM z a", ":0\r\n"),
        ("ZREM z", "-ERR wrong number of arguments for 'zrem' command\r\n"),
        ("ZSCORE z", "-ERR wrong number of arguments for 'zscore' command\r\n"),
        ("ZSCORE z a b", "-ERR wrong number of arguments for 'zscore' command\r\n"),
        ("ZCARD", "-ERR wrong number of arguments for 'zcard' command\r\n"),
        ("ZCARD z a", "-ERR wrong number of arguments for 'zcard' command\r\n"),
        ("ZADD z 1 a 2.5 b inf c -1e20 ", ":4\r\n"),
        ("ZCARD z", ":4\r\n"),
        ("ZSCORE z a", "$1\r\n1\r\n"),
        ("ZSCORE z b", "$3\r\n2.5\r\n"),
        ("ZSCORE z c", "$3\r\ninf\r\n"),
        ("ZSCORE z ", "$6\r\n-1e+20\r\n"),
        ("ZSCORE z A", "$-1\r\n"),
        ("ZREM z none other", ":0\r\n"),
        ("ZREM z a none a b", ":2\r\n"),
        ("ZCARD z", ":2\r\n"),
        ("ZSCORE z a", "$-1\r\n"),
        ("ZREM z ", ":1\r\n"),
        ("ZRANGE z 0 -1", "*1\r\n$1\r\nc\r\n"),
        ("ZADD z 7 a", ":1\r\n"),
        ("ZSCORE z a", "$1\r\n7\r\n"),
        ("EXPIRE z 100", ":1\r\n"),
        ("ZREM z a", ":1\r\n"),
        ("TTL z", ":100\r\n"),
        ("ZREM z c c", ":1\r\n"),
        ("EXISTS z", ":0\r\n"),
        ("ZCARD z", ":0\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("ZADD z 1 a", ":1\r\n"),
        ("TTL z", ":-1\r\n"),
        ("SADD s v", ":1\r\n"),
        ("ZREM s v", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("ZSCORE s v", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        ("ZCARD s", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
    ]);
    check_resp3(&[
        ("ZADD z 1 a 2.5 b inf c", ":3\r\n"),
        ("ZSCORE z a", ",1\r\n"),
        ("ZSCORE z b", ",2.5\r\n"),
        ("ZSCORE z c", ",inf\r\n"),
        ("ZSCORE z none", "_\r\n"),
        ("ZSCORE none a", "_\r\n"),
        ("ZCARD z", ":3\r\n"),
    ]);
}
