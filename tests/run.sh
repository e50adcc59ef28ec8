#!/usr/bin/env bash
# Everything that decides whether a change is good: installs what is missing, builds, runs all tests.
#   bash tests/run.sh            every test on the release build, unit and component tests under sanitizers too
#   bash tests/run.sh --quick    unit and component tests on the release build
# Ends with CTest's own summary. Servers take free ports and temporary directories; whatever outlives its test is
# killed and counts as a failure. PILLION_TEST_SCALE=10 runs a tenth of the rounds of long tests.
set -euo pipefail

usage() { sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

quick=
case "${1-}" in
  '') ;;
  --quick) quick=1 ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh
install_test_packages
[[ -n "$quick" ]] || install_client_packages

# Everything started from here on carries this mark in its environment, whatever session it moves to.
export TESTS_RUN_MARK="$$-$RANDOM$RANDOM"

# Processes of this run that still live; this shell itself was started without the mark.
survivors() {
  local environment pid
  for environment in /proc/[0-9]*/environ; do
    pid=${environment#/proc/}
    pid=${pid%/environ}
    if grep -qzx "TESTS_RUN_MARK=$TESTS_RUN_MARK" "$environment" 2>/dev/null; then
      [[ -e /proc/$pid/exe ]] && echo "$pid"
    fi
  done
}

# Ends what a test left behind, by its id; false when there was something.
sweep() {
  local pid left
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    left=$(survivors)
    [[ -z "$left" ]] && return 0
    sleep 0.2
  done
  for pid in $left; do
    echo "left behind: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" >&2
    kill -KILL "$pid" 2>/dev/null || true
  done
  return 1
}
trap 'sweep || true' EXIT
trap 'exit 130' INT TERM HUP

# build PRESET [OPTION...]: quiet unless it fails.
build() {
  local preset=$1 log
  shift
  echo "building build/$preset"
  log=build/$preset.log
  mkdir -p build
  if ! { cmake --preset "$preset" "$@" && cmake --build --preset "$preset"; } >"$log" 2>&1; then
    grep -E -A5 'error|Error|FAILED' "$log" | head -100 >&2 || true
    echo "the build failed; all of it is in $log" >&2
    exit 1
  fi
}

# test_all PRESET [CTEST OPTION...]
test_all() {
  local preset=$1
  shift
  ctest --test-dir "build/$preset" --parallel 2 --timeout 300 --output-on-failure --no-tests=error "$@"
}

# Many tests open thousands of sockets.
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true

failed=0
if [[ -n "$quick" ]]; then
  build release -DPILLION_TESTS=ON -DPILLION_BENCH=ON
  test_all release --label-regex '^(unit|component)$' || failed=1
else
  build asan -DPILLION_TESTS=ON -DPILLION_BENCH=OFF
  if ! test_all asan --label-regex '^(unit|component)$'; then
    echo "FAILED: unit and component tests under the address and undefined-behaviour sanitizers, see above" >&2
    failed=1
  fi
  sweep || failed=1
  build release -DPILLION_TESTS=ON -DPILLION_BENCH=ON
  # Whoever kills, stops and moves servers races against what these do by themselves, and against whatever else the
  # machine does: one that fails is run once more, and CTest says so.
  test_all release --label-regex '^topology$' --repeat until-pass:2 || failed=1
  sweep || failed=1
  test_all release --label-exclude '^topology$' || failed=1
fi
trap - EXIT
sweep || failed=1
exit "$failed"
