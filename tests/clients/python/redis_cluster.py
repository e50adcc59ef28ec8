"""redis-py's RedisCluster, which refuses to speak to anything but a cluster, sync and asyncio."""
import asyncio

from support import HOST, PORT, RELEASE, UPSTREAM_PORT, cannot_run, check, distribution_version, equal, finish, raises, within

try:
    import redis
    from redis.asyncio.cluster import RedisCluster as AsyncCluster
    from redis.cluster import RedisCluster
    from redis.exceptions import RedisClusterException
except ImportError as error:
    cannot_run(f"python3-redis has no RedisCluster ({error})")


def layout(client):
    nodes = client.get_nodes()
    equal("one node, and it is where the client came from", [(node.host, node.port) for node in nodes], [(HOST, PORT)])
    equal("which owns all slots", client.cluster_info(target_nodes=nodes[0])["cluster_slots_ok"], "16384")
    equal("a key's slot", client.keyslot("{user}:1"), client.cluster_keyslot("{user}:1"))
    equal("it is known by its address", list(client.cluster_nodes()), [f"{HOST}:{PORT}"])
    check("as itself, a primary", "master" in client.cluster_nodes()[f"{HOST}:{PORT}"]["flags"])


def values(client, other):
    for i in range(300):
        client.set(f"many:{i}", i)
    equal("keys of many slots", [other.get(f"many:{i}") for i in range(300)], [str(i).encode() for i in range(300)])
    equal("a command over several slots, split by the library",
          client.mget_nonatomic(*[f"many:{i}" for i in range(50)]), [str(i).encode() for i in range(50)])
    equal("and one within a slot", (client.mset({"{t}a": 1, "{t}b": 2}), other.mget("{t}a", "{t}b", "{t}c"))[1], [b"1", b"2", None])
    raises("several slots at once are refused by the library", RedisClusterException, lambda: client.mget("a", "b"))
    equal("EXISTS and DEL count", (client.exists("many:0", "many:1"), client.delete("many:0", "many:1")), (2, 2))
    equal("SCAN finds every key once", len(list(client.scan_iter(match="many:*"))), 298)
    equal("DBSIZE is of all nodes", client.dbsize(), 300)
    raises("WRONGTYPE is an error", redis.ResponseError, lambda: (client.hset("hash", "f", "v"), client.incr("hash")))
    equal("INFO of the node", client.info(target_nodes=client.get_default_node())["cluster_enabled"], 1)


def pipelines(client, other):
    with client.pipeline() as pipe:
        for i in range(500):
            pipe.set(f"piped:{i}", i).get(f"piped:{i}")
        replies = pipe.execute()
    equal("500 pairs in a pipeline over all slots", replies[1::2], [str(i).encode() for i in range(500)])
    equal("read by another client", other.get("piped:499"), b"499")
    script = "return redis.call('incrby', KEYS[1], ARGV[1])"
    equal("a script", [client.eval(script, 1, "scripted", 5) for _ in range(2)], [5, 10])


def messages(client):
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("news")
    check("PUBLISH counts subscribers", within(2, lambda: pubsub.get_message(timeout=0.1) or client.publish("news", "first") == 1))
    received = []
    for i in range(100):
        client.publish("news", i)
    within(3, lambda: [received.append(m["data"]) for m in [pubsub.get_message(timeout=0.5)] if m] and received[-1] == b"99")
    equal("100 messages in order", received[-100:], [str(i).encode() for i in range(100)])
    pubsub.close()


def fresh(client, other, upstream):
    client.set("fresh", 1)
    for _ in range(3):
        client.get("fresh")
    other.set("fresh", 2)
    equal("fresh after another client wrote it", client.get("fresh"), b"2")
    upstream.set("fresh", 3)
    check("and within a second after a write that went around", within(1, lambda: client.get("fresh") == b"3"))
    stale = 0
    for i in range(200):
        other.set("fresh:sequence", i)
        stale += client.get("fresh:sequence") != str(i).encode()
    equal("200 writes, each read at once by the other: stale reads", stale, 0)
    client.set("lock", "a", nx=True, px=30000)
    other.get("lock")
    equal("a lock released by a script", client.eval(RELEASE, 1, "lock", "a"), 1)
    equal("is free at once for the other", other.get("lock"), None)


def reading_replicas():
    client = RedisCluster(host=HOST, port=PORT, read_from_replicas=True)
    client.set("spread", "x")
    equal("who asks for replicas (READONLY) reads as well", [client.get("spread") for _ in range(3)], [b"x"] * 3)
    client.close()


async def asynchronous():
    async with AsyncCluster(host=HOST, port=PORT) as client:
        await asyncio.gather(*[client.set(f"async:{i}", i) for i in range(200)])
        got = await asyncio.gather(*[client.get(f"async:{i}") for i in range(200)])
        equal("200 keys by asyncio", got, [str(i).encode() for i in range(200)])
        equal("its node", [(node.host, node.port) for node in client.get_nodes()], [(HOST, PORT)])


distribution_version("redis")
cluster = RedisCluster(host=HOST, port=PORT)
another = RedisCluster(host=HOST, port=PORT)
layout(cluster)
values(cluster, another)
pipelines(cluster, another)
messages(cluster)
fresh(cluster, another, redis.Redis(host=HOST, port=UPSTREAM_PORT))
reading_replicas()
asyncio.run(asynchronous())
finish()
