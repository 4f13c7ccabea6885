//! Faults that were found by reading, each as a story.

use kinring_tests::sim::check;

/// A transaction of a hundred keys that nobody else has; its home begins to take what another one has,
/// and is kept from going on. `probe` is a key that it has taken by then.
fn half_adopted(probe: usize) {
    let of = |value: &str| {
        let pairs = (0..100).map(|n| format!(" {{t}}{n} {value}"));
        pairs.collect::<String>()
    };
    let keys: String = (0..100).map(|n| format!(" {{t}}{n}")).collect();
    let all = |value: &str| format!("[{}]", vec![format!("\"{value}\""); 100].join(" "));
    check(&format!(
        "owners 3
        settle
        a: MSET{} -> OK
        a: SET {{t}}z 1 -> OK
        a: SET {{t}}z 2 -> OK
        wait 1s
        lose every Write from owner 1
        lose every Repair from owner 1
        a: MSET{}
        wait 5ms
        isolate owner 1, a
        # Owner 2 takes what counts, and does not come to give it to owner 3.
        copy next Ask from owner 2 to owner 3
        copy next Ask from owner 2 to owner 3
        copy next Ask from owner 2 to owner 3
        lose every Ask from owner 2 to owner 3
        wait 1200ms
        a -> unknown
        # Owner 1 is next, and begins to take what owner 2 has.
        lose every Heartbeat from owner 2
        isolate owner 3
        until owner 1 holds {{t}}{probe} 1
        isolate owner 2
        free
        b: MGET{keys} -> {} | {} within 5s",
        of("1"),
        of("2"),
        all("1"),
        all("2"),
    ));
}

stories! {

#[test]
fn a_wiped_owner_grants_no_term_older_than_what_it_got_back() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        # Owner 1 is away for some terms, and hears of none of them.
        isolate owner 1
        b: SET k v2 -> OK within 5s
        crash owner 2
        start owner 2
        b: SET k v3 -> OK within 5s
        crash owner 2
        start owner 2
        b: SET k v4 -> OK within 5s
        crash owner 2
        start owner 2
        b: SET k v5 -> OK within 5s
        wait 1s
        # The link between 1 and 2 stays down; owner 3 has a new disk and reaches both.
        lose every Heartbeat from owner 1 to owner 2
        lose every Heartbeat from owner 2 to owner 1
        wipe owner 3
        heal
        wait 300ms
        owner 3 holds k v5
        isolate owner 2
        b: GET k -> \"v5\" within 5s
        b: SET k v6 -> OK
        owner 1 holds k v6
        owner 3 holds k v6
        isolate owner 1
        b: GET k -> \"v6\" within 5s
        rest
        all hold k v6",
    );
}

#[test]
fn a_grantor_that_has_lost_its_data_is_not_asked_with_whom_it_was_in_step() {
    check(
        "owners 3, durability everysec
        settle
        a: SET k v1 -> OK
        wait 2s
        isolate owner 1
        b: SET k v2 -> OK within 5s
        owner 2 holds k v2
        owner 3 holds k v2
        # Owner 1 is granted by owner 3, and has not heard yet how that one is.
        lose every Answer from owner 3 to owner 1
        isolate owner 2
        wait 1100ms
        crash owner 3
        free
        start owner 3
        wait 20ms
        heal
        # Owner 2 never lost anything.
        b: GET k -> \"v2\" within 5s
        rest
        all hold k v2",
    );
}

#[test]
fn what_is_taken_is_of_the_start_that_was_asked() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        isolate owner 1
        b: SET k v2 -> OK within 5s
        # Owner 1 hears how owner 3 is; what it asks next does not arrive in time.
        copy next Ask from owner 1 to owner 3
        lose every Ask from owner 1 to owner 3
        isolate owner 2
        wait 1100ms
        free
        lose every Heartbeat from owner 3 to owner 1
        lose every Beat from owner 3 to owner 1
        wipe owner 3
        wait 250ms
        free
        heal
        b: GET k -> \"v2\" within 5s
        rest
        all hold k v2",
    );
}

#[test]
fn a_dead_write_does_not_come_back_with_one_without_a_lease() {
    check(
        "owners 3
        settle
        a: INCR n -> 1
        # Nobody else has this one: it is dead when owner 1 is replaced, and a's retry counts.
        lose every Write from owner 1
        lose every Repair from owner 1
        a: INCR n
        wait 5ms
        isolate owner 1, b
        a -> 2
        owner 1 holds n 2
        owner 2 holds n 2
        wait 1s
        available b: INCR n -> refused within 6s
        free
        rest
        all hold n 2",
    );
}

#[test]
fn an_unleased_write_that_came_during_a_round_is_not_ended_by_its_floor() {
    check(
        "owners 3, rounds every 2s
        settle
        isolate owner 2, b
        wait 1s
        # From now on b goes to owner 2.
        available b: SET x 1 -> OK within 2s
        heal
        settle
        # A round waits for owner 2, and is done with owner 3.
        lose every Ask from owner 1 to owner 2
        wait 3s
        lose every Write from owner 2 to owner 3
        lose every Repair from owner 2 to owner 3
        lose every Repair from owner 1 to owner 3
        available b: SET k u -> OK
        wait 10ms
        owner 1 holds k u
        owner 2 holds k u
        owner 3 holds k nothing
        free
        lose every Write from owner 2 to owner 3
        lose every Repair from owner 2 to owner 3
        lose every Repair from owner 1 to owner 3
        wait 1s
        free
        rest
        wait 10s
        all hold k u",
    );
}

#[test]
fn a_full_home_that_pulls_goes_on() {
    let mut script = String::from(
        "owners 3
        settle
        isolate owner 3, b
        wait 1s
        available b: SET u 1 -> OK within 2s
        lose every Write from owner 3
        lose every Repair from owner 3
        lose every Ack from owner 2
        lose every Ack from owner 3
        lose every Answer from owner 2
        ",
    );
    for n in 0..4096 {
        script += &format!("a{n}: SET k {n}\n");
    }
    script += "heal
        wait 3s
        rest";
    check(&script);
}

#[test]
fn a_clock_ahead_that_nobody_could_judge_ends_no_key_of_others_early() {
    check(
        "owners 3
        settle
        a: SET {t}k v1 -> OK
        a: PEXPIRE {t}k 100000 -> 1
        crash owner 3
        jump owner 3 ahead 1000s
        isolate owner 3, b
        start owner 3
        wait 1s
        available b: SET {t}j w -> refused within 6s
        heal
        wait 3s
        a: GET {t}k -> \"v1\" within 3s",
    );
}

#[test]
fn a_dead_flush_does_not_come_with_a_write_without_a_lease() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        isolate owner 1, b
        b: FLUSHDB
        b -> unknown
        a: GET k -> \"v1\" within 3s
        available b: SET u 1 -> refused within 6s
        # What owner 1 has is replaced a little later.
        lose every Ask from owner 2 to owner 1
        heal
        wait 1s
        free
        a: GET k -> \"v1\" within 3s
        rest
        all hold k v1",
    );
}

#[test]
fn a_retry_without_a_lease_is_answered_no_earlier_than_the_first_try() {
    check(
        "owners 3
        settle
        # All are up, and no two owners are known to have it.
        lose every Ack from owner 1
        lose every Ack from owner 2
        lose every Ack from owner 3
        available a: SET k v -> unknown within 6s",
    );
}

#[test]
fn a_retry_without_a_lease_is_on_two_owners_when_it_is_answered() {
    check(
        "owners 3, durability everysec
        settle
        lose every Write from owner 1
        lose every Repair from owner 1
        available a: SET k v
        wait 600ms
        owner 1 holds k v
        owner 2 holds k nothing
        owner 3 holds k nothing
        crash owner 1
        wait 1s
        start owner 1
        # It was not acknowledged.
        a -> unknown | refused",
    );
}

#[test]
fn what_two_disks_have_is_not_replaced_by_what_an_absent_owner_had() {
    check(
        "owners 3, durability everysec
        settle
        a: SET k v1 -> OK
        wait 2s
        isolate owner 3
        a: SET k v2 -> OK within 5s
        # It is on the disks of both.
        wait 5s
        crash owner 1
        crash owner 2
        start owner 1
        start owner 2
        heal
        a: GET k -> \"v2\" within 5s
        rest
        all hold k v2",
    );
}

#[test]
fn a_retry_is_not_told_what_a_dead_write_had_shown() {
    check(
        "owners 3
        settle
        lose next Write from owner 1 to owner 2
        lose every Write from owner 1 to owner 3
        lose every Repair from owner 1
        a: SET {t}j dead
        wait 2ms
        b: GET {t}j ; SET {t}k 1
        wait 20ms
        owner 2 holds {t}k 1
        owner 2 holds {t}j nothing
        isolate a
        crash owner 1
        b -> nil OK | unknown
        b: GET {t}j -> nil within 3s",
    );
}

#[test]
fn who_knows_the_name_of_a_request_and_its_reply_has_its_effect() {
    check(
        "owners 3, rounds every 2s
        settle
        a: INCR n -> 1
        # A round has asked owner 2 whether all is equal, and it is.
        lose every Answer from owner 2 to owner 1
        wait 2500ms
        lose every Write from owner 1
        lose every Repair from owner 1
        a: INCR n
        wait 2ms
        owner 1 holds n 2
        free
        lose every Write from owner 1
        lose every Repair from owner 1
        wait 250ms
        crash owner 1
        a -> 2
        b: GET n -> \"2\"",
    );
}

#[test]
fn a_dead_write_of_a_long_key_is_replaced_too() {
    let key = "k".repeat(1_000);
    check(&format!(
        "owners 3
        settle
        lose every Write from owner 1
        lose every Repair from owner 1
        a: SET {key} v
        isolate a
        wait 100ms
        crash owner 1
        b: GET {key} -> nil within 2s
        a -> unknown
        free
        heal
        start owner 1
        until owner 1 is home
        b: GET {key} -> nil
        rest
        all hold {key} nothing"
    ));
}

#[test]
fn a_dead_write_stays_dead_when_all_have_lost_power() {
    check(
        "owners 3, durability everysec
        settle
        a: INCR n -> 1
        lose every Write from owner 1
        lose every Repair from owner 1
        a: INCR n
        # It is on its disk, and nowhere else.
        wait 1500ms
        owner 1 holds n 2
        owner 2 holds n 1
        crash owner 1
        a -> 2
        wait 2s
        owner 2 holds n 2
        owner 3 holds n 2
        crash owner 2
        crash owner 3
        start owner 1
        start owner 2
        start owner 3
        rest
        all hold n 2",
    );
}

#[test]
fn half_of_a_transaction_is_not_left_when_its_replacement_stops() {
    half_adopted(0);
}

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

/// Promises 2 and 3. A flush that does not count has reached a second one of five owners. What is written on
/// top of it there without a lease has not seen what the flush removed; sent to others, it took that away.
#[test]
fn a_dead_flush_at_a_second_owner_takes_nothing_away_by_an_available_write() {
    check(
        "owners 5, rounds every 2s
        settle
        a: HSET {t}h f1 1 -> 1
        a: SET {t}k2 v -> OK
        wait 8s
        lose every Write from owner 1 to owner 3
        lose every Write from owner 1 to owner 4
        lose every Write from owner 1 to owner 5
        lose every Repair from owner 1
        b: FLUSHDB
        wait 20ms
        isolate owner 1, owner 2, b
        b -> unknown
        a: HGET {t}h f1 -> \"1\" within 4s
        free
        available b: HSET {t}h f2 1
        a: HGET {t}h f1 -> \"1\" within 4s
        heal
        rest
        a: GET {t}k2 -> \"v\" within 4s
        a: HGET {t}h f1 -> \"1\" within 4s
        b -> 1 within 6s",
    );
}

/// The same at the home itself, after it has started again.
#[test]
fn a_dead_flush_of_a_home_that_starts_again_takes_nothing_away_by_an_available_write() {
    check(
        "owners 5, rounds every 2s
        settle
        a: HSET {t}h f1 1 -> 1
        a: SET {t}k2 v -> OK
        wait 8s
        isolate owner 1, owner 2, b
        b: FLUSHDB
        b -> unknown
        a: HGET {t}h f1 -> \"1\" within 4s
        crash owner 1
        start owner 1
        wait 2s
        available b: HSET {t}h f2 1
        a: HGET {t}h f1 -> \"1\" within 4s
        heal
        rest
        a: GET {t}k2 -> \"v\" within 4s
        a: HGET {t}h f1 -> \"1\" within 4s
        b -> 1 within 6s",
    );
}

#[test]
fn the_clock_of_an_owner_that_nobody_has_told_the_time_is_not_settled() {
    check(
        "owners 3, rounds every 1s
        settle
        crash owner 3
        jump owner 3 ahead 120s
        lose every Beat from owner 1 to owner 3
        lose every Beat from owner 2 to owner 3
        start owner 3
        # It is asked for its clock in a round, and says nothing that comes of its wall clock.
        wait 4s
        a: SET k v -> OK
        a: PEXPIRE k 500 -> 1
        wait 1s
        a: GET k -> nil",
    );
}

}
