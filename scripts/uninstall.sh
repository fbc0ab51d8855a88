#!/bin/sh
# Removes what the engine has on this host outside of its checkout: containers and networks, rules, interfaces, the zone in firewalld, the service; with
# --purge also images, volumes and settings. Nothing of anybody else's: what is removed carries the engine's mark. Can be run again.
#
#   uninstall.sh [--purge] [--end-containers] [--data-root DIR] [--exec-root DIR] [-H unix:///SOCKET]     the last three as the daemon had them;
#   --end-containers: those that run are ended also where no daemon answers, as when its programs are gone already
set -eu

purge=; end=; data_root=/var/lib/causeway; exec_root=/run/causeway; host=
fail() { echo "uninstall: $1" >&2; exit 1; }
say() { echo "uninstall: $1"; }
while [ $# -gt 0 ]; do
  case $1 in
    --purge) purge=1 ;;
    --end-containers) end=1 ;;
    --data-root | --exec-root | -H)
      [ $# -ge 2 ] || fail "$1 needs a value"
      case $1 in --data-root) data_root=$2 ;; --exec-root) exec_root=$2 ;; -H) host=$2 ;; esac
      shift ;;
    *) fail "unknown argument '$1': expected --purge, --end-containers, --data-root DIR, --exec-root DIR, -H unix:///SOCKET" ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || fail "root is needed. Try: sudo sh scripts/uninstall.sh"
case $data_root$exec_root in /*) ;; *) fail "--data-root and --exec-root are absolute paths" ;; esac
for dir in "$data_root" "$exec_root"; do
  # They are emptied by name: whatever else they might be, they are the daemon's.
  [ ! -e "$dir" ] || [ -e "$dir/state" ] || [ -e "$dir/oci" ] || [ -e "$dir/netns" ] || [ -z "$(ls -A "$dir" | grep -vx lost+found)" ] || fail "$dir does not look like a directory of the engine: name the right one with --data-root or --exec-root"
done
# A disk of its own, or a link to another place, is the user's: removing it fails, or leaves what it leads to.
remove() {
  if [ -e "$1" ] && { [ -L "$1" ] || mountpoint -q "$1"; }; then
    find "$1/" -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
    say "$1 is a mount point or a link: it is emptied, and left"
  else
    rm -rf "$1"
  fi
}
host=${host:-unix://$exec_root/causeway.sock}
causeway=$(cd "$(dirname "$0")/.." && pwd)/bin/causeway

# Monitors and the resolver are in the mount namespace that the daemon made, containers are the monitors' children; what a container put elsewhere is in
# its cgroup still.
# The namespace says itself which it is, in a file that only who is in it sees.
ours() {
  for dir in /proc/[0-9]*; do
    namespace=$(readlink "$dir/ns/mnt" 2>/dev/null) || continue
    [ "$namespace" = "$own" ] || [ "$namespace" != "$(cat "$dir/root$exec_root/mounts/id" 2>/dev/null)" ] || echo "${dir#/proc/}"
  done
}
end_containers() {
  own=$(readlink /proc/self/ns/mnt)
  # shellcheck disable=SC2046
  set -- $(ours)
  [ $# -gt 0 ] || return 0
  say "ending the containers that run"
  for monitor in "$@"; do
    for child in $(cat /proc/"$monitor"/task/*/children 2>/dev/null); do
      case " $* " in *" $child "*) continue ;; esac
      cgroup=$(sed -n 's/^0:://p; s/^[0-9]*:pids://p' "/proc/$child/cgroup" 2>/dev/null | grep -v '^/$' | head -n 1)
      for one in $child $(for base in /sys/fs/cgroup /sys/fs/cgroup/pids /sys/fs/cgroup/unified; do cat "$base$cgroup/cgroup.procs" 2>/dev/null; done); do
        [ -z "$cgroup" ] && [ "$one" != "$child" ] || kill -9 "$one" 2>/dev/null || :
      done
    done
  done
  waited=0
  # Monitors store what their containers have printed, and end by themselves; the resolver does not.
  while [ -n "$(ours)" ]; do
    [ "$waited" -lt 6 ] || for pid in $(ours); do kill -9 "$pid" 2>/dev/null || :; done
    [ "$waited" -lt 60 ] || fail "processes of the engine do not end: $(ours | paste -s -d ' ')"
    sleep 0.5
    waited=$((waited + 1))
  done
}

# While it serves, the daemon takes its own things down; containers outlive it, and so would they here.
if "$causeway" -H "$host" version >/dev/null 2>&1; then
  say "removing containers and networks"
  for id in $("$causeway" -H "$host" ps -aq); do "$causeway" -H "$host" rm -f -v "$id" >/dev/null; done
  for id in $("$causeway" -H "$host" network ls -q --filter type=custom); do "$causeway" -H "$host" network rm "$id" >/dev/null || :; done
elif [ -n "$end" ]; then
  end_containers
elif [ -d "$exec_root/netns" ] && [ -n "$(ls -A "$exec_root/netns")" ]; then
  fail "containers of the engine may still run, and no daemon answers on $host that could end them: start it (systemctl start causeway, or causeway daemon), then run this again"
fi

# One with directories of its own has no part in what the host has once.
is_default=; [ "$data_root $exec_root" != "/var/lib/causeway /run/causeway" ] || is_default=1
if [ -n "$is_default" ] && [ -e /etc/systemd/system/causeway.service ]; then
  say "removing the service"
  systemctl disable --now causeway.service >/dev/null 2>&1 || :
  rm -f /etc/systemd/system/causeway.service
  systemctl daemon-reload >/dev/null 2>&1 || :
fi
# A number may be another's by now.
is_daemon() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep 'daemon.mjs daemon' >/dev/null; }
pid=$(cat "$exec_root/causeway.pid" 2>/dev/null || :)
if [ -n "$pid" ] && is_daemon "$pid"; then
  say "ending the daemon (PID $pid)"
  kill "$pid"
  waited=0
  while is_daemon "$pid"; do
    [ "$waited" -lt 120 ] || fail "the daemon (PID $pid) does not end: look into its log, end it (kill -9 $pid), then run this again"
    sleep 0.5
    waited=$((waited + 1))
  done
fi

say "removing rules and interfaces"
# Of a bridge that is not the engine's: what the daemon noted that it set there, latest first, while our rules still stand. `identity`: of that very bridge.
boot=$(cat /proc/sys/kernel/random/boot_id)
[ ! -e "$data_root/state/adopted-bridges" ] || sed '1!G;h;$!d' "$data_root/state/adopted-bridges" | while read -r link identity kind what value before; do
  [ "$boot.$(ip -o link show dev "$link" 2>/dev/null | cut -d: -f1)" = "$identity" ] || continue
  promote=/proc/sys/net/ipv4/conf/$link/promote_secondaries
  case $kind in
    sysctl) [ "$(cat "/proc/sys/$what")" != "$value" ] || echo "$before" >"/proc/sys/$what" ;;
    bridged) ip link set "$link" type bridge nf_call_iptables 0 nf_call_ip6tables 0 ;;
    # One that has ports by now is somebody's.
    up) [ -n "$(ip -o link show master "$link")" ] || ip link set "$link" down ;;
    # Others of its subnet stay.
    address) promoted=$(cat "$promote"); echo 1 >"$promote"; ip address delete "$what" dev "$link" 2>/dev/null || :; echo "$promoted" >"$promote" ;;
  esac
done
rm -f "$data_root/state/adopted-bridges"
# By the alias, with the id of this data root (earlier releases: none); what `ip` prints, because /sys may show another network namespace.
id=$(cat "$data_root/engine-id" 2>/dev/null || echo none)
ip -o link | sed -n "s/^[0-9]*: \([^:@]*\)[:@].*\\\\ *alias causeway\(:$id\)\{0,1\} *\$/\1/p" | while read -r link; do ip link delete "$link"; done
# Forwarding, where it was the daemon that turned it on, in this boot and this network namespace: before the rules go that close it to all but containers.
note=$data_root/state/forwarding; open=
noted() { sed -n "s/^$1 //p" "$note"; }
came_later() { { ip -o link show type bridge; ip -o link show nomaster type veth; } | sed -n 's/^[0-9]*: \([^:@]*\)[:@].*/\1/p' | while read -r link; do grep -qxF "earlier$1 $link" "$note" || echo "$link"; done; }
if [ "$(noted host 2>/dev/null)" = "$boot $(readlink /proc/self/ns/net)" ]; then
  for family in 4 6; do
    grep -qx "ipv$family" "$note" || continue
    switch=net/ipv4/ip_forward; [ $family = 4 ] || switch=net/ipv6/conf/all/forwarding
    later=$(came_later $family | paste -s -d ' ')
    if [ -n "$later" ]; then
      [ "$(cat /proc/sys/$switch)" = 0 ] || { open=1; say "IPv$family is still forwarded, because of what others made since the daemon turned that on ($later): without its rules this host forwards between all interfaces. To end that once they need it no more: sysctl -w $switch=0"; }
      continue
    fi
    echo 0 >/proc/sys/$switch
    # These go with the switch for all.
    noted "router$family" | while read -r link; do echo 1 >"/proc/sys/net/ipv$family/conf/$link/forwarding" || :; done 2>/dev/null
    [ $family = 4 ] || noted listener6 | while read -r link; do [ "$(cat "/proc/sys/net/ipv6/conf/$link/accept_ra")" != 2 ] || echo 1 >"/proc/sys/net/ipv6/conf/$link/accept_ra"; done 2>/dev/null
  done
fi
[ -n "$open" ] || rm -f "$note"
for family in inet bridge; do nft delete table $family causeway 2>/dev/null || :; done
for kind in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
  command -v "$kind" >/dev/null || continue
  case $kind in *legacy) grep -qs filter "/proc/net/$(case $kind in ip6*) echo ip6 ;; *) echo ip ;; esac)_tables_names" || continue ;; esac
  "$kind" -S FORWARD 2>/dev/null | grep -e '-j CAUSEWAY-FORWARD$' -e '--mark 0x8000000/0x8000000 -j DOCKER-USER$' | sed 's/^-A/-D/' | while read -r rule; do
    # shellcheck disable=SC2086
    "$kind" $rule
  done
  ! "$kind" -S CAUSEWAY-FORWARD >/dev/null 2>&1 || { "$kind" -F CAUSEWAY-FORWARD && "$kind" -X CAUSEWAY-FORWARD; }
done
changed=
for file in policies/causeway-to policies/causeway-from zones/causeway; do
  for path in "/etc/firewalld/$file.xml" "/etc/firewalld/$file.xml.old"; do
    grep -qs 'Kept by the container engine Causeway' "$path" || continue
    rm -f "$path"
    changed=1
  done
done
if [ -n "$changed" ]; then
  say "removing the zone in firewalld"
  ! firewall-cmd --state >/dev/null 2>&1 || firewall-cmd --reload >/dev/null
fi

remove "$exec_root"
# Of containers that were; one that is not empty cannot be removed.
[ -z "$is_default" ] || rmdir /sys/fs/cgroup/causeway /sys/fs/cgroup/*/causeway 2>/dev/null || :
if [ -n "$purge" ]; then
  say "removing images, volumes and settings"
  remove "$data_root"
  [ -z "$is_default" ] || rm -rf /etc/causeway
else
  [ ! -e "$data_root" ] || say "images and volumes are left in $data_root$([ -z "$is_default" ] || [ ! -e /etc/causeway ] || echo ', settings in /etc/causeway'): --purge removes them"
fi
[ -z "$is_default" ] || [ ! -L /usr/local/bin/causeway ] || rm -f /usr/local/bin/causeway
say "done. Packages that setup.sh installed are still there; the checkout can be deleted"
