//! What a row of the table of parameters is, and how a value passes through it.
//!
//! Flags (`--port`), environment variables (`KINRING_PORT`), keys of the configuration file, CONFIG
//! GET and SET and the help text come from the rows in [`super::rows`] alone. Invariant: a value
//! reaches a [`Config`] only through its row's check.

use super::Config;
use super::buffer_limits::BufferLimits;
use super::load::variable_of;
use super::rows::TABLE;
use super::value::{IoThreads, LogLevel, Password, ValueError, integer, memory_bytes, yes_no};

/// One parameter.
pub struct Param {
    /// Its name, Redis's where Redis has it.
    pub name: &'static str,
    /// The value when nobody says otherwise, as a user would write it.
    pub default: &'static str,
    /// Whether CONFIG SET may change it.
    pub live: bool,
    /// What the value is, after "is not": `a port`.
    pub noun: &'static str,
    /// One line for the help text.
    pub help: &'static str,
    pub(super) kind: Kind,
}

/// How a parameter's value is read, checked, stored and shown.
pub(super) enum Kind {
    Int {
        min: i64,
        max: i64,
        get: fn(&Config) -> i64,
        put: fn(&mut Config, i64),
    },
    Memory {
        min: u64,
        get: fn(&Config) -> u64,
        put: fn(&mut Config, u64),
    },
    YesNo {
        get: fn(&Config) -> bool,
        put: fn(&mut Config, bool),
    },
    Other {
        form: Form,
        get: fn(&Config) -> String,
        put: Put,
    },
    /// A true statement about this version; it takes no value that means anything else.
    /// `words`: it may be written as several, as Redis's users do.
    Fixed {
        words: bool,
        same: fn(&str) -> bool,
    },
}

type Put = fn(&mut Config, &str) -> Result<(), ValueError>;

/// How a value with a parser of its own may be written in the configuration file and as a flag.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// A text of words, or an array of such texts; a flag takes several words.
    Words,
    TextOrInt,
}

impl Param {
    /// The parameter of that name, in any case.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|param| param.name.eq_ignore_ascii_case(name))
    }

    /// The value in `config` as CONFIG GET shows it.
    #[must_use]
    pub fn show(&self, config: &Config) -> String {
        match self.kind {
            Kind::Int { get, .. } => get(config).to_string(),
            Kind::Memory { get, .. } => get(config).to_string(),
            Kind::YesNo { get, .. } => if get(config) { "yes" } else { "no" }.to_owned(),
            Kind::Other { get, .. } => get(config),
            Kind::Fixed { .. } => self.default.to_owned(),
        }
    }

    /// Reads `text` and stores it; an error leaves `config` as it was.
    pub fn put(&self, config: &mut Config, text: &str) -> Result<(), ValueError> {
        match self.kind {
            Kind::Int { min, max, put, .. } => {
                let value = integer(text)?;
                if !(min..=max).contains(&value) {
                    return Err(ValueError::OutOfRange { min, max });
                }
                put(config, value);
            }
            Kind::Memory { min, put, .. } => {
                let value = memory_bytes(text)?;
                let min_shown = i64::try_from(min).unwrap_or(i64::MAX);
                if value < min || i64::try_from(value).is_err() {
                    return Err(ValueError::OutOfRange { min: min_shown, max: i64::MAX });
                }
                put(config, value);
            }
            Kind::YesNo { put, .. } => put(config, yes_no(text)?),
            Kind::Other { put, .. } => put(config, text)?,
            Kind::Fixed { same, .. } => {
                if !same(text) {
                    return Err(ValueError::Immutable);
                }
            }
        }
        Ok(())
    }

    /// Whether its flag takes several words, and its key an array.
    pub(super) fn takes_words(&self) -> bool {
        matches!(self.kind, Kind::Other { form: Form::Words, .. } | Kind::Fixed { words: true, .. })
    }

    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        variable_of(self.name)
    }
}

impl Default for Config {
    /// Every row's default.
    fn default() -> Self {
        let mut config = Self {
            file: None,
            active_expire_effort: 1,
            bind: Vec::new(),
            client_output_buffer_limit: BufferLimits::UNLIMITED,
            client_query_buffer_limit_bytes: 0,
            databases: 0,
            io_threads: IoThreads::Auto,
            loglevel: LogLevel::Notice,
            maxclients: 0,
            port: 0,
            proto_max_bulk_len_bytes: 0,
            protected_mode: true,
            requirepass: Password::default(),
            shutdown_timeout_s: 0,
            tcp_backlog: 0,
            tcp_keepalive_s: 0,
            timeout_s: 0,
        };
        for param in TABLE {
            let stored = param.put(&mut config, param.default);
            assert!(stored.is_ok(), "the default of '{}' must be one of its values", param.name);
        }
        config
    }
}
