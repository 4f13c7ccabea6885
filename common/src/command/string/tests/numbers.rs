//! INCR and its like.

use super::*;

#[test]
fn integers_are_counted_within_64_bits() {
    check(&[
        ("INCR a", ONE),
        ("DECR a", ZERO),
        ("DECR a", ":-1\r\n"),
        ("INCRBY a 11", ":10\r\n"),
        ("DECRBY a -5", ":15\r\n"),
        ("INCRBY a 0", ":15\r\n"),
        ("INCRBY a 1.5", NOT_INTEGER),
        ("INCRBY a 9223372036854775808", NOT_INTEGER),
        ("INCRBY a 9223372036854775807", OVERFLOW),
        ("DECRBY a 9223372036854775807", ":-9223372036854775792\r\n"),
        ("DECRBY a 17", OVERFLOW),
        ("DECRBY a 16", ":-9223372036854775808\r\n"),
        ("DECR a", OVERFLOW),
        ("DECRBY a -9223372036854775808", "-ERR decrement would overflow\r\n"),
        ("DECRBY a x", NOT_INTEGER),
        ("INCRBY a 9223372036854775807", ":-1\r\n"),
        ("SET a 9223372036854775807", OK),
        ("INCR a", OVERFLOW),
        ("DECR a", ":9223372036854775806\r\n"),
        ("INCR h", WRONG_TYPE),
        // The increment comes before the key's type.
        ("INCRBY h x", NOT_INTEGER),
        ("DECRBY h -9223372036854775808", "-ERR decrement would overflow\r\n"),
        ("SET b  ", SYNTAX),
        ("SET b 01", OK),
        ("INCR b", NOT_INTEGER),
        ("SET b +1", OK),
        ("INCR b", NOT_INTEGER),
        ("SET b 1.0", OK),
        ("INCR b", NOT_INTEGER),
        ("SET b 9223372036854775808", OK),
        ("DECR b", NOT_INTEGER),
        ("GET b", "$19\r\n9223372036854775808\r\n"),
    ]);
}

#[test]
fn floats_are_counted_in_what_redis_counts_them() {
    check(&[
        ("SET a 10.50", OK),
        ("INCRBYFLOAT a 0.1", "$4\r\n10.6\r\n"),
        ("INCRBYFLOAT a -5", "$3\r\n5.6\r\n"),
        ("SET a 5.0e3", OK),
        ("INCRBYFLOAT a 2.0e2", "$4\r\n5200\r\n"),
        // 64 bits are not enough for this one, and Redis shows it.
        ("INCRBYFLOAT a 5e-2", "$22\r\n5200.04999999999999982\r\n"),
        ("INCRBYFLOAT new -0", "$1\r\n0\r\n"),
        ("INCR new", ONE),
        ("INCRBYFLOAT new 0.25", "$4\r\n1.25\r\n"),
        ("SET a 5", OK),
        ("INCR a", ":6\r\n"),
        ("INCRBYFLOAT a 1e2", "$3\r\n106\r\n"),
        ("INCR a", ":107\r\n"),
        ("SET a 9223372036854775807", OK),
        ("INCRBYFLOAT a 1", "$19\r\n9223372036854775808\r\n"),
        ("INCRBYFLOAT a 0.5", "$19\r\n9223372036854775808\r\n"),
        ("INCRBYFLOAT a inf", INFINITE),
        ("INCRBYFLOAT a -Infinity", INFINITE),
        ("INCRBYFLOAT a nan", NOT_FLOAT),
        ("INCRBYFLOAT a x", NOT_FLOAT),
        ("INCRBYFLOAT a ", NOT_FLOAT),
        ("INCRBYFLOAT a 1e4933", NOT_FLOAT),
        ("SET a 1e4932", OK),
        ("INCRBYFLOAT a 1e4932", INFINITE),
        ("SET a inf", OK),
        ("INCRBYFLOAT a 1", INFINITE),
        ("SET a x", OK),
        ("INCRBYFLOAT a 1", NOT_FLOAT),
        ("INCRBYFLOAT h 1", WRONG_TYPE),
        ("INCRBYFLOAT h x", WRONG_TYPE),
    ]);
}

#[test]
fn floats_are_read_added_and_written_as_64_bits_allow() {
    let cases = [
        ("0.1", "0.2", "0.3"),
        ("0.3", "-0.1", "0.2"),
        ("1.1", "1.1", "2.2"),
        ("3.0e3", "-1", "2999"),
        ("1e17", "0.1", "100000000000000000.1015625"),
        ("1e18", "0.1", "1000000000000000000.125"),
        ("1e20", "1", "100000000000000000000"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("36893488147419103232", "2", "36893488147419103232"),
        ("123456789.987654321", "0.000000001", "123456789.98765432199434144"),
        ("1e-17", "0", "0.00000000000000001"),
        ("5e-18", "0", "0"),
        ("5.1e-18", "0", "0.00000000000000001"),
        ("-4e-18", "0", "0"),
        ("0.000000000000000015", "0", "0.00000000000000002"),
        ("0.000000000000000025", "0", "0.00000000000000002"),
        ("1e30", "-1e30", "0"),
        ("1e30", "1e-30", "1000000000000000000024696061952"),
        ("-1.5", "1.5", "0"),
        ("0x1.8p1", "0x10", "19"),
        ("0x.8", "1.", "1.5"),
        ("0xffffffffffffffffff", "0", "4722366482869645213696"),
        // A hair above a tie: far below the larger number, and far below the quotient.
        ("0x8000000000000000", "0x0.8000000000000001", "9223372036854775809"),
        ("9223372036854775808.50000000000000001", "0", "9223372036854775809"),
        (".5", "5.", "5.5"),
        ("0x", "1", "not a float"),
        (".", "1", "not a float"),
        ("1e", "1", "not a float"),
        ("1e+", "1", "not a float"),
        ("0x1p", "1", "not a float"),
        ("1e-4950", "1", "1"),
        ("1e-4952", "1", "not a float"),
        ("0e9999", "1", "1"),
        ("0x1p-16445", "1", "1"),
        ("0x1p-16446", "1", "not a float"),
        ("0x1p16383", "0x1p16383", "infinite"),
        ("+1", "+2", "3"),
        ("--1", "1", "not a float"),
        ("1 ", "1", "not a float"),
        (" 1", "1", "not a float"),
        ("1_0", "1", "not a float"),
        ("1e25", "0", "10000000000000000000000000"),
        ("123456789012345678901234567890", "0.5", "123456789012345678899921813504"),
        ("99999999999999999999.5", "0.5", "100000000000000000000"),
    ];
    for (value, by, wanted) in cases {
        let mut bench = bench(false);
        bench.run(&[b"SET", b"a", value.as_bytes()]);
        let reply = bench.run(&[b"INCRBYFLOAT", b"a", by.as_bytes()]);
        let wanted = match wanted {
            "not a float" => NOT_FLOAT.to_owned(),
            "infinite" => INFINITE.to_owned(),
            sum => bulk(sum),
        };
        assert_eq!(String::from_utf8_lossy(&reply), wanted, "{value} + {by}");
    }
    // Nothing longer is read as a number.
    for (len, wanted) in [(5119, bulk("2")), (5120, NOT_FLOAT.to_owned())] {
        let mut bench = bench(false);
        bench.line(&format!("SET a {}1", "0".repeat(len - 1)));
        assert_eq!(bench.line("INCRBYFLOAT a 1"), wanted, "{len} digits");
    }
}
