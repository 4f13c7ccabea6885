//! A client's connection for tests: raw bytes or whole replies, as the test likes.
//!
//! Whatever does not come within [`WAIT_MAX`] is a panic that says what did come.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use kinring_common::resp::reader::BytesFrame;
use kinring_common::resp::{Protocol, ReplyReader};

/// How long anything may take: far more than it does, so that a loaded machine fails no test.
pub const WAIT_MAX: Duration = Duration::from_secs(20);

/// Bytes asked for in one read.
const READ_BYTES: usize = 64 * 1024;

/// A blocking connection.
pub struct Conn {
    stream: TcpStream,
    reader: ReplyReader,
}

impl Conn {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens there.
    pub fn open(addr: SocketAddr) -> Conn {
        Conn::try_open(addr).unwrap_or_else(|error| panic!("cannot connect to {addr}: {error}"))
    }

    /// Connects, if somebody listens there.
    ///
    /// # Errors
    /// As the system says.
    pub fn try_open(addr: SocketAddr) -> std::io::Result<Conn> {
        let stream = TcpStream::connect_timeout(&addr, WAIT_MAX)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WAIT_MAX))?;
        stream.set_write_timeout(Some(WAIT_MAX))?;
        Ok(Conn { stream, reader: ReplyReader::new(Protocol::Resp2) })
    }

    /// Another handle of a connection's socket, to send on while its replies are read.
    ///
    /// # Panics
    /// When there is no descriptor left.
    pub fn of(stream: &TcpStream) -> Conn {
        let stream = stream.try_clone().expect("a descriptor");
        Conn { stream, reader: ReplyReader::new(Protocol::Resp2) }
    }

    /// The socket itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The address of this end.
    ///
    /// # Panics
    /// When the socket has none.
    pub fn local_addr(&self) -> SocketAddr {
        self.stream.local_addr().expect("a connected socket has an address")
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the other side takes none.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).unwrap_or_else(|error| panic!("cannot send: {error}"));
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the other side takes none.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends one command and reads its reply.
    ///
    /// # Panics
    /// When no whole reply comes in time.
    pub fn command(&mut self, words: &[&[u8]]) -> BytesFrame {
        self.send(&request(words));
        self.reply()
    }

    /// The same for words of text, such as `text("SET key value")`.
    ///
    /// # Panics
    /// As [`Conn::command`].
    pub fn text(&mut self, line: &str) -> BytesFrame {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.command(&words)
    }

    /// The same, with the reply as [`brief`] writes it.
    ///
    /// # Panics
    /// As [`Conn::command`].
    pub fn ask(&mut self, line: &str) -> String {
        brief(&self.text(line))
    }

    /// The next reply as [`brief`] writes it.
    ///
    /// # Panics
    /// As [`Conn::reply`].
    pub fn answer(&mut self) -> String {
        brief(&self.reply())
    }

    /// The next reply.
    ///
    /// # Panics
    /// When no whole reply comes in time.
    pub fn reply(&mut self) -> BytesFrame {
        loop {
            match self.reader.next_reply() {
                Ok(Some(frame)) => return frame,
                Ok(None) => {
                    let got = self.fill("a reply");
                    assert!(got > 0, "the connection was closed where a reply was awaited");
                }
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    /// So many bytes. Use it between whole replies only.
    ///
    /// # Panics
    /// When they do not come in time.
    pub fn read_exactly(&mut self, len: usize) -> Vec<u8> {
        while self.reader.buffer().len() < len {
            let got = self.fill("bytes");
            let have = self.reader.buffer();
            assert!(got > 0, "closed after {} of {len} bytes: {}", have.len(), shown(have));
        }
        self.reader.buffer().split_to(len).to_vec()
    }

    /// Everything up to the end of `mark`. Use it between whole replies only.
    ///
    /// # Panics
    /// When it does not come in time.
    pub fn read_until(&mut self, mark: &[u8]) -> Vec<u8> {
        loop {
            let have = self.reader.buffer();
            if let Some(at) = have.windows(mark.len()).position(|part| part == mark) {
                return have.split_to(at + mark.len()).to_vec();
            }
            assert!(self.fill("a mark") > 0, "closed before {}", shown(mark));
        }
    }

    /// Reads exactly these bytes.
    ///
    /// # Panics
    /// When others come, or none in time.
    #[track_caller]
    pub fn expect(&mut self, bytes: &[u8]) {
        let mut seen = 0;
        while seen < bytes.len() {
            if self.reader.buffer().is_empty() {
                let got = self.fill("bytes");
                assert!(got > 0, "closed before {}", shown(&bytes[seen..]));
            }
            let buffer = self.reader.buffer();
            let len = buffer.len().min(bytes.len() - seen);
            let (part, wanted) = (buffer.split_to(len), &bytes[seen..seen + len]);
            if part != wanted {
                panic!("after {seen} bytes: {} instead of {}", shown(&part), shown(wanted));
            }
            seen += len;
        }
    }

    /// Reads to the end of the connection, which must come. A reset is an end, too.
    ///
    /// # Panics
    /// When the connection stays open.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill("the end of the connection") > 0 {}
        self.reader.buffer().split().to_vec()
    }

    /// Reads the end of the connection, and nothing before it.
    ///
    /// # Panics
    /// When there is something before it, or it does not come in time.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let rest = self.read_to_end();
        assert!(rest.is_empty(), "before the end: {}", shown(&rest));
    }

    /// Makes sure that nothing comes for some time.
    ///
    /// # Panics
    /// When something comes.
    #[track_caller]
    pub fn expect_silence(&mut self, time: Duration) {
        assert!(self.reader.buffer().is_empty(), "{}", shown(self.reader.buffer()));
        self.stream.set_read_timeout(Some(time)).expect("a timeout");
        let got = self.stream.read(&mut [0]);
        self.stream.set_read_timeout(Some(WAIT_MAX)).expect("a timeout");
        let silent = matches!(&got, Err(e) if is_timeout(e.kind()));
        assert!(silent, "something came where nothing was expected: {got:?}");
    }

    /// HELLO 3: replies are RESP3 from here on.
    ///
    /// # Panics
    /// When the server does not speak it.
    pub fn hello3(&mut self) -> BytesFrame {
        self.set_protocol(Protocol::Resp3);
        let reply = self.text("HELLO 3");
        assert!(matches!(reply, BytesFrame::Map { .. }), "{reply:?}");
        reply
    }

    /// Which protocol the next replies are in, for a test that sends HELLO itself.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.reader.set_protocol(protocol);
    }

    /// Sends nothing more; replies still come.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// One read into the buffer; 0 at the end.
    fn fill(&mut self, what: &str) -> usize {
        let mut bytes = [0; READ_BYTES];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(got) => {
                    self.reader.feed(&bytes[..got]);
                    return got;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return 0,
                Err(error) => {
                    let have = shown(self.reader.buffer());
                    panic!("waiting for {what}: {error}; so far: {have}")
                }
            }
        }
    }
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Bytes for a message, not too many.
fn shown(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 200;
    let more = if bytes.len() > SHOWN_MAX { "..." } else { "" };
    format!("\"{}{more}\"", bytes[..bytes.len().min(SHOWN_MAX)].escape_ascii())
}

/// A reply in one line: `+OK`, `$text`, `:1`, `-ERR why`, `nil`, `[:1 $two]`, `{$key: $value}`.
pub fn brief(frame: &BytesFrame) -> String {
    let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
    let list = |frames: &mut dyn Iterator<Item = &BytesFrame>| -> String {
        frames.map(brief).collect::<Vec<_>>().join(" ")
    };
    match frame {
        BytesFrame::SimpleString { data, .. } => format!("+{}", text(data)),
        BytesFrame::SimpleError { data, .. } => format!("-{data}"),
        BytesFrame::BlobString { data, .. } | BytesFrame::VerbatimString { data, .. } => {
            format!("${}", text(data))
        }
        BytesFrame::Number { data, .. } => format!(":{data}"),
        BytesFrame::Double { data, .. } => format!(",{data}"),
        BytesFrame::Boolean { data, .. } => format!("#{data}"),
        BytesFrame::Null => "nil".to_owned(),
        BytesFrame::Array { data, .. } | BytesFrame::Push { data, .. } => {
            format!("[{}]", list(&mut data.iter()))
        }
        BytesFrame::Set { data, .. } => format!("({})", list(&mut data.iter())),
        BytesFrame::Map { data, .. } => {
            let pairs = data.iter().map(|(key, value)| format!("{}: {}", brief(key), brief(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(" "))
        }
        other => format!("{other:?}"),
    }
}

/// A request as clients send it.
pub fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
