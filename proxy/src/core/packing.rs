//! How many data threads are active, and which connections move.
//!
//! Two half-idle threads cost more CPU and a worse p99 than one busy thread, so connections are
//! packed: the first thread takes all, the next is opened when the open ones are busy, and closed
//! when the others could do its work. A pure function of measured load; the shell moves sockets.

/// How often the load is judged.
pub const JUDGE_EVERY_MS: u64 = 100;

/// Above this share of busy time, twice in a row, the open threads are full.
const FULL_PERCENT: u32 = 70;

/// The last thread is closed when the others would stay below this share with its work.
const CLOSE_PERCENT: u32 = 45;

/// Judgements in a row (200 ms) before a thread is opened.
const FULL_FOR: u32 = 2;

/// Judgements in a row (10 s) before a thread is closed: opening and closing must not alternate.
const IDLE_FOR: u32 = 100;

/// What one data thread did since the last judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Share of the time it was busy, 0 to 100.
    pub busy_percent: u32,
    /// Connections it serves.
    pub connections: usize,
}

/// Connections that one thread gives to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Who gives.
    pub from: usize,
    /// Who takes.
    pub to: usize,
    /// How many.
    pub connections: usize,
}

/// Which threads are open: the first `open` of `max`.
#[derive(Debug)]
pub struct Packing {
    open: usize,
    max: usize,
    full_for: u32,
    idle_for: u32,
}

impl Packing {
    /// Up to `max` threads; with `all` they are all open from the start (`--io-threads N`).
    ///
    /// # Panics
    /// When `max` is 0.
    pub fn new(max: usize, all: bool) -> Packing {
        assert!(max > 0, "somebody must serve");
        Packing { open: if all { max } else { 1 }, max, full_for: 0, idle_for: 0 }
    }

    /// The thread for a new connection: the open one with the fewest.
    pub fn place(&self, connections: impl Fn(usize) -> usize) -> usize {
        (0..self.open).min_by_key(|thread| connections(*thread)).unwrap_or(0)
    }

    /// Judges the loads of the open threads; returns the moves to make now.
    pub fn judge(&mut self, fixed: bool, loads: &[Load]) -> Vec<Move> {
        let loads = &loads[..self.open.min(loads.len())];
        if fixed || loads.is_empty() {
            return Vec::new();
        }
        let busy: u32 = loads.iter().map(|load| load.busy_percent).sum();
        let full = loads.iter().all(|load| load.busy_percent > FULL_PERCENT);
        let idle = self.open > 1 && busy < CLOSE_PERCENT * (self.open as u32 - 1);
        self.full_for = if full { self.full_for + 1 } else { 0 };
        self.idle_for = if idle { self.idle_for + 1 } else { 0 };
        if self.full_for >= FULL_FOR && self.open < self.max {
            self.full_for = 0;
            return self.open_one(loads);
        }
        if self.idle_for >= IDLE_FOR {
            self.idle_for = 0;
            self.open -= 1;
            let from = self.open;
            return spread(from, loads[from].connections, self.open);
        }
        Vec::new()
    }

    fn open_one(&mut self, loads: &[Load]) -> Vec<Move> {
        let movable = loads.iter().any(|load| load.connections > 1);
        if !movable {
            return Vec::new();
        }
        let to = self.open;
        self.open += 1;
        let share = |load: &Load| load.connections / self.open;
        let moves = loads.iter().enumerate();
        moves
            .map(|(from, load)| Move { from, to, connections: share(load) })
            .filter(|step| step.connections > 0)
            .collect()
    }
}

fn spread(from: usize, connections: usize, open: usize) -> Vec<Move> {
    (0..open)
        .map(|to| Move {
            from,
            to,
            connections: connections / open + usize::from(to < connections % open),
        })
        .filter(|step| step.connections > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(busy_percent: u32, connections: usize) -> Load {
        Load { busy_percent, connections }
    }

    #[test]
    fn a_busy_thread_opens_the_next_after_200_ms_and_gives_it_half() {
        let mut packing = Packing::new(4, false);
        assert_eq!(packing.judge(false, &[load(90, 50)]), []);
        let moves = packing.judge(false, &[load(90, 50)]);
        assert_eq!(moves, [Move { from: 0, to: 1, connections: 25 }]);
        assert_eq!(packing.place(|thread| [30, 10, 0, 0][thread]), 1);
    }

    #[test]
    fn a_short_burst_opens_nothing() {
        let mut packing = Packing::new(4, false);
        for _ in 0..50 {
            assert_eq!(packing.judge(false, &[load(90, 50)]), []);
            assert_eq!(packing.judge(false, &[load(10, 50)]), []);
        }
    }

    #[test]
    fn one_connection_cannot_be_divided() {
        let mut packing = Packing::new(4, false);
        for _ in 0..10 {
            assert_eq!(packing.judge(false, &[load(100, 1)]), []);
        }
    }

    #[test]
    fn an_idle_second_thread_is_closed_after_ten_seconds() {
        let mut packing = Packing::new(2, false);
        packing.judge(false, &[load(90, 9)]);
        packing.judge(false, &[load(90, 9)]);
        let moves: Vec<Move> =
            (0..IDLE_FOR).flat_map(|_| packing.judge(false, &[load(5, 5), load(5, 4)])).collect();
        assert_eq!(moves, [Move { from: 1, to: 0, connections: 4 }]);
    }

    #[test]
    fn the_work_of_a_closed_thread_goes_to_all_others() {
        let mut packing = Packing::new(3, false);
        packing.open = 3;
        let moves: Vec<Move> = (0..IDLE_FOR)
            .flat_map(|_| packing.judge(false, &[load(5, 5), load(5, 4), load(5, 3)]))
            .collect();
        let each = |to, connections| Move { from: 2, to, connections };
        assert_eq!(moves, [each(0, 2), each(1, 1)]);
    }

    #[test]
    fn a_fixed_number_of_threads_stays() {
        let mut packing = Packing::new(2, true);
        assert_eq!(packing.place(|thread| [1, 0][thread]), 1);
        for _ in 0..1000 {
            assert_eq!(packing.judge(true, &[load(0, 1), load(100, 9)]), []);
        }
    }
}
