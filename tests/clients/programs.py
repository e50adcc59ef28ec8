"""Which programs there are, and how each is started.

A program takes REDIS_HOST, REDIS_PORT (where it works), UPSTREAM_PORT (the Redis behind, for writes that bypass
whatever stands in front) and UPSTREAM_KIND (standalone, sentinel or cluster: with the last it uses one database, and
hash tags where it needs several keys at once), prints `version X` and one line for each thing it checked, and exits 0 (all held), 1 (not)
or 77 (cannot be run here; its last line says why).
"""
import os
import shutil
import subprocess
from typing import Callable, List, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's libraries belong to Debian's interpreter, not to the first in PATH
GO_PATH = "/usr/share/gocode"


class CannotRun(Exception):
    """The program cannot be run on this machine; the text is shown as the reason."""


class Program(NamedTuple):
    name: str
    group: str
    prepare: Callable[[str], List[str]]  # given the work directory: the command line; raises CannotRun
    in_matrix: bool = False  # run with every upstream, not only with a single server
    not_on_a_cluster: str = ""  # why not, where its library needs several slots at once
    of_clusters: bool = False  # speaks to clusters only: first to a real one, then to a Pillion that emulates one


def source(*parts):
    return os.path.join(HERE, *parts)


def require(*commands):
    for command in commands:
        if not (os.path.isfile(command) or shutil.which(command)):
            raise CannotRun(f"{command} is not installed")


def interpreted(interpreter, *parts):
    path = source(*parts[:2])

    def prepare(_work):
        require(interpreter)
        return [interpreter, path, *parts[2:]]

    return prepare


def node(script, *arguments):
    def prepare(work):
        return ["node", os.path.join(work, "node", script), *arguments]

    return prepare


def compiled(command, environment=None):
    """Runs the compiler; what it prints when it fails is the reader's only clue, so it goes into the error."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()[:2000]}")


def go_program(work):
    require("go")
    if not os.path.isdir(os.path.join(GO_PATH, "src/github.com/gomodule/redigo")):
        raise CannotRun("golang-github-gomodule-redigo-dev is not installed")
    binary = os.path.join(work, "redigo_client")
    compiled(
        ["go", "build", "-o", binary, source("go", "redigo_client.go")],
        {"GO111MODULE": "off", "GOPATH": GO_PATH, "GOCACHE": os.path.join(work, "go-cache"), "GOFLAGS": ""},
    )
    return [binary]


def c_program(work):
    require("cc")
    if not os.path.isfile("/usr/include/hiredis/hiredis.h"):
        raise CannotRun("libhiredis-dev is not installed")
    binary = os.path.join(work, "hiredis_client")
    compiled(["cc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-o", binary, source("c", "hiredis_client.c"), "-lhiredis"])
    return [binary]


PROGRAMS = [
    Program("ioredis 6", "node", node("ioredis.js", "ioredis"), in_matrix=True),
    Program("ioredis 5", "node", node("ioredis.js", "ioredis5"), in_matrix=True),
    Program("redis 6", "node", node("node_redis.js", "redis"), in_matrix=True),
    Program("redis 5", "node", node("node_redis.js", "redis5"), in_matrix=True),
    Program("redis 4", "node", node("node_redis.js", "redis4"), in_matrix=True),
    Program("ioredis 6, Cluster", "node", node("cluster.js", "ioredis"), in_matrix=True, of_clusters=True),
    Program("ioredis 5, Cluster", "node", node("cluster.js", "ioredis5"), in_matrix=True, of_clusters=True),
    Program("redis 6, cluster", "node", node("cluster.js", "redis"), in_matrix=True, of_clusters=True),
    Program("redis 5, cluster", "node", node("cluster.js", "redis5"), in_matrix=True, of_clusters=True),
    Program("redis 4, cluster", "node", node("cluster.js", "redis4"), in_matrix=True, of_clusters=True),
    Program("bullmq", "node", node("bullmq.js"), in_matrix=True),
    Program("bull", "node", node("bull.js")),
    Program("bee-queue", "node", node("bee_queue.js")),
    Program("connect-redis + express-session", "node", node("express_session.js")),
    Program("rate-limiter-flexible", "node", node("rate_limiter_flexible.js")),
    Program("rate-limit-redis + express-rate-limit", "node", node("express_rate_limit.js")),
    Program("@socket.io/redis-adapter", "node", node("socket_io.js")),
    Program("redlock", "node", node("redlock.js")),
    Program("keyv + @keyv/redis", "node", node("keyv.js")),
    Program("cache-manager", "node", node("cache_manager.js")),
    Program("redis-py sync, hiredis", "python", interpreted(SYSTEM_PYTHON, "python", "redis_sync.py", "hiredis"), in_matrix=True),
    Program("redis-py sync, pure Python", "python", interpreted(SYSTEM_PYTHON, "python", "redis_sync.py", "python"), in_matrix=True),
    Program("redis-py asyncio, hiredis", "python", interpreted(SYSTEM_PYTHON, "python", "redis_asyncio.py", "hiredis"), in_matrix=True),
    Program("redis-py asyncio, pure Python", "python", interpreted(SYSTEM_PYTHON, "python", "redis_asyncio.py", "python"), in_matrix=True),
    Program("redis-py RedisCluster", "python", interpreted(SYSTEM_PYTHON, "python", "redis_cluster.py"), in_matrix=True,
            of_clusters=True),
    Program("redis-py 8 handshake", "python", interpreted(SYSTEM_PYTHON, "python", "resp3_handshake.py")),
    Program("celery", "python", interpreted(SYSTEM_PYTHON, "python", "celery_round_trip.py"), in_matrix=True),
    Program("rq", "python", interpreted(SYSTEM_PYTHON, "python", "rq_jobs.py")),
    Program("django-redis", "python", interpreted(SYSTEM_PYTHON, "python", "django_cache.py")),
    Program("phpredis", "other", interpreted("php", "php", "phpredis.php")),
    Program("predis", "other", interpreted("php", "php", "predis.php")),
    Program("redis-rb", "other", interpreted("ruby", "ruby", "redis_rb.rb")),
    Program("sidekiq", "other", interpreted("ruby", "ruby", "sidekiq_jobs.rb"), in_matrix=True,
            not_on_a_cluster="its heartbeat is a transaction over keys of several slots"),
    Program("redigo", "other", go_program),
    Program("Redis.pm", "other", interpreted("/usr/bin/perl", "perl", "redis_pm.pl")),
    Program("hiredis", "other", c_program),
]
