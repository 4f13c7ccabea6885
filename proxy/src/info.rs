//! INFO: sections of true values, in the form that Redis's clients and monitors read.
//!
//! A field that would have to be made up is left out (snapshots, latency percentiles, the commit of
//! a build). What Redis calls a value of a feature that this process does not have (replicas,
//! scripts, subscriptions, rules of access) says so: 0, none.

mod keyspace;

pub use keyspace::table_bytes;

use crate::command_stats::Calls;
use crate::core::auth::REDIS_VERSION;
use crate::core::session::Cx;
use crate::memory;
use crate::stats::Buffers;
use kinring_common::command::table::TABLE;
use kinring_common::keyspace::Locks;
use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

/// The sections, in order, and whether plain INFO has them.
const SECTIONS: [(&str, bool); 12] = [
    ("Server", true),
    ("Clients", true),
    ("Memory", true),
    ("Persistence", true),
    ("Stats", true),
    ("Replication", true),
    ("CPU", true),
    ("Modules", true),
    ("Commandstats", false),
    ("Errorstats", true),
    ("Cluster", true),
    ("Keyspace", true),
];

/// How often a second the work behind the commands is looked at: keys that expire, busy threads.
const HZ: u64 = 10;

/// The text of INFO for these section names (none: the default ones).
pub fn text(cx: &Cx<'_>, mut locks: Option<&mut Locks<'_>>, names: &[&[u8]]) -> String {
    let named = |word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word.as_bytes()));
    let (all, default) =
        (named("all") || named("everything"), names.is_empty() || named("default"));
    let mut text = String::with_capacity(4096);
    for (section, is_default) in SECTIONS {
        let wanted = all || (default && is_default) || named(section);
        if !wanted {
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
            "Memory" => memory_of(cx, &mut locks, &mut out),
            "Persistence" => persistence(&mut out),
            "Stats" => stats(cx, &mut out),
            "Replication" => replication(cx, &mut out),
            "CPU" => cpu(&mut out),
            "Commandstats" => commands(cx, &mut out),
            "Errorstats" => errors(cx, &mut out),
            "Cluster" => out.field("cluster_enabled", 0),
            "Keyspace" => keyspace::databases(cx, &mut locks, &mut out),
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

    /// A number of bytes, and the same for people.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.line(format_args!("{name}_human:{}", human(bytes)));
    }

    /// What this process has none of.
    fn none(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.field(name, 0));
    }

    /// A ratio of two numbers of bytes, and what the first has more.
    fn ratio(&mut self, (ratio, more): (&str, &str), (a, b): (u64, u64)) {
        self.field(ratio, format_args!("{:.2}", a as f64 / b.max(1) as f64));
        self.field(more, a as i64 - b as i64);
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
    out.field("os", memory::os());
    out.field("arch_bits", usize::BITS);
    out.field("monotonic_clock", "POSIX clock_gettime");
    out.field("multiplexing_api", if cfg!(target_os = "linux") { "epoll" } else { "kqueue" });
    out.field("process_id", std::process::id());
    out.field("process_supervised", "no");
    out.field("run_id", &node.facts.run_id);
    out.field("tcp_port", node.facts.listening.first().map_or(0, |addr| addr.port()));
    out.field("server_time_usec", cx.moment.wall_us);
    out.field("uptime_in_seconds", uptime_s);
    out.field("uptime_in_days", uptime_s / 86_400);
    out.field("hz", HZ);
    out.field("configured_hz", HZ);
    // Seconds of the wall clock, 24 bits of them.
    out.field("lru_clock", (cx.moment.wall_us / 1_000_000) & 0xff_ffff);
    out.field("executable", &node.facts.executable);
    let config = node.settings.now();
    let file = config.file.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    out.field("config_file", file);
    let (fixed, threads) = node.facts.threads;
    out.field("io_threads_active", u8::from(node.stats.threads_active() > 1));
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
    // What waits longer than "recent" is there now.
    let most = all.iter().fold(cx.node.stats.recent_most(), |most, client| {
        let (input, output) = (client.input_bytes.load(Relaxed), client.output_bytes.load(Relaxed));
        most.max(Buffers { input, output })
    });
    out.field("connected_clients", all.len());
    out.field("cluster_connections", 0);
    out.field("maxclients", cx.node.settings.now().maxclients);
    out.field("client_recent_max_input_buffer", most.input);
    out.field("client_recent_max_output_buffer", most.output);
    out.none(&["blocked_clients", "tracking_clients", "clients_in_timeout_table"]);
    let watching = all.iter().filter(|client| client.watched.load(Relaxed) > 0).count();
    out.field("watching_clients", watching);
    let watched: u64 = all.iter().map(|client| client.watched.load(Relaxed)).sum();
    out.field("total_watched_keys", watched);
    out.none(&["total_blocking_keys", "total_blocking_keys_on_nokey"]);
}

fn memory_of(cx: &Cx<'_>, locks: &mut Option<&mut Locks<'_>>, out: &mut Section<'_>) {
    let clients = cx.node.clients.all().iter().map(|client| client.memory_bytes()).sum::<u64>();
    let tables = keyspace::table_bytes(cx.node, locks);
    let memory = memory::read();
    let peak = cx.node.stats.memory_peak(memory.allocated);
    out.bytes("used_memory", memory.allocated);
    out.bytes("used_memory_rss", memory.resident);
    out.bytes("used_memory_peak", peak);
    let percent = memory.allocated as f64 * 100.0 / peak.max(1) as f64;
    out.field("used_memory_peak_perc", format_args!("{percent:.2}%"));
    // What is there without keys, and what finds them; the rest is the keys and their values.
    let at_start = cx.node.stats.at_start();
    let overhead = at_start.allocated + tables.saturating_sub(at_start.tables) + clients;
    // What clients take is an estimate, and at times less is in use than at the start.
    let overhead = overhead.min(memory.allocated);
    let dataset = memory.allocated - overhead;
    let used = memory.allocated.saturating_sub(at_start.allocated);
    out.field("used_memory_overhead", overhead);
    out.field("used_memory_startup", at_start.allocated);
    out.field("used_memory_dataset", dataset);
    let percent = dataset as f64 * 100.0 / used.max(1) as f64;
    out.field("used_memory_dataset_perc", format_args!("{percent:.2}%"));
    out.field("allocator_allocated", memory.allocated);
    out.field("allocator_active", memory.active);
    out.field("allocator_resident", memory.allocator_resident);
    out.bytes("total_system_memory", memory::of_the_machine());
    out.bytes("used_memory_lua", 0);
    out.none(&["number_of_cached_scripts", "number_of_functions", "number_of_libraries"]);
    out.bytes("maxmemory", 0);
    out.field("maxmemory_policy", "noeviction");
    let (active, resident) = (memory.active, memory.allocator_resident);
    out.ratio(("allocator_frag_ratio", "allocator_frag_bytes"), (active, memory.allocated));
    out.ratio(("allocator_rss_ratio", "allocator_rss_bytes"), (resident, active));
    out.ratio(("rss_overhead_ratio", "rss_overhead_bytes"), (memory.resident, resident));
    let names = ("mem_fragmentation_ratio", "mem_fragmentation_bytes");
    out.ratio(names, (memory.resident, memory.allocated));
    out.none(&["mem_not_counted_for_evict", "mem_replication_backlog", "mem_clients_slaves"]);
    out.field("mem_clients_normal", clients);
    out.none(&["mem_cluster_links", "mem_aof_buffer"]);
    out.field("mem_allocator", "jemalloc");
    out.none(&["active_defrag_running"]);
    out.field("lazyfree_pending_objects", cx.node.shard.pending_frees());
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
    out.none(&["loading", "async_loading", "rdb_bgsave_in_progress", "rdb_saves"]);
    out.none(&["aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled"]);
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
    out.none(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    out.field("instantaneous_input_kbps", kilobytes(rate.input_bytes));
    out.field("instantaneous_output_kbps", kilobytes(rate.output_bytes));
    out.field("rejected_connections", stats.rejected.load(Relaxed));
    out.none(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    out.field("expired_keys", stats.expired(cx.node.shard.expired()));
    out.none(&["evicted_keys", "evicted_clients"]);
    out.none(&["total_eviction_exceeded_time", "current_eviction_exceeded_time"]);
    out.field("keyspace_hits", sums.hits);
    out.field("keyspace_misses", sums.misses);
    out.none(&["pubsub_channels", "pubsub_patterns", "pubsubshard_channels"]);
    out.none(&["latest_fork_usec", "total_forks", "migrate_cached_sockets"]);
    out.none(&["tracking_total_keys", "tracking_total_items", "tracking_total_prefixes"]);
    out.field("client_query_buffer_limit_disconnections", stats.query_limit_closed.load(Relaxed));
    out.field("client_output_buffer_limit_disconnections", stats.output_limit_closed.load(Relaxed));
    out.none(&["unexpected_error_replies"]);
    out.field("total_error_replies", stats.error_replies());
    out.field("total_reads_processed", sums.reads);
    out.field("total_writes_processed", sums.writes);
    out.field("acl_access_denied_auth", stats.denied_auths.load(Relaxed));
    out.none(&["acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"]);
}

fn replication(cx: &Cx<'_>, out: &mut Section<'_>) {
    out.field("role", "master");
    out.field("connected_slaves", 0);
    out.field("master_failover_state", "no-failover");
    // The history of this data begins and ends with the process, and nothing of it has been sent.
    out.field("master_replid", &cx.node.facts.run_id);
    out.field("master_replid2", "0".repeat(40));
    out.field("master_repl_offset", 0);
    out.field("second_repl_offset", -1);
    out.field("repl_backlog_active", 0);
}

fn cpu(out: &mut Section<'_>) {
    // In this order, so that the part is not larger than the whole.
    let (main_thread, cpu) = (memory::cpu_of_main_thread(), memory::cpu());
    out.field("used_cpu_sys", format_args!("{:.6}", cpu.system_s));
    out.field("used_cpu_user", format_args!("{:.6}", cpu.user_s));
    out.field("used_cpu_sys_children", "0.000000");
    out.field("used_cpu_user_children", "0.000000");
    if let Some(cpu) = main_thread {
        out.field("used_cpu_sys_main_thread", format_args!("{:.6}", cpu.system_s));
        out.field("used_cpu_user_main_thread", format_args!("{:.6}", cpu.user_s));
    }
}

/// `usec` is measured for the first calls of a command and estimated from one in 64 after these.
fn commands(cx: &Cx<'_>, out: &mut Section<'_>) {
    for (row, calls) in TABLE.iter().zip(cx.node.stats.calls()) {
        if calls == Calls::default() {
            continue;
        }
        let (name, usec) = (row.name, calls.nanos / 1000);
        let each = calls.nanos as f64 / 1000.0 / calls.calls.max(1) as f64;
        out.line(format_args!(
            "cmdstat_{name}:calls={},usec={usec},usec_per_call={each:.2},rejected_calls={},\
             failed_calls={}",
            calls.calls, calls.rejected, calls.failed
        ));
    }
}

fn errors(cx: &Cx<'_>, out: &mut Section<'_>) {
    for (code, count) in cx.node.stats.errors() {
        out.line(format_args!("errorstat_{code}:count={count}"));
    }
}
