//! The `kinring` process: a RESP front end with an embedded shard.
//!
//! # The way of a request
//!
//! [`listener`] accepts a socket and hands it to one of the [`data_threads`]. There a
//! [`connection`] reads what has arrived, decodes all whole requests of it at once
//! (`kinring_common::resp`), and gives the batch to its [`core::session`]. The session finds each
//! request's row in the command table. Consecutive commands on keys become a [`core::group`]: the
//! locks of all their partitions are taken together, their memory is prefetched, they run, and their
//! effects are read before the locks go. Everything else (the connection's own commands,
//! transactions) runs alone in between. The replies of the batch leave with one write.
//!
//! | file | what it answers |
//! |---|---|
//! | [`config`], [`banner`], [`stop`] | what the operator chose, sees and asks |
//! | [`server`], [`listener`], [`data_threads`] | what runs, who may connect, who serves whom |
//! | [`connection`] | bytes in, bytes out |
//! | [`core`] | what requests do, without sockets and clocks |
//! | [`node`], [`clients`], [`stats`], [`command_stats`], [`info`], [`memory`], [`log`] | what all connections share and show |

pub mod banner;
pub mod clients;
pub mod command_stats;
pub mod config;
pub mod connection;
pub mod core;
pub mod data_threads;
pub mod info;
pub mod listener;
pub mod log;
pub mod memory;
pub mod node;
pub mod server;
pub mod stats;
pub mod stop;
