#!/usr/bin/env bash
# What can be said of the sources without running them. Every check runs; the
# exit code is 1 if any found something.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1
need go "Go 1.26 or newer"

failed=()
check() {
  local name=$1
  shift
  echo "== $name"
  timeout --kill-after=30 900 "$@" || failed+=("$name")
}

# The test that holds who may import whom, wherever it lies.
imports() {
  local files
  files=$(grep -rl --include='*_test.go' --exclude-dir=node_modules '^func TestImports(' .) ||
    die "no TestImports found: nothing holds who may import whom"
  go test -count=1 -run '^TestImports$' $(dirname $files | sort -u)
}

vendored() {
  local list
  for list in web/static/vendor/*/SHA256SUMS; do
    (cd "$(dirname "$list")" && sha256sum --quiet --check SHA256SUMS) || return 1
  done
}

shells() {
  local file
  for file in scripts/*.sh .ci/run; do bash -n "$file" || return 1; done
}

export -f imports vendored shells die say
check format scripts/format.sh
check vet go vet ./...
check staticcheck go tool -modfile=tools/go.mod staticcheck ./...
check imports bash -c imports
check vendored bash -c vendored
check scripts bash -c shells
check containers go run -C tools ./containers ../Dockerfile ../docker-compose.yml

if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}"
  exit 1
fi
echo "all clean"
