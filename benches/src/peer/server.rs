//! The servers as processes: found or built, started on free ports, and always ended.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::client::Client;
use super::figures::{Both, Machine};
use super::options::Options;
use super::process::{self, Resident};

/// A server that does not answer PING by then will not.
const START_MAX: Duration = Duration::from_secs(20);

/// A free port may be taken between its choice and its use; thrice in a row it is something else.
const START_TRIES: u32 = 3;

/// The two programs to compare.
pub struct Programs {
    redis: Program,
    kinring: Program,
}

struct Program {
    name: &'static str,
    path: PathBuf,
    args: Vec<String>,
    version: String,
}

impl Programs {
    /// Finds both, and builds Kinring if no path was given.
    pub fn find(options: &Options) -> Result<Programs> {
        let quiet = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"];
        let redis = Program::find("redis", &options.redis, &quiet, &options.redis_args)?;
        let path = match &options.kinring {
            Some(path) => path.clone(),
            None => build_kinring()?,
        };
        let kinring = Program::find("kinring", &path, &["--data-dir", ""], &options.kinring_args)?;
        Ok(Programs { redis, kinring })
    }

    /// Where the figures come from.
    pub fn machine(&self) -> Machine {
        Machine::here(Both {
            redis: self.redis.version.clone(),
            kinring: self.kinring.version.clone(),
        })
    }

    /// A fresh process of each.
    pub fn start(&self) -> Result<Both<Server>> {
        Ok(Both { redis: Server::start(&self.redis)?, kinring: Server::start(&self.kinring)? })
    }
}

impl Program {
    fn find(name: &'static str, path: &Path, fixed: &[&str], more: &[String]) -> Result<Program> {
        let version = Command::new(path).arg("--version").output();
        let version = version.with_context(|| format!("cannot start {}", path.display()))?;
        let text = String::from_utf8_lossy(&version.stdout);
        let line = text.lines().next().unwrap_or("unknown version");
        // "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 …": the first three words do.
        let version = line.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        let args = fixed.iter().map(|arg| arg.to_string()).chain(more.iter().cloned()).collect();
        Ok(Program { name, path: path.to_owned(), args, version })
    }
}

/// Builds into the target directory that this program was built into.
fn build_kinring() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(3).context("this program lies in target/PROFILE/deps")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "-p", "kinring", "--bin", "kinring", "--target-dir"])
        .arg(target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .context("cannot start cargo to build kinring")?;
    if !status.success() {
        bail!("kinring does not build; --kinring PATH measures one that is built");
    }
    Ok(target.join("release").join("kinring"))
}

/// A running server; dropping it ends the process and removes its directory.
pub struct Server {
    /// `redis` or `kinring`.
    pub name: &'static str,
    /// The process.
    pub pid: u32,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its resident memory before any load.
    pub empty: Resident,
    running: Arc<Running>,
}

impl Server {
    fn start(program: &Program) -> Result<Server> {
        for _ in 1..START_TRIES {
            if let Ok(server) = Server::try_start(program) {
                return Ok(server);
            }
        }
        Server::try_start(program)
    }

    fn try_start(program: &Program) -> Result<Server> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("kinring-peer-{}-{n}", std::process::id()));
        fs::create_dir(&dir).with_context(|| dir.display().to_string())?;
        let log = File::create(dir.join("log"))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let path = fs::canonicalize(&program.path).unwrap_or_else(|_| program.path.clone());
        let mut command = Command::new(path);
        command.args(["--port", &port.to_string()]).args(&program.args);
        command.current_dir(&dir).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let (pid, running) = Running::spawn(&mut command, dir)
            .with_context(|| format!("cannot start {}", program.path.display()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        running.wait_for_pong(program.name, address)?;
        Ok(Server { name: program.name, pid, address, empty: process::resident(pid)?, running })
    }

    /// User and system time of the process.
    pub fn cpu(&self) -> Result<Duration> {
        process::cpu(self.pid)
    }

    /// Resident memory of the process.
    pub fn resident(&self) -> Result<Resident> {
        process::resident(self.pid)
    }

    /// A client of its own.
    pub fn client(&self) -> Result<Client> {
        Client::connect(self.address).with_context(|| format!("connection to {}", self.name))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.end();
    }
}

/// A child and its directory, known to [`end_all`] as well as to its [`Server`].
struct Running {
    child: Mutex<Child>,
    dir: PathBuf,
}

static ALL: Mutex<Vec<Arc<Running>>> = Mutex::new(Vec::new());

impl Running {
    /// Starts a child under the lock, so that [`end_all`] misses none.
    fn spawn(command: &mut Command, dir: PathBuf) -> io::Result<(u32, Arc<Running>)> {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        let pid = child.id();
        let running = Arc::new(Running { child: Mutex::new(child), dir });
        all.push(running.clone());
        Ok((pid, running))
    }

    /// Ends the process, if this was not done before. The lock also keeps its id from being reused
    /// under us: only whoever holds it waits for the child.
    fn end(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // Both fail when it has ended already, which is what is wanted.
        let _ = child.kill();
        let _ = child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }

    fn wait_for_pong(&self, name: &str, address: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + START_MAX;
        let failed = |what: String| -> Result<()> {
            let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
            let last = lines[lines.len().saturating_sub(3)..].join(" | ");
            self.end();
            bail!("{name} {what}; its last words: {last}")
        };
        loop {
            let pong = Client::connect(address).and_then(|mut client| client.call(&["PING"]));
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            // Asked after the PING: somebody else's server on this port is not ours.
            let ended = child.try_wait()?;
            drop(child);
            match (ended, pong) {
                (Some(status), _) => return failed(format!("ended at once ({status})")),
                (None, Ok(pong)) if pong == "PONG" => return Ok(()),
                (None, _) if Instant::now() > deadline => {
                    return failed(format!("did not answer PING in {} s", START_MAX.as_secs()));
                }
                (None, _) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// Ends every server; none can be started while the caller keeps what it gets.
fn end_all() -> MutexGuard<'static, Vec<Arc<Running>>> {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter().for_each(|running| running.end());
    all
}

/// From now on Ctrl-C, SIGTERM and a panic end the servers too.
pub fn end_servers_on_signal_or_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        drop(end_all());
    }));
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime for the signals");
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate()).expect("a handler of SIGTERM");
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        });
        let _none_more = end_all();
        std::process::exit(130);
    });
}
