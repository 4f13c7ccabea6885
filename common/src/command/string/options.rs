//! What SET and GETEX take after their ordinary words, and times to live.
//!
//! Words come in any order and case. A word may come again, the last time then counts; words that
//! exclude each other are a syntax error.

use crate::command::error::CommandError;
use crate::command::number::parse_i64;

/// What a time is counted in, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds from now.
    Ex,
    /// Milliseconds from now.
    Px,
    /// Seconds since the Unix epoch.
    ExAt,
    /// Milliseconds since the Unix epoch.
    PxAt,
}

/// What SET does with the key's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime<'a> {
    /// There is none afterwards.
    Unsaid,
    /// KEEPTTL
    Kept,
    /// A time, as the client wrote it.
    Until(Unit, &'a [u8]),
}

/// When SET writes at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// NX
    Absent,
    /// XX
    Present,
}

/// The options of SET.
#[derive(Clone, Copy, Debug)]
pub struct SetOptions<'a> {
    /// NX or XX.
    pub condition: Option<Condition>,
    /// Whether to reply what was there before.
    pub get: bool,
    /// What becomes of the deadline.
    pub lifetime: Lifetime<'a>,
}

/// The options of GETEX.
#[derive(Clone, Copy, Debug)]
pub enum GetExOptions<'a> {
    /// None: as GET.
    Read,
    /// The deadline goes.
    Persist,
    /// A new deadline, as the client wrote it.
    Until(Unit, &'a [u8]),
}

impl<'a> SetOptions<'a> {
    /// Reads the words after the value.
    pub fn parse(words: &[&'a [u8]]) -> Result<SetOptions<'a>, CommandError> {
        let mut options = SetOptions { condition: None, get: false, lifetime: Lifetime::Unsaid };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            match (options.condition, options.lifetime) {
                (None | Some(Condition::Absent), _) if is("NX") => {
                    options.condition = Some(Condition::Absent);
                }
                (None | Some(Condition::Present), _) if is("XX") => {
                    options.condition = Some(Condition::Present);
                }
                _ if is("GET") => options.get = true,
                (_, Lifetime::Unsaid | Lifetime::Kept) if is("KEEPTTL") => {
                    options.lifetime = Lifetime::Kept;
                }
                (_, lifetime) => {
                    let before = match lifetime {
                        Lifetime::Unsaid => None,
                        Lifetime::Kept => return Err(CommandError::Syntax),
                        Lifetime::Until(unit, _) => Some(unit),
                    };
                    let (unit, time) = until(before, word, words.next())?;
                    options.lifetime = Lifetime::Until(unit, time);
                }
            }
        }
        Ok(options)
    }
}

impl<'a> GetExOptions<'a> {
    /// Reads the words after the key.
    pub fn parse(words: &[&'a [u8]]) -> Result<GetExOptions<'a>, CommandError> {
        let mut options = GetExOptions::Read;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let persist = word.eq_ignore_ascii_case(b"PERSIST");
            let before = match options {
                GetExOptions::Read | GetExOptions::Persist if persist => {
                    options = GetExOptions::Persist;
                    continue;
                }
                GetExOptions::Read => None,
                GetExOptions::Persist => return Err(CommandError::Syntax),
                GetExOptions::Until(unit, _) => Some(unit),
            };
            let (unit, time) = until(before, word, words.next())?;
            options = GetExOptions::Until(unit, time);
        }
        Ok(options)
    }
}

/// A unit and the time after it, unless another unit came before.
fn until<'a>(
    before: Option<Unit>,
    word: &[u8],
    time: Option<&&'a [u8]>,
) -> Result<(Unit, &'a [u8]), CommandError> {
    let unit = Unit::named(word).filter(|unit| before.is_none_or(|before| before == *unit));
    unit.zip(time.copied()).ok_or(CommandError::Syntax)
}

impl Unit {
    fn named(word: &[u8]) -> Option<Unit> {
        let names = [
            (&b"EX"[..], Unit::Ex),
            (b"PX", Unit::Px),
            (b"EXAT", Unit::ExAt),
            (b"PXAT", Unit::PxAt),
        ];
        names.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, unit)| unit)
    }
}

/// The deadline that a client's words mean, in milliseconds since the Unix epoch.
///
/// # Errors
/// `NotInteger`, or `InvalidExpire` for what is not above 0 or leaves 63 bits.
pub fn deadline_ms(
    unit: Unit,
    time: &[u8],
    now_ms: u64,
    command: &'static str,
) -> Result<u64, CommandError> {
    let time = parse_i64(time).ok_or(CommandError::NotInteger)?;
    let time_ms = match unit {
        Unit::Ex | Unit::ExAt => time.checked_mul(1000),
        Unit::Px | Unit::PxAt => Some(time),
    };
    let time_ms = time_ms.filter(|ms| *ms > 0);
    let at_ms = match unit {
        Unit::Ex | Unit::Px => time_ms.and_then(|ms| ms.checked_add_unsigned(now_ms)),
        Unit::ExAt | Unit::PxAt => time_ms,
    };
    let at_ms = at_ms.and_then(|ms| u64::try_from(ms).ok());
    at_ms.ok_or(CommandError::InvalidExpire { command })
}
