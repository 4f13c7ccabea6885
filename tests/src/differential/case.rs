//! Tables of cases: text files of requests that both servers get.
//!
//! ```text
//! # A remark.
//! case a title: new connections, no keys
//!   SET k "a b\r\n" EX 100        words; quoted ones with \r \n \t \" \\ \xNN
//!   APPEND k "x"*5000             a word so many times over
//!   2> GET k                      on a second connection, made when first named
//!   raw "PING\r\n"                bytes as they are, for one reply
//!   wait 20                       milliseconds, past a deadline that the case has set
//!   TTL k ~ near 2                how to compare, when not byte by byte
//! ```
//!
//! After `~`: `unordered`, `pairs`, `near N`, `shape`, `kind`, `nullness` (see [`Compare`]); `walk`
//! (a cursor follows its key or its name: step it to the end and compare everything found); `scores`
//! (a Redis before 7.2 may spell the same doubles otherwise); `silent` (no reply is read); `since 7.2 REASON` (an older Redis may differ); `differs REASON` (Kinring is
//! known to differ, and does: when it no longer does, the line is out of date and fails).

use super::reply::{Compare, Reply};
use super::twins::{Pair, Twins};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// A file of cases.
#[derive(Debug)]
pub struct Table {
    /// The file's name.
    pub name: String,
    /// Its cases.
    pub cases: Vec<Case>,
}

/// Requests that run one after the other.
#[derive(Debug)]
pub struct Case {
    /// What it is about.
    pub title: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    number: usize,
    connection: usize,
    step: Step,
    read: Read,
    allowance: Allowance,
}

#[derive(Debug)]
enum Step {
    Ask(Vec<Vec<u8>>),
    Raw(Vec<u8>),
    Wait(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Read {
    One(Compare),
    Scores,
    Walk,
    Nothing,
}

#[derive(Debug, PartialEq)]
enum Allowance {
    None,
    /// Redis before this version may differ.
    Since((u32, u32)),
    Differs,
}

/// What running cases came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Replies that were compared.
    pub compared: usize,
    /// Known differences that were met: place and reason.
    pub known: Vec<String>,
    /// What is wrong, ready to print.
    pub failures: Vec<String>,
}

/// A case waits no longer than this for a deadline to pass.
const WAIT_MS_MAX: u64 = 1500;

impl Table {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The line that cannot be read.
    pub fn parse(name: &str, text: &str) -> Result<Table, String> {
        let mut cases: Vec<Case> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(title) = line.strip_prefix("case ") {
                cases.push(Case { title: title.to_owned(), lines: Vec::new() });
                continue;
            }
            let parsed =
                Line::parse(at + 1, line).map_err(|why| format!("{name}:{}: {why}", at + 1));
            let case = cases.last_mut().ok_or(format!("{name}:{}: no case before it", at + 1))?;
            case.lines.push(parsed?);
        }
        Ok(Table { name: name.to_owned(), cases })
    }

    /// Every request that the cases make.
    pub fn requests(&self) -> impl Iterator<Item = &[Vec<u8>]> {
        let lines = self.cases.iter().flat_map(|case| &case.lines);
        lines.filter_map(|line| match &line.step {
            Step::Ask(words) => Some(&words[..]),
            _ => None,
        })
    }

    /// Runs all cases in a protocol.
    ///
    /// # Errors
    /// Those of connecting.
    pub fn run(&self, twins: &Twins, protocol: &str, outcome: &mut Outcome) -> io::Result<()> {
        let version = twins.redis_version()?;
        for case in &self.cases {
            twins.clear()?;
            let mut connections = BTreeMap::new();
            for line in &case.lines {
                let place =
                    format!("{}:{} RESP{protocol} ({})", self.name, line.number, case.title);
                if let std::collections::btree_map::Entry::Vacant(entry) =
                    connections.entry(line.connection)
                {
                    let pair = entry.insert(twins.connect()?);
                    if protocol != "2" {
                        pair.ask(&["HELLO", protocol])?;
                    }
                }
                let Some(pair) = connections.get_mut(&line.connection) else { continue };
                match line.run(pair, version) {
                    Ok(None) => {}
                    Ok(Some(seen)) => line.judge(&place, version, seen, outcome),
                    Err(error) => {
                        outcome.failures.push(format!("{place}\n  {}\n  {error}", line.shown()));
                        // Replies no longer fit their requests.
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether two replies count as the same, and what they were.
struct Seen {
    same: bool,
    ours: String,
    theirs: String,
}

impl Line {
    fn run(&self, pair: &mut Pair, version: (u32, u32)) -> io::Result<Option<Seen>> {
        match &self.step {
            Step::Wait(time) => {
                std::thread::sleep(*time);
                return Ok(None);
            }
            Step::Raw(bytes) => {
                pair.kinring.push_raw(bytes);
                pair.redis.push_raw(bytes);
            }
            Step::Ask(words) if self.read == Read::Walk => {
                let ours = walk(&mut pair.kinring, words)?;
                let theirs = walk(&mut pair.redis, words)?;
                let same = ours == theirs;
                return Ok(Some(Seen { same, ours: ours.join(" "), theirs: theirs.join(" ") }));
            }
            Step::Ask(words) => pair.push(words),
        }
        pair.flush();
        let compare = match self.read {
            Read::One(compare) => compare,
            Read::Scores => Compare::scores(version),
            Read::Walk | Read::Nothing => return Ok(None),
        };
        let (ours, theirs) = pair.replies()?;
        let same = compare.same(&ours, &theirs);
        Ok(Some(Seen { same, ours: ours.to_string(), theirs: theirs.to_string() }))
    }

    fn judge(&self, place: &str, version: (u32, u32), seen: Seen, outcome: &mut Outcome) {
        outcome.compared += 1;
        let Seen { same, ours, theirs } = seen;
        let shown = self.shown();
        match self.allowance {
            Allowance::Differs if same => outcome
                .failures
                .push(format!("{place}\n  {shown}\n  is said to differ, but both reply {ours}")),
            Allowance::Differs => outcome.known.push(format!("{place} {shown}")),
            Allowance::Since(first) if version < first => {
                if !same {
                    outcome.known.push(format!("{place} {shown}"));
                }
            }
            _ if same => {}
            _ => outcome
                .failures
                .push(format!("{place}\n  {shown}\n  kinring: {ours}\n  redis:   {theirs}")),
        }
    }

    fn shown(&self) -> String {
        let quoted = |word: &Vec<u8>| format!("\"{}\"", super::reply::Quoted(word));
        match &self.step {
            Step::Ask(words) => words.iter().map(quoted).collect::<Vec<_>>().join(" "),
            Step::Raw(bytes) => format!("raw {}", quoted(bytes)),
            Step::Wait(time) => format!("wait {time:?}"),
        }
    }

    fn parse(number: usize, text: &str) -> Result<Line, String> {
        let mut words = words(text)?;
        let mut line = Line {
            number,
            connection: 1,
            step: Step::Wait(Duration::ZERO),
            read: Read::One(Compare::Exact),
            allowance: Allowance::None,
        };
        if let Some(tilde) = words.iter().position(|word| *word == Word::bare("~")) {
            let rules: Vec<String> =
                words.split_off(tilde).drain(1..).map(|word| word.to_text()).collect();
            line.rule(&rules.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        if let Some(number) = words.first().and_then(Word::connection) {
            line.connection = number;
            words.remove(0);
        }
        line.step = match &words[..] {
            [name, time] if *name == Word::bare("wait") => {
                let ms = time.to_text().parse().ok().filter(|ms| *ms <= WAIT_MS_MAX);
                Step::Wait(Duration::from_millis(ms.ok_or("no time to wait")?))
            }
            [name, bytes] if *name == Word::bare("raw") => Step::Raw(bytes.bytes.clone()),
            [] => return Err("no words".into()),
            _ => Step::Ask(words.into_iter().map(|word| word.bytes).collect()),
        };
        Ok(line)
    }

    fn rule(&mut self, words: &[&str]) -> Result<(), String> {
        let (read, rest) = match words {
            ["unordered", rest @ ..] => (Read::One(Compare::Unordered), rest),
            ["pairs", rest @ ..] => (Read::One(Compare::Pairs), rest),
            ["shape", rest @ ..] => (Read::One(Compare::Shape), rest),
            ["kind", rest @ ..] => (Read::One(Compare::Kind), rest),
            ["nullness", rest @ ..] => (Read::One(Compare::Nullness), rest),
            ["scores", rest @ ..] => (Read::Scores, rest),
            ["walk", rest @ ..] => (Read::Walk, rest),
            ["silent", rest @ ..] => (Read::Nothing, rest),
            ["near", distance, rest @ ..] => {
                let distance = distance.parse().map_err(|_| "near what?")?;
                (Read::One(Compare::Near(distance)), rest)
            }
            rest => (self.read, rest),
        };
        self.read = read;
        self.allowance = match rest {
            [] => Allowance::None,
            ["since", version, _, ..] => Allowance::Since(
                version
                    .split_once('.')
                    .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
                    .ok_or("no version")?,
            ),
            ["differs", _, ..] => Allowance::Differs,
            _ => return Err(format!("no rule, or no reason: {rest:?}")),
        };
        Ok(())
    }
}

/// Steps a cursor to its end; everything found, sorted.
fn walk(wire: &mut super::wire::Wire, words: &[Vec<u8>]) -> io::Result<Vec<String>> {
    const STEPS_MAX: usize = 100_000;
    let mut words = words.to_vec();
    let at = if words[0].eq_ignore_ascii_case(b"SCAN") { 1 } else { 2 };
    let mut found = Vec::new();
    for _ in 0..STEPS_MAX {
        let reply = wire.ask(&words)?;
        let [cursor, page] = &reply.children[..] else {
            return Ok(vec![reply.to_string()]);
        };
        found.extend(page.children.iter().map(Reply::to_string));
        words[at] = cursor.payload.clone().unwrap_or_default();
        if words[at] == b"0" {
            found.sort();
            // A cursor may return a key twice.
            found.dedup();
            return Ok(found);
        }
    }
    Err(io::Error::other("the walk does not end"))
}

#[derive(Clone, Debug, PartialEq)]
struct Word {
    bytes: Vec<u8>,
    quoted: bool,
}

impl Word {
    fn bare(text: &str) -> Word {
        Word { bytes: text.into(), quoted: false }
    }

    fn to_text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// `2>` names a connection.
    fn connection(&self) -> Option<usize> {
        let text = std::str::from_utf8(&self.bytes).ok().filter(|_| !self.quoted)?;
        text.strip_suffix('>')?.parse().ok()
    }
}

/// The words of a line.
fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (mut bytes, after) = unquote(quoted)?;
            let end = after.find(char::is_whitespace).unwrap_or(after.len());
            let (times, after) = after.split_at(end);
            if let Some(times) = times.strip_prefix('*') {
                bytes = bytes.repeat(times.parse().map_err(|_| "no number after *")?);
            } else if !times.is_empty() {
                return Err(format!("what is {times:?} behind a quote?"));
            }
            words.push(Word { bytes, quoted: true });
            rest = after.trim_start();
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            words.push(Word::bare(&rest[..end]));
            rest = rest[end..].trim_start();
        }
    }
    Ok(words)
}

/// The bytes up to the closing quote, and what is behind it.
fn unquote(text: &str) -> Result<(Vec<u8>, &str), String> {
    let mut bytes = Vec::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok((bytes, &text[at + 1..])),
            '\\' => match chars.next().map(|(_, char)| char) {
                Some('r') => bytes.push(b'\r'),
                Some('n') => bytes.push(b'\n'),
                Some('t') => bytes.push(b'\t'),
                Some('x') => {
                    let digits = text.get(at + 2..at + 4).ok_or("\\x wants two digits")?;
                    let byte = u8::from_str_radix(digits, 16).map_err(|_| "no digits after \\x")?;
                    bytes.push(byte);
                    chars.nth(1);
                }
                Some(char @ ('"' | '\\')) => bytes.push(char as u8),
                _ => return Err("no such escape".into()),
            },
            char => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err("a quote is not closed".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::parse(1, text).unwrap()
    }

    #[test]
    fn words_are_read_as_they_are_quoted() {
        let Step::Ask(words) = line(r#"SET "a b" "\x00\r\"" "xy"*3 ~ near 2 since 7.2 new"#).step
        else {
            panic!("these are words")
        };
        assert_eq!(words, [&b"SET"[..], b"a b", b"\0\r\"", b"xyxyxy"]);
    }

    #[test]
    fn rules_are_read() {
        let read = line("2> TTL k ~ near 2 since 7.2 because");
        assert_eq!((read.connection, read.read), (2, Read::One(Compare::Near(2))));
        assert_eq!(read.allowance, Allowance::Since((7, 2)));
        assert_eq!(line("GET k ~ differs why").allowance, Allowance::Differs);
        assert_eq!(line("SCAN 0 ~ walk").read, Read::Walk);
        assert_eq!(line("ZRANGE k 0 1 ~ scores").read, Read::Scores);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["GET k ~ differs", "GET k ~ maybe", "GET \"k", "wait 100000", "GET \"\\q\""] {
            assert!(Line::parse(1, text).is_err(), "{text}");
        }
    }
}
