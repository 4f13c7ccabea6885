//! redis-rs, the client of Rust programs: ordinary use in both protocols.

use kinring_tests::Kinring;
use redis::{Commands, Connection, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use std::collections::{BTreeSet, HashMap};

/// The same day in RESP2 and RESP3, each with a Kinring of its own.
fn in_both_protocols(day: fn(&mut Connection, &mut Connection) -> RedisResult<()>) {
    for query in ["", "?protocol=resp3"] {
        let kinring = Kinring::start(&[]);
        let url = format!("redis://127.0.0.1:{}/0{query}", kinring.addr().port());
        let client = redis::Client::open(url).expect("a good URL");
        let connect = || client.get_connection().expect("it accepts");
        day(&mut connect(), &mut connect()).unwrap_or_else(|error| panic!("{query}: {error}"));
    }
}

#[test]
fn values_of_every_type() {
    in_both_protocols(|db, _| {
        () = db.set("text", "value")?;
        assert_eq!(db.get::<_, String>("text")?, "value");
        assert_eq!(db.get::<_, Option<String>>("absent")?, None);
        let (key, bytes) = (b"\x00\r\n\xff", (0..=255).collect::<Vec<u8>>());
        () = db.set(key, &bytes)?;
        assert_eq!(db.get::<_, Vec<u8>>(key)?, bytes);
        let large = vec![b'x'; 5 << 20];
        () = db.set("large", &large)?;
        assert!(db.get::<_, Vec<u8>>("large")? == large);
        assert_eq!(db.incr::<_, _, i64>("n", 5)?, 5);
        assert_eq!(db.get::<_, i64>("n")?, 5);
        () = db.set_ex("soon", "gone", 100)?;
        assert!((1..=100).contains(&db.ttl::<_, i64>("soon")?));
        assert!(db.exists::<_, bool>("soon")?);
        assert_eq!(db.del::<_, i64>(&["soon", "absent"])?, 1);

        assert_eq!(db.hset::<_, _, _, i64>("hash", "f", 1)?, 1);
        assert_eq!(db.hset::<_, _, _, i64>("hash", "g", 2)?, 1);
        let hash: HashMap<String, i64> = db.hgetall("hash")?;
        assert_eq!(hash, HashMap::from([("f".into(), 1), ("g".into(), 2)]));
        assert_eq!(db.sadd::<_, _, i64>("set", &["a", "b", "a"])?, 2);
        let set: BTreeSet<String> = db.smembers("set")?;
        assert_eq!(set, BTreeSet::from(["a".into(), "b".into()]));
        assert_eq!(db.zadd_multiple::<_, _, _, i64>("zset", &[(1.5, "b"), (-1.0, "a")])?, 2);
        let zset: Vec<(String, f64)> = db.zrange_withscores("zset", 0, -1)?;
        assert_eq!(zset, [("a".into(), -1.0), ("b".into(), 1.5)]);
        assert_eq!(db.lpush::<_, _, i64>("list", &["c", "b", "a"])?, 3);
        assert_eq!(db.lrange::<_, Vec<String>>("list", 0, -1)?, ["a", "b", "c"]);
        Ok(())
    });
}

#[test]
fn pipelines_and_walks() {
    const KEYS: usize = 3000;
    in_both_protocols(|db, _| {
        let mut pipe = redis::pipe();
        for at in 0..KEYS {
            pipe.set(format!("key:{at}"), at).ignore();
        }
        pipe.get("key:7").cmd("DBSIZE");
        assert_eq!(pipe.query::<(i64, usize)>(db)?, (7, KEYS));
        let found: RedisResult<BTreeSet<String>> = db.scan_match("key:1*")?.collect();
        let wanted = (0..KEYS).map(|at| format!("key:{at}")).filter(|key| key.starts_with("key:1"));
        assert_eq!(found?, wanted.collect());
        assert_eq!(db.keys::<_, Vec<String>>("key:29?9")?.len(), 10);
        // An error in the middle is that command's alone.
        let mixed: RedisResult<Vec<i64>> =
            redis::pipe().incr("key:1", 1).lpush("key:1", 1).query(db);
        let mixed = mixed.expect_err("a string is no list").to_string();
        assert!(mixed.contains("wrong kind of value"), "{mixed}");
        assert_eq!(db.get::<_, i64>("key:1")?, 2);
        Ok(())
    });
}

#[test]
fn transactions_that_watch() {
    in_both_protocols(|db, other| {
        () = db.set("stock", 5)?;
        let mut tries = 0;
        let left: (i64,) = redis::transaction(db, &["stock"], |db, pipe| {
            let stock: i64 = db.get("stock")?;
            tries += 1;
            if tries == 1 {
                // Somebody else comes between.
                () = other.set("stock", 50)?;
            }
            pipe.set("stock", stock - 1).ignore().get("stock").query(db)
        })?;
        assert_eq!((left, tries), ((49,), 2));
        let replies: (i64, Vec<String>) =
            redis::pipe().atomic().incr("n", 1).lrange("none", 0, -1).query(db)?;
        assert_eq!(replies, (1, Vec::new()));
        Ok(())
    });
}

#[test]
fn errors_are_what_a_program_can_tell_apart() {
    in_both_protocols(|db, _| {
        () = db.set("text", "value")?;
        let code = |error: RedisError| error.code().map(str::to_owned);
        let wrong = db.hget::<_, _, String>("text", "f").expect_err("it is no hash");
        assert_eq!(code(wrong).as_deref(), Some("WRONGTYPE"));
        let wrong = db.incr::<_, _, i64>("text", 1).expect_err("it is no number");
        assert_eq!(wrong.kind(), ErrorKind::Server(ServerErrorKind::ResponseError));
        let wrong = redis::cmd("NOSUCH").query::<()>(db).expect_err("there is none");
        assert!(wrong.to_string().contains("unknown command 'NOSUCH'"), "{wrong}");
        assert_eq!(db.get::<_, String>("text")?, "value", "the connection goes on");
        Ok(())
    });
}
