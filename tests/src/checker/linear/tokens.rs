//! Which texts can be told apart, and who saw them: what makes a search short.
//!
//! A text that exactly one call writes is a *token*: once a state has lost it, no state has it
//! again, so nobody who saw it may still be waiting. A token that nobody saw and no other call names
//! is *unseen*: two calls that differ only in unseen tokens are interchangeable.

use crate::checker::history::{Call, Key, Operation, Reply, Text, Verb};
use crate::checker::model::{State, Value, integer};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// A token's number.
pub type Token = u32;

/// What stands for a text that nobody saw, where lengths do not show.
const UNSEEN: &[u8] = b"\0unseen";

#[derive(Default)]
struct Seen {
    named: u32,
    written: u32,
    replied: u32,
    /// It names a field somewhere: HGETALL shows it whoever wrote it.
    is_field: bool,
}

/// The texts of one history.
pub struct Tokens {
    seen: HashMap<Text, Seen>,
    numbers: HashMap<Text, Token>,
    /// For each token: when the first that saw it was over.
    seen_by: Vec<u64>,
    /// Strings are rows of texts of this length, because APPEND is among the calls; else 0.
    part_len: usize,
    /// What a token that is pushed or appended comes to stand on, itself included: a reply shows it.
    under: HashMap<Token, (Arc<Vec<Text>>, Range<usize>)>,
}

impl Tokens {
    /// Looks through the operations; a reply counts only where `known` says so.
    pub fn new(operations: &[Operation], known: impl Fn(&Operation) -> bool) -> Tokens {
        let replies = || operations.iter().filter(|op| known(op)).filter_map(Operation::reply);
        let mut seen: HashMap<Text, Seen> = HashMap::new();
        let part_len = part_len(operations);
        for op in operations {
            walk(&op.call, &mut |verb| {
                let (written, other) = texts(verb);
                for text in written.iter().chain(&other) {
                    seen.entry((*text).clone()).or_default().named += 1;
                }
                for text in written {
                    seen.entry(text.clone()).or_default().written += 1;
                }
                if let Verb::HSet(field, _) = verb {
                    seen.entry(field.clone()).or_default().is_field = true;
                }
            });
        }
        for reply in replies() {
            named_by(reply, part_len.unwrap_or(0), &mut |text| {
                seen.entry(text.clone()).or_default().replied += 1;
            });
        }
        if seen.keys().any(|text| text.contains(&0)) {
            // It might be taken for one that stands for others.
            seen.clear();
        }
        // INCR makes any number, and what APPEND made of numbers.
        seen.retain(|text, seen| part_len.is_some() && !seen.is_field && !is_numeric(text));
        let tokens = seen.iter().filter(|(_, seen)| seen.written == 1 && seen.replied > 0);
        let numbers: HashMap<_, _> =
            tokens.zip(0..).map(|((text, _), number)| (text.clone(), number)).collect();
        let part_len = part_len.unwrap_or(0);
        let seen_by = vec![u64::MAX; numbers.len()];
        let mut tokens = Tokens { seen, numbers, seen_by, part_len, under: HashMap::new() };
        for op in operations.iter().filter(|op| known(op)) {
            if let (Some(reply), Some(at)) = (op.reply(), op.finished_at()) {
                tokens.note_under(&op.call, reply);
                for token in tokens.of_reply(reply) {
                    let by = &mut tokens.seen_by[token as usize];
                    *by = at.min(*by);
                }
            }
        }
        tokens
    }

    /// Notes what each text of a row stands on: strings grow at their end, lists at their head.
    fn note_under(&mut self, call: &Call, reply: &Reply) {
        match (call, reply) {
            (Call::On(_, Verb::Get), Reply::Bulk(text)) => self.note_string(text),
            (Call::On(_, Verb::LRange), Reply::List(items)) => {
                let row = Arc::new(items.clone());
                for at in 0..row.len() {
                    self.stands_on(&row, at, at..row.len());
                }
            }
            (Call::MGet(_), Reply::Array(replies)) => {
                for reply in replies {
                    if let Reply::Bulk(text) = reply {
                        self.note_string(text);
                    }
                }
            }
            (Call::Exec(calls), Reply::Array(replies)) => {
                for (call, reply) in calls.iter().zip(replies) {
                    self.note_under(call, reply);
                }
            }
            _ => {}
        }
    }

    fn note_string(&mut self, text: &Text) {
        if self.part_len == 0 {
            return;
        }
        let row = Arc::new(parts(text, self.part_len));
        for at in 0..row.len() {
            self.stands_on(&row, at, 0..at + 1);
        }
    }

    fn stands_on(&mut self, row: &Arc<Vec<Text>>, at: usize, under: Range<usize>) {
        if let Some(token) = self.numbers.get(&row[at]) {
            self.under.entry(*token).or_insert_with(|| (row.clone(), under));
        }
    }

    /// The call puts a text on something else than what it is seen to stand on.
    pub fn misplaces(&self, call: &Call, before: &State, after: &State) -> bool {
        let Call::On(key, verb) = call else { return false };
        let (Verb::Set(text) | Verb::SetNx(text) | Verb::Append(text) | Verb::LPush(text)) = verb
        else {
            return false;
        };
        let Some((row, range)) = self.numbers.get(text).and_then(|token| self.under.get(token))
        else {
            return false;
        };
        let under = &row[range.clone()];
        match after.get(*key) {
            new if new == before.get(*key) => false,
            Some(Value::Text(whole)) => self.part_len > 0 && parts(whole, self.part_len) != under,
            Some(Value::List(items)) => !items.iter().rev().eq(under),
            _ => false,
        }
    }

    /// Blanks these tokens: nobody is still to come who saw them.
    pub fn forget(&self, state: &mut State, tokens: &[Token]) {
        let done = |text: &Text| self.numbers.get(text).is_some_and(|token| tokens.contains(token));
        let blank = || match self.part_len {
            0 => Text::from_static(UNSEEN),
            len => Text::from(vec![0; len]),
        };
        state.edit_texts(|text| {
            if self.part_len == 0 || text.len() <= self.part_len {
                return done(text).then(blank);
            }
            let mut parts = parts(text, self.part_len);
            parts.iter().any(done).then(|| {
                parts.iter_mut().filter(|part| done(part)).for_each(|part| *part = blank());
                Text::from(parts.concat())
            })
        });
    }

    /// Whether one call alone writes it, and somebody saw it.
    pub fn is_token(&self, text: &Text) -> bool {
        self.numbers.contains_key(text)
    }

    /// How many tokens somebody saw.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// When the first that saw a token was over.
    pub fn seen_by(&self, token: Token) -> u64 {
        self.seen_by[token as usize]
    }

    /// The tokens that a reply names, sorted.
    pub fn of_reply(&self, reply: &Reply) -> Vec<Token> {
        let mut found = Vec::new();
        named_by(reply, self.part_len, &mut |text| found.extend(self.numbers.get(text)));
        found.sort_unstable();
        found
    }

    /// The tokens that a call writes.
    pub fn of_call(&self, call: &Call) -> Vec<Token> {
        let mut found = Vec::new();
        walk(call, &mut |verb| {
            found.extend(texts(verb).0.iter().filter_map(|text| self.numbers.get(*text)));
        });
        found
    }

    /// The call with its unseen tokens blanked: equal for calls that are interchangeable.
    pub fn class(&self, call: &Call) -> Call {
        let mut class = call.clone();
        edit(&mut class, true, &|text| self.blank(text));
        edit_scores(&mut class);
        class
    }

    /// The call with unseen values and elements blanked: nobody can tell, and fewer states differ.
    /// Members and fields stay: a set knows how many it has.
    pub fn blanked(&self, call: &Call) -> Call {
        let mut blanked = call.clone();
        edit(&mut blanked, false, &|text| self.blank(text));
        blanked
    }

    fn blank(&self, text: &mut Text) {
        if self.is_unseen(text) {
            // As long as any other, where lengths show.
            *text = match self.part_len {
                0 => Text::from_static(UNSEEN),
                len => Text::from(vec![0; len]),
            };
        }
    }

    fn is_unseen(&self, text: &Text) -> bool {
        self.seen.get(text).is_some_and(|seen| seen.named == 1 && seen.replied == 0)
    }

    /// A step without a reply gains nothing: whatever fits after it fits without it too, and before
    /// it. It puts what nobody saw in the place of something, or beside it.
    pub fn is_vain(&self, call: &Call, before: &State, after: &State) -> bool {
        let alone = matches!(call, Call::On(..));
        let same = |(key, old): (Key, &Value)| {
            before.expiry(key) == after.expiry(key)
                && after.get(key).is_some_and(|new| self.is_shadow(old, new, alone))
        };
        before.values().count() == after.values().count() && before.values().all(same)
    }

    /// Whoever is content with the new value is so with the old one. What is done `alone` can be
    /// done later as well.
    fn is_shadow(&self, old: &Value, new: &Value, alone: bool) -> bool {
        let blank = |text: &Text| text.first() == Some(&0);
        match (old, new) {
            (Value::Text(a), Value::Text(b)) => {
                let as_long = self.part_len == 0 || a.len() == b.len();
                a == b
                    || (b.iter().all(|byte| *byte == 0) || &b[..] == UNSEEN)
                        && as_long
                        && integer(a).is_none()
            }
            (Value::Hash(a), Value::Hash(b)) => {
                let shadow = |(field, value): (&Text, &Text)| {
                    b.get(field).is_some_and(|new| new == value || blank(new))
                };
                a.len() == b.len() && a.iter().all(shadow)
            }
            (Value::Sorted(a), Value::Sorted(b)) => {
                a.iter().all(|(member, score)| b.get(member) == Some(score))
                    && b.keys().all(|member| a.contains_key(member) || self.is_unseen(member))
            }
            // It may be there to keep the set when the last of the others goes.
            (Value::Set(a), Value::Set(b)) => {
                let more = |member| a.binary_search(member).is_err();
                a == b
                    || alone
                        && a.len() > 1
                        && a.iter().all(|member| b.binary_search(member).is_ok())
                        && b.iter().all(|member| !more(member) || self.is_unseen(member))
            }
            (Value::List(a), Value::List(b)) => a == b,
            _ => false,
        }
    }

    /// What the first state holds and the second does not.
    pub fn lost(&self, before: &State, after: &State, mut each: impl FnMut(Token)) {
        if self.numbers.is_empty() {
            return;
        }
        let mut check = |text: &Text, kept: bool| {
            if let Some(token) = self.numbers.get(text).filter(|_| !kept) {
                each(*token);
            }
        };
        for (key, old) in before.values() {
            let new = after.get(key);
            match (old, new) {
                (Value::Text(a), Some(Value::Text(b))) if self.part_len == 0 => check(a, a == b),
                (Value::Text(a), Some(Value::Text(b))) if b.starts_with(a) => {}
                (Value::Text(a), _) if self.part_len == 0 => check(a, false),
                (Value::Text(a), _) => parts(a, self.part_len).iter().for_each(|p| check(p, false)),
                (Value::Set(a), Some(Value::Set(b))) if Arc::ptr_eq(a, b) => {}
                (Value::Set(a), Some(Value::Set(b))) => {
                    a.iter().for_each(|m| check(m, b.binary_search(m).is_ok()));
                }
                (Value::Set(a), _) => a.iter().for_each(|m| check(m, false)),
                (Value::Hash(a), Some(Value::Hash(b))) if Arc::ptr_eq(a, b) => {}
                (Value::Hash(a), Some(Value::Hash(b))) => {
                    a.iter().for_each(|(field, value)| check(value, b.get(field) == Some(value)));
                }
                (Value::Hash(a), _) => a.values().for_each(|value| check(value, false)),
                // Members never leave a sorted set alone.
                (Value::Sorted(_), Some(Value::Sorted(_))) => {}
                (Value::Sorted(a), _) => a.keys().for_each(|member| check(member, false)),
                (Value::List(a), Some(Value::List(b))) if Arc::ptr_eq(a, b) => {}
                (Value::List(a), Some(Value::List(b))) => {
                    a.iter().for_each(|item| check(item, b.contains(item)));
                }
                (Value::List(a), _) => a.iter().for_each(|item| check(item, false)),
            }
        }
    }
}

/// The texts that a verb writes to be read back by themselves, and those that it only names.
fn texts(verb: &Verb) -> (Vec<&Text>, Vec<&Text>) {
    use Verb::{Append, HDel, HGet, HSet, LPush, SAdd, SRem, Set, SetNx, ZAdd};
    match verb {
        Set(text) | SetNx(text) | Append(text) | SAdd(text) | ZAdd(text, _) | LPush(text) => {
            (vec![text], Vec::new())
        }
        HSet(field, value) => (vec![value], vec![field]),
        HDel(text) | HGet(text) | SRem(text) => (Vec::new(), vec![text]),
        _ => Default::default(),
    }
}

fn walk(call: &Call, each: &mut impl FnMut(&Verb)) {
    match call {
        Call::On(_, verb) => each(verb),
        Call::MSet(pairs) => pairs.iter().for_each(|(_, text)| each(&Verb::Set(text.clone()))),
        Call::Exec(calls) => {
            for call in calls {
                walk(call, each);
            }
        }
        Call::MGet(_) | Call::FlushDb => {}
    }
}

/// Calls back for the texts that a call writes; for members and fields only if `names`.
fn edit(call: &mut Call, names: bool, each: &impl Fn(&mut Text)) {
    use Verb::{Append, HSet, LPush, SAdd, Set, SetNx, ZAdd};
    match call {
        Call::On(_, Set(text) | SetNx(text) | Append(text) | LPush(text)) => each(text),
        Call::On(_, SAdd(text) | ZAdd(text, _)) if names => each(text),
        Call::On(_, HSet(field, value)) => {
            if names {
                each(field);
            }
            each(value);
        }
        Call::MSet(pairs) => pairs.iter_mut().for_each(|(_, text)| each(text)),
        Call::Exec(calls) => calls.iter_mut().for_each(|call| edit(call, names, each)),
        _ => {}
    }
}

/// Scores are seen with their members only.
fn edit_scores(call: &mut Call) {
    match call {
        Call::On(_, Verb::ZAdd(member, score)) if member.first() == Some(&0) => *score = 0,
        Call::Exec(calls) => calls.iter_mut().for_each(edit_scores),
        _ => {}
    }
}

/// How long the texts are that strings are made of: 0 when strings are never added to, none when
/// they cannot be told apart in what APPEND made.
fn part_len(operations: &[Operation]) -> Option<usize> {
    let mut lens = BTreeSet::new();
    let mut joined = false;
    for op in operations {
        walk(&op.call, &mut |verb| {
            joined |= matches!(verb, Verb::Append(_));
            lens.extend(texts(verb).0.iter().map(|text| text.len()));
        });
    }
    match lens.first() {
        _ if !joined => Some(0),
        Some(len) if lens.len() == 1 && *len > 0 => Some(*len),
        _ => None,
    }
}

/// The texts that a string is made of. INCR leaves a number, of any length, at its beginning.
fn parts(whole: &Text, len: usize) -> Vec<Text> {
    let first = whole.len() % len;
    let rest = (first..whole.len()).step_by(len).map(|at| whole.slice(at..at + len));
    let number = (first > 0).then(|| whole.slice(..first));
    number.into_iter().chain(rest).collect()
}

/// It may be a part of a number.
fn is_numeric(text: &Text) -> bool {
    text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
}

/// Calls back for the texts in a reply; strings are rows of parts of this length, if it is not 0.
fn named_by(reply: &Reply, part_len: usize, each: &mut impl FnMut(&Text)) {
    match reply {
        Reply::Bulk(text) if part_len > 0 => parts(text, part_len).iter().for_each(each),
        Reply::Bulk(text) => each(text),
        Reply::List(texts) => texts.iter().for_each(each),
        Reply::Array(replies) => {
            for reply in replies {
                named_by(reply, part_len, each);
            }
        }
        _ => {}
    }
}
