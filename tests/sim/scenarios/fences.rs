//! What must not count any more, or not yet: leases that ran out on their way, writes of former terms,
//! terms that are over, owners that are not in step.

use kinring_tests::sim::check;

stories! {

#[test]
fn grants_that_come_late_are_not_longer_for_it() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        hold every Beat from owner 2 to owner 1
        hold every Beat from owner 3 to owner 1
        wait 160ms
        # What it asks for from now on nobody hears.
        mute owner 1, a
        wait 200ms
        b: SET j w
        wait 200ms
        deliver
        b -> OK within 2s
        b: SET k v2 -> OK
        a: GET k -> refused
        heal
        free
        a: GET k -> \"v2\"
        rest
        all hold k v2",
    );
}

#[test]
fn a_write_of_a_term_that_is_over_is_not_taken_by_one_that_has_given_what_it_had() {
    check(
        "owners 3
        settle
        a: INCR n -> 1
        lose every Write from owner 1 to owner 2
        lose every Repair from owner 1
        hold every Write from owner 1 to owner 3
        a: INCR n
        wait 5ms
        lose every Settle from owner 2 to owner 3
        crash owner 1
        # The next home has taken what the third one had, and the third one does not know how it stands.
        wait 1500ms
        nobody is home
        deliver
        wait 5ms
        free
        # It is tried again, and counts once.
        a -> 2
        start owner 1
        rest
        all hold n 2",
    );
}

#[test]
fn a_term_that_others_have_passed_is_not_granted() {
    check(
        "owners 3
        settle
        b: INCR n -> 1
        isolate owner 1
        b: INCR n -> 2 within 2s
        owner 2 is home
        lose every Write from owner 2
        b: INCR n
        wait 5ms
        # The first owner knows nothing of the term of the second one.
        isolate owner 2
        free
        b -> 3
        owner 1 is home
        isolate owner 1
        b: GET n -> \"3\" within 2s
        owner 2 is home
        rest
        all hold n 3",
    );
}

#[test]
fn an_owner_that_is_not_in_step_yet_makes_no_write_safe() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        isolate owner 3
        crash owner 1
        start owner 1
        until owner 1 is home
        # The third one comes back when the second one goes.
        lose every Settle from owner 1 to owner 3
        isolate owner 2
        wait 300ms
        a: SET k v2
        wait 300ms
        crash owner 1
        heal
        a -> OK
        b: GET k -> \"v2\"
        start owner 1
        rest
        all hold k v2",
    );
}

#[test]
fn keys_that_were_written_together_stay_together_when_one_of_them_is_written_again() {
    check(
        "owners 3, durability everysec
        settle
        a: MSET {t}x 1 {t}y 1 -> OK
        lose every Write from owner 1
        b: MSET {t}x 2 {t}y 2
        wait 5ms
        free
        # It goes over what the others do not have: they ask for the key.
        a: APPEND {t}x 3 -> 2 within 100ms
        isolate b
        crash owner 1
        a: MGET {t}x {t}y -> [\"23\" \"2\"] within 2s
        start owner 1
        b -> unknown
        rest
        all hold {t}x 23
        all hold {t}y 2",
    );
}

#[test]
fn a_node_that_lost_its_last_writes_does_not_pass_for_one_that_has_them() {
    check(
        "owners 3
        settle
        # The second owner is left behind by a term.
        isolate owner 2
        crash owner 1
        start owner 1
        until owner 1 is home
        backup owner 1
        lose every Ask from owner 1 to owner 2
        lose every Settle from owner 1 to owner 2
        isolate owner 3
        available a: SADD s one -> 1 within 2s
        # It loses what it wrote, and gets back what the third one has.
        free
        heal
        restore owner 1
        wait 400ms
        isolate owner 1, a
        available a: SADD s two -> 1 within 3s
        heal
        rest
        a: SCARD s -> 2",
    );
}

#[test]
fn a_deadline_does_not_reach_what_was_written_elsewhere_meanwhile() {
    check(
        "owners 3
        settle
        isolate owner 1, a
        available a: SET k v1 -> OK within 2s
        available a: PEXPIRE k 1000 -> 1 within 1s
        available b: SET k v2 -> OK within 2s
        heal
        rest
        a: GET k -> \"v2\"
        wait 5s
        a: GET k -> \"v2\"
        rest
        all hold k v2",
    );
}

#[test]
fn a_hint_that_was_lost_on_its_way_is_sent_again() {
    check(
        "owners 3
        settle
        lose next Write from owner 1 to owner 3
        lose next Repair from owner 1 to owner 3
        a: SET k v1 -> OK
        # Sooner than everything is compared.
        until owner 3 holds k v1 within 1500ms
        rest
        all hold k v1",
    );
}

#[test]
fn a_deadline_that_is_taken_back_in_time_ends_nothing_where_the_clock_is_ahead() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        jump owner 3 ahead 400ms
        a: PEXPIRE k 1000 -> 1
        wait 800ms
        a: PERSIST k -> 1
        wait 2s
        jump owner 3 back 400ms
        rest
        all hold k v1",
    );
}

#[test]
fn what_a_hole_in_the_log_took_is_not_settled_there() {
    check(
        "owners 3, rounds every 1s
        settle
        a counts n for 600ms
        wait 3s
        isolate owner 3
        damage owner 3
        # It is compared with the others, and what all have seen they hold alike.
        wait 11s
        heal
        rest
        b counts n for 100ms",
    );
}

#[test]
fn a_floor_is_not_taken_before_the_data_that_it_speaks_of() {
    check(
        "owners 3, rounds every 1s
        settle
        a counts n for 100ms
        wait 3s
        # It hears from one owner how that is; its data comes later.
        lose every Answer from owner 1 to owner 3
        wipe owner 3
        wait 6s
        free
        rest
        b counts n for 100ms",
    );
}

}
