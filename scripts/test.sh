#!/usr/bin/env bash
# Everything that CI runs. Each step has a time limit, what the machine lacks
# is installed first, and the last line says how many tests passed.
#
# PACKAGES narrows the first test step ("./modules/polls"); SKIP leaves out
# steps by name ("browser peers"). TEST_BUDGET is the seconds that all steps
# share, a little less than .ci/run allows.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1
self=$ROOT/scripts/test.sh

budget=${TEST_BUDGET:-1440}
failed=()
child=

# step NAME SECONDS COMMAND…
step() {
  local name=$1 limit=$2 start=$SECONDS left=$((budget - SECONDS)) code
  shift 2
  case " ${SKIP:-} " in *" $name "*) echo "== $name: left out"; return ;; esac
  echo "== $name"
  if [ "$left" -le 0 ]; then
    failed+=("$name")
    echo "   $name: not begun, the $budget s for all steps are over"
    return
  fi
  [ "$limit" -le "$left" ] || limit=$left
  # In the background, so that an interrupt reaches it: `timeout` is a process
  # group of its own, and passes on what it is sent.
  timeout --kill-after=30 "$limit" "$@" &
  child=$!
  wait "$child"
  code=$?
  child=
  case $code in
  0) echo "   $name: $((SECONDS - start)) s" ;;
  124 | 137) failed+=("$name"); echo "   $name: over its limit of $limit s" ;;
  *) failed+=("$name"); echo "   $name: FAILED after $((SECONDS - start)) s" ;;
  esac
}

stopped() {
  [ -z "$child" ] || { kill -TERM "$child" && wait "$child"; } 2>/dev/null
  exit "$1"
}

# tests NAME ARGUMENTS…: go test with its results kept for the last line.
tests() {
  local name=$1
  shift
  go test -json "$@" | tee "$work/$name.json" | "$work/results"
}

databases() {
  local packages=${PACKAGES:-$(go list ./... | grep -vE '/test/(peers|browser)$')}
  scripts/postgres.sh run "$self" -tests main -timeout 15m $packages
}

peers() {
  local code
  scripts/npm.sh test/peers || return
  VICHE_TEST_PEERS=1 VICHE_PEERS_TABLE=$work/peers.txt tests peers -count=1 -timeout 6m ./test/peers/
  code=$?
  cat "$work/peers.txt" # what was tried, in which direction, and what came of it
  return "$code"
}

browser() {
  local chromium
  chromium=$(scripts/chromium.sh) && scripts/npm.sh test/browser &&
    VICHE_TEST_BROWSER=$chromium tests browser -count=1 -timeout 11m ./test/browser/
}

# The steps below call this script again, so that `timeout` holds all of them.
if [ "${1:-}" = -tests ]; then
  shift
  work=$VICHE_TEST_WORK
  tests "$@"
  exit
elif [ "${1:-}" = -step ]; then
  work=$VICHE_TEST_WORK
  "$2"
  exit
fi

need go "Go 1.26 or newer"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'stopped 130' INT
trap 'stopped 143' TERM HUP
unset VICHE_TEST_PEERS VICHE_TEST_BROWSER
export VICHE_TEST_WORK=$work VICHE_PG_FSYNC=${VICHE_PG_FSYNC:-off}

step format 120 scripts/format.sh
step build 900 go build ./...
step vet 600 go vet ./...
go build -o "$work/results" ./scripts/results || exit 1
step databases 1080 "$self" -step databases
# The targets of package federation build the databases anew too: `make fuzz` has them all.
step fuzz 240 env FUZZTIME=10s FUZZLIMIT=120 FUZZ="Parse Canonical Sanitise" scripts/fuzz.sh
step peers 480 "$self" -step peers
step browser 690 "$self" -step browser

echo
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed steps: ${failed[*]}"
fi
cat "$work"/*.json 2>/dev/null | "$work/results" -total
total=$?
[ ${#failed[@]} = 0 ] && exit "$total"
exit 1
