#!/bin/sh
# expect_failure.sh <invariant> <suite>: passes when the suite notices that the invariant is broken.
# A test that fails gives 1; a crash, an unknown name (2) or a timeout is not "noticed".
output=$(PILLION_BREAK="$1" GTEST_FAIL_FAST=1 "$2" --gtest_brief=1 2>&1)
code=$?
if [ "$code" -eq 1 ] && printf '%s\n' "$output" | grep -q '^\[  FAILED  \]'; then
  printf '%s\n' "$output" | grep '^\[  FAILED  \]' | head -n 1
  exit 0
fi
printf '%s\n' "$output" | tail -n 20
echo "breaking $1 went unnoticed (exit code $code)"
exit 1
