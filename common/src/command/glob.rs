//! Redis's glob patterns, as KEYS, SCAN, PSUBSCRIBE, CONFIG GET and COMMAND LIST match them, to the
//! letter: `*`, `?`, `[a-z]`, `[^a]`, `\x`, an unterminated class, a `\` at the end.
//!
//! Redis recurses at each `*`. Everything but `*` matches exactly one byte, so going back to the
//! last `*` alone finds every match: at most pattern × text steps and no stack, whatever a client
//! sends.

/// How letters compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `a` is not `A`.
    Sensitive,
    /// ASCII letters match in either case.
    Ignored,
}

/// Redis gives up past so many groups of `*` that something follows, and so nothing matches.
const STARS_MAX: usize = 1001;

/// Whether the whole text matches the pattern.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the pattern goes on after the last star, and where in the text it was tried last.
    let mut retry: Option<(usize, usize)> = None;
    let mut stars = 0;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            while pattern.get(p) == Some(&b'*') {
                p += 1;
            }
            if p == pattern.len() {
                return true;
            }
            stars += 1;
            if stars >= STARS_MAX {
                return false;
            }
            retry = Some((p, t));
            continue;
        }
        if let Some(next) = match_one(pattern, p, text[t], case) {
            (p, t) = (next, t + 1);
            continue;
        }
        let Some((after_star, tried)) = retry else { return false };
        (p, t) = (after_star, tried + 1);
        retry = Some((p, t));
    }
    // A star stands for nothing only when something before it took the last byte.
    if !text.is_empty() {
        while pattern.get(p) == Some(&b'*') {
            p += 1;
        }
    }
    p == pattern.len()
}

/// Matches one byte with the element at `p`, which is no star: where the pattern goes on, if it
/// matches.
fn match_one(pattern: &[u8], p: usize, byte: u8, case: Case) -> Option<usize> {
    let (element, p) = match *pattern.get(p)? {
        b'?' => return Some(p + 1),
        b'[' => return match_class(pattern, p + 1, byte, case),
        b'\\' if p + 1 < pattern.len() => (pattern[p + 1], p + 1),
        other => (other, p),
    };
    same(element, byte, case).then_some(p + 1)
}

/// The class whose first byte after the `[` is at `p`. One that is not closed reaches the end of
/// the pattern.
fn match_class(pattern: &[u8], mut p: usize, byte: u8, case: Case) -> Option<usize> {
    let negated = pattern.get(p) == Some(&b'^');
    p += usize::from(negated);
    let mut found = false;
    let end = loop {
        match pattern[p.min(pattern.len())..] {
            [] => break p,
            // An escaped byte compares exactly, whatever the case asked for: so does Redis.
            [b'\\', escaped, ..] => {
                found |= escaped == byte;
                p += 2;
            }
            [b']', ..] => break p + 1,
            [low, b'-', high, ..] => {
                found |= in_range(low, high, byte, case);
                p += 3;
            }
            [one, ..] => {
                found |= same(one, byte, case);
                p += 1;
            }
        }
    };
    (found != negated).then_some(end)
}

fn same(a: u8, b: u8, case: Case) -> bool {
    a == b || case == Case::Ignored && a.eq_ignore_ascii_case(&b)
}

/// Bounds in either order. Bytes compare as C's `char` on x86 does, from -128 to 127.
fn in_range(a: u8, b: u8, byte: u8, case: Case) -> bool {
    let (a, b) = (a as i8, b as i8);
    let (low, high) = (a.min(b), a.max(b));
    let fold = |c: i8| if case == Case::Ignored { (c as u8).to_ascii_lowercase() as i8 } else { c };
    (fold(low)..=fold(high)).contains(&fold(byte as i8))
}

#[cfg(test)]
mod tests;
