"""What redis-py 8 and node-redis 6 send when they connect, byte for byte over a plain socket.

Debian has neither, so their handshake is played here: RESP3 by default, everything in one packet, the library's name,
and maintenance notifications, which a server without them must refuse without losing the connection.
"""
import socket
import time

from support import HOST, PORT, UPSTREAM_PORT, check, equal, finish


class Push(list):
    """An out-of-band message, told apart from an array."""


class Error(str):
    """An error reply."""


class Connection:
    def __init__(self, port=PORT):
        self.socket = socket.create_connection((HOST, port), timeout=5)
        self.file = self.socket.makefile("rb")
        self.pushes = []

    def send(self, *commands):
        packet = b""
        for command in commands:
            words = [word.encode() if isinstance(word, str) else word for word in command]
            packet += b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self.socket.sendall(packet)

    def value(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Error(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind == b",":
            return float(rest)
        if kind in b"$=":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"%":
            return {self.value(): self.value() for _ in range(int(rest))}
        if kind == b"*" and rest == b"-1":
            return None
        items = [self.value() for _ in range(int(rest))]
        return Push(items) if kind == b">" else items

    def reply(self):
        while isinstance(value := self.value(), Push):
            self.pushes.append(value)
        return value

    def ask(self, *words):
        self.send(words)
        return self.reply()

    def next_push(self, seconds=2):
        """The next push, which nothing else precedes; None when none comes."""
        if self.pushes:
            return self.pushes.pop(0)
        self.socket.settimeout(seconds)
        try:
            return self.value()
        except TimeoutError:
            return None
        finally:
            self.socket.settimeout(5)


def handshake():
    connection = Connection()
    connection.send(
        ("HELLO", "3", "SETNAME", "app"), ("CLIENT", "SETINFO", "LIB-NAME", "redis-py"),
        ("CLIENT", "SETINFO", "LIB-VER", "8.0.0"),
        ("CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", "internal-ip"), ("SELECT", "0"), ("PING",))
    hello, name, version, maintenance, selected, pong = (connection.reply() for _ in range(6))
    check("HELLO 3 is a map", isinstance(hello, dict))
    equal("of protocol 3", hello.get(b"proto"), 3)
    check("with the server's name, mode and id", {b"server", b"version", b"id", b"mode", b"role", b"modules"} <= set(hello))
    check("SETINFO is taken, or unknown as it is to Redis 7.0",
          all(reply == "OK" or isinstance(reply, Error) for reply in (name, version)), (name, version))
    check("MAINT_NOTIFICATIONS is refused or taken", maintenance == "OK" or isinstance(maintenance, Error), maintenance)
    equal("the connection goes on", (selected, pong), ("OK", "PONG"))
    equal("under its name", connection.ask("CLIENT", "GETNAME"), b"app")
    return connection


def types(connection):
    equal("a hash is a map", (connection.ask("HSET", "hash", "f", "v"), connection.ask("HGETALL", "hash"))[1], {b"f": b"v"})
    equal("the same from the L1", connection.ask("HGETALL", "hash"), {b"f": b"v"})
    connection.ask("ZADD", "board", "1.5", "a")
    equal("a score is a double", [connection.ask("ZSCORE", "board", "a") for _ in range(2)], [1.5, 1.5])
    equal("scores in pairs", connection.ask("ZRANGE", "board", "0", "-1", "WITHSCORES"), [[b"a", 1.5]])
    equal("a missing value is the null of RESP3", [connection.ask("GET", "nowhere") for _ in range(2)], [None, None])
    connection.ask("SADD", "set", "x")
    connection.send(("SMEMBERS", "set"))
    equal("a set is a set", connection.file.readline()[:1], b"~")
    connection.file.readline(), connection.file.readline()
    old = Connection()
    old.send(("HGETALL", "hash"))
    equal("another client that said nothing gets RESP2", old.file.readline(), b"*2\r\n")
    equal("back to RESP2 at any time", connection.ask("HELLO", "2")[0], b"server")
    equal("a hash is a list then", connection.ask("HGETALL", "hash"), [b"f", b"v"])
    check("and to RESP3", connection.ask("HELLO", "3")[b"proto"] == 3)
    refused = connection.ask("HELLO", "4")
    check("HELLO 4 is refused", isinstance(refused, Error) and refused.startswith("NOPROTO"), refused)


def pushes(connection):
    connection.send(("SUBSCRIBE", "news"))
    equal("a subscription is confirmed by a push", connection.next_push(), [b"subscribe", b"news", 1])
    equal("other commands go on beside it", connection.ask("GET", "nowhere"), None)
    publisher = Connection()
    equal("PUBLISH", publisher.ask("PUBLISH", "news", "hello"), 1)
    equal("a message is a push", connection.next_push(), [b"message", b"news", b"hello"])
    connection.send(("UNSUBSCRIBE",))
    equal("and so is the end", connection.next_push(), [b"unsubscribe", b"news", 0])


def tracking(connection):
    other = Connection()
    other.ask("SET", "tracked", "1")
    equal("CLIENT TRACKING ON", connection.ask("CLIENT", "TRACKING", "ON"), "OK")
    equal("a read", connection.ask("GET", "tracked"), b"1")
    other.ask("SET", "tracked", "2")
    equal("another's write invalidates", connection.next_push(), [b"invalidate", [b"tracked"]])
    equal("the next read is fresh", connection.ask("GET", "tracked"), b"2")
    Connection(UPSTREAM_PORT).ask("SET", "tracked", "3")
    equal("a write around Pillion does too", connection.next_push(), [b"invalidate", [b"tracked"]])
    equal("and the read after it", connection.ask("GET", "tracked"), b"3")
    equal("CLIENT TRACKING OFF", connection.ask("CLIENT", "TRACKING", "OFF"), "OK")


def half_closed():
    other = Connection()
    # Libraries that shut down send QUIT behind the pop that still waits, and then end their side.
    for behind in ([], [("QUIT",)], [("GET", "nowhere")]):
        leaving = Connection()
        leaving.send(("BLPOP", "abandoned", "0"), *behind)
        time.sleep(0.05)
        leaving.socket.shutdown(socket.SHUT_WR)
        leaving.socket.settimeout(1)
        try:
            closed = leaving.socket.recv(1) == b""
        except TimeoutError:
            closed = False
        after = f" with {behind[0][0]} sent behind it" if behind else ""
        check(f"a client that ends its side while it waits{after} is closed at once", closed)
        other.ask("RPUSH", "abandoned", "job")
        equal("and takes no job with it", other.ask("LLEN", "abandoned"), 1)
        other.ask("DEL", "abandoned")
    asking = Connection()
    asking.send(("SET", "last", "words"), ("GET", "last"))
    asking.socket.shutdown(socket.SHUT_WR)
    equal("what was asked before the end is answered", (asking.reply(), asking.reply()), ("OK", b"words"))


print("version emulated", flush=True)
client = handshake()
types(client)
pushes(client)
half_closed()
tracking(client)
finish()
