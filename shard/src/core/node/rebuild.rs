//! Getting data back that this node has lost, from the other owners.
//!
//! It asks them how they are. When enough of them are whole (each write that this node had acknowledged
//! is on one of them), or when it has heard of all, it takes what those have that were in step with the
//! latest term's holder: the first one's copies in the place of its own, the others' beside them. If it was
//! in step with that one itself, what is left here counts, too.

use super::group::{Rebuilding, Source, Wholeness};
use super::session::{Purpose, RESEND_US};
use super::{Moment, Node};
use crate::store::Take;
use kinring_common::id::NodeId;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::peer::Term;

impl Node {
    /// An owner has said how it is.
    pub(super) fn surveyed(
        &mut self,
        number: u64,
        is_whole: bool,
        (step, term): (Term, Term),
        moment: Moment,
    ) {
        let session = self.sessions.open.remove(&number).expect("it is there");
        let (id, peer, incarnation) = (session.group, session.peer, session.last.incarnation);
        let group = self.groups.get_mut(&id).expect("it is owned");
        if let Wholeness::Rebuilding(rebuilding) = &mut group.wholeness {
            let source = Source { incarnation, is_whole, term, step, is_taken: false };
            rebuilding.sources.insert(peer, source);
        } else if let Some(tenure) = &mut group.tenure {
            let owner = tenure.owners.get_mut(&peer).expect("it owns the group");
            if is_whole || Mutant::LossyCountsAsWhole.is_on() {
                (owner.found, owner.incarnation) = (Some(step), incarnation);
            } else {
                // It does not know what it had. It asks the others first.
                owner.ask_us = moment.now.mono_us + RESEND_US;
            }
        }
        self.look_after(id, moment);
    }

    /// This owner has what it should: its data counts, and it may grant again.
    fn is_rebuilt(&mut self, id: GroupId, has: Term) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        let before = std::mem::replace(&mut group.wholeness, Wholeness::Whole);
        let Wholeness::Rebuilding(rebuilding) = before else { return };
        let term = rebuilding.may_have_granted();
        if term.number > group.latest().number && !Mutant::GrantsForgotten.is_on() {
            self.has_granted(id, term, self.actors.0);
        }
        self.sessions.end_with_any(id, |purpose| matches!(purpose, Purpose::Rebuild(_)));
        self.step_alone(id, has);
    }

    /// Takes what the other owners have, until this one has what it should.
    pub(super) fn rebuild(&mut self, id: GroupId, moment: Moment) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        let others: Vec<NodeId> = group.others().collect();
        let has = group.has_of();
        let Wholeness::Rebuilding(Rebuilding { sources, .. }) = &group.wholeness else { return };
        // What an owner has that was away since is no better than what is left here.
        let counts = |source: &&Source| source.is_whole && source.step.number >= has.number;
        let whole = sources.values().filter(counts).count();
        // With all of them there is nobody left to wait for: nobody has more.
        let is_enough =
            whole >= self.quorum.others().min(others.len()) || sources.len() == others.len();
        let next = if is_enough {
            let latest = sources.values().map(|source| source.step.number).max().unwrap_or(0);
            let latest = latest.max(has.number);
            let how = if has.number < latest { Take::Adopt } else { Take::Join };
            let counts = |s: &Source| s.step.number == latest && !s.is_taken;
            if how == Take::Join {
                self.count_own(id, moment);
            }
            let group = &self.groups[&id];
            let Wholeness::Rebuilding(Rebuilding { sources, .. }) = &group.wholeness else {
                return;
            };
            let source = sources.iter().find(|(_, source)| counts(source));
            let Some((peer, _)) = source else {
                return self.is_rebuilt(id, has);
            };
            let next = vec![(*peer, Purpose::Rebuild(how))];
            let up: Vec<NodeId> =
                others.into_iter().filter(|node| self.is_up(*node, moment)).collect();
            if self.sessions.is_taking(id, |node| up.contains(&node)) {
                return;
            }
            next
        } else {
            let unknown = others.into_iter().filter(|node| !sources.contains_key(node));
            unknown.map(|node| (node, Purpose::Survey)).collect()
        };
        for (peer, purpose) in next {
            if self.is_up(peer, moment) && !self.sessions.is_open(id, peer) {
                self.open_session(id, peer, purpose, moment);
            }
        }
    }
}
