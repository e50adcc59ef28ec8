"""Upstreams and Pillions of our own, on free loopback ports."""
import json
import os
import socket
import subprocess
import time
import urllib.request

HOST = "127.0.0.1"


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def ask(port, *words, seconds=5):
    """One command on a connection of its own; the first line of the reply."""
    with socket.create_connection((HOST, port), timeout=seconds) as connection:
        request = b"*%d\r\n" % len(words)
        for word in words:
            request += b"$%d\r\n%s\r\n" % (len(word), word.encode())
        connection.sendall(request)
        reply = b""
        while b"\r\n" not in reply:
            more = connection.recv(4096)
            if not more:
                raise ConnectionError("closed before the reply")
            reply += more
        return reply.split(b"\r\n")[0].decode()


class Server:
    """Started by the constructor, which waits until it answers; ended by stop()."""

    def __init__(self, name, command, port, directory):
        self.name = name
        self.port = port
        self.log = os.path.join(directory, name + ".log")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory)
        try:
            self.wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def wait_until_it_answers(self, seconds=15):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if ask(self.port, "PING", seconds=1) == "+PONG":
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not answer:\n{self.log_end()}")

    def alive(self):
        try:
            return self.process.poll() is None and ask(self.port, "PING") == "+PONG"
        except OSError:
            return False

    def log_end(self, lines=30):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def stop(self):
        """The exit code; a process that does not end when asked to is killed, which is then the code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


def wait_for(what, holds, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{what} within {seconds} s")


def read_all(port, *words, seconds=5):
    """One command on a connection of its own; everything that comes back until it is quiet."""
    with socket.create_connection((HOST, port), timeout=seconds) as connection:
        connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words))
        reply = b""
        while not reply.endswith(b"\r\n") or len(reply) < 4:
            reply += connection.recv(1 << 16)
        return reply.decode(errors="replace")


def start_redis(directory, name="redis-server", *options):
    port = free_port()
    folder = os.path.join(directory, name)
    os.makedirs(folder, exist_ok=True)
    command = ["redis-server", "--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no", "--dir", folder, *options]
    return Server(name, command, port, directory)


class Standalone:
    """`port`: where writes that bypass the Pillion under test go; `servers`: to be stopped."""

    kind = "standalone"

    def __init__(self, directory, _binary):
        self.servers = [start_redis(directory)]
        self.port = self.servers[0].port
        self.url = f"redis://{HOST}:{self.port}"

    def forget_everything(self):
        """Keys and scripts: each run has to send its scripts again, as an application does on a new server."""
        ask(self.port, "FLUSHALL")
        ask(self.port, "SCRIPT", "FLUSH")

    def stop(self):
        for server in self.servers:
            server.stop()


class Lone(Standalone):
    """A cluster of one node."""

    kind = "lone"

    def __init__(self, directory, _binary):
        self.servers = [start_redis(directory, "redis-lone", "--cluster-enabled", "yes", "--cluster-port", str(free_port()),
                                    "--cluster-announce-ip", HOST, "--cluster-config-file", "nodes.conf")]
        self.port = self.servers[0].port
        self.url = f"redis+cluster://{HOST}:{self.port}"
        ask(self.port, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        wait_for("the cluster is not ok", lambda: "cluster_state:ok" in read_all(self.port, "CLUSTER", "INFO"))


class Sentinel(Standalone):
    """A primary and two replicas, watched by three Sentinels that know each other from the start."""

    kind = "sentinel"

    def __init__(self, directory, _binary):
        self.servers = [start_redis(directory, f"redis-{i}", "--repl-diskless-sync-delay", "0") for i in range(3)]
        self.port = self.servers[0].port
        for replica in self.servers[1:]:
            ask(replica.port, "REPLICAOF", HOST, str(self.port))
        ports = [free_port() for _ in range(3)]
        for i, port in enumerate(ports):
            lines = [f"port {port}", f"bind {HOST}", f"dir {directory}", f"sentinel myid {i:040x}",
                     f"sentinel monitor mymaster {HOST} {self.port} 2", "sentinel down-after-milliseconds mymaster 30000"]
            lines += [f"sentinel known-replica mymaster {HOST} {replica.port}" for replica in self.servers[1:]]
            lines += [f"sentinel known-sentinel mymaster {HOST} {peer} {j:040x}" for j, peer in enumerate(ports) if j != i]
            path = os.path.join(directory, f"sentinel-{i}.conf")
            with open(path, "w", encoding="ascii") as file:
                file.write("\n".join(lines) + "\n")
            self.servers.append(Server(f"sentinel-{i}", ["redis-server", path, "--sentinel"], port, directory))
        self.url = "redis+sentinel://" + ",".join(f"{HOST}:{port}" for port in ports) + "/mymaster"
        wait_for("the replicas are not in step", lambda: all("master_link_status:up" in read_all(replica.port, "INFO", "replication")
                                                             for replica in self.servers[1:3]))


class Cluster(Standalone):
    """Three primaries with a replica each. What bypasses goes through a Pillion of its own, which caches nothing: the
    programs speak to a plain Redis and follow no redirection."""

    kind = "cluster"

    def __init__(self, directory, binary):
        self.servers, bus = [], []
        for i in range(6):
            bus.append(free_port())
            self.servers.append(start_redis(directory, f"redis-{i}", "--cluster-enabled", "yes", "--cluster-port", str(bus[i]),
                                            "--cluster-config-file", "nodes.conf", "--repl-diskless-sync-delay", "0"))
        ports = [server.port for server in self.servers]
        for i in range(3):
            ask(ports[i], "CLUSTER", "ADDSLOTSRANGE", str(16384 * i // 3), str(16384 * (i + 1) // 3 - 1))
            ask(ports[i], "CLUSTER", "SET-CONFIG-EPOCH", str(i + 1))
        for port in ports:
            for other, other_bus in zip(ports, bus):
                if other != port:
                    ask(port, "CLUSTER", "MEET", HOST, str(other), str(other_bus))

        def known(port):
            nodes = read_all(port, "CLUSTER", "NODES")
            return len(nodes.strip().splitlines()) == 7 and "handshake" not in nodes
        wait_for("the nodes do not know each other", lambda: all(known(port) for port in ports))
        for i in range(3):
            ask(ports[3 + i], "CLUSTER", "REPLICATE", read_all(ports[i], "CLUSTER", "MYID").split()[1])
        wait_for("the cluster is not ok", lambda: all("cluster_state:ok" in read_all(port, "CLUSTER", "INFO") for port in ports))
        wait_for("the replicas are not in step",
                 lambda: all("master_link_status:up" in read_all(port, "INFO", "replication") for port in ports[3:]))
        self.url = "redis+cluster://" + ",".join(f"{HOST}:{port}" for port in ports)
        self.around = None
        if binary:
            self.around = Pillion(binary, self.url, directory, "around", "cache.enabled=false", "reads.from=primary")
            self.port = self.around.port

    def forget_everything(self):
        for server in self.servers[:3]:
            ask(server.port, "FLUSHALL")
            ask(server.port, "SCRIPT", "FLUSH")

    def stop(self):
        if self.around:
            self.around.stop()
        super().stop()


UPSTREAMS = {upstream.kind: upstream for upstream in (Standalone, Sentinel, Cluster)}


class Pillion(Server):
    def __init__(self, binary, url, directory, name="pillion", *settings):
        port = free_port()
        self.admin_port = free_port()
        command = [binary, url, "--listen", f"{HOST}:{port}", "--admin", f"{HOST}:{self.admin_port}"]
        for setting in settings:
            command += ["--set", setting]
        super().__init__(name, command, port, directory)

    def cache_stats(self):
        with urllib.request.urlopen(f"http://{HOST}:{self.admin_port}/cache/stats", timeout=5) as reply:
            return json.load(reply)
