//! Clients that people use, on a running Kinring: redis-py, redis-cli, redis-benchmark. A missing
//! one is said, and is a failure with `CI=true`.

use kinring_tests::Kinring;
use kinring_tests::process::{need, run};
use std::process::{Command, Stdio};

/// Runs an outside program against a fresh Kinring; returns what it printed.
fn with_kinring(program: &str, words: impl Fn(&str) -> Vec<String>) -> String {
    let kinring = Kinring::start(&[]);
    let mut command = Command::new(program);
    command.args(words(&kinring.addr().port().to_string()));
    let ended = run(piped(command));
    assert_eq!(ended.code, Some(0), "{program}: {}{}", ended.stdout, ended.stderr);
    ended.stdout
}

fn piped(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn redis_py_has_an_ordinary_day_in_both_protocols() {
    let has = Command::new("python3").args(["-c", "import redis"]).output();
    let has = has.is_ok_and(|output| output.status.success());
    if !has {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "redis-py is missing");
        eprintln!("skipped: redis-py is missing (python3 -m pip install redis)");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/redis_py.py");
    let said = with_kinring("python3", |port| vec![script.to_owned(), port.to_owned()]);
    assert_eq!(said.trim(), "all good");
}

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
fn redis_benchmark_finds_nothing_wrong() {
    if !need("redis-benchmark") {
        return;
    }
    let line = "-t ping,set,get,incr,mset,hset,sadd,lpush -P 16 -n 20000 -q";
    let said = with_kinring("redis-benchmark", |port| words(&format!("-p {port} {line}")));
    assert!(!said.to_lowercase().contains("error"), "{said}");
    assert!(said.contains("SET"), "{said}");
}
