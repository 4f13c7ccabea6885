//! The process: what is started, in which order, what watches over it, and how it stops.

use crate::banner::{self, banner};
use crate::clients::Clients;
use crate::config::{self, Config, IoThreads, Launch, LogLevel, Settings};
use crate::core::packing::JUDGE_EVERY_MS;
use crate::data_threads::DataThreads;
use crate::info;
use crate::listener::{self, BindError};
use crate::log::{self, say};
use crate::memory;
use crate::node::{Clock, Facts, Node};
use crate::stats::{AtStart, Stats};
use crate::stop::{Cause, Stop};
use kinring_common::id::Actor;
use kinring_common::keyspace::HashSeed;
use kinring_shard::{Shard, ShardOptions, driver};
use parking_lot::Mutex;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What this version can be.
const MODE: &str = "proxy with one embedded shard, nothing on disk";

/// SHUTDOWN NOW waits for nobody; replies that are being written have left by then.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Why the process did not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    #[error("{0}: the value is not UTF-8 text")]
    Variable(String),
    #[error("{0}")]
    Limits(String),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("{0}: {1}")]
    System(&'static str, io::Error),
}

/// Runs the process from its arguments to its end.
pub fn main() -> ExitCode {
    match launch() {
        Ok(code) => code,
        Err(error) => {
            say(format_args!("kinring: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn launch() -> Result<ExitCode, StartError> {
    let mut env = config::Variables::new();
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with(config::PREFIX) {
            // A password that is no text must not become no password.
            let Ok(value) = value.into_string() else { return Err(StartError::Variable(name)) };
            env.insert(name, value);
        }
    }
    let read = |path: &std::path::Path| std::fs::read_to_string(path);
    match Config::load(std::env::args_os().skip(1), &env, &read)? {
        Launch::Help(text) | Launch::Version(text) => {
            // A reader that went away (`kinring --help | head`) is no error.
            let _ = io::stdout().write_all(text.as_bytes());
            Ok(ExitCode::SUCCESS)
        }
        Launch::Run(config) => run(*config, &env),
    }
}

fn run(mut config: Config, env: &config::Variables) -> Result<ExitCode, StartError> {
    log::set_level(config.loglevel);
    if let Some(line) = config::unused_variables(env) {
        log::warning(format_args!("{line}"));
    }
    if let Some(line) = config::fit_at_start(&mut config).map_err(StartError::Limits)? {
        log::warning(format_args!("{line}"));
    }
    let system = |what| move |error| StartError::System(what, error);
    // Before anybody can connect: who is served can rely on a stop that drains.
    let stop = Stop::default();
    stop.on_signals().map_err(system("cannot receive signals"))?;
    let listeners = listener::bind(&config)?;
    let listening: Vec<SocketAddr> = listeners.iter().flat_map(|l| l.local_addr()).collect();
    let text = banner(&banner::Facts {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        mode: MODE,
        listening: &listening,
        config: &config,
    });
    let clock = Clock::new();
    let (fixed, max) = threads_of(config.io_threads);
    let node = node(config, stop, listening, (fixed, max))?;
    let (effort_of, expiry_clock) = (Arc::clone(&node), clock.clone());
    driver::start(
        &node.shard,
        move || expiry_clock.moment().now,
        move || effort_of.settings.now().active_expire_effort,
    )
    .map_err(system("cannot start a thread"))?;
    let threads = DataThreads::start(&node, &clock, fixed, max)
        .map_err(system("cannot start a data thread"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system("cannot start the control thread"))?;
    let tables = info::table_bytes(&node, &mut None);
    node.stats.note_start(AtStart { allocated: memory::read().allocated, tables });
    let how = runtime.block_on(control(listeners, &node, threads, clock, || {
        if log::prints(LogLevel::Notice) {
            say(format_args!("{text}"));
        }
    }));
    let cause = node.stop.cause().map_or("", Cause::name);
    log::notice(format_args!("stopped on {cause}, {how}"));
    Ok(ExitCode::SUCCESS)
}

/// Whether the number of data threads is fixed, and to how many they may grow. One core is left to
/// the kernel's share of the work, to clients on the same machine and to what runs behind.
fn threads_of(setting: IoThreads) -> (bool, usize) {
    match setting {
        IoThreads::Fixed(n) => (true, n as usize),
        IoThreads::Auto => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            (false, cores.saturating_sub(1).max(1))
        }
    }
}

fn node(
    config: Config,
    stop: Stop,
    listening: Vec<SocketAddr>,
    threads: (bool, usize),
) -> Result<Arc<Node>, StartError> {
    let mut random = [0u8; 36];
    fill_random(&mut random).map_err(|error| StartError::System("no randomness", error))?;
    let word = |at: usize| {
        let mut bytes = [0u8; 8];
        bytes.copy_from_slice(&random[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let shard = Shard::alone(ShardOptions {
        databases: config.databases as u16,
        seed: HashSeed(word(0)),
        actor: Actor(word(8)),
    });
    let run_id = random[16..].iter().map(|byte| format!("{byte:02x}")).collect();
    let executable = std::env::current_exe().map(|path| path.display().to_string());
    Ok(Arc::new(Node {
        shard: Arc::new(shard),
        settings: Settings::new(config, config::fit_clients),
        clients: Clients::default(),
        stats: Stats::default(),
        stop,
        facts: Facts { run_id, listening, threads, executable: executable.unwrap_or_default() },
    }))
}

fn fill_random(bytes: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::rand::getrandom(&mut bytes[filled..], flags)?;
    }
    Ok(())
}

/// Accepts, watches over threads and idle clients, and drains when asked to stop. Returns how the
/// clients fared.
async fn control(
    mut listeners: Vec<std::net::TcpListener>,
    node: &Arc<Node>,
    threads: DataThreads,
    clock: Clock,
    ready: impl FnOnce(),
) -> Drained {
    let threads = Arc::new(Mutex::new(threads));
    let _watching = tokio::spawn(watch_over(Arc::clone(node), Arc::clone(&threads), clock.clone()));
    let mut ready = Some(ready);
    loop {
        let mut accepting = Vec::new();
        for listener in listeners {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => {
                    let (node, threads) = (Arc::clone(node), Arc::clone(&threads));
                    accepting.push(tokio::spawn(listener::accept(
                        listener,
                        node,
                        threads,
                        clock.clone(),
                    )));
                }
                Err(error) => log::warning(format_args!("a listening socket failed: {error}")),
            }
        }
        if let Some(ready) = ready.take() {
            ready();
        }
        let cause = node.stop.wait().await;
        log::verbose(format_args!("stopping on {}", cause.name()));
        for task in accepting {
            task.abort();
            // Ended, however: its socket is closed.
            let _ = task.await;
        }
        if let Some(how) = drain(node).await {
            return how;
        }
        log::notice(format_args!("the stop was aborted, serving again"));
        listeners = match listener::again(&node.facts.listening, &node.settings.now()) {
            Ok(listeners) => listeners,
            Err(error) => {
                log::warning(format_args!("stopping all the same: {error}"));
                node.stop.request(cause);
                Vec::new()
            }
        };
    }
}

/// Ten times a second: the data threads' load; once a second: rates and idle clients.
async fn watch_over(node: Arc<Node>, threads: Arc<Mutex<DataThreads>>, clock: Clock) {
    let mut every = tokio::time::interval(Duration::from_millis(JUDGE_EVERY_MS));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut last, mut turns) = (Instant::now(), 0u64);
    loop {
        every.tick().await;
        threads.lock().judge(last.elapsed());
        last = Instant::now();
        turns += 1;
        if turns.is_multiple_of(1000 / JUDGE_EVERY_MS) {
            let now_us = clock.moment().now.mono_us;
            node.stats.sample(now_us);
            node.stats.memory_peak(memory::read().allocated);
            end_idle(&node, now_us);
            end_unread(&node, now_us);
        }
    }
}

/// `timeout`: ends clients that neither sent nor took a byte for so long.
fn end_idle(node: &Node, now_us: u64) {
    let timeout_s = u64::from(node.settings.now().timeout_s);
    if timeout_s == 0 {
        return;
    }
    for client in node.clients.all() {
        let idle_us = now_us.saturating_sub(client.active_us.load(Relaxed));
        if idle_us > timeout_s * 1_000_000 {
            log::verbose(format_args!("client {} was idle for too long", client.id));
            client.kill();
        }
    }
}

/// `client-output-buffer-limit`: ends clients that do not read their replies.
fn end_unread(node: &Node, now_us: u64) {
    let limit = node.settings.now().client_output_buffer_limit.normal;
    for client in node.clients.all() {
        if client.exceeds(&limit, now_us) {
            node.stats.output_limit_closed.fetch_add(1, Relaxed);
            listener::log_unread(&client);
            client.kill();
        }
    }
}

/// How the clients fared when the server stopped.
#[derive(Debug, PartialEq, Eq)]
enum Drained {
    /// All got the replies to what they had sent.
    All,
    /// So many had not: of these, some did not read their replies.
    Busy { clients: usize, unread: usize, waited_s: u64 },
}

impl std::fmt::Display for Drained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Drained::All => f.write_str("all clients drained"),
            Drained::Busy { clients, unread, waited_s } => write!(
                f,
                "{clients} clients were still busy after {waited_s} s: {unread} did not read their \
                 replies, {} did not stop sending",
                clients - unread
            ),
        }
    }
}

/// Waits until every client has got its replies and was closed, at most as long as the setting says.
/// `None` when the stop was aborted.
async fn drain(node: &Node) -> Option<Drained> {
    let limit = Duration::from_secs(u64::from(node.settings.now().shutdown_timeout_s));
    let started = Instant::now();
    loop {
        if node.clients.is_empty() {
            return Some(Drained::All);
        }
        if !node.stop.requested() {
            return None;
        }
        let limit = if node.stop.at_once() { AT_ONCE } else { limit };
        if started.elapsed() >= limit {
            let clients = node.clients.all();
            let unread = clients.iter().filter(|client| client.output_bytes.load(Relaxed) > 0);
            return Some(Drained::Busy {
                clients: clients.len(),
                unread: unread.count(),
                waited_s: started.elapsed().as_secs(),
            });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
