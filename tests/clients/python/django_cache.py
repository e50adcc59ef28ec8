"""django-redis: the cache API, locks, and sessions kept in the cache, by two caches with a connection each."""
import time

from support import HOST, PORT, UPSTREAM_PORT, cannot_run, check, distribution_version, equal, finish, within

try:
    import django
    from django.conf import settings
    import django_redis
except ImportError as error:
    cannot_run(f"python3-django or python3-django-redis is not installed ({error})")


def cache_at(port):
    return {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"redis://{HOST}:{port}/1", "KEY_PREFIX": "site",
            "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient", "CONNECTION_POOL_CLASS": "redis.connection.ConnectionPool"}}


# Pools are shared by URL, so the second one spells the host differently.
second = {**cache_at(PORT), "LOCATION": f"redis://{HOST}:{PORT}/1?health_check_interval=30"}
settings.configure(CACHES={"default": cache_at(PORT), "second": second, "around": cache_at(UPSTREAM_PORT)},
                   SESSION_ENGINE="django.contrib.sessions.backends.cache", SECRET_KEY="of this test", USE_TZ=True)
django.setup()
from django.contrib.sessions.backends.cache import SessionStore  # noqa: E402
from django.core.cache import caches  # noqa: E402

distribution_version("django-redis", "Django", "redis")
one, two, around = caches["default"], caches["second"], caches["around"]

one.set("page", {"html": "<p>1</p>"}, timeout=60)
equal("an object", two.get("page"), {"html": "<p>1</p>"})
two.set("page", {"html": "<p>2</p>"}, timeout=60)
equal("is fresh after the other cache wrote it", one.get("page"), {"html": "<p>2</p>"})
around.set("page", {"html": "<p>3</p>"}, timeout=60)
check("and within a second after a write that went around", within(1, lambda: one.get("page") == {"html": "<p>3</p>"}))
equal("add of what is there", two.add("page", 1), False)
equal("get_or_set", [one.get_or_set("made", lambda: 5, 60), two.get_or_set("made", lambda: 6, 60)], [5, 5])
one.set("visits", 1)
equal("incr", [one.incr("visits"), two.incr("visits", 5), one.get("visits")], [2, 7, 7])
one.set_many({f"many:{i}": i for i in range(50)}, timeout=60)
equal("many", two.get_many([f"many:{i}" for i in range(50)]), {f"many:{i}": i for i in range(50)})
equal("deleted by pattern", two.delete_pattern("many:*"), 50)
equal("none of them is left", one.get_many([f"many:{i}" for i in range(50)]), {})
check("ttl", 50 < one.ttl("page") <= 60)
equal("touch", two.touch("page", 600), True)
check("is seen", one.ttl("page") > 500)
one.set("short", "x", timeout=1)
two.get("short")
time.sleep(1.1)
equal("a short value ends", two.get("short"), None)

lock = one.lock("job", timeout=10)
equal("a lock is taken", lock.acquire(blocking=False), True)
rival = two.lock("job", timeout=10)
equal("and refused to the other", rival.acquire(blocking=False), False)
lock.release()
equal("who may have it after the release", rival.acquire(blocking=False), True)
rival.release()

session = SessionStore()
session["user"] = "ada"
session.create()
equal("a session", SessionStore(session.session_key).get("user"), "ada")
for number in range(50):
    session["visits"] = number
    session.save()
    if SessionStore(session.session_key).get("visits") != number:
        check("a saved session is fresh", False, number)
key = f"django.contrib.sessions.cache{session.session_key}"
check("the other cache has it", two.get(key)["user"] == "ada")
old = session.session_key
session.cycle_key()
equal("after the key is cycled the old one is gone", two.get(f"django.contrib.sessions.cache{old}"), None)
key = f"django.contrib.sessions.cache{session.session_key}"
two.get(key)
session.flush()
equal("after logout it is gone at once, there too", two.get(key), None)
one.set("last", 1)
two.clear()
equal("cleared", one.get("last"), None)
finish()
