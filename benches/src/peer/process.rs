//! What the kernel says about a process: CPU time and resident memory from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// A tick of `/proc/PID/stat`: USER_HZ is 100 on every architecture that Linux still builds.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of all threads of a process.
pub fn cpu(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
    cpu_of(&stat).with_context(|| format!("{path} reads {stat:?}"))
}

/// The program's name may hold spaces and brackets, so fields are counted from the last bracket:
/// utime and stime are fields 14 and 15, the 12th and 13th after it.
fn cpu_of(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(TICK * (user + system))
}

/// User, system and stolen time of the whole machine: what neither ours nor the server's turns out
/// to be was taken by somebody else. Interrupts are left out, they serve our own traffic.
pub fn machine_cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("/proc/stat")?;
    machine_cpu_of(&stat).context("/proc/stat: no line of all processors")
}

/// `cpu user nice system idle iowait irq softirq steal …`
fn machine_cpu_of(stat: &str) -> Option<Duration> {
    let fields: Vec<u32> =
        stat.lines().next()?.split_whitespace().skip(1).map_while(|f| f.parse().ok()).collect();
    match fields[..] {
        [user, nice, system, _, _, _, _, steal, ..] => Some(TICK * (user + nice + system + steal)),
        _ => None,
    }
}

/// Resident memory, now and at most.
#[derive(Clone, Copy, Debug)]
pub struct Resident {
    /// Now, bytes.
    pub bytes: u64,
    /// The most so far, bytes.
    pub peak_bytes: u64,
}

/// Resident memory of a process.
pub fn resident(pid: u32) -> Result<Resident> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    let field = |name| status_kib(&status, name).with_context(|| format!("{path}: no {name}"));
    Ok(Resident { bytes: field("VmRSS")? * 1024, peak_bytes: field("VmHWM")? * 1024 })
}

/// Is a tracer attached?
pub fn is_traced(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status_kib(&status, "TracerPid").is_some_and(|tracer| tracer != 0)
}

fn status_kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_found_behind_any_name() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 3 0 99";
        assert_eq!(cpu_of(stat), Some(Duration::from_millis(1750)));
        assert_eq!(cpu_of("42 (short) S 1"), None);
    }

    #[test]
    fn idle_and_interrupts_are_not_work() {
        let stat = "cpu  100 10 50 9999 88 77 66 5 0 0\ncpu0 1 2 3\n";
        assert_eq!(machine_cpu_of(stat), Some(Duration::from_millis(1650)));
        assert_eq!(machine_cpu_of(""), None);
    }

    #[test]
    fn this_process_is_resident() {
        let resident = resident(std::process::id()).expect("/proc");
        assert!(resident.bytes > 100_000 && resident.peak_bytes >= resident.bytes / 2);
        assert!(cpu(std::process::id()).is_ok());
        assert!(!is_traced(0));
    }
}
