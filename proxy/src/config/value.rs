//! The values that parameters take, and their one textual form.
//!
//! Flags, environment variables, the configuration file and CONFIG SET all end here, so a value
//! reads the same wherever it is written. Nothing here knows a parameter's name. Invariant: what
//! `Display` writes, the parser of the same type reads back to an equal value.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// As many listening addresses as Redis takes.
pub const BIND_MAX: usize = 16;
/// As many io threads as Redis takes.
pub const IO_THREADS_MAX: u8 = 128;

/// Why a value was refused. `Display` is what Redis 7 says after CONFIG SET, to the letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not an integer as Redis writes one.
    #[error("argument couldn't be parsed into an integer")]
    NotInteger,
    /// A number, but not one of the parameter's.
    #[error("argument must be between {min} and {max} inclusive")]
    OutOfRange {
        /// The least allowed value.
        min: i64,
        /// The greatest allowed value.
        max: i64,
    },
    /// Not digits with an optional unit.
    #[error("argument must be a memory value")]
    NotMemory,
    /// Neither yes nor no.
    #[error("argument must be 'yes' or 'no'")]
    NotYesNo,
    /// Not one of a list of words.
    #[error("argument(s) must be one of the following: {}", .0.join(", "))]
    NotOneOf(&'static [&'static str]),
    /// The parameter cannot take another value in this process.
    #[error("can't set immutable config")]
    Immutable,
    /// The value is wrong in a way that only its own parser can name.
    #[error("{0}")]
    Shape(String),
}

/// Reads an integer as strictly as Redis does: no sign but `-`, no leading zero, no spaces.
pub fn integer(text: &str) -> Result<i64, ValueError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical =
        text == "0" || digits.bytes().next().is_some_and(|b| (b'1'..=b'9').contains(&b));
    if !canonical {
        return Err(ValueError::NotInteger);
    }
    text.parse().map_err(|_| ValueError::NotInteger)
}

/// Reads a memory size in bytes: digits and one of `b k kb m mb g gb`, in any case. `k` is 1000,
/// `kb` 1024. As in Redis no digits at all are 0, and what is too large saturates, to be refused by
/// the parameter's range.
pub fn memory_bytes(text: &str) -> Result<u64, ValueError> {
    let digits_end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    let multiplier: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return Err(ValueError::NotMemory),
    };
    let count = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) };
    Ok(count.saturating_mul(multiplier))
}

/// Reads yes or no, in any case.
pub fn yes_no(text: &str) -> Result<bool, ValueError> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(ValueError::NotYesNo),
    }
}

/// One address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindAddr {
    /// The address; `*` stands for 0.0.0.0 and `::*` for `::`.
    pub ip: IpAddr,
    /// Written with a leading `-`: an address that this machine does not have is skipped.
    pub optional: bool,
}

impl BindAddr {
    /// 127.0.0.1, required.
    pub const LOOPBACK: Self = Self { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), optional: false };

    /// This address with a port.
    #[must_use]
    pub fn with_port(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, port)
    }

    /// Reads a list of addresses, separated by spaces; at least one, at most [`BIND_MAX`].
    pub fn list(text: &str) -> Result<Vec<Self>, ValueError> {
        let addresses: Vec<Self> =
            text.split_whitespace().map(Self::one).collect::<Result<_, _>>()?;
        match addresses.len() {
            0 => Err(ValueError::Shape("at least one address is needed".into())),
            n if n > BIND_MAX => Err(ValueError::Shape(format!("at most {BIND_MAX} addresses"))),
            _ => Ok(addresses),
        }
    }

    /// Reads one address.
    pub fn one(word: &str) -> Result<Self, ValueError> {
        let (optional, address) = match word.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, word),
        };
        let ip = match address {
            "*" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            "::*" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            _ => address.parse().map_err(|_| {
                ValueError::Shape(format!("'{}' is not an IP address", word.escape_debug()))
            })?,
        };
        Ok(Self { ip, optional })
    }
}

impl fmt::Display for BindAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.optional {
            f.write_str("-")?;
        }
        match self.ip {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => f.write_str("*"),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => f.write_str("::*"),
            ip => ip.fmt(f),
        }
    }
}

/// How many threads serve connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoThreads {
    /// One, and more while they are busy.
    Auto,
    /// Exactly so many, 1 to [`IO_THREADS_MAX`].
    Fixed(u8),
}

impl IoThreads {
    /// Reads `auto` or a number.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        match u8::try_from(integer(text)?) {
            Ok(n @ 1..=IO_THREADS_MAX) => Ok(Self::Fixed(n)),
            _ => Err(ValueError::OutOfRange { min: 1, max: IO_THREADS_MAX.into() }),
        }
    }
}

impl fmt::Display for IoThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(n) => n.fmt(f),
        }
    }
}

/// What is printed on stderr: this level and all that are graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Connections coming and going.
    Verbose,
    /// What an operator wants to know of an ordinary day.
    Notice,
    /// What an operator must see to.
    Warning,
    /// No line at all; none is of this level.
    Nothing,
}

impl LogLevel {
    /// The names, in the order of the variants.
    pub const NAMES: &'static [&'static str] =
        &["debug", "verbose", "notice", "warning", "nothing"];

    /// The level's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Reads a name, in any case.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        [Self::Debug, Self::Verbose, Self::Notice, Self::Warning, Self::Nothing]
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(text))
            .ok_or(ValueError::NotOneOf(Self::NAMES))
    }
}

/// The password of the default user. `Debug` never shows it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The empty text means that no password is asked for.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether clients must authenticate.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.0.is_empty()
    }

    /// The password in clear, as CONFIG GET shows it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is the password. The time taken depends on the candidate's length alone,
    /// so that a client cannot learn the password byte by byte. False when none is set.
    #[must_use]
    pub fn matches(&self, candidate: &[u8]) -> bool {
        let secret = self.0.as_bytes();
        let mut difference = u8::from(secret.len() != candidate.len());
        for (at, byte) in candidate.iter().enumerate() {
            difference |= byte ^ secret.get(at).copied().unwrap_or(0);
        }
        std::hint::black_box(difference) == 0 && self.is_set()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_set() { "Password(set)" } else { "Password(none)" })
    }
}
