/**
 * The system calls that a container may make by default: everything else answers EPERM. The policy is Docker's default
 * profile as published (moby/profiles, seccomp/default.json, Apache-2.0), written down here as the engine's own data:
 * grouped by purpose, with the conditions that depend on capabilities and architecture as separate tables. `seccomp.ts`
 * resolves it.
 */
import type { OciSeccompArg } from './oci-spec.ts';

const words = (text: string): readonly string[] =>
  text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '');
const lines = (text: string): readonly string[] => words(text.replace(/^\s*\/\/.*$/gm, ''));

/** Allowed always, with any arguments. */
export const ALLOWED_SYSCALLS: readonly string[] = lines(`
  // Memory
  brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2
  mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease
  remap_file_pages
  // System V and POSIX message queues, semaphores, shared memory
  ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
  mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget
  // Sockets
  accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg
  send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair
  // Signals
  alarm kill pause pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
  rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack signalfd signalfd4
  sigprocmask sigreturn tgkill tkill
  // Clocks and timers
  adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
  clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
  timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
  timerfd_gettime64 timerfd_settime timerfd_settime64 times
  // Futexes and thread state
  futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list get_thread_area getcpu gettid
  rseq set_robust_list set_thread_area set_tid_address
  // Scheduling and limits
  getpriority getrlimit getrusage ioprio_get ioprio_set prlimit64 sched_get_priority_max sched_get_priority_min
  sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64
  sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield setpriority setrlimit ugetrlimit
  // Users, groups and capabilities
  capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
  getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32
  setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32
  // Processes
  execve execveat exit exit_group fork getpgid getpgrp getpid getppid getsid landlock_add_rule landlock_create_ruleset
  landlock_restrict_self pidfd_open prctl riscv_hwprobe seccomp setpgid setsid uretprobe vfork wait4 waitid waitpid
  // Waiting for events
  _newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
  eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy
  io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit poll ppoll ppoll_time64 pselect6 pselect6_time64
  select
  // Extended attributes
  fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr
  lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat
  // Reading, writing and moving data
  _llseek copy_file_range fadvise64 fadvise64_64 fallocate fdatasync fsync ftruncate ftruncate64 lseek pipe pipe2
  pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readv sendfile sendfile64 splice sync
  sync_file_range syncfs tee truncate truncate64 vmsplice write writev
  // Descriptors
  close close_range dup dup2 dup3 fcntl fcntl64 flock ioctl
  // Paths, metadata and directories
  access chdir chmod chown chown32 creat faccessat faccessat2 fchdir fchmod fchmodat fchmodat2 fchown fchown32
  fchownat fstat fstat64 fstatat64 fstatfs fstatfs64 futimesat getcwd getdents getdents64 lchown lchown32 link linkat
  listmount lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 readlink
  readlinkat rename renameat renameat2 rmdir stat stat64 statfs statfs64 statmount statx symlink symlinkat umask
  unlink unlinkat utime utimensat utimensat_time64 utimes
  // The system
  getrandom sysinfo uname
`);

/** Allowed with a capability in the bounding set. */
export const SYSCALLS_BY_CAPABILITY: Readonly<Record<string, readonly string[]>> = {
  CAP_BPF: ['bpf'],
  CAP_DAC_READ_SEARCH: ['open_by_handle_at'],
  CAP_PERFMON: ['perf_event_open'],
  CAP_SYSLOG: ['syslog'],
  CAP_SYS_ADMIN: words(`
    bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
    lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname
    sethostname setns syslog umount umount2 unshare`),
  CAP_SYS_BOOT: ['reboot'],
  CAP_SYS_CHROOT: ['chroot'],
  CAP_SYS_MODULE: ['delete_module', 'finit_module', 'init_module'],
  CAP_SYS_NICE: ['get_mempolicy', 'mbind', 'set_mempolicy', 'set_mempolicy_home_node'],
  CAP_SYS_PACCT: ['acct'],
  CAP_SYS_PTRACE: ['kcmp', 'pidfd_getfd', 'process_madvise', 'process_vm_readv', 'process_vm_writev', 'ptrace'],
  CAP_SYS_RAWIO: ['ioperm', 'iopl'],
  CAP_SYS_TIME: ['clock_settime', 'clock_settime64', 'settimeofday', 'stime'],
  CAP_SYS_TTY_CONFIG: ['vhangup'],
};

/**
 * Since Linux 4.8 a traced process cannot get around its filter: safe from there on. Every supported kernel is newer.
 */
export const TRACING_SYSCALLS: readonly string[] = ['process_vm_readv', 'process_vm_writev', 'ptrace'];

/** Allowed on one architecture only (Go's names for them). */
export const SYSCALLS_BY_ARCHITECTURE: Readonly<Record<string, readonly string[]>> = {
  amd64: ['arch_prctl', 'modify_ldt'],
  arm64: words('arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls'),
  ppc64le: ['sync_file_range2', 'swapcontext'],
  riscv64: ['riscv_flush_icache'],
  s390x: ['s390_pci_mmio_read', 's390_pci_mmio_write', 's390_runtime_instr'],
};

const argument = (value: number, op: string): OciSeccompArg => ({ index: 0, value, op });

/**
 * Address families of socket(2): all but AF_ALG (38: the kernel's crypto) and AF_VSOCK (40: reaches the hypervisor).
 */
export const SOCKET_FAMILIES: readonly OciSeccompArg[] = [
  argument(38, 'SCMP_CMP_LT'),
  argument(39, 'SCMP_CMP_EQ'),
  argument(40, 'SCMP_CMP_GT'),
];

/**
 * Execution domains of personality(2): Linux, Linux32 (8), each with UNAME26 (0x20000), and the question (0xffffffff).
 */
export const PERSONALITIES: readonly OciSeccompArg[] = [0, 8, 0x20000, 0x20008, 0xffffffff].map((value) =>
  argument(value, 'SCMP_CMP_EQ'),
);

/** Every CLONE_NEW* flag: without CAP_SYS_ADMIN, clone(2) is allowed when none of them is set. */
export const NAMESPACE_CLONE_FLAGS = 0x7e020000;

export const EPERM = 1;
export const ENOSYS = 38;

/** libseccomp's names: the architecture itself and those whose programs it runs too. */
export const SECCOMP_ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  amd64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
  ppc64le: ['SCMP_ARCH_PPC64LE'],
  riscv64: ['SCMP_ARCH_RISCV64'],
  s390x: ['SCMP_ARCH_S390X', 'SCMP_ARCH_S390'],
};
