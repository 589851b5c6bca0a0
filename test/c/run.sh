#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs TAP programs as the subtests of one TAP stream. Fails when one of them fails, is killed by a
# signal or does not end within a minute.
failed=0
count=0
status=$(mktemp) || exit 1
trap 'rm -f "$status"' EXIT
echo 'TAP version 14'
for program; do
  count=$((count + 1))
  name=$(basename "$program")
  echo "# Subtest: $name"
  {
    timeout -k 5 60 "$program"
    echo $? >"$status"
  } 2>&1 | sed 's/^/    /'
  code=$(cat "$status")
  if [ "$code" -eq 0 ]; then
    echo "ok $count - $name"
  else
    echo "not ok $count - $name # exit status $code"
    failed=1
  fi
done
echo "1..$count"
exit $failed
