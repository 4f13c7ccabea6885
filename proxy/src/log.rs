//! The log: lines on stderr, of the level that `loglevel` asks for and graver.
//!
//! One place for all of them, so that CONFIG SET takes effect everywhere at once. A line is one
//! event, begins with the program's name and never holds a byte of a client's that is not a
//! printable one. What happens once a connection is verbose; once a command, nothing.

use crate::config::LogLevel;
use std::fmt::Arguments;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// The level in force; the whole process has one stderr, and so one level.
static LEVEL: AtomicU8 = AtomicU8::new(LogLevel::Notice as u8);

/// From now on lines of this level and graver are printed.
pub fn set_level(level: LogLevel) {
    LEVEL.store(level as u8, Relaxed);
}

/// Whether a line of this level is printed.
pub fn prints(level: LogLevel) -> bool {
    level as u8 >= LEVEL.load(Relaxed)
}

/// What an operator must see to.
pub fn warning(line: Arguments<'_>) {
    log(LogLevel::Warning, line);
}

/// What an operator wants to know of an ordinary day.
pub fn notice(line: Arguments<'_>) {
    log(LogLevel::Notice, line);
}

/// Connections coming and going.
pub fn verbose(line: Arguments<'_>) {
    log(LogLevel::Verbose, line);
}

fn log(level: LogLevel, line: Arguments<'_>) {
    if prints(level) {
        say(format_args!("kinring: {line}\n"));
    }
}

/// Prints on stderr whatever the level is. A reader that went away is no reason to fail, as
/// `eprintln!` would.
pub fn say(text: Arguments<'_>) {
    // One write a line: those of several threads do not mix.
    let _ = std::io::stderr().lock().write_all(text.to_string().as_bytes());
}
