//! A network of the simulator: it delays, loses, repeats and reorders what is sent, and its links are
//! cut and clogged, all from a seed.
//!
//! Every fault that bit is counted: a fault that no run ever met proves nothing.

use kinring_common::random::Random;
use std::collections::{BTreeMap, BTreeSet};

/// A place on the network, by number.
pub type Site = usize;

/// How well a network works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// The shortest way, in microseconds.
    pub delay_min_us: u64,
    /// The usual longest.
    pub delay_max_us: u64,
    /// Of a thousand messages, so many take up to a hundred times as long.
    pub late_per_mille: usize,
    /// So many are lost.
    pub lost_per_mille: usize,
    /// So many come twice.
    pub repeated_per_mille: usize,
}

impl Quality {
    /// A local network without faults.
    pub const GOOD: Quality = Quality {
        delay_min_us: 50,
        delay_max_us: 400,
        late_per_mille: 0,
        lost_per_mille: 0,
        repeated_per_mille: 0,
    };
}

/// Who cannot reach whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nobody of these reaches the others, nor the other way.
    Around(BTreeSet<Site>),
    /// What these send to the others is lost; they hear them.
    Mute(BTreeSet<Site>),
    /// Two halves that only one site reaches, and that both reach.
    Bridge {
        /// One half.
        left: BTreeSet<Site>,
        /// Who is on both sides.
        bridge: Site,
    },
    /// Each reaches its two neighbours alone.
    Ring,
}

/// What travels.
pub trait Freight: Clone {
    /// It queues with data. Heartbeats have a way of their own.
    fn is_data(&self) -> bool;
}

/// How a link is clogged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clog {
    /// Everything takes so many microseconds longer.
    All(u64),
    /// Each message of data takes longer by any time up to that.
    Data(u64),
    /// Each heartbeat and each answer to one does.
    Beats(u64),
}

/// What the network did to messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Delivered at all.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Delivered twice.
    pub repeated: u64,
    /// Much later than usual.
    pub late: u64,
    /// Overtaken by a message that was sent later on the same link.
    pub overtaken: u64,
    /// Lost at a cut around some sites.
    pub cut_around: u64,
    /// Lost at a cut that works one way.
    pub cut_one_way: u64,
    /// Lost between the sides of a bridge.
    pub cut_bridge: u64,
    /// Lost across a ring.
    pub cut_ring: u64,
    /// Held up by a clogged link.
    pub clogged: u64,
    /// Data held up alone, other messages of the same link not.
    pub stuck_data: u64,
    /// The same with heartbeats.
    pub stuck_beats: u64,
}

/// See the module. `M` is a message.
#[derive(Debug)]
pub struct Network<M> {
    sites: usize,
    quality: Quality,
    cut: Option<Cut>,
    clogged: BTreeMap<(Site, Site), Clog>,
    /// By time of arrival, then by order of sending.
    under_way: BTreeMap<(u64, u64), Parcel<M>>,
    sent: u64,
    /// The latest sending of which something arrived, by link.
    newest: BTreeMap<(Site, Site), u64>,
    faults: Faults,
}

#[derive(Clone, Debug)]
struct Parcel<M> {
    from: Site,
    to: Site,
    /// The number of its sending.
    sent: u64,
    message: M,
}

impl<M: Freight> Network<M> {
    /// Between so many sites.
    pub fn new(sites: usize, quality: Quality) -> Network<M> {
        Network {
            sites,
            quality,
            cut: None,
            clogged: BTreeMap::new(),
            under_way: BTreeMap::new(),
            sent: 0,
            newest: BTreeMap::new(),
            faults: Faults::default(),
        }
    }

    /// It works like this from now on.
    pub fn set_quality(&mut self, quality: Quality) {
        self.quality = quality;
    }

    /// Cuts it, or heals the cut. What is under way arrives.
    pub fn set_cut(&mut self, cut: Option<Cut>) {
        self.cut = cut;
    }

    /// A link is clogged for what is sent from now on.
    pub fn clog(&mut self, from: Site, to: Site, clog: Clog) {
        self.clogged.insert((from, to), clog);
    }

    /// All links work, as well as the quality says.
    pub fn heal(&mut self) {
        self.cut = None;
        self.clogged.clear();
    }

    /// Sends a message. A site reaches itself at once.
    pub fn send(&mut self, from: Site, to: Site, message: M, now_us: u64, random: &mut Random) {
        self.sent += 1;
        let sent = self.sent;
        if from == to {
            self.under_way.insert((now_us, sent), Parcel { from, to, sent, message });
            return;
        }
        if !self.reaches(from, to) {
            return;
        }
        if random.below(1000) < self.quality.lost_per_mille {
            self.faults.lost += 1;
            return;
        }
        let twice = random.below(1000) < self.quality.repeated_per_mille;
        self.faults.repeated += u64::from(twice);
        for _ in 0..=usize::from(twice) {
            let arrival_us = now_us
                + self.delay_us(random)
                + self.stuck_us((from, to), message.is_data(), random);
            self.sent += 1;
            let parcel = Parcel { from, to, sent, message: message.clone() };
            self.under_way.insert((arrival_us, self.sent), parcel);
        }
    }

    fn delay_us(&mut self, random: &mut Random) -> u64 {
        let Quality { delay_min_us, delay_max_us, late_per_mille, .. } = self.quality;
        let spread = (delay_max_us - delay_min_us) as usize;
        let usual_us = delay_min_us + random.below(spread + 1) as u64;
        let late = random.below(1000) < late_per_mille;
        self.faults.late += u64::from(late);
        if late { usual_us * (2 + random.below(99) as u64) } else { usual_us }
    }

    /// How long a clogged link holds a message up.
    fn stuck_us(&mut self, link: (Site, Site), is_data: bool, random: &mut Random) -> u64 {
        match self.clogged.get(&link) {
            Some(Clog::All(longer_us)) => {
                self.faults.clogged += 1;
                *longer_us
            }
            Some(Clog::Data(most_us)) if is_data => {
                self.faults.stuck_data += 1;
                random.below(*most_us as usize) as u64
            }
            Some(Clog::Beats(most_us)) if !is_data => {
                self.faults.stuck_beats += 1;
                random.below(*most_us as usize) as u64
            }
            _ => 0,
        }
    }

    /// Whether the cut lets a message through; counts it if not.
    fn reaches(&mut self, from: Site, to: Site) -> bool {
        let (blocks, count) = match &self.cut {
            None => return true,
            Some(Cut::Around(sites)) => {
                (sites.contains(&from) != sites.contains(&to), &mut self.faults.cut_around)
            }
            Some(Cut::Mute(sites)) => {
                (sites.contains(&from) && !sites.contains(&to), &mut self.faults.cut_one_way)
            }
            Some(Cut::Bridge { left, bridge }) => {
                let apart = left.contains(&from) != left.contains(&to);
                (apart && from != *bridge && to != *bridge, &mut self.faults.cut_bridge)
            }
            Some(Cut::Ring) => {
                let apart = from.abs_diff(to);
                (apart != 1 && apart != self.sites - 1, &mut self.faults.cut_ring)
            }
        };
        *count += u64::from(blocks);
        !blocks
    }

    /// When the next message arrives.
    pub fn next_us(&self) -> Option<u64> {
        self.under_way.first_key_value().map(|((at_us, _), _)| *at_us)
    }

    /// The next message that has arrived: from whom, to whom, what.
    pub fn receive(&mut self, now_us: u64) -> Option<(Site, Site, M)> {
        let first = self.under_way.first_entry().filter(|entry| entry.key().0 <= now_us)?;
        let Parcel { from, to, sent, message } = first.remove();
        let newest = self.newest.entry((from, to)).or_default();
        self.faults.overtaken += u64::from(sent < *newest);
        *newest = sent.max(*newest);
        self.faults.delivered += 1;
        Some((from, to, message))
    }

    /// What it has done so far.
    pub fn faults(&self) -> Faults {
        self.faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Freight for u32 {
        fn is_data(&self) -> bool {
            true
        }
    }

    const BAD: Quality = Quality {
        delay_min_us: 50,
        delay_max_us: 5_000,
        late_per_mille: 50,
        lost_per_mille: 100,
        repeated_per_mille: 100,
    };

    /// Sends a message on every link and returns who got what from whom.
    fn all_links(network: &mut Network<u32>, random: &mut Random) -> Vec<(Site, Site)> {
        let sites = network.sites;
        for (from, to) in (0..sites).flat_map(|from| (0..sites).map(move |to| (from, to))) {
            if from != to {
                network.send(from, to, 0, 0, random);
            }
        }
        let mut got = Vec::new();
        while let Some((from, to, _)) = network.receive(u64::MAX) {
            got.push((from, to));
        }
        got.sort_unstable();
        got
    }

    fn reached(cut: Cut) -> Vec<(Site, Site)> {
        let (mut network, mut random) = (Network::new(4, Quality::GOOD), Random::new(1));
        network.set_cut(Some(cut));
        all_links(&mut network, &mut random)
    }

    #[test]
    fn each_cut_stops_what_it_says() {
        let set = |sites: &[Site]| sites.iter().copied().collect::<BTreeSet<Site>>();
        let pairs = |links: &[(Site, Site)]| {
            let mut both: Vec<_> = links.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect();
            both.sort_unstable();
            both
        };
        assert_eq!(reached(Cut::Around(set(&[0]))), pairs(&[(1, 2), (1, 3), (2, 3)]));
        let all = pairs(&[(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]);
        let mute: Vec<_> = all.iter().copied().filter(|&(from, _)| from != 0).collect();
        assert_eq!(reached(Cut::Mute(set(&[0]))), mute);
        let bridge = Cut::Bridge { left: set(&[0]), bridge: 2 };
        assert_eq!(reached(bridge), pairs(&[(0, 2), (1, 2), (1, 3), (2, 3)]));
        assert_eq!(reached(Cut::Ring), pairs(&[(0, 1), (1, 2), (2, 3), (0, 3)]));
    }

    #[test]
    fn a_seed_gives_the_same_run_and_every_fault_bites() {
        let run = |seed| {
            let (mut network, mut random) = (Network::new(3, BAD), Random::new(seed));
            let mut got = Vec::new();
            for n in 0..3_000_u32 {
                let now_us = u64::from(n) * 100;
                match n {
                    500 => network.clog(0, 1, Clog::All(50_000)),
                    1_500 => network.clog(0, 1, Clog::Data(50_000)),
                    2_500 => network.heal(),
                    _ => {}
                }
                network.send(random.below(3), random.below(3), n, now_us, &mut random);
                while let Some(one) = network.receive(now_us) {
                    got.push(one);
                }
            }
            (got, network.faults())
        };
        let (got, faults) = run(7);
        assert_eq!((got, faults), run(7));
        let Faults { delivered, lost, repeated, late, overtaken, clogged, stuck_data, .. } = faults;
        assert!(
            [delivered, lost, repeated, late, overtaken, clogged, stuck_data]
                .iter()
                .all(|n| *n > 50),
            "{faults:?}"
        );
    }

    #[test]
    fn messages_arrive_in_the_order_of_their_time_and_not_before_it() {
        let (mut network, mut random) = (Network::new(2, BAD), Random::new(3));
        (0..200).for_each(|n| network.send(0, 1, n, 0, &mut random));
        let mut last_us = 0;
        while let Some(at_us) = network.next_us() {
            assert!(at_us >= last_us && network.receive(at_us.saturating_sub(1)).is_none());
            assert!(network.receive(at_us).is_some());
            last_us = at_us;
        }
        assert!(network.faults().delivered > 150);
    }
}
