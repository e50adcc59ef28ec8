"""Installs the locked npm packages beside copies of the node programs, outside the repository, once per lock file."""
import hashlib
import os
import re
import shutil
import subprocess

from programs import HERE, CannotRun

NODE_MAJOR = 20  # the oldest that the newest of these libraries take

# npm's own words for "the registry could not be asked"; anything else is a mistake in the lock file.
UNREACHABLE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT"
                         r"|ENOTCACHED|EIDLETIMEOUT|E40[137]|E5\d\d|network", re.IGNORECASE)


def install(work):
    """Makes WORK/node ready. Raises CannotRun when node or the registry is not to be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise CannotRun("node or npm is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < NODE_MAJOR:
        raise CannotRun(f"needs node {NODE_MAJOR}, this is {version}")

    sources = os.path.join(HERE, "node")
    target = os.path.join(work, "node")
    os.makedirs(target, exist_ok=True)
    wanted = hashlib.sha256(version.encode())
    for name in ("package.json", "package-lock.json"):
        with open(os.path.join(sources, name), "rb") as file:
            wanted.update(file.read())
    for name in os.listdir(sources):
        if name.endswith((".js", ".json")):
            shutil.copy(os.path.join(sources, name), target)

    stamp = os.path.join(target, "installed")
    if os.path.exists(stamp):
        with open(stamp, encoding="ascii") as file:
            if file.read() == wanted.hexdigest():
                return
        os.remove(stamp)
    print("installing the npm packages", flush=True)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=60000"]
    try:
        done = subprocess.run(command, cwd=target, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired as error:
        raise CannotRun("npm ci took more than 300 s") from error
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        if UNREACHABLE.search("\n".join(errors)):
            raise CannotRun("npm packages are not to be had: " + (errors[0] if errors else "unknown"))
        raise RuntimeError("npm ci failed:\n" + done.stderr[-3000:])
    with open(stamp, "w", encoding="ascii") as file:
        file.write(wanted.hexdigest())
