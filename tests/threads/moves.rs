//! Connections move between data threads under load: no reply is lost, none comes twice.
//!
//! How many threads are opened depends on the machine, so this drives the library itself with three
//! of them and says how busy they were.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kinring::clients::Clients;
use kinring::config::{Config, Settings};
use kinring::connection::Connection;
use kinring::data_threads::DataThreads;
use kinring::node::{Clock, Facts, Node};
use kinring::stats::Stats;
use kinring::stop::{Cause, Stop};
use kinring_common::id::Actor;
use kinring_common::keyspace::HashSeed;
use kinring_shard::{Shard, ShardOptions};
use kinring_tests::Conn;
use kinring_tests::conn::{WAIT_MAX, request};
use kinring_tests::process::eventually;

const THREADS: usize = 3;
const CONNECTIONS: usize = 24;

/// To have been idle, or busy, all the time since the last judgement.
const LONG: Duration = Duration::from_secs(1_000_000);
const SHORT: Duration = Duration::from_nanos(1);

/// A server without a process: what `main` puts together, with the control in the test's hands.
struct Server {
    node: Arc<Node>,
    threads: DataThreads,
    listener: TcpListener,
    clock: Clock,
}

impl Server {
    fn start() -> Server {
        let shard = ShardOptions { databases: 16, seed: HashSeed(1), actor: Actor(1) };
        let facts = Facts {
            run_id: String::new(),
            listening: Vec::new(),
            threads: (false, THREADS),
            executable: String::new(),
        };
        let node = Arc::new(Node {
            shard: Arc::new(Shard::alone(shard)),
            settings: Settings::new(Config::default(), |clients| clients),
            clients: Clients::default(),
            stats: Stats::default(),
            stop: Stop::default(),
            facts,
        });
        let clock = Clock::new();
        let threads = DataThreads::start(&node, &clock, false, THREADS).expect("threads");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        Server { node, threads, listener, clock }
    }

    /// A connection, served.
    fn connect(&self) -> Conn {
        let to = self.listener.local_addr().expect("it is bound");
        let conn = Conn::open(to);
        let (socket, from): (TcpStream, SocketAddr) = self.listener.accept().expect("it waits");
        socket.set_nonblocking(true).expect("a socket");
        let now_us = self.clock.moment().now.mono_us;
        let client = self.node.clients.add(from, to, socket.as_raw_fd(), now_us);
        let connection = Connection::new(&self.node, client, now_us);
        assert!(self.threads.give(socket, Box::new(connection)));
        conn
    }
}

impl Drop for Server {
    /// The data threads stay, as they do in `main`; they have nothing to do.
    fn drop(&mut self) {
        self.node.stop.request(Cause::Command);
    }
}

/// A client that counts on, in pipelines of all lengths and cut at all places, until told to stop;
/// every reply must be the next number.
fn counting(
    mut conn: Conn,
    at: usize,
    stop: &Arc<AtomicBool>,
    done: &Arc<AtomicU64>,
) -> JoinHandle<u64> {
    let (stop, done) = (Arc::clone(stop), Arc::clone(done));
    std::thread::spawn(move || {
        let one = request(&[b"INCR", format!("counter:{at}").as_bytes()]);
        let mut count = 0;
        while !stop.load(Relaxed) {
            let pipeline = one.repeat(1 + (count as usize + at) % 37);
            let cut = (count as usize * 7 + at) % pipeline.len();
            conn.send(&pipeline[..cut]);
            conn.send(&pipeline[cut..]);
            for _ in 0..pipeline.len() / one.len() {
                count += 1;
                assert_eq!(conn.answer(), format!(":{count}"));
            }
            done.fetch_add(1, Relaxed);
        }
        assert_eq!(conn.ask("PING"), "+PONG");
        count
    })
}

#[test]
fn connections_that_move_under_load_lose_no_reply() {
    let mut server = Server::start();
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<JoinHandle<u64>> =
        (0..CONNECTIONS).map(|at| counting(server.connect(), at, &stop, &done)).collect();
    assert_eq!(
        server.threads.connections(),
        [CONNECTIONS as u64, 0, 0],
        "one thread is open at first"
    );
    let until = Instant::now() + WAIT_MAX;
    let mut seen = [0u64; THREADS];
    // Open and close threads over and over; each round is of about a hundred judgements.
    // On a machine with other work it takes more of them until all threads were open.
    let mut round = 0;
    while round < 6 || seen.contains(&0) && Instant::now() < until {
        round += 1;
        for _ in 0..4 {
            wait_for_work(&done, until);
            server.threads.judge(SHORT);
        }
        for (most, now) in seen.iter_mut().zip(server.threads.connections()) {
            *most = now.max(*most);
        }
        wait_for_work(&done, until);
        if round % 2 == 0 {
            (0..220).for_each(|_| server.threads.judge(LONG));
        }
    }
    stop.store(true, Relaxed);
    let counts: Vec<u64> = clients.into_iter().map(|c| c.join().expect("no reply lost")).collect();
    println!("most connections of each thread: {seen:?}; {} replies", counts.iter().sum::<u64>());
    assert!(seen[1] > 0 && seen[2] > 0, "they moved: {seen:?}");
    let mut conn = server.connect();
    for (at, count) in counts.iter().enumerate() {
        assert_eq!(conn.ask(&format!("GET counter:{at}")), format!("${count}"));
    }
    let gone = eventually(|| server.node.clients.len() == 1);
    assert!(gone, "{} clients are left", server.node.clients.len());
    let counted = eventually(|| server.threads.connections().iter().sum::<u64>() == 1);
    assert!(counted, "each is counted out where it was: {:?}", server.threads.connections());
}

/// Waits until the clients have done some more, so that those who are to move have had a chance.
fn wait_for_work(done: &AtomicU64, until: Instant) {
    let target = done.load(Relaxed) + 4 * CONNECTIONS as u64;
    while done.load(Relaxed) < target {
        assert!(Instant::now() < until, "the clients stand still");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_connection_moves_with_all_its_state() {
    const PINGS: usize = 20_000;
    let mut server = Server::start();
    let (mut conn, mut other) = (server.connect(), server.connect());
    for (command, reply) in [
        ("SELECT 3", "+OK"),
        ("CLIENT SETNAME me", "+OK"),
        ("SET key value", "+OK"),
        ("WATCH key", "+OK"),
        ("MULTI", "+OK"),
        ("GET key", "+QUEUED"),
    ] {
        assert_eq!(conn.ask(command), reply);
    }
    let (get, pings) = (request(&[b"GET", b"key"]), request(&[b"PING"]).repeat(PINGS));
    let mut kept = 1;
    let moved = eventually(|| {
        // The start of a request is with the server when the connection moves.
        conn.send(&get[..get.len() - 3]);
        // Enough work to count as busy; then the other one is silent, so that this one moves.
        other.send(&pings);
        other.expect(&b"+PONG\r\n".repeat(PINGS));
        server.threads.judge(SHORT);
        conn.send(&get[get.len() - 3..]);
        assert_eq!(conn.answer(), "+QUEUED");
        kept += 1;
        server.threads.connections()[0] < 2
    });
    assert!(moved, "{:?}", server.threads.connections());
    assert_eq!(conn.ask("EXEC"), format!("[{}]", vec!["$value"; kept].join(" ")));
    assert_eq!(conn.ask("CLIENT GETNAME"), "$me");
    assert_eq!(conn.ask("GET key"), "$value");
    assert_eq!(other.ask("GET key"), "nil", "it is in another database");
}

#[test]
fn a_connection_can_be_killed_wherever_it_went() {
    let mut server = Server::start();
    let mut killer = server.connect();
    for _ in 0..20 {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut conn = server.connect();
        let id = conn.ask("CLIENT ID").trim_start_matches(':').to_owned();
        let mut stream = conn.stream().try_clone().expect("a descriptor");
        let sending = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while stream.write_all(b"PING\r\n").is_ok()
                && matches!(stream.read(&mut bytes), Ok(1..))
            {}
        });
        let busy = counting(server.connect(), 99, &stop, &done);
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(2));
            server.threads.judge(SHORT);
        }
        assert_eq!(killer.ask(&format!("CLIENT KILL ID {id}")), ":1");
        sending.join().expect("it is closed");
        stop.store(true, Relaxed);
        busy.join().expect("another one goes on");
        killer.ask("DEL counter:99");
        (0..220).for_each(|_| server.threads.judge(LONG));
    }
    assert!(eventually(|| server.node.clients.len() == 1));
}
