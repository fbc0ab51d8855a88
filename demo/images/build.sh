#!/bin/sh
# Makes the root filesystem of the demo's images from Debian's packages: a real PostgreSQL, nginx and Python application.
# It is kept in the cache directory between runs; a change of this folder makes a new one.
#
#   build.sh CACHE_DIR      prints the path of the tar file
#
# Needs mmdebstrap and root; takes about a minute the first time.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=$1
mkdir -p "$cache"
key=$(cat "$here"/* | sha256sum | cut -c1-16)
tar=$cache/demo-$key.tar
[ -f "$tar" ] && { echo "$tar"; exit 0; }
# Who comes while another one makes it waits for that.
exec 9>"$cache/.lock"
flock 9
[ -f "$tar" ] && { echo "$tar"; exit 0; }
echo "building the demo's images from Debian packages (about a minute, once)" >&2

work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
mkdir "$work/root"
# The machine's own mirror: what apt is set up with here is what can be reached from here.
mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*\) .*main.*/\2/p; s/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v security | head -n 1)
. /etc/os-release
components=main; [ "${ID:-}" = ubuntu ] && components=main,universe
packages=nginx-light,postgresql,python3-minimal,python3-psycopg2,iputils-ping,bind9-dnsutils,curl,iproute2,procps
# Without PostgreSQL's just-in-time compiler, which it only loads where it is: 150 MB of LLVM.
mmdebstrap --quiet --variant=minbase --mode=root --components="$components" --include="$packages" \
  --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/usr/share/doc "$1"/usr/share/man' \
  --customize-hook='rm -rf "$1"/usr/lib/*/libLLVM* "$1"/usr/lib/*/libz3* "$1"/usr/lib/postgresql/*/lib/llvmjit* "$1"/usr/lib/postgresql/*/lib/bitcode "$1"/usr/share/i18n' \
  "${VERSION_CODENAME:-bookworm}" "$work/root" ${mirror:+"$mirror"} >"$work/log" 2>&1 || {
    tail -n 20 "$work/log" >&2
    echo "mmdebstrap could not make them from ${mirror:-the mirror of its default}. Is that mirror reachable from here (/etc/apt/sources.list*, proxies: http_proxy, https_proxy)?" >&2
    exit 1
  }

root=$work/root
mkdir -p "$root/opt/webapp"
cp "$here/app.py" "$root/opt/webapp/app.py"
cp "$here/start-postgres.sh" "$root/usr/local/bin/start-postgres"
chmod 755 "$root/opt/webapp/app.py" "$root/usr/local/bin/start-postgres"
# A cluster that answers everybody on the container's networks; it is a demo.
version=$(ls "$root/usr/lib/postgresql")
sed -i "s/^#\{0,1\}listen_addresses.*/listen_addresses = '*'/" "$root/etc/postgresql/$version/main/postgresql.conf"
echo 'host all all all trust' >> "$root/etc/postgresql/$version/main/pg_hba.conf"
echo '<h1>Welcome to nginx!</h1>' > "$root/var/www/html/index.html"
printf '#!/bin/sh\n# Sleeps until it is told to stop.\ntrap "exit 0" TERM INT\nwhile :; do sleep 3600 & wait $!; done\n' > "$root/usr/local/bin/idle"
chmod 755 "$root/usr/local/bin/idle"

tar -C "$root" --numeric-owner -cf "$work/image.tar" .
mv "$work/image.tar" "$tar"
find "$cache" -maxdepth 1 -name 'demo-*.tar' ! -path "$tar" -delete
echo "$tar"
