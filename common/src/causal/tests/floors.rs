//! Floors: settled history resurrects nothing and loses nothing.

use super::rng::{Rng, for_all};
use super::slot::{Closing, Slot};
use super::world::{Menu, everything, strings};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A slot that has lived through writes, crashes, absences and rounds, checked at every step.
fn live(rng: &mut Rng, menu: Menu, closing: Closing) -> Slot {
    let mut slot = Slot::new(rng, menu, closing);
    for _ in 0..4 * rng.size {
        slot.step(rng);
        slot.check();
    }
    slot
}

fn settles(menu: Menu, closing: Closing) -> impl Fn(&mut Rng) {
    move |rng: &mut Rng| {
        let mut slot = live(rng, menu, closing);
        slot.settle(rng);
        slot.check();
        assert!(slot.agrees());
    }
}

#[test]
fn floors_resurrect_nothing_and_lose_nothing() {
    for_all(settles(everything, Closing::WhenAllTakePart));
}

#[test]
fn floors_lose_no_string_either() {
    for_all(settles(strings, Closing::WhenAllTakePart));
}

#[test]
fn a_copy_that_missed_a_closing_and_gives_its_data_up_harms_nobody() {
    for_all(settles(everything, Closing::ReturningGivesUp));
}

/// Why the two rules of [`Closing`] are needed: a copy that was away when its actor was closed
/// still removes what its own, now dead, writes had superseded.
#[test]
fn closing_an_actor_whose_copy_then_returns_would_lose_writes() {
    let loses = |seed| {
        let mut rng = Rng::new(seed);
        catch_unwind(AssertUnwindSafe(|| settles(strings, Closing::Naively)(&mut rng))).is_err()
    };
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let found = (0..5_000).any(loses);
    std::panic::set_hook(quiet);
    assert!(found, "or the rules can go");
}

#[test]
fn a_settled_key_of_which_nothing_lives_is_gone() {
    for_all(|rng| {
        let mut slot = live(rng, everything, Closing::WhenAllTakePart);
        slot.settle(rng);
        for copy in slot.nodes.iter().flat_map(|node| &node.keys) {
            assert!(copy.record.context.is_empty(), "its context is in the floor");
            assert_eq!(copy.record.clone().prune(&copy.horizon), copy.record.cells.is_empty());
        }
    });
}

#[test]
fn rounds_do_get_done_in_these_worlds() {
    let done = |seed| {
        let mut rng = Rng::new(seed);
        live(&mut rng, strings, Closing::WhenAllTakePart).rounds_done
    };
    assert!((0..500).map(done).sum::<usize>() > 500);
}
