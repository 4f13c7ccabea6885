//! The command table: one row a command, subcommands included. It is the one source of truth:
//! routing, arity, key positions, `COMMAND`, ACL categories and the docs all read it.
//!
//! Rows lie in one file a group under `table/`; a command that is not executed has no row.
//! Names are found through a hash index that the compiler builds, so a lookup allocates nothing
//! and touches one or two cache lines.
//!
//! Invariant, checked when compiling: row `i` is the row of the command with discriminant `i`, and
//! each subcommand follows its container.

pub mod category;
mod connection;
pub mod flag;
mod generic;
mod hash;
mod index;
mod keys;
mod list;
mod server;
mod set;
mod sorted_set;
mod string;
#[cfg(test)]
mod tests;
mod transactions;

pub use index::{find, find_full, find_in_request, find_subcommand, resolve};
pub use keys::{Begin, Find, KeyRange, KeyRanges, KeySpec, Keys, KeysError, key};

use super::docs::{Arg, Docs};

/// Declares [`Command`] with the list of all its variants.
macro_rules! commands {
    ($($variant:ident)*) => {
        /// Every command and subcommand that is executed, in the order of [`TABLE`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "a variant means the command of its name")]
        #[repr(u16)]
        pub enum Command { $($variant),* }

        impl Command {
            /// All of them, in the order of [`TABLE`].
            pub const ALL: &'static [Command] = &[$(Command::$variant),*];
        }
    };
}

commands! {
    // connection
    Hello Auth Ping Echo Select Quit Reset
    Client ClientId ClientInfo ClientList ClientGetName ClientSetName ClientSetInfo ClientKill
    ClientReply ClientNoEvict ClientNoTouch ClientHelp
    // server
    Command CommandCount CommandList CommandInfo CommandDocs CommandGetKeys CommandGetKeysAndFlags
    CommandHelp Info Config ConfigGet ConfigSet ConfigResetStat ConfigHelp DbSize FlushDb FlushAll
    Time Shutdown
    // transactions
    Multi Exec Discard Watch Unwatch
    // generic
    Del Unlink Exists Touch Type Keys Scan RandomKey Rename Expire PExpire ExpireAt PExpireAt
    ExpireTime PExpireTime Ttl PTtl Persist
    // string
    Set Get GetDel GetEx GetSet SetNx SetEx PSetEx MGet MSet MSetNx Append StrLen Incr Decr IncrBy
    DecrBy IncrByFloat
    // hash
    HSet HGet HGetAll HDel HExists HLen
    // list
    LPush RPush LPop RPop LLen LRange
    // set
    SAdd SRem SMembers SIsMember SCard
    // sorted set
    ZAdd ZRem ZRange ZScore ZCard
}

impl Command {
    /// The row of this command.
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

/// One command or subcommand.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What an executor matches on.
    pub run: Command,
    /// Lower case, a subcommand with its container: `get`, `client|setname`.
    pub name: &'static str,
    /// The container of a subcommand.
    pub parent: Option<Command>,
    /// Who executes it.
    pub place: Place,
    /// Words in the request, the name included; `-n` means at least `n`.
    pub arity: i8,
    /// Bits of [`flag`].
    pub flags: u32,
    /// Bits of [`category`], those that Redis derives from the flags included.
    pub categories: u32,
    /// The chapter of the documentation.
    pub group: Group,
    /// Where the keys stand in a request.
    pub keys: &'static [KeySpec],
    /// Hints for proxies and clients, as `COMMAND INFO` shows them.
    pub tips: &'static [&'static str],
    /// What `COMMAND DOCS` says.
    pub docs: Docs,
}

/// Who executes a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It reads or writes keys: it needs partitions, all of them where it names no key.
    Keyspace,
    /// It concerns the connection or the server only; its keys, if any, are watched, not touched.
    Session,
}

/// The chapters of the Redis documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant means the chapter of its name")]
pub enum Group {
    Connection,
    Server,
    Transactions,
    Generic,
    String,
    Hash,
    List,
    Set,
    SortedSet,
}

impl Row {
    /// Whether a request of so many words, the name included, is one for this command.
    pub fn arity_ok(&self, argc: usize) -> bool {
        let words = usize::from(self.arity.unsigned_abs());
        if self.arity >= 0 { argc == words } else { argc >= words }
    }

    /// Whether all of these bits of [`flag`] are set.
    pub const fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }

    /// It may change a key.
    pub const fn is_write(&self) -> bool {
        self.has(flag::WRITE)
    }

    /// It reads keys and changes none.
    pub const fn is_readonly(&self) -> bool {
        self.has(flag::READONLY)
    }

    /// Each key that it looks at is a hit or a miss; of other commands those are that their replies
    /// show. A walk is none: only what it looks at for the type counts.
    pub fn counts_looks(&self) -> bool {
        self.is_readonly() && self.run != Command::Scan
    }

    /// It names keys in its arguments.
    pub const fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Its subcommands; none for a command that is no container.
    pub fn subcommands(&self) -> &'static [Row] {
        let start = self.run as usize + 1;
        let count = TABLE[start..].iter().take_while(|row| row.parent == Some(self.run)).count();
        &TABLE[start..start + count]
    }

    const fn new(run: Command, name: &'static str, arity: i8, group: Group, place: Place) -> Row {
        let docs = Docs::EMPTY;
        let categories = group.category() | category::SLOW;
        let (parent, flags) = (None, 0);
        Row {
            run,
            name,
            parent,
            place,
            arity,
            flags,
            categories,
            group,
            keys: &[],
            tips: &[],
            docs,
        }
    }

    /// Since which Redis it exists, what it costs, what it does.
    const fn about(mut self, since: &'static str, cost: &'static str, what: &'static str) -> Row {
        (self.docs.since, self.docs.complexity, self.docs.summary) = (since, cost, what);
        self
    }

    /// Sets the flags, and the ACL categories that Redis derives from them.
    const fn flags(mut self, flags: u32) -> Row {
        self.flags |= flags;
        let derived = [
            (flag::WRITE, category::WRITE),
            (flag::READONLY, category::READ),
            (flag::ADMIN, category::ADMIN | category::DANGEROUS),
            (flag::PUBSUB, category::PUBSUB),
            (flag::FAST, category::FAST),
            (flag::BLOCKING, category::BLOCKING),
        ];
        let mut i = 0;
        while i < derived.len() {
            if flags & derived[i].0 != 0 {
                self.categories |= derived[i].1;
            }
            i += 1;
        }
        if self.categories & category::FAST != 0 {
            self.categories &= !category::SLOW;
        }
        self
    }

    /// Adds ACL categories to those of the group and the flags.
    const fn acl(mut self, categories: u32) -> Row {
        self.categories |= categories;
        self
    }

    /// A command that only holds others has no category of its own: they have.
    const fn container(mut self) -> Row {
        self.categories &= !self.group.category();
        self
    }

    const fn under(mut self, parent: Command) -> Row {
        self.parent = Some(parent);
        self
    }

    const fn keys_at(mut self, keys: &'static [KeySpec]) -> Row {
        self.keys = keys;
        self
    }

    const fn tips(mut self, tips: &'static [&'static str]) -> Row {
        self.tips = tips;
        self
    }

    const fn args(mut self, args: &'static [Arg]) -> Row {
        self.docs.args = args;
        self
    }

    const fn history(mut self, history: &'static [(&'static str, &'static str)]) -> Row {
        self.docs.history = history;
        self
    }

    const fn deprecated(mut self, since: &'static str, replaced_by: &'static str) -> Row {
        self.docs.deprecated = Some((since, replaced_by));
        self
    }
}

impl Group {
    /// As `COMMAND DOCS` writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Transactions => "transactions",
            Group::Generic => "generic",
            Group::String => "string",
            Group::Hash => "hash",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
        }
    }

    /// The ACL category that the commands of the group share, 0 if none.
    const fn category(self) -> u32 {
        match self {
            Group::Connection => category::CONNECTION,
            Group::Server => 0,
            Group::Transactions => category::TRANSACTION,
            Group::Generic => category::KEYSPACE,
            Group::String => category::STRING,
            Group::Hash => category::HASH,
            Group::List => category::LIST,
            Group::Set => category::SET,
            Group::SortedSet => category::SORTEDSET,
        }
    }
}

const GROUPS: [&[Row]; 9] = [
    connection::ROWS,
    server::ROWS,
    transactions::ROWS,
    generic::ROWS,
    string::ROWS,
    hash::ROWS,
    list::ROWS,
    set::ROWS,
    sorted_set::ROWS,
];

/// Every row, at the discriminant of its command.
pub static TABLE: [Row; Command::ALL.len()] = {
    let mut table = [connection::ROWS[0]; Command::ALL.len()];
    let (mut at, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut i = 0;
        while i < GROUPS[group].len() {
            let row = GROUPS[group][i];
            assert!(row.run as usize == at, "rows stand in the order of the enum");
            if let Some(parent) = row.parent {
                let before = table[at - 1];
                let follows = before.run as usize == parent as usize
                    || matches!(before.parent, Some(p) if p as usize == parent as usize);
                assert!(follows, "a subcommand follows its container");
            }
            table[at] = row;
            (at, i) = (at + 1, i + 1);
        }
        group += 1;
    }
    assert!(at == Command::ALL.len(), "every command has a row");
    table
};
