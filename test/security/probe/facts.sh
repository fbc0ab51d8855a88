# What a process finds in its container, one "key<TAB>value" a line. Needs busybox and nothing else.
say() { printf '%s\t%s\n' "$1" "$2"; }
# Whether a file can be opened, nothing read or written: open, or the error.
try_read() { ( : < "$1" ) 2>/tmp/error && echo open || sed 's/.*: //' /tmp/error; }
try_write() { ( : >> "$1" ) 2>/tmp/error && echo open || sed 's/.*: //' /tmp/error; }

for field in CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp Seccomp_filters Groups Uid Gid Umask; do
  say "status $field" "$(grep "^$field:" /proc/self/status | cut -f 2- | tr '\t' ' ' | sed 's/ *$//')"
done
say 'oom score' "$(cat /proc/self/oom_score_adj)"
say 'core dump filter' "$(cat /proc/self/coredump_filter)"
say 'working directory' "$(pwd)"
say 'session' "$(awk '{print ($4 == $6 || $6 == 1 || $6 == $1) ? "own" : "another"}' /proc/$$/stat)"
say 'parent' "$(awk '{print $4}' /proc/$$/stat)"
say 'variables' "$(env | sed 's/=.*//' | grep -v '^_$' | sort | tr '\n' ' ')"
# By way of a file, so that no pipe of the shell's own is among them. Its script is 10 or so; what is open besides was left by somebody else.
ls /proc/$$/fd > /dev/shm/descriptors
for fd in $(cat /dev/shm/descriptors); do
  say "descriptor $fd" "$(readlink /proc/$$/fd/$fd | sed 's/[0-9][0-9]*/N/g')"
done
while read -r line; do
  say "limit $(echo "$line" | cut -c 1-25 | sed 's/ *$//')" "$(echo "$line" | cut -c 26-67 | tr -s ' ' | sed 's/ *$//')"
done < /proc/self/limits
for name in cgroup ipc mnt net pid time user uts; do say "namespace $name" "$(readlink /proc/self/ns/$name)"; done
while read -r id parent device root target options rest; do
  kind=${rest##*- }; tags=${rest%%- *}
  source=${kind#* }; super=${source#* }
  case $target in
    /) super=- ;;
    /etc/*|/sys/fs/cgroup/*) super=- ;;
  esac
  say "mount $target" "${kind%% *} $options $super [$(echo "$tags" | sed 's/:[0-9]*//g; s/ *$//')]"
done < /proc/self/mountinfo
for path in /dev/* /dev/.[a-z]*; do
  [ -e "$path" ] || [ -L "$path" ] || continue
  case $(ls -ld "$path") in
    l*) say "node $path" "link to $(readlink "$path")" ;;
    [cb]*) say "node $path" "$(ls -lnd "$path" | awk '{print $1, $3, $4, $5 $6}')" ;;
    *) say "node $path" "$(ls -lnd "$path" | awk '{print $1, $3, $4}')" ;;
  esac
done
# The cgroup's device rules: EPERM is theirs, "No such device" says that they let pass.
for device in 'c 1 1 mem' 'c 1 2 kmem' 'c 1 3 null' 'c 1 4 port' 'c 1 5 zero' 'c 1 7 full' 'c 1 8 random' 'c 1 9 urandom' 'c 1 11 kmsg' 'c 4 0 tty0' 'c 4 64 ttyS0' \
  'c 5 0 tty' 'c 5 1 console' 'c 5 2 ptmx' 'c 5 3 ttyprintk' 'c 10 135 rtc' 'c 10 200 tun' 'c 10 223 uinput' 'c 10 228 hpet' 'c 10 229 fuse' 'c 10 232 kvm' 'c 10 237 loop-control' \
  'c 13 63 mice' 'c 29 0 fb0' 'c 226 0 card0' 'c 136 200 pts' 'c 250 0 unknown' 'b 1 0 ram0' 'b 7 0 loop0' 'b 8 0 sda' 'b 9 0 md0' 'b 253 0 dm' 'b 254 0 vda' 'b 259 0 nvme'; do
  set -- $device
  node=/tmp/node-$4
  made=$(mknod "$node" "$1" "$2" "$3" 2>&1 && echo made || true)
  case $made in made) made=made ;; *) made="mknod ${made##*: }" ;; esac
  [ -e "$node" ] && say "device $1 $2:$3 $4" "$made, $(timeout 2 sh -c "( : < $node ) 2>&1 && echo open" | sed 's/.*: //')" || say "device $1 $2:$3 $4" "$made"
  rm -f "$node"
done
for path in acpi asound bus fs interrupts irq kallsyms kcore keys kmsg key-users latency_stats modules sched_debug scsi slabinfo sysrq-trigger timer_list timer_stats vmallocinfo \
  sys/kernel/core_pattern sys/kernel/modprobe sys/kernel/hostname sys/kernel/domainname sys/kernel/shm_rmid_forced sys/net/ipv4/ip_forward sys/vm/overcommit_memory sys/fs/binfmt_misc sys/kernel/randomize_va_space self/attr/current \
  1/oom_score_adj; do
  [ -e "/proc/$path" ] || { say "path /proc/$path" absent; continue; }
  if [ -d "/proc/$path" ]; then say "path /proc/$path" "entries $(ls -A "/proc/$path" 2>/dev/null | wc -l | sed 's/^0$/none/; s/^[0-9]*$/some/'), write $(try_write "/proc/$path/x")"; continue; fi
  case $(ls -ld "/proc/$path") in c*) say "path /proc/$path" 'covered by /dev/null'; continue ;; esac
  say "path /proc/$path" "read $(try_read "/proc/$path"), write $(try_write "/proc/$path")"
done
for path in firmware kernel/debug kernel/tracing kernel/security kernel/uevent_helper kernel/mm/hugepages fs/bpf fs/pstore devices/virtual/powercap module class/net power/state; do
  [ -e "/sys/$path" ] || { say "path /sys/$path" absent; continue; }
  if [ -d "/sys/$path" ]; then say "path /sys/$path" "entries $(ls -A "/sys/$path" 2>/dev/null | wc -l | sed 's/^0$/none/; s/^[0-9]*$/some/'), write $(try_write "/sys/$path/x")"; continue; fi
  say "path /sys/$path" "read $(try_read "/sys/$path"), write $(try_write "/sys/$path")"
done
for path in net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range net/ipv4/ip_forward net/ipv4/conf/eth0/route_localnet net/ipv6/conf/eth0/accept_ra net/ipv6/conf/eth0/disable_ipv6 net/ipv6/conf/lo/disable_ipv6 net/ipv4/conf/eth0/arp_notify; do
  say "sysctl $path" "$(cat /proc/sys/$path 2>/dev/null | tr '\t' ' ' || true)"
done
# Its own cgroup's, by the v1 names and else by the v2 ones.
limit() { for file in "/sys/fs/cgroup/$1" "/sys/fs/cgroup/$2"; do [ -f "$file" ] && { cat "$file"; return; }; done; echo absent; }
say 'cgroup memory limit' "$(limit memory/memory.limit_in_bytes memory.max)"
say 'cgroup swap limit' "$(limit memory/memory.memsw.limit_in_bytes memory.swap.max)"
say 'cgroup pids limit' "$(limit pids/pids.max pids.max)"
say 'cgroup cpu shares' "$(limit cpu/cpu.shares cpu.weight)"
say 'cgroup cpu quota' "$(limit cpu/cpu.cfs_quota_us cpu.max)"
say 'cgroup writable' "$(for at in /sys/fs/cgroup/pids /sys/fs/cgroup; do [ -d $at ] && { mkdir $at/x 2>&1 && { rmdir $at/x; echo yes; } || true; break; }; done | sed 's/.*: //')"
say 'raw socket' "$(ping -c 1 -W 1 127.0.0.1 >/dev/null 2>&1 && echo yes || echo no)"
say 'mount a tmpfs' "$(mount -t tmpfs none /tmp 2>&1 | sed 's/.*: //; s/^mount.*//')"
say 'chroot' "$(chroot / true 2>&1 | sed 's/.*: //' | sed 's/^$/yes/')"
say 'set the host name' "$(hostname x 2>&1 | sed 's/.*: //' | sed 's/^$/yes/')"
say 'user namespace' "$(unshare -U true 2>&1 | sed 's/.*: //' | sed 's/^$/yes/')"
