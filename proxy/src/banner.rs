//! What the server says of itself when it starts.
//!
//! A few plain lines that a person reads once and a script can wait for. A pure function of facts;
//! printing is the caller's business. Invariant: ASCII, at most eight lines, none but the last
//! saying that connections are accepted.

use std::net::{IpAddr, SocketAddr};

use crate::config::{Config, IoThreads};

/// What there is to say.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The version, without a `v`.
    pub version: &'a str,
    /// The process.
    pub pid: u32,
    /// What this process is: `proxy with one embedded shard, nothing on disk`.
    pub mode: &'a str,
    /// The addresses that are listened on, with the ports that the system gave; at least one.
    pub listening: &'a [SocketAddr],
    /// The configuration in force, after `maxclients` was fitted.
    pub config: &'a Config,
}

/// The last line's words; scripts written for Redis wait for them.
pub const READY: &str = "Ready to accept connections";

/// The lines, each ended by a newline.
#[must_use]
pub fn banner(facts: &Facts<'_>) -> String {
    let Facts { version, pid, mode, listening, config } = facts;
    let threads = match config.io_threads {
        IoThreads::Auto => "as many threads as needed".to_owned(),
        IoThreads::Fixed(1) => "1 thread".to_owned(),
        IoThreads::Fixed(n) => format!("{n} threads"),
    };
    format!(
        "Kinring {version}, pid {pid}\n\
         \x20 mode       {mode}\n\
         \x20 listening  {}\n\
         \x20 limits     {} clients, {} databases, {threads}\n\
         \x20 access     {}\n\
         \x20 try        {}\n\
         \x20 ready      {READY}\n",
        addresses(listening),
        config.maxclients,
        config.databases,
        access(listening, config),
        hint(listening, config),
    )
}

/// As many as fit a line.
fn addresses(listening: &[SocketAddr]) -> String {
    const SHOWN_MAX: usize = 4;
    let shown: Vec<String> = listening.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    let shown = shown.join(", ");
    match listening.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Who may come: the first thing to check when somebody cannot, or should not.
fn access(listening: &[SocketAddr], config: &Config) -> &'static str {
    let local = listening.iter().all(|address| address.ip().is_loopback());
    match (config.requirepass.is_set(), local, config.protected_mode) {
        (true, true, _) => "this machine, with the password",
        (true, false, _) => "everywhere, with the password",
        (false, true, _) => "this machine, no password",
        (false, false, true) => "this machine only: protected mode, no password is set",
        (false, false, false) => "EVERYBODY: no password is set and protected mode is off",
    }
}

/// A command that reaches this server from this machine.
fn hint(listening: &[SocketAddr], config: &Config) -> String {
    let port_at = |reachable: fn(&IpAddr) -> bool| {
        listening.iter().find(|address| reachable(&address.ip())).map(SocketAddr::port)
    };
    let default_host = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_unspecified() || *ip == std::net::Ipv4Addr::LOCALHOST,
        IpAddr::V6(_) => false,
    };
    let v6_host = |ip: &IpAddr| ip.is_ipv6() && (ip.is_unspecified() || ip.is_loopback());
    let reach = if let Some(port) = port_at(default_host) {
        format!("-p {port}")
    } else if let Some(port) = port_at(v6_host) {
        format!("-h ::1 -p {port}")
    } else if let Some(address) = listening.first() {
        format!("-h {} -p {}", address.ip(), address.port())
    } else {
        format!("-p {}", config.port)
    };
    let password = if config.requirepass.is_set() { " --askpass" } else { "" };
    format!("redis-cli {reach}{password}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Password;

    fn shown(listening: &[&str], config: &Config) -> String {
        let listening: Vec<SocketAddr> = listening.iter().map(|a| a.parse().unwrap()).collect();
        let mode = "proxy with one embedded shard, nothing on disk";
        banner(&Facts { version: "0.1.0", pid: 42, mode, listening: &listening, config })
    }

    #[test]
    fn a_start_with_no_arguments_says_what_where_and_how_to_try() {
        assert_eq!(
            shown(&["127.0.0.1:6379"], &Config::default()),
            "Kinring 0.1.0, pid 42\n\
             \x20 mode       proxy with one embedded shard, nothing on disk\n\
             \x20 listening  127.0.0.1:6379\n\
             \x20 limits     10000 clients, 16 databases, as many threads as needed\n\
             \x20 access     this machine, no password\n\
             \x20 try        redis-cli -p 6379\n\
             \x20 ready      Ready to accept connections\n"
        );
    }

    #[test]
    fn it_is_ascii_of_at_most_eight_lines_with_as_many_addresses_as_there_may_be() {
        let many: Vec<String> = (0..16).map(|n| format!("192.0.2.{n}:6379")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let text = shown(&many, &Config::default());
        assert!(text.is_ascii() && text.lines().count() <= 8 && text.contains("and 12 more"));
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    }

    #[test]
    fn the_hint_reaches_the_server_wherever_it_listens() {
        let config = Config::default();
        let cases = [
            (&["192.0.2.1:7", "127.0.0.1:7"][..], "redis-cli -p 7\n"),
            (&["0.0.0.0:7"], "redis-cli -p 7\n"),
            (&["[::1]:7"], "redis-cli -h ::1 -p 7\n"),
            (&["192.0.2.1:7"], "redis-cli -h 192.0.2.1 -p 7\n"),
        ];
        for (listening, hint) in cases {
            assert!(shown(listening, &config).contains(hint), "{hint}");
        }
    }

    #[test]
    fn an_open_server_is_called_open_and_a_password_is_asked_for_not_shown() {
        let open = Config { protected_mode: false, ..Config::default() };
        assert!(shown(&["0.0.0.0:7"], &open).contains("EVERYBODY"));
        let closed = Config { requirepass: Password::new("hunter2"), ..open };
        let text = shown(&["0.0.0.0:7"], &closed);
        assert!(text.contains("with the password") && text.contains("--askpass"), "{text}");
        assert!(!text.contains("hunter2"));
    }
}
