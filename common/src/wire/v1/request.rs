//! Between proxies and shards, and what shards note of it.

use super::reader::Reader;
use super::writer::Writer;
use super::{DecodeError, Wire};
use crate::id::NodeId;
use crate::placement::layout::{Epoch, GroupId};
use crate::placement::slot::Slot;
use crate::resp::Protocol;
use crate::wire::request::{
    Attempt, Changed, Completion, Consistency, Executed, Ping, Pong, Request, RequestId, Response,
    Work,
};
use bytes::Bytes;

impl Wire for RequestId {
    const BYTES_MIN: usize = 9;

    fn put(&self, out: &mut Writer<'_>) {
        out.word(self.session);
        out.varint(self.number);
    }

    fn take(input: &mut Reader<'_>) -> Result<RequestId, DecodeError> {
        Ok(RequestId { session: input.word()?, number: input.varint()? })
    }
}

impl Wire for Attempt {
    const BYTES_MIN: usize = RequestId::BYTES_MIN + 1;

    fn put(&self, out: &mut Writer<'_>) {
        self.id.put(out);
        out.varint(u64::from(self.number));
    }

    fn take(input: &mut Reader<'_>) -> Result<Attempt, DecodeError> {
        Ok(Attempt { id: RequestId::take(input)?, number: input.varint_u32("attempt")? })
    }
}

const RESP3: u8 = 1;
const AVAILABLE: u8 = 1 << 1;
const RETRY: u8 = 1 << 2;
const FLUSH: u8 = 1 << 3;
const AT_OTHERS: u8 = 1 << 4;

impl Wire for Request {
    fn put(&self, out: &mut Writer<'_>) {
        let Request { attempt, epoch, slot, db, protocol, consistency, valid, work, .. } = self;
        let Request { is_retry, is_elsewhere, .. } = self;
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = flag(*protocol == Protocol::Resp3, RESP3)
            | flag(*consistency == Consistency::Available, AVAILABLE)
            | flag(*is_retry, RETRY)
            | flag(*is_elsewhere, AT_OTHERS)
            | flag(matches!(work, Work::Flush(_)), FLUSH);
        out.byte(flags);
        attempt.put(out);
        epoch.put(out);
        slot.put(out);
        out.byte(*db);
        out.word(valid.0);
        out.varint(valid.1);
        match work {
            Work::Commands(commands) => out.list(commands),
            Work::Flush(group) => group.put(out),
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Request, DecodeError> {
        let flags = input.flags(RESP3 | AVAILABLE | RETRY | FLUSH | AT_OTHERS, "request")?;
        let has = |flag: u8| flags & flag != 0;
        let (attempt, epoch) = (Attempt::take(input)?, Epoch::take(input)?);
        let slot = Slot::take(input)?;
        let (db, valid) = (input.byte()?, (input.word()?, input.varint()?));
        let work = if has(FLUSH) {
            Work::Flush(GroupId::take(input)?)
        } else {
            Work::Commands(input.list()?)
        };
        if let Work::Commands(commands) = &work
            && commands.iter().any(Vec::is_empty)
        {
            return Err(DecodeError::Range("command"));
        }
        let protocol = if has(RESP3) { Protocol::Resp3 } else { Protocol::Resp2 };
        let consistency = if has(AVAILABLE) { Consistency::Available } else { Consistency::Strong };
        let (is_retry, is_elsewhere) = (has(RETRY), has(AT_OTHERS));
        Ok(Request {
            attempt,
            epoch,
            slot,
            db,
            protocol,
            consistency,
            valid,
            is_retry,
            is_elsewhere,
            work,
        })
    }
}

impl Wire for Bytes {
    fn put(&self, out: &mut Writer<'_>) {
        out.bytes(self);
    }

    fn take(input: &mut Reader<'_>) -> Result<Bytes, DecodeError> {
        input.bytes()
    }
}

const DONE: u8 = 0;
const ELSEWHERE: u8 = 1;
const THERE: u8 = 2;
const LATER: u8 = 3;
const UNKNOWN: u8 = 4;

impl Wire for Response {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Response::Done(replies) => {
                out.byte(DONE);
                out.bytes(replies);
            }
            Response::Elsewhere(None) => out.byte(ELSEWHERE),
            Response::Elsewhere(Some(node)) => {
                out.byte(THERE);
                node.put(out);
            }
            Response::Later => out.byte(LATER),
            Response::Unknown => out.byte(UNKNOWN),
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Response, DecodeError> {
        Ok(match input.byte()? {
            DONE => Response::Done(input.bytes()?),
            ELSEWHERE => Response::Elsewhere(None),
            THERE => Response::Elsewhere(Some(NodeId::take(input)?)),
            LATER => Response::Later,
            UNKNOWN => Response::Unknown,
            _ => return Err(DecodeError::Tag("response")),
        })
    }
}

impl Wire for Ping {
    fn put(&self, out: &mut Writer<'_>) {
        out.varint(self.sent_us);
    }

    fn take(input: &mut Reader<'_>) -> Result<Ping, DecodeError> {
        Ok(Ping { sent_us: input.varint()? })
    }
}

impl Wire for Pong {
    fn put(&self, out: &mut Writer<'_>) {
        out.varint(self.sent_us);
        out.varint(self.mono_us);
        out.word(self.incarnation);
    }

    fn take(input: &mut Reader<'_>) -> Result<Pong, DecodeError> {
        let (sent_us, mono_us) = (input.varint()?, input.varint()?);
        Ok(Pong { sent_us, mono_us, incarnation: input.word()? })
    }
}

/// What was replied: not kept, OK, or these bytes.
const REPLY_NONE: u8 = 0;
const REPLY_OK: u8 = 1;
const REPLY_BYTES: u8 = 2;
const OK: &[u8] = b"+OK\r\n";

/// Longer ones are not copied out of the message. Those that are kept for a second try are short.
const REPLY_COPIED_MAX: usize = 64;

pub(super) fn reply_form(executed: &Executed) -> u8 {
    match executed.reply.as_deref() {
        None => REPLY_NONE,
        Some(OK) => REPLY_OK,
        Some(_) => REPLY_BYTES,
    }
}

pub(super) fn put_executed(executed: &Executed, out: &mut Writer<'_>) {
    executed.id.put(out);
    if reply_form(executed) == REPLY_BYTES {
        executed.reply.iter().for_each(|reply| out.bytes(reply));
    }
}

pub(super) fn take_executed(form: u8, input: &mut Reader<'_>) -> Result<Executed, DecodeError> {
    let id = RequestId::take(input)?;
    let reply = match form {
        REPLY_NONE => None,
        REPLY_OK => Some(Bytes::from_static(OK)),
        REPLY_BYTES => Some(input.bytes()?).map(|reply| {
            // It is kept for long: a slice would keep the whole message.
            let is_short = reply.len() <= REPLY_COPIED_MAX;
            if is_short { Bytes::copy_from_slice(&reply) } else { reply }
        }),
        _ => return Err(DecodeError::Tag("reply")),
    };
    Ok(Executed { id, reply })
}

impl Wire for Executed {
    const BYTES_MIN: usize = 1 + RequestId::BYTES_MIN;

    fn put(&self, out: &mut Writer<'_>) {
        out.byte(reply_form(self));
        put_executed(self, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Executed, DecodeError> {
        let form = input.byte()?;
        take_executed(form, input)
    }
}

const KEYS: u8 = 0;
const ALL: u8 = 1;

impl Wire for Completion {
    const BYTES_MIN: usize = Executed::BYTES_MIN + 1;

    fn put(&self, out: &mut Writer<'_>) {
        self.executed.put(out);
        match &self.changed {
            Changed::Keys(hashes) => {
                out.byte(KEYS);
                out.list(hashes);
            }
            Changed::All => out.byte(ALL),
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Completion, DecodeError> {
        let executed = Executed::take(input)?;
        let changed = match input.byte()? {
            KEYS => Changed::Keys(input.list()?.into()),
            ALL => Changed::All,
            _ => return Err(DecodeError::Tag("changed")),
        };
        Ok(Completion { executed, changed })
    }
}
