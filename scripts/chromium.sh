#!/usr/bin/env bash
# Prints the path of a Chromium for the browser tests, installing Debian's
# where there is none. VICHE_CHROMIUM names another one.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

works() { [ -x "$1" ] && timeout 60 "$1" --version >/dev/null 2>&1; }

if [ -n "${VICHE_CHROMIUM:-}" ]; then
  works "$VICHE_CHROMIUM" || die "VICHE_CHROMIUM=$VICHE_CHROMIUM does not start"
  echo "$VICHE_CHROMIUM"
  exit
fi

found=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -n "$found" ] && works "$found"; then
  echo "$found"
  exit
fi

if [ "$(id -u)" = 0 ]; then
  debian Chromium chromium fonts-dejavu-core
  works /usr/bin/chromium || die "Debian's chromium is installed but does not start: try /usr/bin/chromium --version"
  echo /usr/bin/chromium
  exit
fi

unpack Chromium chromium chromium chromium-common fonts-dejavu-core
dir=$CACHE/chromium
# The program finds its libraries and fonts in the folder, not on the system.
cat >"$dir/fonts.conf" <<CONF
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>$dir/usr/share/fonts</dir>
  <cachedir>$dir/fontcache</cachedir>
</fontconfig>
CONF
cat >"$dir/chromium" <<RUN
#!/bin/sh
LD_LIBRARY_PATH='$(libraries "$dir"):$dir/usr/lib/chromium'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
FONTCONFIG_FILE='$dir/fonts.conf'
export LD_LIBRARY_PATH FONTCONFIG_FILE
exec '$dir/usr/lib/chromium/chromium' "\$@"
RUN
chmod +x "$dir/chromium"
works "$dir/chromium" || die "the Chromium in $dir does not start: delete the folder, or set VICHE_CHROMIUM to one that does"
echo "$dir/chromium"
