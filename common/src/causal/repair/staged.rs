//! What another copy holds in the ranges where it differs from one's own.

use crate::causal::ranges::{RANGE_BYTES, Range, cells_bytes};
use crate::causal::record::Path;
use crate::causal::register::{Register, Sibling};
use std::collections::BTreeMap;

/// Ranges with all the cells that are in them.
#[derive(Debug, Default)]
pub struct Staged {
    /// First place → last place; neither touching nor overlapping.
    ranges: BTreeMap<u64, u64>,
    cells: BTreeMap<u64, Vec<(Path, Register)>>,
    cells_bytes: usize,
}

impl Staged {
    /// Whether a place is in a staged range.
    pub fn holds(&self, place: u64) -> bool {
        self.ranges.range(..=place).next_back().is_some_and(|(_, &last)| place <= last)
    }

    /// The siblings at a path, whose place is in a staged range.
    pub fn siblings(&self, place: u64, path: &Path) -> &[Sibling] {
        let mut cells = self.cells_at(place).iter();
        cells.find(|(at, _)| at == path).map_or(&[], |(_, register)| &register.siblings)
    }

    /// The cells at a place, which is in a staged range.
    pub fn cells_at(&self, place: u64) -> &[(Path, Register)] {
        self.cells.get(&place).map_or(&[], |cells| cells)
    }

    /// All cells, by place.
    pub fn cells(&self) -> impl Iterator<Item = (u64, &Path, &Register)> {
        let places = self.cells.iter();
        places.flat_map(|(&place, cells)| cells.iter().map(move |(path, cell)| (place, path, cell)))
    }

    /// What it takes, about.
    pub fn bytes(&self) -> usize {
        self.ranges.len() * RANGE_BYTES + self.cells_bytes
    }

    /// Puts what is in a range in the place of what was there.
    pub fn put(&mut self, range: Range, cells: Vec<(u64, Path, Register)>) {
        self.drop_cells(range);
        for (place, path, register) in cells {
            let cell = [(path, register)];
            self.cells_bytes += cells_bytes(&cell);
            self.cells.entry(place).or_default().extend(cell);
        }
        let (mut first, mut last) = (range.first(), range.last());
        while let Some((&from, &to)) = self.ranges.range(..=last.saturating_add(1)).next_back() {
            if to < first.saturating_sub(1) {
                break;
            }
            self.ranges.remove(&from);
            (first, last) = (first.min(from), last.max(to));
        }
        self.ranges.insert(first, last);
    }

    /// Stages a range no longer.
    pub fn release(&mut self, range: Range) {
        self.drop_cells(range);
        while let Some((&from, &to)) = self.ranges.range(..=range.last()).next_back() {
            if to < range.first() {
                break;
            }
            self.ranges.remove(&from);
            if let Some(after) = range.last().checked_add(1).filter(|&after| after <= to) {
                self.ranges.insert(after, to);
            }
            if from < range.first() {
                self.ranges.insert(from, range.first() - 1);
                break;
            }
        }
    }

    fn drop_cells(&mut self, range: Range) {
        while let Some((&place, _)) = self.cells.range(range.first()..=range.last()).next() {
            let gone = self.cells.remove(&place).unwrap_or_default();
            self.cells_bytes -= cells_bytes(&gone);
        }
    }
}
