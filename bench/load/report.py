"""Turns the samples of a side-by-side run into Markdown and into verdicts on the figures Pillion must reach."""

import os
import pathlib
import platform
import statistics
import subprocess
import time

# CPU per GET of the process, as a ratio to redis-server direct in the same run, by pipeline.
TARGETS = {
    "pillion-l1": ("L1 hit", {1: 1.0, 16: 0.75, 64: 0.5}),
    "pillion-pass": ("pass-through", {1: 1.0, 16: 1.15, 64: 1.2}),
}
# The same, as a ratio to another of our servers in the same run: what a cluster costs over a single server.
RELATIVE_TARGETS = {
    ("pillion-cluster", "pillion-pass"): ("cluster pass-through / standalone pass-through", 1.2),
}
TITLES = {
    "redis": "redis-server direct",
    "pillion-l1": "Pillion, L1 on",
    "pillion-pass": "Pillion, pass-through",
    "pillion-cluster": "Pillion, pass-through to a cluster",
    "nutcracker": "nutcracker",
    "haproxy": "haproxy, TCP mode",
}
NOISY = 0.1  # share of CPU time used by others from which the numbers are called doubtful


def _first(path, default):
    try:
        return pathlib.Path(path).read_text().strip()
    except OSError:
        return default


def _output(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip().splitlines()[0] if (done.stdout or done.stderr).strip() else ""


def busy_share(seconds=0.5):
    """How much of all CPUs is in use right now, 0..1. The load average is too slow and, in some VMs, always 0."""
    def read():
        ticks = [int(field) for field in _first("/proc/stat", "cpu 0").splitlines()[0].split()[1:]]
        return sum(ticks), sum(ticks[3:5])  # all, idle and waiting for a disk
    total_before, idle_before = read()
    time.sleep(seconds)
    total_after, idle_after = read()
    passed = total_after - total_before
    return 1 - (idle_after - idle_before) / passed if passed else 0.0


def machine(root, busy_before):
    """The lines every number needs beside it. `busy_before` is busy_share() with none of our servers running."""
    model = next((line.split(":", 1)[1].strip() for line in _first("/proc/cpuinfo", "").splitlines()
                  if line.startswith("model name")), platform.machine())
    commit = _output("git", "-C", str(root), "describe", "--always", "--dirty") or "unknown"
    if commit.startswith("fatal"):
        commit = "unknown"
    governor = _first("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "not exposed")
    lines = [
        f"- machine: {model}, {os.cpu_count()} CPUs, Linux {platform.release()}, governor {governor}",
        f"- commit {commit}, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}",
        f"- in use by others before the run: {busy_before:.0%} of all CPUs",
    ]
    if busy_before > NOISY:
        lines.append("- **the machine was not idle: compare ratios, not absolute figures**")
    return lines


class Results:
    """Samples by (operation, pipeline, server name), one per round."""

    def __init__(self):
        self.samples = {}

    def add(self, operation, pipeline, name, sample):
        self.samples.setdefault((operation, pipeline, name), []).append(sample)

    def _all(self, operation, pipeline, name, field):
        return [sample[field] for sample in self.samples.get((operation, pipeline, name), [])]

    def median(self, operation, pipeline, name, field):
        return statistics.median(self._all(operation, pipeline, name, field))

    def ratios(self, operation, pipeline, name, to="redis"):
        """Per round: both samples are seconds apart, so what slows the machine slows both."""
        own = self._all(operation, pipeline, name, "cpu_us")
        base = self._all(operation, pipeline, to, "cpu_us")
        return [a / b for a, b in zip(own, base)]

    def table(self, operation, pipelines, names):
        lines = [
            f"### {operation.upper()}",
            "",
            "| pipeline | server | requests/s | p50 µs | p99 µs | CPU µs/request | ratio (lowest to highest) "
            "| Redis CPU µs/request |",
            "|---:|---|---:|---:|---:|---:|---|---:|",
        ]
        for pipeline in pipelines:
            for name in names:
                def middle(field):
                    return self.median(operation, pipeline, name, field)
                ratios = self.ratios(operation, pipeline, name)
                ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
                behind = "" if name == "redis" else f"{middle('upstream_us'):.2f}"
                lines.append(
                    f"| {pipeline} | {TITLES[name]} | {middle('rps'):,.0f} | {middle('p50_us'):,.0f} "
                    f"| {middle('p99_us'):,.0f} | {middle('cpu_us'):.2f} | {ratio if name != 'redis' else '1'} "
                    f"| {behind} |"
                )
        return lines

    def verdicts(self, pipelines):
        """(Markdown lines, all reached). Only what was measured is judged."""
        lines = ["| figure | pipeline | limit | measured | |", "|---|---:|---:|---:|---|"]
        reached = True
        for name, (title, limits) in TARGETS.items():
            for pipeline in pipelines:
                ratios = self.ratios("get", pipeline, name)
                if pipeline not in limits or not ratios:
                    continue
                measured = statistics.median(ratios)
                passed = measured <= limits[pipeline]
                note = ""
                if name == "pillion-l1":
                    # An L1 that forwards is not an L1, however cheap.
                    forwarded = self.median("get", pipeline, name, "forwarded")
                    if forwarded >= 0.01:
                        passed = False
                        note = f": {forwarded:.0%} of the GETs went to Redis"
                reached = reached and passed
                lines.append(f"| CPU per GET, {title} / redis-server direct | {pipeline} | {limits[pipeline]:.2f} "
                             f"| {measured:.2f} | {'PASS' if passed else 'FAIL'}{note} |")
        for (name, to), (title, limit) in RELATIVE_TARGETS.items():
            for pipeline in pipelines:
                ratios = self.ratios("get", pipeline, name, to)
                if not ratios:
                    continue
                measured = statistics.median(ratios)
                reached = reached and measured <= limit
                lines.append(f"| CPU per GET, {title} | {pipeline} | {limit:.2f} | {measured:.2f} "
                             f"| {'PASS' if measured <= limit else 'FAIL'} |")
        return lines, reached
