//! The clients that are connected: what CLIENT LIST shows and CLIENT KILL ends.
//!
//! A connection's own thread writes its numbers with plain atomic stores; others read them.

use crate::config::BufferLimit;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU64, Ordering::Relaxed};
use tokio::task::AbortHandle;

/// What a client costs besides its buffers, measured over ten thousand of them.
const CLIENT_BYTES: u64 = 1800;

/// One connected client.
#[derive(Debug)]
pub struct Client {
    /// Given in ascending order, never twice.
    pub id: u64,
    /// Where it connects from.
    pub addr: SocketAddr,
    /// The address of ours that it connected to.
    pub local: SocketAddr,
    /// The descriptor of its socket.
    pub fd: i32,
    /// When it connected, monotonic microseconds.
    pub since_us: u64,
    /// When it last sent or took bytes.
    pub active_us: AtomicU64,
    /// The selected database.
    pub db: AtomicU8,
    /// Number of the last command's row, plus one.
    pub command: AtomicU16,
    /// 2 or 3.
    pub protocol: AtomicU8,
    /// Commands queued since MULTI, -1 outside.
    pub queued: AtomicI64,
    /// About what they take.
    pub queued_bytes: AtomicU64,
    /// Watched keys.
    pub watched: AtomicU64,
    /// Bytes of a request that has not wholly arrived.
    pub input_bytes: AtomicU64,
    /// Reply bytes that the client has not read.
    pub output_bytes: AtomicU64,
    /// Since when its output is past the soft limit, 0 while it is not.
    pub over_soft_us: AtomicU64,
    /// CLIENT NO-EVICT.
    pub no_evict: AtomicBool,
    /// CLIENT NO-TOUCH.
    pub no_touch: AtomicBool,
    /// CLIENT KILL, or a limit, ended it.
    pub killed: AtomicBool,
    names: Mutex<Names>,
    task: Mutex<Option<AbortHandle>>,
}

#[derive(Clone, Debug, Default)]
struct Names {
    name: Vec<u8>,
    lib_name: Vec<u8>,
    lib_ver: Vec<u8>,
}

/// A text that a client sets about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// CLIENT SETNAME.
    Name,
    /// CLIENT SETINFO LIB-NAME.
    LibName,
    /// CLIENT SETINFO LIB-VER.
    LibVer,
}

/// What Redis looks at and shows of a text that a client sets about itself.
pub fn before_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

impl Client {
    /// Sets one of its texts.
    pub fn set(&self, what: Named, text: Vec<u8>) {
        let mut names = self.names.lock();
        match what {
            Named::Name => names.name = text,
            Named::LibName => names.lib_name = text,
            Named::LibVer => names.lib_ver = text,
        }
    }

    /// Its name, empty if it has none.
    pub fn name(&self) -> Vec<u8> {
        self.names.lock().name.clone()
    }

    /// The task that serves it now.
    pub fn set_task(&self, task: AbortHandle) {
        let mut held = self.task.lock();
        if self.killed.load(Relaxed) {
            task.abort();
        }
        *held = Some(task);
    }

    /// Ends its connection.
    pub fn kill(&self) {
        let task = self.task.lock();
        self.killed.store(true, Relaxed);
        if let Some(task) = &*task {
            task.abort();
        }
    }

    /// Whether its unread output is past the limit: at once for the hard one, after the time that
    /// the soft one gives. A limit of 0 is none.
    pub fn exceeds(&self, limit: &BufferLimit, now_us: u64) -> bool {
        let bytes = self.output_bytes.load(Relaxed);
        if limit.is_above_hard(bytes) {
            return true;
        }
        if !limit.is_above_soft(bytes) {
            self.over_soft_us.store(0, Relaxed);
            return false;
        }
        match self.over_soft_us.load(Relaxed) {
            0 => {
                self.over_soft_us.store(now_us.max(1), Relaxed);
                false
            }
            since => now_us.saturating_sub(since) >= u64::from(limit.soft_s) * 1_000_000,
        }
    }

    /// About what it takes, its buffers and its transaction included.
    pub fn memory_bytes(&self) -> u64 {
        let buffers = self.input_bytes.load(Relaxed) + self.output_bytes.load(Relaxed);
        CLIENT_BYTES + buffers + self.transaction_bytes()
    }

    fn transaction_bytes(&self) -> u64 {
        if self.queued.load(Relaxed) >= 0 { self.queued_bytes.load(Relaxed) } else { 0 }
    }

    /// Its line in CLIENT LIST.
    pub fn line(&self, now_us: u64) -> String {
        let names = self.names.lock().clone();
        let age = now_us.saturating_sub(self.since_us) / 1_000_000;
        let idle = now_us.saturating_sub(self.active_us.load(Relaxed)) / 1_000_000;
        let (multi, multi_bytes) = (self.queued.load(Relaxed), self.transaction_bytes());
        let command = self.command.load(Relaxed);
        let command = (command.checked_sub(1))
            .and_then(|at| kinring_common::command::table::TABLE.get(usize::from(at)))
            .map_or("NULL", |row| row.name);
        let input = self.input_bytes.load(Relaxed);
        let (uncounted, counted) = BufferLimit::parts(self.output_bytes.load(Relaxed));
        let mut line = String::with_capacity(320);
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "id={} addr={} laddr={} fd={} name={} age={age} idle={idle} flags={} db={} sub=0 \
             psub=0 ssub=0 multi={multi} qbuf={input} qbuf-free=0 argv-mem=0 \
             multi-mem={multi_bytes} rbs=0 rbp=0 obl={uncounted} oll=0 omem={counted} tot-mem={} \
             events=r \
             cmd={command} user=default redir=-1 resp={} lib-name={} lib-ver={}",
            self.id,
            self.addr,
            self.local,
            self.fd,
            String::from_utf8_lossy(before_nul(&names.name)),
            self.flags(),
            self.db.load(Relaxed),
            self.memory_bytes(),
            self.protocol.load(Relaxed),
            String::from_utf8_lossy(before_nul(&names.lib_name)),
            String::from_utf8_lossy(before_nul(&names.lib_ver)),
        );
        line
    }

    fn flags(&self) -> String {
        let mut flags = String::new();
        if self.queued.load(Relaxed) >= 0 {
            flags.push('x');
        }
        if self.no_evict.load(Relaxed) {
            flags.push('e');
        }
        if self.no_touch.load(Relaxed) {
            flags.push('T');
        }
        if flags.is_empty() {
            flags.push('N');
        }
        flags
    }
}

/// All connected clients.
#[derive(Debug, Default)]
pub struct Clients {
    map: Mutex<BTreeMap<u64, Arc<Client>>>,
    last: AtomicU64,
}

impl Clients {
    /// A new client, now in the list.
    pub fn add(&self, addr: SocketAddr, local: SocketAddr, fd: i32, now_us: u64) -> Arc<Client> {
        let id = self.last.fetch_add(1, Relaxed) + 1;
        let client = Arc::new(Client {
            id,
            addr,
            local,
            fd,
            since_us: now_us,
            active_us: AtomicU64::new(now_us),
            db: AtomicU8::new(0),
            command: AtomicU16::new(0),
            protocol: AtomicU8::new(2),
            queued: AtomicI64::new(-1),
            queued_bytes: AtomicU64::new(0),
            watched: AtomicU64::new(0),
            input_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            over_soft_us: AtomicU64::new(0),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            names: Mutex::default(),
            task: Mutex::default(),
        });
        self.map.lock().insert(id, Arc::clone(&client));
        client
    }

    /// It has gone.
    pub fn remove(&self, id: u64) {
        self.map.lock().remove(&id);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.map.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, by id.
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.map.lock().values().cloned().collect()
    }
}
