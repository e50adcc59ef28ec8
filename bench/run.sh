#!/usr/bin/env bash
# The whole bench in one command: builds, installs what is missing, loads Redis, Pillion and two other proxies side by
# side, runs the micro benches and counts heap allocations. Prints Markdown; leaves nothing running.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash bench/run.sh [options]
  --seconds N      seconds measured per sample (2)
  --rounds N       interleaved rounds; medians count (3)
  --only LIST      of redis, pillion (both), pillion-l1, pillion-pass, nutcracker, haproxy, and pillion-cluster, which is
                   not measured unless named: the price of a cluster over a single server, both without the L1
  --build DIR      a build folder to use as it is; without it, build/release is built first
  --output FILE    write the report there too
  --no-micro       leave out the micro benches
  --check          exit 1 when a figure is missed
Anything else goes to bench/load/side_by_side.py (--help lists it).
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=
output=
micro=1
load_core=1
side_by_side=()
check=0
while (($#)); do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --build) build=$(cd "${2:?--build needs a folder}" && pwd); shift 2 ;;
    --output) output=${2:?--output needs a file}; shift 2 ;;
    --no-micro) micro=0; shift ;;
    --check) check=1; shift ;;
    --load-core) load_core=${2:?--load-core needs a number}; side_by_side+=("$1" "$2"); shift 2 ;;
    *) side_by_side+=("$1"); shift ;;
  esac
done

# shellcheck source=deploy/packages.sh
. "$root/deploy/packages.sh"
install_bench_packages
if [[ -z "$build" ]]; then
  build=$root/build/release
  # The quick start configures the same folder without tests and benches: say that they are wanted.
  (
    cd "$root"
    cmake --preset release -DPILLION_BENCH=ON >/dev/null
    cmake --build --preset release --target pillion bench/all
  ) >&2
fi

report=$(mktemp)
child=
# Children are waited for, so that a Ctrl-C or TERM here ends only after they have stopped their servers.
# shellcheck disable=SC2317  # run by the trap
finish() {
  local code=$?
  trap - EXIT INT TERM
  if [[ -n "$child" ]]; then
    kill -TERM "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  rm -f "$report"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# run COMMAND...: in the background, so that signals are handled at once; its exit code is this function's.
run() {
  local code=0
  "$@" >>"$report" &
  child=$!
  wait "$child" || code=$?
  child=
  return "$code"
}

verdict=0
PYTHONDONTWRITEBYTECODE=1 run python3 "$root/bench/load/side_by_side.py" --build "$build" --check \
  "${side_by_side[@]+"${side_by_side[@]}"}" || verdict=$?
# 1 with a report is a missed figure; anything else is a run that broke off.
if ((verdict > 1)) || [[ ! -s "$report" ]]; then exit "$verdict"; fi

mapfile -t counters < <(find "$build" -type f -name 'pillion_*_allocations' -executable | sort)
if ((${#counters[@]})); then
  printf '\n### Heap allocations\n\n```\n' >>"$report"
  for counter in "${counters[@]}"; do
    run "$counter" || verdict=1
  done
  printf '```\n' >>"$report"
fi

if ((micro)); then
  bench=$(find "$build" -type f -name pillion_micro_bench -executable | head -n 1)
  if [[ -n "$bench" ]]; then
    printf '\n### Micro benches\n\n```\n' >>"$report"
    run taskset -c "$load_core" "$bench" --benchmark_min_time=0.1 --benchmark_counters_tabular=true || verdict=1
    printf '```\n' >>"$report"
  fi
fi

cat "$report"
if [[ -n "$output" ]]; then
  mkdir -p "$(dirname "$output")"
  cp "$report" "$output"
  chmod 644 "$output"
fi
((check)) && exit "$verdict"
exit 0
