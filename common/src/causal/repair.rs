//! A join with another owner's copy of a large record, of which only what differs is sent.
//!
//! A context must only be joined with all that it speaks of. So the repairing copy makes a model of
//! the other: what the other sent where they differ, and what it holds itself everywhere else. It
//! asks for digests of [`ranges`](super::ranges), narrows those in which the model is not like the
//! other, and fetches the rest. Both copies may change meanwhile. Nothing is joined before the model
//! is the other's copy, whole, as it was at its last answer.
//!
//! **When it is.** A pass goes through all places once. Of each range it adds up the digest with which
//! the other's was the model's, or with which the other sent it. At the end of the pass that sum is
//! over what the model holds; if it is the digest that the other's last answer gave of its whole
//! record, the model is that record, by the same argument as any two copies with one digest. It does
//! not matter then at which times the ranges were compared. If it is not, the other has changed, and
//! the next pass finds where: what is staged stays.
//!
//! **What the own copy does meanwhile** does not matter either. Of its own elements the model has
//! those whose events were known when the pass began, and no later ones. One of those that goes
//! during the pass was in the model when its range was compared; the join drops it, for it was seen
//! here and is gone, and so it may be absent from the model too. Only to have forgotten, by a crash,
//! would matter: then what went may be back, and the pass begins again.
//!
//! **It ends** two passes after the other's copy was changed last, at the latest: the sum of a pass in
//! which the other did not change is over the other's own digests of all places. And a pass ends,
//! because each answer takes a range out and puts at most narrower ones in. Under changes without a
//! pause it may not end, but a pass sends what was changed since the one before, and the digests on
//! the way there. Told of the changes as they come, it [follows](Repair::follow) them and ends anyway.
//!
//! Nothing hangs on who answers: after a lost connection, or with another owner, it goes on with what
//! is staged.
//!
//! Invariant: outside of `compare` and `fetch`, `proven` is the digest of the model as it was when
//! each range was compared or followed last. A staged cell lies in a staged range.

use super::context::{Context, Horizon};
use super::digest::DigestSeed;
use super::ranges::{Answer, Ask, DIGESTS_BYTES, Finding, PARTS, RANGE_BYTES, Range, Standing};
use super::record::{Path, Record};
use super::register::{Register, Sibling};
use crate::id::Dot;
use staged::Staged;
use std::borrow::Cow;
use std::collections::BTreeSet;

mod follow;
mod staged;

/// One copy's repair from another.
#[derive(Debug)]
pub struct Repair {
    seed: DigestSeed,
    bytes_max: usize,
    /// When the pass began.
    known: Known,
    /// When an answer was taken last.
    latest: Known,
    /// Of which the other's digests are wanted.
    compare: BTreeSet<Range>,
    /// Of which its cells are.
    fetch: BTreeSet<Range>,
    proven: u64,
    staged: Staged,
}

/// What came of an answer.
#[derive(Debug)]
pub enum Progress {
    /// There is more to ask: [`Repair::ask`].
    Asks,
    /// This is the other's copy.
    Complete(Counterpart),
}

/// The other's copy, as the one that is repaired knows it. Good for a join at any time, whatever has
/// changed here since.
#[derive(Debug)]
pub struct Counterpart {
    seed: DigestSeed,
    standing: Standing,
    known: Known,
    latest: Known,
    staged: Staged,
}

/// What the own copy had seen at some time.
#[derive(Clone, Debug)]
struct Known {
    context: Context,
    horizon: Horizon,
}

/// A part of a finding: the digest of the other's cells there, and of one's own.
struct Piece {
    range: Range,
    theirs: u64,
    own: u64,
    model: u64,
}

impl Repair {
    /// A repair of `mine`. Asks have at most `bytes_max`, or name one range.
    pub fn new(mine: &Record, horizon: &Horizon, seed: DigestSeed, bytes_max: usize) -> Repair {
        Repair {
            seed,
            bytes_max,
            known: Known::of(mine, horizon),
            latest: Known::of(mine, horizon),
            compare: BTreeSet::from([Range::ALL]),
            fetch: BTreeSet::new(),
            proven: 0,
            staged: Staged::default(),
        }
    }

    /// What to ask now; the same until an answer is taken, so it may be sent again, or to another.
    pub fn ask(&self) -> Ask {
        let fetch_max = (self.bytes_max / 4 / RANGE_BYTES).max(1);
        let fetch: Vec<Range> = self.fetch.iter().take(fetch_max).copied().collect();
        // First what is known to differ, or the list of that would grow. What lies left, and so is
        // narrow, before what is wide: only a few ranges wait at each width.
        let compare_max = match fetch.len() {
            0 => (self.bytes_max / DIGESTS_BYTES).max(1),
            len if len < fetch_max => self.bytes_max / 2 / DIGESTS_BYTES,
            _ => 0,
        };
        Ask { compare: self.compare.iter().take(compare_max).copied().collect(), fetch }
    }

    /// Takes an answer in, to whichever ask. Findings that were not wanted, or not any more, are
    /// passed over. A walk over `mine` unless it has cells alone.
    ///
    /// After [`Progress::Complete`] the repair begins anew, if it is asked to.
    pub fn take(&mut self, mine: &Record, horizon: &Horizon, answer: Answer) -> Progress {
        let latest = std::mem::replace(&mut self.latest, Known::of(mine, horizon));
        if !latest.is_known_to(mine, horizon) {
            // What was compared is not what is here.
            self.begin();
            return Progress::Asks;
        }
        let mut pieces = Vec::new();
        for finding in answer.findings {
            match finding {
                Finding::Cells { range, cells } => self.stage(range, cells),
                digests => pieces.extend(self.pieces(&digests).into_iter().flatten()),
            }
        }
        pieces.sort_unstable_by_key(|piece| piece.range);
        self.weigh(mine, &mut pieces);
        self.settle(&pieces);
        if !self.compare.is_empty() || !self.fetch.is_empty() {
            return Progress::Asks;
        }
        let (is_whole, known) = (self.proven == answer.standing.digest, self.known.clone());
        self.begin();
        if !is_whole {
            return Progress::Asks;
        }
        let (seed, staged) = (self.seed, std::mem::take(&mut self.staged));
        let (standing, latest) = (answer.standing, self.latest.clone());
        Progress::Complete(Counterpart { seed, standing, known, latest, staged })
    }

    /// The other's copy is not the one that is wanted any more: goes on from what is known of it.
    pub fn resume(&mut self, counterpart: Counterpart) {
        self.staged = counterpart.staged;
        self.begin();
    }

    /// What it holds in memory: what was staged, and the ranges that wait. For the caller to bound;
    /// no more than what differs, or differed during the repair.
    pub fn bytes(&self) -> usize {
        self.staged.bytes() + (self.compare.len() + self.fetch.len()) * RANGE_BYTES
    }

    /// Begins a pass.
    fn begin(&mut self) {
        self.known = self.latest.clone();
        self.compare = BTreeSet::from([Range::ALL]);
        self.fetch.clear();
        self.proven = 0;
    }

    /// Puts into the model what the other holds in a range, if it was asked for.
    fn stage(&mut self, range: Range, cells: Vec<(Path, Register)>) {
        // The one that begins there and reaches at least as far.
        let asked = self.fetch.range(range..).next().copied();
        let Some(asked) = asked.filter(|asked| asked.first() == range.first()) else { return };
        let (mut placed, mut digest) = (Vec::with_capacity(cells.len()), 0_u64);
        for (path, register) in cells {
            let name = self.seed.name(&path);
            if !range.holds(name.place) {
                return;
            }
            digest = digest.wrapping_add(self.seed.of_named(name, &register, |_| true));
            placed.push((name.place, path, register));
        }
        self.fetch.remove(&asked);
        let rest = range.last().checked_add(1).and_then(|next| Range::new(next, asked.last()));
        self.fetch.extend(rest);
        self.staged.put(range, placed);
        self.proven = self.proven.wrapping_add(digest);
    }

    /// The pieces of a finding of digests, if it was asked for and can be.
    fn pieces(&mut self, finding: &Finding) -> Option<Vec<Piece>> {
        let (range, pieces) = match finding {
            Finding::Split { range, width, digests } => {
                let parts: Vec<Range> = range.parts(*width).take(PARTS + 1).collect();
                let fits = parts.len() == digests.len() && parts.len() > 1;
                let pieces = parts.into_iter().zip(digests.iter().copied());
                (range, fits.then(|| pieces.collect())?)
            }
            Finding::Listed { range, places } => (range, listed(*range, places)?),
            Finding::Cells { .. } => return None,
        };
        if !self.compare.remove(range) {
            return None;
        }
        let piece = |(range, theirs)| Piece { range, theirs, own: 0, model: 0 };
        Some(pieces.into_iter().map(piece).collect())
    }

    /// Sums up what is here in each piece.
    fn weigh(&self, mine: &Record, pieces: &mut [Piece]) {
        if pieces.is_empty() {
            return;
        }
        let find = |pieces: &[Piece], place: u64| {
            let at = pieces.partition_point(|piece| piece.range.last() < place);
            pieces.get(at).filter(|piece| piece.range.holds(place)).map(|_| at)
        };
        for (path, register) in mine.cells.iter() {
            let name = self.seed.name(path);
            let Some(at) = find(pieces, name.place) else { continue };
            let digest = self.seed.of_named(name, register, |dot| self.known.covers(dot));
            pieces[at].own = pieces[at].own.wrapping_add(digest);
            if !self.staged.holds(name.place) {
                pieces[at].model = pieces[at].model.wrapping_add(digest);
            }
        }
        for (place, path, register) in self.staged.cells() {
            let Some(at) = find(pieces, place) else { continue };
            let digest = self.seed.of_register(path, register);
            pieces[at].model = pieces[at].model.wrapping_add(digest);
        }
    }

    /// Says what is to be done with each piece.
    fn settle(&mut self, pieces: &[Piece]) {
        let mut run = Run::default();
        for &Piece { range, theirs, own, model } in pieces {
            let is_place = range.first() == range.last();
            let differs = theirs != own && theirs != model && theirs != 0;
            if differs && (is_place || own == 0 && model == 0) {
                self.fetch.extend(run.add(range));
                continue;
            }
            if theirs == 0 {
                run.pass(range);
            }
            if differs {
                self.compare.insert(range);
                continue;
            }
            if theirs == own {
                self.staged.release(range);
            } else if theirs == 0 {
                self.staged.put(range, Vec::new());
            }
            self.proven = self.proven.wrapping_add(theirs);
        }
        self.fetch.extend(run.fetched);
    }
}

/// Ranges that are fetched as one, with what is empty between them.
#[derive(Default)]
struct Run {
    fetched: Option<Range>,
    /// Up to where it may go on.
    last: u64,
}

impl Run {
    /// Adds a range; the run before it, if it is not of that run.
    fn add(&mut self, range: Range) -> Option<Range> {
        let follows = self.last.checked_add(1) == Some(range.first());
        let before = self.fetched.take_if(|_| !follows);
        let first = self.fetched.map_or(range.first(), Range::first);
        (self.fetched, self.last) = (Range::new(first, range.last()), range.last());
        before
    }

    /// Goes on over a range where the other has nothing.
    fn pass(&mut self, range: Range) {
        if self.last.checked_add(1) == Some(range.first()) {
            self.last = range.last();
        }
    }
}

/// The listed places and what lies between them, where nothing is.
fn listed(range: Range, places: &[(u64, u64)]) -> Option<Vec<(Range, u64)>> {
    let mut pieces = Vec::with_capacity(2 * places.len() + 1);
    let mut next = Some(range.first());
    for &(place, digest) in places {
        let from = next.filter(|&from| from <= place && place <= range.last())?;
        let gap = place.checked_sub(1).and_then(|last| Range::new(from, last));
        pieces.extend(gap.map(|gap| (gap, 0)));
        pieces.push((Range::of_place(place), digest));
        next = place.checked_add(1);
    }
    let gap = next.and_then(|from| Range::new(from, range.last()));
    pieces.extend(gap.map(|gap| (gap, 0)));
    Some(pieces)
}

impl Counterpart {
    /// What the other had seen, and the digest of what it held.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What it holds in memory of its own.
    pub fn bytes(&self) -> usize {
        self.staged.bytes()
    }

    /// The other's copy as a record, with which a join is the same as with the copy itself. It is that
    /// copy, too, if its cells have the digest of the [`standing`](Counterpart::standing): of what both
    /// held, only something that has gone here meanwhile can be missing.
    ///
    /// `None` as [`Counterpart::join`] has it.
    pub fn record(&self, mine: &Record, horizon: &Horizon) -> Option<Record> {
        if !self.latest.is_known_to(mine, horizon) {
            return None;
        }
        let own = mine.cells.iter();
        let own = own.filter(|(path, _)| !self.staged.holds(self.seed.name(path).place));
        let known = own.filter_map(|(path, register)| {
            let mut register = register.clone();
            register.retain(|dot| self.known.covers(dot));
            (!register.siblings.is_empty()).then(|| (path.clone(), register))
        });
        let staged = self.staged.cells();
        let staged = staged.map(|(_, path, register)| (path.clone(), register.clone()));
        let cells = known.chain(staged).collect();
        Some(Record { context: self.standing.context.clone(), cells })
    }

    /// Joins the other's copy into this one, as [`Record::join`] does with a whole one, and says the
    /// other's horizon: the caller raises its cut to that one's.
    ///
    /// `None`, and nothing is changed, if this copy does not know any more what it knew during the
    /// repair: then it is not the one that was repaired.
    pub fn join(self, mine: &mut Record, horizon: &Horizon) -> Option<Horizon> {
        let Counterpart { seed, standing, known, latest, staged } = self;
        if !latest.is_known_to(mine, horizon) {
            return None;
        }
        let there = |path: &Path, here: &Register| -> Cow<'_, [Sibling]> {
            let place = seed.name(path).place;
            if staged.holds(place) {
                return Cow::Borrowed(staged.siblings(place, path));
            }
            let mut here = here.clone();
            here.retain(|dot| known.covers(dot));
            Cow::Owned(here.siblings)
        };
        let more = staged.cells().map(|(_, path, register)| (path, register));
        mine.join_cells(horizon, (&standing.context, &standing.horizon), there, more);
        Some(standing.horizon)
    }
}

impl Known {
    fn of(record: &Record, horizon: &Horizon) -> Known {
        Known { context: record.context.clone(), horizon: horizon.clone() }
    }

    fn covers(&self, dot: Dot) -> bool {
        self.context.covers(dot) || self.horizon.covers(dot)
    }

    fn is_known_to(&self, record: &Record, horizon: &Horizon) -> bool {
        record.has_seen(horizon, (&self.context, &self.horizon))
    }
}
