//! At most once: which requests were executed lately, and what was replied.
//!
//! A proxy tries a write again under the same name for [`RETRY_US`] at most, and every try says when it
//! ends. So a name is kept for a little longer than that, here and with all owners that took the
//! write: whoever is home then knows it. Wherever effects of a write are sent, in whatever way, its name
//! goes with them.
//!
//! Bounded: past [`REQUESTS_MAX`] the oldest go, and for as long as they might come again, a retry
//! that is not found may have been executed.

use super::execute::OK;
use bytes::Bytes;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use kinring_common::mutant::Mutant;
use kinring_common::placement::layout::GroupId;
use kinring_common::wire::request::{Attempt, Changed, Completion, Executed, RequestId};
use std::collections::{BTreeSet, VecDeque};

/// How long a proxy goes on trying.
pub const RETRY_US: u64 = 5_000_000;

/// How long a name is kept.
pub const KEEP_US: u64 = RETRY_US + RETRY_US / 8;

/// Names kept at most: some 15 MB. Over 23,000 writes a second for seconds, retries of an unlucky moment
/// are answered with UNKNOWN.
pub const REQUESTS_MAX: usize = 131_072;

/// See the module.
#[derive(Debug, Default)]
pub struct Requests {
    /// By the time at which they are forgotten.
    queue: VecDeque<Known>,
    /// How many have left the queue, of all that were ever in it; and so are places counted, all modulo 2^32.
    gone: u32,
    /// By the hash of a name its place. The name itself is in the queue: a table of four bytes an entry stays
    /// in the processor's cache.
    places: HashTable<u32>,
    /// Names that went too early might come again until then.
    unsure_until_us: u64,
}

/// A request as it is kept: as many as there are, each takes one line of the processor's cache, which it
/// leaves again when it is forgotten.
#[derive(Debug)]
struct Known {
    until_us: u64,
    id: RequestId,
    group: GroupId,
    /// In which try it was executed here: none has that number if it was elsewhere.
    attempt: u32,
    reply: Reply,
    changed: Kept,
}

const _: () = assert!(size_of::<Known>() <= 64, "it takes one line");

/// [`Executed::reply`].
#[derive(Debug)]
enum Reply {
    Unknown,
    /// That of most writes.
    Ok,
    Other(Box<Bytes>),
}

/// [`Completion::changed`].
#[derive(Debug)]
enum Kept {
    /// One key, as most writes do.
    Key(u64),
    Other(Box<Changed>),
}

impl Known {
    fn completion(&self) -> Completion {
        let changed = match &self.changed {
            Kept::Key(hash) => Changed::Keys([*hash].into()),
            Kept::Other(changed) => Changed::clone(changed),
        };
        Completion { executed: Executed { id: self.id, reply: self.reply.told() }, changed }
    }

    fn touches(&self, hashes: &BTreeSet<u64>) -> bool {
        match &self.changed {
            Kept::Key(hash) => hashes.contains(hash),
            Kept::Other(changed) => changed.touches(hashes),
        }
    }
}

impl Reply {
    fn of(reply: Option<&Bytes>) -> Reply {
        match reply {
            None => Reply::Unknown,
            Some(reply) if reply == OK => Reply::Ok,
            Some(reply) => Reply::Other(Box::new(reply.clone())),
        }
    }

    fn told(&self) -> Option<Bytes> {
        match self {
            Reply::Unknown => None,
            Reply::Ok => Some(Bytes::from_static(OK)),
            Reply::Other(reply) => Some(Bytes::clone(reply)),
        }
    }
}

impl From<Changed> for Kept {
    fn from(changed: Changed) -> Kept {
        match &changed {
            Changed::Keys(keys) if keys.len() == 1 => Kept::Key(keys[0]),
            _ => Kept::Other(Box::new(changed)),
        }
    }
}

/// What is known of a retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was not executed.
    New,
    /// It was, and this was replied, if that is known.
    Executed(Option<Bytes>),
    /// Nobody knows.
    Unsure,
}

impl Requests {
    /// A request was executed, here or where it was heard from. Returns whether that is new. A reply that
    /// is known stays known.
    pub fn note(
        &mut self,
        group: GroupId,
        executed: &Executed,
        changed: Changed,
        now_us: u64,
    ) -> bool {
        self.forget(now_us);
        let (id, reply) = (executed.id, executed.reply.as_ref());
        let (queue, gone) = (&mut self.queue, self.gone);
        let at = |place: u32| place.wrapping_sub(gone) as usize;
        let hash_at = |place: &u32| hash(queue[at(*place)].id);
        match self.places.entry(hash(id), |place| queue[at(*place)].id == id, hash_at) {
            Entry::Occupied(place) => {
                let known = &mut queue[at(*place.get())];
                let is_new = matches!(known.reply, Reply::Unknown) && reply.is_some();
                if is_new {
                    (known.reply, known.changed) = (Reply::of(reply), changed.into());
                }
                return is_new;
            }
            Entry::Vacant(place) => place.insert(gone.wrapping_add(queue.len() as u32)),
        };
        let (until_us, reply) = (now_us + KEEP_US, Reply::of(reply));
        let (attempt, changed) = (u32::MAX, changed.into());
        self.queue.push_back(Known { until_us, id, group, attempt, reply, changed });
        if self.queue.len() > REQUESTS_MAX
            && let Some(until_us) = self.pop()
        {
            self.unsure_until_us = self.unsure_until_us.max(until_us);
        }
        true
    }

    /// What was noted last was executed here, in this try.
    pub fn was_in(&mut self, attempt: Attempt) {
        if let Some(known) = self.queue.back_mut().filter(|known| known.id == attempt.id) {
            known.attempt = attempt.number;
        }
    }

    /// Whether this try was executed here.
    pub fn is_in(&self, attempt: Attempt) -> bool {
        self.place_of(attempt.id).is_some_and(|at| self.queue[at].attempt == attempt.number)
    }

    /// What was replied is no longer certain.
    pub fn doubt(&mut self, id: RequestId) {
        if Mutant::AbandonedReplyTold.is_on() {
            return;
        }
        if let Some(at) = self.place_of(id) {
            self.queue[at].reply = Reply::Unknown;
        }
    }

    fn place_of(&self, id: RequestId) -> Option<usize> {
        let at = |place: &u32| place.wrapping_sub(self.gone) as usize;
        self.places.find(hash(id), |place| self.queue[at(place)].id == id).map(at)
    }

    /// What was replied to the requests of a group, or of all, is no longer certain.
    pub fn doubt_all(&mut self, group: Option<GroupId>) {
        if Mutant::DeadReplyTold.is_on() {
            return;
        }
        let is_meant = |known: &&mut Known| group.is_none_or(|group| known.group == group);
        let meant = self.queue.iter_mut().filter(is_meant);
        meant.for_each(|known| known.reply = Reply::Unknown);
    }

    /// How long names that are known no more may come again.
    pub fn unsure_us(&self, now_us: u64) -> u64 {
        self.unsure_until_us.saturating_sub(now_us)
    }

    /// Another owner forgot names that may come again for so long.
    pub fn forgot(&mut self, unsure_us: u64, now_us: u64) {
        let until_us = now_us + unsure_us.min(KEEP_US);
        if unsure_us > 0 {
            self.unsure_until_us = self.unsure_until_us.max(until_us);
        }
    }

    /// What is known of a request.
    pub fn find(&self, id: RequestId, is_retry: bool, now_us: u64) -> Found {
        match self.place_of(id) {
            Some(at) => Found::Executed(self.queue[at].reply.told()),
            None if is_retry && now_us < self.unsure_until_us => Found::Unsure,
            None => Found::New,
        }
    }

    /// What is known of the requests of a group, oldest first.
    pub fn of(&self, group: GroupId) -> impl Iterator<Item = Completion> {
        self.queue.iter().filter(move |known| known.group == group).map(Known::completion)
    }

    /// The same of those that changed one of these keys, by their hashes, or all.
    pub fn touching(
        &self,
        group: GroupId,
        hashes: &BTreeSet<u64>,
    ) -> impl Iterator<Item = Completion> {
        let is_meant = move |known: &&Known| known.group == group && known.touches(hashes);
        self.queue.iter().filter(is_meant).map(Known::completion)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    fn forget(&mut self, now_us: u64) {
        while self.queue.front().is_some_and(|known| known.until_us <= now_us) {
            self.pop();
        }
    }

    /// Forgets the oldest. Returns until when it was to be kept.
    fn pop(&mut self) -> Option<u64> {
        let known = self.queue.pop_front()?;
        let gone = self.gone;
        self.gone = gone.wrapping_add(1);
        // Its place tells it from all others: their names are not looked at.
        let entry = self.places.find_entry(hash(known.id), |place| *place == gone);
        entry.expect("what is in the queue has a place").remove();
        Some(known.until_us)
    }
}

/// Neighbours in the table.
const NEAR: u64 = 64;

/// Numbers in which each session counts up lie near each other in the table, 64 at a time, and so do
/// the requests that come and go together: what is looked for is where the request before was. We draw
/// these names ourselves: nobody chooses them so that they collide.
fn hash(id: RequestId) -> u64 {
    let session = id.session.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let block =
        (session ^ (session >> 32) ^ (id.number / NEAR)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let near = id.number % NEAR;
    // The table looks for the first entry by the low bits, and tells it from others by the high.
    (block ^ (block >> 32)).wrapping_add(near) ^ (near << 57)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion(number: u64) -> Completion {
        let executed = Executed { id: id(number), reply: None };
        Completion { executed, changed: Changed::Keys([number].into()) }
    }

    fn id(number: u64) -> RequestId {
        RequestId { session: 1, number }
    }

    fn note(requests: &mut Requests, group: u32, completion: Completion, now_us: u64) -> bool {
        let Completion { executed, changed } = completion;
        requests.note(GroupId(group), &executed, changed, now_us)
    }

    #[test]
    fn what_is_known_is_told_as_it_was_noted() {
        let changes = [
            Changed::Keys([7].into()),
            Changed::Keys(vec![8, 7].into()),
            Changed::Keys(vec![].into()),
            Changed::All,
        ];
        let replies = [None, Some(&b"+OK\r\n"[..]), Some(b":1\r\n"), Some(b"")];
        let mut all = Vec::new();
        for (number, changed) in changes.into_iter().cycle().take(16).enumerate() {
            let reply = replies[number / 4].map(Bytes::from_static);
            let executed = Executed { id: id(number as u64), reply };
            all.push(Completion { executed, changed });
        }
        let mut requests = Requests::default();
        assert!(all.iter().all(|completion| note(&mut requests, 1, completion.clone(), 0)));
        assert_eq!(requests.of(GroupId(1)).collect::<Vec<_>>(), all);
        for completion in &all {
            let found = requests.find(completion.executed.id, true, 1);
            assert_eq!(found, Found::Executed(completion.executed.reply.clone()));
        }
        let hashes = [7].into();
        all.retain(|completion| completion.changed.touches(&hashes));
        assert_eq!(requests.touching(GroupId(1), &hashes).collect::<Vec<_>>(), all);
        assert_eq!(requests.touching(GroupId(2), &hashes).count(), 0);
    }

    #[test]
    fn a_try_is_known_by_its_number() {
        let mut requests = Requests::default();
        let of = |request, number| Attempt { id: id(request), number };
        note(&mut requests, 1, completion(1), 0);
        requests.was_in(of(1, 2));
        note(&mut requests, 1, completion(2), 0);
        assert!(requests.is_in(of(1, 2)) && !requests.is_in(of(1, 1)) && !requests.is_in(of(2, 2)));
        requests.was_in(of(1, 3));
        assert!(requests.is_in(of(1, 2)), "another one was noted since");
    }

    #[test]
    fn a_name_is_kept_for_as_long_as_it_may_come_again() {
        let mut requests = Requests::default();
        note(&mut requests, 1, completion(1), 0);
        note(&mut requests, 2, completion(2), RETRY_US);
        assert_eq!(requests.of(GroupId(1)).collect::<Vec<_>>(), [completion(1)]);
        assert_eq!(requests.find(id(1), true, RETRY_US), Found::Executed(None));
        assert_eq!(requests.find(id(3), true, RETRY_US), Found::New);
        note(&mut requests, 1, completion(3), KEEP_US);
        assert_eq!(requests.find(id(1), true, KEEP_US), Found::New);
    }

    #[test]
    fn a_reply_that_is_known_is_not_forgotten_for_one_that_is_not() {
        let reply = Some(Bytes::from_static(b":1"));
        let mut replied = completion(1);
        replied.executed.reply.clone_from(&reply);
        let mut requests = Requests::default();
        assert!(note(&mut requests, 1, completion(1), 0));
        assert!(note(&mut requests, 1, replied, 1), "it is told now");
        assert!(!note(&mut requests, 1, completion(1), 2));
        assert_eq!(requests.find(id(1), true, 3), Found::Executed(reply));
        requests.doubt_all(Some(GroupId(2)));
        assert!(matches!(requests.find(id(1), true, 3), Found::Executed(Some(_))));
        requests.doubt_all(Some(GroupId(1)));
        assert_eq!(requests.find(id(1), true, 3), Found::Executed(None));
    }

    #[test]
    fn past_the_bound_a_retry_may_have_been_executed_and_a_first_try_not() {
        let mut requests = Requests::default();
        for number in 0..=REQUESTS_MAX as u64 {
            note(&mut requests, 1, completion(number), 0);
        }
        assert_eq!((requests.len(), requests.places.len()), (REQUESTS_MAX, REQUESTS_MAX));
        assert_eq!(requests.find(id(0), true, 1), Found::Unsure);
        assert_eq!(requests.find(id(0), false, 1), Found::New);
        assert_eq!(requests.find(id(0), true, KEEP_US), Found::New);
    }
}
