//! Random sequences of commands, from a seed: two connections, few keys, every command on keys with
//! good and bad words, transactions, databases, deadlines, protocols.
//!
//! Time cannot decide a comparison: deadlines have passed long ago or lie apart, and ahead, by more
//! than any run takes. A sequence that fails is played again with parts left out, as long as it
//! still fails; what remains is printed.

pub mod generate;
pub mod play;
pub mod shrink;
pub mod words;

use self::generate::Generator;
use super::reply::Quoted;
use super::twins::Twins;
use std::fmt::Write as _;
use std::io;

/// One request of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Which of the two connections sends it.
    pub connection: usize,
    /// Its words.
    pub words: Vec<Vec<u8>>,
}

/// Plays the sequence of a seed.
///
/// # Errors
/// What differed, with the shortest sequence that was found for it.
pub fn check(twins: &Twins, seed: u64, commands: usize) -> Result<(), String> {
    let ops = Generator::new(seed).sequence(commands);
    let failed = |error: io::Error| format!("seed {seed}: {error}");
    let Some(found) = play::play(twins, &ops).map_err(failed)? else { return Ok(()) };
    let mut text = format!("seed {seed} with {commands} commands, at {}: {found}\n", found.at);
    let (ops, found) = shrink::shrink(twins, &ops, found);
    let _ = writeln!(text, "{} commands are enough:", ops.len());
    for op in &ops[ops.len().saturating_sub(60)..] {
        let words: Vec<String> =
            op.words.iter().map(|word| format!("\"{}\"", Quoted(word))).collect();
        let _ = writeln!(text, "  {}> {}", op.connection + 1, words.join(" "));
    }
    let _ = write!(text, "{found}");
    Err(text)
}
