#!/usr/bin/env bash
# Fails naming the Go files that gofmt would change.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
unformatted=$(find . -name node_modules -prune -o -name .git -prune -o -name '*.go' -print0 | xargs -0 gofmt -l)
[ -z "$unformatted" ] || die "not as gofmt writes it:
$unformatted"
