//! Ranges of a large record: in which of them two copies differ, and what is there.
//!
//! An owner that missed changes of a large collection joins another's copy of it. To send all of it,
//! a hundred megabytes for ten changed fields, would take seconds of a link and as much memory. So
//! it [asks](Ask) for the digests of ranges of places ([`CellDigest::place`]), narrows those that
//! differ, and fetches what is in the rest; [`Repair`] is its side, this is the side that
//! [answers](Record::answer).
//!
//! Who answers keeps nothing between two messages. Each answer is of its record as it is then, and
//! says what that has seen and the digest of all it holds: its [`Standing`]. From it the other tells
//! when all that it was given, at whatever times, adds up to one whole copy.
//!
//! An answer costs one walk over the record, whatever it says.
//!
//! Invariant: a message has at most the bytes that it was given, save for the cells of one place that
//! alone are more; and every ask that wants something is answered with something. What one range is
//! said to hold is all that it holds.
//!
//! [`CellDigest::place`]: super::CellDigest::place
//! [`Repair`]: super::Repair

use super::context::{Context, Horizon};
use super::digest::DigestSeed;
use super::record::{Path, Record};
use super::register::{Base, Register, Sibling};
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// Into how many parts a range is narrowed in one step, at most. Of a million cells three steps leave
/// a few in a part, and a part that differs costs 512 bytes a step; with fewer parts there would be
/// more steps, of a walk each.
pub const PARTS: usize = 64;

/// Parts have about so many cells at least: of fewer there are so many that none is worth a name.
const PART_CELLS: usize = 8;

/// Up to how many places are named one by one: as many as take the bytes of [`PARTS`] digests.
pub const LISTED_MAX: usize = PARTS / 2;

/// Places from one to another, both among them: never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    first: u64,
    last: u64,
}

/// What an owner wants to know of another's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Digests of the parts of these ranges, ascending.
    pub compare: Vec<Range>,
    /// The cells in these, ascending. No place is in both.
    pub fetch: Vec<Range>,
}

/// What it gets. What does not fit is left out, and to be asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Of the record that the findings are of.
    pub standing: Standing,
    /// One for each range that was answered.
    pub findings: Vec<Finding>,
}

/// What a copy has seen, and the digest of what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Of its record.
    pub context: Context,
    /// Of its slot.
    pub horizon: Horizon,
    /// Of all cells.
    pub digest: u64,
}

/// What is in a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// More than [`LISTED_MAX`] places with cells.
    Split {
        /// The one that was asked for.
        range: Range,
        /// Of each of its parts: see [`Range::parts`].
        width: NonZeroU64,
        /// The digest of each part, two to [`PARTS`] of them.
        digests: Vec<u64>,
    },
    /// The digest at each place where there are cells, ascending.
    Listed {
        /// The one that was asked for.
        range: Range,
        /// Place and digest.
        places: Vec<(u64, u64)>,
    },
    /// All cells.
    Cells {
        /// The one that was asked for, or its beginning.
        range: Range,
        /// In the order of places.
        cells: Vec<(Path, Register)>,
    },
}

impl Range {
    /// All places.
    pub const ALL: Range = Range { first: 0, last: u64::MAX };

    /// The places from `first` to `last`, if there are any.
    pub fn new(first: u64, last: u64) -> Option<Range> {
        (first <= last).then_some(Range { first, last })
    }

    /// One place.
    pub fn of_place(place: u64) -> Range {
        Range { first: place, last: place }
    }

    /// The lowest place in it.
    pub fn first(self) -> u64 {
        self.first
    }

    /// The highest place in it.
    pub fn last(self) -> u64 {
        self.last
    }

    /// Whether this place is in it.
    pub fn holds(self, place: u64) -> bool {
        self.first <= place && place <= self.last
    }

    /// Its parts of so many places each, ascending; the last may be narrower.
    pub fn parts(self, width: NonZeroU64) -> impl Iterator<Item = Range> {
        let firsts =
            (0..=self.part_of(self.last, width)).map(move |at| self.first + at * width.get());
        firsts.map(move |first| {
            let last = first.saturating_add(width.get() - 1).min(self.last);
            Range { first, last }
        })
    }

    /// In which part a place of it is.
    fn part_of(self, place: u64, width: NonZeroU64) -> u64 {
        (place - self.first) / width
    }

    /// The width of [`PARTS`] parts.
    fn finest(self) -> NonZeroU64 {
        NonZeroU64::MIN.saturating_add((self.last - self.first) / PARTS as u64)
    }

    /// Which of these ranges holds a place. They are ascending.
    fn find(ranges: &[Range], place: u64) -> Option<usize> {
        let at = ranges.partition_point(|range| range.last < place);
        ranges.get(at).filter(|range| range.holds(place)).map(|_| at)
    }
}

impl Record {
    /// Answers another owner, in at most `bytes_max` but for what the module says. One walk.
    pub fn answer(
        &self,
        ask: &Ask,
        horizon: &Horizon,
        seed: DigestSeed,
        bytes_max: usize,
    ) -> Answer {
        let (context, horizon) = (self.context.clone(), horizon.clone());
        let standing = Standing { context, horizon, digest: self.cells.digest(seed) };
        let mut draft = Draft::new(ask, bytes_max.saturating_sub(standing.bytes()));
        for (path, register) in self.cells.iter() {
            let name = seed.name(path);
            if let Some(at) = Range::find(&draft.compare, name.place) {
                draft.tallies[at].add(name.place, seed.of_named(name, register, |_| true));
            }
            if Range::find(&draft.fetch, name.place).is_some() {
                draft.page.add(name.place, path, register);
            }
        }
        Answer { standing, findings: draft.findings() }
    }
}

/// An answer in the making.
struct Draft<'a> {
    room: usize,
    tallies: Vec<Tally>,
    compare: Vec<Range>,
    fetch: Vec<Range>,
    page: Page<'a>,
}

impl<'a> Draft<'a> {
    fn new(ask: &Ask, room: usize) -> Draft<'a> {
        let compare: Vec<Range> =
            ascending(&ask.compare).take((room / DIGESTS_BYTES).max(1)).collect();
        // Where ranges are fetched that are small, a quarter of the room may go to their names.
        let fetch = ascending(&ask.fetch).take((room / 4 / HEAD_BYTES).max(1));
        let tallies = compare.iter().map(|&range| Tally::new(range)).collect();
        let page = Page { room, bytes: 0, places: BTreeMap::new(), end: None };
        Draft { room, tallies, compare, fetch: fetch.collect(), page }
    }

    /// The digests first, up to half of the room if there are cells too: what is fetched may be much.
    fn findings(mut self) -> Vec<Finding> {
        let share = if self.fetch.is_empty() { self.room } else { self.room / 2 };
        let mut left = share;
        let something = self.fetch.is_empty();
        let mut findings = Vec::new();
        for finding in self.tallies.into_iter().map(Tally::finding) {
            let bytes = finding.bytes();
            if bytes > left && !(something && findings.is_empty()) {
                break;
            }
            left = left.saturating_sub(bytes);
            findings.push(finding);
        }
        let taken = share - left + self.fetch.len() * HEAD_BYTES;
        self.page.shrink(self.room.saturating_sub(taken));
        if self.page.bytes > self.page.room {
            // What is larger than its room goes alone.
            findings.clear();
        }
        self.page.find(self.fetch, &mut findings);
        findings
    }
}

/// The ranges of an ask that were asked for as they should be.
fn ascending(ranges: &[Range]) -> impl Iterator<Item = Range> + '_ {
    let mut past = None;
    ranges.iter().copied().filter(move |range| {
        let follows = past.is_none_or(|past| range.first > past);
        past = if follows { Some(range.last) } else { past };
        follows
    })
}

/// The digests in one range.
struct Tally {
    range: Range,
    cells: usize,
    parts: Vec<u64>,
    /// The first places that were seen in it, one more than are named.
    places: BTreeMap<u64, u64>,
}

impl Tally {
    fn new(range: Range) -> Tally {
        let parts = range.part_of(range.last, range.finest()) as usize + 1;
        Tally { range, cells: 0, parts: vec![0; parts], places: BTreeMap::new() }
    }

    fn add(&mut self, place: u64, digest: u64) {
        self.cells += 1;
        let part = &mut self.parts[self.range.part_of(place, self.range.finest()) as usize];
        *part = part.wrapping_add(digest);
        if self.places.len() <= LISTED_MAX {
            let sum = self.places.entry(place).or_default();
            *sum = sum.wrapping_add(digest);
        }
    }

    fn finding(self) -> Finding {
        let Tally { range, cells, parts, places } = self;
        if places.len() <= LISTED_MAX {
            return Finding::Listed { range, places: places.into_iter().collect() };
        }
        let together = (PARTS * PART_CELLS / cells).clamp(1, PARTS / 2);
        let sum = |parts: &[u64]| parts.iter().fold(0, |sum: u64, part| sum.wrapping_add(*part));
        let width =
            range.finest().saturating_mul(NonZeroU64::MIN.saturating_add(together as u64 - 1));
        Finding::Split { range, width, digests: parts.chunks(together).map(sum).collect() }
    }
}

/// The cells of the lowest places that were asked for, as many as there is room for.
struct Page<'a> {
    room: usize,
    bytes: usize,
    places: BTreeMap<u64, Vec<(&'a Path, &'a Register)>>,
    /// Below which place all is in it; `None` if all that was asked for is.
    end: Option<u64>,
}

impl<'a> Page<'a> {
    fn add(&mut self, place: u64, path: &'a Path, register: &'a Register) {
        if self.end.is_some_and(|end| place >= end) {
            return;
        }
        self.places.entry(place).or_default().push((path, register));
        self.bytes += cell_bytes(path, register);
        self.shrink(self.room);
    }

    /// Drops the highest places until no more than this is left, or one place.
    fn shrink(&mut self, room: usize) {
        self.room = room;
        while self.bytes > room && self.places.len() > 1 {
            let Some((place, cells)) = self.places.pop_last() else { break };
            let gone = cells.iter().map(|(path, register)| cell_bytes(path, register));
            self.bytes -= gone.sum::<usize>();
            self.end = Some(place);
        }
    }

    /// What is in it of each of these ranges, which are all that were asked for.
    fn find(mut self, ranges: Vec<Range>, findings: &mut Vec<Finding>) {
        for range in ranges {
            // Nothing at or past the end was kept, and the end is past something.
            let last = self.end.map_or(range.last, |end| range.last.min(end - 1));
            let Some(range) = Range::new(range.first, last) else { break };
            let later = last.checked_add(1).map(|next| self.places.split_off(&next));
            let here = std::mem::replace(&mut self.places, later.unwrap_or_default());
            let cells = here.into_values().flatten();
            let cells = cells.map(|(path, register)| (path.clone(), register.clone())).collect();
            findings.push(Finding::Cells { range, cells });
        }
    }
}

/// What a range takes in a message.
pub(super) const RANGE_BYTES: usize = 16;

/// What a finding takes beside what it says: what it is, of which range and width, how much of it.
const HEAD_BYTES: usize = 1 + RANGE_BYTES + 8 + 4;

/// What the digests of a range take, by and large: half of what they may.
pub(super) const DIGESTS_BYTES: usize = HEAD_BYTES + PARTS * 8 / 2;

const DOT_BYTES: usize = 16;

impl Ask {
    /// What it takes in a message, with numbers of fixed width.
    pub fn bytes(&self) -> usize {
        8 + (self.compare.len() + self.fetch.len()) * RANGE_BYTES
    }
}

impl Answer {
    /// What it takes in a message, with numbers of fixed width.
    pub fn bytes(&self) -> usize {
        self.standing.bytes() + self.findings.iter().map(Finding::bytes).sum::<usize>()
    }
}

impl Finding {
    fn bytes(&self) -> usize {
        HEAD_BYTES
            + match self {
                Finding::Split { digests, .. } => digests.len() * 8,
                Finding::Listed { places, .. } => places.len() * 16,
                Finding::Cells { cells, .. } => cells_bytes(cells),
            }
    }
}

impl Standing {
    fn bytes(&self) -> usize {
        let digest_and_cut = 8 + 8;
        digest_and_cut + 8 + (self.context.len() + self.horizon.floor.len()) * DOT_BYTES
    }
}

/// What cells take in a message.
pub(super) fn cells_bytes(cells: &[(Path, Register)]) -> usize {
    cells.iter().map(|(path, register)| cell_bytes(path, register)).sum()
}

fn cell_bytes(path: &Path, register: &Register) -> usize {
    let name = match path {
        Path::Text | Path::Deadline => 0,
        Path::Field(name) | Path::Member(name) | Path::Scored(name) => 4 + name.len(),
        Path::Item(position, _) => 16 + 4 + position.fraction.len() + DOT_BYTES,
    };
    let siblings = register.siblings.iter().map(sibling_bytes);
    1 + name + 4 + siblings.sum::<usize>()
}

fn sibling_bytes(sibling: &Sibling) -> usize {
    let base = match &sibling.base {
        Base::Bottom => 1,
        Base::Value { value, .. } => 1 + DOT_BYTES + 4 + value.len(),
    };
    let actor_sum_since_last = 8 + 16 + 8 + 8;
    let deadlines = sibling.deadlines.iter();
    let deadlines = deadlines.map(|given| DOT_BYTES + 8 + 4 + given.covers.len() * DOT_BYTES);
    base + 8 + sibling.increments.len() * actor_sum_since_last + deadlines.sum::<usize>()
}
