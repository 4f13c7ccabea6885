//! Scripts, played: a cluster does what its lines say, and is what they say it is.

use super::cluster::Cluster;
use super::ending;
use super::failure::{Panicked, caught};
use super::host::Loss;
use super::letter::Letter;
use super::plan::Plan;
use super::script::{Condition, Host, Place, Script, Step, Trouble, Until};
use super::traps::Trap;
use super::watch::Watch;
use super::words::{self, Value};
use crate::world::network::Cut;
use bytes::Bytes;
use kinring::core::router::{Call, Outcome, RouterInput, What};
use kinring_common::placement::layout::GroupId;
use kinring_common::resp::Protocol;
use kinring_common::wire::request::Consistency;
use kinring_shard::core::node::Node;
use kinring_shard::store::memory::Memory;
use std::collections::{BTreeMap, BTreeSet};

/// Ways of the same script through other delays.
const SEEDS: u64 = 6;

/// Lines of a trace that are shown.
const LINES: usize = 150;

/// A script that was not as it should be.
type Wrong = String;

/// Plays a script, several times.
///
/// # Panics
/// When something is not as it says, with what happened before.
#[track_caller]
pub fn check(text: &str) {
    let script = Script::parse(text);
    for seed in 1..=SEEDS {
        let plays = |watch: &Watch| match caught(watch, || play(&script, seed, watch)) {
            Ok(done) => done,
            Err(Panicked { what, at_us }) => {
                Err(format!("at {} ms, a panic: {what}", at_us / 1_000))
            }
        };
        if let Err(wrong) = plays(&Watch::nothing()) {
            let watch = Watch::over(0..u64::MAX);
            // It goes as it went before.
            let _: Result<(), Wrong> = plays(&watch);
            let trace = watch.lines();
            let skip = trace.len().saturating_sub(LINES);
            panic!("seed {seed}, {wrong}; before that:\n{}", trace[skip..].join("\n"));
        }
    }
}

/// Plays it once.
fn play(script: &Script, seed: u64, watch: &Watch) -> Result<(), Wrong> {
    let mut plan = Plan::quiet(seed, script.owners, script.durability, script.round_us);
    plan.settings.sweep_us = script.sweep_us;
    let cluster = Cluster::new(&plan, watch.clone());
    let mut play = Play {
        cluster,
        sessions: BTreeMap::new(),
        asked: BTreeMap::new(),
        backups: BTreeMap::new(),
        counted: BTreeMap::new(),
    };
    for (number, line, step) in &script.steps {
        if watch.is_on() {
            watch.keep(&format!("LINE {number}: {line}"));
        }
        let done = play.step(step).and_then(|()| match &play.cluster.wrong {
            Some(wrong) => Err(wrong.to_string()),
            None => Ok(()),
        });
        if let Err(why) = done {
            let at_ms = play.cluster.now_us / 1_000;
            return Err(format!("at {at_ms} ms, line {number}: {line}: {why}"));
        }
    }
    Ok(())
}

/// The only group that there is.
const GROUP: GroupId = GroupId(0);

/// A client that counts is told each number within this time.
const COUNTED_US: u64 = 2_500_000;

struct Play<'p> {
    cluster: Cluster<'p>,
    sessions: BTreeMap<String, u64>,
    /// The token of a client's call.
    asked: BTreeMap<String, u64>,
    backups: BTreeMap<usize, Memory>,
    /// How far keys are counted.
    counted: BTreeMap<String, i64>,
}

impl Play<'_> {
    fn step(&mut self, step: &Step) -> Result<(), Wrong> {
        match step {
            Step::Call { client, is_available, commands } => {
                self.call(client, *is_available, commands);
            }
            Step::Told(client, wanted, within_us) => self.told(client, wanted, *within_us)?,
            Step::Counts(client, key, pause_us, until) => {
                self.counts(client, key, *pause_us, until)?;
            }
            Step::Settle => self.settle()?,
            Step::Rest => {
                self.cluster.traps.clear();
                self.cluster.heal();
                self.settle()?;
            }
            Step::Wait(time_us) => self.pass(*time_us, |_| false),
            Step::Until(so, within_us) => {
                self.pass(*within_us, |cluster| is_so(cluster, so));
                self.is(so)?;
            }
            Step::Throughout(time_us, so) => {
                self.pass(*time_us, |cluster| !is_so(cluster, so));
                self.is(so)?;
            }
            Step::Is(so) => self.is(so)?,
            Step::Trouble(host, trouble) => self.trouble(*host, *trouble)?,
            Step::Isolate(places) => {
                let sites = self.sites(places)?;
                self.cluster.network.set_cut(Some(Cut::Around(sites)));
            }
            Step::Mute(places) => {
                let sites = self.sites(places)?;
                self.cluster.network.set_cut(Some(Cut::Mute(sites)));
            }
            Step::Heal => self.cluster.network.heal(),
            Step::Trap(fate, is_once, kind, from, to) => {
                let from = self.site(from)?;
                let to = to.as_ref().map(|to| self.site(to)).transpose()?;
                let (fate, is_once, kind) = (*fate, *is_once, kind.clone());
                self.cluster.traps.set(Trap { kind, from, to, fate, is_once });
            }
            Step::Deliver => self.deliver()?,
            Step::Free => self.cluster.traps.clear(),
        }
        Ok(())
    }

    /// Time passes, until something is so.
    fn pass(&mut self, time_us: u64, ends: impl Fn(&Cluster<'_>) -> bool) {
        let until_us = self.cluster.now_us + time_us;
        self.cluster.go(until_us, |cluster| ends(cluster), false);
    }

    fn call(&mut self, client: &str, is_available: bool, commands: &[Vec<String>]) {
        let fresh = self.sessions.len() as u64;
        let session = *self.sessions.entry(client.to_owned()).or_insert(fresh);
        let (cluster, proxy) = (&mut self.cluster, proxy_of(client));
        let token = cluster.next_token;
        cluster.next_token += 1;
        cluster.told.insert(token, None);
        self.asked.insert(client.to_owned(), token);
        let is_flush = matches!(commands, [words] if words[0] == "FLUSHDB");
        for key in commands.iter().filter_map(|words| words.get(1)).filter(|_| !is_flush) {
            cluster.names.insert(Bytes::from(key.clone()));
        }
        let bytes = |words: &Vec<String>| words.iter().cloned().map(Bytes::from).collect();
        let what = match is_flush {
            true => What::Flush,
            false => What::Commands(commands.iter().map(bytes).collect()),
        };
        let consistency = if is_available { Consistency::Available } else { Consistency::Strong };
        let call = Call { db: 0, protocol: Protocol::Resp2, consistency, what };
        // A reply and the next call are not at the same time.
        cluster.now_us += 1;
        cluster.tell_router(proxy, RouterInput::Call { session, token, call });
    }

    fn told(&mut self, client: &str, wanted: &[String], within_us: u64) -> Result<(), Wrong> {
        let told = self.wait_for(client, within_us)?;
        let is_wanted = wanted.contains(&told);
        if is_wanted { Ok(()) } else { Err(format!("it was told {told}")) }
    }

    /// What a client's call comes to, in words.
    fn wait_for(&mut self, client: &str, within_us: u64) -> Result<String, Wrong> {
        let token = self.asked.remove(client).ok_or("it has asked for nothing")?;
        self.pass(within_us, |cluster| cluster.told[&token].is_some());
        match self.cluster.told.remove(&token).flatten() {
            None => Err(format!("it was told nothing within {} ms", within_us / 1_000)),
            Some(Outcome::Refused(_)) => Ok("refused".into()),
            Some(Outcome::Unknown) => Ok("unknown".into()),
            Some(Outcome::Reply(bytes)) => {
                let (mut at, mut said) = (0, Vec::new());
                while at < bytes.len() {
                    said.push(in_words(&words::value(&bytes, &mut at)));
                }
                Ok(said.join(" "))
            }
        }
    }

    fn counts(
        &mut self,
        client: &str,
        key: &str,
        pause_us: u64,
        until: &Until,
    ) -> Result<(), Wrong> {
        let end_us = self.cluster.now_us
            + match until {
                Until::Time(time_us) => *time_us,
                Until::So(_) => 20_000_000,
            };
        let is_over = |play: &Self| match until {
            Until::Time(_) => play.cluster.now_us >= end_us,
            Until::So(so) => is_so(&play.cluster, so),
        };
        while !is_over(self) {
            if self.cluster.now_us >= end_us {
                return Err("that is not so in time".into());
            }
            let next = self.counted.get(key).copied().unwrap_or(0) + 1;
            self.call(client, false, &[vec!["INCR".into(), key.into()]]);
            self.told(client, &[next.to_string()], COUNTED_US)
                .map_err(|why| format!("it counts {next}: {why}"))?;
            self.counted.insert(key.to_owned(), next);
            self.pass(pause_us, |_| false);
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Wrong> {
        let first = Condition::Home(Host::Owner(1), true);
        let ends = |cluster: &Cluster<'_>| is_so(cluster, &first) && cluster.is_at_rest();
        self.pass(60_000_000, ends);
        if ends(&self.cluster) {
            return Ok(());
        }
        let nodes = self.cluster.hosts.iter().filter_map(|host| host.node.as_ref());
        let nodes: Vec<String> = nodes.flat_map(Node::describe).collect();
        let differs = ending::diverged(&self.cluster.names, self.cluster.plan, &self.cluster.hosts);
        let differs = differs.map(|found| found.to_string()).unwrap_or_default();
        Err(format!("not at rest: {differs}\n{}", nodes.join("\n")))
    }

    fn is(&self, so: &Condition) -> Result<(), Wrong> {
        if is_so(&self.cluster, so) {
            return Ok(());
        }
        let homes: Vec<usize> = homes(&self.cluster).map(|n| n + 1).collect();
        let held: Vec<String> = match so {
            Condition::Holds(_, key, _) | Condition::Forgotten(key) => {
                let copies = copies(&self.cluster, key);
                copies.map(|(n, shown, _)| format!("owner {}: {shown:?}", n + 1)).collect()
            }
            _ => Vec::new(),
        };
        Err(format!("that is not so; home: {homes:?}; {}", held.join(", ")))
    }

    fn trouble(&mut self, host: Host, trouble: Trouble) -> Result<(), Wrong> {
        let n = self.host(host)?;
        let now_us = self.cluster.now_us;
        let cluster = &mut self.cluster;
        match trouble {
            Trouble::Pause(time_us) => cluster.hosts[n].paused_until_us = now_us + time_us,
            Trouble::Crash => cluster.crash(n, Loss::Crash),
            Trouble::Start => cluster.start(n, false),
            Trouble::Wipe => {
                cluster.crash(n, Loss::Wipe);
                cluster.start(n, false);
            }
            Trouble::Damage => {
                cluster.crash(n, Loss::Damage);
                cluster.start(n, true);
            }
            Trouble::Stall => cluster.hosts[n].is_stalled = true,
            Trouble::Backup => {
                self.backups.insert(n, cluster.hosts[n].backup());
            }
            Trouble::Restore => {
                cluster.crash(n, Loss::Crash);
                let backup = self.backups.get(&n).ok_or("there is no backup")?;
                cluster.hosts[n].restore(backup);
                cluster.start(n, false);
            }
            Trouble::Jump(ms) => {
                cluster.off_ms[n] += ms;
                cluster.hosts[n].clock.jump_wall(ms, now_us);
            }
        }
        Ok(())
    }

    /// What was kept arrives.
    fn deliver(&mut self) -> Result<(), Wrong> {
        let kept: Vec<(usize, usize, Letter)> = self.cluster.traps.release();
        if kept.is_empty() {
            return Err("nothing was kept".into());
        }
        let cluster = &mut self.cluster;
        for (from, to, letter) in kept {
            cluster.network.send(from, to, letter, cluster.now_us, &mut cluster.random);
        }
        Ok(())
    }

    fn host(&self, host: Host) -> Result<usize, Wrong> {
        match host {
            Host::Owner(n) => Ok(n - 1),
            Host::Home => homes(&self.cluster).next().ok_or_else(|| "there is no home".into()),
        }
    }

    fn sites(&self, places: &[Place]) -> Result<BTreeSet<usize>, Wrong> {
        places.iter().map(|place| self.site(place)).collect()
    }

    fn site(&self, place: &Place) -> Result<usize, Wrong> {
        match place {
            Place::Host(host) => self.host(*host),
            Place::Proxy(client) => Ok(self.cluster.plan.nodes + proxy_of(client)),
        }
    }
}

/// The first letter of a client's name says at which proxy it is.
fn proxy_of(client: &str) -> usize {
    usize::from(client.as_bytes()[0] - b'a')
}

/// Who thinks that it is the settled home.
fn homes<'c>(cluster: &'c Cluster<'_>) -> impl Iterator<Item = usize> + 'c {
    let is_home = |host: &super::host::Host| {
        let now = host.clock.now(cluster.now_us);
        host.node.as_ref().is_some_and(|node| node.is_settled_home(GROUP, now.mono_us))
    };
    (0..cluster.hosts.len()).filter(move |n| is_home(&cluster.hosts[*n]))
}

/// What owners show at a key, and whether they know that it ever was.
fn copies(cluster: &Cluster<'_>, key: &str) -> impl Iterator<Item = (usize, Option<Bytes>, bool)> {
    let copies = ending::copies(cluster.plan, &cluster.hosts, key.as_bytes());
    let wall_ms = |n: usize| cluster.hosts[n].clock.now(cluster.now_us).wall_ms;
    let shown = copies.into_iter().map(move |(n, copy)| {
        let shown = copy.record.text(wall_ms(n)).map(|text| text.value.to_bytes());
        (n, shown, copy.record != kinring_common::causal::Record::default())
    });
    shown.collect::<Vec<_>>().into_iter()
}

fn is_so(cluster: &Cluster<'_>, so: &Condition) -> bool {
    match so {
        Condition::NoHome => homes(cluster).next().is_none(),
        Condition::Home(Host::Home, is_home) => homes(cluster).next().is_some() == *is_home,
        Condition::Home(Host::Owner(n), is_home) => homes(cluster).any(|m| m == n - 1) == *is_home,
        Condition::Forgotten(key) => !copies(cluster, key).any(|(.., is_known)| is_known),
        Condition::Holds(host, key, value) => {
            let of: Option<usize> = match host {
                Some(Host::Owner(n)) => Some(n - 1),
                Some(Host::Home) => homes(cluster).next(),
                None => None,
            };
            let mut copies = copies(cluster, key).filter(|(n, ..)| of.is_none_or(|of| of == *n));
            copies.all(|(_, shown, _)| shown.as_deref() == value.as_deref().map(str::as_bytes))
        }
    }
}

/// A reply as scripts write it.
fn in_words(value: &Value) -> String {
    match value {
        Value::Ok => "OK".into(),
        Value::Nil => "nil".into(),
        Value::Int(n) => n.to_string(),
        Value::Bulk(text) => format!("\"{}\"", String::from_utf8_lossy(text)),
        Value::Error(line) => format!("-{}", String::from_utf8_lossy(line)),
        Value::Array(all) => {
            format!("[{}]", all.iter().map(in_words).collect::<Vec<_>>().join(" "))
        }
    }
}
