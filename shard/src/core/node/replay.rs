//! Starting, and starting again from the log.

use super::acks::Acks;
use super::clocks::tellers;
use super::coordinate::distinct;
use super::doubtful::touched;
use super::group::{Group, Wholeness};
use super::groups::Groups;
use super::journal::Journal;
use super::observe::Tally;
use super::pace::Pace;
use super::pull::Pulls;
use super::refusals::Refusals;
use super::requests::Requests;
use super::{Moment, Node, Output, Peer, Settings, keyspace, quorum, session};
use crate::core::lease::{Grants, Leases};
use crate::store::Entry;
use kinring_common::clock::{Now, SteadyWall};
use kinring_common::id::{Actor, NodeId};
use kinring_common::membership::drift::Drift;
use kinring_common::membership::suspicion::Suspicion;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::Layout;
use kinring_common::random::Random;
use kinring_common::resp::ReplyBuf;
use kinring_common::wire::peer::{Batch, Term};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What is there of an earlier start.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// The log, as far as it can be read.
    pub log: &'a [Entry],
    /// Whether everything that this node ever acknowledged is in it.
    pub is_whole: bool,
    /// Something in the middle of it is missing.
    pub is_damaged: bool,
}

/// How a node starts.
#[derive(Clone, Copy, Debug)]
pub struct Restart<'a> {
    /// What time it is.
    pub now: Now,
    /// Where its randomness comes from: another one at each start.
    pub seed: u64,
    /// What there is from before.
    pub past: Past<'a>,
}

impl Past<'_> {
    /// Nothing: it is new, or its disk is.
    pub const NOTHING: Past<'static> = Past { log: &[], is_whole: false, is_damaged: false };
}

impl Node {
    /// A node with what is there of its past.
    ///
    /// # Panics
    /// When the layout does not know it.
    pub fn start(own: NodeId, layout: Arc<Layout>, settings: Settings, start: Restart<'_>) -> Node {
        let Restart { now, seed, past } = start;
        let mut random = Random::new(seed);
        let incarnation = random.word();
        let mut actors = (Actor::leased(random.word()), Actor::unleased(random.word()));
        if Mutant::SameActorAfterLostTail.is_on() {
            let known = past.log.iter().rev().find_map(|entry| match entry {
                Entry::Started { own, available, .. } => Some((*own, *available)),
                _ => None,
            });
            actors = known.unwrap_or(actors);
        }
        let is_whole = past.is_whole && !past.is_damaged;
        let groups: Groups = layout
            .groups_of(own)
            .map(|group| (group.id, Group::new(&group, own, is_whole, now.mono_us)))
            .collect();
        let quorum = quorum(&settings, &layout);
        let barred = !Mutant::GrantAfterRestart.is_on();
        let mut node = Node {
            own,
            incarnation,
            settings,
            quorum,
            keyspace: keyspace(&settings, actors.0),
            actors,
            random,
            wall: SteadyWall::default(),
            suspicion: Suspicion::new(now.mono_us),
            drift: Drift::default(),
            judged: None,
            believes_its_clock: true,
            peers: peers(&groups, own, &layout),
            grants: if barred { Grants::after_restart(now.mono_us) } else { Grants::default() },
            leases: Leases::new(own, quorum),
            groups,
            sessions: session::Sessions::default(),
            pulls: Pulls::default(),
            pace: Pace::new(settings.exchange_bytes_s),
            tally: Tally::default(),
            requests: Requests::default(),
            refusals: Refusals::default(),
            journal: Journal::new(settings.is_durable),
            outputs: VecDeque::new(),
            acks: Acks::default(),
            refused: 0,
            reply: ReplyBuf::default(),
            beat_us: now.mono_us,
            wake_us: now.mono_us,
            layout,
        };
        let (raw_ms, likely_ms) = (now.wall_ms, now.wall_ms);
        let moment = Moment { now, raw_ms, likely_ms, is_sound: true };
        node.replay(past, moment);
        let (own, available) = actors;
        node.log(Entry::Started { own, available, is_damaged: past.is_damaged });
        node
    }

    fn replay(&mut self, past: Past<'_>, moment: Moment) {
        // What filled a hole comes after it: what is before that start stays as good as it was then.
        let found = |entry: &Entry| matches!(entry, Entry::Started { is_damaged: true, .. });
        let whole_from = past.log.iter().rposition(found).unwrap_or(0);
        for (at, entry) in past.log.iter().enumerate() {
            let is_damaged = past.is_damaged || at < whole_from;
            match entry {
                Entry::Started { .. } => {}
                Entry::Write { batch, is_home } => {
                    self.replay_write(batch, *is_home, moment);
                    if let Some(executed) = &batch.executed {
                        self.completed(batch.group, executed, &batch.items, moment);
                    }
                }
                Entry::Copies { group, how, copies } if self.groups.contains_key(group) => {
                    self.merge_cuts(*group, &copies.horizon.cuts, *how, moment);
                    self.has_flushed(*group, *how);
                    self.meet_writers_of(*group, copies);
                    self.merge(copies, *how, moment);
                    let known = self.groups.get_mut(group).expect("it was asked");
                    copies.bonds.iter().for_each(|bond| known.bonds.add(None, bond));
                    self.note_all(*group, copies.completions.clone(), moment);
                }
                // What covers data that is not there would make it dead for good.
                Entry::Floor { group, floor }
                    if !is_damaged || Mutant::FloorKeptWithoutData.is_on() =>
                {
                    self.raise_floor(*group, floor);
                }
                Entry::Granted { group, term, actor } => {
                    if let Some(group) = self.groups.get_mut(group) {
                        group.grant(*term, *actor);
                    }
                }
                Entry::Ended { group, actors } => self.have_ended(*group, actors),
                Entry::Step { group, term, is_own } => {
                    if let Some(group) = self.groups.get_mut(group) {
                        group.is_put_in_step(*term, *is_own);
                        replay_step(group, *term, is_damaged);
                    }
                }
                Entry::Copies { .. } | Entry::Floor { .. } => {}
            }
        }
        if self.may_drop_copies() {
            self.groups.values_mut().for_each(|group| group.doubtful.after_restart());
        }
        // What was replayed is in the log already.
        self.outputs.retain(|output| !matches!(output, Output::Log(_)));
        self.journal = Journal::new(self.settings.is_durable);
        // A reply that was kept may be one that never left, of a write that did not last.
        self.requests.doubt_all(None);
    }

    fn replay_write(&mut self, batch: &Batch, is_home: bool, moment: Moment) {
        let (id, items) = (batch.group, &batch.items[..]);
        if !self.groups.contains_key(&id) {
            return;
        }
        self.apply(id, items, moment);
        self.meet_writers(id, items);
        let names = distinct(items);
        let group = self.groups.get_mut(&id).expect("it was asked");
        group.bonds.add(None, &names);
        if is_home {
            group.doubtful.end(batch.number.tenure, batch.stable);
            group.doubtful.add(batch.number, touched(items));
        }
    }
}

/// What is not whole is in step with nobody. Of what it had there is a beginning left, if nothing is
/// missing before its end.
fn replay_step(group: &mut Group, term: Term, is_damaged: bool) {
    match &mut group.wholeness {
        Wholeness::Rebuilding(rebuilding) if !Mutant::LossyCountsAsWhole.is_on() => {
            if !is_damaged {
                rebuilding.had = term;
            }
        }
        _ => group.step = term,
    }
}

/// Who owns something together with this node, and who tells it the time.
fn peers(groups: &Groups, own: NodeId, layout: &Layout) -> BTreeMap<NodeId, Peer> {
    let tellers = tellers(layout, own).map(|node| (node, Peer::default()));
    let mut peers: BTreeMap<NodeId, Peer> = tellers.collect();
    for (id, group) in groups.iter() {
        for owner in group.owners.iter().filter(|owner| **owner != own) {
            peers.entry(*owner).or_default().shared.push(*id);
        }
    }
    peers
}
