//! Kinring processes for tests, and a Redis to compare with.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::conn::{Conn, WAIT_MAX};

/// How often something that cannot be waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed for others.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
}

/// A running `kinring`, killed when dropped.
pub struct Kinring {
    child: Child,
    stderr: Arc<Lines>,
    addrs: Vec<SocketAddr>,
}

impl Kinring {
    /// Starts it with these flags, on a port that the system chooses unless they name one, and waits
    /// until it accepts connections.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(flags: &[&str]) -> Kinring {
        if flags.contains(&"--port") {
            return Kinring::start_with(flags, &[]);
        }
        Kinring::start_with(&[&["--port", "0"], flags].concat(), &[])
    }

    /// Starts it with exactly these flags and variables.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with(flags: &[&str], variables: &[(&str, &str)]) -> Kinring {
        let mut child = command(flags, variables).spawn().expect("kinring can be run");
        let stderr = Lines::read(child.stderr.take().expect("it is piped"));
        let mut kinring = Kinring { child, stderr, addrs: Vec::new() };
        let ready = kinring.stderr.wait_for("Ready to accept connections");
        assert!(ready, "kinring {flags:?} did not start: {}", kinring.stderr.text());
        kinring.addrs = listening(&kinring.stderr.text());
        assert!(!kinring.addrs.is_empty(), "no address in {}", kinring.stderr.text());
        kinring
    }

    /// Runs it to its end, for what is not to start.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn run(flags: &[&str], variables: &[(&str, &str)]) -> Ended {
        run(command(flags, variables))
    }

    /// Where it listens; the first address of several.
    pub fn addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    /// Everywhere it listens, as far as the banner says.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// A new connection.
    ///
    /// # Panics
    /// When it accepts none.
    pub fn connect(&self) -> Conn {
        Conn::open(self.addr())
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Its resident memory in bytes.
    ///
    /// # Panics
    /// When it has ended.
    pub fn resident_bytes(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most it ever held.
    ///
    /// # Panics
    /// When it has ended.
    pub fn peak_bytes(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(&path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or_else(|| panic!("the kernel tells {name}")) * 1024
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it runs");
    }

    /// Whether it has not ended.
    ///
    /// # Panics
    /// When the system does not tell.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the child can be waited for").is_none()
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// `kill -9`, and waits for the end.
    ///
    /// # Panics
    /// When even that does not end it.
    pub fn kill9(self) -> Ended {
        self.signal(Signal::KILL);
        self.wait()
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn wait(mut self) -> Ended {
        let status = wait_for(&mut self.child);
        let status = status.unwrap_or_else(|| panic!("still runs: {}", self.stderr.text()));
        let mut stdout = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            let _ = pipe.read_to_string(&mut stdout);
        }
        Ended { code: status.code(), stdout, stderr: self.stderr.whole() }
    }
}

impl Drop for Kinring {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The addresses of the banner's line `listening`.
fn listening(banner: &str) -> Vec<SocketAddr> {
    let line = banner.lines().find_map(|line| line.trim_start().strip_prefix("listening"));
    let words = line.unwrap_or_default().split([' ', ',']);
    words.filter_map(|word| word.parse().ok()).collect()
}

/// Runs a command to its end.
///
/// # Panics
/// When it does not end in time.
pub fn run(mut command: Command) -> Ended {
    let mut child = command.spawn().expect("kinring can be run");
    let stderr = Lines::read(child.stderr.take().expect("it is piped"));
    let stdout = Lines::read(child.stdout.take().expect("it is piped"));
    let Some(status) = wait_for(&mut child) else {
        let _ = child.kill();
        let _ = child.wait();
        panic!("{command:?} still runs: {}", stderr.text());
    };
    Ended { code: status.code(), stdout: stdout.whole(), stderr: stderr.whole() }
}

/// `kinring` with piped output and none of this process's own `KINRING_` variables.
///
/// # Panics
/// When it cannot be built.
pub fn command(flags: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KINRING_") {
            command.env_remove(name);
        }
    }
    command.args(flags).envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Longer than this cargo only takes to build, not to find everything built.
const LOOK_AT_BUILD_MAX: Duration = Duration::from_secs(2);

/// The binary, in the profile and the directory of this test. Built at the first call, unless the
/// `cargo test` of the workspace that runs this test has just built it: the packages are chosen as
/// there, because other ones would unite the features of dependencies in another way and build
/// these again.
fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // A test lies in TARGET/PROFILE/deps.
        let test = std::env::current_exe().expect("a test knows its path");
        let profile_dir = test.parent().and_then(|deps| deps.parent()).expect("deps has a parent");
        let target = profile_dir.parent().expect("a profile's directory has a parent");
        let profile = profile_dir.file_name().and_then(|name| name.to_str()).expect("a name");
        let profile: &[&str] = match profile {
            // `cargo test` says so of itself, and of `dev`.
            "debug" => &[],
            other => &["--profile", other],
        };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["test", "--workspace", "--no-run", "--quiet"]).args(profile);
        cargo.arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = cargo.spawn().expect("cargo can be run");
        let errors = Lines::read(child.stderr.take().expect("it is piped"));
        let started = Instant::now();
        while started.elapsed() < LOOK_AT_BUILD_MAX && !errors.has_ended() {
            std::thread::sleep(LOOK_EVERY);
        }
        if !errors.has_ended() {
            // Not by a macro, whose text would be kept back until the test has failed.
            let _ = std::io::stderr().write_all(b"building the kinring that is tested ...\n");
        }
        let status = child.wait().expect("the child can be waited for");
        assert!(status.success(), "kinring does not build: {}", errors.text());
        profile_dir.join("kinring")
    })
}

/// Waits for a child, at most [`WAIT_MAX`].
///
/// # Panics
/// When it is not a child.
pub fn wait_for(child: &mut Child) -> Option<ExitStatus> {
    let mut status = None;
    eventually(|| {
        status = child.try_wait().expect("the child can be waited for");
        status.is_some()
    });
    status
}

/// Whether something becomes true within [`WAIT_MAX`].
pub fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + WAIT_MAX;
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The lines of a pipe, gathered by a thread so that the writer never waits.
struct Lines {
    state: Mutex<LinesSoFar>,
    changed: Condvar,
}

#[derive(Default)]
struct LinesSoFar {
    text: String,
    ended: bool,
}

impl Lines {
    fn read(pipe: impl Read + Send + 'static) -> Arc<Lines> {
        let lines = Arc::new(Lines { state: Mutex::default(), changed: Condvar::new() });
        let shared = Arc::clone(&lines);
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while matches!(pipe.read_until(b'\n', &mut line), Ok(1..)) {
                shared.change(|state| state.text.push_str(&String::from_utf8_lossy(&line)));
                line.clear();
            }
            shared.change(|state| state.ended = true);
        });
        lines
    }

    fn change(&self, change: impl FnOnce(&mut LinesSoFar)) {
        change(&mut self.state.lock().expect("no test panics under the lock"));
        self.changed.notify_all();
    }

    fn text(&self) -> String {
        self.state.lock().expect("no test panics under the lock").text.clone()
    }

    fn has_ended(&self) -> bool {
        self.state.lock().expect("no test panics under the lock").ended
    }

    /// Whether `text` comes before the end, and in time.
    fn wait_for(&self, text: &str) -> bool {
        self.wait_until(|state| state.ended || state.text.contains(text)).contains(text)
    }

    /// Everything up to the end of the pipe.
    fn whole(&self) -> String {
        self.wait_until(|state| state.ended)
    }

    fn wait_until(&self, done: impl Fn(&LinesSoFar) -> bool) -> String {
        let state = self.state.lock().expect("no test panics under the lock");
        let (state, _) = self
            .changed
            .wait_timeout_while(state, WAIT_MAX, |state| !done(state))
            .expect("no test panics under the lock");
        state.text.clone()
    }
}

/// A real `redis-server`, killed when dropped.
pub struct Redis {
    child: Child,
    addr: SocketAddr,
}

impl Redis {
    /// Starts one on a free port, with nothing on disk. `None`, and a word about it, when there is
    /// no `redis-server` on the PATH.
    ///
    /// # Panics
    /// When there is one that does not start, or none on a machine of the continuous integration.
    pub fn start() -> Option<Redis> {
        if !need("redis-server") {
            return None;
        }
        // Between the choice of a port and its use somebody else may take it.
        let started = (0..5).find_map(|_| Redis::start_on(free_port()));
        Some(started.expect("redis-server starts on one of five free ports"))
    }

    fn start_on(port: u16) -> Option<Redis> {
        let flags = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string()])
            .args(flags)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server can be run");
        let mut redis = Redis { child, addr: SocketAddr::from(([127, 0, 0, 1], port)) };
        let mut ended = false;
        let up = eventually(|| {
            ended = redis.child.try_wait().expect("the child can be waited for").is_some();
            ended || Conn::try_open(redis.addr).is_ok()
        });
        (up && !ended).then_some(redis)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A new connection.
    ///
    /// # Panics
    /// When it accepts none.
    pub fn connect(&self) -> Conn {
        Conn::open(self.addr)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    socket.local_addr().expect("it is bound").port()
}

/// Whether a program is there. When not, says that the test is skipped.
///
/// # Panics
/// When it is missing where `CI=true`: there a skipped test would go unseen.
pub fn need(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&paths).any(|dir| dir.join(program).is_file()) {
        return true;
    }
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!strict, "{program} is missing, and CI=true allows no skipped test");
    eprintln!("skipped: {program} is not on the PATH");
    false
}
