//! Getting data back that this node has lost, from the other owners.
//!
//! It asks them how they are. When enough of them are whole (each write that this node had acknowledged
//! is on one of them), or when it has heard of all, it takes what those have that were in step with the
//! latest term's holder: the first one's copies in the place of its own, the others' beside them.

use super::group::{Source, Wholeness};
use super::session::Purpose;
use super::{Moment, Node};
use crate::store::Take;
use kinring_common::id::NodeId;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::peer::Term;

impl Node {
    /// An owner has said how it is.
    pub(super) fn surveyed(&mut self, number: u64, is_whole: bool, step: Term, moment: Moment) {
        let session = self.sessions.open.remove(&number).expect("it is there");
        let (id, peer) = (session.group, session.peer);
        let group = self.groups.get_mut(&id).expect("it is owned");
        if let Wholeness::Rebuilding(sources) = &mut group.wholeness {
            sources.insert(peer, Source { is_whole, step, is_taken: false });
        } else if let Some(tenure) = &mut group.tenure {
            let owner = tenure.owners.get_mut(&peer).expect("it owns the group");
            owner.found = Some(step);
        }
        self.look_after(id, moment);
    }

    /// Takes what the other owners have, until this one has what it should.
    pub(super) fn rebuild(&mut self, id: GroupId, moment: Moment) {
        let group = self.groups.get_mut(&id).expect("it is owned");
        let others: Vec<NodeId> = group.others().collect();
        let Wholeness::Rebuilding(sources) = &group.wholeness else { return };
        let whole = sources.values().filter(|source| source.is_whole).count();
        // With all of them there is nobody left to wait for: nobody has more.
        let is_enough =
            whole >= self.quorum.others().min(others.len()) || sources.len() == others.len();
        let next = if is_enough {
            let latest = sources.values().map(|source| source.step.number).max().unwrap_or(0);
            let how = if group.step.number < latest { Take::Adopt } else { Take::Join };
            let counts = |s: &Source| s.step.number == latest && !s.is_taken;
            let source = sources.iter().find(|(_, source)| counts(source));
            let Some((peer, _)) = source else {
                group.wholeness = Wholeness::Whole;
                return;
            };
            vec![(*peer, Purpose::Rebuild(how))]
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
