"""A redis-server and a Pillion of our own, on free loopback ports."""
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


def start_redis(directory):
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no", "--dir", directory]
    return Server("redis-server", command, port, directory)


class Pillion(Server):
    def __init__(self, binary, redis_port, directory):
        port = free_port()
        self.admin_port = free_port()
        command = [binary, f"redis://{HOST}:{redis_port}", "--listen", f"{HOST}:{port}", "--admin", f"{HOST}:{self.admin_port}"]
        super().__init__("pillion", command, port, directory)

    def cache_stats(self):
        with urllib.request.urlopen(f"http://{HOST}:{self.admin_port}/cache/stats", timeout=5) as reply:
            return json.load(reply)
