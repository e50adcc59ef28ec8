"""A real Celery worker with Redis as broker and result store: each task once, results, chords, retries, revocation."""
import os
import subprocess
import sys
import time

from support import HOST, PORT, cannot_run, check, distribution_version, equal, finish, raises, within

try:
    import celery
    import celery.exceptions
    import redis
    from celery_tasks import RUNS, app, broken, count, flaky, total
except ImportError as error:
    cannot_run(f"python3-celery is not installed ({error})")

def scenario():
    results = celery.group(count.s(i) for i in range(100)).apply_async()
    equal("100 tasks have their own results", results.get(timeout=20), [2 * i for i in range(100)])
    runs = redis.Redis(host=HOST, port=PORT, db=RUNS).hgetall("runs")
    check("each ran once", len(runs) == 100 and set(runs.values()) == {b"1"}, runs)
    equal("a chord waits for its tasks", celery.chord((count.s(i) for i in range(10)), total.s()).apply_async().get(timeout=15), 90)
    equal("a chain", (count.s(1) | count.s() | count.s()).apply_async().get(timeout=10), 8)
    equal("a task is tried again", flaky.delay().get(timeout=15), 2)
    failed = broken.delay()
    raises("a failure arrives with its reason", ValueError, lambda: failed.get(timeout=10))
    equal("and its state", failed.state, "FAILURE")
    started = time.monotonic()
    equal("a countdown", count.apply_async((5,), countdown=1).get(timeout=10), 10)
    check("is waited for", time.monotonic() - started >= 0.95)
    revoked = count.apply_async((1000,), countdown=2)
    revoked.revoke()
    raises("a revoked task does not run", celery.exceptions.TaskRevokedError, lambda: revoked.get(timeout=10))
    equal("the worker answers", [list(answer.values())[0] for answer in app.control.ping(timeout=2)], [{"ok": "pong"}])
    kept = count.delay(7)
    kept.get(timeout=10)
    check("a result is there", celery.result.AsyncResult(kept.id, app=app).ready())
    kept.forget()
    equal("and gone at once when it is forgotten", celery.result.AsyncResult(kept.id, app=app).state, "PENDING")


def main():
    distribution_version("celery", "kombu", "redis")
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.abspath(__file__)), "C_FORCE_ROOT": "1"}
    log_name = os.path.join(os.environ.get("TMPDIR", "/tmp"), "celery_worker.log")
    with open(log_name, "wb") as log:
        worker = subprocess.Popen([sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "--concurrency", "2",
                                   "--loglevel", "warning"], env=environment, stdout=log, stderr=log)
    try:
        check("the worker comes up", within(20, lambda: app.control.ping(timeout=0.5)))
        scenario()
        worker.terminate()
        equal("the worker ends when asked to", worker.wait(15), 0)
    except BaseException:
        with open(log_name, encoding="utf-8", errors="replace") as log:
            print(log.read()[-3000:])
        raise
    finally:
        worker.kill()
    finish()


if __name__ == "__main__":
    main()
