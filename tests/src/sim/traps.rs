//! Single messages that a script keeps from arriving, or has arrive later, or twice.

use crate::world::network::Site;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is lost.
    Lose,
    /// It is kept for later.
    Hold,
    /// It arrives, and a copy is kept for later.
    Copy,
}

/// Which messages, and what becomes of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Their kind.
    pub kind: String,
    /// Who sends them.
    pub from: Site,
    /// Whom they are for; `None` for everybody.
    pub to: Option<Site>,
    /// What becomes of them.
    pub fate: Fate,
    /// The next one alone.
    pub is_once: bool,
}

/// The traps that are set, and what they hold.
#[derive(Debug)]
pub struct Traps<M> {
    set: Vec<Trap>,
    kept: Vec<(Site, Site, M)>,
}

impl<M> Default for Traps<M> {
    fn default() -> Traps<M> {
        Traps { set: Vec::new(), kept: Vec::new() }
    }
}

impl<M: Clone> Traps<M> {
    /// Sets one more.
    pub fn set(&mut self, trap: Trap) {
        self.set.push(trap);
    }

    /// Takes all of them away. What they hold they go on holding.
    pub fn clear(&mut self) {
        self.set.clear();
    }

    /// Something is sent. Returns whether it must not arrive now.
    pub fn catches(&mut self, (from, to): (Site, Site), kind: &str, message: &M) -> bool {
        let is_meant = |trap: &Trap| {
            trap.kind == kind && trap.from == from && trap.to.is_none_or(|site| site == to)
        };
        let Some(at) = self.set.iter().position(is_meant) else { return false };
        let fate = self.set[at].fate;
        if self.set[at].is_once {
            self.set.remove(at);
        }
        if fate != Fate::Lose {
            self.kept.push((from, to, message.clone()));
        }
        fate != Fate::Copy
    }

    /// What was kept, in its order: from whom, to whom, what.
    pub fn release(&mut self) -> Vec<(Site, Site, M)> {
        std::mem::take(&mut self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trap_catches_its_kind_on_its_link_once_or_always() {
        let mut traps = Traps::default();
        let trap = |fate, to, is_once| Trap { kind: "Write".into(), from: 0, to, fate, is_once };
        traps.set(trap(Fate::Copy, Some(1), true));
        traps.set(trap(Fate::Hold, None, false));
        assert!(!traps.catches((0, 1), "Ack", &1) && !traps.catches((1, 0), "Write", &2));
        assert!(!traps.catches((0, 1), "Write", &3), "a copy is kept, and it arrives");
        assert!(traps.catches((0, 1), "Write", &4) && traps.catches((0, 2), "Write", &5));
        traps.clear();
        assert!(!traps.catches((0, 2), "Write", &6));
        assert_eq!(traps.release(), [(0, 1, 3), (0, 1, 4), (0, 2, 5)]);
    }
}
