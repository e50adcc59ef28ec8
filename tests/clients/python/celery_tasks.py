"""The tasks of celery_round_trip.py; its worker imports them by this name."""
import celery
import redis

from support import CLUSTER, HOST, PORT

RESULTS, RUNS = (0, 0) if CLUSTER else (1, 2)  # databases
app = celery.Celery("celery_tasks", broker=f"redis://{HOST}:{PORT}/0", backend=f"redis://{HOST}:{PORT}/{RESULTS}")
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=4, broker_connection_retry=True, task_track_started=True,
                worker_hijack_root_logger=False, broker_transport_options={"visibility_timeout": 3600})
if CLUSTER:
    # Its transactions need their keys in one slot: a hash tag in front of all.
    from celery.backends.redis import RedisBackend
    app.conf.broker_transport_options = {"visibility_timeout": 3600, "global_keyprefix": "{celery}"}
    for prefix in ("task_keyprefix", "group_keyprefix", "chord_keyprefix"):
        setattr(RedisBackend, prefix, "{celery}" + getattr(RedisBackend, prefix))


@app.task
def count(number):
    redis.Redis(host=HOST, port=PORT, db=RUNS).hincrby("runs", number, 1)
    return number * 2


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def flaky(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def broken():
    raise ValueError("never")
