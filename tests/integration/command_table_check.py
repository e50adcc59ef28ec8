#!/usr/bin/env python3
"""Compares Pillion's command table with what a real redis-server says of itself.

usage: command_table_check.py DUMP_BINARY [REDIS_SERVER]

Starts a private redis-server on a free port, in a temporary directory, reads COMMAND and COMMAND
GETKEYS from it and exits 1 when the table disagrees. Every tolerated difference is listed here with
its reason.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

# Versions disagree: the table takes the widest arity, the server checks its own.
WIDER_ARITY = {
    "ZRANK": (-3, 3),  # WITHSCORE since 7.2
    "ZREVRANK": (-3, 3),
    "COMMAND|GETKEYS": (-3, -4),  # commands without arguments since 7.2
    "COMMAND|GETKEYSANDFLAGS": (-3, -4),
}

# Flags the table sets although this server does not.
EXTRA_FLAGS = {"WAIT": {"blocking"}}  # flagged since 7.2; it always blocked

# Writes that change nothing the cache may hold.
WRITES_WITHOUT_EFFECT = {
    "FUNCTION|DELETE": "libraries, not keys",
    "FUNCTION|FLUSH": "libraries, not keys",
    "FUNCTION|LOAD": "libraries, not keys",
    "FUNCTION|RESTORE": "libraries, not keys",
}

COMPARED_FLAGS = {"readonly", "write", "blocking", "pubsub", "admin", "no_auth", "no_multi",
                  "movablekeys", "noscript", "loading", "stale", "fast"}

# Commands whose keys are compared with COMMAND GETKEYS ('' stands for the empty argument).
SAMPLES = """
APPEND k v
BITCOUNT k
BITOP AND d a b
BLMOVE a b LEFT RIGHT 0
BLMPOP 0 2 a b LEFT
BLPOP a b 0
BRPOPLPUSH a b 0
BZMPOP 0 2 a b MIN
BZPOPMIN a b 0
COPY a b DB 1 REPLACE
DEL a b c
EVAL body 2 a b c
EVALSHA_RO sha 1 a
EXISTS a b
EXPIRE k 10
FCALL f 1 a b
GEOADD g 1 2 m
GEORADIUS g 1 2 3 km
GEORADIUS g 1 2 3 km STORE d
GEORADIUS g 1 2 3 km COUNT 3 STOREDIST d
GEORADIUSBYMEMBER g m 3 km STORE d
GEORADIUS_RO g 1 2 3 km
GEOSEARCHSTORE d s FROMMEMBER m BYRADIUS 1 km ASC
GET k
GETEX k PERSIST
HGETALL h
HSET h f v
LCS a b
LMOVE a b LEFT RIGHT
LMPOP 2 a b LEFT
MEMORY USAGE k
MGET a b c
MIGRATE h 1 k 0 100
MIGRATE h 1 k 0 100 COPY AUTH keys
MIGRATE h 1 '' 0 100 KEYS a b
MIGRATE h 1 '' 0 100 AUTH2 user keys KEYS a b
MOVE k 1
MSET a 1 b 2
MSETNX a 1 b 2
OBJECT ENCODING k
PFCOUNT a b
PFMERGE d a b
RENAME a b
RESTORE k 0 payload
RPOPLPUSH a b
SDIFFSTORE d a b
SET k v EX 10
SINTERCARD 2 a b
SINTERSTORE d a b
SMOVE a b m
SORT l
SORT l BY nosort STORE d
SORT l BY w_* LIMIT 0 5 GET x_* STORE d
SORT_RO l BY w_*
SUNION a b
UNLINK a b
WATCH a b
XADD s * f v
XGROUP CREATE s g $
XINFO STREAM s
XREAD COUNT 2 BLOCK 0 STREAMS a b 0 0
XREADGROUP GROUP g c STREAMS a b > >
XREADGROUP GROUP STREAMS c COUNT 1 NOACK STREAMS a >
ZADD z 1 m
ZDIFF 2 a b
ZDIFFSTORE d 2 a b
ZINTERCARD 2 a b LIMIT 1
ZMPOP 2 a b MIN
ZRANGESTORE d s 0 -1
ZUNION 2 a b WEIGHTS 1 2
ZUNIONSTORE d 2 a b AGGREGATE MAX
""".strip().splitlines()


class ServerError(Exception):
    """An error reply."""


class Redis:
    """Just enough of a client: one command, one RESP2 reply."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.stream = self.socket.makefile("rb")

    def call(self, *args):
        parts = [b"*%d\r\n" % len(args)]
        for arg in args:
            arg = arg.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
        self.socket.sendall(b"".join(parts))
        return self._reply()

    def _reply(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server went away")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise ServerError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        return rest.decode()


def start_server(binary, directory):
    """A listening server and its port; another process may take the port first, so try again."""
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            try:
                redis = Redis(port)
                if f"process_id:{process.pid}\r\n" in redis.call("INFO", "server"):
                    return process, redis
            except (OSError, ServerError):
                pass
            time.sleep(0.02)
        process.kill()
        process.wait()
    raise RuntimeError(f"{binary} does not start")


def live_rows(redis):
    rows = {}

    def add(entry):
        rows[entry[0].upper()] = {"arity": entry[1], "flags": set(entry[2])}
        for subcommand in entry[9] if len(entry) > 9 else []:
            add(subcommand)

    for entry in redis.call("COMMAND"):
        add(entry)
    return rows


def table_rows(dump):
    rows = {}
    text = subprocess.run([dump], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        name, arity, flags, route, effect, *_ = line.split("\t")
        rows[name] = {"arity": int(arity), "flags": set(flags.split(",")), "route": route,
                      "effect": effect}
    return rows


def compare_rows(live, table):
    for name, theirs in sorted(live.items()):
        ours = table.get(name)
        if ours is None:
            yield f"{name}: not in the table"
            continue
        arities = (ours["arity"], theirs["arity"])
        if arities[0] != arities[1] and WIDER_ARITY.get(name) != arities:
            yield f"{name}: arity {arities[0]}, the server says {arities[1]}"
        difference = (ours["flags"] & COMPARED_FLAGS) ^ (theirs["flags"] & COMPARED_FLAGS)
        if difference - EXTRA_FLAGS.get(name, set()):
            yield f"{name}: differs in {sorted(difference)}"
        if "write" in theirs["flags"]:
            if ours["effect"] == "none" and name not in WRITES_WITHOUT_EFFECT:
                yield f"{name}: a write without effect on the cache"
            if ours["route"] == "cacheable":
                yield f"{name}: a write that may be cached"
    for name in [*WIDER_ARITY, *EXTRA_FLAGS, *WRITES_WITHOUT_EFFECT]:
        if name not in live:
            yield f"{name}: tolerated, but unknown to the server"


def compare_keys(redis, dump):
    commands = [["" if word == "''" else word for word in line.split()] for line in SAMPLES]
    asked = "".join("\t".join(command) + "\n" for command in commands)
    text = subprocess.run([dump, "--keys"], input=asked, check=True, capture_output=True,
                          text=True).stdout
    answers = [line.split("\t") for line in text.splitlines()]
    if len(answers) != len(commands):
        yield f"{len(commands)} commands, {len(answers)} answers"
    for command, (_, *ours) in zip(commands, answers):
        try:
            theirs = redis.call("COMMAND", "GETKEYS", *command)
        except ServerError as error:
            yield f"{' '.join(command)}: the server finds no keys: {error}"
            continue
        missing = set(theirs) - set(ours)
        if missing:
            yield f"{' '.join(command)}: misses {sorted(missing)}, found {ours}"


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    dump = os.path.abspath(sys.argv[1])
    binary = sys.argv[2] if len(sys.argv) == 3 else shutil.which("redis-server")
    if binary is None:
        sys.exit("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="pillion-command-table-") as directory:
        process, redis = start_server(binary, directory)
        try:
            live = live_rows(redis)
            problems = [*compare_rows(live, table_rows(dump)), *compare_keys(redis, dump)]
        finally:
            process.terminate()
            process.wait()
    for problem in problems:
        print(problem)
    print(f"{len(live)} commands and {len(SAMPLES)} key samples compared, "
          f"{len(problems)} differences")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
