//! Our decoder against `redis-protocol`'s, and against itself on the same bytes cut otherwise.

use super::tests::decode_in_pieces;
use super::*;
use crate::random::Random;
use crate::testing::for_all;
use redis_protocol::resp2;
use redis_protocol::resp2::types::{OwnedFrame, Resp2Frame};

type Requests = Vec<Vec<Vec<u8>>>;

/// A pipeline of random requests and how `redis-protocol` encodes it.
fn pipeline(random: &mut Random, requests_max: usize, arg_bytes_max: usize) -> (Requests, Vec<u8>) {
    let mut requests = Vec::new();
    let mut bytes = Vec::new();
    for _ in 0..=random.below(requests_max) {
        let args = (0..=random.below(12)).map(|_| arg(random, arg_bytes_max)).collect::<Vec<_>>();
        if refuse_http(&args[0]).is_err() {
            continue;
        }
        let frame = OwnedFrame::Array(args.iter().cloned().map(OwnedFrame::BulkString).collect());
        let start = bytes.len();
        bytes.resize(start + frame.encode_len(false), 0);
        resp2::encode::encode(&mut bytes[start..], &frame, false).unwrap();
        requests.push(args);
    }
    (requests, bytes)
}

/// Mostly short, sometimes empty or long; made of bytes that matter to the protocol, or of any.
fn arg(random: &mut Random, bytes_max: usize) -> Vec<u8> {
    let len_max = match random.below(8) {
        0 => 0,
        1 => bytes_max,
        2 => bytes_max.min(1_000),
        _ => bytes_max.min(20),
    };
    let len = random.below(len_max + 1);
    if random.chance(50) {
        return random.bytes(len);
    }
    (0..len).map(|_| *random.pick(b"*$\r\n-0123456789")).collect()
}

/// What `redis-protocol` makes of the bytes, until it wants more or refuses.
fn oracle(mut input: &[u8]) -> Requests {
    let mut requests = Vec::new();
    while let Ok(Some((OwnedFrame::Array(frames), used))) = resp2::decode::decode(input) {
        requests.push(frames.into_iter().map(bulk).collect());
        input = &input[used..];
    }
    requests
}

fn bulk(frame: OwnedFrame) -> Vec<u8> {
    match frame {
        OwnedFrame::BulkString(bytes) => bytes,
        other => panic!("only bulk strings were encoded, not {other:?}"),
    }
}

fn random_cuts(random: &mut Random, len: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = (0..random.below(12)).map(|_| random.below(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

#[test]
fn small_pipelines_decode_as_redis_protocol_says_at_every_cut() {
    for_all(1_000, |random| {
        let (requests, bytes) = pipeline(random, 4, 40);
        assert_eq!(oracle(&bytes), requests, "the oracle reads what it wrote");
        let requests_max = 1 + random.below(6);
        for cut in 0..=bytes.len() {
            let decoded = decode_in_pieces(&bytes, &[cut], &Limits::default(), requests_max);
            assert_eq!(decoded, (requests.clone(), None), "cut at {cut}");
        }
    });
}

#[test]
fn large_pipelines_decode_as_redis_protocol_says_at_random_cuts() {
    for_all(300, |random| {
        let (requests, bytes) = pipeline(random, 30, 70_000);
        assert_eq!(oracle(&bytes), requests, "the oracle reads what it wrote");
        let cuts = random_cuts(random, bytes.len());
        let requests_max = 1 + random.below(40);
        let decoded = decode_in_pieces(&bytes, &cuts, &Limits::default(), requests_max);
        assert!(decoded == (requests, None), "cuts {cuts:?}, {requests_max} at a time");
    });
}

/// A request with more arguments than are copied from call to call.
#[test]
fn requests_of_many_arguments_survive_any_cut() {
    for_all(100, |random| {
        let count = 200 + random.below(3_000);
        let before = random.below(3);
        let args: Vec<Vec<u8>> = (0..count).map(|_| arg(random, 10)).collect();
        let mut bytes = b"*1\r\n$1\r\na\r\n".repeat(before);
        bytes.extend_from_slice(format!("*{count}\r\n").as_bytes());
        for arg in &args {
            bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            bytes.extend_from_slice(arg);
            bytes.extend_from_slice(b"\r\n");
        }
        // Long enough that a cut also falls behind the long request.
        let after = 1 + random.below(1_000);
        bytes.extend(b"*1\r\n$1\r\nz\r\n".repeat(after));
        let cuts = random_cuts(random, bytes.len());
        let (decoded, error) = decode_in_pieces(&bytes, &cuts, &Limits::default(), 5_000);
        assert_eq!(error, None);
        assert_eq!(decoded.len(), before + 1 + after);
        assert!(decoded[before] == args, "cuts {cuts:?}");
        assert!(decoded[before + 1..].iter().all(|args| args == &[b"z"]), "cuts {cuts:?}");
    });
}

/// Pieces that a mutation puts in: what length lines and quotes are made of.
const SPLICES: [&[u8]; 14] = [
    b"*",
    b"$",
    b"\r",
    b"\n",
    b"\r\n",
    b"-1",
    b"0",
    b"99999999999",
    b"\"",
    b"'",
    b"\\x4",
    b" ",
    b"\0",
    b"POST",
];

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        match random.below(4) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            2 => {
                let until = (at + random.below(8)).min(bytes.len());
                bytes.drain(at..until);
            }
            _ => {
                let splice = random.pick(&SPLICES);
                bytes.splice(at..at, splice.iter().copied());
            }
        }
    }
}

#[test]
fn malformed_input_gives_the_same_at_every_cut() {
    for_all(2_000, |random| {
        let (_, mut bytes) = pipeline(random, 3, 30);
        mutate(random, &mut bytes);
        let limits = Limits {
            bulk_bytes_max: 25,
            args_max: 11,
            inline_bytes_max: 40,
            total_bytes_max: 150,
            authenticated: random.below(4) > 0,
        };
        let whole = decode_in_pieces(&bytes, &[], &limits, 100);
        for cut in 0..=bytes.len() {
            let decoded = decode_in_pieces(&bytes, &[cut], &limits, 1 + random.below(4));
            assert_eq!(decoded, whole, "cut at {cut} of {:?}", bytes.escape_ascii().to_string());
        }
        let bytewise: Vec<usize> = (0..bytes.len()).collect();
        assert_eq!(decode_in_pieces(&bytes, &bytewise, &limits, 100), whole);
    });
}

#[test]
fn arbitrary_bytes_take_memory_only_for_what_arrived() {
    for_all(2_000, |random| {
        let (_, mut bytes) = pipeline(random, 3, 30);
        mutate(random, &mut bytes);
        let mut decoder = Decoder::new();
        let mut batch = Batch::new();
        // An error is as good as requests here.
        let _: Result<usize, ProtocolError> =
            decoder.decode(&bytes, &Limits::default(), &mut batch, 100);
        // An argument takes 6 bytes of input (inline: 2), and a vector at most doubles from 4.
        let ranges_max = bytes.len().max(4);
        assert!(batch.args.capacity() <= ranges_max, "{}", batch.args.capacity());
        assert!(decoder.args.capacity() <= ranges_max, "{}", decoder.args.capacity());
        assert!(batch.inline.capacity() <= 2 * bytes.len() + 8, "{}", batch.inline.capacity());
    });
}

/// Bytes in one call each: a decoder that started again each time would take hours.
#[test]
fn a_request_in_single_bytes_takes_linear_time() {
    let mut bytes = b"*20001\r\n$4\r\nMSET\r\n".to_vec();
    bytes.extend(b"$17\r\nkey:0123456789012\r\n".repeat(20_000));
    let mut decoder = Decoder::new();
    let mut batch = Batch::new();
    for end in 1..bytes.len() {
        assert_eq!(decoder.decode(&bytes[..end], &Limits::default(), &mut batch, 100), Ok(0));
    }
    assert_eq!(decoder.decode(&bytes, &Limits::default(), &mut batch, 100), Ok(bytes.len()));
    assert_eq!(batch.request(0).len(), 20_001);
    assert!(!decoder.is_partial());
}
