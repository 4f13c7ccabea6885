//! A machine with a proxy: its router, its clock, and what waits while it stands still.

use crate::world::clock::Clock;
use kinring::core::router::{Router, RouterInput, RouterOutput};
use std::collections::VecDeque;

/// See the module.
pub(super) struct Front {
    /// Its monotonic clock is all that it looks at.
    pub(super) clock: Clock,
    router: Router,
    paused_until_us: u64,
    inbox: VecDeque<RouterInput>,
}

impl Front {
    /// A proxy that starts now.
    pub(super) fn new(router: Router, clock: Clock) -> Front {
        Front { clock, router, paused_until_us: 0, inbox: VecDeque::new() }
    }

    /// It starts anew on the same machine.
    pub(super) fn restart(&mut self, router: Router) {
        self.router = router;
        self.inbox.clear();
    }

    /// How long the queues of its router are, and how long they may be.
    pub(super) fn queues(&self) -> [(&'static str, usize, usize); 4] {
        self.router.queues()
    }

    /// How often its router has asked for a read once more elsewhere.
    pub(super) fn hedges(&self) -> u64 {
        self.router.hedges()
    }

    /// It stands still for so long, and hears then what it was told meanwhile.
    pub(super) fn pause(&mut self, for_us: u64, now_us: u64) {
        self.paused_until_us = self.paused_until_us.max(now_us + for_us);
    }

    /// It stands still no longer.
    pub(super) fn wake(&mut self, now_us: u64) {
        self.paused_until_us = self.paused_until_us.min(now_us);
    }

    /// When something is to be done with it, in true time.
    pub(super) fn wake_us(&self) -> u64 {
        let due_us = match self.inbox.is_empty() {
            true => self.clock.when_us(self.router.wake_us()),
            false => 0,
        };
        due_us.max(self.paused_until_us)
    }

    /// It is told something. Returns whether it stands still, and hears it later.
    pub(super) fn tell(&mut self, input: RouterInput, now_us: u64) -> bool {
        self.inbox.push_back(input);
        now_us < self.paused_until_us
    }

    /// What it wants done next, unless it stands still.
    pub(super) fn poll(&mut self, now_us: u64) -> Option<RouterOutput> {
        if now_us < self.paused_until_us {
            return None;
        }
        loop {
            if let Some(output) = self.router.poll_output() {
                return Some(output);
            }
            let input = self.inbox.pop_front()?;
            self.router.handle(self.clock.now(now_us).mono_us, input);
        }
    }
}
