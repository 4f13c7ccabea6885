//! Acknowledgements that leave together.
//!
//! The writes of a pipeline come all at once: what became of them is said in one message for each group and
//! coordinator, when all else that is to be done is taken.
//!
//! An acknowledgement may wait so, for it says what is so already, durably where that is asked for; whoever
//! sent the writes cannot tell it from one that was long on its way. One that waits for the disk is not
//! among them: it comes by itself when the journal lets it go.

use kinring_common::id::NodeId;
use kinring_common::wire::peer::Ack;

/// Writes that one message acknowledges at most: some kilobytes.
pub const WRITES_AN_ACK: usize = 512;

/// Messages that are looked at for one to join. What comes at once is mostly of few groups.
const LOOKS_MAX: usize = 8;

/// Room for those of an ordinary pipeline, taken when a second one comes.
const ROOM: usize = 64;

/// See the module. Taken with the node's outputs, and bounded as they are: one at most for each input.
#[derive(Debug, Default)]
pub struct Acks {
    waiting: Vec<(NodeId, Ack)>,
}

impl Acks {
    /// An owner is to be told this. What has a gap stands alone: it is a question.
    pub fn add(&mut self, to: NodeId, ack: Ack) {
        let takes = |(node, other): &&mut (NodeId, Ack)| {
            let is_whole = other.gaps.is_empty() && ack.gaps.is_empty();
            let fits = other.held.len() + ack.held.len() <= WRITES_AN_ACK;
            *node == to && other.group == ack.group && is_whole && fits
        };
        match self.waiting.iter_mut().rev().take(LOOKS_MAX).find(takes) {
            Some((_, other)) => {
                if other.held.len() == 1 {
                    other.held.reserve(ROOM);
                }
                ack.held.iter().for_each(|number| other.held.push(*number));
            }
            None => self.waiting.push((to, ack)),
        }
    }

    /// One of them: messages arrive in any order anyway.
    pub fn pop(&mut self) -> Option<(NodeId, Ack)> {
        self.waiting.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinring_common::placement::layout::GroupId;
    use kinring_common::wire::peer::{WriteNumber, WriteNumbers};

    fn number(sequence: u64) -> WriteNumber {
        WriteNumber { tenure: 1, sequence }
    }

    fn held(group: u32, sequence: u64) -> Ack {
        Ack { group: GroupId(group), held: [number(sequence)].into(), gaps: Vec::new() }
    }

    /// Per message: to whom, of which group, how many are held and how many are not.
    fn said(mut acks: Acks) -> Vec<(u64, u32, usize, usize)> {
        let each = |(to, ack): (NodeId, Ack)| (to.0, ack.group.0, ack.held.len(), ack.gaps.len());
        std::iter::from_fn(|| acks.pop()).map(each).collect()
    }

    #[test]
    fn writes_of_one_group_are_acknowledged_together_and_no_others() {
        let mut acks = Acks::default();
        for (to, group) in [(1, 7), (2, 7), (1, 7), (1, 8), (2, 7), (1, 7)] {
            acks.add(NodeId(to), held(group, 0));
        }
        assert_eq!(said(acks), [(1, 8, 1, 0), (2, 7, 2, 0), (1, 7, 3, 0)]);
    }

    #[test]
    fn a_gap_stands_alone() {
        let mut acks = Acks::default();
        let gap = Ack { group: GroupId(7), held: WriteNumbers::new(), gaps: vec![number(2)] };
        for ack in [held(7, 1), gap.clone(), held(7, 3), gap] {
            acks.add(NodeId(1), ack);
        }
        assert_eq!(said(acks), [(1, 7, 0, 1), (1, 7, 0, 1), (1, 7, 2, 0)]);
    }

    #[test]
    fn a_message_has_a_bound() {
        let mut acks = Acks::default();
        (0..=WRITES_AN_ACK as u64).for_each(|sequence| acks.add(NodeId(1), held(7, sequence)));
        assert_eq!(said(acks), [(1, 7, 1, 0), (1, 7, WRITES_AN_ACK, 0)]);
    }
}
