//! The command line, made from the table.
//!
//! clap splits the words and prints the help; what a value means is the row's business. Invariant:
//! whatever clap refuses becomes one line, and no value is ever echoed that may be a password.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::OsStringValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::load::{ConfigError, Place, excerpt, suggestion};
use super::rows::TABLE;
use super::table::{Form, Kind, Param};
use super::value::BindAddr;

/// What the command line says.
pub(super) enum Parsed {
    Flags(Flags),
    Help(String),
    Version(String),
}

/// The flags that were given, their values still text.
pub(super) struct Flags {
    pub(super) config: Option<PathBuf>,
    pub(super) values: Vec<(&'static Param, String)>,
}

/// Splits `args`, which do not hold the program's name.
pub(super) fn parse(args: impl Iterator<Item = OsString>) -> Result<Parsed, ConfigError> {
    let matches = match command().try_get_matches_from(args.map(marked)) {
        Ok(matches) => matches,
        Err(error) => {
            return match error.kind() {
                ErrorKind::DisplayHelp => Ok(Parsed::Help(error.render().to_string())),
                ErrorKind::DisplayVersion => Ok(Parsed::Version(error.render().to_string())),
                _ => Err(one_line(&error)),
            };
        }
    };
    let mut values = Vec::new();
    for param in TABLE {
        if let Some(value) = value_of(&matches, param)? {
            values.push((param, value));
        }
    }
    Ok(Parsed::Flags(Flags { config: matches.get_one::<PathBuf>("config").cloned(), values }))
}

/// Set before a word that begins with `-` and is no flag; no argument of a process can hold it.
const MARK: char = '\0';

/// `--bind * -::1` is Redis's own way to write an optional address, but clap would see flags in it.
fn marked(word: OsString) -> OsString {
    match word.to_str() {
        Some(text) if text.starts_with('-') && BindAddr::one(text).is_ok() => {
            format!("{MARK}{text}").into()
        }
        _ => word,
    }
}

/// A flag's words, joined by spaces as CONFIG SET takes them.
fn value_of(matches: &ArgMatches, param: &'static Param) -> Result<Option<String>, ConfigError> {
    let Some(words) = matches.get_many::<OsString>(param.name) else {
        return Ok(None);
    };
    let texts: Option<Vec<&str>> =
        words.map(|word| Some(word.to_str()?.trim_start_matches(MARK))).collect();
    match texts {
        Some(texts) => Ok(Some(texts.join(" "))),
        None => Err(at(&format!("--{}", param.name), "the value is not UTF-8 text".into())),
    }
}

fn command() -> Command {
    let mut command = Command::new("kinring")
        .bin_name("kinring")
        .no_binary_name(true)
        .version(env!("CARGO_PKG_VERSION"))
        .about("A store that any Redis client can use")
        .after_help(
            "Sizes take k, kb, m, mb, g and gb: 1k is 1000 bytes, 1kb is 1024.\n\
             Every option is also an environment variable (KINRING_PORT=6379) and a key of the\n\
             configuration file (port = 6379). A flag beats the environment, the environment beats\n\
             the file. CONFIG SET changes what can change while the server runs.",
        )
        .term_width(100)
        .args_override_self(true)
        .disable_version_flag(true)
        .arg(Arg::new("version").short('v').short_alias('V').long("version").help("Print version"))
        .mut_arg("version", |arg| arg.action(ArgAction::Version))
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .help("Configuration file, in TOML")
                .value_parser(value_parser!(PathBuf)),
        );
    for param in TABLE {
        command = command.arg(flag(param));
    }
    command
}

fn flag(param: &'static Param) -> Arg {
    let default = if param.default.is_empty() { "''" } else { param.default };
    let fixed = matches!(param.kind, Kind::Fixed { .. });
    let help = if fixed { param.help.into() } else { format!("{} [{default}]", param.help) };
    let arg = Arg::new(param.name)
        .long(param.name)
        .value_name(value_name(param))
        .help(help)
        .allow_negative_numbers(true)
        .value_parser(OsStringValueParser::new());
    let arg = if fixed { arg.help_heading("Fixed in this version") } else { arg };
    if param.takes_words() { arg.action(ArgAction::Append).num_args(1..) } else { arg }
}

fn value_name(param: &Param) -> &'static str {
    match param.kind {
        Kind::Int { .. } => "N",
        Kind::Memory { .. } => "SIZE",
        Kind::YesNo { .. } => "yes|no",
        Kind::Other { form: Form::Text, .. } => "TEXT",
        Kind::Other { form: Form::Words, .. } => "WORD",
        Kind::Other { form: Form::TextOrInt, .. } => "auto|N",
        Kind::Fixed { .. } => "VALUE",
    }
}

/// clap explains over several lines; a log wants one.
fn one_line(error: &clap::Error) -> ConfigError {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    // "--port <N>" names the flag in its first word.
    let word = context(ContextKind::InvalidArg).unwrap_or_default();
    let name = word.split([' ', '=']).next().unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument if name.starts_with('-') => {
            let near = suggestion(name.trim_start_matches('-'), "--");
            at(name, format!("unknown flag{near}"))
        }
        ErrorKind::UnknownArgument => at(
            word,
            "unexpected word; options start with --, a configuration file is given as --config FILE"
                .into(),
        ),
        ErrorKind::InvalidValue | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            at(name, format!("needs a value (one that starts with '-' is written {name}=VALUE)"))
        }
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            at("command line", line.trim_start_matches("error: ").to_owned())
        }
    }
}

fn at(flag: &str, why: String) -> ConfigError {
    ConfigError { place: Place::Flag(excerpt(flag.trim_start_matches(MARK))), why }
}
