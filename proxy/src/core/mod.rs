//! The connection's side without sockets: what a batch of requests does and what it answers.

pub mod auth;
pub mod client_commands;
pub mod group;
pub mod leaving;
pub mod packing;
pub mod partial;
pub mod replies;
pub mod router;
pub mod server_commands;
pub mod session;
#[cfg(test)]
mod tests;
pub mod transaction;
