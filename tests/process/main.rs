//! The process from outside: how it starts, what it refuses, who may come, how it stops.

mod access;
mod counters;
mod limits;
mod logging;
mod parameters;
mod starting;
mod stopping;
