//! Entries of every encoding with every combination of fields, against plain values.

use super::*;
use crate::causal::{Context, Kind, Path, Record};
use crate::id::{Actor, Dot};

/// What an entry must give back.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    db: u8,
    key: Vec<u8>,
    actor: u16,
    hlc: Hlc,
    base_hlc: Hlc,
    deadline: Option<(u64, Hlc)>,
    payload: Value,
    lru: u32,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Inline(Vec<u8>),
    Owned(Vec<u8>),
    Shared(Bytes),
    Counter(Counter),
    Tombstone,
    Record(Record),
}

impl Wanted {
    fn any(random: &mut Random) -> Wanted {
        let clocks = [1, 9, u64::MAX, random.word()];
        let mut clock = || Hlc(clocks[random.below(4)]);
        let (hlc, base_hlc, deadline_hlc) = (clock(), clock(), clock());
        let lens = [0, 1, 15, 127, 128, 300, INLINE_BYTES_MAX as u64];
        let mut bytes = |lens: &[u64]| {
            let (len, fill) = (lens[random.below(lens.len())], random.word());
            (0..len).map(|n| (fill >> (n % 8)) as u8).collect::<Vec<u8>>()
        };
        let (key, value) = (bytes(&[0, 1, 20, 127, 128, 20_000]), bytes(&lens));
        let payload = match random.below(7) {
            0 => Value::Inline(value),
            1 => Value::Owned(value),
            2 => Value::Shared(Bytes::from(value)),
            3 => {
                let base = (random.below(2) == 0).then(|| random.word() as i64);
                let since = if base.is_none() { Hlc(random.word()) } else { Hlc::ZERO };
                let sum = random.word() as i64;
                Value::Counter(Counter { base, sum, since, last: hlc })
            }
            4 => Value::Tombstone,
            n => Value::Record(record(random, if n == 5 { 0 } else { 3 })),
        };
        let boxed = matches!(payload, Value::Record(_));
        Wanted {
            db: [0, 0, 1, 255][random.below(4)],
            key,
            actor: [0, 1, 127, 128, 16_383, 16_384, u16::MAX][random.below(7)],
            hlc,
            base_hlc: if boxed { hlc } else { base_hlc },
            deadline: (random.below(2) == 0)
                .then(|| (random.word(), if boxed { hlc } else { deadline_hlc })),
            payload,
            lru: random.word() as u32 & 0x00ff_ffff,
        }
    }

    fn make(&self) -> Entry {
        let payload = match &self.payload {
            Value::Inline(bytes) => NewPayload::Inline(bytes),
            Value::Owned(bytes) => NewPayload::Owned(Bytes::copy_from_slice(bytes)),
            Value::Shared(bytes) => NewPayload::Shared(bytes.clone()),
            Value::Counter(counter) => NewPayload::Counter(*counter),
            Value::Tombstone => NewPayload::Tombstone,
            Value::Record(record) => NewPayload::Record(Box::new(record.clone())),
        };
        let Wanted { db, actor, hlc, base_hlc, deadline, .. } = *self;
        let key = &self.key;
        Entry::new(Draft { db, key, actor, hlc, base_hlc, deadline, payload }, self.lru)
    }

    fn check(&self, entry: &Entry) {
        assert!(entry.is(self.db, &self.key) && !entry.is(self.db ^ 1, &self.key));
        assert_eq!((entry.db(), entry.key()), (self.db, &self.key[..]));
        assert_eq!((entry.actor(), entry.hlc(), entry.lru()), (self.actor, self.hlc, self.lru));
        assert_eq!(entry.dots(), (self.base_hlc, self.deadline.map(|d| d.1)));
        assert_eq!(entry.deadline_ms(), self.deadline.map(|d| d.0));
        let dead = match (&self.payload, entry.payload()) {
            (Value::Inline(a) | Value::Owned(a), Payload::Inline(b)) => a != b,
            (Value::Shared(a), Payload::Shared(b)) => a != b,
            (Value::Counter(a), Payload::Counter(b)) => *a != b,
            (Value::Tombstone, Payload::Tombstone) => true,
            (Value::Record(a), Payload::Record(b)) if a == b => a.cells.is_empty(),
            (a, b) => panic!("{a:?} came back as {b:?}"),
        };
        assert_eq!(entry.is_tombstone(), dead);
        assert!(entry.size() >= 12 + self.key.len());
    }

    /// Changes the entry in place, in one of the ways there are.
    fn change(&mut self, entry: &mut Entry, random: &mut Random) {
        match random.below(3) {
            0 => {
                self.lru = random.word() as u32 & 0x00ff_ffff;
                entry.touch(self.lru);
            }
            1 => {
                let len = match &self.payload {
                    Value::Inline(old) | Value::Owned(old) => old.len(),
                    _ => 8,
                };
                let value = vec![random.word() as u8; len + random.below(2)];
                let plain = matches!(self.payload, Value::Inline(_) | Value::Owned(_))
                    && self.deadline.is_none()
                    && self.base_hlc == self.hlc
                    && value.len() == len;
                let hlc = Hlc(random.word());
                assert!(!entry.overwrite_inline(&value, self.actor ^ 1, hlc));
                assert_eq!(entry.overwrite_inline(&value, self.actor, hlc), plain);
                if plain {
                    (self.hlc, self.base_hlc) = (hlc, hlc);
                    self.payload = Value::Inline(value);
                }
            }
            _ => {
                let Value::Record(wanted) = &mut self.payload else {
                    return assert!(entry.record_mut().is_none());
                };
                let dot = Dot { hlc: Hlc(random.word() | 1), actor: Actor(random.below(9) as u64) };
                wanted.context.insert(dot);
                entry.record_mut().expect("it is boxed").context.insert(dot);
                // A dot that equals the context's clock is not written twice.
                if self.deadline.is_none() {
                    (self.hlc, self.base_hlc) = (dot.hlc, dot.hlc);
                    entry.set_hlc(dot.hlc);
                }
            }
        }
    }
}

fn record(random: &mut Random, members: u64) -> Record {
    let dot = Dot { hlc: Hlc(1 + random.below(1000) as u64), actor: Actor(random.below(5) as u64) };
    let put = (0..members)
        .map(|n| (Path::Member(Bytes::from(vec![n as u8; random.below(40)])), Bytes::new()))
        .collect();
    let change = crate::causal::Change::Cells { kind: Kind::Set, put, remove: Vec::new() };
    let mut record = Record::default();
    let horizon = crate::causal::Horizon::default();
    let delta = record.plan(change, dot, &horizon, 0);
    record.apply(&delta, &horizon);
    record.context.merge(&Context::single(Dot { hlc: Hlc(2000), actor: Actor(7) }));
    record
}

#[test]
fn an_entry_of_any_encoding_gives_back_what_went_in() {
    for seed in 0..if cfg!(miri) { 20 } else { 4000 } {
        let mut random = Random::new(seed);
        let mut wanted = Wanted::any(&mut random);
        let mut entry = wanted.make();
        wanted.check(&entry);
        for _ in 0..6 {
            wanted.change(&mut entry, &mut random);
            wanted.check(&entry);
        }
    }
}

/// A crowd of entries in a table, replaced by other encodings, moved by growth, taken and dropped.
#[test]
fn entries_of_every_encoding_survive_the_tables_moves() {
    let locate = located(0);
    let (keys, steps) = if cfg!(miri) { (20, 200) } else { (600, 20_000) };
    for seed in 0..3 {
        let mut random = Random::new(seed);
        let mut table = Table::default();
        let mut model: HashMap<(u8, Vec<u8>), Wanted> = HashMap::new();
        for step in 0..steps {
            let mut wanted = Wanted::any(&mut random);
            wanted.key = format!("key:{}", random.below(keys)).into_bytes();
            let (db, key) = (wanted.db, wanted.key.clone());
            let at = spread(&key, db, 0);
            match table.find(&at, db, &key) {
                Some(spot) if random.below(10) < if step / 4000 % 2 == 0 { 2 } else { 7 } => {
                    let gone = table.remove(spot, &locate);
                    model.remove(&(db, key)).expect("it was there").check(&gone);
                }
                Some(spot) => {
                    let old = table.replace(spot, wanted.make());
                    model.insert((db, key), wanted).expect("it was there").check(&old);
                }
                None => {
                    table.insert(&at, wanted.make(), &locate);
                    model.insert((db, key), wanted);
                }
            }
        }
        assert_eq!(table.len(), model.len());
        for entry in table.iter() {
            model[&(entry.db(), entry.key().to_vec())].check(entry);
        }
    }
}
