//! The hard cases of the cluster's protocol, each as a story: see [`kinring_tests::sim::script`].

use kinring_tests::sim::check;

#[test]
fn a_paused_home_is_replaced_and_comes_back_without_its_own_view_of_things() {
    check(
        "owners 3, durability always
        settle
        a: SET k v1 -> OK
        b: INCR n -> 1
        # Nobody else has what the home does now.
        lose every Write from owner 1
        a: INCR n
        wait 5ms
        pause owner 1 for 4s
        a2: GET k
        b: GET k -> \"v1\" within 2s
        b: SET k v2 -> OK within 2s
        # It is tried again where it was not executed, and counts once.
        a -> 2
        a2 -> \"v1\" | \"v2\"
        free
        # Awake again it answers nothing until it has what the others have.
        until owner 1 is home
        owner 1 holds k v2
        a: GET k -> \"v2\"
        rest
        all hold k v2
        all hold n 2",
    );
}

#[test]
fn a_paused_home_answers_nothing_that_it_was_asked_before() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        # Its own proxy reaches nobody else.
        isolate owner 1, a
        a: GET k -> \"v1\"
        pause owner 1 for 2s
        a: GET k
        b: SET k v2 -> OK within 2s
        a -> refused
        a: GET k -> refused
        heal
        a: GET k -> \"v2\"
        rest
        all hold k v2",
    );
}

#[test]
fn a_home_alone_with_a_proxy_answers_until_its_lease_ends_and_nothing_stale_after() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        isolate owner 1, a
        a: GET k -> \"v1\" within 20ms
        a: SET k lost
        wait 1ms
        # What nobody else has is shown to nobody.
        a2: GET k
        b: SET k v2 -> OK within 2s
        a3: GET k -> refused
        a -> unknown
        a2 -> refused
        owner 1 is not home
        b: GET k -> \"v2\" within 20ms
        heal
        a: GET k -> \"v2\"
        rest
        all hold k v2",
    );
}

#[test]
fn of_two_owners_both_are_needed_unless_clients_ask_for_less() {
    check(
        "owners 2
        settle
        a: SET k v1 -> OK
        crash owner 2
        wait 1s
        a: SET k v2 -> refused
        a: GET k -> refused
        available a: GET k -> \"v1\" within 1s
        available a: SET j w -> OK within 1s
        available a: GET j -> \"w\"
        start owner 2
        until home is home
        a: GET j -> \"w\"
        rest
        all hold k v1
        all hold j w",
    );
}

#[test]
fn of_two_owners_the_second_goes_on_for_those_who_ask_for_less() {
    check(
        "owners 2
        settle
        a: SET k v1 -> OK
        crash owner 1
        wait 1s
        a: GET k -> refused
        a: INCR n -> refused
        available a: SET k v2 -> OK within 1s
        start owner 1
        rest
        a: GET k -> \"v2\"
        a: INCR n -> 1
        all hold k v2",
    );
}

#[test]
fn what_was_deleted_while_an_owner_was_away_stays_deleted() {
    check(
        "owners 3, rounds every 1s
        settle
        a: SET k v1 -> OK
        all hold k v1
        crash owner 3
        a: DEL k -> 1
        # Nothing is settled without it.
        wait 20s
        start owner 3
        throughout 1s home holds k nothing
        until owner 3 holds k nothing
        a: GET k -> nil
        until all forget k
        rest
        a: GET k -> nil",
    );
}

#[test]
fn what_was_deleted_and_forgotten_stays_deleted_when_an_old_disk_is_put_back() {
    check(
        "owners 3, rounds every 1s
        settle
        a: SET k v1 -> OK
        wait 1s
        backup owner 3
        a: DEL k -> 1
        until all forget k
        restore owner 3
        throughout 5s owner 1 holds k nothing
        a: GET k -> nil
        rest
        all hold k nothing
        # It counts as an owner again.
        crash owner 2
        b: GET k -> nil
        crash owner 1
        start owner 2
        b: GET k -> nil",
    );
}

#[test]
fn a_retry_after_a_crash_of_a_home_that_alone_had_the_write_counts_once() {
    check(
        "owners 3
        settle
        a: INCR n -> 1
        lose every Write from owner 1
        lose every Repair from owner 1
        a: INCR n
        wait 300ms
        owner 1 holds n 2
        owner 2 holds n 1
        crash owner 1
        a -> 2
        start owner 1
        rest
        all hold n 2
        a: INCR n -> 3",
    );
}

#[test]
fn a_retry_after_a_crash_of_a_home_whose_owners_had_the_write_counts_once() {
    check(
        "owners 3
        settle
        a: INCR n -> 1
        # It is safe, and the home does not know.
        lose every Ack from owner 2
        lose every Ack from owner 3
        a: INCR n
        wait 300ms
        owner 2 holds n 2
        crash owner 1
        a -> 2
        start owner 1
        rest
        all hold n 2
        a: INCR n -> 3",
    );
}

#[test]
fn a_retry_after_a_lost_answer_counts_once() {
    check(
        "owners 3
        settle
        a: INCR n -> 1
        lose next Response from owner 1
        a: INCR n -> 2
        lose every Response from owner 1
        a: INCR n
        wait 20ms
        crash owner 1
        free
        a -> 3
        start owner 1
        rest
        all hold n 3",
    );
}

#[test]
fn a_write_that_was_never_tried_again_is_there_or_not_and_the_same_for_all() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        lose every Write from owner 1
        a: SET k v2
        isolate a
        wait 100ms
        crash owner 1
        b: GET k -> \"v1\" within 2s
        start owner 1
        throughout 5s owner 2 holds k v1
        a -> unknown
        rest
        # Nobody else had it, and nobody has seen it: it is dead.
        all hold k v1",
    );
}

#[test]
fn a_write_that_comes_again_after_all_is_settled_brings_nothing_back() {
    check(
        "owners 3, rounds every 1s
        settle
        copy next Write from owner 1 to owner 2
        a: SET k v1 -> OK
        a: DEL k -> 1
        until all forget k
        deliver
        throughout 3s all hold k nothing
        crash owner 1
        b: GET k -> nil
        start owner 1
        rest
        all hold k nothing",
    );
}

#[test]
fn a_write_that_comes_only_after_all_is_settled_brings_nothing_back() {
    check(
        "owners 3, rounds every 1s
        settle
        hold next Write from owner 1 to owner 3
        a: SET k v1 -> OK
        a: DEL k -> 1
        until all forget k
        deliver
        throughout 3s all hold k nothing
        a: SET k v2 -> OK
        rest
        all hold k v2",
    );
}

#[test]
fn a_write_of_a_former_home_that_comes_late_is_not_taken() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        hold every Write from owner 1
        a: SET k dead
        wait 5ms
        isolate owner 1, a
        b: SET k v2 -> OK within 2s
        heal
        deliver
        throughout 3s owner 2 holds k v2
        a -> unknown
        rest",
    );
}

#[test]
fn a_clock_two_minutes_ahead_mints_nothing_and_ends_no_key_early() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        a: PEXPIRE k 10000 -> 1
        jump owner 1 ahead 120s
        until owner 1 is not home within 200ms
        a: GET k -> \"v1\" within 2s
        a counts n for 1s
        throughout 4s owner 1 is not home
        a: GET k -> \"v1\"
        # It grants all the same: the others are not held up when one more is away.
        crash owner 2
        b: GET k -> \"v1\" within 2s
        owner 3 is home
        start owner 2
        until owner 2 is home
        b: GET k -> \"v1\"
        wait 10s
        a: GET k -> nil
        jump owner 1 back 120s
        rest
        all hold k nothing
        a counts n for 1s",
    );
}

#[test]
fn three_takeovers_in_a_row_lose_nothing_that_was_acknowledged() {
    check(
        "owners 3
        settle
        a counts n for 500ms
        crash home
        b counts n for 500ms
        start owner 1
        b counts n until owner 1 is home
        crash home
        a counts n for 500ms
        crash home
        start owner 1
        a counts n for 500ms
        start owner 2
        isolate home
        a counts n for 500ms
        rest
        a counts n for 100ms",
    );
}

#[test]
fn a_transaction_whose_home_dies_when_one_owner_has_it_is_there_whole() {
    check(
        "owners 3
        settle
        a: MSET {t}x 1 {t}y 1 -> OK
        lose every Write from owner 1 to owner 2
        lose every Ack from owner 3
        a: SET {t}x 2 ; SET {t}y 2
        wait 20ms
        isolate a
        crash owner 1
        b: MGET {t}x {t}y -> [\"2\" \"2\"]
        a -> unknown
        start owner 1
        rest
        all hold {t}x 2
        all hold {t}y 2",
    );
}

#[test]
fn a_transaction_that_no_other_owner_has_is_not_there_at_all() {
    check(
        "owners 3
        settle
        a: MSET {t}x 1 {t}y 1 -> OK
        lose every Write from owner 1
        a: SET {t}x 2 ; SET {t}y 2
        isolate a
        wait 20ms
        crash owner 1
        b: MGET {t}x {t}y -> [\"1\" \"1\"]
        start owner 1
        a -> unknown
        rest
        all hold {t}x 1
        all hold {t}y 1",
    );
}

#[test]
fn a_disk_wiped_while_another_owner_is_away_loses_nothing() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        a: SET j v1 -> OK
        crash owner 3
        a: SET k v2 -> OK
        a: DEL j -> 1
        wipe owner 2
        # One owner is left that has it: not enough to go on.
        until nobody is home within 1s
        a: SET k v3 -> refused
        a: GET k -> refused
        owner 1 holds k v2
        start owner 3
        b: GET k -> \"v2\" within 3s
        b: GET j -> nil
        b: SET k v4 -> OK
        rest
        all hold k v4
        all hold j nothing",
    );
}

#[test]
fn a_flush_that_nobody_acknowledged_takes_nothing_of_what_others_wrote() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        a: SET j v1 -> OK
        isolate owner 1, a
        a: FLUSHDB
        b: SET k v2 -> OK within 2s
        a -> unknown
        b: GET j -> \"v1\"
        heal
        until owner 1 holds k v2
        rest
        all hold k v2
        all hold j v1",
    );
}

#[test]
fn a_flush_that_was_acknowledged_takes_what_an_absent_owner_brings_back() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        crash owner 3
        a: FLUSHDB -> OK
        a: SET j v2 -> OK
        start owner 3
        rest
        all hold k nothing
        all hold j v2",
    );
}

#[test]
fn a_handover_back_is_seen_by_no_client() {
    check(
        "owners 3
        settle
        a counts n for 200ms
        crash owner 1
        a counts n for 3s
        owner 2 is home
        start owner 1
        a counts n until owner 1 is home
        b counts n for 200ms
        rest
        b counts n for 200ms",
    );
}

#[test]
fn an_owner_that_comes_back_to_one_that_waited_for_it_ends_the_wait() {
    check(
        "owners 2
        settle
        a: SET k v1 -> OK
        crash owner 2
        wait 5s
        start owner 2
        a: GET k -> \"v1\" within 2s
        rest",
    );
}

#[test]
fn a_majority_that_is_there_again_has_a_home_soon() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        crash owner 2
        crash owner 3
        wait 5s
        start owner 2
        a: GET k -> \"v1\" within 2s
        rest",
    );
}

#[test]
fn a_home_whose_disk_is_always_busy_stays_home() {
    check(
        "owners 3, durability always
        settle
        a hurries n for 3s",
    );
}

#[test]
fn a_flush_that_left_with_the_repair_of_another_key_is_not_repeated() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        lose every Write from owner 1
        b: SET j w
        wait 100ms
        a: FLUSHDB
        # What b wrote has been sent again, and the flush was in it.
        wait 120ms
        isolate a
        crash owner 1
        b -> unknown | OK
        b: GET k -> nil within 2s
        b: SET k v2 -> OK
        heal
        a -> OK | unknown
        b: GET k -> \"v2\"
        start owner 1
        rest
        all hold k v2",
    );
}

#[test]
fn what_a_new_home_gave_replaces_nothing_when_it_comes_again() {
    check(
        "owners 3, durability always
        settle
        a: SET k v1 -> OK
        isolate owner 3
        crash owner 1
        start owner 1
        a: SET k v2 -> OK within 5s
        until owner 1 is home
        # Owner 3 was in step with an earlier home: what it has is replaced.
        copy every Ask from owner 1 to owner 3
        heal
        until owner 3 holds k v2
        wait 1s
        a: SET k v3 -> OK
        a: SET j w -> OK
        until owner 3 holds k v3
        crash owner 2
        deliver
        throughout 1s owner 3 holds k v3
        owner 3 holds j w
        start owner 2
        rest
        all hold k v3",
    );
}

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

#[test]
fn half_of_a_transaction_is_not_left_when_its_replacement_stops() {
    half_adopted(0);
}
