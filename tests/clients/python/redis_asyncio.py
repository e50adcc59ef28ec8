"""redis.asyncio as applications use it; the argument chooses the parser (hiredis or python)."""
import asyncio
import sys
import time

from support import HOST, PORT, UPSTREAM_PORT, cannot_run, check, distribution_version, equal, finish

try:
    import redis.asyncio as redis
    from redis.asyncio.connection import Connection, PythonParser
    if sys.argv[1] == "hiredis":
        from redis.asyncio.connection import HiredisParser
        import hiredis  # noqa: F401
except ImportError as error:
    cannot_run(f"python3-redis or python3-hiredis is not installed ({error})")


class ChosenConnection(Connection):
    def __init__(self, **options):
        super().__init__(parser_class=HiredisParser if sys.argv[1] == "hiredis" else PythonParser, **options)


def connect(port=PORT, **options):
    return redis.Redis(connection_pool=redis.ConnectionPool(connection_class=ChosenConnection, host=HOST, port=port, **options))


async def within(seconds, probe):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await probe():
            return True
        await asyncio.sleep(0.005)
    return False


async def basics(client, other):
    await client.set("text", "héllo", ex=60)
    equal("a text", (await other.get("text")).decode(), "héllo")
    every_byte = bytes(range(256))
    await client.set("bytes", every_byte)
    equal("a binary value", await other.get("bytes"), every_byte)
    got = await asyncio.gather(*(set_and_get(client, i) for i in range(300)))
    equal("300 tasks at once", got, [str(i).encode() for i in range(300)])
    async with client.pipeline(transaction=True) as pipe:
        equal("MULTI", await pipe.set("m", 1).incr("m").get("m").execute(), [True, 2, b"2"])
    async with client.pipeline() as pipe:
        await pipe.watch("watched")
        await other.set("watched", "changed")
        pipe.multi()
        pipe.set("watched", "mine")
        try:
            await pipe.execute()
            check("WATCH aborts", False)
        except redis.WatchError:
            check("WATCH aborts", True)
    equal("SCAN finds every key", len({key async for key in client.scan_iter("task:*")}), 300)


async def set_and_get(client, number):
    await client.set(f"task:{number}", number)
    return await client.get(f"task:{number}")


async def messages(client):
    pubsub = client.pubsub()
    await pubsub.subscribe("news")
    # Only the confirmation says that a message published elsewhere will be heard.
    equal("the subscription is confirmed", (await pubsub.get_message(timeout=2))["type"], "subscribe")
    received = []

    async def listen():
        async for message in pubsub.listen():
            received.append(message["data"])
            if len(received) == 300:
                return
    task = asyncio.create_task(listen())
    for i in range(300):
        await client.publish("news", i)
    await asyncio.wait_for(task, 5)
    equal("300 messages in order", received, [str(i).encode() for i in range(300)])
    await pubsub.close()


async def blocking(client, other):
    task = asyncio.create_task(client.blpop("list", 5))
    await asyncio.sleep(0.05)
    await other.rpush("list", "job")
    equal("BLPOP wakes up", await task, (b"list", b"job"))
    alone = connect()
    task = asyncio.create_task(alone.blpop("abandoned", 0))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await alone.connection_pool.disconnect()
    await asyncio.sleep(0.05)
    await client.rpush("abandoned", "job")
    equal("a cancelled BLPOP takes no job with it", await client.llen("abandoned"), 1)
    await client.rpush("jobs", *range(200))
    done = []

    async def worker():
        mine = connect()
        while (job := await mine.blpop("jobs", 1)) is not None:
            done.append(int(job[1]))
    await asyncio.gather(*(worker() for _ in range(4)))
    equal("200 jobs, each done once by four workers", sorted(done), list(range(200)))


async def fresh(client, other, upstream):
    await client.set("fresh", 1)
    for _ in range(3):
        await client.get("fresh")
    await other.set("fresh", 2)
    equal("fresh after another connection wrote it", await client.get("fresh"), b"2")
    await upstream.set("fresh", 3)

    async def is_three():
        return await client.get("fresh") == b"3"
    check("and within a second after a write that went around", await within(1, is_three))
    stale = 0
    for i in range(200):
        await other.set("fresh:sequence", i)
        stale += await client.get("fresh:sequence") != str(i).encode()
    equal("200 writes, each read at once by the other: stale reads", stale, 0)
    equal("a token that is not on the blacklist", await client.exists("blacklist:t"), 0)
    await other.setex("blacklist:t", 60, 1)
    equal("is seen there as soon as it was put on it", await client.exists("blacklist:t"), 1)
    await client.hset("session", "user", "ada")
    await client.hgetall("session")
    await other.delete("session")
    equal("a session is gone at once after logout", await client.hgetall("session"), {})
    await asyncio.gather(*((client if i % 2 else other).incr("counter") for i in range(100)))
    equal("a counter raised by two", await client.get("counter"), b"100")


async def locks(client, other):
    lock = client.lock("locks:a", timeout=10)
    equal("a lock is taken", await lock.acquire(), True)
    rival = other.lock("locks:a", timeout=10)
    equal("and refused to another", await rival.acquire(blocking=False), False)
    await lock.release()
    equal("who may have it after the release", await rival.acquire(blocking=False), True)
    await rival.release()
    await client.set("guarded", 0)

    async def add(mine):
        for _ in range(20):
            async with mine.lock("locks:guarded", timeout=10, sleep=0.001):
                await mine.set("guarded", int(await mine.get("guarded")) + 1)
    await asyncio.gather(add(client), add(other), add(connect()))
    equal("60 guarded additions by three connections", await client.get("guarded"), b"60")


async def main():
    one, two, around = connect(), connect(), connect(UPSTREAM_PORT)
    await basics(one, two)
    await messages(one)
    await blocking(one, two)
    await fresh(one, two, around)
    await locks(one, two)


distribution_version(*(["redis", "hiredis"] if sys.argv[1] == "hiredis" else ["redis"]))
asyncio.run(main())
finish()
