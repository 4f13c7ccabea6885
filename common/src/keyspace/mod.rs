//! How records lie in memory, and how a command reaches them.
