//! What Kinring costs, alone and beside its peers.
//!
//! # Beside redis-server
//!
//! ```text
//! cargo bench -p kinring-benches --bench peer -- [options]
//!     --loads get-p16,set-p1-1k,memory   which loads (default: all; --help lists them)
//!     --rounds 5 --seconds 3             how often, and how long each turn is
//!     --tool redis-benchmark             another load generator: also memtier, syscalls
//!     --kinring PATH --redis PATH        the programs; Kinring is built when not given
//!     --markdown  --json FILE            the README's table, the raw figures
//! ```
//!
//! It starts both servers without persistence on free loopback ports, loads them with the same
//! keys, and lets the same load run on each **in turns**: redis, kinring, redis, kinring. Machines
//! are noisy and drift, so a ratio is taken within a round, between two adjacent turns, and the
//! median of the rounds is quoted with the smallest and the largest. A ratio is always
//! kinring / redis; `--kinring redis-server` behind a script that translates the flags measures the
//! noise.
//!
//! What to look at:
//!
//! - **CPU µs/op** is user + system time of the whole server process divided by the replies in the
//!   same span. On a machine with two cores the generator takes one, so this says more about a
//!   server than its throughput does. Its resolution is 10 ms a turn: 0.5 % at 2 s of CPU.
//! - **ops/s** is closed-loop: each of the connections sends a batch of `p` requests, waits for all
//!   replies, sends the next. When **generator busy** is near 100 % the throughput and the
//!   latencies are the generator's, and only the CPU figure is the server's.
//! - **Latency** of a request runs from the send of its batch to the arrival of its reply, so at
//!   `p16` it includes the queue that the other connections make.
//! - A line in the end tells in how many turns **other programs** had the processors. Their ratios
//!   are noise: `--repeats 50` discards such rounds, whatever they say, and runs them again.
//! - **Bytes per key** are resident bytes above those of the empty process; in the probe `memory`
//!   once the allocator had 15 s to give back what it does not need.
//!
//! Every reply is checked: its type and length always, each 64th value byte by byte. A wrong one
//! fails the run.
//!
//! # Alone
//!
//! `cargo bench -p kinring-benches --bench micro -- [filter]` times the functions of the pure core
//! with criterion.

pub mod load;
pub mod peer;
