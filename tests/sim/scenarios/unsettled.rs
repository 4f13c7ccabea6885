//! What an owner is not to take for settled: stories of holders that were gone, and of actors that were,
//! before what they left was on enough owners.

use kinring_tests::sim::check;

stories! {

/// Promise 7. An owner that is told to be in step with a new holder is not to forget which keys were written
/// together in earlier tenures: that holder may have nobody else yet. Of five owners two have the transaction.
///
/// Owners 1 and 2 have it. Owner 1 gets a new term with 2 and 3, puts 2 in step, and is gone. Owner 4 begins to
/// take what owner 2 has, key by key; then that is gone too. The others show half of it.
#[test]
fn half_of_a_transaction_is_not_left_by_a_holder_that_was_never_settled() {
    let of = |value: &str| (0..100).map(|n| format!(" {{t}}{n} {value}")).collect::<String>();
    let keys: String = (0..100).map(|n| format!(" {{t}}{n}")).collect();
    let all = |value: &str| format!("[{}]", vec![format!("\"{value}\""); 100].join(" "));
    check(&format!(
        "owners 5
        settle
        # Owner 3 is in step with an earlier term than the others: nothing is taken from it.
        isolate owner 3
        crash owner 1
        start owner 1
        until owner 1 is home
        wait 2s
        a: MSET{} -> OK
        a: SET {{t}}z 1 -> OK
        a: SET {{t}}z 2 -> OK
        wait 1s
        lose every Ask from owner 1 to owner 3
        heal
        wait 1s
        owner 1 is home
        lose every Write from owner 1 to owner 4
        lose every Write from owner 1 to owner 5
        lose every Repair from owner 1
        a: MSET{}
        wait 5ms
        owner 2 holds {{t}}0 2
        owner 4 holds {{t}}0 1
        # Owner 1 loses its lease, and gets it again from 2 and 3.
        lose every Beat from owner 2 to owner 1
        lose every Beat from owner 3 to owner 1
        lose every Beat from owner 4 to owner 1
        lose every Beat from owner 5 to owner 1
        wait 620ms
        owner 1 is not home
        free
        lose every Write from owner 1
        lose every Repair from owner 1
        lose every Beat from owner 4 to owner 1
        lose every Beat from owner 5 to owner 1
        # It hears how owner 3 is, and gives it nothing.
        copy next Ask from owner 1 to owner 3
        lose every Ask from owner 1 to owner 3
        wait 600ms
        isolate owner 1, owner 3, a
        lose every Heartbeat from owner 2
        until owner 4 holds {{t}}0 2
        isolate owner 1, owner 2, a
        free
        b: MGET{keys} -> {} | {} within 6s",
        of("1"),
        of("2"),
        all("1"),
        all("2"),
    ));
}

/// Promise 8 (which holds in both modes). A home that loses its lease and gets it again notes by itself that it
/// is in step with its new term, and forgets what is in doubt of the former one, though no other owner has that.
///
/// Owner 1 alone has an INCR. It loses its lease, gets it again, takes what owner 2 has, and is cut off before it
/// gives anything. The INCR is tried again at owner 2 and executed there; at owner 1 an available one is executed
/// on top of the dead one, and brings that back.
#[test]
fn what_is_in_doubt_stays_so_when_its_home_steps_forward_alone() {
    check(
        "owners 3
        settle
        a: INCR n -> 1
        lose every Write from owner 1
        lose every Repair from owner 1
        lose every Response from owner 1
        a: INCR n
        wait 5ms
        owner 1 holds n 2
        lose every Beat from owner 2 to owner 1
        lose every Beat from owner 3 to owner 1
        wait 600ms
        owner 1 is not home
        free
        lose every Request from a to owner 1
        lose every Beat from owner 3 to owner 1
        copy next Ask from owner 1 to owner 2
        copy next Ask from owner 1 to owner 2
        copy next Ask from owner 1 to owner 2
        copy next Ask from owner 1 to owner 2
        copy next Ask from owner 1 to owner 2
        copy next Ask from owner 1 to owner 2
        copy next Ask from owner 1 to owner 2
        copy next Ask from owner 1 to owner 2
        copy next Ask from owner 1 to owner 2
        lose every Ask from owner 1 to owner 2
        wait 400ms
        isolate owner 1, b
        a -> 2
        owner 1 holds n 2
        wait 500ms
        available b: INCR n -> refused | 3 within 6s
        free
        rest
        a: GET n -> \"2\" | \"3\"",
    );
}

/// Liveness. An owner that is asked for what it has, while it is being put in step, gives that up. It is not in step
/// then, and says so to its holder, who gives it all anew at once: until then it makes no write safe.
#[test]
fn an_adoption_that_was_given_up_begins_again_at_once() {
    check(
        "owners 3
        settle
        a: SET k v1 -> OK
        isolate owner 1, b
        b: FLUSHDB
        b -> unknown
        a: GET k -> \"v1\" within 3s
        lose every Settle from owner 2 to owner 1
        heal
        until owner 2 is home
        wait 400ms
        wipe owner 3
        wait 400ms
        free
        until owner 3 holds k v1
        wait 700ms
        isolate owner 3
        a: SET k v2 -> OK within 3s",
    );
}

/// Promise 9. An actor without a lease of an earlier start is closed by a floor, too, or what was written by it and
/// deleted later would be remembered for ever.
#[test]
fn what_an_earlier_start_wrote_without_a_lease_is_forgotten_when_it_is_deleted() {
    check(
        "owners 3, rounds every 2s
        settle
        available a: SET k v -> OK
        crash owner 1
        start owner 1
        settle
        wait 5s
        a: DEL k -> 1
        wait 20s
        all hold k nothing
        rest
        wait 10s
        all forget k",
    );
}

}
