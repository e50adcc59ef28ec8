#!/usr/bin/env bash
# Gets Debian's source package of redis, whose Tcl suite run.sh runs, and prints the folder it was unpacked to.
#   bash tests/conformance/fetch.sh [CACHE-DIR]      default: build/conformance
# Goes by a private sources list made from the machine's own and keeps apt's state in the cache, so nothing of the
# machine is changed and no root is needed; apt verifies signatures as ever. What is there already is not fetched again.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${1:-$here/../../build/conformance}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

fail() {
  echo "conformance/fetch: $*" >&2
  exit 1
}

# Two tests may ask at once; the second finds what the first has fetched.
exec 9>"$cache/lock"
flock 9

# The suite that belongs to the server it will judge; its exact version is in the archive as long as it is the newest.
installed=$(dpkg-query -W -f '${source:Version}' redis-server 2>/dev/null) || installed=unknown
there=$cache/source
have() { find "$there" -maxdepth 1 -type d -name 'redis-[0-9]*' 2>/dev/null | head -n 1; }
if [[ "$(cat "$there/fetched_for" 2>/dev/null)" == "$installed" && -n "$(have)" ]]; then
  have
  exit 0
fi

fetch() {
  local fresh=$cache/fetching apt package
  rm -rf "$fresh" "$cache/apt"
  mkdir -p "$fresh" "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
  python3 "$here/debian_sources.py" >"$cache/apt/private.sources" ||
    { echo "no Debian suite in /etc/apt/sources.list*" >&2; return 1; }
  apt=(
    apt-get -q
    -o "Dir::Etc::SourceList=$cache/apt/private.sources" -o "Dir::Etc::SourceParts=-"
    -o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt/cache"
    # The user apt drops to may not be able to enter a build folder below somebody's home.
    -o "APT::Sandbox::User=root" -o "Acquire::Retries=2" -o "Acquire::http::Timeout=30"
  )
  "${apt[@]}" -o APT::Update::Error-Mode=any update || return 1
  for package in "redis=$installed" redis; do
    if (cd "$fresh" && "${apt[@]}" source "$package"); then
      rm -rf "$there" "$cache/apt"
      printf '%s\n' "$installed" >"$fresh/fetched_for"
      mv "$fresh" "$there"
      return 0
    fi
  done
  return 1
}

if ! fetch >"$cache/fetch.log" 2>&1; then
  [[ -n "$(have)" ]] || { tail -n 20 "$cache/fetch.log" >&2; fail "cannot get the source package; log: $cache/fetch.log"; }
  echo "conformance/fetch: cannot get the source of redis $installed, using the one that is there" >&2
fi
have
