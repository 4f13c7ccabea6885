//! Which requests come next: the mix of commands and the choice of keys.

use super::request::{Batch, KEYS_MAX, Request, Templates, Verb};

/// Which commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// One command throughout.
    Only(Verb),
    /// One SET, then this many GETs, and again.
    SetThenGets(u32),
    /// A batch of SETs, then a batch of DELs of the same keys.
    SetThenDel,
}

/// Which keys.
#[derive(Clone, Copy, Debug)]
pub enum Keys {
    /// Any below `below`, all alike; never ends.
    Random {
        /// One more than the largest number.
        below: u32,
        /// The same seed gives the same numbers.
        seed: u64,
    },
    /// Each number of the range once, in order.
    Each {
        /// The next number.
        next: u32,
        /// One more than the last.
        end: u32,
    },
}

impl Keys {
    fn left(&self) -> usize {
        match *self {
            Keys::Random { .. } => usize::MAX,
            Keys::Each { next, end } => (end - next) as usize,
        }
    }

    fn next(&mut self) -> u32 {
        match self {
            Keys::Random { below, seed } => {
                ((u64::from(*below) * (splitmix(seed) >> 32)) >> 32) as u32
            }
            Keys::Each { next, .. } => {
                *next += 1;
                *next - 1
            }
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Fills batches.
pub struct Feed {
    mix: Mix,
    keys: Keys,
    pipeline: usize,
}

impl Feed {
    /// Batches of `pipeline` requests each; the last of a range may be shorter.
    pub fn new(mix: Mix, keys: Keys, pipeline: usize) -> Feed {
        assert!(pipeline > 0, "a batch holds a request");
        let end = match keys {
            Keys::Random { below, .. } => below,
            Keys::Each { end, .. } => end,
        };
        assert!(end <= KEYS_MAX, "a key's number has eight digits");
        Feed { mix, keys, pipeline }
    }

    /// Makes `batch` the next of its connection; `at` counts that connection's requests and decides
    /// where in the mix it stands. `false`: all keys were used, nothing is to send.
    pub fn fill(&mut self, templates: &Templates, batch: &mut Batch, at: &mut u32) -> bool {
        if self.mix == Mix::SetThenDel && batch.requests().first().is_some_and(is_set) {
            batch.repeat_as(templates, Verb::Del);
            return true;
        }
        let count = self.keys.left().min(self.pipeline);
        if count == 0 {
            return false;
        }
        let (mix, keys) = (self.mix, &mut self.keys);
        let requests = (0..count).map(|_| {
            *at = at.wrapping_add(1);
            Request { verb: mix.verb(*at), key: keys.next() }
        });
        batch.refill(templates, requests);
        true
    }
}

fn is_set(request: &Request) -> bool {
    request.verb == Verb::Set
}

impl Mix {
    fn verb(self, at: u32) -> Verb {
        match self {
            Mix::Only(verb) => verb,
            Mix::SetThenGets(gets) if !at.is_multiple_of(gets + 1) => Verb::Get,
            Mix::SetThenGets(_) | Mix::SetThenDel => Verb::Set,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::Shape;
    use super::*;

    fn batches(mix: Mix, keys: Keys, pipeline: usize, count: usize) -> Vec<Vec<Request>> {
        let templates = Templates::new(&Shape::with_values_of(8));
        let mut feed = Feed::new(mix, keys, pipeline);
        let (mut batch, mut at) = (Batch::default(), 0);
        (0..count)
            .map_while(|_| {
                feed.fill(&templates, &mut batch, &mut at).then(|| batch.requests().to_vec())
            })
            .collect()
    }

    #[test]
    fn each_key_of_a_range_comes_once() {
        let got = batches(Mix::Only(Verb::Set), Keys::Each { next: 0, end: 10 }, 4, 99);
        assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        assert!(got.concat().iter().map(|r| r.key).eq(0..10));
    }

    #[test]
    fn every_set_batch_is_followed_by_its_dels() {
        let got = batches(Mix::SetThenDel, Keys::Each { next: 0, end: 5 }, 2, 99);
        assert_eq!(got.len(), 6);
        for pair in got.chunks(2) {
            assert!(pair[0].iter().all(|r| r.verb == Verb::Set));
            assert!(pair[1].iter().all(|r| r.verb == Verb::Del));
            assert!(pair[0].iter().map(|r| r.key).eq(pair[1].iter().map(|r| r.key)));
        }
    }

    #[test]
    fn the_mix_is_one_to_ten_and_its_keys_are_spread() {
        let got = batches(Mix::SetThenGets(10), Keys::Random { below: 100, seed: 1 }, 11, 1000);
        let all = got.concat();
        assert_eq!(all.iter().filter(|r| is_set(r)).count(), 1000);
        let mut seen = [0; 100];
        all.iter().for_each(|r| seen[r.key as usize] += 1);
        assert!(seen.iter().all(|&n| (60..=170).contains(&n)), "{seen:?}");
    }
}
