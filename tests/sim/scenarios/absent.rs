//! Owners that were away, or lost power at a bad moment: what is kept for them, and what they bring back.

use kinring_tests::sim::check;

/// An owner is away while a key is written again, and comparing does not bring that to it.
fn is_brought_by_a_hint(key: &str) {
    check(&format!(
        "owners 3
        settle
        a: SET {key} v1 -> OK
        isolate owner 3
        wait 2500ms
        # The home knows that it is away: nothing is sent to it.
        a: SET {key} v2 -> OK
        lose every Write from owner 1 to owner 3
        lose every Ask from owner 1 to owner 3
        heal
        until owner 3 holds {key} v2 within 2s
        rest
        all hold {key} v2",
    ));
}

stories! {

/// Promise 2.
#[test]
fn hints_are_kept_for_an_absent_owner() {
    is_brought_by_a_hint("k");
}

/// Promise 2. Such a key is remembered by its digest.
#[test]
fn a_hint_of_a_long_key_brings_the_write_to_the_owner_that_was_away() {
    is_brought_by_a_hint(&"k".repeat(1_000));
}

/// Promise 1.
#[test]
fn when_both_of_two_owners_have_crashed_one_alone_answers_nothing_and_both_have_everything() {
    check(
        "owners 2, durability always
        settle
        a: SET k v1 -> OK
        crash owner 1
        crash owner 2
        start owner 1
        wait 2s
        a: GET k -> refused
        start owner 2
        a: GET k -> \"v1\" within 4s
        rest
        all hold k v1",
    );
}

/// Promise 1. The write is on its disk, and so on two; only nobody was told.
#[test]
fn an_owner_that_logged_a_write_and_crashed_before_it_said_so_has_the_write() {
    check(
        "owners 3, durability always
        settle
        a: SET k v1 -> OK
        lose every Write from owner 1 to owner 3
        lose every Repair from owner 1 to owner 3
        lose every Ack from owner 2
        a: SET k v2
        wait 300ms
        owner 2 holds k v2
        crash owner 2
        start owner 2
        free
        a -> OK
        # The home was the only other one that had it.
        crash owner 1
        b: GET k -> \"v2\" within 5s
        start owner 1
        rest
        all hold k v2",
    );
}

/// Promise 1. Two owners hold the same where one of them has a tombstone and the other one nothing; yet they
/// have not seen the same, and the digests say so.
#[test]
fn an_owner_that_was_rebuilt_has_the_tombstones_too() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        wait 1s
        crash owner 3
        a: DEL k -> 1
        # Owner 2 gets back what both others have: they do not reach each other, and nobody gives it more.
        lose every Heartbeat from owner 1 to owner 3
        lose every Heartbeat from owner 3 to owner 1
        lose every Ask from owner 1
        lose every Repair from owner 1
        wipe owner 2
        start owner 3
        wait 800ms
        isolate owner 1
        free
        b: GET k -> nil within 5s
        rest
        all hold k nothing",
    );
}

}
