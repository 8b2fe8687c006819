#!/usr/bin/env bash
# Runs the tests that compare with golden files, letting them write the files
# anew. Review the difference before you commit it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
need go "Go 1.26 or newer"

packages=$(grep -rlE --include='*_test.go' --exclude-dir=node_modules 'flag\.Bool\("update"' . | xargs -r -n 1 dirname | sort -u)
[ -n "$packages" ] || die "no test has an -update flag"
for package in $packages; do
  go test -count=1 "$package" -update
done
git status --short -- '*testdata*'
