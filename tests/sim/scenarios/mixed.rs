//! Five owners, and both modes in use on one key: a write that a home alone has, beside an available one that
//! only owners have that are cut off with it.

use kinring_tests::sim::check;

/// Two writes count: the available one, and the strong one as it was tried again. `meet` brings the dead first
/// try and the available one together at owner 1 or 2; the next home has neither.
fn counts_twice_if_mixed(meet: &str) {
    check(&format!(
        "owners 5
        settle
        # From now on b goes to owner 2.
        lose every Request from b to owner 1
        lose every Request from b to owner 3
        lose every Request from b to owner 4
        lose every Request from b to owner 5
        available b: GET x -> nil
        lose every Write from owner 1
        lose every Repair from owner 1
        lose every Write from owner 2 to owner 3
        lose every Write from owner 2 to owner 4
        lose every Write from owner 2 to owner 5
        lose every Repair from owner 2 to owner 3
        lose every Repair from owner 2 to owner 4
        lose every Repair from owner 2 to owner 5
        {meet}
        # What owner 1 has is replaced before the next home has heard of owner 2.
        isolate owner 2, b
        free
        wait 2s
        rest
        all hold n 2"
    ));
}

/// Three of five owners are up; some of the messages that make two writes known are lost.
fn acknowledges_both(lost: &str) {
    check(&format!(
        "owners 5
        settle
        # From now on b goes to owner 2.
        lose every Request from b to owner 1
        lose every Request from b to owner 3
        available b: GET x -> nil
        isolate owner 4, owner 5
        wait 1s
        {lost}
        a: INCR n
        available b: INCR n
        wait 5ms
        owner 1 holds n 1
        owner 2 holds n 1
        a -> 1 within 2s
        b -> 1 within 2s
        rest
        all hold n 2"
    ));
}

stories! {

/// Promise 8. What was written without a lease is joined wherever it is, with all that is beside it.
#[test]
fn an_available_write_that_comes_to_a_home_does_not_bring_its_dead_write_back() {
    counts_twice_if_mixed(
        "a: INCR n
        wait 2ms
        available b: INCR n
        wait 5ms
        owner 2 holds n 1
        isolate owner 1, owner 2, b
        a -> 1 within 4s",
    );
}

/// The same when it comes to one that is home no more, and may have what does not count.
#[test]
fn an_available_write_that_comes_to_a_former_home_does_not_bring_its_dead_write_back() {
    counts_twice_if_mixed(
        "a: INCR n
        wait 2ms
        isolate owner 1, owner 2, b
        a -> 1 within 4s
        available b: INCR n
        wait 500ms
        owner 2 holds n 1",
    );
}

/// The same when a home compares what it has with what an owner has that is in step.
#[test]
fn a_comparison_does_not_put_a_dead_write_beside_an_available_one() {
    counts_twice_if_mixed(
        "lose every Write from owner 2 to owner 1
        lose every Repair from owner 2 to owner 1
        lose every Ask from owner 1 to owner 3
        lose every Ask from owner 1 to owner 4
        lose every Ask from owner 1 to owner 5
        available b: INCR n
        wait 3500ms
        owner 2 holds n 1
        a: INCR n
        # It compares once in five seconds.
        wait 2s
        isolate owner 1, owner 2, b
        a -> 1 within 3s",
    );
}

/// The same with three owners: the available write is younger than the next home, which hears of it late.
#[test]
fn a_younger_available_write_does_not_bring_a_dead_write_of_a_former_home_back() {
    check(
        "owners 3
        settle
        # From now on b goes to owner 3.
        lose every Request from b to owner 1
        lose every Request from b to owner 2
        available b: GET x -> nil
        lose every Write from owner 1
        lose every Repair from owner 1
        a: INCR n
        wait 2ms
        isolate owner 1
        a -> 1 within 4s
        lose every Write from owner 3 to owner 2
        lose every Repair from owner 3 to owner 2
        lose every Ask from owner 2 to owner 1
        heal
        available b: INCR n
        wait 700ms
        # What owner 1 has is replaced now.
        free
        lose every Write from owner 3 to owner 2
        lose every Repair from owner 3 to owner 2
        wait 2s
        rest
        all hold n 2",
    );
}

/// The same at a home that has slept, and does not know yet that it is none.
#[test]
fn a_younger_available_write_does_not_bring_a_dead_write_of_a_paused_home_back() {
    check(
        "owners 3
        settle
        # From now on b goes to owner 3.
        lose every Request from b to owner 1
        lose every Request from b to owner 2
        available b: GET x -> nil
        lose every Write from owner 1
        lose every Repair from owner 1
        a: INCR n
        wait 2ms
        pause owner 1 for 3s
        a -> 1 within 4s
        lose every Write from owner 3 to owner 2
        lose every Repair from owner 3 to owner 2
        available b: INCR n
        wait 3s
        rest
        all hold n 2",
    );
}

/// The same at an owner that has the dead write and was cut off with the home.
#[test]
fn a_younger_available_write_does_not_bring_a_dead_write_of_another_owner_back() {
    check(
        "owners 5
        settle
        # From now on b goes to owner 3.
        lose every Request from b to owner 1
        lose every Request from b to owner 2
        available b: GET x -> nil within 3s
        lose every Write from owner 1 to owner 2
        lose every Write from owner 1 to owner 3
        lose every Write from owner 1 to owner 4
        lose every Repair from owner 1
        a: INCR n
        wait 5ms
        owner 5 holds n 1
        isolate owner 1, owner 5
        a -> 1 within 4s
        wait 400ms
        # Owner 5 comes back, and its new home does not reach it, nor hears of what b writes.
        isolate owner 1
        lose every Write from owner 3 to owner 2
        lose every Write from owner 3 to owner 4
        lose every Repair from owner 3 to owner 2
        lose every Repair from owner 3 to owner 4
        lose every Ask from owner 2 to owner 5
        available b: INCR n
        wait 700ms
        free
        lose every Write from owner 3 to owner 2
        lose every Write from owner 3 to owner 4
        lose every Repair from owner 3 to owner 2
        lose every Repair from owner 3 to owner 4
        wait 2s
        rest
        all hold n 2",
    );
}

/// Neither waits for the other for good, with no more owners up than are needed: the third one takes the strong
/// one first, and then the writer takes that.
#[test]
fn two_writes_that_are_kept_apart_are_both_acknowledged_when_the_third_owner_has_the_strong_one() {
    acknowledges_both("lose every Write from owner 2\nlose every Write from owner 1 to owner 2");
}

/// It takes the available one first, and then the home takes that.
#[test]
fn two_writes_that_are_kept_apart_are_both_acknowledged_when_the_third_owner_has_the_available_one() {
    acknowledges_both("lose every Write from owner 1\nlose every Write from owner 2 to owner 1");
}

}
