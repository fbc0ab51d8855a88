#!/bin/sh
# Installs the packages in a root file system of a Debian or Ubuntu, as a user would, and tries them there: install, containers with traffic, upgrade under
# them, remove, purge. Takes minutes, and the distribution's mirror.
#
#   try-packages.sh SUITE [MIRROR]      SUITE: bookworm, trixie, noble...
#
# OWN_NODE=VERSION: with causeway-node of that Node, for suites whose own is too old. ROOT_TAR=FILE: the root file system is kept there, or taken from there.
# Nothing of this host is changed but a directory below TMPDIR, which goes at the end; the engine runs in namespaces of its own.
set -eu
suite=${1:?'which suite? bookworm, trixie, noble...'}
root=$(cd "$(dirname "$0")/.." && pwd)
fail() { echo "try-packages: $1" >&2; exit 1; }
say() { echo "== $1"; }
[ "$(id -u)" = 0 ] || fail "root is needed"
command -v mmdebstrap >/dev/null || fail "mmdebstrap is not installed"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say "packages"
node "$root/scripts/package.mjs" --output "$work/old" --version 0.1.0~1 ${OWN_NODE:+--node "$OWN_NODE"}
node "$root/scripts/package.mjs" --output "$work/new" --version 0.1.0~2 --built
say "root file system of $suite"
# Inside there is no network: what the packages need is there before.
needed=ca-certificates,curl,busybox-static,mount,crun,conmon,netbase,nftables,libnftables1,iproute2,util-linux,tar,zstd,tini,procps
[ -n "${OWN_NODE:-}" ] || needed=$needed,nodejs
[ -n "${ROOT_TAR:-}" ] || ROOT_TAR=$work/root.tar
[ -e "$ROOT_TAR" ] || mmdebstrap --quiet --variant=apt --include=$needed "$suite" "$ROOT_TAR" ${2:+"$2"}
mkdir "$work/root"
tar -C "$work/root" -xf "$ROOT_TAR"
mkdir "$work/root/packages"
cp "$work"/old/*.deb "$work/root/packages/"
for deb in "$work"/new/causeway_*.deb; do cp "$deb" "$work/root/packages/"; done
cat >"$work/root/try" <<'INSIDE'
set -eu
say() { echo "== $1"; }
expect() { case $1 in *"$2"*) ;; *) echo "expected '$2', got: $1" >&2; exit 1 ;; esac; }
serves() { for _ in $(seq 200); do ! causeway version >/dev/null 2>&1 || return 0; kill -0 "$daemon" || break; sleep 0.2; done; cat /tmp/daemon; exit 1; }
export DEBIAN_FRONTEND=noninteractive
cd /packages
say install
node=$(ls causeway-node_*.deb 2>/dev/null || :)
apt-get install -y -q --no-install-recommends ${node:+./$node} ./causeway_0.1.0~1_amd64.deb >/tmp/apt 2>&1 || { cat /tmp/apt; exit 1; }
causeway --version
causeway doctor || :
causeway daemon >/tmp/daemon 2>&1 & daemon=$!
serves
mkdir -p /tmp/image/bin
cp /bin/busybox /tmp/image/bin/
for name in sh sleep httpd nc echo cat; do ln -sf busybox /tmp/image/bin/$name; done
tar -C /tmp/image -c . | causeway import - busybox >/dev/null
say containers
causeway network create net >/dev/null
causeway run -d --name web --network net -p 8080:80 busybox sh -c 'echo it works >/index.html; exec httpd -f -p 80 -h /' >/dev/null
for _ in $(seq 50); do [ "$(curl -s http://127.0.0.1:8080/index.html)" = "it works" ] && break; sleep 0.2; done
expect "$(curl -s http://127.0.0.1:8080/index.html)" "it works"
expect "$(causeway run --rm --network net busybox nc -w 3 web 80 </dev/null 2>&1 && echo found)" found
first=$(causeway inspect -f '{{.State.Pid}}' web)
say "upgrade, with requests meanwhile"
(n=0; while [ ! -e /tmp/stop ]; do [ "$(curl -s -m 5 http://127.0.0.1:8080/index.html)" = "it works" ] || echo lost; n=$((n + 1)); sleep 0.05; done; echo "$n requests") >/tmp/requests & asking=$!
apt-get install -y -q --no-install-recommends ./causeway_0.1.0~2_amd64.deb >/tmp/apt 2>&1 || { cat /tmp/apt; exit 1; }
kill "$daemon"; wait "$daemon" || :
causeway daemon >>/tmp/daemon 2>&1 & daemon=$!
serves
expect "$(dpkg-query -W -f '${Version}' causeway)" "0.1.0~2"
expect "$(causeway inspect -f '{{.State.Pid}}' web)" "$first"
touch /tmp/stop; wait "$asking"
cat /tmp/requests
! grep -q lost /tmp/requests
say "in Docker's place"
apt-get install -y -q --no-install-recommends ./causeway-docker_0.1.0~1_all.deb >/tmp/apt 2>&1 || { cat /tmp/apt; exit 1; }
expect "$(docker ps --format '{{.Names}}')" web
expect "$(curl -s --unix-socket /var/run/docker.sock http://x/_ping)" OK
apt-get remove -y -q causeway-docker >/dev/null 2>&1
[ ! -e /var/run/docker.sock ]
say remove
kill "$daemon"; wait "$daemon" || :
apt-get remove -y -q causeway >/tmp/apt 2>&1 || { cat /tmp/apt; exit 1; }
grep '^causeway: ' /tmp/apt
expect "$(curl -s http://127.0.0.1:8080/index.html)" "it works"
say purge
apt-get purge -y -q causeway >/tmp/apt 2>&1 || { cat /tmp/apt; exit 1; }
grep '^uninstall: ' /tmp/apt
for path in /var/lib/causeway /run/causeway /etc/causeway /usr/lib/causeway; do [ ! -e $path ] || { echo "$path is still there"; ls -lR $path | head; exit 1; }; done
[ ! -e /proc/"$first" ] || { echo "a container still runs"; exit 1; }
[ -z "$(ip -o link | grep -v ': lo:')" ] || { ip link; exit 1; }
[ -z "$(nft list ruleset 2>/dev/null)" ]
say "all of it works"
INSIDE
cat >"$work/enter" <<'ENTER'
set -eu
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
cp /etc/resolv.conf etc/resolv.conf 2>/dev/null || :
mkdir -p old
pivot_root . old
umount -l /old
ip link set lo up
exec sh /try
ENTER
say "inside"
unshare --mount --net --pid --fork --kill-child sh "$work/enter" "$work/root"
