"""What every Python program here shares: checks that print themselves, waiting, and the freshness rules of the L1."""
import os
import sys
import time

HOST = os.environ["REDIS_HOST"]
PORT = int(os.environ["REDIS_PORT"])
UPSTREAM_PORT = int(os.environ["UPSTREAM_PORT"])
# One database, and keys of one command or transaction in one slot.
CLUSTER = os.environ.get("UPSTREAM_KIND") == "cluster"
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

_failures = []


def check(what, holds, detail=""):
    print(f"{'ok' if holds else 'NOT OK'} - {what}{'' if holds or not detail else ': ' + str(detail)}", flush=True)
    if not holds:
        _failures.append(what)


def equal(what, got, want):
    check(what, got == want, f"got {got!r}, expected {want!r}")


def raises(what, kind, action):
    try:
        result = action()
    except kind:
        check(what, True)
    else:
        check(what, False, f"gave {result!r}")


def within(seconds, probe):
    """Polls until probe() is true; false when it never was."""
    deadline = time.monotonic() + seconds
    while True:
        if probe():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)


def cannot_run(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def distribution_version(*names):
    from importlib.metadata import version

    print("version " + " + ".join(version(name) for name in names), flush=True)


def finish():
    sys.stdout.flush()
    # Background threads of the libraries must not keep a finished program alive.
    os._exit(1 if _failures else 0)
