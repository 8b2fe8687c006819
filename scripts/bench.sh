#!/usr/bin/env bash
# Runs the benchmarks of every package that has some, on SQLite and on a
# PostgreSQL that really syncs, prints a table and writes bench.json.
#
#   BENCH=Cast BENCHTIME=10s COUNT=3 PACKAGES=./modules/polls make bench
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
need go "Go 1.26 or newer"

packages=${PACKAGES:-$(grep -rl --include='*_test.go' --exclude-dir=node_modules '^func Benchmark' . | xargs -r -n 1 dirname | sort -u)}
[ -n "$packages" ] || die "no package has a benchmark"
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# One package at a time: two would share the two cores.
VICHE_PG_FSYNC=on scripts/postgres.sh run \
  go test -p 1 -run '^$' -bench "${BENCH:-.}" -benchmem -benchtime "${BENCHTIME:-2s}" -count "${COUNT:-1}" \
  -timeout 60m $packages | tee "$out" >&2
go run ./scripts/bench -write bench.json <"$out"
