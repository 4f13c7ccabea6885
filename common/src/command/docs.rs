//! What `COMMAND DOCS` says about a command, as data of its row: the summary, the history and the
//! grammar of the arguments, from which clients build their help and completion.

/// The documentation of a row; group and subcommands are the row's own.
#[derive(Clone, Copy, Debug)]
pub struct Docs {
    /// One sentence.
    pub summary: &'static str,
    /// The Redis version it appeared in.
    pub since: &'static str,
    /// What it costs.
    pub complexity: &'static str,
    /// Since when it should not be used, and what instead.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Version and change.
    pub history: &'static [(&'static str, &'static str)],
    /// The grammar of what follows the name.
    pub args: &'static [Arg],
}

/// One argument, or a choice or sequence of arguments.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Unique among its siblings.
    pub name: &'static str,
    /// What it holds.
    pub kind: ArgKind,
    /// What a help line shows when it is not the name.
    pub display: Option<&'static str>,
    /// The key spec that finds it, if it is a key.
    pub key_spec: Option<u8>,
    /// The word that stands before it, or that it is.
    pub token: Option<&'static str>,
    /// The Redis version it appeared in, when later than the command.
    pub since: Option<&'static str>,
    /// Since when it should not be used.
    pub deprecated_since: Option<&'static str>,
    /// It may be left out.
    pub optional: bool,
    /// It may be repeated.
    pub multiple: bool,
    /// The parts of a choice or of a sequence.
    pub args: &'static [Arg],
}

/// What an argument holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant means the Redis argument type of its name")]
pub enum ArgKind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl ArgKind {
    /// As `COMMAND DOCS` writes it.
    pub const fn name(self) -> &'static str {
        match self {
            ArgKind::String => "string",
            ArgKind::Integer => "integer",
            ArgKind::Double => "double",
            ArgKind::Key => "key",
            ArgKind::Pattern => "pattern",
            ArgKind::UnixTime => "unix-time",
            ArgKind::PureToken => "pure-token",
            ArgKind::OneOf => "oneof",
            ArgKind::Block => "block",
        }
    }

    /// Whether it is made of other arguments.
    pub const fn has_parts(self) -> bool {
        matches!(self, ArgKind::OneOf | ArgKind::Block)
    }
}

impl Docs {
    pub(super) const EMPTY: Docs =
        Docs { summary: "", since: "", complexity: "", deprecated: None, history: &[], args: &[] };
}

/// The builders that rows are written with.
impl Arg {
    const fn new(name: &'static str, kind: ArgKind) -> Arg {
        Arg {
            name,
            kind,
            display: None,
            key_spec: None,
            token: None,
            since: None,
            deprecated_since: None,
            optional: false,
            multiple: false,
            args: &[],
        }
    }

    /// The key that the row's key spec of this number finds.
    pub(super) const fn key(name: &'static str, spec: u8) -> Arg {
        let mut arg = Arg::new(name, ArgKind::Key);
        arg.key_spec = Some(spec);
        arg
    }

    pub(super) const fn string(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::String)
    }

    pub(super) const fn integer(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Integer)
    }

    pub(super) const fn double(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Double)
    }

    pub(super) const fn pattern(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Pattern)
    }

    pub(super) const fn unix_time(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::UnixTime)
    }

    /// A word that means itself.
    pub(super) const fn word(name: &'static str, token: &'static str) -> Arg {
        Arg::new(name, ArgKind::PureToken).token(token)
    }

    pub(super) const fn one_of(name: &'static str, args: &'static [Arg]) -> Arg {
        let mut arg = Arg::new(name, ArgKind::OneOf);
        arg.args = args;
        arg
    }

    pub(super) const fn block(name: &'static str, args: &'static [Arg]) -> Arg {
        let mut arg = Arg::new(name, ArgKind::Block);
        arg.args = args;
        arg
    }

    pub(super) const fn token(mut self, token: &'static str) -> Arg {
        self.token = Some(token);
        self
    }

    pub(super) const fn display(mut self, display: &'static str) -> Arg {
        self.display = Some(display);
        self
    }

    pub(super) const fn since(mut self, version: &'static str) -> Arg {
        self.since = Some(version);
        self
    }

    pub(super) const fn deprecated(mut self, since: &'static str) -> Arg {
        self.deprecated_since = Some(since);
        self
    }

    pub(super) const fn optional(mut self) -> Arg {
        self.optional = true;
        self
    }

    pub(super) const fn multiple(mut self) -> Arg {
        self.multiple = true;
        self
    }
}
