//! Trouble that comes, and heals.

use super::clients::Client;
use super::cluster::Cluster;
use super::host::Loss;
use super::plan::Durability;
use super::siege::{self, Siege};
use super::trouble::{self, Health, Trouble};
use crate::world::network::Quality;
use kinring_shard::core::node::{Node, Tally};

/// A clock that has gone so far wrong at its rate has strayed: a lease allows for less.
const STRAYED_US: u64 = 10_000;

/// What wall clocks show at the beginning.
pub(super) const START_MS: u64 = 1_700_000_000_000;

impl Cluster<'_> {
    pub(super) fn health(&self) -> Health {
        let down = (0..self.hosts.len()).filter(|n| self.hosts[*n].node.is_none()).collect();
        Health {
            down,
            is_whole: self.hosts.iter().all(|host| host.node.as_ref().is_some_and(Node::is_whole)),
            is_cut: self.is_cut,
            off_ms: self.off_ms.clone(),
        }
    }

    /// What goes wrong now, and when the next thing does.
    pub(super) fn next_trouble(&mut self) -> Trouble {
        let (plan, now_us, health) = (self.plan, self.now_us, self.health());
        self.siege = self.siege.take().filter(|siege| now_us < siege.until_us);
        if self.siege.is_none() && self.random.chance(siege::PERCENT) {
            self.siege = Some(Siege::lay(plan, now_us, &mut self.random));
            self.bit("siege", 1);
        }
        if let Some(siege) = &self.siege {
            self.trouble_us = now_us + siege.pause_us(&mut self.random);
            let is_home = |n: &usize| {
                let host = &self.hosts[*n];
                let mono_us = host.clock.now(now_us).mono_us;
                host.node.as_ref().is_some_and(|node| node.is_settled_home(siege.group, mono_us))
            };
            let home = (0..plan.nodes).find(is_home);
            return siege.next(plan, &health, home, &mut self.random);
        }
        let pause_us = self.random.below(2 * plan.trouble_us as usize) as u64;
        self.trouble_us = now_us + 100_000 + pause_us;
        trouble::next(plan, &health, &mut self.random)
    }

    pub(super) fn make_trouble(&mut self) {
        let now_us = self.now_us;
        let trouble = self.next_trouble();
        if self.watch.is_on() {
            self.watch.keep(&format!("TROUBLE {trouble:?}"));
        }
        match trouble {
            Trouble::Cut(cut) => {
                self.is_cut = true;
                self.network.set_cut(Some(cut));
            }
            Trouble::Bad(quality) => {
                self.is_cut = true;
                self.network.set_quality(quality);
            }
            Trouble::Clog(links, clog) => {
                self.is_cut = true;
                links.into_iter().for_each(|(from, to)| self.network.clog(from, to, clog));
            }
            Trouble::Heal => {
                self.bit("heal", u64::from(self.is_cut));
                self.is_cut = false;
                self.network.heal();
                self.network.set_quality(self.plan.quality);
            }
            Trouble::Crash(n) => self.crash(n, Loss::Crash),
            Trouble::Wipe(n) => {
                self.crash(n, Loss::Wipe);
                self.start(n, false);
            }
            Trouble::Damage(n) => {
                self.crash(n, Loss::Damage);
                self.start(n, true);
            }
            Trouble::Start(n) => self.start(n, false),
            Trouble::Pause(n, for_us) => self.hosts[n].pause(for_us, now_us),
            Trouble::PauseProxy(n, for_us) => self.proxies[n].pause(for_us, now_us),
            Trouble::RateOfProxy(n, ppm) => {
                let has_strayed = self.proxies[n].clock.strayed_us(now_us) > STRAYED_US;
                self.bit("clock of a proxy strayed", u64::from(has_strayed));
                self.proxies[n].clock.set_rate(ppm, now_us);
            }
            Trouble::Suspend(n, for_us) => self.suspend(n, for_us),
            Trouble::Jump(n, by_ms) => {
                self.off_ms[n] += by_ms;
                self.hosts[n].clock.jump_wall(by_ms, now_us);
            }
            Trouble::Rate(n, ppm) => {
                let has_strayed = self.hosts[n].clock.strayed_us(now_us) > STRAYED_US;
                self.bit("clock strayed", u64::from(has_strayed));
                self.hosts[n].clock.set_rate(ppm, now_us);
            }
            Trouble::Proxy(n) => self.restart_proxy(n),
        }
    }

    /// What a node did against trouble counts as something that bit. It is gone, or the run is over.
    pub(super) fn count_node(&mut self, n: usize) {
        let Some(node) = &self.hosts[n].node else { return };
        let &Tally { takeovers, rounds, expired, hints, read_repairs, overflows } = node.tally();
        let tally = [
            ("takeovers", takeovers),
            ("rounds of floors", rounds),
            ("expire events", expired),
            ("hints delivered", hints),
            ("read repairs", read_repairs),
            ("exchanges paced", node.paced()),
            ("a bound of a node was reached", overflows),
        ];
        let pulls = node.pulls().iter().map(|(class, count)| (*class, *count));
        for (class, count) in tally.into_iter().chain(pulls) {
            *self.troubles.entry(class).or_default() += count;
        }
    }

    /// The same of a proxy.
    pub(super) fn count_proxy(&mut self, n: usize) {
        self.bit("hedges", self.proxies[n].hedges());
    }

    /// Trouble had an effect, so many times.
    pub(super) fn bit(&mut self, class: &'static str, times: u64) {
        *self.troubles.entry(class).or_default() += times;
    }

    /// It sleeps. Its wall clock stands still, if all others are right; the monotonic one goes on.
    fn suspend(&mut self, n: usize, for_us: u64) {
        if self.hosts[n].suspend(for_us, self.now_us) && self.off_ms.iter().all(|ms| *ms == 0) {
            let slept_ms = (for_us / 1_000).cast_signed();
            self.off_ms[n] -= slept_ms;
            self.hosts[n].clock.jump_wall(-slept_ms, self.now_us);
        }
    }

    pub(super) fn crash(&mut self, n: usize, loss: Loss) {
        self.count_node(n);
        self.bit("crash", u64::from(self.hosts[n].node.is_some()));
        let has_lost = self.hosts[n].crash(loss, &mut self.random) > 0;
        match (loss, self.plan.durability) {
            (Loss::Crash, Durability::Off) => self.bit("memory lost", 1),
            (Loss::Crash, _) => self.bit("tail lost", u64::from(has_lost)),
            (Loss::Wipe, _) => self.bit("wipe", u64::from(has_lost)),
            (Loss::Damage, _) => self.bit("damage", u64::from(has_lost)),
        }
        self.inboxes[n].clear();
    }

    pub(super) fn start(&mut self, n: usize, is_damaged: bool) {
        if self.hosts[n].node.is_none() {
            self.hosts[n].start(self.plan, is_damaged, self.now_us, &mut self.random);
        }
    }

    pub(super) fn restart_proxy(&mut self, n: usize) {
        self.count_proxy(n);
        let router = self.new_proxy();
        self.proxies[n].restart(router);
        for at in 0..self.clients.len() {
            if self.clients[at].proxy != n {
                continue;
            }
            let broken = self.clients[at].breaks(Some(self.now_us));
            self.bit("calls broken with their proxy", broken.len() as u64);
            self.operations.extend(broken);
            let id = self.next_client;
            self.next_client += 1;
            let next_us = self.now_us + 1 + self.random.below(300_000) as u64;
            self.clients[at] = Client::new(id, n, next_us);
            self.tokens.retain(|_, client| *client != at);
        }
    }

    pub(super) fn put_clocks_right(&mut self) {
        for (host, off_ms) in self.hosts.iter_mut().zip(&mut self.off_ms) {
            if host.has_woken(self.now_us) {
                *off_ms = 0;
            }
            let right_ms = (START_MS + self.now_us / 1_000).cast_signed() + *off_ms;
            let wrong_ms = self.random.below(100) as i64;
            let shows_ms = host.clock.now(self.now_us).wall_ms.cast_signed();
            host.clock.jump_wall(right_ms + wrong_ms - shows_ms, self.now_us);
        }
    }

    /// Nothing is wrong any more; what is asked for is answered, and nothing more is.
    pub(super) fn heal(&mut self) {
        self.network.heal();
        self.network.set_quality(Quality::GOOD);
        let now_us = self.now_us;
        self.proxies.iter_mut().for_each(|proxy| proxy.wake(now_us));
        for n in 0..self.hosts.len() {
            self.hosts[n].wake(self.now_us);
            self.hosts[n].clock.jump_wall(-self.off_ms[n], self.now_us);
            self.off_ms[n] = 0;
            self.start(n, false);
        }
    }
}
