//! The two servers, and connections that are made to both at once.

use super::reply::Reply;
use super::wire::Wire;
use std::io;
use std::net::SocketAddr;

/// Where both listen.
#[derive(Clone, Copy, Debug)]
pub struct Twins {
    /// The one under test.
    pub kinring: SocketAddr,
    /// The one that is right.
    pub redis: SocketAddr,
}

/// A connection to each.
pub struct Pair {
    /// To the one under test.
    pub kinring: Wire,
    /// To the one that is right.
    pub redis: Wire,
}

impl Twins {
    /// A new connection to each.
    ///
    /// # Errors
    /// Those of connecting.
    pub fn connect(&self) -> io::Result<Pair> {
        Ok(Pair { kinring: Wire::connect(self.kinring)?, redis: Wire::connect(self.redis)? })
    }

    /// Both without a key.
    ///
    /// # Errors
    /// Those of connections, and a refusal.
    pub fn clear(&self) -> io::Result<()> {
        let (ours, theirs) = self.connect()?.ask(&["FLUSHALL"])?;
        if ours.head != b"+OK" || theirs.head != b"+OK" {
            return Err(io::Error::other(format!("FLUSHALL gave {ours} and {theirs}")));
        }
        Ok(())
    }

    /// The version of the Redis: major, minor.
    ///
    /// # Errors
    /// Those of connections, and an INFO without a version.
    pub fn redis_version(&self) -> io::Result<(u32, u32)> {
        let info = Wire::connect(self.redis)?.ask(&["INFO", "server"])?;
        let text = String::from_utf8_lossy(info.text().unwrap_or_default()).into_owned();
        let version = text.lines().find_map(|line| line.strip_prefix("redis_version:"));
        let mut numbers = version.unwrap_or_default().split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
            _ => Err(io::Error::other("INFO names no redis_version")),
        }
    }
}

impl Pair {
    /// Adds a request to both.
    pub fn push<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        self.kinring.push(words);
        self.redis.push(words);
    }

    /// Sends to both what was added.
    pub fn flush(&mut self) {
        self.kinring.flush();
        self.redis.flush();
    }

    /// The next reply of each, Kinring's first.
    ///
    /// # Errors
    /// Those of [`Wire::reply`], with the name of the server.
    pub fn replies(&mut self) -> io::Result<(Reply, Reply)> {
        let named =
            |name: &str, error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
        let ours = self.kinring.reply().map_err(|error| named("kinring", error))?;
        let theirs = self.redis.reply().map_err(|error| named("redis", error))?;
        Ok((ours, theirs))
    }

    /// One request to both.
    ///
    /// # Errors
    /// Those of [`Pair::replies`].
    pub fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<(Reply, Reply)> {
        self.push(words);
        self.flush();
        self.replies()
    }
}
