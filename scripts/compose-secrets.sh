#!/usr/bin/env bash
# Writes the secrets that docker-compose.yml mounts, once; it never overwrites.
#
#   scripts/compose-secrets.sh smtps://NAME:PASSWORD@mail.example:465
set -euo pipefail
. "$(dirname "$0")/lib.sh"

[ $# = 1 ] || die "usage: scripts/compose-secrets.sh SMTP-URL   (smtps://NAME:PASSWORD@HOST:465)"
case $1 in
smtp://?* | smtps://?*) ;;
*) die "$1 is not an SMTP address: smtps://NAME:PASSWORD@HOST:465" ;;
esac
dir=$ROOT/secrets
[ ! -e "$dir" ] || die "$dir is there already: a new password would lock the city out of its database"

password=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
# Nobody but the owner enters the folder; the files themselves are readable,
# since the containers' users are not this one.
install -d -m 0700 "$dir"
printf '%s' "$password" >"$dir/postgres_password"
printf 'postgres://viche:%s@postgres:5432/viche?sslmode=disable' "$password" >"$dir/viche_database"
printf '%s' "$1" >"$dir/viche_smtp_url"
chmod 0444 "$dir"/*
say "wrote $dir"
