//! At most once: which requests were executed lately, and what was replied.
//!
//! A proxy tries a write again under the same name for [`RETRY_US`] at most, and every try says when it
//! ends. So a name is kept for a little longer than that, here and with all owners that took the
//! write: whoever is home then knows it.
//!
//! Bounded: past [`REQUESTS_MAX`] the oldest go, and for as long as they might come again, a retry
//! that is not found may have been executed.

use kinring_common::placement::layout::GroupId;
use kinring_common::wire::request::{Executed, RequestId};
use std::collections::{HashMap, VecDeque};

/// How long a proxy goes on trying.
pub const RETRY_US: u64 = 5_000_000;

/// How long a name is kept.
const KEEP_US: u64 = RETRY_US + RETRY_US / 8;

/// Names kept at most: some 10 MB. Over a hundred thousand writes a second, retries of an unlucky
/// moment are answered with UNKNOWN.
pub const REQUESTS_MAX: usize = 131_072;

/// See the module.
#[derive(Debug, Default)]
pub struct Requests {
    known: HashMap<RequestId, Known>,
    /// By the time at which they are forgotten.
    queue: VecDeque<(u64, RequestId)>,
    /// Names that went too early might come again until then.
    unsure_until_us: u64,
}

#[derive(Debug)]
struct Known {
    group: GroupId,
    executed: Executed,
}

/// What is known of a retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was not executed.
    New,
    /// It was, and this was replied, if that is known.
    Executed(Option<bytes::Bytes>),
    /// Nobody knows.
    Unsure,
}

impl Requests {
    /// A request was executed, here or where it was heard from.
    pub fn note(&mut self, group: GroupId, executed: Executed, now_us: u64) {
        self.forget(now_us);
        let until_us = now_us + KEEP_US;
        let id = executed.id;
        if self.known.insert(id, Known { group, executed }).is_none() {
            self.queue.push_back((until_us, id));
        }
        if self.queue.len() > REQUESTS_MAX
            && let Some((end_us, id)) = self.queue.pop_front()
        {
            self.known.remove(&id);
            self.unsure_until_us = self.unsure_until_us.max(end_us);
        }
    }

    /// What was replied is no longer certain.
    pub fn doubt(&mut self, id: RequestId) {
        if let Some(known) = self.known.get_mut(&id) {
            known.executed.reply = None;
        }
    }

    /// What was replied to the requests of a group, or of all, is no longer certain.
    pub fn doubt_all(&mut self, group: Option<GroupId>) {
        let is_meant = |known: &&mut Known| group.is_none_or(|group| known.group == group);
        let known = self.known.values_mut().filter(is_meant);
        known.for_each(|known| known.executed.reply = None);
    }

    /// What is known of a request.
    pub fn find(&self, id: RequestId, is_retry: bool, now_us: u64) -> Found {
        match self.known.get(&id) {
            Some(known) => Found::Executed(known.executed.reply.clone()),
            None if is_retry && now_us < self.unsure_until_us => Found::Unsure,
            None => Found::New,
        }
    }

    /// What is known of the requests of a group, oldest first.
    pub fn of(&self, group: GroupId) -> Vec<Executed> {
        let known = self.queue.iter().filter_map(|(_, id)| self.known.get(id));
        known.filter(|known| known.group == group).map(|known| known.executed.clone()).collect()
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    fn forget(&mut self, now_us: u64) {
        while let Some((_, id)) = self.queue.front().filter(|(end_us, _)| *end_us <= now_us) {
            self.known.remove(id);
            self.queue.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinring_common::id::Actor;

    fn executed(number: u64) -> Executed {
        let id = RequestId { session: 1, number };
        Executed { id, actor: Actor(1), reply: None }
    }

    #[test]
    fn a_name_is_kept_for_as_long_as_it_may_come_again() {
        let mut requests = Requests::default();
        requests.note(GroupId(1), executed(1), 0);
        requests.note(GroupId(2), executed(2), RETRY_US);
        assert_eq!(requests.of(GroupId(1)), [executed(1)]);
        assert_eq!(requests.find(executed(1).id, true, RETRY_US), Found::Executed(None));
        assert_eq!(requests.find(executed(3).id, true, RETRY_US), Found::New);
        requests.note(GroupId(1), executed(3), KEEP_US);
        assert_eq!(requests.find(executed(1).id, true, KEEP_US), Found::New);
    }

    #[test]
    fn past_the_bound_a_retry_may_have_been_executed_and_a_first_try_not() {
        let mut requests = Requests::default();
        for number in 0..=REQUESTS_MAX as u64 {
            requests.note(GroupId(1), executed(number), 0);
        }
        assert_eq!(requests.known.len(), REQUESTS_MAX);
        assert_eq!(requests.find(executed(0).id, true, 1), Found::Unsure);
        assert_eq!(requests.find(executed(0).id, false, 1), Found::New);
        assert_eq!(requests.find(executed(0).id, true, KEEP_US), Found::New);
    }
}
