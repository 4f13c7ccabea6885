//! What is kept of a run for a reader: lines about what happened from a time to another.
//!
//! The lines belong to whoever watches, not to the run, and so they are there after a panic.

use super::plan::Plan;
use super::words;
use kinring_common::placement::slot::Slot;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

/// Lines that are kept: the last ones.
const LINES_MAX: usize = 100_000;

/// As much of a line as a reader takes in: who, to whom, what, and the key.
const LINE_BYTES: usize = 240;

/// See the module. Clones share their lines.
#[derive(Clone, Debug)]
pub struct Watch {
    span: Range<u64>,
    about: About,
    line_bytes: usize,
    is_all: bool,
    kept: Rc<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    now_us: Cell<u64>,
    lines: RefCell<VecDeque<String>>,
}

impl Watch {
    /// Keeps nothing but the time.
    pub fn nothing() -> Watch {
        Watch::over(0..0)
    }

    /// Keeps what happens in this span, in microseconds of the run.
    pub fn over(span: Range<u64>) -> Watch {
        let (about, kept) = (About::everything(), Rc::default());
        Watch { span, about, line_bytes: LINE_BYTES, is_all: false, kept }
    }

    /// Only what is about this, and troubles.
    pub fn about(self, about: About) -> Watch {
        Watch { about, ..self }
    }

    /// Heartbeats, beats, pings and syncs of disks too, of which there are very many.
    pub fn with_all(self, is_all: bool) -> Watch {
        Watch { is_all, ..self }
    }

    /// Lines of up to so many bytes.
    pub fn with_lines_of(self, line_bytes: usize) -> Watch {
        Watch { line_bytes, ..self }
    }

    /// Whether it keeps anything at all.
    pub fn is_nothing(&self) -> bool {
        self.span.is_empty()
    }

    /// How far the run has come, in microseconds of its time.
    pub fn now_us(&self) -> u64 {
        self.kept.now_us.get()
    }

    /// What was kept.
    pub fn lines(&self) -> Vec<String> {
        self.kept.lines.borrow().iter().cloned().collect()
    }

    /// The run has come so far.
    pub(super) fn comes_to(&self, now_us: u64) {
        self.kept.now_us.set(now_us);
    }

    /// Whether what happens now is kept.
    pub(super) fn is_on(&self) -> bool {
        self.span.contains(&self.now_us())
    }

    /// The same for what happens all the time.
    pub(super) fn is_on_for_all(&self) -> bool {
        self.is_all && self.is_on()
    }

    /// Keeps what happened now, if it is wanted.
    pub(super) fn keep(&self, what: &str) {
        if !self.about.is_meant(what) {
            return;
        }
        let mut lines = self.kept.lines.borrow_mut();
        lines.push_back(cut(format!("{} {what}", self.now_us()), self.line_bytes));
        if lines.len() > LINES_MAX {
            lines.pop_front();
        }
    }
}

/// A line without its end, and how much that was.
fn cut(mut line: String, bytes_max: usize) -> String {
    let mut end = bytes_max.min(line.len());
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let left_out = line.len() - end;
    if left_out > 0 {
        line.truncate(end);
        line.push_str(&format!("… (+{left_out} bytes)"));
    }
    line
}

/// Words of which a line has one if it is about something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About(Vec<String>);

impl About {
    /// Every line.
    pub fn everything() -> About {
        About(Vec::new())
    }

    /// What a node says and hears.
    pub fn node(n: usize) -> About {
        About(vec![format!("{n} ->"), format!("-> {n}"), format!("SYNC {n}")])
    }

    /// A key, the group that it is in, and the calls that name it.
    pub fn key(plan: &Plan, name: &[u8]) -> About {
        let group = plan.layout.group_of(Slot::of(name));
        let mut words = vec![name.escape_ascii().to_string(), format!("{group:?}")];
        if let Some(key) = plan.keys().find(|key| words::name(*key) == name) {
            words.extend([format!("{key:?}"), "FlushDb".into()]);
        }
        About(words)
    }

    fn is_meant(&self, line: &str) -> bool {
        let always = ["TROUBLE", "WRONG"].iter().any(|word| line.starts_with(word));
        always || self.0.is_empty() || self.0.iter().any(|word| has_word(line, word))
    }
}

/// Whether a line has the word, and not a longer one that it is a part of.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let joined = |inside, outside| is_part(inside) && is_part(outside);
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !joined(word.chars().next(), before.chars().next_back())
            && !joined(word.chars().next_back(), after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(watch: &Watch, lines: &[&str]) -> Vec<String> {
        lines.iter().for_each(|line| watch.keep(line));
        watch.lines()
    }

    #[test]
    fn a_long_line_is_cut_and_says_how_much_is_left_out() {
        let watch = Watch::over(0..10).with_lines_of(7);
        watch.comes_to(3);
        assert_eq!(kept(&watch, &["short", "longer é"]), ["3 short", "3 longe… (+4 bytes)"]);
        assert_eq!(cut("1 aaaé".into(), 6), "1 aaa… (+2 bytes)");
        let long = "x".repeat(1_500);
        assert!(kept(&Watch::over(0..10), &[&long])[0].len() < LINE_BYTES + 30);
    }

    #[test]
    fn lines_about_a_key_name_it_or_its_group_or_are_troubles() {
        let plan = Plan::new(1);
        let name = words::name(crate::checker::Key(1));
        let group = plan.layout.group_of(Slot::of(&name));
        let mine = format!("0 -> 1 Write {{ group: {group:?} }}");
        let watch = Watch::over(0..10).about(About::key(&plan, &name));
        let lines = [
            "0 -> 1 Request [b\"GET\", b\"{t0}k1\"]",
            "0 -> 1 Request [b\"GET\", b\"{t0}k10\"]",
            "0 -> 1 Write { group: GroupId(77) }",
            &mine,
            "TROUBLE Crash(2)",
            "client 1 #2 [0..1] On(k1, Get) -> Nil",
            "client 1 #2 [0..1] On(k11, Get) -> Nil",
        ];
        let kept = kept(&watch, &lines);
        let expected = [lines[0], lines[3], lines[4], lines[5]].map(|line| format!("0 {line}"));
        assert_eq!(kept, expected);
    }

    #[test]
    fn lines_about_a_node_are_what_it_says_and_hears() {
        let watch = Watch::over(0..10).about(About::node(1));
        let lines = ["1 -> 2 Ack", "2 -> 1 Ack", "2 -> 3 Ack", "11 -> 2 Ack", "SYNC 1", "SYNC 11"];
        assert_eq!(kept(&watch, &lines), ["0 1 -> 2 Ack", "0 2 -> 1 Ack", "0 SYNC 1"]);
    }
}
