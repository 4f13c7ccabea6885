//! From flags, environment and file to a [`Config`], with no process around it.
//!
//! Sources are applied from the weakest to the strongest, so each is checked even where a stronger
//! one decides. Invariant: an error is one line that names the place and the mend.

use std::collections::BTreeMap;
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

/// The environment as far as its names begin with [`PREFIX`].
pub type Variables = BTreeMap<String, String>;

/// What the names of our environment variables begin with.
pub const PREFIX: &str = "KINRING_";

/// The option that no file can set.
const CONFIG: &str = "config";

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
        env: &Variables,
        read_file: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Launch, ConfigError> {
        let flags = match flags::parse(args)? {
            flags::Parsed::Flags(flags) => flags,
            flags::Parsed::Help(text) => return Ok(Launch::Help(text)),
            flags::Parsed::Version(text) => return Ok(Launch::Version(text)),
        };
        let variable = |name: &str| env.get(name).filter(|value| !value.is_empty());

        let file = flags.config.or_else(|| variable(&variable_of(CONFIG)).map(PathBuf::from));
        let mut config = Self { file, ..Self::default() };
        if let Some(path) = config.file.clone() {
            let text = read_file(&path).map_err(|error| ConfigError {
                place: Place::File(path.clone(), None),
                why: format!("cannot be read: {error}; give the path of a readable TOML file"),
            })?;
            file::apply(&mut config, &path, &text)?;
        }
        for param in TABLE {
            let name = param.variable();
            if let Some(value) = variable(&name) {
                put(&mut config, param, value, || Place::Variable(name))?;
            }
        }
        if let Some((name, meant)) = unknown(env).find_map(|name| Some((name, meant_by(name)?))) {
            return Err(ConfigError {
                place: Place::Variable(excerpt(name)),
                why: format!("unknown variable, did you mean '{}'?", variable_of(meant)),
            });
        }
        for (param, value) in flags.values {
            put(&mut config, param, &value, || Place::Flag(format!("--{}", param.name)))?;
        }
        Ok(Launch::Run(Box::new(config)))
    }
}

/// A warning about the variables that set nothing; those that are near to one that does are an error
/// of [`Config::load`]. Others may be of a tool that has its own use for our name, as Kubernetes has
/// for that of a service.
#[must_use]
pub fn unused_variables(env: &Variables) -> Option<String> {
    let names: Vec<String> = unknown(env).map(excerpt).collect();
    let line = || format!("these environment variables set no option: {}", names.join(", "));
    (!names.is_empty()).then(line)
}

fn unknown(env: &Variables) -> impl Iterator<Item = &str> {
    let is_known = |name: &str| {
        name == variable_of(CONFIG) || TABLE.iter().any(|param| param.variable() == name)
    };
    let set = env.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.as_str());
    set.filter(move |name| !is_known(name))
}

fn meant_by(variable: &str) -> Option<&'static str> {
    let name = variable.strip_prefix(PREFIX).unwrap_or(variable);
    let name = name.to_ascii_lowercase().replace('_', "-");
    nearest(&name, TABLE.iter().map(|param| param.name).chain([CONFIG]))
}

/// The environment variable of an option.
pub(super) fn variable_of(option: &str) -> String {
    format!("{PREFIX}{}", option.replace('-', "_").to_ascii_uppercase())
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
    match nearest(name, TABLE.iter().map(|param| param.name)) {
        Some(known) => format!(", did you mean '{prefix}{known}'?"),
        None => ", 'kinring --help' lists them all".to_owned(),
    }
}

/// The one of these names that `name` is probably meant to be.
fn nearest(name: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let near = names
        .map(|known| (edits(name, known), known))
        .filter(|(edits, known)| *edits <= (known.len() / 4).clamp(1, 3))
        .min();
    near.map(|(_, known)| known)
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
