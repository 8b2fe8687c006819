#!/usr/bin/env bash
# Feeds made-up input to everything that reads what strangers send, FUZZTIME
# (a minute) each, beginning with the inputs that are kept in testdata/fuzz. What
# fails is written there by go test; keep it with its cure.
#
# FUZZ narrows it to some targets by name ("Cavage Sanitise").
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 1
need go "Go 1.26 or newer"

time=${FUZZTIME:-1m}
failed=()
for target in \
  federation/ap:FuzzParse federation/ap:FuzzCanonical \
  federation:FuzzCavage federation:FuzzMessageSignature federation:FuzzWebFinger \
  internal/markup:FuzzSanitise; do
  package=${target%:*} name=${target#*:}
  if [ -n "${FUZZ:-}" ]; then
    case " $FUZZ " in *" ${name#Fuzz} "*) ;; *) continue ;; esac
  fi
  # Building one takes longer than the ten seconds of make test: all that it
  # imports is built anew, with marks for what was reached.
  timeout --kill-after=10 $((${FUZZLIMIT:-600})) \
    go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "./$package" || failed+=("$name")
done
[ ${#failed[@]} = 0 ] || die "failed: ${failed[*]}"
