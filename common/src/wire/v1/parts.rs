//! Small parts that many messages have.

use super::reader::Reader;
use super::writer::Writer;
use super::{DecodeError, Wire};
use crate::id::NodeId;
use crate::placement::layout::{Epoch, GroupId};
use crate::placement::slot::Slot;
use std::sync::Arc;

impl Wire for bool {
    fn put(&self, out: &mut Writer<'_>) {
        out.byte((*self).into());
    }

    fn take(input: &mut Reader<'_>) -> Result<bool, DecodeError> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Tag("flag")),
        }
    }
}

/// Eight bytes: digests, orders and what is drawn at random.
impl Wire for u64 {
    const BYTES_MIN: usize = 8;

    fn put(&self, out: &mut Writer<'_>) {
        out.word(*self);
    }

    fn take(input: &mut Reader<'_>) -> Result<u64, DecodeError> {
        input.word()
    }
}

impl Wire for NodeId {
    const BYTES_MIN: usize = 8;

    fn put(&self, out: &mut Writer<'_>) {
        out.word(self.0);
    }

    fn take(input: &mut Reader<'_>) -> Result<NodeId, DecodeError> {
        input.word().map(NodeId)
    }
}

impl Wire for GroupId {
    fn put(&self, out: &mut Writer<'_>) {
        out.varint(self.0.into());
    }

    fn take(input: &mut Reader<'_>) -> Result<GroupId, DecodeError> {
        input.varint_u32("group").map(GroupId)
    }
}

impl Wire for Epoch {
    fn put(&self, out: &mut Writer<'_>) {
        out.varint(self.number());
    }

    fn take(input: &mut Reader<'_>) -> Result<Epoch, DecodeError> {
        Epoch::new(input.varint()?).ok_or(DecodeError::Range("epoch"))
    }
}

impl Wire for Slot {
    fn put(&self, out: &mut Writer<'_>) {
        out.varint(self.number().into());
    }

    fn take(input: &mut Reader<'_>) -> Result<Slot, DecodeError> {
        let number = u16::try_from(input.varint()?).ok();
        number.and_then(Slot::new).ok_or(DecodeError::Range("slot"))
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Writer<'_>) {
        self.is_some().put(out);
        self.iter().for_each(|some| some.put(out));
    }

    fn take(input: &mut Reader<'_>) -> Result<Option<T>, DecodeError> {
        if bool::take(input)? { T::take(input).map(Some) } else { Ok(None) }
    }
}

impl<T: Wire> Wire for Box<T> {
    const BYTES_MIN: usize = T::BYTES_MIN;

    fn put(&self, out: &mut Writer<'_>) {
        T::put(self, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Box<T>, DecodeError> {
        T::take(input).map(Box::new)
    }
}

impl<T: Wire> Wire for Arc<T> {
    const BYTES_MIN: usize = T::BYTES_MIN;

    fn put(&self, out: &mut Writer<'_>) {
        T::put(self, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Arc<T>, DecodeError> {
        T::take(input).map(Arc::new)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Writer<'_>) {
        out.list(self);
    }

    fn take(input: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
        input.list()
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    const BYTES_MIN: usize = A::BYTES_MIN + B::BYTES_MIN;

    fn put(&self, out: &mut Writer<'_>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<(A, B), DecodeError> {
        Ok((A::take(input)?, B::take(input)?))
    }
}

impl<A: Wire, B: Wire, C: Wire> Wire for (A, B, C) {
    const BYTES_MIN: usize = A::BYTES_MIN + B::BYTES_MIN + C::BYTES_MIN;

    fn put(&self, out: &mut Writer<'_>) {
        self.0.put(out);
        self.1.put(out);
        self.2.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<(A, B, C), DecodeError> {
        Ok((A::take(input)?, B::take(input)?, C::take(input)?))
    }
}
