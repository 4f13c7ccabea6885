//! Stories about a cluster as text: what clients ask for and must be told, and what goes wrong when.
//!
//! All slots have the same owners, `owner 1` first; `home` is whoever is the settled home then. A client's
//! first letter says at which proxy it is: `a`, `a2` at the first, `b` at the second.
//!
//! | line | meaning |
//! |---|---|
//! | `owners 3, durability always, rounds every 2s, sweeps every 1s` | at the beginning: the cluster; floor rounds are never due if nothing is said of them |
//! | `a: SET k v -> OK within 2s` | a call, and what it must come to: `OK`, `nil`, `5`, `"v"`, `["v" nil]`, `refused`, `unknown`, one of several with <code>\|</code> between |
//! | `a: SET x 1 ; SET y 2` | a transaction; without an arrow nobody waits for it |
//! | `a -> OK` | what a call came to that nobody has waited for yet |
//! | `available a: GET k -> "v"` | a call with `consistency = available` |
//! | `a counts n for 2s` | INCR n again and again; each answers one more than the last |
//! | `a hurries n until owner 1 is home` | the same without a pause between calls, until then |
//! | `settle`, `rest` | until the first owner is home and nothing is to be done; the same after everything is healed |
//! | `wait 2s`, `until` *condition* `within 2s`, `throughout 2s` *condition* | time passes |
//! | *condition* | is so: `owner 1 is home`, `owner 1 is not home`, `nobody is home`, `owner 2 holds k v`, `all hold k nothing`, `all forget k` |
//! | `pause owner 1 for 3s`, `crash home`, `start owner 1`, `wipe owner 1`, `damage owner 1` | machines |
//! | `stall owner 1` | its disk writes nothing any more, until it starts again |
//! | `backup owner 1`, `restore owner 1` | its disk is copied, and the copy put back, with a crash and a start |
//! | `jump owner 1 ahead 120s` | somebody sets its wall clock |
//! | `isolate owner 1, a`, `mute owner 1`, `heal` | the network: nobody reaches these; nobody hears them; all is well |
//! | `hold every Write from owner 1 to owner 2` | messages: `hold`, `lose` or `copy`; the `next` or `every`; to one or, without `to`, to all; a proxy sends and gets some, too: `lose every Request from a` |
//! | `deliver`, `free` | what was kept arrives; nothing is kept any more |

use super::plan::Durability;
use super::traps::Fate;

/// A machine, by what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The settled home, at the time.
    Home,
    /// A place in the list of owners, from 1.
    Owner(usize),
}

/// A machine, or a proxy by one of its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A machine.
    Host(Host),
    /// The proxy of a client.
    Proxy(String),
}

/// What may be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A machine is the settled home, or is not.
    Home(Host, bool),
    /// There is none.
    NoHome,
    /// A machine, or all of them, show this at a key.
    Holds(Option<Host>, String, Option<String>),
    /// No owner has so much as a tombstone of a key.
    Forgotten(String),
}

/// What a machine meets with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It stands still for microseconds.
    Pause(u64),
    /// It loses power.
    Crash,
    /// It starts.
    Start,
    /// It starts with an empty disk.
    Wipe,
    /// It starts with holes in its log.
    Damage,
    /// Its disk writes nothing any more.
    Stall,
    /// Its disk is copied.
    Backup,
    /// It starts with the copy.
    Restore,
    /// Its wall clock is set, by milliseconds.
    Jump(i64),
}

/// How long something is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// For microseconds.
    Time(u64),
    /// Until it is so.
    So(Condition),
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A client asks for something.
    Call {
        /// Who.
        client: String,
        /// With `consistency = available`.
        is_available: bool,
        /// The words of each command.
        commands: Vec<Vec<String>>,
    },
    /// What its call comes to, and within how many microseconds.
    Told(String, Vec<String>, u64),
    /// A client counts at a key, with a pause of microseconds between two calls.
    Counts(String, String, u64, Until),
    /// Until the first owner is home and nothing is to be done.
    Settle,
    /// Everything heals, then the same.
    Rest,
    /// Time passes.
    Wait(u64),
    /// Until it is so, at most so long.
    Until(Condition, u64),
    /// It is so all the time.
    Throughout(u64, Condition),
    /// It is so.
    Is(Condition),
    /// Something happens to a machine.
    Trouble(Host, Trouble),
    /// These and the others do not reach each other.
    Isolate(Vec<Place>),
    /// Nobody hears these.
    Mute(Vec<Place>),
    /// The network works.
    Heal,
    /// Messages: what becomes of them, the next one alone, their kind, from whom, to whom.
    Trap(Fate, bool, String, Place, Option<Place>),
    /// What was kept arrives.
    Deliver,
    /// Nothing is kept any more.
    Free,
}

/// A script: its cluster, and its lines with their numbers.
#[derive(Clone, Debug)]
pub struct Script {
    /// Owners of each slot.
    pub owners: usize,
    /// What a crash does.
    pub durability: Durability,
    /// How often floors are settled, in microseconds.
    pub round_us: u64,
    /// How often expired keys are looked for, in microseconds.
    pub sweep_us: u64,
    /// Its lines: number, text, meaning. One with an arrow is two.
    pub steps: Vec<(usize, String, Step)>,
}

/// A call has come to something after so long, whatever is wrong.
const TOLD_US: u64 = 6_000_000;

/// Between two calls of a client that counts and does not hurry.
const PAUSE_US: u64 = 5_000;

/// So long one waits for something that must come.
const UNTIL_US: u64 = 20_000_000;

/// Later than any script ends.
const NEVER_US: u64 = 1_000_000_000_000;

impl Script {
    /// Reads one.
    ///
    /// # Panics
    /// When a line means nothing.
    pub fn parse(text: &str) -> Script {
        let (durability, round_us, sweep_us) = (Durability::Always, NEVER_US, 1_000_000);
        let mut script = Script { owners: 3, durability, round_us, sweep_us, steps: Vec::new() };
        for (at, line) in text.lines().enumerate() {
            let line = line.split(" #").next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with("owners ") {
                script.header(line);
                continue;
            }
            let read = steps(line);
            let steps = read.unwrap_or_else(|| panic!("line {} means nothing: {line}", at + 1));
            script.steps.extend(steps.into_iter().map(|step| (at + 1, line.to_owned(), step)));
        }
        script
    }

    fn header(&mut self, line: &str) {
        for part in line.split(", ") {
            match part.split(' ').collect::<Vec<_>>()[..] {
                ["owners", n] => self.owners = n.parse().expect("a number of owners"),
                ["durability", "off"] => self.durability = Durability::Off,
                ["durability", "everysec"] => self.durability = Durability::EverySecond,
                ["durability", "always"] => self.durability = Durability::Always,
                ["rounds", "every", time] => self.round_us = time_us(time).expect("a time"),
                ["sweeps", "every", time] => self.sweep_us = time_us(time).expect("a time"),
                _ => panic!("it says nothing of a cluster: {part}"),
            }
        }
    }
}

/// What a line means.
fn steps(line: &str) -> Option<Vec<Step>> {
    let (left, told) = match line.split_once(" -> ") {
        Some((left, right)) => (left, Some(right)),
        None => (line, None),
    };
    let call = left.split_once(": ").and_then(|(who, words)| call(who, words));
    let Some(told) = told else {
        return Some(vec![call.or_else(|| step(&line.split(' ').collect::<Vec<_>>()))?]);
    };
    let client = match &call {
        Some(Step::Call { client, .. }) => client.clone(),
        _ => left.to_owned(),
    };
    let (told, within_us) = match told.rsplit_once(" within ") {
        Some((told, time)) => (told, time_us(time)?),
        None => (told, TOLD_US),
    };
    let told = told.split(" | ").map(str::to_owned).collect();
    Some(call.into_iter().chain([Step::Told(client, told, within_us)]).collect())
}

fn call(who: &str, words: &str) -> Option<Step> {
    let (is_available, client) = match who.split_once(' ') {
        None => (false, who),
        Some(("available", client)) => (true, client),
        Some(_) => return None,
    };
    let words_of = |command: &str| command.split_whitespace().map(str::to_owned).collect();
    let commands = words.split(" ; ").map(words_of).collect();
    Some(Step::Call { client: client.to_owned(), is_available, commands })
}

fn step(words: &[&str]) -> Option<Step> {
    Some(match words {
        ["settle"] => Step::Settle,
        ["rest"] => Step::Rest,
        ["heal"] => Step::Heal,
        ["deliver"] => Step::Deliver,
        ["free"] => Step::Free,
        ["wait", time] => Step::Wait(time_us(time)?),
        ["until", so @ .., "within", time] => Step::Until(condition(so)?, time_us(time)?),
        ["until", so @ ..] => Step::Until(condition(so)?, UNTIL_US),
        ["throughout", time, so @ ..] => Step::Throughout(time_us(time)?, condition(so)?),
        [who, pace @ ("counts" | "hurries"), key, until @ ..] => {
            let until = match until {
                ["for", time] => Until::Time(time_us(time)?),
                ["until", so @ ..] => Until::So(condition(so)?),
                _ => return None,
            };
            let pause_us = if *pace == "counts" { PAUSE_US } else { 1 };
            Step::Counts((*who).to_owned(), (*key).to_owned(), pause_us, until)
        }
        ["isolate", these @ ..] => Step::Isolate(places(these)?),
        ["mute", these @ ..] => Step::Mute(places(these)?),
        ["pause", host @ .., "for", time] => {
            Step::Trouble(self::host(host)?, Trouble::Pause(time_us(time)?))
        }
        ["jump", host @ .., way, time] => {
            let ms = (time_us(time)? / 1_000).cast_signed();
            let ms = match *way {
                "ahead" => ms,
                "back" => -ms,
                _ => return None,
            };
            Step::Trouble(self::host(host)?, Trouble::Jump(ms))
        }
        ["crash", host @ ..] => Step::Trouble(self::host(host)?, Trouble::Crash),
        ["start", host @ ..] => Step::Trouble(self::host(host)?, Trouble::Start),
        ["wipe", host @ ..] => Step::Trouble(self::host(host)?, Trouble::Wipe),
        ["damage", host @ ..] => Step::Trouble(self::host(host)?, Trouble::Damage),
        ["stall", host @ ..] => Step::Trouble(self::host(host)?, Trouble::Stall),
        ["backup", host @ ..] => Step::Trouble(self::host(host)?, Trouble::Backup),
        ["restore", host @ ..] => Step::Trouble(self::host(host)?, Trouble::Restore),
        [fate @ ("hold" | "lose" | "copy"), rest @ ..] => return trap(fate, rest),
        so => Step::Is(condition(so)?),
    })
}

fn trap(fate: &str, words: &[&str]) -> Option<Step> {
    let fate = match fate {
        "hold" => Fate::Hold,
        "lose" => Fate::Lose,
        _ => Fate::Copy,
    };
    let [number, kind, "from", ends @ ..] = words else { return None };
    let to = ends.iter().position(|word| *word == "to");
    let from = place(&ends[..to.unwrap_or(ends.len())])?;
    let to = match to {
        Some(at) => Some(place(&ends[at + 1..])?),
        None => None,
    };
    let known = super::letter::KINDS.contains(kind) && matches!(*number, "next" | "every");
    known.then(|| Step::Trap(fate, *number == "next", (*kind).to_owned(), from, to))
}

fn condition(words: &[&str]) -> Option<Condition> {
    let shown = |value: &str| (value != "nothing").then(|| value.to_owned());
    Some(match words {
        ["nobody", "is", "home"] => Condition::NoHome,
        [host @ .., "is", "home"] => Condition::Home(self::host(host)?, true),
        [host @ .., "is", "not", "home"] => Condition::Home(self::host(host)?, false),
        ["all", "forget", key] => Condition::Forgotten((*key).to_owned()),
        ["all", "hold", key, value] => Condition::Holds(None, (*key).to_owned(), shown(value)),
        [host @ .., "holds", key, value] => {
            Condition::Holds(Some(self::host(host)?), (*key).to_owned(), shown(value))
        }
        _ => return None,
    })
}

fn places(words: &[&str]) -> Option<Vec<Place>> {
    let joined = words.join(" ");
    joined.split(", ").map(|text| place(&text.split(' ').collect::<Vec<_>>())).collect()
}

fn place(words: &[&str]) -> Option<Place> {
    match (host(words), words) {
        (Some(host), _) => Some(Place::Host(host)),
        (None, [proxy]) => Some(Place::Proxy((*proxy).to_owned())),
        (None, _) => None,
    }
}

fn host(words: &[&str]) -> Option<Host> {
    match words {
        ["home"] => Some(Host::Home),
        ["owner", n] => n.parse().ok().map(Host::Owner),
        _ => None,
    }
}

/// Microseconds of `3s` or `20ms`.
fn time_us(text: &str) -> Option<u64> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1_000),
        None => (text.strip_suffix('s')?, 1_000_000),
    };
    number.parse::<u64>().ok().map(|n| n * unit)
}
