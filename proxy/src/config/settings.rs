//! The configuration of a running server, behind CONFIG GET and CONFIG SET.
//!
//! The request path reads one immutable [`Config`] through a pointer that CONFIG SET replaces:
//! a read is a few nanoseconds and always sees one whole configuration. Invariant: a CONFIG SET
//! takes effect with all its pairs or with none.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

use super::Config;
use super::rows::TABLE;
use super::table::{Kind, Param};
use super::value::ValueError;

/// How many clients the system has descriptors for, out of so many asked for.
pub type FitClients = fn(u32) -> u32;
/// Whether a text matches a glob: pattern, text, and whether letter case is ignored.
pub type GlobMatches = fn(&[u8], &[u8], bool) -> bool;

/// The parameters of this process, shared by all its threads.
pub struct Settings {
    current: ArcSwap<Config>,
    /// Held from reading the old configuration to publishing the new one.
    writing: Mutex<()>,
    fit_clients: FitClients,
}

impl Settings {
    /// Starts from the configuration that was loaded. `fit_clients` is asked when CONFIG SET raises
    /// `maxclients`: see [`super::fit_clients`].
    #[must_use]
    pub fn new(config: Config, fit_clients: FitClients) -> Self {
        Self { current: ArcSwap::from_pointee(config), writing: Mutex::new(()), fit_clients }
    }

    /// The configuration of this moment. Hold it for one request, not across an await.
    #[must_use]
    pub fn now(&self) -> Guard<Arc<Config>> {
        self.current.load()
    }

    /// CONFIG GET: every parameter that one of the patterns matches, once, sorted by name.
    pub fn get(&self, patterns: &[&[u8]], matches: GlobMatches) -> Vec<(&'static str, String)> {
        let config = self.now();
        TABLE
            .iter()
            .filter(|param| patterns.iter().any(|p| matches(p, param.name.as_bytes(), true)))
            .map(|param| (param.name, param.show(&config)))
            .collect()
    }

    /// CONFIG SET: stores all pairs, or none.
    ///
    /// # Errors
    /// Redis's error line, with `ERR` and without the leading `-`. Nothing has changed.
    pub fn set(&self, pairs: &[(&[u8], &[u8])]) -> Result<(), String> {
        let params = settable(pairs)?;
        let _one_writer = self.writing.lock();
        let before = self.current.load_full();
        let mut config = Config::clone(&before);
        for (param, (_, value)) in params.iter().zip(pairs) {
            let value = std::str::from_utf8(value).map_err(|_| failed(param.name, NOT_TEXT))?;
            param.put(&mut config, value).map_err(|e| failed(param.name, &e.to_string()))?;
        }
        // Descriptors are asked for last: only a set that is right in all else may take some.
        if config.maxclients > before.maxclients {
            let room = (self.fit_clients)(config.maxclients);
            if room < config.maxclients {
                return Err(failed(
                    "maxclients",
                    &format!(
                        "The operating system is not able to handle the specified number of \
                         clients, try with {room}"
                    ),
                ));
            }
        }
        crate::log::set_level(config.loglevel);
        self.current.store(Arc::new(config));
        Ok(())
    }
}

const NOT_TEXT: &str = "argument must be UTF-8 text";

/// The rows that the pairs name. As in Redis the names are judged, in order, before any value.
fn settable(pairs: &[(&[u8], &[u8])]) -> Result<Vec<&'static Param>, String> {
    let mut params: Vec<&'static Param> = Vec::with_capacity(pairs.len().min(TABLE.len()));
    for (name, _) in pairs {
        let name = one_line(name);
        let Some(param) = Param::find(&name) else {
            return Err(format!(
                "ERR Unknown option or number of arguments for CONFIG SET - '{name}'"
            ));
        };
        if !param.live && !matches!(param.kind, Kind::Fixed { .. }) {
            return Err(failed(&name, &ValueError::Immutable.to_string()));
        }
        if params.iter().any(|seen| std::ptr::eq(*seen, param)) {
            return Err(failed(&name, "duplicate parameter"));
        }
        params.push(param);
    }
    Ok(params)
}

fn failed(name: &str, why: &str) -> String {
    format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}")
}

/// A name as it may stand in an error reply: no line breaks, and no longer than a reader needs.
fn one_line(name: &[u8]) -> String {
    const CHARS_MAX: usize = 128;
    String::from_utf8_lossy(name)
        .chars()
        .take(CHARS_MAX)
        .map(|c| if matches!(c, '\r' | '\n') { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
