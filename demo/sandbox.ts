/**
 * A machine within the machine: network, mount and process namespaces of their own, with an empty /run, in which an
 * engine may do what it likes. A keeper inside waits for the end of a pipe that only we hold. When we end, for whatever
 * reason (kill -9 included), the kernel closes the pipe, and the keeper ends every other process, removes control
 * groups and files, and ends; with the last process the kernel takes away mounts, interfaces and rules. Should the
 * keeper itself be killed, the next sandbox removes what it left.
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Of files on disk; short, because the paths of sockets are limited to 107 characters. */
const PARENT = '/var/tmp';
const CGROUPS = '/sys/fs/cgroup';

/** RFC 5737: an address that belongs to nobody. */
const NAME_SERVER = '192.0.2.53';

export interface SandboxOptions {
  /** What it is for; part of its directory's name. */
  readonly purpose: string;
  /**
   * 'memory': its files are on a filesystem of its own that nobody else sees, and that is gone at once with it.
   * 'disk': in a directory that is visible from outside too.
   */
  readonly files: 'memory' | 'disk';
  /** Directories of the machine that programs inside may write to without the machine seeing it. */
  readonly copyOnWrite?: readonly string[];
  /** Takes away the v2 side of "hybrid" control groups, with which crun refuses to work. */
  readonly withoutUnifiedCgroup?: boolean;
  /** Names of top-level control groups that programs inside may leave behind. */
  readonly cgroups?: readonly string[];
}

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Both, in the order in which they came. */
  readonly both: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** The caller writes and ends standard input. */
  readonly keepInput?: boolean;
  readonly timeoutMs?: number;
}

class SandboxError extends Error {}

export class Sandbox {
  /** A directory for files; removed with it. */
  readonly dir: string;
  /** Names the process that it is of: also the name for the control group that its engine should use. */
  readonly id: string;
  readonly #holder: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #cgroups: readonly string[];
  #initPid = 0;

  private constructor(options: SandboxOptions) {
    this.id = `causeway-${options.purpose}-${pidNamespace()}-${process.pid}-${randomBytes(2).toString('hex')}`;
    this.dir = options.files === 'disk' ? join(PARENT, this.id) : '/run/sandbox';
    // What is there already is the machine's own.
    this.#cgroups = [
      this.id,
      ...(options.cgroups ?? []).filter((name) => !hierarchies().some((dir) => existsSync(join(dir, name)))),
    ];
    if (options.files === 'disk') mkdirSync(this.dir);
    const flags = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];
    // A session of its own: Ctrl-C in the terminal reaches us alone, and we end things in order.
    this.#holder = spawn('unshare', [...flags, '--', 'sh', '-c', initScript(options, this.dir, this.#cgroups)], {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: plainEnvironment(),
      cwd: '/',
    });
    this.#holder.stdin?.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#holder.once('error', () => resolve());
      this.#holder.once('exit', () => resolve());
    });
  }

  static async create(options: SandboxOptions): Promise<Sandbox> {
    removeStale(options);
    const sandbox = new Sandbox(options);
    try {
      await sandbox.#begun();
      return sandbox;
    } catch (error) {
      await sandbox.destroy();
      throw error;
    }
  }

  async #begun(): Promise<void> {
    let said = '';
    await new Promise<void>((resolve, reject) => {
      this.#holder.stdout?.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes('ready')) resolve();
      });
      this.#holder.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
      const fail = (): void =>
        reject(new SandboxError(`the sandbox could not be made: ${said.trim() || 'unshare failed'}`));
      this.#holder.once('error', fail);
      this.#holder.once('exit', fail);
    });
    this.#initPid = Number(
      readFileSync(`/proc/${this.#holder.pid}/task/${this.#holder.pid}/children`, 'utf8').trim().split(' ')[0],
    );
    if (!this.#initPid) throw new SandboxError('the sandbox ended at once');
  }

  /** Starts a program inside. The child is `nsenter`, which passes on the exit code but not signals. */
  spawn(
    file: string,
    args: readonly string[],
    stdio: StdioOptions = 'ignore',
    env: Readonly<Record<string, string>> = {},
  ): ChildProcess {
    const enter = ['--target', String(this.#initPid), '--net', '--mount', '--pid', '--', file, ...args];
    return spawn('nsenter', enter, {
      detached: true,
      stdio,
      cwd: '/',
      env: { ...plainEnvironment(), TMPDIR: join(this.dir, 'tmp'), ...env },
    });
  }

  /** Runs a program inside to its end. */
  run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return collect(this.spawn(file, args, ['pipe', 'pipe', 'pipe'], options.env), options);
  }

  shell(command: string, options: CommandOptions = {}): Promise<CommandResult> {
    return this.run('sh', ['-c', command], options);
  }

  /**
   * The engine's processes: those of this sandbox, but neither containers (they have process namespaces of their own)
   * nor its init.
   */
  processes(): number[] {
    const own = readLink(`/proc/${this.#initPid}/ns/pid`);
    if (own === undefined) return [];
    const keepers = childrenOf(this.#initPid).filter((pid) => commandLineOf(pid).includes(KEEPER));
    const scaffold = new Set([this.#initPid, ...keepers, ...keepers.flatMap(childrenOf)]);
    return allPids().filter((pid) => !scaffold.has(pid) && readLink(`/proc/${pid}/ns/pid`) === own);
  }

  /** Signals what `spawn` started: the program itself, behind its `nsenter`. */
  signal(child: ChildProcess, signal: NodeJS.Signals): void {
    if (child.pid !== undefined && child.exitCode === null)
      for (const pid of childrenOf(child.pid)) killQuietly(pid, signal);
  }

  /** Ends everything inside and removes what it left; may be called again. */
  async destroy(): Promise<void> {
    this.#holder.stdin?.destroy();
    // --kill-child: with unshare goes the first process, and with that one all.
    const impatience = setTimeout(() => this.#holder.kill('SIGKILL'), 20_000);
    await this.#ended;
    clearTimeout(impatience);
    if (this.dir.startsWith(PARENT)) await remove(this.dir);
    this.#cgroups.forEach(removeCgroups);
  }

  /** A path through which others can name the network in here: `nsenter --net=`. */
  get netns(): string {
    return `/proc/${this.#initPid}/ns/net`;
  }
}

/** The keeper's name among its arguments. */
const KEEPER = 'causeway-sandbox-keeper';

/**
 * Runs in the new namespaces; ends as tini, which buries orphans, over the keeper. `kill -9 -1` spares only those two.
 */
function initScript(options: SandboxOptions, dir: string, cgroups: readonly string[]): string {
  const named = cgroups.map((name) => `-name ${name}`).join(' -o ');
  const keeper = [
    'cat',
    'kill -9 -1',
    `for attempt in $(seq 100); do groups=$(find ${CGROUPS} -maxdepth 2 -type d \\( ${named} \\))`,
    '[ "$groups" ] || break',
    'find $groups -depth -type d -exec rmdir {} +',
    'sleep 0.02',
    'done',
    // What is mounted there in this namespace would be in the way.
    `grep -o " ${dir}/[^ ]*" /proc/self/mountinfo | sort -r | xargs -r umount -l`,
    `rm -rf ${dir}`,
  ];
  const lines = [
    'set -e',
    'mount -t tmpfs -o mode=755 tmpfs /run',
    `mkdir -p /run/lock ${dir}/tmp`,
    ...(options.copyOnWrite ?? []).flatMap((path) => [
      `mkdir -p /run/copies${path}/upper /run/copies${path}/work`,
      `mount -t overlay overlay -o lowerdir=${path},upperdir=/run/copies${path}/upper,workdir=/run/copies${path}/work ${path}`,
    ]),
    'ip link set lo up',
    // There is no way out to a name server, and nobody should wait for an answer: at an address of our own the kernel
    // refuses at once, provided that it may refuse more than once a second.
    `ip address add ${NAME_SERVER}/32 dev lo`,
    'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit',
    // Where it is a symbolic link into /run, that file is not there any more.
    'resolv=$(readlink -m /etc/resolv.conf); mkdir -p "${resolv%/*}"; [ -e "$resolv" ] || : >"$resolv"',
    `echo nameserver ${NAME_SERVER} >${dir}/resolv.conf; mount --bind ${dir}/resolv.conf "$resolv"`,
    ...(options.withoutUnifiedCgroup === true
      ? [
          'if grep -q . /sys/fs/cgroup/unified/cgroup.controllers 2>/dev/null; then umount -l /sys/fs/cgroup/unified; fi',
        ]
      : []),
    'echo ready',
    `exec tini -- sh -c '${keeper.join('; ')}' ${KEEPER} >/dev/null 2>&1`,
  ];
  return lines.join('\n');
}

/** Waits for a child and gives what it printed. */
export function collect(child: ChildProcess, options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    let out = '';
    let err = '';
    let both = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => ((out += text), (both += text)));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => ((err += text), (both += text)));
    child.stdin?.on('error', () => undefined);
    if (options.keepInput !== true) child.stdin?.end(options.input ?? '');
    const limitMs = options.timeoutMs ?? 60_000;
    const timer = setTimeout(() => {
      both += `\n(ended after ${limitMs / 1000} s)\n`;
      // Its own group: with nsenter goes what it started.
      if (child.pid !== undefined) killQuietly(-child.pid, 'SIGKILL');
    }, limitMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 137, out, err, both });
    });
  });
}

/** NODE_EXTRA_CA_CERTS makes every start of Node read a bundle of certificates that nothing here needs. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const name of ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'DOCKER_HOST', 'DOCKER_CONTEXT', 'CAUSEWAY_HOST'])
    delete env[name];
  return env;
}

/** A pid says nothing to who lives in another process namespace, but shares the disk. */
function pidNamespace(): string {
  return Number(/\d+/.exec(readLink('/proc/self/ns/pid') ?? '0')?.[0]).toString(36);
}

function removeStale(options: SandboxOptions): void {
  const mine = new RegExp(`^causeway-${options.purpose}-${pidNamespace()}-(\\d+)-[0-9a-f]{4}$`);
  const ended = (name: string): boolean => {
    const pid = mine.exec(name)?.[1];
    return pid !== undefined && readLink(`/proc/${pid}/exe`) === undefined;
  };
  for (const name of readdirSync(PARENT).filter(ended)) rmSync(join(PARENT, name), { recursive: true, force: true });
  for (const hierarchy of hierarchies()) for (const name of list(hierarchy).filter(ended)) removeCgroups(name);
}

/** The kernel lets go of a killed sandbox's mounts a moment after its last process. */
async function remove(dir: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      rmSync(dir, { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function hierarchies(): string[] {
  return [CGROUPS, ...list(CGROUPS).map((name) => join(CGROUPS, name))];
}

function removeCgroups(name: string): void {
  for (const hierarchy of hierarchies()) removeCgroup(join(hierarchy, name));
}

/** Control groups are removed as directories, the innermost first; their files need no removing. */
function removeCgroup(path: string): void {
  let entries;
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  try {
    rmdirSync(path);
  } catch {
    // Somebody else's processes are in it: then it is not ours to remove.
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}
