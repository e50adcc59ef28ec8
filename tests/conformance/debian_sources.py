#!/usr/bin/env python3
"""Prints, in deb822 form, source entries for the Debian suites this machine already takes its packages from.

Reads what apt reads (one-line .list files and deb822 .sources files) and changes nothing. Mirrors, options and keys
stay as they are; entries of anybody but Debian are left out. Exit code 1 when there is none.
"""

import glob
import re
import sys

ARCHIVE = re.compile(r"/debian(-security)?/?$")
SUITE = re.compile(r"^[a-z]+(-updates|-security|-proposed-updates|/updates)?/?$")


def release_names():
    """The names this release goes by, so that another release listed for pinning is not taken."""
    with open("/etc/os-release", encoding="utf-8") as lines:
        fields = dict(line.rstrip("\n").split("=", 1) for line in lines if "=" in line)
    codename = fields.get("VERSION_CODENAME", "").strip('"')
    return {codename, "stable", "oldstable", "oldoldstable"} - {""}


def entry(types, uris, suites, components, options):
    """One stanza of deb-src, or nothing when it is not Debian's own."""
    names = release_names()
    uris = [uri for uri in uris if ARCHIVE.search(uri)]
    suites = [suite for suite in suites if SUITE.match(suite) and re.split("[-/]", suite)[0] in names]
    if "deb" not in types or not uris or not suites or "main" not in components:
        return None
    lines = ["Types: deb-src", "URIs: " + " ".join(uris), "Suites: " + " ".join(suites), "Components: main"]
    lines += [f"{name}: {value}" for name, value in options.items()]
    return "\n".join(lines)


def from_sources(text):
    for stanza in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text)):
        fields = {}
        name = None
        for line in stanza.splitlines():
            if line[:1] in (" ", "\t") and name:
                fields[name] += "\n" + line
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false", "0", "off"):
            continue
        options = {n.title(): fields[n] for n in ("signed-by", "trusted", "check-valid-until") if n in fields}
        yield entry(
            fields.get("types", "").split(),
            fields.get("uris", "").split(),
            fields.get("suites", "").split(),
            fields.get("components", "").split(),
            options,
        )


def from_list(text):
    kept = {"signed-by": "Signed-By", "trusted": "Trusted", "check-valid-until": "Check-Valid-Until"}
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]*)", line)
        if match:
            pairs = (option.split("=", 1) for option in (match[1] or "").split() if "=" in option)
            options = {kept[name.lower()]: value for name, value in pairs if name.lower() in kept}
            yield entry(["deb"], [match[2]], [match[3]], match[4].split(), options)


def main():
    stanzas = []
    for pattern, parse in (
        ("/etc/apt/sources.list", from_list),
        ("/etc/apt/sources.list.d/*.list", from_list),
        ("/etc/apt/sources.list.d/*.sources", from_sources),
    ):
        for path in sorted(glob.glob(pattern)):
            with open(path, encoding="utf-8") as text:
                stanzas += [stanza for stanza in parse(text.read()) if stanza and stanza not in stanzas]
    print("\n\n".join(stanzas))
    return 0 if stanzas else 1


if __name__ == "__main__":
    sys.exit(main())
