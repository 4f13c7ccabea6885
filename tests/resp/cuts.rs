//! Requests mean the same however the network cuts them, and replies come in their order.

use std::time::Duration;

use kinring_tests::conn::request;
use kinring_tests::{Conn, Kinring};

/// A request, and its reply.
type Exchange = (&'static [u8], &'static [u8]);

/// A pipeline of all kinds of requests.
const PIPELINE: &[Exchange] = &[
    (b"*1\r\n$7\r\nFLUSHDB\r\n", b"+OK\r\n"),
    (b"PING\r\n", b"+PONG\r\n"),
    (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$6\r\na\r\nb\x00c\r\n", b"+OK\r\n"),
    (b"\r\n*0\r\n*-1\r\n", b""),
    (b"*2\r\n$3\r\nget\r\n$1\r\nk\r\n", b"$6\r\na\r\nb\x00c\r\n"),
    (b"SET \"q k\" 'it\\'s'\r\n", b"+OK\r\n"),
    (b"GET \"q\\x20k\"\n", b"$4\r\nit's\r\n"),
    (
        b"*1\r\n$8\r\nNONSENSE\r\n",
        b"-ERR unknown command 'NONSENSE', with args beginning with: \r\n",
    ),
    (b"*2\r\n$4\r\nKEYS\r\n$1\r\nk\r\n", b"*1\r\n$1\r\nk\r\n"),
    (b"*1\r\n$5\r\nMULTI\r\n", b"+OK\r\n"),
    (b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n", b"+QUEUED\r\n"),
    (b"*2\r\n$4\r\nKEYS\r\n$1\r\nn\r\n", b"+QUEUED\r\n"),
    (b"*1\r\n$4\r\nEXEC\r\n", b"*2\r\n:1\r\n*1\r\n$1\r\nn\r\n"),
    (b"*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n", b"+OK\r\n"),
    (b"*2\r\n$6\r\nEXISTS\r\n$1\r\nk\r\n", b":0\r\n"),
    (b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", b"+OK\r\n"),
    (b"*2\r\n$6\r\nEXISTS\r\n$1\r\nk\r\n", b":1\r\n"),
];

fn joined(part: fn(&Exchange) -> &'static [u8]) -> Vec<u8> {
    PIPELINE.iter().map(part).collect::<Vec<_>>().concat()
}

#[test]
fn a_pipeline_cut_at_any_byte_gives_the_same_replies() {
    let kinring = Kinring::start(&[]);
    let (sent, wanted) = (joined(|p| p.0), joined(|p| p.1));
    let mut conn = kinring.connect();
    for cut in 0..=sent.len() {
        conn.send(&sent[..cut]);
        // The replies so far have come, so what was sent has been read on its own.
        let mut end = 0;
        let whole = PIPELINE.iter().take_while(|(request, _)| {
            end += request.len();
            end <= cut
        });
        let before: usize = whole.map(|(_, reply)| reply.len()).sum();
        conn.expect(&wanted[..before]);
        conn.send(&sent[cut..]);
        conn.expect(&wanted[before..]);
    }
}

#[test]
fn a_pipeline_that_comes_byte_by_byte_gives_the_same_replies() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    for byte in joined(|p| p.0) {
        conn.send(&[byte]);
    }
    conn.expect(&joined(|p| p.1));
}

/// Numbers without a pattern, the same at each run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Requests of all sizes that set and get keys, and the replies.
fn long_pipeline(random: &mut Random) -> (Vec<u8>, Vec<u8>) {
    let (mut sent, mut wanted) = (Vec::new(), Vec::new());
    for at in 0..300 {
        let len = match random.below(10) {
            0 => random.below(200_000),
            1..4 => random.below(5_000),
            _ => random.below(60),
        };
        let (key, value) = (format!("key:{at}"), vec![b'a' + (at % 26) as u8; len]);
        sent.extend(request(&[b"SET", key.as_bytes(), &value]));
        sent.extend(request(&[b"STRLEN", key.as_bytes()]));
        wanted.extend(format!("+OK\r\n:{len}\r\n").into_bytes());
        if random.below(4) == 0 {
            sent.extend(request(&[b"GET", key.as_bytes()]));
            wanted.extend(format!("${len}\r\n").into_bytes());
            wanted.extend(value);
            wanted.extend(b"\r\n");
        }
    }
    (sent, wanted)
}

#[test]
fn long_pipelines_cut_at_random_give_the_same_replies() {
    let kinring = Kinring::start(&[]);
    let mut random = Random(0x5eed);
    for _ in 0..4 {
        let (sent, wanted) = long_pipeline(&mut random);
        let mut conn = kinring.connect();
        let mut sender = Conn::of(conn.stream());
        let seed = random.below(usize::MAX) as u64 | 1;
        let sending = std::thread::spawn(move || {
            let (mut random, mut rest) = (Random(seed), &sent[..]);
            while !rest.is_empty() {
                let len = match random.below(3) {
                    0 => 1 + random.below(20),
                    1 => 1 + random.below(3_000),
                    _ => 1 + random.below(150_000),
                };
                let (now, later) = rest.split_at(len.min(rest.len()));
                sender.send(now);
                rest = later;
            }
        });
        conn.expect(&wanted);
        sending.join().expect("all of it was sent");
    }
}

#[test]
fn the_protocol_may_change_in_the_middle_of_a_pipeline() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let (get, hash) = (request(&[b"GET", b"nothing"]), request(&[b"HGETALL", b"h"]));
    let pipeline = [
        request(&[b"HSET", b"h", b"f", b"v"]),
        get.clone(),
        hash.clone(),
        request(&[b"HELLO", b"3", b"SETNAME", b"x"]),
        get.clone(),
        hash.clone(),
        request(&[b"KEYS", b"nothing"]),
        request(&[b"HELLO", b"4"]),
        request(&[b"HELLO", b"2"]),
        get,
        hash,
        request(&[b"PING"]),
    ];
    conn.send(&pipeline.concat());
    let id = format!("{}", 1);
    let hello = |proto: u8, head: &str| {
        let pair = |name: &str, value: &str| {
            format!("${}\r\n{name}\r\n${}\r\n{value}\r\n", name.len(), value.len())
        };
        format!(
            "{head}{}{}$5\r\nproto\r\n:{proto}\r\n$2\r\nid\r\n:{id}\r\n{}{}$7\r\nmodules\r\n*0\r\n",
            pair("server", "redis"),
            pair("version", "7.2.4"),
            pair("mode", "standalone"),
            pair("role", "master"),
        )
    };
    conn.expect(b":1\r\n$-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
    conn.expect(hello(3, "%7\r\n").as_bytes());
    conn.expect(b"_\r\n%1\r\n$1\r\nf\r\n$1\r\nv\r\n*0\r\n");
    conn.expect(b"-NOPROTO unsupported protocol version\r\n");
    conn.expect(hello(2, "*14\r\n").as_bytes());
    conn.expect(b"$-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n+PONG\r\n");
}

#[test]
fn a_client_that_sends_nothing_more_still_gets_its_replies() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    let value = vec![b'x'; 1 << 20];
    conn.send(&request(&[b"SET", b"big", &value]));
    conn.expect(b"+OK\r\n");
    conn.send(&request(&[b"GET", b"big"]).repeat(20));
    conn.send(b"*2\r\n$3\r\nGET\r\n$3\r\nbi");
    conn.finish_sending();
    let reply = [b"$1048576\r\n", &value[..], b"\r\n"].concat();
    for _ in 0..20 {
        conn.expect(&reply);
    }
    conn.expect_end();
}

#[test]
fn quit_is_answered_and_ends_the_pipeline() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    conn.send(b"SET k 1\r\nQUIT\r\nSET k 2\r\n");
    conn.expect(b"+OK\r\n+OK\r\n");
    conn.expect_end();
    assert_eq!(kinring.connect().ask("GET k"), "$1");
}

#[test]
fn replies_are_left_out_as_the_client_asks() {
    let kinring = Kinring::start(&[]);
    let mut conn = kinring.connect();
    conn.send(b"CLIENT REPLY SKIP\r\nSET a 1\r\nGET a\r\n");
    conn.expect(b"$1\r\n1\r\n");
    conn.send(b"CLIENT REPLY SKIP\r\nNONSENSE\r\nPING\r\n");
    conn.expect(b"+PONG\r\n");
    conn.send(b"CLIENT REPLY OFF\r\nSET a 2\r\nGET a\r\nKEYS *\r\nNONSENSE\r\nINFO\r\n");
    conn.send(b"CLIENT REPLY SKIP\r\nMULTI\r\nINCR a\r\nEXEC\r\n");
    conn.expect_silence(Duration::from_millis(100));
    conn.send(b"CLIENT REPLY ON\r\nGET a\r\n");
    conn.expect(b"+OK\r\n$1\r\n3\r\n");
    conn.send(b"CLIENT REPLY OFF\r\nRESET\r\n");
    conn.expect(b"+RESET\r\n");
}
