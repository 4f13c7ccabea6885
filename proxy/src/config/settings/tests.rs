//! CONFIG GET and SET as a client sees them; the texts are those of Redis 7.0.15.

use super::*;

fn settings() -> Settings {
    Settings::new(Config::default(), |clients| clients.min(20_000))
}

/// Enough of a glob for these tests: a name, or a beginning with `*`.
fn begins(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    assert!(nocase, "names are matched in any case");
    match pattern.strip_suffix(b"*") {
        Some(start) => text.get(..start.len()).is_some_and(|t| t.eq_ignore_ascii_case(start)),
        None => text.eq_ignore_ascii_case(pattern),
    }
}

fn get(settings: &Settings, name: &str) -> String {
    let mut found = settings.get(&[name.as_bytes()], begins);
    assert_eq!(found.len(), 1, "{name}");
    found.remove(0).1
}

/// Sets names and values by turns.
fn set(settings: &Settings, words: &[&str]) -> Result<(), String> {
    let pairs: Vec<(&[u8], &[u8])> =
        words.chunks(2).map(|pair| (pair[0].as_bytes(), pair[1].as_bytes())).collect();
    settings.set(&pairs)
}

/// The error's reason, after the name that it must give.
fn refused(name: &str, value: &str) -> String {
    let error = set(&settings(), &[name, value]).expect_err("a refusal");
    let start = format!("ERR CONFIG SET failed (possibly related to argument '{name}') - ");
    error.strip_prefix(&start).unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[test]
fn every_value_that_can_change_reads_back_as_redis_formats_it() {
    let cases = [
        ("timeout", "7", "7"),
        ("TCP-Keepalive", "0", "0"),
        ("maxclients", "20000", "20000"),
        ("proto-max-bulk-len", "1MB", "1048576"),
        ("client-query-buffer-limit", "2g", "2000000000"),
        ("protected-mode", "NO", "no"),
        ("loglevel", "Debug", "debug"),
        ("requirepass", "p w", "p w"),
        ("active-expire-effort", "10", "10"),
        ("shutdown-timeout", "0", "0"),
        (
            "client-output-buffer-limit",
            "pubsub 1mb 2k 5 NORMAL 1 2 3",
            "normal 1 2 3 slave 268435456 67108864 60 pubsub 1048576 2000 5",
        ),
    ];
    let settings = settings();
    for (name, value, shown) in cases {
        set(&settings, &[name, value]).unwrap();
        assert_eq!(get(&settings, name), shown);
    }
}

#[test]
fn a_wrong_value_is_refused_in_the_words_of_redis() {
    let cases = [
        ("timeout", "abc", "argument couldn't be parsed into an integer"),
        ("timeout", "-1", "argument must be between 0 and 2147483647 inclusive"),
        ("maxclients", "0", "argument must be between 1 and 4294967295 inclusive"),
        ("active-expire-effort", "11", "argument must be between 1 and 10 inclusive"),
        ("proto-max-bulk-len", "abc", "argument must be a memory value"),
        (
            "proto-max-bulk-len",
            "1",
            "argument must be between 1048576 and 9223372036854775807 inclusive",
        ),
        ("protected-mode", "maybe", "argument must be 'yes' or 'no'"),
        (
            "loglevel",
            "",
            "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
        ),
        (
            "client-output-buffer-limit",
            "normal 0 0",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "master 0 0 0",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "pubsub 1mb 2k -5",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        (
            "maxclients",
            "100000",
            "The operating system is not able to handle the specified number of clients, try with \
             20000",
        ),
    ];
    for (name, value, reason) in cases {
        assert_eq!(refused(name, value), reason, "{name} {value:?}");
    }
}

#[test]
fn what_belongs_to_the_start_is_immutable_even_at_its_own_value() {
    for name in ["port", "bind", "databases", "io-threads", "tcp-backlog"] {
        let value = get(&settings(), name);
        assert_eq!(refused(name, &value), "can't set immutable config", "{name}");
    }
}

#[test]
fn a_fixed_truth_may_be_set_to_itself_alone() {
    let truths = [
        ("save", ""),
        ("appendonly", "NO"),
        ("maxmemory", "0kb"),
        ("maxmemory-policy", "noeviction"),
    ];
    for (name, value) in truths {
        set(&settings(), &[name, value]).unwrap();
    }
    let others =
        [("save", "900 1"), ("appendonly", "yes"), ("maxmemory", "1gb"), ("data-dir", "/data")];
    for (name, value) in others {
        assert_eq!(refused(name, value), "can't set immutable config", "{name}");
    }
}

#[test]
fn an_unknown_name_is_given_back_without_its_line_breaks() {
    assert_eq!(
        set(&settings(), &["timeout", "x", "a\r\nB", "1"]).unwrap_err(),
        "ERR Unknown option or number of arguments for CONFIG SET - 'a  B'"
    );
}

#[test]
fn a_name_given_twice_is_refused_in_its_second_spelling() {
    assert_eq!(
        set(&settings(), &["timeout", "1", "TIMEOUT", "2"]).unwrap_err(),
        "ERR CONFIG SET failed (possibly related to argument 'TIMEOUT') - duplicate parameter"
    );
}

#[test]
fn one_wrong_pair_leaves_all_as_it_was() {
    let settings = settings();
    let before = settings.get(&[b"*"], begins);
    for last in [["loglevel", "x"], ["maxclients", "4000000000"], ["port", "1"], ["nope", "1"]] {
        assert!(set(&settings, &["timeout", "7", "requirepass", "p", last[0], last[1]]).is_err());
        assert_eq!(settings.get(&[b"*"], begins), before);
    }
}

#[test]
fn descriptors_are_asked_for_only_when_maxclients_rises() {
    let settings = Settings::new(Config::default(), |_| panic!("no more clients than before"));
    set(&settings, &["maxclients", "10", "timeout", "1"]).unwrap();
    assert_eq!(settings.now().maxclients, 10);
}

#[test]
fn several_patterns_give_each_name_once_and_sorted() {
    let settings = settings();
    let found = settings.get(&[b"MAX*", b"port", b"maxclients", b"nope"], begins);
    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["maxclients", "maxmemory", "maxmemory-policy", "port"]);
}

#[test]
fn what_clients_ask_for_is_answered_with_the_truth() {
    let truths = [
        ("save", ""),
        ("appendonly", "no"),
        ("maxmemory", "0"),
        ("maxmemory-policy", "noeviction"),
    ];
    for (name, value) in truths {
        assert_eq!(get(&settings(), name), value);
    }
}
