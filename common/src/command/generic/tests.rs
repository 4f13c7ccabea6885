use super::super::testing::Bench;

#[test]
fn keys_of_any_type_are_seen_and_deleted() {
    let mut bench = Bench::new();
    bench.check(&[
        ("TYPE a", "+none\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("TYPE a", "+string\r\n"),
        ("EXISTS a b a", ":2\r\n"),
        ("TOUCH a b a", ":2\r\n"),
        ("DBSIZE", ":1\r\n"),
        ("EXPIRE a 10", ":1\r\n"),
        ("TTL a", ":10\r\n"),
        ("SCAN 0", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"),
        ("DEL a b a", ":1\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("FLUSHALL", "+OK\r\n"),
    ]);
}
