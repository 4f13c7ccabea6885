//! Actors by small numbers, so that an entry needs a byte or two for its own.
//!
//! Every start of every node that ever wrote is an actor, so over the years there are more than numbers.
//! But of those that are gone, what they wrote is overwritten, or moved on: when many numbers are given,
//! a walk over all entries finds those that none names any more, and they are given anew. Who is not among
//! the 16 bits of a number is not refused: records that it wrote stay boxed.
//!
//! **Invariant:** a number that an entry has, or somebody who holds a partition's lock and may store it,
//! means the same actor. Numbers are asked for and stored under one hold of a partition's lock, and are
//! taken back while all are held. The walk sees each entry once, under its lock; a number that is stored
//! behind it was asked for after it began, and is noted as used then; or was in the same entry before; or is
//! that of the partition's own name, which is noted when it changes and at the end.

use super::locate::Cursor;
use crate::id::Actor;
use parking_lot::{Mutex, MutexGuard};
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// See the module.
///
/// A number is read with each delta that comes from elsewhere and seldom given: reading takes no lock.
#[derive(Debug)]
pub struct Actors {
    first: Actor,
    /// By number: the actor, or the first one where a number is not given.
    chunks: [OnceLock<Chunk>; NUMBERS / CHUNK],
    /// How many are given. Under `given`, but to look whether a walk is worth it.
    count: AtomicUsize,
    given: Mutex<Given>,
    walk: Mutex<Walk>,
    is_walking: AtomicBool,
    /// Which are used, while there is a walk: a bit each.
    used: Box<[AtomicU64]>,
}

#[derive(Debug)]
struct Given {
    /// Numbers from here on were never given.
    end: usize,
    /// Those before it that were taken back.
    free: Vec<u16>,
}

/// A walk over all entries, or what comes before the next one.
#[derive(Debug)]
pub struct Walk {
    /// What it looks at next.
    next: Option<Cursor>,
    /// The next one begins when so many are given.
    due: usize,
}

type Chunk = Box<[AtomicU64; CHUNK]>;

const NUMBERS: usize = 1 << u16::BITS;
const CHUNK: usize = 256;

/// Numbers that only the shard's own names get when there are no others left: a shard has two names in a
/// life, and what it writes itself is always packed.
const OWN: usize = 256;

/// Walks are not worth it below: so many are read through faster than a walk looks at one segment. Past
/// it a walk begins when twice as many are given as the last one left.
const WALK_MIN: usize = 1024;

/// The number of the shard's own actor at its start.
pub const FIRST: u16 = 0;

impl Actors {
    /// Knows the shard's own actor.
    pub fn new(first: Actor) -> Actors {
        let actors = Actors {
            first,
            chunks: [const { OnceLock::new() }; NUMBERS / CHUNK],
            count: AtomicUsize::new(0),
            given: Mutex::new(Given { end: 0, free: Vec::new() }),
            walk: Mutex::new(Walk { next: None, due: WALK_MIN }),
            is_walking: AtomicBool::new(false),
            used: (0..NUMBERS / 64).map(|_| AtomicU64::new(0)).collect(),
        };
        actors.give(first, NUMBERS);
        actors
    }

    /// The actor with this number.
    #[inline]
    pub fn get(&self, number: u16) -> Actor {
        if number == FIRST {
            return self.first;
        }
        Actor(self.slot(number).expect("a number was given before it is used").load(Relaxed))
    }

    /// The number of an actor, given to it now if it has none; `None` when all are given.
    pub fn intern(&self, actor: Actor) -> Option<u16> {
        self.intern_of(actor, NUMBERS - OWN)
    }

    /// The same for a name of this shard.
    pub fn intern_own(&self, actor: Actor) -> Option<u16> {
        self.intern_of(actor, NUMBERS)
    }

    fn intern_of(&self, actor: Actor, count_max: usize) -> Option<u16> {
        if actor == self.first {
            return Some(FIRST);
        }
        let number = self.number(actor).or_else(|| self.give(actor, count_max))?;
        self.may_be_used(number);
        Some(number)
    }

    /// Entries may have got this number since a walk began, if there is one.
    #[inline]
    pub(super) fn may_be_used(&self, number: u16) {
        if self.is_walking.load(Relaxed) {
            self.is_used(number);
        }
    }

    fn slot(&self, number: u16) -> Option<&AtomicU64> {
        let chunk = self.chunks[usize::from(number) / CHUNK].get()?;
        Some(&chunk[usize::from(number) % CHUNK])
    }

    fn number(&self, actor: Actor) -> Option<u16> {
        let mut slots = self.chunks.iter().map_while(OnceLock::get).flat_map(|chunk| chunk.iter());
        slots.position(|slot| slot.load(Relaxed) == actor.0).map(|at| at as u16)
    }

    fn give(&self, actor: Actor, count_max: usize) -> Option<u16> {
        let mut given = self.given.lock();
        // Somebody else may have been faster.
        if let Some(number) = self.number(actor) {
            return Some(number);
        }
        let count = self.count.load(Relaxed);
        if count >= count_max {
            return None;
        }
        let number = given.free.pop().unwrap_or_else(|| {
            given.end += 1;
            (given.end - 1) as u16
        });
        let chunk = self.chunks[usize::from(number) / CHUNK]
            .get_or_init(|| Box::new([(); CHUNK].map(|()| AtomicU64::new(self.first.0))));
        chunk[usize::from(number) % CHUNK].store(actor.0, Relaxed);
        self.count.store(count + 1, Relaxed);
        Some(number)
    }
}

/// The walk.
impl Actors {
    /// That which is under way or begins now; `None` while none is worth it, or somebody else takes a step.
    pub(super) fn walk(&self) -> Option<MutexGuard<'_, Walk>> {
        let mut walk = self.walk.try_lock()?;
        if !self.is_walking.load(Relaxed) {
            if self.count.load(Relaxed) < walk.due {
                return None;
            }
            self.used.iter().for_each(|bits| bits.store(0, Relaxed));
            walk.next = Some(Cursor::START);
            self.is_walking.store(true, Relaxed);
        }
        Some(walk)
    }

    /// An entry has this number.
    pub(super) fn is_used(&self, number: u16) {
        let (bits, bit) = (&self.used[usize::from(number) / 64], 1 << (number % 64));
        if bits.load(Relaxed) & bit == 0 {
            bits.fetch_or(bit, Relaxed);
        }
    }

    /// All entries were seen: what is not used is taken back. All partitions are locked.
    pub(super) fn take_back(&self, walk: &mut Walk) {
        let mut given = self.given.lock();
        let used = |number: usize| self.used[number / 64].load(Relaxed) & 1 << (number % 64) != 0;
        for number in 1..given.end {
            let slot = self.slot(number as u16).expect("it is before the end");
            if !used(number) && slot.swap(self.first.0, Relaxed) != self.first.0 {
                given.free.push(number as u16);
            }
        }
        let count = given.end - given.free.len();
        self.count.store(count, Relaxed);
        // When nearly all are used, it begins anew: it is slow, and numbers are what is missing.
        walk.due = (2 * count).clamp(WALK_MIN, NUMBERS - OWN);
        self.is_walking.store(false, Relaxed);
    }

    /// How many have a number.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// The next walk begins at once.
    #[cfg(test)]
    pub(super) fn walk_now(&self) {
        self.walk.lock().due = 0;
    }
}

impl Walk {
    /// Where it is; `None` at the end.
    pub fn next(&self) -> Option<Cursor> {
        self.next
    }

    /// All up to this order of a partition was seen, or all of it.
    pub fn goes_on(&mut self, partition: u8, order: Option<u64>) {
        self.next = match order {
            Some(order) => Some(Cursor { partition, order }),
            None => Cursor::next_partition(partition),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_are_numbered_up_to_the_bound_and_no_further() {
        let actors = Actors::new(Actor(0));
        let bound = (NUMBERS - OWN) as u64;
        assert!((1..bound).all(|actor| actors.give(Actor(actor), NUMBERS).is_some()));
        assert_eq!(actors.intern(Actor(bound - 1)), Some(bound as u16 - 1));
        assert_eq!(actors.intern(Actor(bound)), None);
        assert_eq!(actors.get(bound as u16 - 1), Actor(bound - 1));
        assert_eq!(actors.count(), NUMBERS - OWN, "and none that has no number is kept");
        assert!((0..OWN as u64).all(|n| actors.intern_own(Actor(bound + n)).is_some()));
        assert_eq!(actors.get(u16::MAX), Actor(NUMBERS as u64 - 1));
        assert_eq!(actors.intern_own(Actor(NUMBERS as u64)), None);
    }
}
