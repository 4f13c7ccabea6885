//! A long value is kept in the buffer that it came in, where that wastes little.

use super::twin::{START_MS, Twin};
use crate::clock::Now;
use crate::keyspace::{Effects, PartitionSet, Source, Text, Ttl, Txn};
use bytes::Bytes;
use std::ops::Range;

const NOW: Now = Now { wall_ms: START_MS, mono_us: 0 };

/// Whether the value, stored out of the buffer, still lies there.
fn stays(buffer: &Bytes, value: Range<usize>) -> bool {
    let twin = Twin::new(1, true, false);
    let mut effects = Effects::new(twin.space.interest());
    let mut locks = twin.space.lock(&PartitionSet::ALL);
    let mut txn = Txn::new(&mut locks, &mut effects, NOW, 0, 1);
    txn.source = Source::Buffer(buffer);
    txn.set(b"k", &buffer[value.clone()], Ttl::Clear);
    let Ok(Some(Text::Shared(stored))) = txn.text(b"k") else { panic!("it is long") };
    assert_eq!(stored, buffer[value.clone()]);
    stored.as_ptr() == buffer[value].as_ptr()
}

#[test]
fn only_a_value_that_is_most_of_its_buffer_stays_there() {
    let buffer = Bytes::from((0..80_000u32).map(|n| n as u8).collect::<Vec<u8>>());
    assert!(stays(&buffer, 40..80_000));
    assert!(stays(&buffer, 0..70_000));
    assert!(stays(&buffer, 10_000..80_000));
    assert!(!stays(&buffer, 0..69_999));
    assert!(!stays(&buffer, 40_000..50_000));
}

#[test]
fn a_value_from_elsewhere_is_copied() {
    let twin = Twin::new(1, true, false);
    let (source, value) = (Bytes::from(vec![1; 9_000]), vec![2; 9_000]);
    let mut effects = Effects::new(twin.space.interest());
    let mut locks = twin.space.lock(&PartitionSet::ALL);
    let mut txn = Txn::new(&mut locks, &mut effects, NOW, 0, 1);
    txn.source = Source::Buffer(&source);
    txn.set(b"k", &value, Ttl::Clear);
    let Ok(Some(Text::Shared(stored))) = txn.text(b"k") else { panic!("it is long") };
    assert_eq!(stored, value);
}
