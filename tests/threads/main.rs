//! Several data threads: sums, atomicity, and connections that move.
