//! Several data threads: nothing is lost, nothing is seen in halves, connections may move.

mod atomic;
mod moves;
