#!/bin/sh
# Unpacks, beside the system, the clients of the tests that are not to be installed: Docker and Compose of a newer
# suite of Debian (dockerd too, which tests compare with), buildx of that and of Debian 13, Prometheus, and Ansible's modules for Docker. Nothing is
# installed and nothing starts by itself. What cannot be had is said, and the tests that need it are skipped.
#
#   test-clients.sh DIR      repeatable: what is there already is left alone
#
# Needs: dpkg and apt-get of Debian or Ubuntu. Takes half a minute the first time.
set -eu
dir=$1
command -v apt-get >/dev/null || { echo "test-clients: no apt-get here: the tests with newer Docker, Prometheus and Ansible are skipped" >&2; exit 0; }
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
# Who comes while another one fetches waits for that.
exec 9>"$dir/.lock"
flock 9
work=$(mktemp -d "$dir/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
patience="-o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 -o Acquire::Retries=1 -o Acquire::Languages=none -o APT::Sandbox::User=root"

# unpack NAME OPTIONS PACKAGES [PATH-PREFIX]: what apt-get downloads with the options becomes the folder NAME, whole or not at all.
unpack() {
  rm -rf "$work/debs" "$work/root"
  mkdir -p "$work/debs" "$work/root"
  # shellcheck disable=SC2086
  (cd "$work/debs" && apt-get $patience $2 -qq download $3) >"$work/log" 2>&1 || return 1
  for deb in "$work"/debs/*.deb; do
    # shellcheck disable=SC2086
    dpkg --fsys-tarfile "$deb" | tar -C "$work/root" -xf - ${4:-} || return 1
  done
  rm -rf "${dir:?}/$1"
  mv "$work/root" "$dir/$1"
}

# fetch NAME SUITES PACKAGES [PATH-PREFIX]: of the first of these suites of Debian that has them.
fetch() {
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*\) .*main.*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | grep -v security | grep debian | head -n 1)
  [ -n "$mirror" ] && [ -e "$keyring" ] || { echo "apt has no mirror of Debian here" >"$work/log"; return 1; }
  for suite in $2; do
    apt=$work/apt-$suite
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$apt/sources.list"
    from="-o Dir::Etc::sourcelist=$apt/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null"
    from="$from -o Dir::State::Lists=$apt/lists -o Dir::Cache=$apt/cache"
    # shellcheck disable=SC2086
    apt-get $patience $from -qq update >"$work/log" 2>&1 || continue
    unpack "$1" "$from" "$3" "${4:-}" && return 0
  done
  return 1
}

# have NAME PROGRAM COMMAND...: fetched, unless its program is there.
have() {
  name=$1 program=$2
  shift 2
  [ ! -e "$dir/$name/$program" ] || return 0
  if "$@"; then
    echo "test-clients: $name is in $dir/$name"
  else
    echo "test-clients: $name cannot be had, its tests are skipped: $(tail -n 1 "$work/log")" >&2
  fi
}

collection=usr/lib/python3/dist-packages/ansible_collections/community/docker
buildx=usr/libexec/docker/cli-plugins/docker-buildx
# No release of Debian has Docker 28 yet; the suite that becomes the next one is asked first.
have docker usr/bin/docker fetch docker "forky sid" "docker-cli docker-compose docker.io containerd"
have buildx "$buildx" fetch buildx "forky sid" docker-buildx "./$buildx"
have buildx-0.13 "$buildx" fetch buildx-0.13 trixie docker-buildx "./$buildx"
have prometheus usr/bin/prometheus unpack prometheus "" prometheus "./usr/bin/prometheus"
have ansible "$collection/MANIFEST.json" unpack ansible "" ansible "./$collection"
