//! File descriptors for as many clients as are promised.
//!
//! A server that says `maxclients 10000` and fails at the 1000th accept has lied; so the system's
//! limit is raised, and where it cannot be, `maxclients` says what is true. Invariant: limits are
//! only ever raised.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Config;

/// Descriptors that are not clients: listeners, the runtimes' own, standard streams. As in Redis.
pub const DESCRIPTORS_RESERVED: u32 = 32;

/// Raises the process's limit for `clients` as far as the system lets it.
///
/// Returns how many clients there is room for, at most `clients`.
#[must_use]
pub fn fit_clients(clients: u32) -> u32 {
    let open_max = u64::from(clients) + u64::from(DESCRIPTORS_RESERVED);
    let granted = raise(open_max, getrlimit(Resource::Nofile), &mut |limit| {
        setrlimit(Resource::Nofile, limit).is_ok()
    });
    room(granted, clients)
}

/// Fits `maxclients` at the start. A line for the log when it had to be reduced.
///
/// # Errors
/// One line, when there is no room for a single client; the configuration is unchanged.
pub fn fit_at_start(config: &mut Config) -> Result<Option<String>, String> {
    reduce(config, fit_clients(config.maxclients))
}

fn reduce(config: &mut Config, room: u32) -> Result<Option<String>, String> {
    let asked = config.maxclients;
    if room == 0 {
        return Err(format!(
            "the open file limit is too low for a single client; raise it with 'ulimit -n {}'",
            u64::from(asked) + u64::from(DESCRIPTORS_RESERVED)
        ));
    }
    if room >= asked {
        return Ok(None);
    }
    config.maxclients = room;
    Ok(Some(format!(
        "Current maximum open files is {}. maxclients has been reduced from {asked} to {room} to \
         compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.",
        u64::from(room) + u64::from(DESCRIPTORS_RESERVED)
    )))
}

/// Clients that fit below a limit of `granted` descriptors.
fn room(granted: u64, clients: u32) -> u32 {
    let room = granted.saturating_sub(DESCRIPTORS_RESERVED.into());
    u32::try_from(room).unwrap_or(u32::MAX).min(clients)
}

/// The limit in force after trying for `open_max`; `None` in a limit is "none".
fn raise(open_max: u64, limit: Rlimit, set: &mut dyn FnMut(Rlimit) -> bool) -> u64 {
    let soft = limit.current.unwrap_or(u64::MAX);
    if soft >= open_max {
        return soft;
    }
    // First what is needed, for which a privileged process may lift the hard limit too; else all
    // that the hard limit gives.
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let lifted = limit.maximum.map(|hard| hard.max(open_max));
    if set(Rlimit { current: Some(open_max), maximum: lifted }) {
        return open_max;
    }
    if hard > soft && set(Rlimit { current: Some(hard.min(open_max)), maximum: limit.maximum }) {
        return hard.min(open_max);
    }
    soft
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(soft: u64, hard: u64) -> Rlimit {
        Rlimit { current: Some(soft), maximum: Some(hard) }
    }

    #[test]
    fn a_limit_that_is_high_enough_is_left_alone() {
        assert_eq!(raise(1000, limit(1024, 4096), &mut |_| panic!("nothing to set")), 1024);
    }

    #[test]
    fn the_soft_limit_rises_as_far_as_needed_and_no_further() {
        let mut asked = Vec::new();
        let granted = raise(2000, limit(1024, 4096), &mut |l| {
            asked.push((l.current, l.maximum));
            true
        });
        assert_eq!((granted, asked), (2000, vec![(Some(2000), Some(4096))]));
    }

    #[test]
    fn an_unprivileged_process_gets_its_hard_limit() {
        let mut unprivileged = |l: Rlimit| l.maximum <= Some(4096);
        assert_eq!(raise(10_032, limit(1024, 4096), &mut unprivileged), 4096);
    }

    #[test]
    fn a_privileged_process_lifts_the_hard_limit() {
        assert_eq!(raise(10_032, limit(1024, 4096), &mut |_| true), 10_032);
    }

    #[test]
    fn a_refusal_of_everything_leaves_the_soft_limit() {
        assert_eq!(raise(10_032, limit(1024, 4096), &mut |_| false), 1024);
    }

    #[test]
    fn maxclients_is_reduced_in_one_line_to_what_fits() {
        let mut config = Config::default();
        let line = reduce(&mut config, room(1024, 10_000)).unwrap().unwrap();
        assert_eq!(config.maxclients, 992);
        assert!(line.contains("is 1024.") && line.contains("from 10000 to 992"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }

    #[test]
    fn no_room_for_one_client_is_an_error() {
        let mut config = Config::default();
        assert!(reduce(&mut config, room(32, 10_000)).is_err());
        assert_eq!(config.maxclients, 10_000);
    }
}
