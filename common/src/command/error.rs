//! What a command answers when it refuses: one variant per Redis error line, so that executors name
//! the reason and nobody writes the text twice.
//!
//! Invariant: a command that returns one of these has changed nothing. [`CommandError::line`] is
//! the line to the letter as Redis 7.2 writes it, without the leading `-`, and never holds CR or LF.

use std::borrow::Cow;
use std::fmt;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The key holds another type than the command is for.
    WrongType,
    /// A value or argument is no 64-bit integer.
    NotInteger,
    /// A value or argument is no floating point number.
    NotFloat,
    /// The field of a hash is no integer.
    HashNotInteger,
    /// The field of a hash is no floating point number.
    HashNotFloat,
    /// A bound of a score range is no number.
    MinMaxNotFloat,
    /// An increment of a score would give not-a-number.
    ScoreNan,
    /// The words do not fit the command's grammar.
    Syntax,
    /// INCR and its like would leave the range of 64 bits.
    Overflow,
    /// DECRBY's argument has no negative.
    DecrementOverflow,
    /// INCRBYFLOAT would leave the range of numbers.
    NanOrInfinity,
    /// HINCRBYFLOAT by infinity.
    HashIncrementInfinite,
    /// The key is absent and the command needs it.
    NoSuchKey,
    /// A time to live that is no time.
    InvalidExpire {
        /// Full name in lower case.
        command: &'static str,
    },
    /// Too few or too many words.
    Arity {
        /// Full name in lower case: `get`, `client|setname`.
        command: &'static str,
    },
    /// No such command: [`CommandError::unknown_command`] makes it.
    UnknownCommand(Box<Line>),
    /// No such subcommand: [`CommandError::unknown_subcommand`] makes it.
    UnknownSubcommand(Box<Line>),
    /// A string would grow past the limit.
    StringTooLong,
    /// There is no database of this number.
    DbOutOfRange,
    /// A number is outside of what is allowed.
    OutOfRange,
    /// A number must be positive (or 0).
    NotPositive,
    /// An index is outside of the list.
    IndexOutOfRange,
    /// An offset is outside of what a string can have.
    OffsetOutOfRange,
    /// The cursor of SCAN and its like is no number.
    InvalidCursor,
    /// The connection must authenticate first.
    NoAuth,
    /// HELLO on a connection that must authenticate first.
    HelloNoAuth,
    /// User or password is wrong.
    WrongPass,
    /// AUTH with a password where none is set.
    NoPasswordSet,
    /// HELLO with a protocol that is not 2 or 3.
    NoProto,
    /// HELLO with a protocol that is no number.
    ProtoNotInteger,
    /// EXEC after an error while queueing.
    ExecAbort,
    /// EXEC outside MULTI.
    ExecWithoutMulti,
    /// DISCARD outside MULTI.
    DiscardWithoutMulti,
    /// MULTI inside MULTI.
    NestedMulti,
    /// WATCH inside MULTI.
    WatchInMulti,
    /// A command that cannot be queued.
    NotInMulti,
    /// Keys of more slots than the command can reach at once.
    CrossSlot,
    /// The memory limit is reached and the command needs more.
    OutOfMemory,
    /// A whole line, its code included, that has no variant.
    Other(Cow<'static, str>),
}

/// The bytes of an error line that quotes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(Vec<u8>);

/// Redis quotes no more than this of a client's words.
const QUOTED_BYTES_MAX: usize = 128;

impl CommandError {
    /// `ERR unknown command 'x', with args beginning with: 'a' 'b' `.
    pub fn unknown_command<A: AsRef<[u8]>>(args: &[A]) -> CommandError {
        let name = args.first().map_or(&b""[..], AsRef::as_ref);
        let mut quoted = Vec::new();
        for arg in args.iter().skip(1) {
            let Some(room @ 1..) = QUOTED_BYTES_MAX.checked_sub(quoted.len()) else { break };
            quoted.push(b'\'');
            quoted.extend_from_slice(cut(arg.as_ref(), room));
            quoted.extend_from_slice(b"' ");
        }
        let parts: [&[u8]; 4] = [
            b"ERR unknown command '",
            cut(name, QUOTED_BYTES_MAX),
            b"', with args beginning with: ",
            &quoted,
        ];
        CommandError::UnknownCommand(Box::new(Line::new(&parts)))
    }

    /// `ERR unknown subcommand 'x'. Try CLIENT HELP.`
    pub fn unknown_subcommand(container: &[u8], name: &[u8]) -> CommandError {
        CommandError::sub(b"ERR unknown subcommand '", container, name)
    }

    /// `ERR unknown subcommand or wrong number of arguments for 'x'. Try CLIENT HELP.`, where a
    /// command checks the words of a subcommand by itself.
    pub fn subcommand_syntax(container: &[u8], name: &[u8]) -> CommandError {
        let what = b"ERR unknown subcommand or wrong number of arguments for '";
        CommandError::sub(what, container, name)
    }

    fn sub(what: &[u8], container: &[u8], name: &[u8]) -> CommandError {
        let container = container.to_ascii_uppercase();
        let name = cut(name, QUOTED_BYTES_MAX);
        let parts: [&[u8]; 5] = [what, name, b"'. Try ", &container, b" HELP."];
        CommandError::UnknownSubcommand(Box::new(Line::new(&parts)))
    }

    /// The error line, without the leading `-`.
    pub fn line(&self) -> Cow<'_, [u8]> {
        match self {
            CommandError::InvalidExpire { command } => {
                format!("ERR invalid expire time in '{command}' command").into_bytes().into()
            }
            CommandError::Arity { command } => {
                format!("ERR wrong number of arguments for '{command}' command").into_bytes().into()
            }
            CommandError::UnknownCommand(line) | CommandError::UnknownSubcommand(line) => {
                Cow::Borrowed(&line.0)
            }
            CommandError::Other(line) => Cow::Borrowed(line.as_bytes()),
            fixed => Cow::Borrowed(fixed.fixed().as_bytes()),
        }
    }

    /// The line of a variant that has but one.
    fn fixed(&self) -> &'static str {
        match self {
            CommandError::WrongType => {
                "WRONGTYPE Operation against a key holding the wrong kind of value"
            }
            CommandError::NotInteger => "ERR value is not an integer or out of range",
            CommandError::NotFloat => "ERR value is not a valid float",
            CommandError::HashNotInteger => "ERR hash value is not an integer",
            CommandError::HashNotFloat => "ERR hash value is not a float",
            CommandError::MinMaxNotFloat => "ERR min or max is not a float",
            CommandError::ScoreNan => "ERR resulting score is not a number (NaN)",
            CommandError::Syntax => "ERR syntax error",
            CommandError::Overflow => "ERR increment or decrement would overflow",
            CommandError::DecrementOverflow => "ERR decrement would overflow",
            CommandError::NanOrInfinity => "ERR increment would produce NaN or Infinity",
            CommandError::HashIncrementInfinite => "ERR value is NaN or Infinity",
            CommandError::NoSuchKey => "ERR no such key",
            CommandError::StringTooLong => {
                "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
            }
            CommandError::DbOutOfRange => "ERR DB index is out of range",
            CommandError::OutOfRange => "ERR value is out of range",
            CommandError::NotPositive => "ERR value is out of range, must be positive",
            CommandError::IndexOutOfRange => "ERR index out of range",
            CommandError::OffsetOutOfRange => "ERR offset is out of range",
            CommandError::InvalidCursor => "ERR invalid cursor",
            CommandError::CrossSlot => "CROSSSLOT Keys in request don't hash to the same slot",
            CommandError::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'.",
            session => session.of_session(),
        }
    }

    /// The line of a variant about connections and transactions.
    fn of_session(&self) -> &'static str {
        match self {
            CommandError::NoAuth => "NOAUTH Authentication required.",
            CommandError::HelloNoAuth => {
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
                 HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client \
                 and select the RESP protocol version at the same time"
            }
            CommandError::WrongPass => {
                "WRONGPASS invalid username-password pair or user is disabled."
            }
            CommandError::NoPasswordSet => {
                "ERR AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?"
            }
            CommandError::NoProto => "NOPROTO unsupported protocol version",
            CommandError::ProtoNotInteger => {
                "ERR Protocol version is not an integer or out of range"
            }
            CommandError::ExecAbort => {
                "EXECABORT Transaction discarded because of previous errors."
            }
            CommandError::ExecWithoutMulti => "ERR EXEC without MULTI",
            CommandError::DiscardWithoutMulti => "ERR DISCARD without MULTI",
            CommandError::NestedMulti => "ERR MULTI calls can not be nested",
            CommandError::WatchInMulti => "ERR WATCH inside MULTI is not allowed",
            CommandError::NotInMulti => "ERR Command not allowed inside a transaction",
            other => unreachable!("the line of {other:?} is made above"),
        }
    }
}

/// The line, with U+FFFD for what is no UTF-8.
impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.line()))
    }
}

impl std::error::Error for CommandError {}

impl Line {
    /// The parts in a row; a line break inside would end the reply early.
    fn new(parts: &[&[u8]]) -> Line {
        let mut line = parts.concat();
        for byte in &mut line {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        Line(line)
    }
}

/// At most so many bytes, and none from a NUL on: Redis prints these as C strings.
fn cut(word: &[u8], bytes_max: usize) -> &[u8] {
    let word = &word[..word.len().min(bytes_max)];
    &word[..memchr::memchr(0, word).unwrap_or(word.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small() {
        assert!(size_of::<CommandError>() <= 32, "{}", size_of::<CommandError>());
    }

    const FIXED: [CommandError; 35] = [
        CommandError::WrongType,
        CommandError::NotInteger,
        CommandError::NotFloat,
        CommandError::HashNotInteger,
        CommandError::HashNotFloat,
        CommandError::MinMaxNotFloat,
        CommandError::ScoreNan,
        CommandError::Syntax,
        CommandError::Overflow,
        CommandError::DecrementOverflow,
        CommandError::NanOrInfinity,
        CommandError::HashIncrementInfinite,
        CommandError::NoSuchKey,
        CommandError::StringTooLong,
        CommandError::DbOutOfRange,
        CommandError::OutOfRange,
        CommandError::NotPositive,
        CommandError::IndexOutOfRange,
        CommandError::OffsetOutOfRange,
        CommandError::InvalidCursor,
        CommandError::CrossSlot,
        CommandError::OutOfMemory,
        CommandError::NoAuth,
        CommandError::HelloNoAuth,
        CommandError::WrongPass,
        CommandError::NoPasswordSet,
        CommandError::NoProto,
        CommandError::ProtoNotInteger,
        CommandError::ExecAbort,
        CommandError::ExecWithoutMulti,
        CommandError::DiscardWithoutMulti,
        CommandError::NestedMulti,
        CommandError::WatchInMulti,
        CommandError::NotInMulti,
        CommandError::Other(Cow::Borrowed("ERR other")),
    ];

    #[test]
    fn every_line_has_a_code_and_no_line_break() {
        let made = [
            CommandError::Arity { command: "client|setname" },
            CommandError::InvalidExpire { command: "set" },
            CommandError::unknown_command(&["a\r\nb", "c\n"]),
            CommandError::unknown_subcommand(b"client", b"\n"),
            CommandError::subcommand_syntax(b"client", b"\n"),
        ];
        for error in FIXED.iter().chain(&made) {
            let line = error.to_string();
            let code = line.split(' ').next().unwrap();
            assert!(!code.is_empty() && code.bytes().all(|b| b.is_ascii_uppercase()), "{line}");
            assert!(!line.contains(['\n', '\r']), "{line}");
        }
    }

    #[test]
    fn unknown_commands_are_quoted_as_redis_quotes_them() {
        let line = |args: &[&str]| CommandError::unknown_command(args).to_string();
        assert_eq!(line(&["x"]), "ERR unknown command 'x', with args beginning with: ");
        assert_eq!(
            line(&["x", "a", "b"]),
            "ERR unknown command 'x', with args beginning with: 'a' 'b' "
        );
        let long = "y".repeat(200);
        assert_eq!(
            line(&[&long, "a", &long, "b"]),
            format!(
                "ERR unknown command '{}', with args beginning with: 'a' '{}' ",
                &long[..128],
                &long[..124]
            )
        );
    }

    #[test]
    fn unknown_subcommands_name_the_help() {
        assert_eq!(
            CommandError::unknown_subcommand(b"Client", b"Foo").to_string(),
            "ERR unknown subcommand 'Foo'. Try CLIENT HELP."
        );
    }
}
