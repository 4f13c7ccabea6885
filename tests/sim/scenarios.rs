//! The hard cases of the cluster's protocol, each as a story: see [`kinring_tests::sim::script`].

use kinring_tests::sim::check;

#[cfg(feature = "mutants")]
pub use absent::STORIES as OF_ABSENT;
#[cfg(feature = "mutants")]
pub use fences::STORIES as OF_FENCES;
#[cfg(feature = "mutants")]
pub use found::STORIES as FOUND;
#[cfg(feature = "mutants")]
pub use guards::STORIES as OF_GUARDS;
#[cfg(feature = "mutants")]
pub use mixed::STORIES as OF_MIXED;
#[cfg(feature = "mutants")]
pub use unsettled::STORIES as UNSETTLED;
mod absent;
mod fences;
mod found;
mod guards;
mod mixed;
mod unsettled;

stories! {

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

/// It would take what the others acknowledge meanwhile.
#[test]
fn a_flush_needs_a_home_in_any_mode() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        isolate owner 1, a
        wait 1s
        available a: SET j w -> OK within 1s
        available a: FLUSHDB -> refused | unknown within 5s
        owner 1 holds k v1
        heal
        rest
        all hold k v1
        all hold j w",
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
fn a_round_settles_nothing_that_came_while_it_went_on_and_that_one_owner_lacks() {
    check(
        "owners 3, rounds every 2s
        settle
        a: SET k v1 -> OK
        hold every Ask from owner 1 to owner 2
        wait 2100ms
        # Owner 3 is done with. Now something is written that it does not get, and the home does.
        lose every Repair from owner 1 to owner 3
        lose every Repair from owner 2 to owner 3
        isolate owner 2, b
        available b: SET j w -> OK | unknown
        available b: SET k v2 -> OK within 1s
        heal
        until owner 1 holds k v2
        free
        deliver
        until owner 3 holds k v2 within 5s
        rest
        all hold k v2",
    );
}

}
