#!/usr/bin/env python3
"""Holds the #include lines of the tree against the arrows between its rooms.

usage: check_layers.py [ROOT]

Prints every offence and exits 1 when there is one.
"""
import os
import re
import sys

DATA_VALUES = ("proxy/data/reply_sink.hpp", "proxy/data/ring_queue.hpp")
POSIX = r"(arpa|net|netinet|sys)/\w+\.h|\w+\.h"
ASIO = r"boost/(asio|system)[/.].*|openssl/.*"

# Room -> (what of ours it may include, what of others it may include). The longest room that a file's
# path begins with decides. The C++ standard library is everybody's.
ROOMS = {
    # What bytes mean: no sockets, threads, clocks or logs.
    "protocol/resp/": (("protocol/resp/",), ""),
    "protocol/command/": (("protocol/command/", "protocol/resp/"), ""),
    "protocol/cluster/": (("protocol/cluster/", "protocol/resp/"), ""),
    "protocol/": (("protocol/",), ""),
    # What the operator may say.
    "config/": (("config/",), r"yaml-cpp/.*|boost/url/.*|" + POSIX),
    # Values both planes share: no I/O.
    "proxy/state/": (("proxy/state/",), r"time\.h"),
    "proxy/logging/": (("proxy/logging/", "proxy/state/", "config/"), r"spdlog/.*|" + POSIX),
    "proxy/net/": (("proxy/net/", "proxy/state/", "config/"), ASIO + "|" + POSIX),
    "proxy/command_line/": (("proxy/command_line/", "config/"), r"CLI/.*|" + POSIX),
    # The data plane: cache, route and upstream know neither session nor each other.
    "proxy/data/cache/": (("proxy/data/cache/", "proxy/state/"),
                          r"xxhash\.h|malloc\.h|jemalloc/.*|boost/(unordered|intrusive)/.*"),
    # Where a command goes: pure. Of the cache it knows how keys are named.
    "proxy/data/route/": (("proxy/data/route/", "proxy/data/cache/cache_key.hpp", "proxy/state/",
                           "protocol/"), ""),
    "proxy/data/upstream/": (("proxy/data/upstream/", "proxy/net/", "proxy/state/", "protocol/",
                              "config/") + DATA_VALUES, ASIO + "|" + POSIX),
    # A fill link is an upstream connection of a kind, of an identity.
    "proxy/data/fill/": (("proxy/data/fill/", "proxy/data/cache/", "proxy/data/upstream/",
                          "proxy/net/", "proxy/state/", "protocol/", "config/") + DATA_VALUES,
                         ASIO + "|" + POSIX),
    # A subscription link is one as well; it feeds no cache.
    "proxy/data/pubsub/": (("proxy/data/pubsub/", "proxy/data/upstream/identity.hpp",
                            "proxy/data/upstream/handshake.hpp", "proxy/net/", "proxy/state/",
                            "protocol/") + DATA_VALUES, ASIO + "|" + POSIX),
    "proxy/data/request/": (("proxy/data/request/", "proxy/data/cache/", "proxy/data/fill/",
                             "proxy/data/route/", "proxy/data/upstream/", "proxy/net/",
                             "proxy/state/", "protocol/", "config/") + DATA_VALUES, ASIO),
    "proxy/data/session/": (("proxy/data/", "proxy/net/", "proxy/state/", "protocol/", "config/"),
                            ASIO + "|" + POSIX),
    "proxy/data/": (("proxy/state/", "protocol/") + DATA_VALUES, ""),
    # The control plane.
    "proxy/control/": (("proxy/control/", "proxy/logging/", "proxy/net/", "proxy/state/",
                        "protocol/", "config/"),
                       ASIO + r"|boost/(beast|json)[/.].*|hiredis/.*|prometheus/.*|" + POSIX),
    # The composition root knows every class.
    "proxy/": (("proxy/", "protocol/", "config/"), ASIO + "|" + POSIX),
    # Black-box tests know nothing of the product.
    "tests/support/dump_command_table.cpp": (("protocol/",), POSIX),
    "tests/support/": (("tests/support/",), r"gtest/.*|gmock/.*|poll\.h|" + POSIX),
    "tests/integration/": (("tests/integration/", "tests/support/", "tests/coherence/history.hpp"),
                           r"gtest/.*|gmock/.*|" + POSIX),
    "tests/coherence/": (("tests/coherence/", "tests/support/"), r"gtest/.*|gmock/.*|" + POSIX),
    "tests/": (("tests/", "proxy/", "protocol/", "config/"), r".*"),
    "bench/": (("bench/", "proxy/", "protocol/", "config/", "tests/support/"), r".*"),
}

# Library -> the only files of the product that may include it.
ONLY_IN = {
    r"hiredis/": ("proxy/control/topology/hiredis_reply.",),
    r"prometheus/": ("proxy/control/metrics/collector.",),
    r"spdlog/|fmt/": ("proxy/logging/",),
    r"yaml-cpp/": ("config/load.cpp",),
    r"boost/url/": ("config/",),
    r"boost/beast|boost/json": ("proxy/control/admin/",),
    r"CLI/": ("proxy/command_line/",),
    r"openssl/|boost/asio/ssl": ("proxy/net/",),
}

TOP_LEVEL = {
    "CMakeLists.txt", "proxy", "protocol", "config", "tests", "deploy", "bench", "README.md",
    # What tools demand at the root.
    "CMakePresets.json", ".clang-format", ".clang-tidy", ".gitignore", ".dockerignore", ".ci",
    "LICENSE",
}
NOT_OURS = {".git", "build", ".cache", "compile_commands.json"}
SOURCES = (".cpp", ".hpp", ".py", ".sh")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
PRODUCT = ("proxy/", "protocol/", "config/")
REPEAT_THE_TREE = ("tests/unit", "tests/component")  # the law of each room is told in the room


def room_of(path):
    rooms = [room for room in ROOMS if path.startswith(room)]
    return max(rooms, key=len) if rooms else None


def is_standard(name):
    """<vector>, <cstdint>; but not <poll.h>."""
    return "/" not in name and "." not in name


def judge_include(path, quoted, name):
    """Why `path` may not include `name`, or None."""
    room = room_of(path)
    if room is None:
        return "lies in no room"
    ours, others = ROOMS[room]
    if quoted:
        if not name.startswith(tuple(ROOMS)) and "/" not in name:
            return f'"{name}": paths start at the root'
        if name.startswith(ours):
            return None
        return f'"{name}": {room} may not know it'
    if is_standard(name):
        return None
    if path.startswith(PRODUCT):
        for library, places in ONLY_IN.items():
            if re.match(library, name) and not path.startswith(places):
                return f"<{name}>: only {', '.join(places)} may include it"
    if others and re.fullmatch(others, name):
        return None
    return f"<{name}>: {room} may not know it"


def includes_of(text):
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1) == '"', found.group(2)


def files_of(root):
    """Every file of ours, as a path from the root."""
    for top in sorted(set(os.listdir(root)) - NOT_OURS):
        whole = os.path.join(root, top)
        if not os.path.isdir(whole):
            yield top
            continue
        for folder, folders, names in os.walk(whole):
            folders[:] = sorted(set(folders) - {"__pycache__"})
            for name in sorted(names):
                yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")


def offences(root):
    files = list(files_of(root))
    for top in sorted({path.split("/")[0] for path in files}):
        if top not in TOP_LEVEL:
            yield f"{top}: does not belong at the top level"
    folders = {os.path.dirname(path) for path in files if path.endswith(SOURCES)}
    folders = {"tests" if folder.startswith(REPEAT_THE_TREE) else folder for folder in folders}
    for folder in sorted(folders):
        if folder not in ("", ".ci") and f"{folder}/README.md" not in files:
            yield f"{folder}: has sources but no README.md"
    for path in files:
        if not path.endswith((".cpp", ".hpp")):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as source:
            for number, quoted, name in includes_of(source.read()):
                why = judge_include(path, quoted, name)
                if why:
                    yield f"{path}:{number}: {why}"


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "..")
    found = list(offences(root))
    for offence in found:
        print(offence)
    print(f"{len(found)} offences" if found else "every room keeps to its arrows")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
