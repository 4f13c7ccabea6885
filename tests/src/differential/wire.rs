//! A connection that keeps replies as they come.

use super::reply::Reply;
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No reply takes this long, on a machine as busy as it may be.
const REPLY_WAIT: Duration = Duration::from_secs(10);

/// See the module.
pub struct Wire {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// Those of connecting.
    pub fn connect(addr: SocketAddr) -> io::Result<Wire> {
        let stream = TcpStream::connect_timeout(&addr, REPLY_WAIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_WAIT))?;
        stream.set_write_timeout(Some(REPLY_WAIT))?;
        Ok(Wire { stream: BufReader::with_capacity(64 * 1024, stream), request: Vec::new() })
    }

    /// Adds a request to those that [`Wire::flush`] sends.
    pub fn push<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        self.request.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            let word = word.as_ref();
            self.request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            self.request.extend_from_slice(word);
            self.request.extend_from_slice(b"\r\n");
        }
    }

    /// Adds bytes as they are.
    pub fn push_raw(&mut self, bytes: &[u8]) {
        self.request.extend_from_slice(bytes);
    }

    /// Sends what was added. A server that has closed is noticed when reading.
    pub fn flush(&mut self) {
        let _ = self.stream.get_mut().write_all(&self.request);
        self.request.clear();
    }

    /// The next reply; a connection that was reset counts as closed.
    ///
    /// # Errors
    /// Those of [`Reply::read`].
    pub fn reply(&mut self) -> io::Result<Reply> {
        match Reply::read(&mut self.stream) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
                ) =>
            {
                Ok(Reply::default())
            }
            other => other,
        }
    }

    /// Sends one request and reads its reply.
    ///
    /// # Errors
    /// Those of [`Wire::reply`].
    pub fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<Reply> {
        self.push(words);
        self.flush();
        self.reply()
    }
}
