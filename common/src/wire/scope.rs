//! Which databases and which slots a message names.
//!
//! How many databases there are is a setting, the same on all nodes or wrong on one: a message about one
//! that is not there is not for this node. A message is about one group of slots: one that names a key of
//! another would be believed by the word of the wrong owners.

use super::peer::{AnswerWhat, AskWhat, Message};
use super::{Copies, GroupCuts, Item, Name};
use crate::merkle::KeyRef;
use crate::placement::layout::GroupId;
use crate::placement::slot::Slot;

impl Message {
    /// Whether all databases that it names are among so many.
    pub fn is_within(&self, databases: u16) -> bool {
        self.highest_db().is_none_or(|db| u16::from(db) < databases)
    }

    /// The group that it is about, if it names keys.
    pub fn group(&self) -> Option<GroupId> {
        match self {
            Message::Write(batch) => Some(batch.group),
            Message::Repair(repair) => Some(repair.group),
            Message::Ask(ask) => Some(ask.group),
            Message::Answer(answer) => Some(answer.group),
            Message::Heartbeat(_)
            | Message::Beat(_)
            | Message::Release { .. }
            | Message::Ack(_)
            | Message::Settle(_)
            | Message::Settled { .. } => None,
        }
    }

    /// Whether all keys that it names are in such slots, and are where they are said to be. The keys of a
    /// page are of the slot that was asked for: see [`Page::is_of`](crate::merkle::Page::is_of).
    pub fn is_of(&self, is_of: impl Fn(Slot) -> bool) -> bool {
        let name = |name: &Name| is_of(Slot::of(&name.key));
        let names = |sets: &[Vec<Name>]| sets.iter().flatten().all(name);
        let copies = |copies: &Copies| copies.names().all(name) && names(&copies.bonds);
        let keys = |keys: &[(Slot, KeyRef)]| {
            keys.iter().all(|(slot, key)| is_of(*slot) && key.is_of(*slot))
        };
        match self {
            Message::Write(batch) => super::peer::names(&batch.items).all(name),
            Message::Repair(repair) => copies(&repair.copies),
            Message::Ask(ask) => match &ask.what {
                AskWhat::Keys { copies: given, wanted, .. } => copies(given) && keys(wanted),
                AskWhat::Read(wanted) => keys(wanted),
                AskWhat::Cells { asks, .. } => asks.iter().all(|(asked, _)| name(asked)),
                AskWhat::Leaf { slot, .. } => is_of(*slot),
                AskWhat::Open { .. } | AskWhat::Slots { .. } | AskWhat::Close { .. } => true,
            },
            Message::Answer(answer) => match &answer.what {
                AnswerWhat::Keys { copies: given, together, .. } => {
                    copies(given) && names(together)
                }
                AnswerWhat::Leaves { slots, .. } => slots.iter().all(|(slot, _)| is_of(*slot)),
                AnswerWhat::Opened { .. }
                | AnswerWhat::Page(_)
                | AnswerWhat::Pulling { .. }
                | AnswerWhat::Closed { .. }
                | AnswerWhat::Refused => true,
            },
            _ => true,
        }
    }

    fn highest_db(&self) -> Option<u8> {
        match self {
            Message::Write(batch) => batch.items.iter().map(of_item).max(),
            Message::Repair(repair) => of_copies(&repair.copies),
            Message::Ask(ask) => match &ask.what {
                AskWhat::Open { cuts, .. } => of_cuts(cuts),
                AskWhat::Keys { copies, wanted, .. } => {
                    of_copies(copies).max(wanted.iter().map(|(_, key)| key.db).max())
                }
                AskWhat::Read(wanted) => wanted.iter().map(|(_, key)| key.db).max(),
                AskWhat::Cells { asks, .. } => asks.iter().map(|(name, _)| name.db).max(),
                AskWhat::Slots { .. } | AskWhat::Leaf { .. } | AskWhat::Close { .. } => None,
            },
            Message::Answer(answer) => match &answer.what {
                AnswerWhat::Opened { cuts, .. } => of_cuts(cuts),
                AnswerWhat::Page(page) => page.keys.iter().map(|(key, _)| key.db).max(),
                AnswerWhat::Keys { copies, together, .. } => {
                    of_copies(copies).max(of_names(together))
                }
                AnswerWhat::Leaves { .. }
                | AnswerWhat::Pulling { .. }
                | AnswerWhat::Closed { .. }
                | AnswerWhat::Refused => None,
            },
            Message::Heartbeat(_)
            | Message::Beat(_)
            | Message::Release { .. }
            | Message::Ack(_)
            | Message::Settle(_)
            | Message::Settled { .. } => None,
        }
    }
}

fn of_item(item: &Item) -> u8 {
    match item {
        Item::Delta { name, .. } => name.db,
        Item::Cut { db, .. } => *db,
    }
}

fn of_copies(copies: &Copies) -> Option<u8> {
    let names = copies.names().map(|name| name.db).max();
    names.max(of_cuts(&copies.horizon.cuts)).max(of_names(&copies.bonds))
}

fn of_cuts(cuts: &GroupCuts) -> Option<u8> {
    cuts.iter().map(|(db, _)| *db).max()
}

fn of_names(sets: &[Vec<Name>]) -> Option<u8> {
    sets.iter().flatten().map(|name| name.db).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Hlc;
    use crate::placement::layout::Epoch;
    use crate::wire::GroupHorizon;
    use crate::wire::peer::{Batch, Repair, WriteNumber};

    const GROUP: GroupId = GroupId(1);

    fn write(db: u8) -> Message {
        let batch = Batch {
            group: GROUP,
            epoch: Epoch::new(1).expect("one"),
            number: WriteNumber { tenure: 1, sequence: 1 },
            stable: 0,
            is_available: false,
            items: [Item::Cut { db, cut: Hlc::ZERO }].into(),
            executed: None,
        };
        Message::Write(batch.into())
    }

    fn repair(copies: Copies) -> Message {
        let epoch = Epoch::new(1).expect("one");
        let writes = Vec::new();
        Message::Repair(Box::new(Repair {
            group: GROUP,
            epoch,
            copies,
            writes,
            next: 1,
            held: 1,
            is_available: false,
        }))
    }

    #[test]
    fn a_message_is_within_the_databases_that_it_names() {
        assert!(write(15).is_within(16) && !write(16).is_within(16));
        let name = |db| Name { db, key: "k".into() };
        let bonds = vec![vec![name(1), name(3)]];
        assert!(!repair(Copies { bonds: bonds.clone(), ..Copies::default() }).is_within(3));
        assert!(repair(Copies { bonds, ..Copies::default() }).is_within(4));
        let horizon = GroupHorizon { cuts: vec![(7, Hlc::ZERO)], ..GroupHorizon::default() };
        assert!(!repair(Copies { horizon, ..Copies::default() }).is_within(7));
        assert!(repair(Copies::default()).is_within(1));
    }
}
