#!/usr/bin/env python3
"""Redis, Pillion and two other proxies side by side in one run; prints Markdown.

One server is loaded at a time, on one core together with the Redis behind it; the load generator has the other
core. Rounds interleave all servers so that a slow minute of the machine hits every one of them.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import report
import servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = ["redis", "pillion-l1", "pillion-pass", "nutcracker", "haproxy"]
# Measured only when named: Pillion without its L1 in front of a cluster of three primaries.
EXTRA_NAMES = ["pillion-cluster"]
OPERATIONS = ["get", "set"]


def find_binary(build, name):
    for path in sorted(pathlib.Path(build).glob(f"**/{name}")):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise servers.BenchError(f"{build} holds no {name}; build it, or name another folder with --build")


class Load:
    def __init__(self, binary, options):
        self._binary = binary
        self._options = options

    def _run(self, server, *arguments):
        argv = ["taskset", "-c", str(self._options.load_core), str(self._binary), "--port", str(server.port),
                "--clients", str(self._options.clients), "--keys", str(self._options.keys),
                "--value-size", str(self._options.value_size), *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise servers.BenchError(f"load on {server.name} failed: {done.stderr or done.stdout}")
        return json.loads(done.stdout)

    def write_all(self, server):
        self._run(server, "--op", "set", "--order", "sequential", "--requests", str(self._options.keys),
                  "--pipeline", "16")

    def touch_all(self, server):
        self._run(server, "--op", "get", "--order", "sequential", "--requests", str(self._options.keys),
                  "--pipeline", "16")

    def measure(self, server, redis, operation, pipeline):
        watch = ["--watch", f"self={server.pid}"]
        for number, behind in enumerate(server.behind):
            watch += ["--watch", f"upstream{number}={behind.pid}"]
        executing = server.behind or (redis,)

        def calls():
            return sum(servers.calls(node.port, operation) for node in executing)
        before = calls()
        seconds = self._options.seconds
        result = self._run(server, "--op", operation, "--pipeline", str(pipeline), "--seconds", str(seconds),
                           "--warmup", str(min(0.3, seconds / 2)), *watch)
        requests = result["requests"]
        return {
            "rps": result["rps"],
            "p50_us": result["p50_us"],
            "p99_us": result["p99_us"],
            "cpu_us": result["cpu_ns"]["self"] / requests / 1000,
            "upstream_us": sum(ns for name, ns in result["cpu_ns"].items() if name.startswith("upstream")) / requests / 1000,
            "load_us": result["cpu_ns"]["load"] / requests / 1000,
            # The warm-up is in the numerator only, so this errs on the strict side.
            "forwarded": (calls() - before) / requests,
        }


def start_all(names, options, folder, stack):
    def keep(server):
        stack.callback(server.stop)
        server.wait_until_ready()
        return server

    core = options.server_core
    redis = keep(servers.start_redis(core, folder))
    started = {"redis": redis}
    direct = f"redis://127.0.0.1:{redis.port}"
    for name in names:
        if name == "pillion-l1":
            # An hour, so that the figure is that of a hit and not of hits and refills mixed by the clock.
            settings = ["cache.enabled=true", "cache.max_age=1h"]
            started[name] = keep(servers.start_pillion(name, options.pillion, direct, [redis], core, folder, settings))
        elif name == "pillion-pass":
            settings = ["cache.enabled=false"]
            started[name] = keep(servers.start_pillion(name, options.pillion, direct, [redis], core, folder, settings))
        elif name == "pillion-cluster":
            nodes, buses = servers.start_cluster(core, folder)
            for node in nodes:
                keep(node)
            servers.join_cluster(nodes, buses)
            url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
            settings = ["cache.enabled=false"]
            started[name] = keep(servers.start_pillion(name, options.pillion, url, nodes, core, folder, settings))
        elif name == "nutcracker":
            started[name] = keep(servers.start_nutcracker(redis, core, folder))
        elif name == "haproxy":
            started[name] = keep(servers.start_haproxy(redis, core, folder))
    return started


def measure_all(options, names, load, started):
    results = report.Results()
    redis = started["redis"]
    load.write_all(redis)
    if "pillion-cluster" in started:
        load.write_all(started["pillion-cluster"])
    for turn in range(options.rounds):
        # A different server goes first each round: none is always the one right after an idle moment.
        order = names[turn % len(names):] + names[:turn % len(names)]
        for operation in options.operations:
            for pipeline in options.pipelines:
                for name in order:
                    if name == "pillion-l1" and operation == "get":
                        load.touch_all(started[name])
                    sample = load.measure(started[name], redis, operation, pipeline)
                    results.add(operation, pipeline, name, sample)
                    print(f"round {turn + 1}/{options.rounds} {operation} pipeline {pipeline} {name}: "
                          f"{sample['cpu_us']:.2f} us/request", file=sys.stderr)
    return results


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=str(ROOT / "build/release"), help="folder of the release build")
    parser.add_argument("--pillion", help="the binary to measure instead of the build folder's")
    parser.add_argument("--seconds", type=float, default=2.0, help="measured per sample")
    parser.add_argument("--rounds", type=int, default=3, help="samples per row; the median counts")
    parser.add_argument("--only", help=f"comma-separated: pillion (both), {', '.join(NAMES + EXTRA_NAMES)}; redis is always in")
    parser.add_argument("--operations", default="get,set")
    parser.add_argument("--pipelines", default="1,16,64")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--keys", type=int, default=10000)
    parser.add_argument("--value-size", type=int, default=64, help="bytes")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    parser.add_argument("--json", help="write every sample to this file")
    parser.add_argument("--check", action="store_true", help="exit 1 when a figure is missed")
    options = parser.parse_args()

    options.operations = options.operations.split(",")
    if not set(options.operations) <= set(OPERATIONS):
        parser.error(f"--operations takes {', '.join(OPERATIONS)}")
    options.pipelines = [int(pipeline) for pipeline in options.pipelines.split(",")]
    wanted = set(options.only.split(",") if options.only else NAMES) | {"redis"}
    if "pillion" in wanted:
        wanted = wanted - {"pillion"} | {"pillion-l1", "pillion-pass"}
    if "pillion-cluster" in wanted:
        wanted.add("pillion-pass")
    if not wanted <= set(NAMES + EXTRA_NAMES):
        parser.error(f"--only takes pillion, {', '.join(NAMES + EXTRA_NAMES)}")
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    allowed = os.sched_getaffinity(0)
    if not {options.server_core, options.load_core} <= allowed or options.server_core == options.load_core:
        parser.error(f"two different cores are needed, this process may use {sorted(allowed)}")
    return options, [name for name in NAMES + EXTRA_NAMES if name in wanted]


def main():
    options, names = parse_arguments()
    # A SIGTERM must unwind the stack below like Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    busy_before = report.busy_share()
    if any(name.startswith("pillion") for name in names):
        options.pillion = pathlib.Path(options.pillion or find_binary(options.build, "pillion")).resolve()
    load = Load(find_binary(options.build, "pillion_load"), options)

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pillion-bench-"))
        results = measure_all(options, names, load, start_all(names, options, folder, stack))

    print("## Side by side\n")
    print("\n".join(report.machine(ROOT, busy_before)))
    print(f"- {options.clients} clients, {options.keys:,} keys, {options.value_size}-byte values; median of "
          f"{options.rounds} interleaved rounds of {options.seconds:g} s; all servers and the Redis behind them on "
          f"core {options.server_core}, the load generator on core {options.load_core}")
    print("- CPU is user plus system time of the server process itself; the ratio is to redis-server direct in the "
          "same round. Latency is that of a whole batch.\n")
    for operation in options.operations:
        print("\n".join(results.table(operation, options.pipelines, names)) + "\n")
    lines, reached = results.verdicts(options.pipelines)
    if len(lines) > 2:
        print("### Figures to reach\n\n" + "\n".join(lines))
    if options.json:
        flat = [{"operation": key[0], "pipeline": key[1], "server": key[2], "rounds": value}
                for key, value in results.samples.items()]
        pathlib.Path(options.json).write_text(json.dumps(flat, indent=1) + "\n")
    return 0 if reached or not options.check else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except servers.BenchError as error:
        sys.exit(f"side_by_side: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
