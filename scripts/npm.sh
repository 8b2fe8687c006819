#!/usr/bin/env bash
# Installs the npm packages of a folder exactly as its lock file has them,
# unless they are there already:  scripts/npm.sh test/peers
set -euo pipefail
. "$(dirname "$0")/lib.sh"

[ $# = 1 ] || die "usage: scripts/npm.sh FOLDER"
need node "Node.js 20 or newer"
need npm "npm, which comes with Node.js"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || die "node is version $(node --version), and these tests need 20 or newer"

cd "$ROOT/$1"
stamp=node_modules/.viche-lock
if cmp -s package-lock.json "$stamp"; then
  exit
fi
say "installing the npm packages of $1"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 timeout 600 \
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >"$log" 2>&1; then
  cat "$log" >&2
  die "npm could not install the packages of $1"
fi
cp package-lock.json "$stamp"
