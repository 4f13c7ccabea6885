//! Cases that are made from what a server says about itself.

use crate::start;
use kinring_tests::differential::reply::Reply;
use kinring_tests::differential::wire::Wire;
use std::collections::BTreeMap;

/// Names and arities of all commands and subcommands.
fn commands() -> Vec<(Vec<String>, i8)> {
    let rows = kinring_common::command::table::TABLE.iter();
    rows.map(|row| (row.name.split('|').map(str::to_owned).collect(), row.arity)).collect()
}

/// Commands that the oldest Redis 7 does not have.
const SINCE_7_2: [&str; 2] = ["client|setinfo", "client|no-touch"];

#[test]
fn every_command_refuses_too_few_and_too_many_words_as_redis_does() {
    let Some((_kinring, _redis, twins)) = start() else { return };
    let old = twins.redis_version().expect("a version") < (7, 2);
    let mut failures = Vec::new();
    for protocol in ["2", "3"] {
        let mut pair = twins.connect().expect("a connection");
        pair.ask(&["HELLO", protocol]).expect("a reply");
        for (name, arity) in commands() {
            if old && SINCE_7_2.contains(&name.join("|").as_str()) {
                continue;
            }
            let wanted = usize::from(arity.unsigned_abs());
            let too_many = (arity > 0).then_some(wanted + 1);
            for count in (name.len()..wanted).chain(too_many) {
                let mut words = name.clone();
                words.resize(count, "w".to_owned());
                let (ours, theirs) = pair.ask(&words).expect("a reply");
                if ours != theirs || ours.kind() != b'-' {
                    failures.push(format!("{words:?}: {ours}, of Redis {theirs}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Fields of INFO that only Kinring has, or a Redis after 7.2.
const OWN_FIELDS: [&str; 8] = [
    "kinring_version",
    "io_threads_max",
    "io_threads_fixed",
    "kin_data_dir",
    "client_query_buffer_limit_disconnections",
    "client_output_buffer_limit_disconnections",
    "total_watched_keys",
    "watching_clients",
];

/// Fields that an older Redis 7 does not have.
const FIELDS_SINCE_7_2: [&str; 7] = [
    "acl_access_denied_auth",
    "acl_access_denied_channel",
    "acl_access_denied_cmd",
    "acl_access_denied_key",
    "listener0",
    "total_blocking_keys",
    "total_blocking_keys_on_nokey",
];

/// Fields that clients and tools read and that must be there.
const NEEDED_FIELDS: [&str; 26] = [
    "redis_version",
    "redis_mode",
    "os",
    "arch_bits",
    "process_id",
    "run_id",
    "tcp_port",
    "uptime_in_seconds",
    "uptime_in_days",
    "connected_clients",
    "blocked_clients",
    "maxclients",
    "used_memory",
    "used_memory_human",
    "used_memory_rss",
    "maxmemory",
    "maxmemory_policy",
    "loading",
    "total_connections_received",
    "total_commands_processed",
    "instantaneous_ops_per_sec",
    "expired_keys",
    "keyspace_hits",
    "keyspace_misses",
    "role",
    "cluster_enabled",
];

#[test]
fn fields_of_info_are_there_and_have_the_types_of_redis() {
    let Some((_kinring, _redis, twins)) = start() else { return };
    let old = twins.redis_version().expect("a version") < (7, 2);
    let mut pair = twins.connect().expect("a connection");
    for words in [vec!["SET", "k", "v", "EX", "1000"], vec!["GET"], vec!["GET", "k"]] {
        pair.ask(&words).expect("a reply");
    }
    let (ours, theirs) = pair.ask(&["INFO", "everything"]).expect("a reply");
    let (ours, theirs) = (fields(&ours), fields(&theirs));
    let mut failures = Vec::new();
    for (name, (section, value)) in &ours {
        let new = old && FIELDS_SINCE_7_2.contains(&name.as_str());
        match theirs.get(name) {
            None if OWN_FIELDS.contains(&name.as_str()) || new => {}
            None => failures.push(format!("Redis has no {name}")),
            Some((there, _)) if there != section => {
                failures.push(format!("{name} is in {section}, of Redis in {there}"));
            }
            Some((_, other)) if kind(value) != kind(other) => {
                failures.push(format!("{name} is {value}, of Redis {other}"));
            }
            Some(_) => {}
        }
    }
    let missing = NEEDED_FIELDS.iter().filter(|name| !ours.contains_key(**name));
    failures.extend(missing.map(|name| format!("{name} is missing")));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Name → section, value.
fn fields(info: &Reply) -> BTreeMap<String, (String, String)> {
    let text = String::from_utf8_lossy(info.text().unwrap_or_default()).into_owned();
    let mut section = String::new();
    let mut fields = BTreeMap::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            title.clone_into(&mut section);
        } else if let Some((name, value)) = line.split_once(':') {
            fields.insert(name.to_owned(), (section.clone(), value.to_owned()));
        }
    }
    fields
}

/// What kind of value a reader would take it for.
fn kind(value: &str) -> String {
    if value.parse::<i64>().is_ok() {
        return "an integer".into();
    }
    if value.parse::<f64>().is_ok() {
        return "a number".into();
    }
    if value.contains('=') {
        // A list of names and values: the names and the kinds.
        let part = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            format!("{name}={}", kind(value))
        };
        return value.split(',').map(part).collect::<Vec<_>>().join(",");
    }
    "a text".into()
}

#[test]
fn the_sections_of_info_are_those_of_redis() {
    let Some((_kinring, _redis, twins)) = start() else { return };
    let titles = |wire: &mut Wire, words: &[&str]| -> Vec<String> {
        let reply = wire.ask(words).expect("a reply");
        let text = String::from_utf8_lossy(reply.text().unwrap_or_default()).into_owned();
        text.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned).collect()
    };
    let mut pair = twins.connect().expect("a connection");
    pair.ask(&["SET", "k", "v"]).expect("a reply");
    pair.ask(&["GET"]).expect("a reply");
    for names in [
        &["INFO"][..],
        &["INFO", "default"],
        &["INFO", "server"],
        &["info", "SERVER", "clients"],
        &["INFO", "clients", "server", "server"],
        &["INFO", "nothing"],
        &["INFO", "keyspace", "nothing"],
    ] {
        let (ours, theirs) = (titles(&mut pair.kinring, names), titles(&mut pair.redis, names));
        assert_eq!(ours, theirs, "{names:?}");
    }
}
