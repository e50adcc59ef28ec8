"""The functions that rq_jobs.py queues; its worker imports them by this name."""
import os

import redis


def double(number):
    redis.Redis(os.environ["REDIS_HOST"], int(os.environ["REDIS_PORT"])).hincrby("runs", number, 1)
    return number * 2


def fail():
    raise ValueError("never")
