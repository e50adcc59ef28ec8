"""Servers of the side-by-side bench: each a private process on a free loopback port, pinned to one core.

Every process is stopped by its own pid when the stack closes, and by the kernel should this interpreter be killed.
"""

import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
START_TIMEOUT = 10.0  # seconds for a server to answer its first PING
STOP_TIMEOUT = 15.0  # seconds from SIGTERM to SIGKILL

_handed_out = set()


class BenchError(Exception):
    """Something the operator can act on; printed without a traceback."""


def free_port():
    """A loopback port nobody listens on now and this run has not handed out yet."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _handed_out:
            _handed_out.add(port)
            return port


def command(port, *arguments, timeout=5.0):
    """One RESP command on a connection of its own; returns the raw reply (simple, error or bulk)."""
    encoded = b"*%d\r\n" % len(arguments)
    for argument in arguments:
        data = argument.encode()
        encoded += b"$%d\r\n%s\r\n" % (len(data), data)
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(encoded)
        with connection.makefile("rb") as reader:
            line = reader.readline()
            if line.startswith(b"$") and not line.startswith(b"$-1"):
                return reader.read(int(line[1:]) + 2)[:-2].decode()
            return line.decode().rstrip("\r\n")


def calls(port, name):
    """How often Redis has executed a command, by INFO commandstats."""
    for line in command(port, "INFO", "commandstats").splitlines():
        if line.startswith(f"cmdstat_{name}:"):
            return int(line.split("calls=")[1].split(",")[0])
    return 0


class Server:
    """A running process. `behind`: the servers it forwards to, whose CPU and calls are counted next to its own."""

    def __init__(self, name, argv, port, core, folder, behind=()):
        self.name = name
        self.port = port
        self.behind = tuple(behind)
        self._log = pathlib.Path(folder, f"{name}.out")
        parent = os.getpid()

        def in_child():
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            os.sched_setaffinity(0, {core})

        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, preexec_fn=in_child
            )
        self.pid = self._process.pid

    def wait_until_ready(self):
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                if command(self.port, "PING", timeout=1.0) == "+PONG":
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise BenchError(f"{self.name} does not answer PING:\n{self._log.read_text(errors='replace')[-2000:]}")

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path:
        raise BenchError(f"{name} is not installed; bench/run.sh installs it, or leave it out with --only")
    return path


def start_redis(core, folder):
    port = free_port()
    argv = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    return Server("redis", argv, port, core, folder)


def start_cluster(core, folder, primaries=3):
    """Redis nodes that share the slots evenly, without replicas; the cluster takes commands."""
    nodes = []
    buses = []
    for i in range(primaries):
        port = free_port()
        buses.append(free_port())
        argv = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--cluster-enabled", "yes", "--cluster-port", str(buses[i]), "--cluster-config-file", f"nodes-{i}.conf"]
        nodes.append(Server(f"redis-node-{i}", argv, port, core, folder))
    return nodes, buses


def join_cluster(nodes, buses):
    for i, node in enumerate(nodes):
        first, last = 16384 * i // len(nodes), 16384 * (i + 1) // len(nodes) - 1
        command(node.port, "CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
        command(node.port, "CLUSTER", "SET-CONFIG-EPOCH", str(i + 1))
        for other, bus in zip(nodes, buses):
            if other is not node:
                command(node.port, "CLUSTER", "MEET", "127.0.0.1", str(other.port), str(bus))
    deadline = time.monotonic() + START_TIMEOUT
    while not all(f"cluster_size:{len(nodes)}" in command(node.port, "CLUSTER", "INFO")
                  and "cluster_state:ok" in command(node.port, "CLUSTER", "INFO") for node in nodes):
        if time.monotonic() > deadline:
            raise BenchError("the cluster does not become ok")
        time.sleep(0.05)


def start_pillion(name, binary, upstream, behind, core, folder, settings):
    port, admin = free_port(), free_port()
    argv = [str(binary), upstream]
    argv += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
    for setting in ["workers=1", "log.level=warn", *settings]:
        argv += ["--set", setting]
    return Server(name, argv, port, core, folder, behind=behind)


def start_nutcracker(redis, core, folder):
    port = free_port()
    config = pathlib.Path(folder, "nutcracker.yml")
    config.write_text(
        "bench:\n"
        f"  listen: 127.0.0.1:{port}\n"
        "  redis: true\n"
        "  hash: fnv1a_64\n"
        "  distribution: ketama\n"
        "  preconnect: true\n"
        "  servers:\n"
        f"    - 127.0.0.1:{redis.port}:1\n"
    )
    argv = [program("nutcracker"), "-c", str(config), "-a", "127.0.0.1", "-s", str(free_port())]
    argv += ["-o", str(pathlib.Path(folder, "nutcracker.log")), "-p", str(pathlib.Path(folder, "nutcracker.pid"))]
    return Server("nutcracker", argv, port, core, folder, behind=[redis])


def start_haproxy(redis, core, folder):
    port = free_port()
    config = pathlib.Path(folder, "haproxy.cfg")
    config.write_text(
        "global\n  maxconn 2000\n  nbthread 1\n"
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        f"listen bench\n  bind 127.0.0.1:{port}\n  server redis 127.0.0.1:{redis.port}\n"
    )
    return Server("haproxy", [program("haproxy"), "-db", "-f", str(config)], port, core, folder, behind=[redis])
