//! What is written, byte by byte, and that it is read back.

use super::*;

fn written(protocol: Protocol, write: impl Fn(&mut ReplyBuf)) -> String {
    let mut reply = ReplyBuf::new(protocol);
    write(&mut reply);
    let bytes: Vec<u8> = reply.chunks().flatten().copied().collect();
    assert_eq!(bytes.len(), reply.len());
    String::from_utf8(bytes).unwrap()
}

fn check(write: impl Fn(&mut ReplyBuf), resp2: &str, resp3: &str) {
    assert_eq!(written(Protocol::Resp2, &write), resp2);
    assert_eq!(written(Protocol::Resp3, &write), resp3);
}

#[test]
fn each_kind_has_its_shape_in_both_protocols() {
    check(ReplyBuf::ok, "+OK\r\n", "+OK\r\n");
    check(|r| r.simple("QUEUED"), "+QUEUED\r\n", "+QUEUED\r\n");
    check(|r| r.error("ERR no"), "-ERR no\r\n", "-ERR no\r\n");
    check(|r| r.integer(7), ":7\r\n", ":7\r\n");
    check(|r| r.integer(i64::MIN), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n");
    check(|r| r.bulk(b""), "$0\r\n\r\n", "$0\r\n\r\n");
    check(|r| r.bulk(b"0123456789"), "$10\r\n0123456789\r\n", "$10\r\n0123456789\r\n");
    check(|r| r.bulk_display(1234567), "$7\r\n1234567\r\n", "$7\r\n1234567\r\n");
    check(ReplyBuf::null, "$-1\r\n", "_\r\n");
    check(ReplyBuf::null_array, "*-1\r\n", "_\r\n");
    check(|r| r.array(100), "*100\r\n", "*100\r\n");
    check(|r| r.map(3), "*6\r\n", "%3\r\n");
    check(|r| r.set(12), "*12\r\n", "~12\r\n");
    check(|r| r.push(2), "*2\r\n", ">2\r\n");
    check(|r| r.boolean(true), ":1\r\n", "#t\r\n");
    check(|r| r.boolean(false), ":0\r\n", "#f\r\n");
    check(|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
    check(|r| r.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
    check(|r| r.big_number("123"), "$3\r\n123\r\n", "(123\r\n");
    check(|r| r.verbatim("txt", b"ab"), "$2\r\nab\r\n", "=6\r\ntxt:ab\r\n");
}

#[test]
fn text_never_breaks_out_of_its_line() {
    let evil = "ERR unknown command 'a\r\n+OK\r\n\0'";
    let tame = "-ERR unknown command 'a  +OK   '\r\n";
    check(|r| r.error(evil), tame, tame);
    check(|r| r.simple("a\nb"), "+a b\r\n", "+a b\r\n");
    check(|r| r.big_number("1\r\n2"), "$4\r\n1\r\n2\r\n", "(1  2\r\n");
}

#[test]
fn truncate_takes_back_and_insert_puts_before() {
    let mut reply = ReplyBuf::new(Protocol::Resp3);
    reply.ok();
    let mark = reply.mark();
    let large = Bytes::from(vec![b'x'; SHARED_BYTES_MIN]);
    reply.bulk_shared(large.clone());
    reply.truncate(mark);
    assert_eq!(reply.as_slice(), Some(&b"+OK\r\n"[..]));

    reply.integer(1);
    reply.bulk_shared(large.clone());
    reply.insert_set(mark, 2);
    let bytes: Vec<u8> = reply.chunks().flatten().copied().collect();
    let expected = [b"+OK\r\n~2\r\n:1\r\n$16384\r\n".as_slice(), &large, b"\r\n"].concat();
    assert_eq!(bytes, expected);
    assert_eq!(reply.as_slice(), None, "a reference is in it");
}

#[test]
fn what_is_appended_comes_behind_what_was_there() {
    let large = Bytes::from(vec![b'x'; SHARED_BYTES_MIN]);
    let head = format!("${SHARED_BYTES_MIN}\r\n").into_bytes();
    for before in [0, 1, 2] {
        let (mut reply, mut other) = (ReplyBuf::default(), ReplyBuf::default());
        (0..before).for_each(|_| reply.bulk_shared(large.clone()));
        other.integer(1);
        other.bulk_shared(large.clone());
        reply.append(other);
        reply.ok();
        let bulk = [head.as_slice(), &large, b"\r\n"].concat();
        let expected =
            [bulk.repeat(before), b":1\r\n".to_vec(), bulk, b"+OK\r\n".to_vec()].concat();
        assert_eq!(reply.len(), expected.len());
        assert_eq!(reply.chunks().flatten().copied().collect::<Vec<u8>>(), expected);
    }
}
