//! What a command may do and when it may run, with Redis's meanings: the bits that a
//! [`Row`](super::Row) has as flags.

#![expect(missing_docs, reason = "a constant means the Redis flag of its name")]

pub const WRITE: u32 = 1 << 0;
pub const READONLY: u32 = 1 << 1;
pub const DENYOOM: u32 = 1 << 2;
pub const ADMIN: u32 = 1 << 3;
pub const PUBSUB: u32 = 1 << 4;
pub const NOSCRIPT: u32 = 1 << 5;
pub const BLOCKING: u32 = 1 << 6;
pub const LOADING: u32 = 1 << 7;
pub const STALE: u32 = 1 << 8;
pub const SKIP_MONITOR: u32 = 1 << 9;
pub const SKIP_SLOWLOG: u32 = 1 << 10;
pub const ASKING: u32 = 1 << 11;
pub const FAST: u32 = 1 << 12;
pub const NO_AUTH: u32 = 1 << 13;
pub const MAY_REPLICATE: u32 = 1 << 14;
pub const NO_MANDATORY_KEYS: u32 = 1 << 15;
pub const NO_ASYNC_LOADING: u32 = 1 << 16;
pub const NO_MULTI: u32 = 1 << 17;
pub const MOVABLEKEYS: u32 = 1 << 18;
pub const ALLOW_BUSY: u32 = 1 << 19;

/// Bit `i` is called `NAMES[i]`; the order is the one in which `COMMAND INFO` lists them.
pub const NAMES: [&str; 20] = [
    "write",
    "readonly",
    "denyoom",
    "admin",
    "pubsub",
    "noscript",
    "blocking",
    "loading",
    "stale",
    "skip_monitor",
    "skip_slowlog",
    "asking",
    "fast",
    "no_auth",
    "may_replicate",
    "no_mandatory_keys",
    "no_async_loading",
    "no_multi",
    "movablekeys",
    "allow_busy",
];
