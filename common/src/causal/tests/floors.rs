//! Floors: settled history resurrects nothing and loses nothing.

use super::CASES;
use super::slot::{Closing, Slot};
use super::world::{Menu, everything, strings};
use crate::testing::{Case, for_all};

/// A slot that has lived through writes, crashes, absences and rounds, checked at every step.
fn live(rng: &mut Case, menu: Menu, closing: Closing) -> Slot {
    let mut slot = Slot::new(rng, menu, closing);
    for _ in 0..4 * rng.size {
        slot.step(rng);
        slot.check();
    }
    slot
}

fn settles(menu: Menu, closing: Closing) -> impl Fn(&mut Case) {
    move |rng: &mut Case| {
        let mut slot = live(rng, menu, closing);
        slot.settle(rng);
        slot.check();
        assert!(slot.agrees());
    }
}

#[test]
fn floors_resurrect_nothing_and_lose_nothing() {
    for_all(CASES, settles(everything, Closing::WhenAllTakePart));
}

#[test]
fn floors_lose_no_string_either() {
    for_all(CASES, settles(strings, Closing::WhenAllTakePart));
}

#[test]
fn a_copy_that_missed_a_closing_and_gives_its_data_up_harms_nobody() {
    for_all(CASES, settles(everything, Closing::ReturningGivesUp));
}

#[test]
fn a_settled_key_of_which_nothing_lives_is_gone() {
    for_all(CASES, |rng| {
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
        let mut rng = Case::new(seed);
        live(&mut rng, strings, Closing::WhenAllTakePart).rounds_done
    };
    assert!((0..500).map(done).sum::<usize>() > 500);
}
