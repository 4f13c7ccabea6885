//! Calls through a router: by hand ([`examples`], [`order`]), and in a random world ([`random`]).

mod desk;
mod examples;
mod order;
mod random;
mod world;

use super::{Call, What};
use bytes::Bytes;
use kinring_common::id::NodeId;
use kinring_common::placement::layout::{Layout, ReplicationFactor};
use kinring_common::placement::members::{Member, Members};
use kinring_common::placement::plan;
use kinring_common::resp::Protocol;
use kinring_common::wire::request::Consistency;
use std::sync::Arc;

/// Nodes 1 to `nodes`, of which three own each slot.
fn layout(nodes: u64) -> Arc<Layout> {
    let member = |id| Member { id: NodeId(id), weight: 1, zone: String::new() };
    let members = Members::new((1..=nodes).map(member).collect()).unwrap();
    Arc::new(plan::first(&members, ReplicationFactor::new(3).unwrap()))
}

fn words(text: &str) -> Vec<Bytes> {
    text.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}

fn call(what: What) -> Call {
    Call { db: 0, protocol: Protocol::Resp2, consistency: Consistency::Strong, what }
}

/// A command, or several of a transaction with `;` between them.
fn commands(text: &str) -> Call {
    call(What::Commands(text.split("; ").map(words).collect()))
}

fn scatter(text: &str) -> Call {
    call(What::Scatter(words(text)))
}
