//! From flags, environment and file to a [`Config`], with no process around it.
//!
//! Sources are applied from the weakest to the strongest, so each is checked even where a stronger
//! one decides. Invariant: an error is one line that names the place and the mend.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::rows::TABLE;
use super::table::{Kind, Param};
use super::value::ValueError;
use super::{Config, file, flags};

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launch {
    /// Serve with this configuration.
    Run(Box<Config>),
    /// Print this help on stdout.
    Help(String),
    /// Print this version on stdout.
    Version(String),
}

/// Where a wrong value, or an unknown name, was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A flag, or another word of the command line.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A configuration file, and the line from 1 where there is one.
    File(PathBuf, Option<usize>),
}

/// Why the server cannot start; `Display` is one line, without the `kinring: ` before it. Nothing
/// has been changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => name.fmt(f),
            Self::File(path, None) => path.display().fmt(f),
            Self::File(path, Some(line)) => write!(f, "{}: line {line}", path.display()),
        }
    }
}

impl Config {
    /// Reads `args` (without the program's name), the environment and the file that they name.
    ///
    /// An environment variable with an empty value counts as not set.
    ///
    /// # Errors
    /// The first thing that is wrong, in the order file, environment, flags.
    pub fn load(
        args: impl Iterator<Item = OsString>,
        env: &dyn Fn(&str) -> Option<String>,
        read_file: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Launch, ConfigError> {
        let flags = match flags::parse(args)? {
            flags::Parsed::Flags(flags) => flags,
            flags::Parsed::Help(text) => return Ok(Launch::Help(text)),
            flags::Parsed::Version(text) => return Ok(Launch::Version(text)),
        };
        let variable = |name: &str| env(name).filter(|value| !value.is_empty());

        let file = flags.config.or_else(|| variable("KINRING_CONFIG").map(PathBuf::from));
        let mut config = Self { file, ..Self::default() };
        if let Some(path) = config.file.clone() {
            let text = read_file(&path).map_err(|error| ConfigError {
                place: Place::File(path.clone(), None),
                why: format!("cannot be read: {error}"),
            })?;
            file::apply(&mut config, &path, &text)?;
        }
        for param in TABLE {
            let name = param.variable();
            if let Some(value) = variable(&name) {
                put(&mut config, param, &value, || Place::Variable(name))?;
            }
        }
        for (param, value) in flags.values {
            put(&mut config, param, &value, || Place::Flag(format!("--{}", param.name)))?;
        }
        Ok(Launch::Run(Box::new(config)))
    }
}

/// Stores one value, or says what is wrong with it at `place`.
pub(super) fn put(
    config: &mut Config,
    param: &Param,
    value: &str,
    place: impl FnOnce() -> Place,
) -> Result<(), ConfigError> {
    param.put(config, value).map_err(|error| ConfigError {
        place: place(),
        why: format!("'{}' is not {}{}", excerpt(value), param.noun, mend(param, &error)),
    })
}

/// The values that would have been right, after the noun.
fn mend(param: &Param, error: &ValueError) -> String {
    match (&param.kind, error) {
        (Kind::Int { min, max, .. }, _) => format!(" ({min} to {max})"),
        (Kind::Memory { min, .. }, _) => format!(" ({}mb or more, as 512mb or 1gb)", min >> 20),
        (_, ValueError::OutOfRange { min, max }) => format!(" ({min} to {max})"),
        (_, ValueError::NotOneOf(names)) => format!(" ({})", names.join(", ")),
        (_, ValueError::Shape(text)) => format!(": {}", text.trim_end_matches('.')),
        (_, _) => String::new(),
    }
}

/// What was written, fit for one line of a terminal.
pub(super) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let shown: String = text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARS_MAX).is_some() { format!("{shown}...") } else { shown }
}

/// `, did you mean 'port'?` when a parameter's name is near to `name`, else where all names are.
pub(super) fn suggestion(name: &str, prefix: &str) -> String {
    let near = TABLE
        .iter()
        .map(|param| (edits(name, param.name), param.name))
        .filter(|(edits, known)| *edits <= (known.len() / 4).clamp(1, 3))
        .min();
    match near {
        Some((_, known)) => format!(", did you mean '{prefix}{known}'?"),
        None => ", 'kinring --help' lists them all".to_owned(),
    }
}

/// Insertions, deletions, replacements and swaps of neighbours from `a` to `b`, on bytes (optimal
/// string alignment).
fn edits(a: &str, b: &str) -> usize {
    // Names are short: what is longer is near to none of them.
    if a.len() > 64 {
        return usize::MAX;
    }
    let (a, b) = (a.as_bytes(), b.as_bytes());
    // cost[i][j]: from the first i bytes of a to the first j of b.
    let mut cost = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            cost[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = cost[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let least = replaced.min(cost[i - 1][j] + 1).min(cost[i][j - 1] + 1);
                let swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swap { least.min(cost[i - 2][j - 2] + 1) } else { least }
            };
        }
    }
    cost[a.len()][b.len()]
}
