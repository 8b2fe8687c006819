#!/usr/bin/env bash
# A private PostgreSQL server for tests and benchmarks: its own cluster in a
# temporary folder, on a free port of the loopback address, gone when stopped.
#
#   scripts/postgres.sh run COMMAND…   starts one, sets VICHE_TEST_POSTGRES,
#                                      runs the command, stops it
#   scripts/postgres.sh start          starts one, prints its DSN
#   scripts/postgres.sh dsn            prints the DSN of the started one
#   scripts/postgres.sh stop           stops it and deletes its data
#   scripts/postgres.sh bin            prints the folder of the server's programs
#
# VICHE_PG_FSYNC=off trades safety against power cuts for speed: for tests
# only, never for a benchmark. VICHE_PG_DIR moves the folder of `start`.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Debian's folder is taken rather than the PATH, on which wrappers for the
# system's own clusters may stand. The newest version wins.
server_bin() {
  local initdb
  initdb=$(ls -d "${1:-}"/usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1)
  [ -n "$initdb" ] && [ -x "$(dirname "$initdb")/postgres" ] && dirname "$initdb"
}

# Sets BIN, and LD_LIBRARY_PATH when the programs were unpacked.
find_server() {
  if [ -n "${VICHE_PG_BIN:-}" ]; then
    [ -x "$VICHE_PG_BIN/initdb" ] || die "VICHE_PG_BIN=$VICHE_PG_BIN holds no initdb"
    BIN=$VICHE_PG_BIN
    return
  fi
  BIN=$(server_bin) && return
  if [ "$(id -u)" = 0 ]; then
    # Debian's package would make and start a cluster of its own.
    mkdir -p /etc/postgresql-common/createcluster.d
    [ -e /etc/postgresql-common/createcluster.conf ] ||
      echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/viche.conf
    debian "the PostgreSQL server" postgresql
    BIN=$(server_bin) || die "Debian's postgresql is installed but /usr/lib/postgresql has no server in it"
    return
  fi
  unpack "the PostgreSQL server" postgresql "$(newest_package)"
  BIN=$(server_bin "$CACHE/postgresql") || die "$CACHE/postgresql holds no PostgreSQL server: delete the folder and try again"
  export LD_LIBRARY_PATH=$(libraries "$CACHE/postgresql")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}

# The versioned package behind Debian's `postgresql`: only the former has the
# programs in it.
newest_package() {
  local name
  name=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: \(postgresql-[0-9]*\)$/\1/p' | head -n 1)
  [ -n "$name" ] || name=postgresql-15
  echo "$name"
}

# PostgreSQL refuses to run as root: then it runs as a user without rights.
choose_user() {
  AS=()
  [ "$(id -u)" = 0 ] || return 0
  OWNER=postgres
  if ! id "$OWNER" >/dev/null 2>&1; then
    OWNER=viche-test
    id "$OWNER" >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin "$OWNER" ||
      die "PostgreSQL refuses to run as root and no user could be made for it: make one named viche-test"
  fi
  AS=(setpriv --reuid "$OWNER" --regid "$(id -g "$OWNER")" --clear-groups --)
}

free_port() {
  local port
  for _ in $(seq 50); do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  die "no free port found on 127.0.0.1"
}

# start_in DIR: makes the cluster and starts it; writes DIR/dsn.
start_in() {
  local dir=$1 port attempt
  find_server
  choose_user
  mkdir -p "$dir"
  [ "$(id -u)" = 0 ] && chown "$OWNER" "$dir"
  chmod 700 "$dir"
  echo "$BIN" >"$dir/bin"
  cd /
  "${AS[@]}" "$BIN/initdb" --pgdata "$dir/data" --username viche --auth trust \
    --encoding UTF8 --locale C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1 ||
    { cat "$dir/initdb.log" >&2; die "initdb failed"; }
  cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
shared_buffers = 256MB
max_wal_size = 2GB
fsync = ${VICHE_PG_FSYNC:-on}
synchronous_commit = ${VICHE_PG_FSYNC:-on}
full_page_writes = ${VICHE_PG_FSYNC:-on}
logging_collector = off
log_min_messages = warning
timezone = 'UTC'
CONF
  for attempt in 1 2 3; do # the port may be taken between the look and the start
    port=$(free_port)
    if "${AS[@]}" "$BIN/pg_ctl" start --pgdata "$dir/data" --wait --timeout 60 \
      --log "$dir/server.log" --options "-p $port" >"$dir/start.log" 2>&1; then
      echo "postgres://viche@127.0.0.1:$port/postgres?sslmode=disable" >"$dir/dsn"
      return
    fi
  done
  tail -n 30 "$dir/server.log" "$dir/start.log" >&2
  die "PostgreSQL did not start"
}

stop_in() {
  local dir=$1
  [ -d "$dir" ] || return 0
  choose_user
  BIN=$(cat "$dir/bin" 2>/dev/null) || true
  if [ -n "$BIN" ] && [ -e "$dir/data/postmaster.pid" ]; then
    case $BIN in "$CACHE"/*) export LD_LIBRARY_PATH=$(libraries "$CACHE/postgresql") ;; esac
    (cd / && "${AS[@]}" "$BIN/pg_ctl" stop --pgdata "$dir/data" --mode immediate --wait --timeout 30 >/dev/null 2>&1) ||
      say "PostgreSQL in $dir did not stop"
  fi
  rm -rf "$dir"
}

DIR=${VICHE_PG_DIR:-${TMPDIR:-/tmp}/viche-postgres-$(id -u)}
case ${1:-} in
run)
  shift
  [ $# -gt 0 ] || die "usage: scripts/postgres.sh run COMMAND…"
  if [ -n "${VICHE_TEST_POSTGRES:-}" ]; then
    exec "$@" # somebody's own server
  fi
  here=$PWD
  DIR=$(mktemp -d "${TMPDIR:-/tmp}/viche-postgres.XXXXXX")
  trap 'stop_in "$DIR"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  start_in "$DIR"
  cd "$here"
  VICHE_TEST_POSTGRES=$(cat "$DIR/dsn") "$@"
  ;;
start)
  [ -e "$DIR/dsn" ] && die "already started in $DIR: $(cat "$DIR/dsn")"
  stop_in "$DIR"
  trap 'stop_in "$DIR"' ERR
  start_in "$DIR"
  cat "$DIR/dsn"
  ;;
dsn)
  [ -e "$DIR/dsn" ] || die "not started: scripts/postgres.sh start"
  cat "$DIR/dsn"
  ;;
stop) stop_in "$DIR" ;;
bin)
  find_server
  echo "$BIN"
  ;;
*)
  sed -n '2,/^set /p' "$0" | sed '$d; s/^# \{0,1\}//' >&2
  exit 2
  ;;
esac
