#!/usr/bin/env python3
"""Runs every client program against a redis-server and then through Pillion, L1 on, and prints what held.

`--upstream sentinel` and `--upstream cluster` put a set of servers behind Pillion, to which the programs speak as to a
plain Redis all the same; of a cluster they ask nothing that needs several slots at once. Programs that speak to clusters
only are tried on a cluster of one node, and then on a Pillion that emulates one. A program that fails against Redis itself is wrong and counts as a failure too. Exit code: 0, 1 when anything failed,
77 when nothing could be run.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import npm  # noqa: E402
import servers  # noqa: E402
from programs import HERE, PROGRAMS, CannotRun  # noqa: E402

PROGRAM_SECONDS = 60
SKIPPED = 77
SHOWN_LINES = 40  # of the output of a program that failed


class Outcome:
    def __init__(self, word, seconds=0.0, output=""):
        self.word = word  # "ok", "FAILED" or "skipped"
        self.seconds = seconds
        self.output = output

    def version(self):
        for line in self.output.splitlines():
            if line.startswith("version "):
                return line[len("version "):]
        return ""

    def last_line(self):
        lines = self.output.strip().splitlines()
        return lines[-1].removeprefix("skipped: ") if lines else "no output"

    def shown(self):
        return f"ok {self.seconds:.1f} s" if self.word == "ok" else self.word


def run_program(command, port, upstream_port, kind, directory):
    environment = {**os.environ, "REDIS_HOST": servers.HOST, "REDIS_PORT": str(port), "UPSTREAM_PORT": str(upstream_port),
                   "UPSTREAM_KIND": kind,
                   "TMPDIR": directory, "HOME": directory, "PYTHONDONTWRITEBYTECODE": "1"}
    started = time.monotonic()
    with tempfile.TemporaryFile(dir=directory) as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=directory,
                                   env=environment, start_new_session=True)
        try:
            code = process.wait(PROGRAM_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            # Workers that a program started belong to its group, however it ended.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        output.seek(0)
        text = output.read().decode(errors="replace")
    seconds = time.monotonic() - started
    if code is None:
        return Outcome("FAILED", seconds, text + f"\nended after {PROGRAM_SECONDS} s")
    if code == SKIPPED:
        return Outcome("skipped", seconds, text)
    return Outcome("ok" if code == 0 else "FAILED", seconds, text if code in (0, 1) else text + f"\nexit code {code}")


def show_failure(name, where, outcome):
    print(f"\n--- {name}, {where}: FAILED after {outcome.seconds:.1f} s")
    # What held says how far it came, and the last of that is enough; libraries repeat their warnings without end.
    lines = outcome.output.rstrip().splitlines()
    last_held = [line for line in lines if line.startswith("ok - ")][-2:]
    shown = []
    for line in lines:
        if (not line.startswith("ok - ") or line in last_held) and line not in shown:
            shown.append(line)
    failed = [line for line in shown[:-SHOWN_LINES] if line.startswith("NOT OK")]
    print("\n".join(line[:400] for line in failed + shown[-SHOWN_LINES:]), flush=True)


class Run:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        # What a program does is first tried on a plain Redis, whatever stands behind Pillion.
        self.plain = servers.Standalone(directory, None)
        self.upstream = self.plain
        if options.upstream != "standalone" and not options.direct:
            self.upstream = servers.UPSTREAMS[options.upstream](directory, options.pillion)
        self.lone = None  # the real cluster, for programs of clusters
        self.pillions = {}  # by whether they emulate a cluster
        self.hits = 0

    def pillion(self, emulates):
        if emulates not in self.pillions:
            named = ("pillion-as-cluster", "listen.emulate_cluster=true") if emulates else ("pillion",)
            self.pillions[emulates] = servers.Pillion(self.options.pillion, self.upstream.url, self.directory, *named)
        return self.pillions[emulates]

    def real_server(self, program):
        if not program.of_clusters:
            return self.plain
        if not self.lone:
            self.lone = servers.Lone(self.directory, None)
        return self.lone

    def through_pillion(self, command, emulates):
        pillion = self.pillion(emulates)
        outcome = run_program(command, pillion.port, self.upstream.port, self.options.upstream, self.directory)
        if not pillion.alive():
            code = self.pillions.pop(emulates).stop()
            outcome = Outcome("FAILED", outcome.seconds,
                              f"{outcome.output}\nPillion does not answer (exit code {code}):\n{pillion.log_end()}")
        return outcome

    def program(self, program):
        """The two outcomes and a reason when it was skipped."""
        if self.options.upstream == "cluster" and program.not_on_a_cluster:
            return Outcome("skipped"), Outcome("skipped"), program.not_on_a_cluster
        try:
            command = program.prepare(self.options.work)
        except CannotRun as reason:
            return Outcome("skipped"), Outcome("skipped"), str(reason)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            failed = Outcome("FAILED", 0, str(error))
            show_failure(program.name, "preparation", failed)
            return failed, Outcome("skipped"), "could not be prepared"
        real = self.real_server(program)
        real.forget_everything()
        direct = run_program(command, real.port, real.port, self.options.upstream, self.directory)
        if direct.word == "skipped":
            return direct, Outcome("skipped"), direct.last_line()
        if direct.word == "FAILED":
            show_failure(program.name, "direct", direct)
        if self.options.direct:
            return direct, Outcome("-"), ""
        self.upstream.forget_everything()
        through = self.through_pillion(command, program.of_clusters)
        if through.word == "FAILED":
            show_failure(program.name, "through Pillion", through)
        return direct, through, ""

    def stop(self):
        """What went wrong while stopping, or nothing."""
        problem = ""
        for pillion in self.pillions.values():
            try:
                self.hits += pillion.cache_stats().get("hits", 0)
            except OSError:
                pass
            code = pillion.stop()
            if code != 0:
                problem += f"Pillion ended with exit code {code}:\n{pillion.log_end()}"
        self.upstream.stop()
        if self.upstream is not self.plain:
            self.plain.stop()
        if self.lone:
            self.lone.stop()
        return problem


def print_table(rows):
    header = ("client", "version", "direct", "through Pillion")
    cells = [header] + [(name, direct.version() or through.version() or "-", direct.shown(),
                         f"skipped: {reason}" if reason else through.shown()) for name, direct, through, reason in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    print()
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def write_markdown(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.write("| client | version | through Pillion |\n|---|---|---|\n")
        for name, direct, through, reason in rows:
            result = f"skipped: {reason}" if reason else ("passes" if through.word == "ok" else through.word)
            file.write(f"| {name} | {direct.version() or '-'} | {result} |\n")


def parse_arguments():
    root = os.path.dirname(os.path.dirname(HERE))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pillion", default=os.path.join(root, "build/release/pillion"), help="the binary to try")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="programs whose name contains this")
    parser.add_argument("--group", choices=sorted({program.group for program in PROGRAMS}))
    parser.add_argument("--upstream", choices=sorted(servers.UPSTREAMS), default="standalone",
                        help="what is behind Pillion; with more than one server, the programs of the matrix are run")
    parser.add_argument("--direct", action="store_true", help="against redis-server only")
    parser.add_argument("--work", default=os.path.join(root, "build/clients"), help="where npm packages and binaries go")
    parser.add_argument("--table", metavar="FILE", help="also write the result as a Markdown table")
    options = parser.parse_args()
    options.pillion = os.path.abspath(options.pillion)
    options.work = os.path.abspath(options.work)
    return options


def main():
    options = parse_arguments()
    chosen = [program for program in PROGRAMS
              if (not options.group or program.group == options.group)
              and (options.upstream == "standalone" or options.only or program.in_matrix)
              and (not options.only or any(name.lower() in program.name.lower() for name in options.only))]
    if not chosen:
        sys.exit("no program has such a name: " + ", ".join(options.only))
    if not shutil.which("redis-server"):
        print("skipped: redis-server is not installed")
        return SKIPPED
    if not options.direct and not os.access(options.pillion, os.X_OK):
        sys.exit(f"no binary at {options.pillion}; name it with --pillion")
    os.makedirs(options.work, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    no_node = ""
    if any(program.group == "node" for program in chosen):
        try:
            npm.install(options.work)
        except CannotRun as reason:
            no_node = str(reason)

    rows = []
    with tempfile.TemporaryDirectory(prefix="pillion-clients-") as directory:
        run = Run(options, directory)
        try:
            for program in chosen:
                if program.group == "node" and no_node:
                    outcome = (Outcome("skipped"), Outcome("skipped"), no_node)
                else:
                    outcome = run.program(program)
                rows.append((program.name, *outcome))
                print(f"{program.name}: {outcome[0].shown()}, {outcome[2] or outcome[1].shown()}", flush=True)
        finally:
            problem = run.stop()

    print_table(rows)
    if options.table:
        write_markdown(options.table, rows)
    failed = [name for name, direct, through, _ in rows if "FAILED" in (direct.word, through.word)]
    ran = [name for name, direct, _, _ in rows if direct.word != "skipped"]
    if not options.direct:
        print(f"\nreads answered by the L1: {run.hits}")
    if problem:
        print(problem)
    if failed:
        print("FAILED: " + ", ".join(failed))
    if failed or problem:
        return 1
    return 0 if ran else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
