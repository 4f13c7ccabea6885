//! Replies in the order of their requests, although some are ready later than those behind them.
//!
//! **Invariant:** what is drained is a prefix of the replies in request order. While nothing is
//! late, replies go straight to the connection's output and this queue costs a comparison.

use kinring_common::resp::ReplyBuf;
use std::collections::VecDeque;

/// A place in the queue, for a reply that comes later.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

/// See the module.
#[derive(Debug, Default)]
pub struct Replies {
    slots: VecDeque<Slot>,
    /// Number of the first slot.
    first: u64,
}

#[derive(Debug)]
enum Slot {
    Late,
    Ready(ReplyBuf),
}

impl Replies {
    /// Whether every reply so far has been drained.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Where the next reply belongs: `out` itself when nothing before it is late.
    pub fn next<'a>(&'a mut self, out: &'a mut ReplyBuf) -> &'a mut ReplyBuf {
        if self.slots.is_empty() {
            return out;
        }
        if !matches!(self.slots.back(), Some(Slot::Ready(_))) {
            self.slots.push_back(Slot::Ready(ReplyBuf::new(out.protocol())));
        }
        match self.slots.back_mut() {
            Some(Slot::Ready(buf)) => {
                buf.set_protocol(out.protocol());
                buf
            }
            _ => unreachable!("a ready slot was pushed"),
        }
    }

    /// Keeps the next place for a reply that comes later.
    pub fn late(&mut self) -> Ticket {
        self.slots.push_back(Slot::Late);
        Ticket(self.first + self.slots.len() as u64 - 1)
    }

    /// The late reply is here.
    ///
    /// # Panics
    /// When the ticket is of another queue: a bug of ours.
    pub fn complete(&mut self, ticket: &Ticket, reply: ReplyBuf) {
        let at = ticket.0.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let slot = at.and_then(|at| self.slots.get_mut(at));
        let slot = slot.expect("a ticket is completed once, on the queue that gave it");
        assert!(matches!(slot, Slot::Late), "a ticket is completed once");
        *slot = Slot::Ready(reply);
    }

    /// Moves every reply that nothing late stands before to `out`.
    pub fn drain(&mut self, out: &mut ReplyBuf) {
        while let Some(Slot::Ready(_)) = self.slots.front() {
            if let Some(Slot::Ready(buf)) = self.slots.pop_front() {
                out.append(buf);
            }
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinring_common::resp::Protocol;

    fn text(buf: &ReplyBuf) -> String {
        let bytes: Vec<u8> = buf.chunks().flatten().copied().collect();
        String::from_utf8(bytes).expect("ASCII")
    }

    fn reply(n: i64) -> ReplyBuf {
        let mut buf = ReplyBuf::new(Protocol::Resp2);
        buf.integer(n);
        buf
    }

    #[test]
    fn replies_leave_in_request_order_whatever_the_order_of_completion() {
        let (mut queue, mut out) = (Replies::default(), ReplyBuf::new(Protocol::Resp2));
        queue.next(&mut out).integer(1);
        let two = queue.late();
        queue.next(&mut out).integer(3);
        queue.next(&mut out).integer(4);
        let five = queue.late();
        queue.next(&mut out).integer(6);
        queue.drain(&mut out);
        assert_eq!(text(&out), ":1\r\n", "nothing passes a late reply");
        queue.complete(&five, reply(5));
        queue.drain(&mut out);
        assert_eq!(text(&out), ":1\r\n");
        queue.complete(&two, reply(2));
        queue.drain(&mut out);
        assert_eq!(text(&out), ":1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n");
        assert!(queue.is_empty());
        queue.next(&mut out).integer(7);
        assert!(text(&out).ends_with(":7\r\n"), "straight to the output again");
    }

    #[test]
    #[should_panic(expected = "completed once")]
    fn a_ticket_cannot_be_completed_twice() {
        let mut queue = Replies::default();
        let second = (queue.late(), queue.late()).1;
        queue.complete(&second, reply(1));
        queue.complete(&second, reply(1));
    }
}
