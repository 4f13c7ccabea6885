//! The configuration file: TOML with the parameters' names as keys.
//!
//! A value may be written as TOML's own type (`port = 6379`, `protected-mode = false`) or, where a
//! bare word is natural, as text (`"512mb"`, `"no"`). Invariant: an unknown key and a wrong type are
//! errors with a line; the first one in the file is reported.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Config;
use super::load::{ConfigError, Place, excerpt, put, suggestion};
use super::table::{Form, Kind, Param};

/// Stores every value of the file `path`, whose content is `text`.
pub(super) fn apply(config: &mut Config, path: &Path, text: &str) -> Result<(), ConfigError> {
    let line_at = |offset: usize| {
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    };
    let place = |offset| Place::File(path.to_owned(), Some(line_at(offset)));

    let table = DeTable::parse(text).map_err(|error| ConfigError {
        place: place(error.span().map_or(0, |span| span.start)),
        why: format!("not TOML: {}", excerpt(error.message())),
    })?;
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);

    for (key, value) in entries {
        let here = || place(key.span().start);
        let name: &str = key.get_ref();
        let Some(param) = Param::find(name).filter(|param| param.name == name) else {
            let near = suggestion(name, "");
            let why = format!("unknown key '{}'{near}", excerpt(name));
            return Err(ConfigError { place: here(), why });
        };
        let written = written(param, value).map_err(|wanted| ConfigError {
            place: here(),
            why: format!("'{name}' wants {wanted}, not {}", kind_of(value.get_ref())),
        })?;
        put(config, param, &written, here)
            .map_err(|error| ConfigError { why: format!("{name}: {}", error.why), ..error })?;
    }
    Ok(())
}

/// The value as text for the row, or the types that the row takes.
fn written(param: &Param, value: &Spanned<DeValue<'_>>) -> Result<String, &'static str> {
    let (integer, boolean, text, array, wanted) = match param.kind {
        Kind::Int { .. } => (true, false, false, false, "a whole number"),
        Kind::Memory { .. } => (true, false, true, false, "a size such as \"512mb\""),
        Kind::YesNo { .. } => (false, true, true, false, "true or false"),
        Kind::Other { form: Form::Text, .. } => (false, false, true, false, "a string"),
        Kind::Other { form: Form::Words, .. } => {
            (false, false, true, true, "a string or an array of strings")
        }
        Kind::Other { form: Form::TextOrInt, .. } => {
            (true, false, true, false, "a string or a whole number")
        }
        Kind::Fixed { words: false, .. } => (true, true, true, false, "a string"),
        Kind::Fixed { words: true, .. } => {
            (true, true, true, true, "a string or an array of strings")
        }
    };
    match value.get_ref() {
        DeValue::Integer(number) if integer => {
            // Only decimal digits are safe to hand on; others are rare enough to be refused.
            if number.radix() == 10 { Ok(number.as_str().to_owned()) } else { Err(wanted) }
        }
        DeValue::Boolean(yes) if boolean => Ok(if *yes { "yes" } else { "no" }.to_owned()),
        DeValue::String(string) if text => Ok(string.clone().into_owned()),
        DeValue::Array(items) if array => {
            let words: Option<Vec<&str>> = items
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::String(string) => Some(string.as_ref()),
                    _ => None,
                })
                .collect();
            words.map(|words| words.join(" ")).ok_or(wanted)
        }
        _ => Err(wanted),
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(number) if number.radix() != 10 => "a number that is not decimal",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "such an array",
        DeValue::Table(_) => "a table",
    }
}
