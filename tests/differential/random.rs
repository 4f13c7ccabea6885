//! Random sequences: `KINRING_COMMANDS` says how many commands, `KINRING_SEED` where to begin.

use crate::start;
use kinring_tests::differential::random::check;

/// Commands of an ordinary run.
const COMMANDS: u64 = 20_000;

/// Commands of one sequence: enough for keys to grow, few enough to find out what went wrong.
const SEQUENCE: u64 = 2_000;

#[test]
fn random_sequences_give_the_replies_of_redis() {
    let Some((_kinring, _redis, twins)) = start() else { return };
    let first = number("KINRING_SEED").unwrap_or(1);
    let commands = number("KINRING_COMMANDS").unwrap_or(COMMANDS);
    for seed in first..first + commands.div_ceil(SEQUENCE) {
        if let Err(text) = check(&twins, seed, SEQUENCE as usize) {
            panic!("KINRING_SEED={seed} shows it again.\n{text}");
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}
