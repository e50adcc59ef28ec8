"""A real rq worker process: each job once, results, dependencies, failures, scheduling, cancelling."""
import datetime
import os
import subprocess
import sys

from support import HOST, PORT, cannot_run, check, distribution_version, equal, finish, within

try:
    import redis
    import rq
except ImportError as error:
    cannot_run(f"python3-rq is not installed ({error})")

distribution_version("rq", "redis")
connection = redis.Redis(HOST, PORT)
other = redis.Redis(HOST, PORT)
queue = rq.Queue("work", connection=connection)
HERE = os.path.dirname(os.path.abspath(__file__))


def finished(job):
    return within(15, lambda: job.get_status(refresh=True) in ("finished", "failed"))


def scenario():
    jobs = [queue.enqueue("rq_tasks.double", number) for number in range(20)]
    check("20 jobs end", all(finished(job) for job in jobs))
    equal("with their own results", [job.result for job in jobs], [2 * number for number in range(20)])
    runs = other.hgetall("runs")
    check("each ran once", len(runs) == 20 and set(runs.values()) == {b"1"}, runs)
    equal("another connection reads a result", rq.job.Job.fetch(jobs[3].id, connection=other).result, 6)

    failing = queue.enqueue("rq_tasks.fail")
    check("a job that fails ends", finished(failing))
    equal("as failed", failing.get_status(), "failed")
    check("with its reason", "ValueError: never" in (failing.exc_info or ""))
    check("in the registry", failing.id in rq.registry.FailedJobRegistry(queue=queue))
    first = queue.enqueue("rq_tasks.double", 50)
    second = queue.enqueue("rq_tasks.double", 51, depends_on=first)
    check("a job that depends on another runs after it", finished(second) and first.get_status() == "finished")
    later = queue.enqueue_in(datetime.timedelta(seconds=1), "rq_tasks.double", 60)
    equal("a scheduled job waits", later.get_status(), "scheduled")
    check("and runs", finished(later) and later.result == 120)
    cancelled = queue.enqueue_in(datetime.timedelta(hours=1), "rq_tasks.double", 70)
    cancelled.cancel()
    equal("a cancelled job is cancelled for the other too", rq.job.Job.fetch(cancelled.id, connection=other).get_status(), "canceled")
    cancelled.delete()
    equal("a deleted job is gone at once", rq.job.Job.exists(cancelled.id, connection=other), False)
    equal("nothing is left", queue.count, 0)


log_name = os.path.join(os.environ.get("TMPDIR", "/tmp"), "rq_worker.log")
with open(log_name, "wb") as log_file:
    worker = subprocess.Popen([sys.executable, "-c", "import sys; from rq.cli import main; sys.exit(main())", "worker", "work",
                               "--url", f"redis://{HOST}:{PORT}", "--with-scheduler"],
                              env={**os.environ, "PYTHONPATH": HERE, "LC_ALL": "C.UTF-8"}, stdout=log_file, stderr=log_file)
try:
    check("the worker comes up", within(15, lambda: len(rq.Worker.all(connection=connection)) == 1))
    scenario()
    worker.terminate()
    equal("the worker ends when asked to", worker.wait(20), 0)
    equal("and is no longer listed", rq.Worker.all(connection=other), [])
except BaseException:
    with open(log_name, encoding="utf-8", errors="replace") as log_file:
        print(log_file.read()[-3000:])
    raise
finally:
    worker.kill()
finish()
