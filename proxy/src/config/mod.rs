//! What the operator chose: flags, environment, file, and CONFIG at runtime.
//!
//! [`TABLE`] has one row a parameter, and everything reads the rows: [`Config::load`] at the start
//! (a flag beats the environment, that beats the file, that beats the default) and [`Settings`]
//! behind CONFIG GET and SET. Invariant: a [`Config`] holds only values that its rows accept;
//! nothing is parsed and then ignored, and nothing unknown is passed over in silence.

mod buffer_limits;
mod descriptors;
mod file;
mod flags;
mod load;
mod protected;
mod rows;
mod settings;
mod table;
mod value;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use buffer_limits::{BufferLimit, BufferLimits};
pub use descriptors::{DESCRIPTORS_RESERVED, fit_at_start, fit_clients};
pub use load::{ConfigError, Launch, PREFIX, Place, Variables, unused_variables};
pub use protected::DENIED;
pub use rows::TABLE;
pub use settings::{FitClients, GlobMatches, Settings};
pub use table::Param;
pub use value::{BIND_MAX, BindAddr, IO_THREADS_MAX, IoThreads, LogLevel, Password, ValueError};

/// Cuts and floors are kept per slot and database: 16384 slots × 256 stays a small table.
pub const DATABASES_MAX: u32 = 256;

/// The parameters, typed. Named as Redis names them, with the unit last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// 1 to 10: how much of the time goes into finding expired keys.
    pub active_expire_effort: u8,
    /// Addresses to listen on, at least one.
    pub bind: Vec<BindAddr>,
    /// Unread output that a client may have.
    pub client_output_buffer_limit: BufferLimits,
    /// Unfinished request that a client may have.
    pub client_query_buffer_limit_bytes: u64,
    /// Databases, 1 to [`DATABASES_MAX`].
    pub databases: u32,
    /// Threads that serve connections.
    pub io_threads: IoThreads,
    /// What is printed on stderr.
    pub loglevel: LogLevel,
    /// Clients at one time.
    pub maxclients: u32,
    /// TCP port, 0 for any.
    pub port: u16,
    /// Largest argument of a request.
    pub proto_max_bulk_len_bytes: u64,
    /// Without a password, serve only this machine: see [`Config::denies`].
    pub protected_mode: bool,
    /// The default user's password.
    pub requirepass: Password,
    /// How long a stop waits for running requests.
    pub shutdown_timeout_s: u32,
    /// Connections waiting to be accepted.
    pub tcp_backlog: u32,
    /// Silence before a keepalive probe, 0 for none.
    pub tcp_keepalive_s: u32,
    /// Idle time after which a client is closed, 0 for never.
    pub timeout_s: u32,
}
