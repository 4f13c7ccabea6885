//! Which connections of a thread are to go on with other threads: a plan that the thread's own
//! connections carry out, each when it next comes round.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// See the module.
#[derive(Debug)]
pub struct Leaving {
    /// Kept beside the plan, so that a connection that is to stay reads one number.
    any: AtomicUsize,
    /// How many are to go to each thread.
    to: Box<[AtomicUsize]>,
}

impl Leaving {
    /// Nobody leaves; there are so many threads.
    pub fn new(threads: usize) -> Leaving {
        let to = std::iter::repeat_with(AtomicUsize::default).take(threads).collect();
        Leaving { any: AtomicUsize::new(0), to }
    }

    /// A new plan (thread, connections) in place of what is left of the one before.
    pub fn plan(&self, moves: &[(usize, usize)]) {
        for (at, to) in self.to.iter().enumerate() {
            let wanted = moves.iter().filter(|(thread, _)| *thread == at).map(|(_, n)| n);
            to.store(wanted.sum(), Relaxed);
        }
        self.any.store(moves.iter().map(|(_, n)| n).sum(), Relaxed);
    }

    /// The thread that the connection which asks is to go to, if it is to go.
    #[inline]
    pub fn take(&self) -> Option<usize> {
        if self.any.load(Relaxed) == 0 { None } else { self.take_one() }
    }

    fn take_one(&self) -> Option<usize> {
        let less = |n: &AtomicUsize| n.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok();
        if less(&self.any) { self.to.iter().position(less) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_leave_for_each_thread_as_the_plan_says() {
        let leaving = Leaving::new(4);
        assert_eq!(leaving.take(), None);
        leaving.plan(&[(0, 2), (2, 1)]);
        let went: Vec<Option<usize>> = (0..5).map(|_| leaving.take()).collect();
        assert_eq!(went, [Some(0), Some(0), Some(2), None, None]);
    }

    #[test]
    fn a_new_plan_replaces_the_old_one() {
        let leaving = Leaving::new(3);
        leaving.plan(&[(1, 5)]);
        assert_eq!(leaving.take(), Some(1));
        leaving.plan(&[(2, 1), (0, 1)]);
        let went: Vec<Option<usize>> = (0..3).map(|_| leaving.take()).collect();
        assert_eq!(went, [Some(0), Some(2), None]);
    }
}
