//! A machine of the simulator: a node, its clock and its disk.

use super::plan::{Durability, Plan};
use crate::world::clock::Clock;
use kinring_common::id::NodeId;
use kinring_common::random::Random;
use kinring_common::wire::peer::Batch;
use kinring_shard::core::node::{Input, Node, Output, Past, Restart};
use kinring_shard::store::memory::Memory;
use kinring_shard::store::{Entry, Store};
use std::sync::Arc;

/// What of a disk is gone when a node starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// What a crash takes.
    Crash,
    /// Everything: it is a new disk.
    Wipe,
    /// Some entries in the middle.
    Damage,
}

/// A machine.
pub struct Host {
    id: NodeId,
    /// Its clocks.
    pub clock: Clock,
    /// The node, while it runs.
    pub node: Option<Node>,
    /// It stands still until then.
    pub paused_until_us: u64,
    /// It sleeps, or slept, until then.
    slept_until_us: Option<u64>,
    disk: Memory,
    /// Entries that were there when the node started.
    base: u64,
    /// When the disk is next done with what was appended.
    pub sync_at_us: Option<u64>,
    /// The disk writes nothing any more, until the node starts again.
    pub is_stalled: bool,
    durability: Durability,
    /// Something that was acknowledged is lost here, perhaps, and its node has not got it back.
    has_lost: bool,
    /// Something in the middle of its log is missing, and the same.
    is_damaged: bool,
    /// What its node has executed as a home since somebody looked.
    pub executed: Vec<Arc<Batch>>,
}

impl Host {
    /// A machine with nothing on its disk.
    pub fn new(id: NodeId, clock: Clock, durability: Durability) -> Host {
        Host {
            id,
            clock,
            node: None,
            paused_until_us: 0,
            slept_until_us: None,
            disk: Memory::default(),
            base: 0,
            sync_at_us: None,
            is_stalled: false,
            durability,
            has_lost: true,
            is_damaged: false,
            executed: Vec::new(),
        }
    }

    /// Starts its node with what is on the disk.
    pub fn start(&mut self, plan: &Plan, is_damaged: bool, now_us: u64, random: &mut Random) {
        self.is_damaged |= is_damaged;
        self.is_stalled = false;
        let (is_whole, is_damaged) = (!self.has_lost, self.is_damaged);
        let past = Past { log: self.disk.entries(), is_whole, is_damaged };
        let restart = Restart { now: self.clock.now(now_us), seed: random.word(), past };
        let node = Node::start(self.id, plan.layout.clone(), plan.settings, restart);
        self.base = self.disk.entries().len() as u64;
        self.node = Some(node);
    }

    /// It dies. Returns how many log entries are gone.
    pub fn crash(&mut self, loss: Loss, random: &mut Random) -> usize {
        if self.node.take().is_some_and(|node| node.is_whole()) {
            (self.has_lost, self.is_damaged) = (false, false);
        }
        self.sync_at_us = None;
        let before = self.disk.entries().len();
        match (loss, self.durability) {
            (Loss::Wipe, _) | (_, Durability::Off) => {
                self.disk = Memory::default();
                self.has_lost = true;
            }
            (Loss::Damage, _) => {
                self.disk.crash(self.disk.unsynced());
                let (some, percent) = (random.below(before + 1), 1 + random.below(30));
                let mut at = 0;
                self.disk.damage(|_| {
                    at += 1;
                    at < some || !random.chance(percent)
                });
                self.has_lost = true;
            }
            (Loss::Crash, durability) => {
                let kept = random.below(self.disk.unsynced() + 1);
                self.disk.crash(if self.is_stalled { 0 } else { kept });
                self.has_lost |= durability == Durability::EverySecond;
            }
        }
        before - self.disk.entries().len()
    }

    /// What is on its disk, for later.
    pub fn backup(&self) -> Memory {
        self.disk.clone()
    }

    /// Somebody puts an old copy of its disk back: it may have acknowledged more than that.
    pub fn restore(&mut self, backup: &Memory) {
        (self.disk, self.has_lost) = (backup.clone(), true);
    }

    /// Whether it runs and answers.
    pub fn is_running(&self, now_us: u64) -> bool {
        self.node.is_some() && now_us >= self.paused_until_us
    }

    /// It stands still for so long, and hears then what it was told meanwhile.
    pub fn pause(&mut self, for_us: u64, now_us: u64) {
        self.paused_until_us = self.paused_until_us.max(now_us + for_us);
    }

    /// It sleeps for so long, and never hears what it was told meanwhile; unless it stands still anyway.
    pub fn suspend(&mut self, for_us: u64, now_us: u64) -> bool {
        if !self.is_running(now_us) {
            return false;
        }
        self.paused_until_us = now_us + for_us;
        self.slept_until_us = Some(self.paused_until_us);
        true
    }

    /// It stands still no longer.
    pub fn wake(&mut self, now_us: u64) {
        self.paused_until_us = self.paused_until_us.min(now_us);
        self.slept_until_us = None;
    }

    /// Whether it sleeps.
    pub fn is_asleep(&self, now_us: u64) -> bool {
        self.slept_until_us.is_some_and(|until_us| now_us < until_us)
    }

    /// Whether it has woken since this was last asked.
    pub fn has_woken(&mut self, now_us: u64) -> bool {
        self.slept_until_us.take_if(|until_us| now_us >= *until_us).is_some()
    }

    /// When its node wants to be woken, in true time.
    pub fn wake_us(&self) -> Option<u64> {
        let node = self.node.as_ref()?;
        Some(self.clock.when_us(node.wake_us()).max(self.paused_until_us))
    }

    /// When its disk is done, as far as it can hear of it.
    pub fn sync_us(&self) -> Option<u64> {
        let at_us = self.sync_at_us.filter(|_| !self.is_stalled);
        at_us.map(|at_us| at_us.max(self.paused_until_us))
    }

    /// Something happens to its node. What the node wants said is left in `said`.
    pub fn handle(
        &mut self,
        input: Input,
        now_us: u64,
        said: &mut Vec<Output>,
        random: &mut Random,
    ) {
        let Some(node) = self.node.as_mut() else { return };
        node.handle(self.clock.now(now_us), input);
        let mut appended = false;
        while let Some(output) = node.poll_output() {
            match output {
                Output::Log(entry) => {
                    appended = true;
                    self.executed.extend(executed(&entry));
                    append(&mut self.disk, self.durability, entry);
                }
                other => said.push(other),
            }
        }
        if appended && self.sync_at_us.is_none() {
            let takes_us = match self.durability {
                Durability::Off => return,
                Durability::EverySecond => 1_000_000,
                // Most syncs are quick, and some are not.
                Durability::Always if random.chance(2) => 20_000 + random.below(150_000) as u64,
                Durability::Always => 200 + random.below(1_500) as u64,
            };
            self.sync_at_us = Some(now_us + takes_us);
        }
    }

    /// The disk is done: tells the node.
    pub fn sync(&mut self, now_us: u64, said: &mut Vec<Output>, random: &mut Random) {
        self.sync_at_us = None;
        let synced = match self.disk.sync() {
            Ok(synced) => synced - self.base,
            Err(never) => match never {},
        };
        self.handle(Input::Synced(synced), now_us, said, random);
    }
}

/// A home's own write for a request.
fn executed(entry: &Entry) -> Option<Arc<Batch>> {
    match entry {
        Entry::Write { batch, is_home: true } if batch.executed.is_some() => Some(batch.clone()),
        _ => None,
    }
}

fn append(disk: &mut Memory, durability: Durability, entry: Entry) {
    // What is lost in every crash need not be kept.
    if durability != Durability::Off {
        match disk.append(entry) {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }
}
