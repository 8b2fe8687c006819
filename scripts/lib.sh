# Read by the other scripts: how a tool that the machine lacks is brought in.
# As root Debian's package manager installs it; anybody else gets the same
# packages unpacked into a private folder, which changes nothing on the system.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${VICHE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/viche}

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

# need COMMAND WHAT: a tool that no script can install for you.
need() {
  command -v "$1" >/dev/null 2>&1 || die "$1 is not on the PATH: install $2"
}

# debian WHAT PACKAGE…: installs the packages as root. Any output of theirs
# goes to a log that is shown only if they fail.
debian() {
  local what=$1 log
  shift
  command -v apt-get >/dev/null 2>&1 ||
    die "$what is missing and there is no apt-get here: install it with your system's package manager ($*)"
  say "installing $what ($*) with apt-get"
  log=$(mktemp)
  if ! { timeout 600 apt-get update && _apt_install "$@"; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    rm -f "$log"
    die "apt-get could not install $what: $*"
  fi
  rm -f "$log"
}

_apt_install() {
  DEBIAN_FRONTEND=noninteractive timeout 900 \
    apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

# unpack WHAT NAME PACKAGE…: downloads the packages, with what they depend on
# and the system lacks, and unpacks them into $CACHE/NAME. Needs no rights.
unpack() {
  local what=$1 dir=$CACHE/$2 apt work deb names
  shift 2
  [ -e "$dir/.complete" ] && return 0
  command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 ||
    die "$what is missing, this is not root, and there is no apt-get to download it with: install $* yourself"
  say "unpacking $what ($*) into $dir"
  apt=$CACHE/apt
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$dir"
  work=$(mktemp -d "$CACHE/debs.XXXXXX")
  local options=(
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache"
    -o "Dir::Etc::Post-Update=/dev/null" -o Debug::NoLocking=1
    -o "APT::Sandbox::User=$(id -un)" -o APT::Update::Post-Invoke-Success= -o Acquire::Languages=none
  )
  if ! timeout 600 apt-get "${options[@]}" update >"$work/log" 2>&1; then
    tail -n 20 "$work/log" >&2
    rm -rf "$work"
    die "apt-get could not read the package lists, so $what can't be downloaded"
  fi
  names=$(apt-get "${options[@]}" install --no-install-recommends --simulate "$@" 2>>"$work/log" |
    sed -n 's/^Inst \([^ ]*\) .*/\1/p')
  # What is installed but unusable here (no server binary, say) is not in a
  # simulated installation, so the packages themselves are always named.
  names=$(printf '%s\n' $names "$@" | sort -u)
  if ! (cd "$work" && timeout 900 apt-get "${options[@]}" download $names) >>"$work/log" 2>&1; then
    tail -n 20 "$work/log" >&2
    rm -rf "$work"
    die "apt-get could not download $what: $*"
  fi
  for deb in "$work"/*.deb; do
    dpkg-deb -x "$deb" "$dir" || die "$deb does not unpack into $dir"
  done
  rm -rf "$work"
  touch "$dir/.complete"
}

# libraries DIR: the library path of a folder that unpack filled. Some packages
# keep libraries one folder deeper than the loader looks.
libraries() {
  find "$1" -name 'lib*.so*' -path '*-linux-gnu*' -printf '%h\n' | LC_ALL=C sort -u | paste -sd: -
}
