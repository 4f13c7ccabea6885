//! A blocking client for the few commands beside the load.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// FLUSHALL of a million keys may take a while; a server that takes longer is stuck.
const REPLY_MAX: Duration = Duration::from_secs(120);

/// One connection.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Result<Client> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(REPLY_MAX))?;
        Ok(Client { stream: BufReader::new(stream) })
    }

    /// Sends a command and returns the text of its reply; an error reply is an error.
    pub fn call(&mut self, args: &[&str]) -> Result<String> {
        let mut request = format!("*{}\r\n", args.len());
        for arg in args {
            request.push_str(&format!("${}\r\n{arg}\r\n", arg.len()));
        }
        let command = args.join(" ");
        self.stream.get_mut().write_all(request.as_bytes()).context(command.clone())?;
        let mut line = String::new();
        self.stream.read_line(&mut line).context(command.clone())?;
        let line = line.trim_end();
        match line.split_at_checked(1) {
            Some(("+" | ":", text)) => Ok(text.to_owned()),
            Some(("$", length)) => {
                let mut bytes = vec![0; length.parse::<usize>().context(command)? + 2];
                self.stream.read_exact(&mut bytes)?;
                Ok(String::from_utf8_lossy(&bytes[..bytes.len() - 2]).into_owned())
            }
            _ => bail!("{command} answered {line:?}"),
        }
    }

    /// How many keys the server holds.
    pub fn keys(&mut self) -> Result<u64> {
        self.call(&["DBSIZE"])?.parse().context("DBSIZE is a number")
    }
}
