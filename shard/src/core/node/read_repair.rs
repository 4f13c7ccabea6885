//! Read repair: a read without a lease asks another owner what it has of these keys.
//!
//! The read is answered at once, with what is here: that is what `available` means. Behind it one other owner,
//! drawn at random, says what it has, and what was written there without a lease is joined here: the keys
//! that are read are the first to be equal again after a cut. What was written with a lease comes from the
//! home, which knows who misses what.
//!
//! At most one such question is under way to an owner, and none while exchanges go at their limit.

use super::repair::Room;
use super::session::{Purpose, SESSIONS_MAX, Session};
use super::{Moment, Node};
use crate::store::Take;
use kinring_common::id::NodeId;
use kinring_common::merkle::KeyRef;
use kinring_common::placement::layout::GroupId;
use kinring_common::placement::slot::Slot;
use kinring_common::wire::peer::{AnswerWhat, AskWhat, Message};
use kinring_common::wire::{Copies, Name};

impl Node {
    /// These keys were read here without a lease.
    pub(super) fn repair_read(&mut self, id: GroupId, names: &[Name], moment: Moment) {
        let now_us = moment.now.mono_us;
        let up = self.groups[&id].others().filter(|node| self.is_up(*node, moment));
        let up: Vec<NodeId> = up.filter(|node| !self.sessions.is_reading(id, *node)).collect();
        let is_full = self.sessions.len() >= SESSIONS_MAX || !self.pace.is_free(now_us);
        if up.is_empty() || names.is_empty() || is_full {
            return;
        }
        let peer = *self.random.pick(&up);
        let seed = self.settings.seed;
        let key = |name: &Name| (Slot::of(&name.key), seed.key_ref(name.db, &name.key));
        let ask = self.first_ask(id, None, AskWhat::Read(names.iter().map(key).collect()));
        let session = Session::new(peer, Purpose::Read, ask.clone(), now_us);
        self.sessions.open.insert(ask.session, session);
        self.send(peer, Message::Ask(Box::new(ask)));
    }

    /// The other side. What may not count is for nobody to join.
    pub(super) fn read_for(&self, id: GroupId, wanted: &[(Slot, KeyRef)]) -> AnswerWhat {
        let owned = wanted.iter().filter(|(slot, _)| self.owns(id, *slot));
        let named = owned.filter_map(|(slot, key)| self.name_of(*slot, key));
        let mut room = Room::new(&self.settings);
        // What there is no room for is for exchanges.
        let fits = |name: &Name| self.takes_room(id, std::slice::from_ref(name), &mut room);
        let names: Vec<Name> = named.take_while(fits).collect();
        let mut copies = self.copies(id, &names);
        let told: Vec<Name> = copies.names().cloned().collect();
        if self.groups[&id].is_in_doubt(&told) {
            return AnswerWhat::Refused;
        }
        // Large ones are for exchanges.
        copies.large.clear();
        AnswerWhat::Keys { copies, together: Vec::new(), looked: wanted.len() as u32 }
    }

    /// What another owner has of keys that were read here.
    pub(super) fn has_read(&mut self, number: u64, mut copies: Copies, moment: Moment) {
        let id = self.sessions.open[&number].group;
        if self.brings_ended(id, &copies) || self.keeps_out_copies(id, &copies, 1, moment) {
            // It was closed, or something was written since that may not count.
            self.sessions.open.remove(&number);
            return;
        }
        // What they have seen, they have seen after these flushes, which count: they are in no doubt.
        let flushes = copies.take_flushes();
        self.take_cuts(id, &copies.horizon.cuts, flushes, Take::Join, moment);
        self.pace.spend(copies.bytes(), moment.now.mono_us);
        self.pulled(number, copies, moment);
        self.sessions.open.remove(&number);
    }
}
