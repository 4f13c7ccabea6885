//! The ordinary writes, on the packed entry where its whole history is this shard's own; everything
//! else goes the long way, by [`Partition::change`].

use super::{Found, Partition, Pass, Ttl};
use crate::causal::{Change, Delta, NEVER, Value};
use crate::clock::Hlc;
use crate::command::number::parse_i64;
use crate::id::Dot;
use crate::keyspace::effect::Effect;
use crate::keyspace::table::{
    Counter, Draft, Entry, INLINE_BYTES_MAX, Located, NewPayload, Payload,
};
use bytes::{Bytes, BytesMut};

impl Partition {
    /// SET: supersedes all that is there.
    #[inline]
    pub fn set(&mut self, at: &Located, key: &[u8], value: &[u8], ttl: Ttl, pass: &mut Pass<'_>) {
        let hlc = self.mint(pass.now);
        let dot = Dot { hlc, actor: self.own.1 };
        pass.effects.touched(pass.db, key);
        // It is not waited for the entry and then for this.
        self.prefetch_leaf(at);
        let spot = self.table.find(at, pass.db, key);
        if let Some(spot) = spot
            && ttl == Ttl::Clear
            && !pass.effects.interest.deltas
            && self.overwrite(at, spot, value, (self.own.0, dot))
        {
            self.table.get_mut(spot).touch(pass.lru);
            return;
        }
        let deadline = match ttl {
            Ttl::Clear => None,
            Ttl::At(ms) => Some(ms),
            Ttl::Keep => self.deadline(at, pass.db, key, pass.now).flatten(),
        };
        // The context keeps the clocks of other actors, so a packed entry can only follow our own.
        if spot.is_some_and(|spot| !self.is_own(self.table.get(spot))) {
            let change = Change::Replace { value: pass.keep(value), deadline_ms: deadline };
            return self.change_at(at, key, change, hlc, pass);
        }
        if pass.effects.interest.deltas {
            let horizon = self.horizon(at, pass.db);
            let seen = spot.map(|spot| self.seen(self.table.get(spot), &horizon));
            let what = (pass.pass_on(value), deadline);
            let delta = Delta::replace(seen.unwrap_or_default(), horizon, dot, what);
            let delta = if self.shared.lone { delta.of_lone_owner() } else { delta };
            let (db, key) = (pass.db, pass.pass_on(key));
            pass.effects.push(Effect::Delta { db, key, delta });
        }
        if let Some(spot) = spot
            && deadline.is_none()
            && self.overwrite(at, spot, value, (self.own.0, dot))
        {
            self.table.get_mut(spot).touch(pass.lru);
            return;
        }
        let payload = if value.len() <= INLINE_BYTES_MAX {
            NewPayload::Inline(value)
        } else {
            NewPayload::Shared(pass.keep(value))
        };
        let deadline = deadline.map(|ms| (ms, hlc));
        let draft =
            Draft { db: pass.db, key, actor: self.own.0, hlc, base_hlc: hlc, deadline, payload };
        self.store(at, spot, Entry::new(draft, pass.lru));
    }

    /// APPEND to a long string: a SET of `value`, which the caller has just read here, with `tail`
    /// after it and the same deadline.
    ///
    /// A value of one history grows in place, with room to spare, when nobody else holds it (no
    /// reply being sent, no delta on its way); otherwise it is copied once. So many small pieces
    /// cost what the pieces cost, not the value's length each.
    pub fn append(
        &mut self,
        at: &Located,
        key: &[u8],
        (value, deadline_ms): (Bytes, Option<u64>),
        tail: &[u8],
        pass: &mut Pass<'_>,
    ) {
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        let spot = self.table.find(at, pass.db, key);
        if let Some(spot) = spot
            && self.is_own(self.table.get(spot))
        {
            // A tombstone of the same context takes the entry's place, so that it lets go of the
            // bytes; for the SET that follows one is as good as the other.
            let (db, seen) = (pass.db, self.table.get(spot).hlc());
            let (actor, deadline, payload) = (self.own.0, None, NewPayload::Tombstone);
            let draft = Draft { db, key, actor, hlc: seen, base_hlc: seen, deadline, payload };
            self.store(at, Some(spot), Entry::new(draft, pass.lru));
        }
        let mut value = BytesMut::from(value);
        value.extend_from_slice(tail);
        self.change_at(at, key, Change::Replace { value: value.freeze(), deadline_ms }, hlc, pass);
    }

    /// Whether a packed entry's whole history is this shard's own.
    fn is_own(&self, entry: &Entry) -> bool {
        !matches!(entry.payload(), Payload::Record(_)) && entry.actor() == self.own.0
    }

    /// DEL. Returns whether something was shown before.
    pub fn delete(&mut self, at: &Located, key: &[u8], pass: &mut Pass<'_>) -> bool {
        let Some(spot) = self.table.find(at, pass.db, key) else { return false };
        let shown = self.show(self.table.get(spot), pass.now).is_some();
        if !shown && self.table.get(spot).is_tombstone() {
            return false;
        }
        if !shown && self.drop_found(spot, pass) {
            return false;
        }
        let hlc = self.mint(pass.now);
        if shown {
            pass.effects.touched(pass.db, key);
        } else {
            pass.effects.expired(pass.db, key);
        }
        if self.shared.lone && !pass.effects.interest.deltas {
            self.take(spot, pass.effects);
        } else {
            self.change_at(at, key, Change::Clear, hlc, pass);
        }
        shown
    }

    /// INCR on what shows (or on an absent key). The caller has checked that it is an integer and
    /// that the sum does not overflow. Returns the sum.
    pub fn increment(&mut self, at: &Located, key: &[u8], by: i64, pass: &mut Pass<'_>) -> i64 {
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        let spot = self.table.find(at, pass.db, key);
        if let Some(spot) = spot
            && !pass.effects.interest.deltas
            && let Some((sum, entry)) = self.increment_packed(self.table.get(spot), by, hlc, pass)
        {
            self.store(at, Some(spot), entry);
            return sum;
        }
        self.change_at(
            at,
            key,
            Change::Increment { path: crate::causal::Path::Text, by },
            hlc,
            pass,
        );
        match self.read(at, pass.db, key, pass.now) {
            Some(Found::Integer(sum)) => sum,
            Some(Found::Record(record)) => {
                match record.text(self.view_ms(pass.now)).map(|view| view.value) {
                    Some(Value::Integer(sum)) => sum,
                    _ => 0,
                }
            }
            _ => 0,
        }
    }

    fn increment_packed(
        &self,
        entry: &Entry,
        by: i64,
        hlc: Hlc,
        pass: &Pass<'_>,
    ) -> Option<(i64, Entry)> {
        if !self.is_own(entry) || self.show(entry, pass.now).is_none() {
            return None;
        }
        let counter = match entry.payload() {
            Payload::Inline(bytes) => {
                let base = Some(parse_i64(bytes)?);
                Counter { base, sum: by, since: Hlc::ZERO, last: hlc }
            }
            Payload::Counter(c) => Counter { sum: c.sum.checked_add(by)?, last: hlc, ..c },
            _ => return None,
        };
        let base_hlc = if counter.base.is_none() { hlc } else { entry.dots().0 };
        // What is counted up keeps its deadline, under the new dot.
        let deadline = entry.deadline().map(|(at_ms, _)| (at_ms, hlc));
        let payload = NewPayload::Counter(counter);
        let key = entry.key();
        let draft = Draft { db: pass.db, key, actor: self.own.0, hlc, base_hlc, deadline, payload };
        Some((counter.shown(), Entry::new(draft, pass.lru)))
    }

    /// EXPIRE and PERSIST on what shows. Returns whether something shows.
    pub fn set_deadline(
        &mut self,
        at: &Located,
        key: &[u8],
        deadline: Option<u64>,
        pass: &mut Pass<'_>,
    ) -> bool {
        let Some(spot) = self.table.find(at, pass.db, key) else { return false };
        if self.show(self.table.get(spot), pass.now).is_none() {
            return false;
        }
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        let entry = self.table.get(spot);
        if self.is_own(entry) && !pass.effects.interest.deltas {
            let payload = match entry.payload() {
                Payload::Inline(bytes) => NewPayload::Inline(bytes),
                Payload::Shared(bytes) => NewPayload::Shared(bytes.clone()),
                Payload::Counter(counter) => NewPayload::Counter(counter),
                Payload::Tombstone | Payload::Record(_) => {
                    unreachable!("it shows, and it is packed")
                }
            };
            let (base_hlc, _) = entry.dots();
            let deadline = match (deadline, entry.deadline()) {
                (Some(at_ms), _) => Some((at_ms, hlc)),
                (None, Some((at_ms, _))) if at_ms != NEVER => {
                    (!self.shared.lone).then_some((NEVER, hlc))
                }
                (None, old) => old,
            };
            let draft =
                Draft { db: pass.db, key, actor: self.own.0, hlc, base_hlc, deadline, payload };
            let entry = Entry::new(draft, pass.lru);
            self.store(at, Some(spot), entry);
        } else {
            self.change_at(at, key, Change::Deadline(deadline), hlc, pass);
        }
        true
    }
}
