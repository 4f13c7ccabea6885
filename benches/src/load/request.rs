//! Requests as templates: everything but the key's last eight digits is written once.

use std::fmt;

/// How many digits of a key vary; also the first bytes of its value.
pub const DIGITS: usize = 8;

/// Keys are numbered below this.
pub const KEYS_MAX: u32 = 100_000_000;

/// The commands that a load is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `GET key`
    Get,
    /// `SET key value`
    Set,
    /// `DEL key`
    Del,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Get => "GET",
            Verb::Set => "SET",
            Verb::Del => "DEL",
        })
    }
}

/// One request: which command on which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The command.
    pub verb: Verb,
    /// The key's number, below [`KEYS_MAX`].
    pub key: u32,
}

/// How keys and values look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// A key is `key:` and its number with this many digits, at least [`DIGITS`].
    pub key_digits: usize,
    /// A value is the number's last [`DIGITS`] digits and a filler up to this length.
    pub value_bytes: usize,
}

impl Shape {
    /// Keys of 17 bytes with values of this length.
    pub fn with_values_of(value_bytes: usize) -> Shape {
        Shape { key_digits: 13, value_bytes }
    }

    /// The value of key 0; another key's differs in its first [`DIGITS`] bytes.
    pub fn value(&self) -> Vec<u8> {
        assert!(self.value_bytes >= DIGITS, "a value holds the digits of its key");
        let filler = (b'a'..=b'z').cycle();
        std::iter::repeat_n(b'0', DIGITS).chain(filler).take(self.value_bytes).collect()
    }

    fn key(&self) -> Vec<u8> {
        assert!(self.key_digits >= DIGITS, "a key holds the digits of its number");
        format!("key:{:01$}", 0, self.key_digits).into_bytes()
    }
}

/// The eight digits of a key's number.
pub fn digits(number: u32) -> [u8; DIGITS] {
    debug_assert!(number < KEYS_MAX, "a key's number has eight digits");
    let mut out = [0; DIGITS];
    let mut rest = number as usize;
    for pair in out.as_chunks_mut::<2>().0.iter_mut().rev() {
        *pair = PAIRS[rest % 100];
        rest /= 100;
    }
    out
}

/// "00" to "99".
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// The templates of the three commands.
pub struct Templates {
    get: Template,
    set: Template,
    del: Template,
}

impl Templates {
    /// For keys and values of this shape.
    pub fn new(shape: &Shape) -> Templates {
        let (key, value) = (shape.key(), shape.value());
        Templates {
            get: Template::new(&[b"GET", &key]),
            set: Template::new(&[b"SET", &key, &value]),
            del: Template::new(&[b"DEL", &key]),
        }
    }

    fn of(&self, verb: Verb) -> &Template {
        match verb {
            Verb::Get => &self.get,
            Verb::Set => &self.set,
            Verb::Del => &self.del,
        }
    }
}

/// An encoded command, and where in it the digits go.
struct Template {
    bytes: Vec<u8>,
    digits_at: Vec<usize>,
}

impl Template {
    /// `[command, key]` or `[command, key, value]`: a key ends in the digits, a value begins so.
    fn new(args: &[&[u8]]) -> Template {
        let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
        let mut digits_at = Vec::new();
        for (i, arg) in args.iter().enumerate() {
            bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            match i {
                1 => digits_at.push(bytes.len() + arg.len() - DIGITS),
                2 => digits_at.push(bytes.len()),
                _ => {}
            }
            bytes.extend_from_slice(arg);
            bytes.extend_from_slice(b"\r\n");
        }
        Template { bytes, digits_at }
    }
}

/// What a connection sends at once.
#[derive(Default)]
pub struct Batch {
    requests: Vec<Request>,
    bytes: Vec<u8>,
}

impl Batch {
    /// The requests in the order of their replies.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The same, encoded.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Becomes these requests. When the commands are those of the batch before, the bytes stay and
    /// only digits are written: a SET of 100 KB costs no copy.
    pub fn refill(&mut self, templates: &Templates, requests: impl Iterator<Item = Request>) {
        let before = self.requests.len();
        let mut count = 0;
        let mut same = true;
        for request in requests {
            match self.requests.get_mut(count) {
                Some(old) => {
                    same &= old.verb == request.verb;
                    *old = request;
                }
                None => self.requests.push(request),
            }
            count += 1;
        }
        self.requests.truncate(count);
        if !same || before != count {
            self.write_templates(templates);
        }
        self.write_digits(templates);
    }

    /// Becomes this command on each of the same keys.
    pub fn repeat_as(&mut self, templates: &Templates, verb: Verb) {
        self.requests.iter_mut().for_each(|request| request.verb = verb);
        self.write_templates(templates);
        self.write_digits(templates);
    }

    fn write_templates(&mut self, templates: &Templates) {
        self.bytes.clear();
        for request in &self.requests {
            self.bytes.extend_from_slice(&templates.of(request.verb).bytes);
        }
    }

    fn write_digits(&mut self, templates: &Templates) {
        let mut start = 0;
        for request in &self.requests {
            let template = templates.of(request.verb);
            let digits = digits(request.key);
            for at in &template.digits_at {
                self.bytes[start + at..start + at + DIGITS].copy_from_slice(&digits);
            }
            start += template.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(batch: &Batch) -> String {
        String::from_utf8_lossy(batch.bytes()).into_owned()
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for n in [0, 7, 10, 99, 100, 12_345_678, KEYS_MAX - 1] {
            assert_eq!(digits(n).to_vec(), format!("{n:08}").into_bytes());
        }
    }

    #[test]
    fn a_refilled_batch_equals_a_fresh_one() {
        let templates = Templates::new(&Shape::with_values_of(12));
        let request = |verb, key| Request { verb, key };
        let mut batch = Batch::default();
        batch.refill(&templates, [request(Verb::Get, 1), request(Verb::Set, 2)].into_iter());
        batch.refill(&templates, [request(Verb::Get, 3), request(Verb::Set, 42)].into_iter());
        assert_eq!(
            encoded(&batch),
            "*2\r\n$3\r\nGET\r\n$17\r\nkey:0000000000003\r\n\
             *3\r\n$3\r\nSET\r\n$17\r\nkey:0000000000042\r\n$12\r\n00000042abcd\r\n"
        );
        batch.refill(&templates, [request(Verb::Del, 42)].into_iter());
        assert_eq!(encoded(&batch), "*2\r\n$3\r\nDEL\r\n$17\r\nkey:0000000000042\r\n");
    }
}
