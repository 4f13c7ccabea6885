//! Found by a second reading of the argument: what is not so yet.

use kinring_tests::sim::check;

/// Promise 1. Which of two terms is the later one is told by their numbers; an owner that loses its disk
/// forgets which numbers it granted, and gets back only with whom the others were in step.
///
/// Owner 3 is granted a high number by owners 4 and 5, takes what they have, and notes that it is in step with
/// that term; it is never settled. Owner 4 loses its disk and gets its data back from 1, 2 and 5, who are in
/// step with an old term. It grants owner 1 a lower number, and owner 1 acknowledges. Then owner 3, with 4
/// and 5, takes its own data for the later ones, and puts them in the place of what was acknowledged.
#[test]
fn of_five_owners_one_that_was_wiped_grants_no_term_below_one_that_it_had_granted() {
    check(
        "owners 5
        settle
        a: SET k v1 -> OK
        isolate owner 1, owner 2, a
        # The third one has the grants of the last two, takes what they have, and is not settled.
        lose every Settle from owner 3
        wait 2s
        pause owner 3 for 1s
        wait 2s
        pause owner 3 for 1s
        wait 2s
        pause owner 3 for 1s
        wait 2s
        crash owner 4
        isolate owner 3
        lose every Beat from owner 5 to owner 1
        wipe owner 4
        until owner 1 is home
        a: SET k v2 -> OK
        free
        isolate owner 1, owner 2
        b: GET k -> \"v2\"
        rest
        all hold k v2",
    );
}

/// Promise 8 (which holds in both modes). What was written without a lease is joined wherever it is, and by
/// whole records: what a former home wrote on top of it, and nobody acknowledged, comes along past the fence.
///
/// Owner 1, cut off, takes an available INCR, then a strong one; the strong one is tried again at the next
/// home and executed there. When owner 1 comes back, both count.
#[test]
fn a_write_that_does_not_count_is_not_brought_back_by_an_available_one_below_it() {
    check(
        "owners 3
        settle
        isolate owner 1, a
        lose every Response from owner 1
        available a: INCR n
        wait 20ms
        a2: INCR n
        wait 1500ms
        owner 2 is home
        isolate owner 1
        # It is tried again.
        a2 -> 1
        rest
        all hold n 2",
    );
}

/// Promise 8. A home sends an available write again as copies of its keys, to owners that have granted a
/// later term, too: with them goes what the home has written on these keys since, and nobody acknowledged.
#[test]
fn an_available_write_that_is_sent_again_does_not_take_a_write_of_a_former_term_along() {
    check(
        "owners 3
        settle
        hold every Repair from owner 1 to owner 2
        lose every Write from owner 1
        lose every Repair from owner 1 to owner 3
        available a: INCR n
        wait 10ms
        a2: INCR n
        # The available one goes again, with all that is there.
        wait 350ms
        crash owner 1
        a2 -> 1
        owner 2 is home
        deliver
        wait 100ms
        b: GET n -> \"2\"",
    );
}
