//! Every parameter, wherever it is written, takes effect.

use std::fmt::Write as _;

use kinring_tests::{Conn, Kinring};

use crate::starting::File;

/// Name, a value that is not the default where there is a choice, how CONFIG GET shows it, and how
/// TOML writes it.
const PARAMETERS: &[(&str, &str, &str, &str)] = &[
    ("active-expire-effort", "7", "7", "7"),
    ("appendonly", "no", "no", "false"),
    // An address that no machine has, and may be missing.
    (
        "bind",
        "127.0.0.1 -198.51.100.77",
        "127.0.0.1 -198.51.100.77",
        r#"["127.0.0.1", "-198.51.100.77"]"#,
    ),
    (
        "client-output-buffer-limit",
        "normal 1mb 2kb 3",
        "normal 1048576 2048 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        r#""normal 1mb 2kb 3""#,
    ),
    ("client-query-buffer-limit", "2mb", "2097152", r#""2mb""#),
    ("data-dir", "", "", r#""""#),
    ("databases", "3", "3", "3"),
    ("io-threads", "2", "2", "2"),
    ("loglevel", "verbose", "verbose", r#""verbose""#),
    ("maxclients", "123", "123", "123"),
    ("maxmemory", "0", "0", "0"),
    ("maxmemory-policy", "noeviction", "noeviction", r#""noeviction""#),
    ("port", "0", "0", "0"),
    ("protected-mode", "no", "no", "false"),
    ("proto-max-bulk-len", "1mb", "1048576", "1048576"),
    ("requirepass", "secret", "secret", r#""secret""#),
    ("save", "", "", r#""""#),
    ("shutdown-timeout", "3", "3", "3"),
    ("tcp-backlog", "64", "64", "64"),
    ("tcp-keepalive", "11", "11", "11"),
    ("timeout", "77", "77", "77"),
];

/// Every parameter has the value of the table, and every parameter is in the table.
#[track_caller]
fn all_are_set(kinring: &Kinring) {
    let mut conn = kinring.connect();
    assert_eq!(conn.ask("AUTH secret"), "+OK");
    let shown: Vec<String> =
        PARAMETERS.iter().map(|(name, _, shown, _)| format!("${name} ${shown}")).collect();
    assert_eq!(conn.ask("CONFIG GET *"), format!("[{}]", shown.join(" ")));
    assert_eq!(conn.ask("SELECT 2"), "+OK");
    assert_eq!(conn.ask("SELECT 3"), "-ERR DB index is out of range");
}

#[test]
fn every_parameter_as_a_flag() {
    let flags: Vec<String> = PARAMETERS
        .iter()
        .flat_map(|(name, value, _, _)| [format!("--{name}"), (*value).to_owned()])
        .collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    all_are_set(&Kinring::start_with(&flags, &[]));
}

#[test]
fn every_parameter_as_a_variable() {
    let variable = |name: &str| format!("KINRING_{}", name.replace('-', "_").to_uppercase());
    let variables: Vec<(String, &str)> =
        PARAMETERS.iter().map(|(name, value, _, _)| (variable(name), *value)).collect();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    all_are_set(&Kinring::start_with(&[], &variables));
}

#[test]
fn every_parameter_in_a_file() {
    let mut content = String::from("# every parameter\n");
    for (name, _, _, written) in PARAMETERS {
        writeln!(content, "{name} = {written}").expect("a string takes all");
    }
    let file = File::new("all", &content);
    all_are_set(&Kinring::start_with(&["--config", file.path()], &[]));
    all_are_set(&Kinring::start_with(&[], &[("KINRING_CONFIG", file.path())]));
}

#[test]
fn a_flag_beats_a_variable_and_that_beats_the_file() {
    let file = File::new("precedence", "port = 0\nmaxclients = 11\ntimeout = 12\ndatabases = 13\n");
    let variables = [("KINRING_TIMEOUT", "22"), ("KINRING_DATABASES", "23")];
    let flags = ["--config", file.path(), "--databases", "33"];
    let kinring = Kinring::start_with(&flags, &variables);
    let mut conn = kinring.connect();
    assert_eq!(conn.ask("CONFIG GET maxclients"), "[$maxclients $11]");
    assert_eq!(conn.ask("CONFIG GET timeout"), "[$timeout $22]");
    assert_eq!(conn.ask("CONFIG GET databases"), "[$databases $33]");
}

#[test]
fn what_cannot_change_while_it_runs_is_refused() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    for name in ["port", "bind", "databases", "io-threads", "tcp-backlog"] {
        let reply = conn.ask(&format!("CONFIG SET {name} 1"));
        assert!(reply.ends_with("can't set immutable config"), "{name}: {reply}");
    }
    let reply = conn.ask("CONFIG SET maxclients 50 no-such-thing 1");
    assert!(reply.starts_with("-ERR Unknown option"), "{reply}");
    assert_eq!(conn.ask("CONFIG GET maxclients"), "[$maxclients $10000]", "all pairs or none");
}

#[test]
fn tcp_keepalive_is_a_timer_of_the_socket() {
    let kinring = Kinring::start(&["--tcp-keepalive", "100"]);
    let mut conn = kinring.connect();
    assert_eq!(conn.ask("PING"), "+PONG");
    let seconds = keepalive_s(&kinring, &conn).expect("the timer runs");
    assert!((80.0..=100.5).contains(&seconds), "{seconds}");
    assert_eq!(conn.ask("CONFIG SET tcp-keepalive 0"), "+OK");
    let mut later = kinring.connect();
    assert_eq!(later.ask("PING"), "+PONG");
    assert_eq!(keepalive_s(&kinring, &later), None);
}

/// The remaining time of the keepalive timer on the server's side of a connection, from
/// `/proc/net/tcp`: address:port in hex, `02` for this timer, and its hundredths of a second.
fn keepalive_s(kinring: &Kinring, conn: &Conn) -> Option<f64> {
    let ports = (kinring.addr().port(), conn.local_addr().port());
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    let port = |field: &str| u16::from_str_radix(field.split_once(':')?.1, 16).ok();
    let timer = table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let found = (port(fields.get(1)?)?, port(fields.get(2)?)?) == ports;
        found.then(|| fields.get(5).map(|timer| (*timer).to_owned()))?
    });
    let timer = timer.expect("the socket is there");
    let (kind, rest) = timer.split_once(':').expect("kind:time");
    let hundredths = u64::from_str_radix(rest, 16).expect("hex");
    (kind == "02").then_some(hundredths as f64 / 100.0)
}
