//! What holds one guard each: without it the story ends otherwise.

use kinring_tests::sim::check;

stories! {

/// Promise 1. Power fails between the log and the disk, at the owner that makes it a majority.
#[test]
fn what_is_not_yet_on_an_owners_disk_is_not_acknowledged() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        crash owner 3
        stall owner 2
        a: SET k v2
        wait 100ms
        # It has it, and not on its disk.
        owner 2 holds k v2
        isolate a
        crash owner 1
        crash owner 2
        start owner 2
        start owner 3
        b: GET k -> \"v1\" within 5s
        a -> unknown
        start owner 1
        rest",
    );
}

/// Promise 1. The same at the home, which counts itself.
#[test]
fn what_is_not_yet_on_the_homes_own_disk_is_not_acknowledged() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        crash owner 3
        stall owner 1
        a: SET k v2
        wait 100ms
        owner 2 holds k v2
        isolate a
        crash owner 1
        crash owner 2
        start owner 1
        start owner 3
        b: GET k -> \"v1\" within 5s
        a -> unknown
        start owner 2
        rest",
    );
}

/// Promise 8.
#[test]
fn a_request_that_comes_when_its_name_is_forgotten_is_void() {
    check(
        "owners 3
        settle
        hold next Request from a to owner 1
        # It is tried again under the same name.
        a: INCR n -> 1
        wait 10s
        b: SET x 1 -> OK
        deliver
        wait 100ms
        rest
        all hold n 1",
    );
}

/// Promise 4: two homes at a time.
#[test]
fn a_late_release_ends_no_grant_that_was_asked_for_after_it() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        # Owner 2 becomes home, and hands over to owner 1.
        isolate owner 1
        until owner 2 is home
        copy every Release from owner 2
        heal
        until owner 1 is home
        # It becomes home again, and cannot hand over.
        isolate owner 1
        free
        until owner 2 is home
        lose every Settled from owner 1
        heal
        wait 1s
        owner 2 is home
        b: GET k -> \"v1\"
        # Now comes what it said the first time.
        deliver
        wait 1ms
        isolate owner 2, b
        until owner 1 is home
        owner 2 is not home
        free
        rest
        all hold k v1",
    );
}

/// Promises 1 and 8. An owner has the write with its reply, and is not among those whom the next home
/// asks.
#[test]
fn who_asks_again_is_not_told_the_reply_of_a_write_that_is_dead() {
    check(
        "owners 5
        settle
        a: INCR n -> 1
        # For a only the first two are up.
        lose every Ping from a to owner 3
        lose every Ping from a to owner 4
        lose every Ping from a to owner 5
        wait 2s
        lose every Write from owner 1 to owner 3
        lose every Write from owner 1 to owner 4
        lose every Write from owner 1 to owner 5
        a: INCR n
        wait 5ms
        owner 2 holds n 2
        isolate owner 2, a
        crash owner 1
        b: INCR n -> 2 within 2s
        heal
        # What it had is replaced by what b wrote.
        until owner 2 is home
        a -> unknown
        owner 2 holds n 2
        start owner 1
        rest
        all hold n 2",
    );
}

/// The same of a home that reads its own dead write from its log.
#[test]
fn who_asks_again_is_not_told_the_reply_of_a_dead_write_that_is_in_the_log() {
    check(
        "owners 3
        settle
        a: INCR n -> 1
        isolate owner 1, a
        lose every Ping from a to owner 2
        lose every Ping from a to owner 3
        lose every Response from owner 1 to a
        wait 400ms
        a: INCR n
        wait 5ms
        b: INCR n -> 2 within 2s
        b: INCR n -> 3
        heal
        until owner 1 holds n 3
        wait 20ms
        crash owner 1
        start owner 1
        until owner 1 is home
        free
        lose every Ping from a to owner 2
        lose every Ping from a to owner 3
        a -> unknown
        rest
        all hold n 3",
    );
}

/// Promise 1. Without a lease, the owner of the slower clock takes a PERSIST in time.
#[test]
fn a_key_whose_time_another_clock_gives_still_is_not_ended() {
    check(
        "owners 3, sweeps every 50ms
        settle
        wait 10s
        # From now on b goes to owner 2.
        lose every Request from b to owner 1
        lose every Request from b to owner 3
        available b: GET x -> nil
        jump owner 1 ahead 350ms
        a: SET k v -> OK
        a: PEXPIRE k 1000 -> 1
        lose every Write from owner 1 to owner 2
        lose every Repair from owner 1 to owner 2
        wait 1100ms
        # Its time has come at owner 1, and not at owner 2.
        owner 1 holds k nothing
        available b: PERSIST k -> 1
        free
        a: GET k -> \"v\"
        rest
        all hold k v",
    );
}

/// Promise 9.
#[test]
fn what_has_expired_goes_though_nobody_asks_for_it() {
    check(
        "owners 3, rounds every 1s
        settle
        a: SET k v -> OK
        a: PEXPIRE k 200 -> 1
        until all forget k",
    );
}

/// Promise 8: what is dead would be joined.
#[test]
fn a_late_word_of_an_earlier_term_puts_nobody_back_in_step_with_it() {
    check(
        "owners 3, rounds every 1s
        settle
        a: INCR n -> 1
        copy next Settle from owner 1 to owner 3
        wait 3s
        free
        lose every Write from owner 1
        lose every Repair from owner 1
        a: INCR n
        wait 5ms
        # What owner 1 alone has is dead, and counts when it is tried again.
        isolate owner 1
        a -> 2
        free
        heal
        deliver
        wait 2ms
        isolate owner 2
        b: GET n -> \"2\" within 5s
        owner 1 is home
        rest
        all hold n 2",
    );
}

/// Promise 2. Nobody is left who knows that somebody lacks it.
#[test]
fn what_two_owners_were_given_without_a_lease_reaches_the_third_when_the_giver_is_gone() {
    check(
        "owners 3
        settle
        # From now on b goes to owner 2.
        lose every Request from b to owner 1
        lose every Request from b to owner 3
        available b: GET x -> nil
        lose every Write from owner 2 to owner 1
        lose every Repair from owner 2 to owner 1
        available b: SET k v -> OK
        wait 10ms
        owner 1 holds k nothing
        crash owner 2
        until owner 1 holds k v",
    );
}

/// Promise 8. What changed nothing leaves no trace, and the next one may execute it.
#[test]
fn only_the_node_that_was_asked_last_is_believed_about_a_write() {
    check(
        "owners 3
        settle
        a: SET k v0 -> OK
        hold next Response from owner 1 to a
        a: SETNX k v
        wait 20ms
        lose every Response from owner 1 to a
        # It is tried again where it was, until another one is home.
        isolate owner 1, a
        b: DEL k -> 1 within 2s
        lose every Response from owner 2 to a
        isolate owner 1
        until owner 2 holds k v within 4s
        heal
        deliver
        wait 5ms
        free
        a -> 1
        rest
        all hold k v",
    );
}

/// Promise 4: a transaction is there whole or not at all.
#[test]
fn what_was_written_together_stays_so_when_its_holder_says_again_that_all_is_in_step() {
    let keys = |value: &str| (0..100).map(|n| format!(" {{t}}{n}{value}")).collect::<String>();
    let all = |value: &str| format!("[{}]", vec![format!("\"{value}\""); 100].join(" "));
    check(&format!(
        "owners 5, rounds every 1s
        settle
        a: MSET{} -> OK
        copy next Settle from owner 1 to owner 2
        wait 3s
        free
        lose every Write from owner 1 to owner 3
        lose every Write from owner 1 to owner 4
        lose every Write from owner 1 to owner 5
        lose every Repair from owner 1
        a: MSET{}
        wait 5ms
        deliver
        wait 2ms
        owner 2 holds {{t}}0 2
        isolate a
        crash owner 1
        # The second one comes to give what it has, and is gone.
        until owner 3 holds {{t}}0 2
        isolate owner 2
        b: MGET{} -> {} | {} within 5s",
        keys(" 1"),
        keys(" 2"),
        keys(""),
        all("1"),
        all("2"),
    ));
}

}
