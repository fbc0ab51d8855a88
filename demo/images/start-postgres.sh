#!/bin/sh
# Runs Debian's PostgreSQL in the foreground, as the user it belongs to.
set -eu
version=$(ls /usr/lib/postgresql)
mkdir -p /run/postgresql
chown postgres:postgres /run/postgresql
exec setpriv --reuid=postgres --regid=postgres --init-groups \
  "/usr/lib/postgresql/$version/bin/postgres" \
  -D "/var/lib/postgresql/$version/main" -c "config_file=/etc/postgresql/$version/main/postgresql.conf"
