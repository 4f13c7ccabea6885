//! What a record shows, as the changes that make it anew under another name: RENAME and COPY.
//!
//! The copy has a history of its own: siblings that do not show stay behind.

use crate::causal::{Change, Kind, Path, Position, Record};
use crate::id::Dot;
use bytes::Bytes;
use std::collections::BTreeMap;

/// One change on the way; list items need the dot of the event that puts them.
pub enum Step {
    /// As it stands.
    Change(Change),
    /// Items of a list, in order.
    Items(Vec<Bytes>),
}

impl Step {
    /// The change as the event `dot`.
    pub fn change(self, dot: Dot) -> Change {
        match self {
            Step::Change(change) => change,
            Step::Items(items) => {
                let mut put = Vec::with_capacity(items.len());
                let mut last: Option<Position> = None;
                for item in items {
                    let position = Position::between(last.as_ref(), None, dot);
                    put.push((Path::Item(position.clone(), dot), item));
                    last = Some(position);
                }
                Change::Cells { kind: Kind::List, put, remove: Vec::new() }
            }
        }
    }
}

/// The steps that make what `record` shows at `view_ms`, deadline included.
pub fn steps(record: &Record, view_ms: u64) -> Vec<Step> {
    let Some(kind) = record.kind(view_ms) else { return Vec::new() };
    let deadline = record.deadline_ms(view_ms);
    let cells = |put| Step::Change(Change::Cells { kind, put, remove: Vec::new() });
    let mut steps = Vec::with_capacity(2);
    match kind {
        Kind::Text => {
            let text = record.text(view_ms);
            steps.extend(text.map(|text| {
                let (value, deadline_ms) = (text.value.to_bytes(), text.deadline_ms);
                Step::Change(Change::Replace { value, deadline_ms })
            }));
            return steps;
        }
        Kind::Hash => {
            let fields = || record.fields(view_ms);
            let path = |field: &Bytes| Path::Field(field.clone());
            steps.push(cells(fields().map(|(f, value)| (path(f), value.to_bytes())).collect()));
            let mut deadlines: BTreeMap<u64, Vec<Path>> = BTreeMap::new();
            for path in fields().map(|(field, _)| path(field)) {
                let shown = record.shown(&path, view_ms);
                if let Some(ms) = shown.and_then(|shown| shown.deadline_ms()) {
                    deadlines.entry(ms).or_default().push(path);
                }
            }
            steps.extend(deadlines.into_iter().map(|(ms, paths)| {
                Step::Change(Change::FieldDeadline { paths, deadline_ms: Some(ms) })
            }));
        }
        Kind::Set => steps.push(cells(
            record.members(view_ms).map(|m| (Path::Member(m.clone()), Bytes::new())).collect(),
        )),
        Kind::Zset => steps.push(cells(
            record
                .scores(view_ms)
                .map(|(member, score)| {
                    let bits = Bytes::copy_from_slice(&score.to_bits().to_be_bytes());
                    (Path::Scored(member.clone()), bits)
                })
                .collect(),
        )),
        Kind::List => {
            steps.push(Step::Items(record.items(view_ms).map(|(_, _, item)| item).collect()));
        }
    }
    steps.extend(deadline.map(|ms| Step::Change(Change::Deadline(Some(ms)))));
    steps
}
