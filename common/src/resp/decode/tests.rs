//! Tables of bytes in, requests out.

use super::*;

/// Decodes `input` given piece by piece: the pieces end at `cuts`, which ascend.
pub(super) fn decode_in_pieces(
    input: &[u8],
    cuts: &[usize],
    limits: &Limits,
    requests_max: usize,
) -> (Vec<Vec<Vec<u8>>>, Option<ProtocolError>) {
    let mut decoder = Decoder::new();
    let mut batch = Batch::new();
    let mut requests = Vec::new();
    let mut start = 0;
    for &cut in cuts.iter().chain([&input.len()]) {
        loop {
            let buf = &input[start..cut];
            let outcome = decoder.decode(buf, limits, &mut batch, requests_max);
            requests.extend(
                batch.iter().map(|request| request.args(buf).map(<[u8]>::to_vec).collect()),
            );
            match outcome {
                Ok(consumed) => start += consumed,
                Err(error) => return (requests, Some(error)),
            }
            if batch.is_empty() {
                break;
            }
        }
    }
    (requests, None)
}

/// What `input` decodes to in one piece, which every cut must agree with: requests as their
/// arguments joined by `|`.
fn check(input: &[u8], limits: &Limits, expected: &[&str], error: Option<ProtocolError>) {
    let whole = decode_in_pieces(input, &[], limits, 100);
    let shown: Vec<String> =
        whole.0.iter().map(|args| String::from_utf8_lossy(&args.join(&b'|')).into()).collect();
    assert_eq!((shown, whole.1), (expected.iter().map(|s| s.to_string()).collect(), error));
    for cut in 0..=input.len() {
        let cut_once = decode_in_pieces(input, &[cut], limits, 100);
        assert_eq!(cut_once, whole, "{:?} cut at {cut}", String::from_utf8_lossy(input));
    }
    let bytewise: Vec<usize> = (0..input.len()).collect();
    assert_eq!(decode_in_pieces(input, &bytewise, limits, 1), whole);
}

#[test]
fn requests_decode_at_every_cut() {
    let cases: [(&[u8], &[&str]); 12] = [
        (b"", &[]),
        (b"*1\r\n$4\r\nPING\r\n", &["PING"]),
        (b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", &["GET|"]),
        (b"*2\r\n$3\r\nGET\r\n$12\r\n0123456789\r\n\r\n", &["GET|0123456789\r\n"]),
        (b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n", &["PING", "QUIT"]),
        (b"*0\r\n*-1\r\n*-17\r\n*1\r\n$1\r\nA\r\n", &["A"]),
        (b"\r\n\n  \r\nPING\r\n", &["PING"]),
        (b"PING\nget \"a\\x20b\" 'c'\r\n", &["PING", "get|a b|c"]),
        (b"set a b\r\n*1\r\n$1\r\nA\r\nset c d\r\n", &["set|a|b", "A", "set|c|d"]),
        (b"a\rb\n", &["a|b"]),
        (b"*1\r\n$1\r\n", &[]),
        (b"*11\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\nb\r\n", &["a|a|a|a|a|a|a|a|a|a|b"]),
    ];
    for (input, expected) in cases {
        check(input, &Limits::default(), expected, None);
    }
}

#[test]
fn malformed_requests_are_refused_at_every_cut() {
    use ProtocolError::*;
    let cases: [(&[u8], ProtocolError); 26] = [
        (b"*x\r\n", InvalidMultibulkLength),
        (b"*\r\n", InvalidMultibulkLength),
        (b"* 1\r\n", InvalidMultibulkLength),
        (b"*+1\r\n", InvalidMultibulkLength),
        (b"*01\r\n", InvalidMultibulkLength),
        (b"*-0\r\n", InvalidMultibulkLength),
        (b"*1\n\r\n", InvalidMultibulkLength),
        (b"*1\rx", InvalidMultibulkLength),
        (b"*2147483648\r\n", InvalidMultibulkLength),
        (b"*2147483648\r\n", InvalidMultibulkLength),
        (b"*99999999999999999999\r\n", InvalidMultibulkLength),
        (b"*1\r\n:1\r\n", ExpectedDollar(b':')),
        (b"*1\r\nGET\r\n", ExpectedDollar(b'G')),
        (b"*1\r\n*1\r\n", ExpectedDollar(b'*')),
        (b"*1\r\n$-1\r\n", InvalidBulkLength),
        (b"*1\r\n$\r\n", InvalidBulkLength),
        (b"*1\r\n$1x\r\n", InvalidBulkLength),
        (b"*1\r\n$00\r\n", InvalidBulkLength),
        (b"*1\r\n$536870913\r\n", InvalidBulkLength),
        (b"*1\r\n$9223372036854775808\r\n", InvalidBulkLength),
        (b"*1\r\n$1\r\nabc", UnterminatedBulk),
        (b"*1\r\n$1\r\na\rc", UnterminatedBulk),
        (b"get \"a\r\n", UnbalancedQuotes),
        (b"POST / HTTP/1.1\r\n", SecurityAttack),
        (b"host: example.org\r\n", SecurityAttack),
        (b"*1\r\n$4\r\nPost\r\n", SecurityAttack),
    ];
    for (input, error) in cases {
        check(input, &Limits::default(), &[], Some(error));
        let after = [b"PING\r\n*1\r\n$1\r\nB\r\n", input].concat();
        check(&after, &Limits::default(), &["PING", "B"], Some(error));
    }
}

#[test]
fn every_limit_is_exact() {
    use ProtocolError::*;
    let limits = Limits {
        bulk_bytes_max: 20,
        args_max: 3,
        inline_bytes_max: 16,
        total_bytes_max: 60,
        authenticated: true,
    };
    let a16 = "a".repeat(16);
    let d20 = "d".repeat(20);
    check(format!("*1\r\n$20\r\n{d20}\r\n").as_bytes(), &limits, &[&d20], None);
    check(b"*1\r\n$21\r\n", &limits, &[], Some(InvalidBulkLength));
    check(b"*4\r\n", &limits, &[], Some(InvalidMultibulkLength));
    check(format!("{a16}\n").as_bytes(), &limits, &[&a16], None);
    check(format!("{a16}a\n").as_bytes(), &limits, &[], Some(TooBigInline));
    check(format!("{a16}a").as_bytes(), &limits, &[], Some(TooBigInline));
    check(format!("*{a16}\r\n").as_bytes(), &limits, &[], Some(TooBigMultibulkCount));
    check(format!("*1\r\n${a16}\r\n").as_bytes(), &limits, &[], Some(TooBigBulkCount));
    check(format!("*{}", &a16[1..]).as_bytes(), &limits, &[], None);
    check(format!("*{}\r\n", &a16[1..]).as_bytes(), &limits, &[], Some(InvalidMultibulkLength));
    check(a16.as_bytes(), &limits, &[], None);
    let fits = format!("*2\r\n$20\r\n{d20}\r\n$20\r\n{d20}\r\n");
    assert_eq!(fits.len(), 58);
    check(fits.as_bytes(), &limits, &[&format!("{d20}|{d20}")], None);
    let over = format!("*3\r\n$20\r\n{d20}\r\n$20\r\n{d20}\r\n$0\r\n");
    check(over.as_bytes(), &limits, &[], Some(RequestTooLarge));
    let short = Limits { total_bytes_max: 8, ..limits };
    check(b"abcdefg\n", &short, &["abcdefg"], None);
    check(b"abcdefgh\n", &short, &[], Some(RequestTooLarge));
}

#[test]
fn an_unauthenticated_client_may_send_little() {
    use ProtocolError::*;
    let limits = Limits { authenticated: false, ..Limits::default() };
    check(b"*11\r\n", &limits, &[], Some(UnauthenticatedMultibulkLength));
    check(b"*1\r\n$16385\r\n", &limits, &[], Some(UnauthenticatedBulkLength));
    check(b"*1\r\n$1\r\na\r\n*1\r\n$16384\r\n", &limits, &["a"], None);

    let mut batch = Batch::new();
    let pipeline = b"*1\r\n$1\r\na\r\n*11\r\n";
    let consumed = Decoder::new().decode(pipeline, &limits, &mut batch, 100);
    assert_eq!((consumed, batch.len()), (Ok(11), 1), "the first one may authenticate");
}

#[test]
fn memory_follows_what_arrived_not_what_was_declared() {
    let mut batch = Batch::new();
    for input in
        [&b"*1048576\r\n$536870912\r\nabc"[..], b"*2147483647\r\n", b"*2147483647\r\n$1\r\na\r\n"]
    {
        let mut decoder = Decoder::new();
        let consumed = decoder.decode(input, &Limits::default(), &mut batch, 100);
        assert_eq!((consumed, batch.len()), (Ok(0), 0));
        assert!(decoder.is_partial(), "it waits for the rest");
        assert!(batch.args.capacity() + decoder.args.capacity() < 16);
    }
    check(b"*2147483648\r\n", &Limits::default(), &[], Some(ProtocolError::InvalidMultibulkLength));
}

#[test]
fn error_texts_are_those_of_redis() {
    use ProtocolError::*;
    assert_eq!(
        ExpectedDollar(b'x').to_string(),
        "Protocol error: expected '$', got 'x'",
        "checked with a Redis 7.0.15, as are the others"
    );
    assert!(SecurityAttack.is_silent() && RequestTooLarge.is_silent());
    assert!(!UnbalancedQuotes.is_silent());
}

#[test]
fn the_awaited_argument_says_how_much_it_misses() {
    let whole = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\n";
    let (mut decoder, mut batch) = (Decoder::new(), Batch::new());
    let mut decode = |buf: &[u8]| {
        let used = decoder.decode(buf, &Limits::default(), &mut batch, 10);
        assert_eq!(used, Ok(0), "it is not whole");
        decoder.missing_bytes(buf.len())
    };
    assert_eq!(decode(&whole[..5]), 0, "its length is not known");
    assert_eq!(decode(&whole[..10]), 3, "one byte of three, CR and LF");
    assert_eq!(decode(whole), 102);
    let some = [&whole[..], &[b'v'; 60]].concat();
    assert_eq!(decode(&some), 42);
}
