//! Every parameter, one row each: the single source of truth.
//!
//! A new parameter is a new field of [`Config`](super::Config) and a new row here; nothing else has
//! to be told. Invariant: names are unique and sorted, and every default is a value that its own
//! row accepts.

use super::DATABASES_MAX;
use super::table::{Form, Kind, Param};
use super::value::{BindAddr, IoThreads, LogLevel, Password, memory_bytes, yes_no};

/// Stores a number whose row has already checked that it fits.
fn fit<T: TryFrom<i64>>(value: i64) -> T {
    let Ok(fitted) = T::try_from(value) else {
        panic!("a row's range must fit its field, {value} does not")
    };
    fitted
}

const SECONDS_MAX: i64 = i32::MAX as i64;
const MB: u64 = 1 << 20;

/// Every parameter, sorted by name.
pub static TABLE: &[Param] = &[
    Param {
        name: "active-expire-effort",
        default: "1",
        live: true,
        noun: "an effort",
        help: "How hard to look for keys whose time is over: 1 is least CPU, 10 least memory",
        kind: Kind::Int {
            min: 1,
            max: 10,
            get: |c| c.active_expire_effort.into(),
            put: |c, v| c.active_expire_effort = fit(v),
        },
    },
    Param {
        name: "appendonly",
        default: "no",
        live: false,
        noun: "possible: durability is not built into this version, leave it 'no'",
        help: "Always 'no': this version keeps nothing on disk",
        kind: Kind::Fixed { words: false, same: |text| yes_no(text) == Ok(false) },
    },
    Param {
        name: "bind",
        default: "127.0.0.1",
        live: false,
        noun: "a list of IP addresses",
        help: "Addresses to listen on; '*' is all of IPv4, '::*' all of IPv6, a leading '-' skips \
               an address that the machine does not have",
        kind: Kind::Other {
            form: Form::Words,
            get: |c| c.bind.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            put: |c, text| BindAddr::list(text).map(|addresses| c.bind = addresses),
        },
    },
    Param {
        name: "client-output-buffer-limit",
        default: "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
        live: true,
        noun: "a list of 'class hard soft seconds'",
        help: "Close a client whose unread output is above HARD, or above SOFT for SECONDS; its first \
               16 KB do not count; per class normal, replica, pubsub (this version has clients of \
               class normal only); 0 is no limit",
        kind: Kind::Other {
            form: Form::Words,
            get: |c| c.client_output_buffer_limit.to_string(),
            put: |c, text| {
                let limits = c.client_output_buffer_limit.with(text)?;
                c.client_output_buffer_limit = limits;
                Ok(())
            },
        },
    },
    Param {
        name: "client-query-buffer-limit",
        default: "1gb",
        live: true,
        noun: "a memory size",
        help: "Close a client whose unfinished request is larger",
        kind: Kind::Memory {
            min: MB,
            get: |c| c.client_query_buffer_limit_bytes,
            put: |c, v| c.client_query_buffer_limit_bytes = v,
        },
    },
    Param {
        name: "data-dir",
        default: "",
        live: false,
        noun: "possible: durability is not built into this version, leave it empty",
        help: "Always empty: this version keeps nothing on disk",
        kind: Kind::Fixed { words: false, same: str::is_empty },
    },
    Param {
        name: "databases",
        default: "16",
        live: false,
        noun: "a number of databases",
        help: "Databases that SELECT can choose",
        kind: Kind::Int {
            min: 1,
            max: DATABASES_MAX as i64,
            get: |c| c.databases.into(),
            put: |c, v| c.databases = fit(v),
        },
    },
    Param {
        name: "io-threads",
        default: "auto",
        live: false,
        noun: "'auto' or a number of threads",
        help: "Threads that serve connections; auto opens the next when one is busy",
        kind: Kind::Other {
            form: Form::TextOrInt,
            get: |c| c.io_threads.to_string(),
            put: |c, text| IoThreads::parse(text).map(|threads| c.io_threads = threads),
        },
    },
    Param {
        name: "loglevel",
        default: "notice",
        live: true,
        noun: "a log level",
        help: "What is printed on stderr: debug, verbose, notice, warning or nothing",
        kind: Kind::Other {
            form: Form::Text,
            get: |c| c.loglevel.name().to_owned(),
            put: |c, text| LogLevel::parse(text).map(|level| c.loglevel = level),
        },
    },
    Param {
        name: "maxclients",
        default: "10000",
        live: true,
        noun: "a number of clients",
        help: "Clients at one time; more are refused",
        kind: Kind::Int {
            min: 1,
            max: u32::MAX as i64,
            get: |c| c.maxclients.into(),
            put: |c, v| c.maxclients = fit(v),
        },
    },
    Param {
        name: "maxmemory",
        default: "0",
        live: false,
        noun: "possible: this version sets no limit, leave it 0",
        help: "Always 0: this version sets no limit to the data",
        kind: Kind::Fixed { words: false, same: |text| memory_bytes(text) == Ok(0) },
    },
    Param {
        name: "maxmemory-policy",
        default: "noeviction",
        live: false,
        noun: "possible: this version evicts nothing, leave it 'noeviction'",
        help: "Always noeviction: this version evicts nothing",
        kind: Kind::Fixed { words: false, same: |text| text.eq_ignore_ascii_case("noeviction") },
    },
    Param {
        name: "port",
        default: "6379",
        live: false,
        noun: "a port",
        help: "TCP port to listen on; 0 lets the system choose",
        kind: Kind::Int { min: 0, max: 65535, get: |c| c.port.into(), put: |c, v| c.port = fit(v) },
    },
    Param {
        name: "protected-mode",
        default: "yes",
        live: true,
        noun: "yes or no",
        help: "Without a password, serve only clients on this machine",
        kind: Kind::YesNo { get: |c| c.protected_mode, put: |c, v| c.protected_mode = v },
    },
    Param {
        name: "proto-max-bulk-len",
        default: "512mb",
        live: true,
        noun: "a memory size",
        help: "Largest single argument of a request",
        kind: Kind::Memory {
            min: MB,
            get: |c| c.proto_max_bulk_len_bytes,
            put: |c, v| c.proto_max_bulk_len_bytes = v,
        },
    },
    Param {
        name: "requirepass",
        default: "",
        live: true,
        noun: "a password",
        help: "Password that clients must give with AUTH; empty asks for none",
        kind: Kind::Other {
            form: Form::Text,
            get: |c| c.requirepass.reveal().to_owned(),
            put: |c, text| {
                c.requirepass = Password::new(text);
                Ok(())
            },
        },
    },
    Param {
        name: "save",
        default: "",
        live: false,
        noun: "possible: this version takes no snapshots, leave it empty",
        help: "Always empty: this version keeps nothing on disk",
        kind: Kind::Fixed { words: true, same: |text| text.trim().is_empty() },
    },
    Param {
        name: "shutdown-timeout",
        default: "10",
        live: true,
        noun: "a number of seconds",
        help: "Seconds to let running requests finish after SIGTERM",
        kind: Kind::Int {
            min: 0,
            max: SECONDS_MAX,
            get: |c| c.shutdown_timeout_s.into(),
            put: |c, v| c.shutdown_timeout_s = fit(v),
        },
    },
    Param {
        name: "tcp-backlog",
        default: "511",
        live: false,
        noun: "a number of connections",
        help: "Connections that may wait to be accepted",
        kind: Kind::Int {
            min: 0,
            max: SECONDS_MAX,
            get: |c| c.tcp_backlog.into(),
            put: |c, v| c.tcp_backlog = fit(v),
        },
    },
    Param {
        name: "tcp-keepalive",
        default: "300",
        live: true,
        noun: "a number of seconds",
        help: "Seconds of silence before the system probes a client; 0 is never",
        kind: Kind::Int {
            min: 0,
            max: SECONDS_MAX,
            get: |c| c.tcp_keepalive_s.into(),
            put: |c, v| c.tcp_keepalive_s = fit(v),
        },
    },
    Param {
        name: "timeout",
        default: "0",
        live: true,
        noun: "a number of seconds",
        help: "Close a client after so many idle seconds; 0 is never",
        kind: Kind::Int {
            min: 0,
            max: SECONDS_MAX,
            get: |c| c.timeout_s.into(),
            put: |c, v| c.timeout_s = fit(v),
        },
    },
];
