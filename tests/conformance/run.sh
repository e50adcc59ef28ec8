#!/usr/bin/env bash
# Runs Redis's own Tcl suite, external mode, without its slow tests, through Pillion or directly.
#   bash tests/conformance/run.sh [--cache on|off|both] [--cluster-mode] [--direct] [--pillion PATH] [--only UNIT]...
#                                 [--test NAME]... [--skip NAME]... [--no-exceptions] [--results DIR] [--set key.path=value]... [--hang SECONDS]
#   --cache          which Pillion: with its L1, without, one after the other (default)
#   --cluster-mode   the upstream is a cluster of one node that owns every slot, and the suite keeps to what a cluster
#                    allows; through Pillion with its L1 unless --cache off says otherwise
#   --direct         no Pillion: what the suite says about the redis-server itself
#   --only           only this unit, such as unit/pubsub; may be repeated
#   --test, --skip   only the tests of this name, or /regexp; all but those; may be repeated
#   --no-exceptions  runs the tests of the exception lists as well
#   --results        where the suite's output and both logs go (default: build/conformance/results)
#   --set            handed to Pillion
#   --hang           a test that takes longer hangs: it has failed, and its unit is run again without it (150)
# Everything it talks to is its own: a redis-server and a Pillion on free ports, ended by pid. Exit code 0: every test
# but the listed exceptions held; 1: some did not; 2: could not run, or a list breaks its rules; 77: the suite's source
# is not here and cannot be fetched.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
pillion=$root/build/release/pillion
results=$root/build/conformance/results
exceptions=yes
units=()
names=()
settings=()
patience=150
cluster=
cache=both
direct=

usage() { sed -n '2,18s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
fail() {
  echo "conformance: $*" >&2
  exit 2
}

while (($#)); do
  case "$1" in
    --direct) direct=yes ;;
    --cluster-mode) cluster=yes ;;
    --no-exceptions) exceptions= ;;
    -h | --help) usage; exit 0 ;;
    --cache | --pillion | --only | --test | --skip | --results | --set | --hang)
      (($# > 1)) || fail "$1 needs a value"
      case "$1=$2" in
        --cache=on | --cache=off | --cache=both) cache=$2 ;;
        --cache=*) fail "--cache is on, off or both, not '$2'" ;;
        --pillion=*) pillion=$2 ;;
        --only=*) units+=("$2") ;;
        --test=*) names+=(--only "$2") ;;
        --skip=*) names+=(--skiptest "$2") ;;
        --results=*) results=$2 ;;
        --hang=*) patience=$2 ;;
        --set=*) settings+=(--set "$2") ;;
      esac
      shift
      ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

case "$cluster:$direct:$cache" in
  yes:yes:*) modes=(cluster_direct) ;;
  yes::off) modes=(cluster_off) ;;
  yes::*) modes=(cluster) ;;
  :yes:*) modes=(direct) ;;
  ::both) modes=(cache_off cache_on) ;;
  *) modes=("cache_$cache") ;;
esac
# exceptions_of MODE: the list of a mode; a cluster's is the same with and without the L1.
exceptions_of() { if [[ "$1" == cluster* ]]; then echo "$here/exceptions_cluster.txt"; else echo "$here/exceptions_$1.txt"; fi; }
is_direct() { [[ "$1" == *direct ]]; }

for tool in redis-server redis-cli redis-benchmark tclsh python3; do
  command -v "$tool" >/dev/null || fail "$tool is not installed"
done
is_direct "${modes[0]}" || [[ -x "$pillion" ]] || fail "no Pillion at $pillion"
mkdir -p "$results"
results=$(cd "$results" && pwd)

# A list that breaks its rules is refused before anything runs.
for mode in "${modes[@]}"; do
  is_direct "$mode" || python3 "$here/report.py" check "$(exceptions_of "$mode")" || exit 2
done

source_tree=$(bash "$here/fetch.sh" "$root/build/conformance") || {
  echo "conformance: skipped: the source of redis could not be fetched, see above" >&2
  exit 77
}
mapfile -t all_units < <(cd "$source_tree" && ./runtest --list-tests)
for unit in "${units[@]}"; do
  [[ " ${all_units[*]} " == *" $unit "* ]] || fail "the suite has no unit '$unit'"
done

work=$(mktemp -d)
redis_pid=
proxy_pid=
suite_pid=

# end PID: asks, waits, insists.
end() {
  local pid=$1
  [[ -n "$pid" ]] || return 0
  kill "$pid" 2>/dev/null || true
  for _ in {1..50}; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
}
end_servers() {
  end "$proxy_pid"
  # A test that was cut short may have left it in DEBUG SLEEP or a script: it would not heed TERM.
  if [[ -n "$redis_pid" ]]; then kill -KILL "$redis_pid" 2>/dev/null || true; fi
  end "$redis_pid"
  proxy_pid=
  redis_pid=
}
# The suite is a process group of its own: its master starts the client that runs the tests, which starts tools.
end_suite() {
  [[ -n "$suite_pid" ]] || return 0
  kill -KILL -- "-$suite_pid" 2>/dev/null || true
  wait "$suite_pid" 2>/dev/null || true
  suite_pid=
}
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  end_suite
  end_servers
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# free_port: below the range the kernel hands out, so that no outgoing connection takes it meanwhile. A cluster's node
# listens 10,000 further up as well.
free_port() {
  local port
  for _ in {1..100}; do
    port=$((10000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  fail "no free port"
}

# run_id PORT: names the redis-server that answers there, whoever stands between.
run_id() {
  timeout 2 redis-cli -h 127.0.0.1 -p "$1" INFO server 2>/dev/null | sed -n 's/^run_id:\([0-9a-f]*\).*/\1/p' || true
}

# answers PORT PID LOG: waits until it does, and says whose run id that is.
answers() {
  local id
  for _ in {1..100}; do
    kill -0 "$2" 2>/dev/null || break
    id=$(run_id "$1")
    [[ -n "$id" ]] && { echo "$id"; return; }
    sleep 0.1
  done
  tail -n 20 "$3" >&2
  return 1
}

# own_every_slot PORT: makes a cluster of it, and waits until it takes commands.
own_every_slot() {
  redis-cli -p "$1" CLUSTER ADDSLOTSRANGE 0 16383 >/dev/null
  for _ in {1..100}; do
    [[ "$(redis-cli -p "$1" CLUSTER INFO)" != *cluster_state:ok* ]] || return 0
    sleep 0.1
  done
  fail "the cluster of one node does not become ok"
}

# start_servers MODE: fresh ones; sets suite_port.
start_servers() {
  local mode=$1 redis_port admin_port id upstream more=()
  rm -rf "$work/redis"
  mkdir -p "$work/redis"
  redis_port=$(free_port)
  upstream=redis://127.0.0.1:$redis_port
  if [[ -n "$cluster" ]]; then
    more=(--cluster-enabled yes --cluster-config-file nodes.conf)
    upstream=redis+cluster://127.0.0.1:$redis_port
  fi
  redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$work/redis" --save "" --enable-protected-configs yes \
    --enable-debug-command yes --enable-module-command yes "${more[@]}" >>"$results/$mode.redis.log" 2>&1 &
  redis_pid=$!
  disown "$redis_pid" # or the shell reports its end as a mishap
  id=$(answers "$redis_port" "$redis_pid" "$results/$mode.redis.log") || fail "redis-server did not start"
  # The port may have been taken in between, and this suite erases whatever it finds.
  [[ "$(redis-cli -p "$redis_port" INFO server | sed -n 's/^process_id:\([0-9]*\).*/\1/p')" == "$redis_pid" ]] ||
    fail "another server took port $redis_port"
  if [[ -n "$cluster" ]]; then own_every_slot "$redis_port"; fi
  suite_port=$redis_port
  if is_direct "$mode"; then return 0; fi

  suite_port=$(free_port)
  admin_port=$(free_port)
  while [[ "$admin_port" == "$suite_port" ]]; do admin_port=$(free_port); done
  # One worker: the suite takes it for granted that what two clients say one after the other is done in that order,
  # also when neither waited for an answer. Threads make no such promise, in Pillion or anywhere.
  "$pillion" "$upstream" --set workers=1 --listen "127.0.0.1:$suite_port" --admin "127.0.0.1:$admin_port" \
    --set "cache.enabled=$([[ "$mode" == *off ]] && echo false || echo true)" --set drain_timeout=0s \
    "${settings[@]}" >>"$results/$mode.pillion.log" 2>&1 &
  proxy_pid=$!
  disown "$proxy_pid"
  [[ "$(answers "$suite_port" "$proxy_pid" "$results/$mode.pillion.log")" == "$id" ]] ||
    fail "Pillion did not start in front of this redis-server"
}

# run_mode MODE: the suite ends at the first exception outside a test, at a lost server, and when a test hangs. What it
# did not come to is then run with fresh servers: the rest of the unit too when the test that hangs can be left out.
run_mode() {
  local mode=$1 log=$results/$1.log left single unit last hung hangs=0 skip=()
  if ((${#units[@]})); then left=("${units[@]}"); else left=("${all_units[@]}"); fi
  : >"$log"
  : >"$results/$mode.redis.log"
  : >"$results/$mode.pillion.log"
  if [[ -n "$exceptions" ]] && ! is_direct "$mode"; then
    python3 "$here/report.py" skipfile "$(exceptions_of "$mode")" >"$work/skipfile"
    skip=(--skipfile "$work/skipfile")
  fi

  while ((${#left[@]})); do
    # A tree per run: the suite writes below tests/tmp, and calls redis-cli by its path in the source.
    rm -rf "$work/tree"
    mkdir -p "$work/tree/src"
    ln -s "$source_tree"/* "$work/tree/" 2>/dev/null || true
    rm "$work/tree/tests"
    cp -r "$source_tree/tests" "$work/tree/tests"
    for tool in server cli benchmark; do
      ln -s "$(command -v "redis-$tool")" "$work/tree/src/redis-$tool"
    done
    start_servers "$mode"

    single=()
    for unit in "${left[@]}"; do single+=(--single "$unit"); done
    # A colour terminal would put escapes around the words the report looks for.
    (cd "$work/tree" && TERM=dumb exec setsid ./runtest --host 127.0.0.1 --port "$suite_port" --verbose --durable \
      --tags -slow --timeout "$patience" --baseport $((RANDOM % 8000 + 11000)) ${cluster:+--cluster-mode} "${single[@]}" "${skip[@]}" "${names[@]}") \
      </dev/null >"$work/part" 2>&1 &
    suite_pid=$!
    wait "$suite_pid" || true
    end_suite
    kill -0 "$redis_pid" 2>/dev/null || echo "[lost]: redis-server ended" >>"$work/part"
    if [[ -n "$proxy_pid" ]] && ! kill -0 "$proxy_pid" 2>/dev/null; then
      echo "[lost]: Pillion ended, see $mode.pillion.log" >>"$work/part"
    fi
    end_servers

    last=$(sed -n 's/^Testing \(unit\|integration\)/\1/p' "$work/part" | tail -n 1)
    [[ -n "$last" ]] || { tail -n 20 "$work/part" >&2; fail "the suite did not start"; }
    while [[ "${left[0]}" != "$last" ]]; do left=("${left[@]:1}"); done
    hung=$(sed -n 's/^sock[0-9a-f]* => (IN PROGRESS) //p' "$work/part" | head -n 1)
    if [[ -n "$hung" ]] && ((++hangs * patience <= 900)); then
      # What this part says about the unit will be said again.
      sed "/^Testing ${last//\//\\/}\$/,\$d" "$work/part" >>"$log"
      echo "[hang]: $last: $hung" >>"$log"
      names+=(--skiptest "$hung")
    else
      cat "$work/part" >>"$log"
      left=("${left[@]:1}")
    fi
  done

  local expected=part
  ((${#units[@]} + ${#names[@]})) || expected=whole
  python3 "$here/report.py" report "$mode" "$log" "$(exceptions_of "$mode")" "$expected" "$results/$mode.failed" || failed=1
}

failed=0
for mode in "${modes[@]}"; do
  started=$SECONDS
  run_mode "$mode"
  echo "$mode: took $((SECONDS - started)) s; output and logs: $results/$mode.*"
done
exit "$failed"
