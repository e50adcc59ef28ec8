#!/usr/bin/env python3
"""Latency of transactions, blocking commands and scripts: Redis directly, through a forwarder that only copies bytes
(what any second hop costs) and through Pillion, in one run; prints Markdown. A ratio is to Redis in the same round.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import report
import servers
import side_by_side

LIMIT = 1.3


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default=str(side_by_side.ROOT / "build/release"), help="folder of the release build")
    parser.add_argument("--pillion", help="the binary to measure instead of the build folder's")
    parser.add_argument("--clients", default="1,50", help="comma-separated, each a table of its own")
    parser.add_argument("--rounds", type=int, default=9, help="samples per row; the median counts")
    parser.add_argument("--only", default="", help="exchanges whose name contains this")
    parser.add_argument("--server-cores", default="0", help="of Redis and Pillion, as taskset -c takes them")
    parser.add_argument("--load-cores", default="1")
    parser.add_argument("--check", action="store_true", help="exit 1 when a figure is missed")
    return parser.parse_args()


def start_all(options, folder, stack):
    binary = pathlib.Path(options.pillion or side_by_side.find_binary(options.build, "pillion")).resolve()

    def keep(server):
        stack.callback(server.stop)
        server.wait_until_ready()
        # All threads it has by now; those to come inherit it.
        subprocess.run(["taskset", "-a", "-p", "-c", options.server_cores, str(server.pid)], check=True,
                       stdout=subprocess.DEVNULL)
        return server

    core = min(os.sched_getaffinity(0))
    redis = keep(servers.start_redis(core, folder))
    port = servers.free_port()
    argv = [str(side_by_side.find_binary(options.build, "pillion_bare_forwarder")), str(port), str(redis.port)]
    forwarder = keep(servers.Server("forwarder", argv, port, core, folder))
    upstream = f"redis://127.0.0.1:{redis.port}"
    proxies = [
        keep(servers.start_pillion("cache-on", binary, upstream, [redis], core, folder, ["cache.enabled=true"])),
        keep(servers.start_pillion("cache-off", binary, upstream, [redis], core, folder, ["cache.enabled=false"])),
    ]
    return redis, forwarder, proxies


def main():
    options = parse_arguments()
    # A SIGTERM must unwind the stack below like Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    busy_before = report.busy_share()
    load = side_by_side.find_binary(options.build, "pillion_dedicated_latency")
    reached = True
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pillion-bench-"))
        redis, forwarder, proxies = start_all(options, folder, stack)
        print("## Commands on connections of their own\n")
        print("\n".join(report.machine(side_by_side.ROOT, busy_before)))
        print(f"- servers on core {options.server_cores}, the load generator on core {options.load_cores}; median of "
              f"{options.rounds} interleaved rounds; limit {LIMIT}\n")
        for clients in options.clients.split(","):
            argv = ["taskset", "-c", options.load_cores, str(load), "--redis", str(redis.port), "--clients", clients,
                    "--rounds", str(options.rounds), "--limit", str(LIMIT), "--only", options.only,
                    "--reference", f"a bare forwarder={forwarder.port}"]
            for proxy in proxies:
                argv += ["--proxy", f"Pillion, {proxy.name.replace('-', ' ')}={proxy.port}"]
            sys.stdout.flush()
            code = subprocess.run(argv, check=False).returncode
            if code > 1:
                raise servers.BenchError("the run broke off")
            reached = reached and code == 0
            print()
    return 0 if reached or not options.check else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except servers.BenchError as error:
        sys.exit(f"dedicated_latency: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
