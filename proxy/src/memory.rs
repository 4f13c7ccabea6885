//! What the process uses of the machine, as the allocator and the system tell it.

use tikv_jemalloc_ctl::{epoch, stats};

/// Bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// In use by the program.
    pub allocated: u64,
    /// In pages with something in use.
    pub active: u64,
    /// Kept by the allocator in physical memory.
    pub allocator_resident: u64,
    /// Of the whole process in physical memory.
    pub resident: u64,
}

/// Seconds of processor time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// In the program.
    pub user_s: f64,
    /// In the kernel for it.
    pub system_s: f64,
}

/// Asks the allocator and the system; what does not answer is 0.
pub fn read() -> Memory {
    // The allocator's numbers are those of its last epoch.
    let _ = epoch::advance();
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages: Option<u64> = pages.and_then(|text| text.split_whitespace().nth(1)?.parse().ok());
    Memory {
        allocated: stats::allocated::read().unwrap_or(0) as u64,
        active: stats::active::read().unwrap_or(0) as u64,
        allocator_resident: stats::resident::read().unwrap_or(0) as u64,
        resident: pages.unwrap_or(0) * rustix::param::page_size() as u64,
    }
}

/// Processor time of the process so far.
pub fn cpu() -> Cpu {
    cpu_in("/proc/self/stat").unwrap_or_default()
}

/// The same of its main thread, where the system tells.
pub fn cpu_of_main_thread() -> Option<Cpu> {
    cpu_in(&format!("/proc/self/task/{}/stat", std::process::id()))
}

fn cpu_in(path: &str) -> Option<Cpu> {
    let text = std::fs::read_to_string(path).ok()?;
    // The second field is the name in parentheses and may hold anything.
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let mut fields = after.split_whitespace().skip(11).map(|field| field.parse().unwrap_or(0.0));
    let tick = rustix::param::clock_ticks_per_second() as f64;
    let user: f64 = fields.next().unwrap_or(0.0);
    let system: f64 = fields.next().unwrap_or(0.0);
    Some(Cpu { user_s: user / tick, system_s: system / tick })
}

/// The system as `uname` tells it: name, release, machine.
pub fn os() -> String {
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    [uname.sysname(), uname.release(), uname.machine()].map(text).join(" ")
}

/// Physical memory of the machine in bytes; 0 when the system does not tell.
pub fn of_the_machine() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
