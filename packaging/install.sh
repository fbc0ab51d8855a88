#!/bin/sh
# Installs Causeway from the archive that this file is in, or upgrades it. Nothing else is touched; uninstall.sh beside it takes it away again.
#
#   sh install.sh [PREFIX]     default: /usr/local
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:-/usr/local}
fail() { echo "install: $1" >&2; exit 1; }
case $prefix in /*) ;; *) fail "'$prefix' is no absolute path" ;; esac
[ -w "$prefix" ] || [ "$(id -u)" = 0 ] || fail "root is needed to write to $prefix. Try: sudo sh $0"
command -v node >/dev/null || fail "Node.js is not on the PATH: version 20.12 or newer is needed"
for program in crun conmon nft ip; do command -v "$program" >/dev/null || echo "install: $program is missing: apt-get install crun conmon nftables iproute2" >&2; done
mkdir -p "$prefix/lib" "$prefix/bin" "$prefix/share/man/man1"
# The old one stays whole until the new one is there: a daemon that runs loads parts of it when they are needed.
rm -rf "$prefix/lib/causeway.new"
cp -R "$here/lib/causeway" "$prefix/lib/causeway.new"
rm -rf "$prefix/lib/causeway.old"
[ ! -e "$prefix/lib/causeway" ] || mv "$prefix/lib/causeway" "$prefix/lib/causeway.old"
mv "$prefix/lib/causeway.new" "$prefix/lib/causeway"
rm -rf "$prefix/lib/causeway.old"
for name in cli engine; do
  node "$prefix/lib/causeway/scripts/code-file.mjs" "$([ $name = cli ] && echo cli || echo daemon)" "$prefix/lib/causeway/dist/$name.code" >/dev/null 2>&1 || rm -f "$prefix/lib/causeway/dist/$name.code.new"
done
ln -sfn ../lib/causeway/bin/causeway "$prefix/bin/causeway"
cp "$here"/share/man/man1/* "$prefix/share/man/man1/"
for place in bash-completion/completions zsh/site-functions fish/vendor_completions.d; do mkdir -p "$prefix/share/$place"; done
cp "$here/share/bash-completion/completions/causeway" "$prefix/share/bash-completion/completions/"
cp "$here/share/zsh/vendor-completions/_causeway" "$prefix/share/zsh/site-functions/"
cp "$here/share/fish/vendor_completions.d/causeway.fish" "$prefix/share/fish/vendor_completions.d/"
echo "install: $("$prefix/bin/causeway" --version)"
echo "install: the daemon: sudo causeway daemon; as a service: docs/install.md. 'causeway doctor' says what this host still needs"
