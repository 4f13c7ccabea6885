//! The requests that one decoding brought: ranges into the input, in flat reusable arrays.
//!
//! Why flat: a pipeline of a thousand requests costs no allocation once the arrays have grown.
//! Invariant: a batch is only valid together with the buffer that it was decoded from, unchanged.

use smallvec::SmallVec;

/// Kept from one decoding to the next: enough for an ordinary pipeline, little beside the sockets.
const RANGES_KEPT_MAX: usize = 8 * 1024;
/// The unescaped bytes kept: one inline line of the usual limit.
const INLINE_KEPT_MAX: usize = 64 * 1024;

/// Decoded requests, in the order of arrival.
#[derive(Debug, Default)]
pub struct Batch {
    /// The arguments of all requests, one request after the other.
    pub(super) args: Vec<ArgRange>,
    /// Where each request ends in `args`.
    pub(super) requests: Vec<Ends>,
    /// The bytes of inline commands, without their quotes and escapes.
    pub(super) inline: Vec<u8>,
}

/// Where an argument lies. The decoder looks at no more than 4 GB at a time, so 32 bits suffice.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArgRange {
    pub start: u32,
    pub len: u32,
}

/// Where one request ends, and which bytes its ranges mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// In the arguments.
    pub args: u32,
    /// In the buffer.
    pub bytes: u32,
    pub inline: bool,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// How many requests it holds.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Forgets all requests and keeps a bounded part of the memory.
    pub fn clear(&mut self) {
        self.args.clear();
        self.requests.clear();
        self.inline.clear();
        self.args.shrink_to(RANGES_KEPT_MAX);
        self.requests.shrink_to(RANGES_KEPT_MAX);
        self.inline.shrink_to(INLINE_KEPT_MAX);
    }

    /// Where the arguments of the request that is being decoded begin.
    #[inline]
    pub(super) fn finished_args(&self) -> usize {
        self.requests.last().map_or(0, |ends| ends.args as usize)
    }

    /// Where the request at `index` begins in the buffer; for [`Batch::len`], where the last ends.
    pub fn start_of(&self, index: usize) -> usize {
        if index == 0 { 0 } else { self.requests[index - 1].bytes as usize }
    }

    /// The request at `index`, below [`Batch::len`].
    #[inline]
    pub fn request(&self, index: usize) -> Request<'_> {
        let ends = self.requests[index];
        let first = if index == 0 { 0 } else { self.requests[index - 1].args };
        let args = &self.args[first as usize..ends.args as usize];
        Request { args, inline: ends.inline.then_some(&self.inline) }
    }

    /// All requests.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Request<'_>> {
        (0..self.len()).map(|index| self.request(index))
    }

    /// Puts the arguments of the request at `index` into `into`, replacing what it held.
    #[inline]
    pub fn args<'b>(&'b self, index: usize, buf: &'b [u8], into: &mut SmallVec<[&'b [u8]; 8]>) {
        into.clear();
        into.extend(self.request(index).args(buf));
    }
}

/// A view of one request. It has at least one argument: the name of the command.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    args: &'a [ArgRange],
    inline: Option<&'a Vec<u8>>,
}

impl<'a> Request<'a> {
    /// How many arguments, the command's name included.
    #[expect(clippy::len_without_is_empty, reason = "a request is never empty")]
    #[inline]
    pub fn len(self) -> usize {
        self.args.len()
    }

    /// The argument `n`, below [`Request::len`]; `buf` is the buffer that was decoded.
    #[inline]
    pub fn arg(self, buf: &'a [u8], n: usize) -> &'a [u8] {
        self.args[n].of(self.bytes(buf))
    }

    /// All arguments; `buf` is the buffer that was decoded.
    #[inline]
    pub fn args(self, buf: &'a [u8]) -> impl ExactSizeIterator<Item = &'a [u8]> {
        let bytes = self.bytes(buf);
        self.args.iter().map(move |range| range.of(bytes))
    }

    /// The bytes that the ranges mean.
    #[inline]
    fn bytes(self, buf: &'a [u8]) -> &'a [u8] {
        self.inline.map_or(buf, Vec::as_slice)
    }
}

impl ArgRange {
    #[inline]
    pub fn new(start: usize, len: usize) -> ArgRange {
        debug_assert!(start + len <= u32::MAX as usize, "the decoder looks at 4 GB at most");
        ArgRange { start: start as u32, len: len as u32 }
    }

    #[inline]
    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..][..self.len as usize]
    }
}
