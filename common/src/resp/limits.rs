//! What a client may send, and what it is told when it sends something else.
//!
//! Why: a limit is checked where a length is declared, before any memory is spent on it. The
//! texts are Redis's to the letter; clients and operators search for them.

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest argument (`proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// The most arguments of one request. What they cost is bounded by `total_bytes_max`: each
    /// takes six bytes at least.
    pub args_max: usize,
    /// The longest inline line, and the longest line with a length.
    pub inline_bytes_max: usize,
    /// The longest request (`client-query-buffer-limit`); never above 4 GB.
    pub total_bytes_max: usize,
    /// `false`: a request may have 10 arguments of 16 KB, and one is decoded at a time, because
    /// it may be the one that authenticates.
    pub authenticated: bool,
}

impl Default for Limits {
    /// Redis's defaults.
    fn default() -> Limits {
        Limits {
            bulk_bytes_max: 512 * 1024 * 1024,
            args_max: i32::MAX as usize,
            inline_bytes_max: 64 * 1024,
            total_bytes_max: 1024 * 1024 * 1024,
            authenticated: true,
        }
    }
}

/// Redis's, for clients that could still be anyone.
pub(super) const UNAUTHENTICATED_ARGS_MAX: usize = 10;
/// The same for one argument.
pub(super) const UNAUTHENTICATED_BULK_BYTES_MAX: usize = 16 * 1024;

/// Why a connection must be closed. The text goes to the client behind `ERR ` unless
/// [`ProtocolError::is_silent`]; nothing can be decoded after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the text of each variant says it")]
pub enum ProtocolError {
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    #[error("Protocol error: too big mbulk count string")]
    TooBigMultibulkCount,
    #[error("Protocol error: expected '$', got '{}'", char::from(*.0))]
    ExpectedDollar(u8),
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    #[error("Protocol error: too big bulk count string")]
    TooBigBulkCount,
    /// Redis skips the two bytes unseen. Refusing keeps a client that miscounts from having its
    /// data read as commands.
    #[error("Protocol error: expected CRLF after bulk")]
    UnterminatedBulk,
    #[error("Protocol error: too big inline request")]
    TooBigInline,
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// Redis closes without a word.
    #[error("Protocol error: request exceeds the query buffer limit")]
    RequestTooLarge,
    /// An HTTP request, perhaps one that a browser was tricked into (cross-protocol scripting).
    #[error("Possible SECURITY ATTACK detected: POST or Host: sent as a command")]
    SecurityAttack,
}

impl ProtocolError {
    /// Whether the connection is closed without telling the client, as Redis does; the text is for
    /// the log.
    pub fn is_silent(self) -> bool {
        matches!(self, ProtocolError::RequestTooLarge | ProtocolError::SecurityAttack)
    }
}
