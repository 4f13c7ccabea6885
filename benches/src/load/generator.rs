//! The event loop: all connections of a load on one thread.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::feed::{Feed, Keys, Mix};
use super::reply::{Cursor, Progress, Replies};
use super::request::{Batch, Shape, Templates};

/// One read's worth: two values of 100 KB, and small enough for a second-level cache.
const READ_BYTES: usize = 256 * 1024;

/// A server that answers nobody for this long is stuck.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What to send, and over how many connections.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How keys and values look.
    pub shape: Shape,
    /// Which commands.
    pub mix: Mix,
    /// Which keys.
    pub keys: Keys,
    /// Requests in a batch.
    pub pipeline: usize,
    /// Connections, each with one batch outstanding.
    pub connections: usize,
}

/// What came back within a span of time.
pub struct Window {
    /// How many replies.
    pub replies: u64,
    /// How long the span was.
    pub elapsed: Duration,
    /// From the send of a batch to the arrival of a reply, nanoseconds.
    pub latency_ns: Histogram<u64>,
}

impl Window {
    fn new() -> Result<Window> {
        // 1 µs to 100 s at 0.1 %.
        let latency_ns = Histogram::new_with_bounds(1_000, 100_000_000_000, 3)?;
        Ok(Window { replies: 0, elapsed: Duration::ZERO, latency_ns })
    }
}

/// Connections under load.
pub struct Generator {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    load: Load,
    buffer: Box<[u8]>,
    window: Window,
    idle: usize,
}

/// What the connections have in common.
struct Load {
    templates: Templates,
    replies: Replies,
    feed: Feed,
    draining: bool,
}

struct Connection {
    stream: TcpStream,
    batch: Batch,
    written: usize,
    answered: usize,
    cursor: Cursor,
    sent_at: Instant,
    requests: u32,
}

impl Generator {
    /// Connects; nothing is sent yet.
    pub fn connect(address: SocketAddr, plan: &Plan) -> Result<Generator> {
        let poll = Poll::new().context("epoll")?;
        let mut connections = Vec::with_capacity(plan.connections);
        for i in 0..plan.connections {
            let stream = std::net::TcpStream::connect(address)
                .with_context(|| format!("connection {i} to {address}"))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(i), interest)?;
            connections.push(Connection::new(stream, i as u32));
        }
        Ok(Generator {
            poll,
            events: Events::with_capacity(1024),
            idle: connections.len(),
            connections,
            load: Load {
                templates: Templates::new(&plan.shape),
                replies: Replies::new(&plan.shape),
                feed: Feed::new(plan.mix, plan.keys, plan.pipeline),
                draining: false,
            },
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            window: Window::new()?,
        })
    }

    /// Runs the load for this long and leaves the batches outstanding, so that a following call
    /// goes on at full speed.
    pub fn run_for(&mut self, span: Duration) -> Result<Window> {
        self.run(Some(span))
    }

    /// Runs until every key of the plan was used and every reply came.
    pub fn run_to_end(&mut self) -> Result<Window> {
        self.run(None)
    }

    /// Sends nothing more and waits for the replies that are still due.
    pub fn drain(&mut self) -> Result<()> {
        self.load.draining = true;
        self.run(None).map(drop)
    }

    fn run(&mut self, span: Option<Duration>) -> Result<Window> {
        let start = Instant::now();
        if self.idle == self.connections.len() && !self.load.draining {
            for connection in &mut self.connections {
                self.idle -= usize::from(connection.start(&mut self.load)?);
            }
        }
        while self.idle < self.connections.len() && span.is_none_or(|span| start.elapsed() < span) {
            self.step()?;
        }
        let mut window = std::mem::replace(&mut self.window, Window::new()?);
        window.elapsed = start.elapsed();
        Ok(window)
    }

    /// Waits for events and serves them.
    fn step(&mut self) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(SILENCE_MAX)) {
            Err(e) if e.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other.context("epoll")?,
        }
        if self.events.is_empty() {
            bail!("no reply for {} s", SILENCE_MAX.as_secs());
        }
        for event in &self.events {
            let connection = &mut self.connections[event.token().0];
            if event.is_writable() {
                connection.write()?;
            }
            if event.is_readable() || event.is_read_closed() {
                let idle = connection.read(&mut self.load, &mut self.buffer, &mut self.window)?;
                self.idle += usize::from(idle);
            }
        }
        Ok(())
    }
}

impl Connection {
    /// `phase` spreads the connections over the mix, so that their SETs do not come together.
    fn new(stream: TcpStream, phase: u32) -> Connection {
        Connection {
            stream,
            batch: Batch::default(),
            written: 0,
            answered: 0,
            cursor: Cursor::default(),
            sent_at: Instant::now(),
            requests: phase,
        }
    }

    /// Sends the next batch; `false` when there is none.
    fn start(&mut self, load: &mut Load) -> Result<bool> {
        if load.draining || !load.feed.fill(&load.templates, &mut self.batch, &mut self.requests) {
            self.answered = self.batch.requests().len();
            self.written = self.batch.bytes().len();
            return Ok(false);
        }
        self.written = 0;
        self.answered = 0;
        self.sent_at = Instant::now();
        self.write()?;
        Ok(true)
    }

    /// Writes what the socket takes; the edge "writable" continues.
    fn write(&mut self) -> Result<()> {
        while self.written < self.batch.bytes().len() {
            match self.stream.write(&self.batch.bytes()[self.written..]) {
                Ok(n) => self.written += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e).context("sending to the server"),
            }
        }
        Ok(())
    }

    /// Reads and compares what is there, and sends the next batch when this one is answered.
    /// `true` when the connection has become idle.
    fn read(&mut self, load: &mut Load, buffer: &mut [u8], window: &mut Window) -> Result<bool> {
        // Nothing can follow the last reply of a batch, and a short read has emptied the socket:
        // either way the next edge tells, and no read is made to find nothing.
        while self.answered < self.batch.requests().len() {
            let n = match self.stream.read(buffer) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e).context("reading from the server"),
            };
            let latency = self.sent_at.elapsed();
            let replies = self.compare(&load.replies, &buffer[..n])?;
            window.replies += replies;
            window.latency_ns.saturating_record_n(latency.as_nanos() as u64, replies);
            if self.answered == self.batch.requests().len() {
                return Ok(!self.start(load)?);
            }
            if n < buffer.len() {
                break;
            }
        }
        Ok(false)
    }

    fn compare(&mut self, replies: &Replies, mut chunk: &[u8]) -> Result<u64> {
        let before = self.answered;
        while !chunk.is_empty() {
            let Some(&request) = self.batch.requests().get(self.answered) else {
                bail!("more came than was asked for: \"{}\"", chunk.escape_ascii());
            };
            let progress = replies.advance(&mut self.cursor, request, chunk);
            match progress.map_err(|wrong| anyhow!("wrong reply: {}", wrong.0))? {
                Progress::Complete(n) => {
                    self.answered += 1;
                    chunk = &chunk[n..];
                }
                Progress::Partial => break,
            }
        }
        Ok((self.answered - before) as u64)
    }
}
