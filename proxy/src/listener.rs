//! Listening sockets: bound at the start with an error that names the mend, accepted from with the
//! limits on who may connect.

use crate::clients::Client;
use crate::config::{Config, DENIED};
use crate::connection::Connection;
use crate::data_threads::DataThreads;
use crate::log;
use crate::node::{Clock, Node};
use parking_lot::Mutex;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// After a failed accept (no descriptors left, mostly) nobody is accepted for so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address that cannot be listened on, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("{0} is in use: stop the process that listens there, or choose another --port")]
    InUse(SocketAddr),
    /// The system does not allow it.
    #[error("no permission to listen on {0}: choose a --port above 1023")]
    Denied(SocketAddr),
    /// The machine has no such address.
    #[error("this machine has no address {0}: choose another --bind")]
    NoAddress(SocketAddr),
    /// All addresses are optional, and the machine has none of them.
    #[error("no address to listen on: this machine has none of those in --bind")]
    Nowhere,
    /// Anything else.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, io::Error),
}

/// Binds every address of the configuration; those marked optional (`-::1`) may be missing. With
/// port 0, all addresses take the port that the first was given.
///
/// # Errors
/// For the first address that cannot be bound.
pub fn bind(config: &Config) -> Result<Vec<std::net::TcpListener>, BindError> {
    let mut listeners = Vec::new();
    let mut port = config.port;
    for bind in &config.bind {
        let addr = bind.with_port(port);
        match bind_one(addr, config.tcp_backlog) {
            Ok(listener) => {
                port = listener.local_addr().map_or(port, |addr| addr.port());
                listeners.push(listener);
            }
            Err(error) => match (explain(addr, error), bind.optional) {
                (BindError::NoAddress(_) | BindError::Other(..), true) => {}
                (error, _) => return Err(error),
            },
        }
    }
    if listeners.is_empty() {
        return Err(BindError::Nowhere);
    }
    Ok(listeners)
}

/// Binds the same addresses once more, after a stop that was aborted.
///
/// # Errors
/// For the first address that cannot be bound: somebody else may have taken it.
pub fn again(
    listening: &[SocketAddr],
    config: &Config,
) -> Result<Vec<std::net::TcpListener>, BindError> {
    let bind = |addr: &SocketAddr| {
        bind_one(*addr, config.tcp_backlog).map_err(|error| explain(*addr, error))
    };
    listening.iter().map(bind).collect()
}

/// A client is closed because of `client-output-buffer-limit`.
pub fn log_unread(client: &Client) {
    let bytes = client.output_bytes.load(Relaxed);
    log::warning(format_args!(
        "client {} ({}) is closed: {bytes} bytes of replies unread, see client-output-buffer-limit",
        client.id, client.addr
    ));
}

fn bind_one(addr: SocketAddr, backlog: u32) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn explain(addr: SocketAddr, error: io::Error) -> BindError {
    match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(addr),
        io::ErrorKind::PermissionDenied => BindError::Denied(addr),
        io::ErrorKind::AddrNotAvailable => BindError::NoAddress(addr),
        _ => BindError::Other(addr, error),
    }
}

/// Accepts until the task is ended.
pub async fn accept(
    listener: TcpListener,
    node: Arc<Node>,
    threads: Arc<Mutex<DataThreads>>,
    clock: Clock,
) {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((socket, addr)) => {
                failing = false;
                welcome(socket, addr, &node, &threads, &clock);
            }
            Err(error) => {
                if !failing {
                    log::warning(format_args!("accept failed, trying on: {error}"));
                }
                failing = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn welcome(
    socket: TcpStream,
    addr: SocketAddr,
    node: &Arc<Node>,
    threads: &Mutex<DataThreads>,
    clock: &Clock,
) {
    let config = node.settings.now();
    node.stats.accepted.fetch_add(1, Relaxed);
    let refusal = if node.clients.len() >= config.maxclients as usize {
        node.stats.rejected.fetch_add(1, Relaxed);
        Some("ERR max number of clients reached")
    } else if config.denies(addr.ip()) {
        Some(DENIED)
    } else {
        None
    };
    // What fails here is a socket that is gone already; serving it then ends at once.
    let Ok(mut socket) = socket.into_std() else { return };
    if let Some(text) = refusal {
        let _ = socket.write(format!("-{text}\r\n").as_bytes());
        let why = text.split('.').next().unwrap_or_default();
        log::verbose(format_args!("refused {addr}: {why}"));
        return;
    }
    let _ = socket.set_nodelay(true);
    if config.tcp_keepalive_s > 0
        && let Err(error) =
            SockRef::from(&socket).set_tcp_keepalive(&keepalive(config.tcp_keepalive_s))
    {
        log::verbose(format_args!("no tcp-keepalive for {addr}: {error}"));
    }
    let Ok(local) = socket.local_addr() else { return };
    let now_us = clock.moment().now.mono_us;
    let client = node.clients.add(addr, local, socket.as_raw_fd(), now_us);
    let id = client.id;
    log::verbose(format_args!("accepted {addr}, client {id}"));
    let connection = Connection::new(node, client, now_us ^ id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    if !threads.lock().give(socket, Box::new(connection)) {
        node.clients.remove(id);
    }
}

/// As Redis has it: the first probe after the time that was set, two more at a third of it each.
/// The system takes whole seconds, no 0, and not above nine hours (MAX_TCP_KEEPIDLE of Linux).
fn keepalive(seconds: u32) -> TcpKeepalive {
    const SECONDS_MAX: u64 = 32_767;
    let every = u64::from(seconds).min(SECONDS_MAX);
    let interval = (every / 3).max(1);
    TcpKeepalive::new()
        .with_time(Duration::from_secs(every))
        .with_interval(Duration::from_secs(interval))
        .with_retries(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keepalive_that_can_be_set_is_taken_by_the_system() {
        for (seconds, interval) in
            [(1, 1), (2, 1), (5, 1), (6, 2), (300, 100), (i32::MAX as u32, 10_922)]
        {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
            socket.set_tcp_keepalive(&keepalive(seconds)).unwrap();
            assert!(socket.keepalive().unwrap());
            let time = u64::from(seconds.min(32_767));
            assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), time);
            assert_eq!(socket.tcp_keepalive_interval().unwrap().as_secs(), interval, "{seconds}");
        }
    }
}
