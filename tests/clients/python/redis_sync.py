"""redis-py as applications use it; the argument chooses the parser (hiredis or python)."""
import sys
import threading
import time

from support import CLUSTER, HOST, PORT, RELEASE, UPSTREAM_PORT, cannot_run, check, distribution_version, equal, finish, raises, within

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.connection import Connection, PythonParser
    from redis.retry import Retry
    if sys.argv[1] == "hiredis":
        from redis.connection import HiredisParser
        import hiredis
except ImportError as error:
    cannot_run(f"python3-redis or python3-hiredis is not installed ({error})")


class ChosenConnection(Connection):
    def __init__(self, **options):
        super().__init__(parser_class=HiredisParser if sys.argv[1] == "hiredis" else PythonParser, **options)


def connect(port=PORT, **options):
    return redis.Redis(connection_pool=redis.ConnectionPool(
        connection_class=ChosenConnection, host=HOST, port=port, health_check_interval=10, **options))


def values(client, other):
    equal("PING", client.ping(), True)
    client.set("text", "héllo", ex=60)
    equal("a text", other.get("text").decode(), "héllo")
    equal("SET NX of what is there", client.set("text", "x", nx=True), None)
    check("its time to live", client.pttl("text") > 55000)
    every_byte = bytes(range(256))
    client.set("bytes", every_byte)
    equal("a binary value", other.get("bytes"), every_byte)
    client.set("large", b"x" * (3 << 20))
    check("a value of 3 MiB", other.get("large") == b"x" * (3 << 20))
    equal("an empty value", (client.set("empty", ""), other.get("empty"))[1], b"")
    client.hset("hash", mapping={"one": 1, "two": 2})
    equal("a hash", other.hgetall("hash"), {b"one": b"1", b"two": b"2"})
    client.zadd("board", {"a": 1, "b": 2.5})
    equal("a sorted set with scores", other.zrange("board", 0, -1, withscores=True), [(b"a", 1.0), (b"b", 2.5)])
    client.sadd("set", "x", "y")
    equal("a set", other.smembers("set"), {b"x", b"y"})
    equal("mget with a hole", client.mget("text", "nowhere")[1], None)
    raises("WRONGTYPE is an error", redis.ResponseError, lambda: client.incr("hash"))
    check("INFO is parsed", client.info()["redis_version"].count(".") >= 1)
    equal("CONFIG GET", client.config_get("databases"), {"databases": "16"})


def pipelines(client, other):
    with client.pipeline(transaction=False) as pipe:
        for i in range(1000):
            pipe.set(f"many:{i}", i).get(f"many:{i}")
        replies = pipe.execute()
    equal("1,000 pairs in a pipeline", replies[1::2], [str(i).encode() for i in range(1000)])
    with client.pipeline() as pipe:
        equal("MULTI", pipe.set("m", 1).incr("m").get("m").execute(), [True, 2, b"2"])
    equal("read by another connection", other.get("m"), b"2")
    with client.pipeline() as pipe:
        mixed = pipe.set("m", "text").incr("m").execute(raise_on_error=False)
    check("an error inside EXEC stays inside", mixed[0] is True and isinstance(mixed[1], redis.ResponseError))
    with client.pipeline() as pipe:
        pipe.watch("watched")
        other.set("watched", "changed")
        pipe.multi()
        pipe.set("watched", "mine")
        raises("WATCH aborts", redis.WatchError, pipe.execute)
    counted = client.transaction(lambda pipe: (pipe.multi(), pipe.incr("watched:counter")), "watched:counter")
    equal("WATCH lets pass", counted, [1])


def add_by_watch(client, times):
    """Raises a number by reading it under WATCH, as optimistic locking does."""
    for _ in range(times):
        with client.pipeline() as pipe:
            while True:
                try:
                    pipe.watch("balance")
                    balance = int(pipe.get("balance") or 0)
                    pipe.multi()
                    pipe.set("balance", balance + 1).execute()
                    break
                except redis.WatchError:
                    continue


def in_threads(*actions):
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def messages(client):
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("news")
    pubsub.psubscribe("ne?s")
    check("PUBLISH counts subscribers", within(1, lambda: client.pubsub_numsub("news")[0][1] == 1))
    client.publish("news", "first")
    got = [pubsub.get_message(timeout=1) for _ in range(4)]
    equal("both kinds arrive", sorted(m["type"] for m in got if m), ["message", "pmessage"])
    pubsub.punsubscribe("ne?s")
    check("the pattern is left", within(1, lambda: client.pubsub_numpat() == 0))
    for i in range(300):
        client.publish("news", i)
    received = []
    within(3, lambda: [received.append(m["data"]) for m in [pubsub.get_message(timeout=0.5)] if m] and len(received) == 300)
    equal("300 messages in order", received, [str(i).encode() for i in range(300)])
    pubsub.close()
    seen = []
    threaded = client.pubsub()
    threaded.subscribe(**{"handled": lambda message: seen.append(message["data"])})
    thread = threaded.run_in_thread(sleep_time=0.01, daemon=True)
    check("a handler in a thread", within(2, lambda: client.publish("handled", "x") == 1 and seen))
    thread.stop()
    thread.join(2)


def blocking(client, other):
    def later():
        time.sleep(0.05)
        other.rpush("list", "job")
    thread = threading.Thread(target=later)
    thread.start()
    equal("BLPOP wakes up", client.blpop("list", 5), (b"list", b"job"))
    thread.join()
    started = time.monotonic()
    equal("BLPOP gives up", client.blpop("list", 1), None)
    check("in its own time", 0.9 < time.monotonic() - started < 2.5)
    client.xgroup_create("stream", "group", mkstream=True)
    entry = client.xadd("stream", {"field": "value"})
    equal("XREADGROUP", client.xreadgroup("group", "me", {"stream": ">"}, block=1000), [[b"stream", [(entry, {b"field": b"value"})]]])
    equal("XACK", client.xack("stream", "group", entry), 1)

    impatient = connect(socket_timeout=0.1)
    raises("a client that does not wait so long leaves", redis.TimeoutError, lambda: impatient.blpop("abandoned", 0))
    time.sleep(0.05)
    client.rpush("abandoned", "job")
    equal("and takes no job with it", client.llen("abandoned"), 1)


def scripts_and_locks(client, other):
    script = client.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")
    equal("a script that the server does not know yet", script(keys=["scripted"], args=[5]), 5)
    equal("and again by its digest", script(keys=["scripted"], args=[5], client=other), 10)
    equal("its write is seen", client.get("scripted"), b"10")
    lock = client.lock("locks:a", timeout=10)
    equal("a lock is taken", lock.acquire(), True)
    rival = other.lock("locks:a", timeout=10)
    equal("and refused to another", rival.acquire(blocking=False), False)
    equal("who knows that it is held", rival.locked(), True)
    lock.release()
    equal("free after the release", rival.locked(), False)
    equal("and the other may have it", rival.acquire(blocking=False), True)
    check("which the first sees", lock.locked() and not lock.owned())
    rival.release()

    client.set("guarded", 0)

    def guarded(mine):
        for _ in range(20):
            with mine.lock("locks:guarded", timeout=10, sleep=0.001):
                mine.set("guarded", int(mine.get("guarded")) + 1)
    in_threads(lambda: guarded(client), lambda: guarded(other), lambda: guarded(connect()))
    equal("60 guarded additions by three connections", client.get("guarded"), b"60")
    in_threads(lambda: add_by_watch(client, 30), lambda: add_by_watch(other, 30))
    equal("60 optimistic additions by two connections", client.get("balance"), b"60")


def fresh(client, other, upstream):
    client.set("fresh", 1)
    for _ in range(3):
        client.get("fresh")
    other.set("fresh", 2)
    equal("fresh after another connection wrote it", client.get("fresh"), b"2")
    upstream.set("fresh", 3)
    check("and within a second after a write that went around", within(1, lambda: client.get("fresh") == b"3"))
    stale = 0
    for i in range(200):
        other.set("fresh:sequence", i)
        stale += client.get("fresh:sequence") != str(i).encode()
    equal("200 writes, each read at once by the other: stale reads", stale, 0)
    equal("a token that is not on the blacklist", client.exists("blacklist:t"), 0)
    other.setex("blacklist:t", 60, 1)
    equal("is seen there as soon as it was put on it", client.exists("blacklist:t"), 1)
    client.hset("session", "user", "ada")
    client.hgetall("session")
    other.delete("session")
    equal("a session is gone at once after logout", client.hgetall("session"), {})
    client.set("lock", "a", nx=True, px=30000)
    other.get("lock")
    equal("a lock released by a script", client.eval(RELEASE, 1, "lock", "a"), 1)
    equal("is free at once for the other", other.get("lock"), None)
    client.set("short", "x", px=150)
    client.get("short")
    time.sleep(0.2)
    equal("a short value ends", client.get("short"), None)


def rest(client, upstream):
    equal("SCAN finds every key", len(set(client.scan_iter("many:*", count=100))), 1000)
    client.delete(*client.scan_iter("many:*"))
    equal("deleted by pattern", client.get("many:5"), None)
    if not CLUSTER:
        equal("another database", (connect(db=1).set("text", "y"), client.get("text").decode())[1], "héllo")
    decoding = connect(decode_responses=True, client_name="named")
    equal("decoded replies", decoding.get("text"), "héllo")
    equal("the name given to the connection", decoding.client_getname(), "named")
    single = connect(max_connections=1, retry_on_error=[redis.ConnectionError], retry=Retry(NoBackoff(), 3))
    number = single.client_id()
    check("CLIENT LIST has the connection by its id", str(number) in [line["id"] for line in client.client_list()])
    equal("CLIENT KILL ends it", client.client_kill_filter(_id=number), 1)
    equal("and it comes back", single.get("text").decode(), "héllo")
    check("as another", single.client_id() != number)
    upstream.script_flush()


distribution_version(*(["redis", "hiredis"] if sys.argv[1] == "hiredis" else ["redis"]))
one, two, around = connect(), connect(), connect(UPSTREAM_PORT)
values(one, two)
pipelines(one, two)
messages(one)
blocking(one, two)
scripts_and_locks(one, two)
fresh(one, two, around)
rest(one, around)
finish()
