#!/usr/bin/env python3
"""Reads the exception lists and the output of the suite.

  report.py check LIST                                 do the entries keep the rules? exit code 1 if not
  report.py skipfile LIST                              the entries as the suite's --skipfile wants them
  report.py report MODE LOG LIST whole|part FAILED     summary of a run; writes the failures to FAILED; exit code 1 if any

A list holds one test per line, by name or as /regexp/, right below comment lines that say why it cannot hold. A name
behind "run: " is not left out: others build on what the test does, and only its failure is accepted.
"""

import os
import re
import sys

BOUNDS = {"exceptions_cache_off.txt": 10, "exceptions_cache_on.txt": 25, "exceptions_cluster.txt": 25}
# A whole run with fewer tests than this has lost some on the way; a cluster leaves out those that need a second
# database or keys of several slots.
FEWEST_TESTS = 1900
FEWEST_TESTS_OF_A_CLUSTER = 1880


def entries(path):
    """(entry, reason) in order; blank lines end a reason, so that a header is not taken for one."""
    found, reason = [], []
    with open(path, encoding="utf-8") as lines:
        for line in (raw.strip() for raw in lines):
            if line.startswith("#"):
                reason.append(line.lstrip("# "))
                continue
            if line:
                found.append((line, " ".join(filter(None, reason))))
            reason = []
    return found


def problems(path):
    found = entries(path)
    bound = BOUNDS[os.path.basename(path)]
    if len(found) > bound:
        yield f"{path}: {len(found)} entries, at most {bound} are allowed"
    names = [name for name, _ in found]
    for name, reason in found:
        if not reason:
            yield f"{path}: '{name}' has no reason in the lines right above it"
        if names.count(name) > 1:
            yield f"{path}: '{name}' is there twice"


def pattern(entry):
    """What the suite understands: it takes everything behind the first slash for the expression."""
    return entry[:-1] if entry.startswith("/") and entry.endswith("/") and len(entry) > 1 else entry


RUN = "run: "


def is_run(entry):
    return entry.startswith(RUN)


class Run:
    """What the suite's output says."""

    def __init__(self, path):
        self.ok = 0
        self.ignored = 0
        self.skipped = []
        self.failures = []  # (unit, test, error)
        unit, finished, text, hung = "?", True, None, []
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in (raw.rstrip("\n") for raw in lines):
                mark = re.match(r"\[(\w+)\]: (.*)", line)
                start = re.match(r"Testing ((?:unit|integration)/\S+)$", line)
                done = re.match(r"\[\d+/\d+ done\]: ", line)
                if start or done or mark or line.startswith("!!! WARNING") or not line.strip():
                    text = None
                if start:
                    self.unfinished(unit, finished)
                    unit, finished = start[1], False
                elif done:
                    finished = True
                elif mark and mark[1] == "ok":
                    self.ok += 1
                elif mark and mark[1] == "ignore":
                    self.ignored += 1
                elif mark and mark[1] == "skip":
                    if mark[2] not in hung:
                        self.skipped.append(mark[2])
                elif mark and mark[1] == "hang":
                    where, _, test = mark[2].partition(": ")
                    self.failures.append((where, test, ["hangs"]))
                    hung.append(test)
                elif mark and mark[1] in ("err", "exception", "TIMEOUT", "lost"):
                    test, _, where = mark[2].rpartition(" in tests/")
                    text = [] if where and mark[1] == "err" else [mark[2]]
                    name = test if where and mark[1] == "err" else f"({mark[1]} outside a test)"
                    self.failures.append((unit, name, text))
                elif re.match(r"sock\w+ => ", line):
                    self.failures.append((unit, "(where the clock ran out)", [line]))
                elif text is not None and len(text) < 12:
                    text.append(line.strip())
        self.unfinished(unit, finished)

    def unfinished(self, unit, finished):
        if not finished:
            self.failures.append((unit, "(unit)", ["did not come to its end; its other tests were not run"]))


def names_matched(run, found):
    """Every test that was left out, and the entries that no test answers to."""
    idle = []
    for entry, _ in found:
        if is_run(entry):
            continue
        wanted = pattern(entry)
        if wanted.startswith("/"):
            hit = any(re.search(wanted[1:], name) for name in run.skipped)
        else:
            hit = wanted in run.skipped
        if not hit:
            idle.append(entry)
    return idle


def report(mode, log, path, extent, failed_path):
    run = Run(log)
    direct = mode.endswith("direct")
    if not direct:
        accepted = {entry[len(RUN):] for entry, _ in entries(path) if is_run(entry)}
        failed = {name for _, name, _ in run.failures}
        for name in sorted(accepted - failed) if extent == "whole" else []:
            print(f"{mode}: the exception '{name}' held")
        run.skipped += sorted(accepted & failed)
        run.failures = [failure for failure in run.failures if failure[1] not in accepted]
    wrong = [f"{unit}: {name}: {' | '.join(text)}"[:600] for unit, name, text in run.failures]
    with open(failed_path, "w", encoding="utf-8") as out:
        for unit, name, text in run.failures:
            out.write(f"{unit}\t{name}\t{' | '.join(text)}\n")
    if extent == "whole":
        seen = run.ok + len(run.failures) + len(run.skipped)
        fewest = FEWEST_TESTS_OF_A_CLUSTER if mode.startswith("cluster") else FEWEST_TESTS
        if seen < fewest:
            wrong.append(f"only {seen} tests were reached, {fewest} are the least")
        if not direct:
            # A regular expression may cover more tests than it has lines in the list.
            bound = BOUNDS[os.path.basename(path)]
            if len(run.skipped) > bound:
                wrong.append(f"the list covers {len(run.skipped)} tests, at most {bound} are allowed")
            if run.skipped:
                for entry in names_matched(run, entries(path)):
                    print(f"{mode}: no test answers to the exception '{entry}'")
    for line in wrong:
        print(f"FAILED {line}")
    print(
        f"{mode}: {run.ok} ok, {len(run.failures)} failed, {len(run.skipped)} left out"
        f"{' as exceptions' if extent == 'whole' else ''}, {run.ignored} not for external servers"
    )
    return 1 if wrong else 0


def main(arguments):
    verb = arguments[0] if arguments else ""
    if verb == "check" and len(arguments) == 2:
        found = list(problems(arguments[1]))
        for problem in found:
            print(problem, file=sys.stderr)
        return 1 if found else 0
    if verb == "skipfile" and len(arguments) == 2:
        print("\n".join(pattern(entry) for entry, _ in entries(arguments[1]) if not is_run(entry)))
        return 0
    if verb == "report" and len(arguments) == 6:
        return report(*arguments[1:])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
