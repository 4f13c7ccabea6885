//! The protocol from outside: raw bytes over a socket, and what a connection may do to others.

mod client_commands;
mod cuts;
mod memory;
mod refusals;
mod slices;
mod slow_readers;
mod transactions;
mod values;
