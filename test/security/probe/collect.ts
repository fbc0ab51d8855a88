/**
 * What containers of an engine find, collected through Docker's client: the same for ours and for the dockerd that it
 * is compared with.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, run } from '../../harness/host.ts';
import { readResults, syscallProgram, type ProbedCall } from './syscall-program.ts';

export type Facts = Readonly<Record<string, string>>;

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** name -> number, of x86-64. */
export const SYSCALLS: Readonly<Record<string, number>> = Object.fromEntries(
  readFileSync(here('syscalls-x86-64.txt'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([number, name]) => [name!, Number(number)]),
);

const KEYCTL_GET_KEYRING_ID = 0;
const SESSION_KEYRING = -3;
const CLONE_NEW: Readonly<Record<string, number>> = {
  ns: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  net: 0x40000000,
};
const EMPTY_PATH = 0x1000;

/** Calls whose arguments decide, and doors of 32-bit programs. */
const PARTICULAR: Readonly<Record<string, ProbedCall>> = {
  ...Object.fromEntries(
    Object.entries(CLONE_NEW).map(([name, flag]) => [
      `unshare(CLONE_NEW${name.toUpperCase()})`,
      { number: 272, args: [flag] },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(CLONE_NEW).map(([name, flag]) => [
      `clone(CLONE_NEW${name.toUpperCase()})`,
      { number: 56, args: [flag | 17, 0, 0, 0, 0] },
    ]),
  ),
  'clone(0)': { number: 56, args: [17, 0, 0, 0, 0] },
  ...Object.fromEntries(
    [
      ['AF_UNIX', 1],
      ['AF_INET', 2],
      ['AF_PACKET', 17],
      ['AF_NETLINK', 16],
      ['AF_ALG', 38],
      ['AF_NFC', 39],
      ['AF_VSOCK', 40],
      ['AF_XDP', 44],
    ].map(([name, family]) => [`socket(${name}, SOCK_RAW)`, { number: 41, args: [Number(family), 3, 0] }]),
  ),
  'socket(AF_ALG, SOCK_SEQPACKET)': { number: 41, args: [38, 5, 0] },
  'socket(AF_VSOCK, SOCK_STREAM)': { number: 41, args: [40, 1, 0] },
  ...Object.fromEntries(
    [0, 4, 8, 0x20000, 0x20008, 0x40000, 0x400000, 0xffffffff].map((value) => [
      `personality(0x${value.toString(16)})`,
      { number: 135, args: [value] },
    ]),
  ),
  'keyctl(get session keyring)': { number: 250, args: [KEYCTL_GET_KEYRING_ID, SESSION_KEYRING, 0] },
  'bpf(PROG_LOAD)': { number: 321, args: [5, 0, 0] },
  'io_uring_setup(1)': { number: 425, args: [1, 0] },
  'userfaultfd(user mode)': { number: 323, args: [1] },
  open_by_handle_at: { number: 304, args: [-100, 0, 0] },
  name_to_handle_at: { number: 303, args: [-100, 0, 0, 0, EMPTY_PATH] },
  'ptrace(TRACEME)': { number: 101, args: [0, 0, 0, 0] },
  'quotactl(Q_GETFMT)': { number: 179, args: [0x800004, 0, 0, 0] },
  'i386 mount': { number: 21, i386: true },
  'i386 umount2': { number: 52, i386: true },
  'i386 keyctl': { number: 288, i386: true },
  'i386 unshare(CLONE_NEWUSER)': { number: 310, args: [0x10000000], i386: true },
  'i386 socketcall': { number: 102, i386: true },
  'i386 socket(AF_VSOCK, SOCK_STREAM)': { number: 359, args: [40, 1, 0], i386: true },
  'i386 clone3': { number: 435, i386: true },
  'i386 vm86': { number: 166, i386: true },
  'i386 bpf': { number: 357, i386: true },
  'x32 mount': { number: 0x40000000 + 165 },
  'x32 read': { number: 0x40000000 },
  'x32 ptrace': { number: 0x40000000 + 521 },
};

/**
 * Each makes a process more, which stores its result when it comes to it, whatever is tried by then: after these nothing
 * is, and they have the same result.
 */
const FORKING = ['clone(CLONE_NEWUSER)', 'clone(0)', 'fork', 'vfork'];

/** By name: every call of x86-64 with arguments that mean nothing, and the particular ones. */
export const PROBED: Readonly<Record<string, ProbedCall>> = forkingLast({
  ...Object.fromEntries(Object.entries(SYSCALLS).map(([name, number]) => [name, { number }])),
  ...PARTICULAR,
});

function forkingLast(calls: Readonly<Record<string, ProbedCall>>): Record<string, ProbedCall> {
  const others = Object.entries(calls).filter(([name]) => !FORKING.includes(name));
  return Object.fromEntries([...others, ...FORKING.map((name) => [name, calls[name]!] as const)]);
}

/** Imports the probes as the image `confinement`: busybox, the script and the program. */
export function importProbes(dockerHost: string): void {
  const root = mkdtempSync(join(tmpdir(), 'causeway-probe-'));
  try {
    for (const directory of ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev', 'work'])
      mkdirSync(join(root, directory));
    chmodSync(join(root, 'tmp'), 0o1777);
    copyFileSync(check(run('sh', ['-c', 'command -v busybox'])).out.trim(), join(root, 'bin/busybox'));
    for (const applet of check(run('busybox', ['--list']))
      .out.trim()
      .split('\n'))
      if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/tmp:/bin/sh\n');
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\nweb:x:33:\nstaff:x:50:web\n');
    copyFileSync(here('facts.sh'), join(root, 'facts.sh'));
    writeFileSync(join(root, 'syscalls'), syscallProgram(Object.values(PROBED)), { mode: 0o755 });
    check(
      run('sh', ['-c', `tar -C ${root} -c . | DOCKER_HOST=${dockerHost} docker import -c 'CMD ["sh"]' - confinement`]),
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function docker(dockerHost: string, args: readonly string[]): Buffer {
  const ran = spawnSync('docker', args, {
    env: { ...process.env, DOCKER_HOST: dockerHost },
    timeout: 60_000,
    maxBuffer: 1 << 26,
  });
  if (ran.status !== 0)
    throw new Error(`docker ${args.join(' ')}: exit ${ran.status}\n${String(ran.stdout)}${String(ran.stderr)}`);
  return ran.stdout;
}

/** What came of each call, by name, in a container that is run with these options. */
export function probeSyscalls(dockerHost: string, options: readonly string[]): Facts {
  const results = readResults(docker(dockerHost, ['run', '--rm', ...options, 'confinement', '/syscalls']));
  const names = Object.keys(PROBED);
  if (results.length !== names.length) throw new Error(`${results.length} results of ${names.length} calls`);
  return Object.fromEntries(names.map((name, index) => [name, results[index]!]));
}

/** The facts of a container that is run with these options, or of an exec in one. */
export function probeFacts(dockerHost: string, options: readonly string[], exec?: readonly string[]): Facts {
  if (exec === undefined)
    return parse(docker(dockerHost, ['run', '--rm', ...options, 'confinement', 'sh', '/facts.sh']));
  const id = String(docker(dockerHost, ['run', '-d', ...options, 'confinement', 'sleep', '1000'])).trim();
  try {
    return parse(docker(dockerHost, ['exec', ...exec, id, 'sh', '/facts.sh']));
  } finally {
    docker(dockerHost, ['rm', '-f', id]);
  }
}

function parse(output: Buffer): Facts {
  const facts: Record<string, string> = {};
  for (const line of String(output).replaceAll('\r', '').split('\n')) {
    const [key, value] = line.split('\t');
    if (key === undefined || value === undefined) continue;
    if (key.startsWith('descriptor ') && value === '') continue; // closed by now: the shell's copy while it wrote the list
    facts[key] = key.startsWith('namespace ') ? (value === hostNamespace(key.slice(10)) ? "the host's" : 'own') : value;
  }
  return facts;
}

const hostNamespace = (name: string): string => readlinkSync(`/proc/self/ns/${name}`);
