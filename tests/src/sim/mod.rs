//! A whole cluster in one thread, from a seed: nodes, proxies and clients in a world with faults, and
//! judges of what the clients were told.
//!
//! A seed says everything: how many nodes there are, what goes wrong and when, what clients ask for. A
//! run goes through calm and trouble for ten minutes of its own time; then everything heals, and the
//! cluster has a bounded time to come to rest.
//!
//! | file | what it is |
//! |---|---|
//! | `plan` | what a seed says about a run |
//! | `run` | a whole run, and what the judges say of it |
//! | `cluster` | the loop: what happens next, and to whom |
//! | `post`, `letter` | what is said to whom, and how it travels |
//! | `host` | a machine: a node, its clock and its disk |
//! | `front` | a machine with a proxy |
//! | `clients` | who asks for what, and what they were told |
//! | `calls` | their calls under way |
//! | `words` | calls as words of commands, and replies back |
//! | `trouble` | what goes wrong |
//! | `harm` | how it does, and how it heals |
//! | `siege` | what goes wrong with the same few machines, one thing after the other |
//! | `sight` | which values a deadline can reach |
//! | `witness` | when writes were executed |
//! | `classes` | what must have bitten when many seeds have run |
//! | `watch` | which lines about a run are kept for a reader |
//! | `failure` | what is said of a seed that failed |
//! | `ending` | whether the owners agree at the end, and what they hold |
//! | `script`, `play` | the same cluster without chance: stories as text, and their playing |
//! | `traps` | single messages that a script keeps, delays or repeats |

mod calls;
pub mod classes;
pub mod clients;
pub mod cluster;
pub mod ending;
pub mod failure;
mod front;
mod harm;
pub mod host;
mod letter;
pub mod plan;
pub mod play;
mod post;
pub mod run;
pub mod script;
pub mod siege;
pub mod sight;
pub mod traps;
pub mod trouble;
pub mod watch;
mod witness;
pub mod words;

pub use failure::{Wrong, attempt};
pub use plan::{Durability, Plan};
pub use play::check;
pub use run::{Run, run};
pub use watch::Watch;
