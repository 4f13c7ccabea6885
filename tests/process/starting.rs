//! What a start prints, and what is refused before it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;

use kinring_tests::Kinring;
use kinring_tests::process::{self, Ended};
use rustix::process::Signal;

/// A configuration file that goes away with its test.
pub struct File(PathBuf);

impl File {
    /// A file of this content; `name` makes it the test's own.
    pub fn new(name: &str, content: &str) -> File {
        let name = format!("kinring-{}-{name}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).expect("the temporary directory takes files");
        File(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().expect("a path of text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_banner_says_what_where_and_how_to_try() {
    let kinring = Kinring::start(&[]);
    let (pid, addr) = (kinring.pid(), kinring.addr());
    let banner = kinring.stderr();
    assert!(banner.starts_with("Kinring ") && banner.contains(&format!("pid {pid}")), "{banner}");
    for part in [
        &format!("listening  {addr}\n"),
        "16 databases",
        "access     this machine, no password\n",
        &format!("try        redis-cli -p {}\n", addr.port()),
        "ready      Ready to accept connections\n",
    ] {
        assert!(banner.contains(part), "{part} is missing in {banner}");
    }
    assert_eq!(banner.lines().count(), 7, "{banner}");
    let ended = kinring.stop();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    assert_eq!(ended.stderr.lines().count(), 8, "one line about the stop: {}", ended.stderr);
}

/// Exit code 1, and one line that holds these texts.
#[track_caller]
fn refused(ended: &Ended, texts: &[&str]) {
    let line = &ended.stderr;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{line}");
    assert!(line.starts_with("kinring: ") && line.lines().count() == 1, "{line}");
    for text in texts {
        assert!(line.contains(text), "{text} is missing in {line}");
    }
}

#[test]
fn a_taken_port_is_one_line_that_names_the_mend() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let addr = taken.local_addr().expect("it is bound");
    let ended = Kinring::run(&["--port", &addr.port().to_string()], &[]);
    refused(&ended, &[&addr.to_string(), "in use", "another --port"]);
}

#[test]
fn a_wrong_flag_is_one_line() {
    for (flags, texts) in [
        (&["--port", "99999"][..], &["--port", "'99999' is not a port (0 to 65535)"][..]),
        (&["--port"], &["--port"]),
        (&["--prot", "0"], &["--prot", "--port"]),
        (&["--nonsense"], &["--nonsense"]),
        (&["word"], &["word"]),
        (
            &["--config", "/nonexistent/kinring.toml"],
            &["/nonexistent/kinring.toml", "read", "a readable TOML file"],
        ),
        (&["--config", "/"], &["/: ", "directory", "a readable TOML file"]),
        (&["--data-dir", "/nonexistent"], &["--data-dir", "durability is not built"]),
        (&["--appendonly", "yes"], &["--appendonly", "durability is not built"]),
        (&["--bind", "nowhere"], &["--bind", "nowhere"]),
        (&["--io-threads", "0"], &["--io-threads"]),
        (&["--requirepass", "hunter2", "--maxclients", "0"], &["--maxclients", "'0'"]),
        // An address for documentation, which no machine has.
        (&["--port", "0", "--bind", "198.51.100.77"], &["198.51.100.77", "another --bind"]),
    ] {
        let ended = Kinring::run(flags, &[]);
        refused(&ended, texts);
        assert!(!ended.stderr.contains("hunter2"), "a password is not shown: {}", ended.stderr);
    }
}

#[test]
fn a_start_that_would_listen_nowhere_is_refused() {
    let ended = Kinring::run(&["--port", "0", "--bind", "-198.51.100.77"], &[]);
    refused(&ended, &["listen", "--bind"]);
}

#[test]
fn a_wrong_variable_is_one_line() {
    for (name, value, text) in [
        ("KINRING_PORT", "abc", "'abc' is not a port"),
        ("KINRING_MAXCLIENTS", "0", "'0'"),
        ("KINRING_DATA_DIR", "/nonexistent", "durability is not built"),
        ("KINRING_CONFIG", "/nonexistent/kinring.toml", "a readable TOML file"),
        ("KINRING_PRT", "1", "did you mean 'KINRING_PORT'?"),
    ] {
        let ended = Kinring::run(&["--bind", "127.0.0.1"], &[(name, value)]);
        let place = if name == "KINRING_CONFIG" { value } else { name };
        refused(&ended, &[place, text]);
    }
}

#[test]
fn a_variable_that_sets_nothing_is_a_warning() {
    let env = [("KINRING_SERVICE_HOST", "10.0.0.1")];
    let kinring = Kinring::start_with(&["--port", "0"], &env);
    let line = "kinring: these environment variables set no option: KINRING_SERVICE_HOST\n";
    assert!(kinring.stderr().starts_with(line), "{}", kinring.stderr());
}

#[test]
fn a_variable_that_is_no_text_is_refused_not_passed_over() {
    use std::os::unix::ffi::OsStrExt;
    let mut command = process::command(&["--port", "0"], &[]);
    command.env("KINRING_REQUIREPASS", std::ffi::OsStr::from_bytes(b"\xff\xfe"));
    refused(&process::run(command), &["KINRING_REQUIREPASS", "UTF-8"]);
}

#[test]
fn a_wrong_file_is_one_line_with_its_line() {
    for (name, content, texts) in [
        ("unknown", "port = 0\nprot = 1\n", &["line 2", "unknown key 'prot'", "'port'"][..]),
        ("type", "port = \"0\"\n", &["line 1", "'port' wants a whole number"]),
        ("value", "\nport = 70000\n", &["line 2", "'70000' is not a port"]),
        ("syntax", "port = = 0\n", &["line 1", "not TOML"]),
        ("table", "[port]\n", &["line 1", "'port' wants a whole number"]),
        ("dir", "data-dir = \"/nonexistent\"\n", &["line 1", "durability is not built"]),
    ] {
        let file = File::new(name, content);
        let ended = Kinring::run(&["--config", file.path()], &[]);
        refused(&ended, &[&[file.path()], texts].concat());
    }
}

#[test]
fn help_and_version_are_printed_and_nothing_starts() {
    for flag in ["--help", "-h"] {
        let ended = Kinring::run(&[flag], &[]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        for flag in ["--port", "--maxclients", "--config", "--requirepass"] {
            assert!(ended.stdout.contains(flag), "{flag} is missing in {}", ended.stdout);
        }
    }
    for flag in ["--version", "-v"] {
        let ended = Kinring::run(&[flag], &[]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(ended.stdout.starts_with("kinring "), "{}", ended.stdout);
    }
}

#[test]
fn a_reader_of_stderr_that_goes_away_harms_nothing() {
    let mut child = process::command(&["--port", "0"], &[])
        .stdout(Stdio::null())
        .spawn()
        .expect("kinring can be run");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains("Ready to accept connections") {
        line.clear();
        assert!(stderr.read_line(&mut line).expect("text") > 0, "it did not start");
    }
    drop(stderr);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).expect("it runs");
    let status = process::wait_for(&mut child);
    let _ = child.kill();
    assert_eq!(status.expect("it ends").code(), Some(0));
}

#[test]
fn a_quiet_log_level_prints_nothing() {
    let free = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let addr = free.local_addr().expect("it is bound");
    drop(free);
    let port = addr.port().to_string();
    let mut command = process::command(&["--loglevel", "warning", "--port", &port], &[]);
    let child = command.spawn().expect("kinring can be run");
    let up = process::eventually(|| kinring_tests::Conn::try_open(addr).is_ok());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, Signal::TERM).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert!(up, "nobody listens");
    assert!(output.status.success() && output.stderr.is_empty() && output.stdout.is_empty());
}
