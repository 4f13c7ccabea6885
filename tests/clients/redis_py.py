"""An ordinary day of redis-py: one argument, the port. Any failed assertion ends with exit code 1."""

import sys
import threading

import redis


def ordinary(port, protocol):
    r = redis.Redis(port=port, protocol=protocol, decode_responses=True, client_name="day")
    r.flushall()
    assert r.ping() and r.client_getname() == "day"
    assert r.set("k", "v") and r.get("k") == "v" and r.get("absent") is None
    assert r.set("k", "w", nx=True) is None
    assert r.set("k", "x", get=True) == "v"
    assert r.set("t", "1", px=50_000) and 0 < r.pttl("t") <= 50_000
    assert r.expire("k", 100) and r.persist("k") and r.ttl("k") == -1
    assert r.incr("n") == 1 and r.incrby("n", 9) == 10 and r.decr("n") == 9
    assert r.incrbyfloat("f", 0.5) == 0.5
    assert r.mset({"a": "1", "b": "2"}) and r.mget("a", "b", "c") == ["1", "2", None]
    assert r.append("a", "23") == 3 and r.strlen("a") == 3 and r.getdel("a") == "123"
    assert r.hset("h", mapping={"f": "1", "g": "2"}) == 2 and r.hgetall("h") == {"f": "1", "g": "2"}
    assert r.sadd("s", "x", "y") == 2 and r.smembers("s") == {"x", "y"}
    assert r.zadd("z", {"a": 1, "b": 2.5}) == 2
    scores = [(name, float(score)) for name, score in r.zrange("z", 0, -1, withscores=True)]
    assert scores == [("a", 1.0), ("b", 2.5)], scores
    assert r.lpush("l", "c", "b", "a") == 3 and r.lrange("l", 0, -1) == ["a", "b", "c"]
    assert r.type("z") == "zset" and r.exists("z", "l", "absent") == 2
    assert r.rename("l", "m") and r.lrange("m", 1, 1) == ["b"]
    assert set(r.scan_iter(match="?", count=3)) == set(r.keys("?"))
    assert r.dbsize() == len(r.keys()) and "redis_version" in r.info()
    assert r.config_get("maxclients")["maxclients"].isdigit()
    binary = redis.Redis(port=port, protocol=protocol)
    assert binary.set(b"\x00\r\n\xff", bytes(range(256))) and binary.get(b"\x00\r\n\xff") == bytes(range(256))


def errors(port, protocol):
    r = redis.Redis(port=port, protocol=protocol)
    r.set("text", "v")
    for wrong in (lambda: r.hget("text", "f"), lambda: r.incr("text"), lambda: r.execute_command("NOPE")):
        try:
            wrong()
        except redis.ResponseError:
            continue
        raise AssertionError("an error was expected")


def transactions(port, protocol):
    r = redis.Redis(port=port, protocol=protocol)
    r.set("stock", 5)
    with r.pipeline() as pipe:
        pipe.watch("stock")
        left = int(pipe.get("stock"))
        pipe.multi()
        pipe.set("stock", left - 1).get("stock")
        assert pipe.execute() == [True, b"4"]
    with r.pipeline() as pipe:
        pipe.watch("stock")
        r.set("stock", 100)
        pipe.multi()
        pipe.set("stock", 0)
        try:
            pipe.execute()
        except redis.WatchError:
            pass
        else:
            raise AssertionError("the watched key was touched")
    replies = r.pipeline(transaction=False).set("p", 1).incr("p").incr("p").execute()
    assert replies == [True, 2, 3], replies


def threads(port, protocol):
    r = redis.Redis(port=port, protocol=protocol)
    r.delete("hits")
    workers = [threading.Thread(target=lambda: [r.incr("hits") for _ in range(200)]) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert r.get("hits") == b"1600", r.get("hits")


for version in (2, 3):
    for part in (ordinary, errors, transactions, threads):
        part(int(sys.argv[1]), version)
print("all good")
