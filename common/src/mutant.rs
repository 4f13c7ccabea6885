//! Ways to break the protocol, one at a time: what the simulator must find.
//!
//! Only a build with the feature `mutants` has them; in any other, [`Mutant::is_on`] is `false` where it
//! is compiled and nothing of this is left.

/// One list of them all.
macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One way to break it. Each names the place that asks for it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutant {
            $($(#[$doc])* $name,)*
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Mutant] = &[$(Mutant::$name,)*];
        }
    };
}

mutants! {
    /// A write is acknowledged before it is on W owners.
    AckBeforeW,
    /// An owner takes a delta's context as the record's, and so loses what the delta does not mention.
    DeltaContextJoined,
    /// A delta is applied although something before it is missing.
    GapApplied,
    /// A removal mints no dot.
    RemovalWithoutDot,
    /// A node that lost a tail of its writes writes on under the same name. A home has a second line of
    /// defence: what it takes and gives is put in the place of what others have of that tail, and it
    /// mints above all of it. What is written without a lease has no other than the name.
    SameActorAfterLostTail,
    /// A holder counts its lease from the answer instead of from the request.
    LeaseFromAnswer,
    /// The lease is not looked at again when a reply leaves.
    ReplyWithoutLease,
    /// A home answers before it has exchanged with its grantors.
    ReadBeforeSettled,
    /// A takeover takes what everybody has, and lets them keep it.
    NoFence,
    /// An owner takes and acknowledges writes of an earlier term, until it is in step with a later one.
    FencedWriteAcked,
    /// A read shows what is not yet on W owners.
    UnackedShown,
    /// A tombstone goes before the floor has passed it.
    TombstoneDroppedEarly,
    /// A floor is logged before the data that it covers.
    FloorBeforeData,
    /// Data was quarantined, and the floor kept.
    FloorKeptWithoutData,
    /// A hint goes when it is sent, not when it is acknowledged.
    HintDroppedWhenSent,
    /// An owner that is no home mints expire events.
    ExpiryByReplica,
    /// An expiry removes a value that its issuer had not seen.
    ExpiryOfUnseen,
    /// A node mints although its clock is far ahead, and others take that.
    ClockAheadAccepted,
    /// An exchange forgets flushes.
    CutForgotten,
    /// A retry comes under a new name.
    RetryUnderNewId,
    /// An owner takes half of a batch and acknowledges it.
    HalfBatchAcked,
    /// An owner grants before what it granted earlier has run out.
    GrantAfterRestart,
    /// A node that lost its data grants and exchanges as if it had it.
    LossyCountsAsWhole,
    /// A floor is settled without one of the owners. It closes nobody: to close one who was not asked
    /// would break a law that is asserted, that a minted dot is new.
    FloorWithoutAll,
    /// An owner grants a term although it has granted a later one.
    StaleTermGranted,
    /// An owner that lost its data and got it back grants terms below those that it granted before.
    GrantsForgotten,
    /// Keys that were written together travel one by one.
    BondsForgotten,
    /// An owner takes a holder's writes before it is in step with it.
    WriteBeforeStep,
    /// An owner takes the floor of an exchange at its start.
    FloorBeforeExchange,
    /// An owner says that it has a large record before it has pulled it.
    PullNotAwaited,
    /// A large record is taken without the keys that it was written together with.
    PulledAlone,
    /// A node says what is not yet on its disk.
    AckBeforeDurable,
    /// A coordinator counts itself among those who have a write before that is on its disk.
    OwnBeforeDurable,
    /// A request is executed after the time at which it is void.
    LateRequestExecuted,
    /// A request is executed by another start of a node than it was sent to.
    RequestOfEarlierStart,
    /// A late message that gives a group back ends a grant that was asked for after it.
    LateReleaseTaken,
    /// A holder counts its lease as long as its grantors do, whose clocks may be faster.
    LeaseHeldLonger,
    /// The reply of a write whose home has lost its lease is told to who tries it again.
    AbandonedReplyTold,
    /// The reply of a write that may not count is told to who tries it again.
    DeadReplyTold,
    /// An exchange brings effects without the names of the requests that made them.
    NamesNotExchanged,
    /// Expire events are minted while the clocks of others may say that there is time left.
    ExpireEventEarly,
    /// Nothing ends keys that nobody asks for.
    NothingSwept,
    /// A home says that a key has expired, and says so to nobody else.
    AbsentWithoutEvent,
    /// An owner is in step with the holder of a term that it has not granted last.
    SettleOfAnyTerm,
    /// A write that there was no room to note is not noted as missed.
    OverflowForgotten,
    /// An owner counts as in step by what an earlier start of it said.
    SettledOfAnyStart,
    /// A home compares with an owner once, and never again.
    NeverComparedAgain,
    /// A node takes writes of any clock.
    AnyClockTaken,
    /// A proxy believes a node about a write although it has asked another one since.
    AnyNodeBelieved,
    /// An owner that is put in step forgets what was written together in this tenure.
    BondsEndEarly,
    /// An owner takes what was written without a lease beside a leased write that may be dead.
    MixedWithDoubt,
    /// A home that compares does not wait until what an owner wrote without a lease is on others, too.
    MixedByComparison,
    /// What an earlier start of an owner wrote without a lease is taken from its own late message, while its
    /// actor is being closed.
    EndedTaken,
    /// Digests say what lives, and not what was seen: a tombstone weighs nothing.
    LeafWithoutContexts,
    /// A floor round settles what the wall clock of an owner shows that is known to be wrong, or may be.
    WrongClockSettled,
    /// A try that was refused is executed when it comes once more.
    RefusalForgotten,
}

impl Mutant {
    /// Whether the protocol is broken in this way now.
    #[inline]
    pub fn is_on(self) -> bool {
        #[cfg(feature = "mutants")]
        return current::get() == Some(self);
        #[cfg(not(feature = "mutants"))]
        return false;
    }
}

#[cfg(feature = "mutants")]
pub use current::set;

#[cfg(feature = "mutants")]
mod current {
    use super::Mutant;
    use std::cell::Cell;

    thread_local! {
        static CURRENT: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Breaks the protocol in one way, for this thread.
    pub fn set(mutant: Option<Mutant>) {
        CURRENT.set(mutant);
    }

    pub(super) fn get() -> Option<Mutant> {
        CURRENT.get()
    }
}
