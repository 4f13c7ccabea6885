//! The end of an exchange: what it came to.

use super::group::Wholeness;
use super::session::{Purpose, Session};
use super::{Moment, Node};
use crate::core::flight::Sequence;
use crate::store::Take;
use kinring_common::id::{Actor, NodeId};
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::peer::{Term, WriteNumber};
use std::collections::BTreeSet;

impl Node {
    /// All is compared: this side has what it was to take, the other what it was given.
    pub(super) fn close_session(
        &mut self,
        number: u64,
        (open, unsure_us, step): (Vec<Actor>, u64, Term),
        moment: Moment,
    ) {
        let mut session = self.sessions.open.remove(&number).expect("it is there");
        let (id, peer) = (session.group, session.peer);
        if matches!(session.purpose, Purpose::Take(_) | Purpose::Rebuild(_)) {
            // Only what an owner that counts has executed counts.
            // Those that it knew at the beginning, whose effects are here by now.
            let known =
                session.theirs.as_mut().map(|theirs| std::mem::take(&mut theirs.completions));
            self.take_completions(id, (known.unwrap_or_default(), unsure_us), moment);
        }
        let theirs = session.theirs.as_ref().expect("a session is opened before it is closed");
        let group = self.groups.get_mut(&id).expect("it is owned");
        match session.purpose {
            Purpose::Survey | Purpose::Pull(_) | Purpose::Read => {
                unreachable!("these are not closed")
            }
            // It is in step with somebody else by now: asked anew.
            Purpose::Take(_) | Purpose::Rebuild(_) if step != theirs.step => {
                self.ask_anew(id, peer);
            }
            Purpose::Take(how) => {
                let floor = theirs.floor.clone();
                self.raise_floor(id, &floor);
                self.meet(id, &open);
                self.has_taken(id, peer, how);
            }
            Purpose::Rebuild(how) => {
                if let Wholeness::Rebuilding(rebuilding) = &mut group.wholeness
                    && let Some(source) = rebuilding.sources.get_mut(&peer)
                {
                    source.is_taken = true;
                }
                let (floor, step) = (theirs.floor.clone(), theirs.step);
                open.iter().for_each(|actor| group.meet(*actor));
                self.raise_floor(id, &floor);
                if how == Take::Adopt {
                    self.step(id, step);
                }
            }
            Purpose::Give | Purpose::Round => {
                self.meet(id, &open);
                self.has_given(id, peer, &session, moment);
            }
        }
        self.look_after(id, moment);
    }

    /// These minted as holders, perhaps.
    fn meet(&mut self, id: GroupId, open: &[Actor]) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        let floor = &group.horizon.floor;
        let Some(tenure) = group.tenure.as_mut() else { return };
        tenure.strangers.extend(open.iter().filter(|actor| !floor.closes(**actor)));
    }

    /// An owner has got what this node had when the exchange began.
    fn has_given(&mut self, id: GroupId, peer: NodeId, session: &Session, moment: Moment) {
        let now_us = moment.now.mono_us;
        let exchange_us = now_us + self.settings.exchange_us;
        let Some(tenure) = self.groups.get_mut(&id).and_then(|group| group.tenure.as_mut()) else {
            return;
        };
        let tenure_number = tenure.term.tenure;
        let owner = tenure.owners.get_mut(&peer).expect("it owns the group");
        owner.incarnation = session.last.incarnation;
        owner.has_got(session.next_at_open);
        owner.exchange_us = exchange_us;
        let is_in_step = owner.is_in_step;
        let missed = owner.missed.iter().map(|(sequence, _)| sequence);
        let under_way = tenure.flight.missing(peer).map(|(Sequence(sequence), _)| sequence);
        let is_sent = |sequence: &u64| *sequence < session.next_at_open;
        let held: BTreeSet<u64> =
            missed.take_while(is_sent).chain(under_way.take_while(is_sent)).collect();
        // Only what an owner in step has is safe there.
        if is_in_step {
            for sequence in held {
                self.is_held(id, WriteNumber { tenure: tenure_number, sequence }, peer, moment);
            }
        }
        if session.purpose == Purpose::Round {
            let clock = session.theirs.as_ref().and_then(|theirs| theirs.clock);
            self.round_with(id, peer, clock, moment);
        }
    }
}
