//! What removes keys in bulk: flushes, floors, and the expiry sweep.

use super::{Counts, Partition, Pass};
use crate::causal::Change;
use crate::keyspace::effect::{Effect, EventClass};
use crate::keyspace::table::{Payload, Table};

impl Partition {
    /// FLUSHDB of this partition: a cut above its clock; dots at or below it are dead. Returns what
    /// was in the table when that was all of it, so that the caller can free it outside the lock.
    pub fn flush(&mut self, pass: &mut Pass<'_>) -> Option<Table> {
        let db = pass.db;
        let cut = self.mint(pass.now);
        self.cuts[usize::from(db)] = cut;
        if pass.effects.interest.touched {
            let shown = self.table.iter().filter(|e| e.db() == db);
            for entry in shown.filter(|e| self.show(e, pass.now).is_some()) {
                pass.effects.touched(db, entry.key());
            }
        }
        if pass.effects.interest.deltas {
            pass.effects.push(Effect::Cut { partition: self.number, db, cut });
        }
        if self.table.iter().all(|entry| entry.db() == db) {
            self.counts[usize::from(db)] = Counts::default();
            return Some(std::mem::take(&mut self.table));
        }
        let doomed: Vec<Vec<u8>> =
            self.table.iter().filter(|e| e.db() == db).map(|e| e.key().to_vec()).collect();
        for key in doomed {
            let at = self.shared.seed.locate(db, &key);
            if let Some(spot) = self.table.find(&at, db, &key) {
                self.take(spot);
            }
        }
        None
    }

    /// One step of the expiry sweep: mints the expire event of every key in the segment at `order`
    /// whose deadline passed at or before `due_ms`. Returns how many, and where to go on.
    pub fn sweep(&mut self, order: u64, due_ms: u64, pass: &mut Pass<'_>) -> (usize, Option<u64>) {
        let (earliest, next) = self.table.deadline_at(order);
        if earliest > due_ms {
            return (0, next);
        }
        let (mut due, mut later) = (Vec::new(), u64::MAX);
        for entry in self.table.segment_at(order).0 {
            match entry.deadline_ms() {
                Some(ms) if ms <= due_ms => due.push((entry.db(), entry.key().to_vec())),
                Some(ms) => later = later.min(ms),
                None => {}
            }
        }
        self.table.set_deadline_at(order, later);
        let db = pass.db;
        for (db, key) in &due {
            pass.db = *db;
            self.expire(key, pass);
        }
        pass.db = db;
        (due.len(), next)
    }

    /// The expire event: removes what expired, keeps what did not.
    fn expire(&mut self, key: &[u8], pass: &mut Pass<'_>) {
        let at = self.shared.seed.locate(pass.db, key);
        let Some(spot) = self.table.find(&at, pass.db, key) else { return };
        let packed = !matches!(self.table.get(spot).payload(), Payload::Record(_));
        let hlc = self.mint(pass.now);
        pass.effects.touched(pass.db, key);
        if packed && self.shared.lone && !pass.effects.interest.deltas {
            self.take(spot);
        } else {
            self.change_at(&at, key, Change::Expire, hlc, pass);
        }
        if pass.effects.interest.events {
            let class = EventClass::Expired;
            let event = Effect::Event { class, name: "expired", db: pass.db, key: key.to_vec() };
            pass.effects.push(event);
        }
    }
}
