//! INFO: sections of true values, in the form that Redis's clients and monitors read.
//!
//! A field that would have to be made up is left out. What Redis calls a value of a feature that
//! this process does not have (replicas, modules, a snapshot) says so: 0, none.

use crate::core::auth::REDIS_VERSION;
use crate::core::session::Cx;
use crate::memory;
use kinring_common::keyspace::{Counts, Locks, PARTITIONS};
use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

/// The sections, in order. All of them are in plain INFO.
const SECTIONS: [&str; 11] = [
    "Server",
    "Clients",
    "Memory",
    "Persistence",
    "Stats",
    "Replication",
    "CPU",
    "Modules",
    "Errorstats",
    "Cluster",
    "Keyspace",
];

/// The text of INFO for these section names (none: the default ones).
pub fn text(cx: &Cx<'_>, mut locks: Option<&mut Locks<'_>>, names: &[&[u8]]) -> String {
    let all = names.is_empty()
        || names.iter().any(|name| {
            ["default", "all", "everything"]
                .iter()
                .any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
        });
    let mut text = String::with_capacity(4096);
    for section in SECTIONS {
        if !all && !names.iter().any(|name| name.eq_ignore_ascii_case(section.as_bytes())) {
            continue;
        }
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        let mut out = Section { text: &mut text };
        out.line(format_args!("# {section}"));
        match section {
            "Server" => server(cx, &mut out),
            "Clients" => clients(cx, &mut out),
            "Memory" => memory_of(&mut out),
            "Persistence" => persistence(&mut out),
            "Stats" => stats(cx, &mut out),
            "Replication" => replication(&mut out),
            "CPU" => cpu(&mut out),
            "Errorstats" => errors(cx, &mut out),
            "Cluster" => out.field("cluster_enabled", 0),
            "Keyspace" => keyspace(cx, locks.as_deref_mut(), &mut out),
            _ => {}
        }
    }
    text
}

struct Section<'a> {
    text: &'a mut String,
}

impl Section<'_> {
    fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        self.line(format_args!("{name}:{value}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{line}\r\n");
    }
}

fn server(cx: &Cx<'_>, out: &mut Section<'_>) {
    let node = cx.node;
    let uptime_s = cx.moment.now.mono_us / 1_000_000;
    out.field("redis_version", REDIS_VERSION);
    out.field("redis_mode", "standalone");
    out.field("kinring_version", env!("CARGO_PKG_VERSION"));
    out.field("os", std::env::consts::OS);
    out.field("arch_bits", usize::BITS);
    out.field("process_id", std::process::id());
    out.field("run_id", &node.facts.run_id);
    out.field("tcp_port", node.facts.listening.first().map_or(0, |addr| addr.port()));
    out.field("server_time_usec", cx.moment.wall_us);
    out.field("uptime_in_seconds", uptime_s);
    out.field("uptime_in_days", uptime_s / 86_400);
    out.field("executable", &node.facts.executable);
    let config = node.settings.now();
    let file = config.file.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    out.field("config_file", file);
    let (fixed, threads) = node.facts.threads;
    out.field("io_threads_max", threads);
    out.field("io_threads_fixed", u8::from(fixed));
    // As in Redis one line, because all addresses have one port.
    let binds: String =
        node.facts.listening.iter().map(|addr| format!("bind={},", addr.ip())).collect();
    let port = node.facts.listening.first().map_or(0, |addr| addr.port());
    out.field("listener0", format_args!("name=tcp,{binds}port={port}"));
}

fn clients(cx: &Cx<'_>, out: &mut Section<'_>) {
    let all = cx.node.clients.all();
    let largest = |number: fn(&crate::clients::Client) -> u64| {
        all.iter().map(|client| number(client)).max().unwrap_or(0)
    };
    out.field("connected_clients", all.len());
    out.field("cluster_connections", 0);
    out.field("maxclients", cx.node.settings.now().maxclients);
    out.field("client_recent_max_input_buffer", largest(|client| client.input_bytes.load(Relaxed)));
    out.field(
        "client_recent_max_output_buffer",
        largest(|client| client.output_bytes.load(Relaxed)),
    );
    out.field("blocked_clients", 0);
    let watching = all.iter().filter(|client| client.watched.load(Relaxed) > 0).count();
    out.field("watching_clients", watching);
    let watched: u64 = all.iter().map(|client| client.watched.load(Relaxed)).sum();
    out.field("total_watched_keys", watched);
}

fn memory_of(out: &mut Section<'_>) {
    let memory = memory::read();
    out.field("used_memory", memory.allocated);
    out.field("used_memory_human", human(memory.allocated));
    out.field("used_memory_rss", memory.resident);
    out.field("used_memory_rss_human", human(memory.resident));
    out.field("allocator_allocated", memory.allocated);
    out.field("allocator_active", memory.active);
    out.field("allocator_resident", memory.allocator_resident);
    out.field("maxmemory", 0);
    out.field("maxmemory_human", "0B");
    out.field("maxmemory_policy", "noeviction");
    let ratio = memory.resident as f64 / memory.allocated.max(1) as f64;
    out.field("mem_fragmentation_ratio", format_args!("{ratio:.2}"));
    out.field("mem_allocator", "jemalloc");
}

/// Bytes as Redis writes them for people.
fn human(bytes: u64) -> String {
    let mut value = bytes as f64;
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    for unit in ["K", "M", "G", "T"] {
        value /= 1024.0;
        if value < 1024.0 {
            return format!("{value:.2}{unit}");
        }
    }
    format!("{:.2}P", value / 1024.0)
}

fn persistence(out: &mut Section<'_>) {
    out.field("loading", 0);
    out.field("async_loading", 0);
    out.field("rdb_bgsave_in_progress", 0);
    out.field("aof_enabled", 0);
    out.field("aof_rewrite_in_progress", 0);
    out.field("kin_data_dir", "");
}

fn stats(cx: &Cx<'_>, out: &mut Section<'_>) {
    let stats = &cx.node.stats;
    let (sums, rate) = (stats.sums(), stats.per_second());
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    out.field("total_connections_received", stats.accepted.load(Relaxed));
    out.field("total_commands_processed", sums.commands);
    out.field("instantaneous_ops_per_sec", rate.commands);
    out.field("total_net_input_bytes", sums.input_bytes);
    out.field("total_net_output_bytes", sums.output_bytes);
    out.field("instantaneous_input_kbps", kilobytes(rate.input_bytes));
    out.field("instantaneous_output_kbps", kilobytes(rate.output_bytes));
    out.field("rejected_connections", stats.rejected.load(Relaxed));
    out.field("expired_keys", cx.node.shard.expired());
    out.field("evicted_keys", 0);
    out.field("keyspace_hits", sums.hits);
    out.field("keyspace_misses", sums.misses);
    out.field("client_query_buffer_limit_disconnections", stats.query_limit_closed.load(Relaxed));
    out.field("client_output_buffer_limit_disconnections", stats.output_limit_closed.load(Relaxed));
    let errors: u64 = stats.errors().iter().map(|(_, n)| n).sum();
    out.field("total_error_replies", errors);
    out.field("total_reads_processed", sums.reads);
    out.field("total_writes_processed", sums.writes);
}

fn replication(out: &mut Section<'_>) {
    out.field("role", "master");
    out.field("connected_slaves", 0);
}

fn cpu(out: &mut Section<'_>) {
    let cpu = memory::cpu();
    out.field("used_cpu_sys", format_args!("{:.6}", cpu.system_s));
    out.field("used_cpu_user", format_args!("{:.6}", cpu.user_s));
}

fn errors(cx: &Cx<'_>, out: &mut Section<'_>) {
    for (code, count) in cx.node.stats.errors() {
        out.line(format_args!("errorstat_{code}:count={count}"));
    }
}

fn keyspace(cx: &Cx<'_>, mut locks: Option<&mut Locks<'_>>, out: &mut Section<'_>) {
    let space = cx.node.shard.keyspace();
    for db in 0..space.options().databases {
        let db = db as u8;
        let counts = match locks.as_deref_mut() {
            // Inside EXEC the locks are ours already.
            Some(locks) => {
                let mut sum = Counts::default();
                for partition in 0..PARTITIONS {
                    let counts = locks.partition(partition as u8).counts(db);
                    sum.keys += counts.keys;
                    sum.deadlines += counts.deadlines;
                }
                sum
            }
            None => space.counts(db),
        };
        if counts.keys > 0 {
            let Counts { keys, deadlines } = counts;
            out.line(format_args!("db{db}:keys={keys},expires={deadlines},avg_ttl=0"));
        }
    }
}
