//! redis-cli in the ways that people use it: one command, walks, mass insertion, a terminal.

use super::{piped, with_kinring, words};
use kinring_tests::Kinring;
use kinring_tests::process::{need, run};
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn redis_cli_runs_commands_scans_and_finds_big_keys() {
    if !need("redis-cli") {
        return;
    }
    let said = with_kinring("redis-cli", |port| words(&format!("-3 -p {port} SET a 1")));
    assert_eq!(said.trim(), "OK");
    for mode in ["--scan", "--bigkeys", "--latency -i 1 --raw", "INFO"] {
        let timed = mode.starts_with("--latency");
        let program = if timed { "timeout" } else { "redis-cli" };
        let kinring = Kinring::start(&[]);
        kinring.connect().ask("SET a 1");
        let port = kinring.addr().port();
        let mut command = Command::new(program);
        if timed {
            command.args(["2", "redis-cli"]);
        }
        command.args(["-p", &port.to_string()]).args(mode.split(' '));
        let ended = run(piped(command));
        assert!(ended.code == Some(0) || timed, "{mode}: {}{}", ended.stdout, ended.stderr);
        assert!(!ended.stdout.contains("ERR"), "{mode}: {}", ended.stdout);
        if mode == "--scan" {
            assert_eq!(ended.stdout.trim(), "a");
        }
    }
}

#[test]
fn redis_cli_inserts_in_masses() {
    const KEYS: usize = 20_000;
    if !need("redis-cli") {
        return;
    }
    let kinring = Kinring::start(&[]);
    let port = kinring.addr().port().to_string();
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port, "--pipe"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("redis-cli can be run");
    let mut stdin = child.stdin.take().expect("it is piped");
    for at in 0..KEYS {
        let value = "x".repeat(at % 100);
        write!(stdin, "*3\r\n$3\r\nSET\r\n$9\r\nkey:{at:05}\r\n").expect("it reads");
        write!(stdin, "${}\r\n{value}\r\n", value.len()).expect("it reads");
    }
    stdin.write_all(b"*2\r\n$4\r\nINCR\r\n$9\r\nkey:00099\r\n").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("errors: 1, replies: {}", KEYS + 1)), "{said}");
    let mut conn = kinring.connect();
    assert_eq!(conn.ask("DBSIZE"), format!(":{KEYS}"));
    assert_eq!(conn.ask("STRLEN key:19999"), ":99");
}

#[test]
fn redis_cli_shows_what_goes_on() {
    if !need("redis-cli") {
        return;
    }
    let kinring = Kinring::start(&[]);
    kinring.connect().ask("MSET a 1 b 2 c 3");
    let port = kinring.addr().port().to_string();
    let mut command = Command::new("timeout");
    // It never ends by itself, and what a pipe still holds then is lost.
    command.args(["2", "stdbuf", "-oL", "redis-cli", "-p", &port, "--stat", "-i", "0.2"]);
    let said = run(piped(command)).stdout;
    assert!(said.contains("clients blocked requests"), "{said}");
    // Keys, memory, clients, blocked, requests, connections.
    let rows: Vec<Vec<&str>> =
        said.lines().skip(2).map(|l| l.split_whitespace().collect()).collect();
    assert!(rows.len() > 3, "{said}");
    let right = |row: &Vec<&str>| row.len() >= 6 && row[0] == "3" && row[2] == "1" && row[3] == "0";
    assert!(rows.iter().all(right), "{said}");
}

#[test]
fn redis_cli_speaks_with_a_person() {
    if !need("redis-cli") || !need("python3") {
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/redis_cli.py");
    let said = with_kinring("python3", |port| vec![script.to_owned(), port.to_owned()]);
    assert_eq!(said.trim(), "all good");
}
