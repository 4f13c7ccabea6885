//! Clients that people use, on a running Kinring: redis-py, redis-rs, redis-cli, redis-benchmark. A
//! missing one is said, and is a failure with `CI=true`.

mod redis_cli;
mod redis_rs;

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
fn redis_benchmark_finds_nothing_wrong() {
    if !need("redis-benchmark") {
        return;
    }
    let line = "-t ping,set,get,incr,mset,hset,sadd,lpush -P 16 -n 20000 -q";
    let said = with_kinring("redis-benchmark", |port| words(&format!("-p {port} {line}")));
    assert!(!said.to_lowercase().contains("error"), "{said}");
    assert!(said.contains("SET"), "{said}");
}
