#!/usr/bin/env bash
# From a bare Debian 12 to a caching Redis on localhost:6380 in one command; Ctrl-C stops and removes all of it.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash deploy/quickstart.sh [redis-url]
  Builds Pillion and runs it in front of redis-url, of $REDIS_URL, or of a private redis-server without persistence.
  Ctrl-C stops everything that was started.
environment:
  REDIS_URL         redis://[user[:password]@]host[:port][/db] or unix:///path?db=n
  PILLION_LISTEN    where clients connect (127.0.0.1:6380)
  PILLION_ADMIN     metrics and probes (127.0.0.1:9380)
TEXT
}

fail() {
  echo "quickstart: $*" >&2
  exit 1
}

case "${1-}" in
  -h | --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac
(($# <= 1)) || { usage >&2; exit 2; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
url=${1:-${REDIS_URL-}}
listen=${PILLION_LISTEN:-127.0.0.1:6380}
admin=${PILLION_ADMIN:-127.0.0.1:9380}
binary=$root/build/release/pillion

# host_of / port_of ADDR: the two halves of host:port, ready for /dev/tcp.
host_of() {
  local host=${1%:*}
  host=${host#[}
  host=${host%]}
  case "$host" in '' | 0.0.0.0 | ::) host=127.0.0.1 ;; esac
  printf '%s' "$host"
}
port_of() { printf '%s' "${1##*:}"; }

# open_port HOST PORT: somebody accepts connections there.
open_port() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# Before the build, which takes minutes.
check_free() {
  local what=$1 address=$2 variable=$3
  [[ "$(port_of "$address")" =~ ^[0-9]+$ ]] || fail "$variable must be host:port, not '$address'"
  if open_port "$(host_of "$address")" "$(port_of "$address")"; then
    fail "$address, wanted for $what, is taken. Stop what listens there or choose another: $variable=127.0.0.1:PORT bash deploy/quickstart.sh"
  fi
}
check_free "Redis clients" "$listen" PILLION_LISTEN
check_free "the admin port" "$admin" PILLION_ADMIN

# shellcheck source=deploy/packages.sh
. "$root/deploy/packages.sh"
install_build_packages
if [[ -z "$url" ]]; then
  command -v redis-server >/dev/null || install_server_packages
fi

echo "quickstart: building build/release/pillion (a few minutes the first time)"
extras=OFF
# Tests and benches are not built here, but a folder that can have them should not lose them.
if dpkg-query -W libgtest-dev libgmock-dev libbenchmark-dev >/dev/null 2>&1; then extras=ON; fi
(
  cd "$root"
  cmake --preset release -DPILLION_TESTS="$extras" -DPILLION_BENCH="$extras" >/dev/null
  cmake --build --preset release --target pillion --parallel "$(nproc)"
)

folder=
redis=
pillion=

# stop PID SECONDS: asks, waits, and insists.
# shellcheck disable=SC2317  # called by the trap
stop() {
  local turns=$(($2 * 10))
  kill -TERM "$1" 2>/dev/null || true
  while ((turns-- > 0)) && kill -0 "$1" 2>/dev/null; do sleep 0.1; done
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# shellcheck disable=SC2317  # run by the trap
finish() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  # Pillion first: what is in flight still has its upstream.
  if [[ -n "$pillion" ]]; then stop "$pillion" 15; fi
  if [[ -n "$redis" ]]; then stop "$redis" 5; fi
  if [[ -n "$folder" ]]; then rm -rf "$folder"; fi
  exit "$code"
}
trap finish EXIT
trap 'echo; echo "quickstart: stopping"; exit 0' INT TERM HUP

# Each child gets a session of its own: Ctrl-C reaches this script alone, which then stops them in order.
start_redis() {
  local port try
  for ((try = 0; try < 20; ++try)); do
    port=$((20000 + RANDOM % 12000))
    open_port 127.0.0.1 "$port" && continue
    setsid redis-server --port "$port" --bind 127.0.0.1 --dir "$folder" --save '' --appendonly no \
      --daemonize no --supervised no --loglevel warning >"$folder/redis.log" 2>&1 </dev/null &
    redis=$!
    local turn
    for ((turn = 0; turn < 50; ++turn)); do
      kill -0 "$redis" 2>/dev/null || break
      if open_port 127.0.0.1 "$port"; then
        url=redis://127.0.0.1:$port
        return
      fi
      sleep 0.1
    done
    stop "$redis" 2
    redis=
  done
  cat "$folder/redis.log" >&2
  fail "redis-server does not start"
}

# http_status PATH: the status code the admin port answers with, nothing when it does not answer.
http_status() {
  (
    exec 3<>"/dev/tcp/$(host_of "$admin")/$(port_of "$admin")"
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
    read -r -t 2 _ code _ <&3 && printf '%s' "$code"
  ) 2>/dev/null || true
}

private=
if [[ -z "$url" ]]; then
  folder=$(mktemp -d "${TMPDIR:-/tmp}/pillion-quickstart.XXXXXX")
  start_redis
  private=" (private, without persistence)"
fi

# By environment, because a URL may hold a password and arguments are there for every user of the machine to see.
PILLION_UPSTREAM_URL=$url setsid env -u PILLION_LISTEN -u PILLION_ADMIN \
  "$binary" --listen "$listen" --admin "$admin" </dev/null &
pillion=$!

status=
for ((turn = 0; turn < 100; ++turn)); do
  kill -0 "$pillion" 2>/dev/null || break
  status=$(http_status /readyz)
  [[ "$status" == 200 ]] && break
  sleep 0.1
done
if ! kill -0 "$pillion" 2>/dev/null; then
  code=0
  wait "$pillion" || code=$?
  pillion=
  fail "pillion has ended with code $code; the reason is above"
fi
[[ "$status" == 200 ]] || echo "quickstart: not ready yet (the upstream does not answer?); see http://$admin/readyz" >&2

cli="redis-cli -h $(host_of "$listen") -p $(port_of "$listen")"
[[ "$(host_of "$listen")" == 127.0.0.1 ]] && cli="redis-cli -p $(port_of "$listen")"
cat <<TEXT

Pillion answers on $listen, in front of $(sed -E 's#//[^/]*@#//#' <<<"$url")$private.
Try, in another terminal:

  $cli set greeting hello
  $cli get greeting      # fetched from Redis, and kept
  $cli get greeting      # answered by Pillion itself
  curl -s $admin/metrics | grep pillion_cache
TEXT
if [[ -n "$private" ]]; then
  cat <<TEXT
  redis-cli -p ${url##*:} set greeting changed   # past Pillion, straight to Redis ...
  $cli get greeting      # ... and seen here at once
TEXT
fi
command -v curl >/dev/null || printf '\n(curl is not installed here: apt-get install curl)\n'
printf '\nCtrl-C stops it.\n'

code=0
wait "$pillion" || code=$?
pillion=
fail "pillion has ended with code $code"
