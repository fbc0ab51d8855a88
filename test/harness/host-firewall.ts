/**
 * Real firewall programs on a test host: ufw and firewalld as Debian has them, iptables of both kinds. For a process in
 * a network and a mount namespace of its own (test/network/inside.ts): their configuration, their bus and their logs
 * are copies that nobody else sees.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../src/base/program.ts';

export interface FirewallProgram {
  /** As warnings call it. */
  readonly words: string;
  /** What must be installed. */
  readonly programs: readonly string[];
  /** Commands that turn it on, reload it, flush its rules behind its back, turn it off. */
  readonly start: readonly string[];
  readonly reload: string;
  readonly flush: string;
  readonly stop: readonly string[];
  readonly daemon?: 'firewalld';
}

const UFW_FLUSH = 'iptables -F; ip6tables -F; iptables -P INPUT ACCEPT; ip6tables -P INPUT ACCEPT';
const each = (program: string, ...commands: string[]) =>
  commands.flatMap((command) => [`${program} ${command}`, `${program.replace('ip', 'ip6')} ${command}`]);

export const FIREWALLS = {
  ufw: {
    words: 'ufw',
    programs: ['ufw', 'iptables'],
    start: ['ufw --force enable'],
    reload: 'ufw reload',
    flush: UFW_FLUSH,
    stop: ['ufw disable'],
  },
  'ufw, routed traffic rejected': {
    words: 'ufw',
    programs: ['ufw', 'iptables'],
    start: ['ufw default reject routed', 'ufw --force enable'],
    reload: 'ufw reload',
    flush: UFW_FLUSH,
    stop: ['ufw disable', 'ufw default deny routed'],
  },
  firewalld: {
    words: 'firewalld',
    programs: ['firewalld', 'firewall-cmd', 'dbus-daemon'],
    start: [],
    reload: 'firewall-cmd --reload',
    flush: 'nft delete table inet causeway',
    stop: [],
    daemon: 'firewalld',
  },
  'firewalld, default zone drop': {
    words: 'firewalld',
    programs: ['firewalld', 'firewall-cmd', 'dbus-daemon'],
    start: ['firewall-cmd --set-default-zone=drop'],
    reload: 'firewall-cmd --reload',
    flush: 'nft delete table inet causeway',
    stop: [],
    daemon: 'firewalld',
  },
  'iptables, policy DROP': {
    words: 'iptables',
    programs: ['iptables-nft'],
    start: each('iptables-nft', '-P FORWARD DROP'),
    reload: 'true',
    flush: 'iptables-nft -F; ip6tables-nft -F',
    stop: each('iptables-nft', '-P FORWARD ACCEPT'),
  },
  'iptables-legacy, policy DROP': {
    words: 'iptables-legacy',
    programs: ['iptables-legacy'],
    start: each('iptables-legacy', '-P FORWARD DROP'),
    reload: 'true',
    flush: 'iptables-legacy -F; ip6tables-legacy -F',
    stop: each('iptables-legacy', '-P FORWARD ACCEPT'),
  },
} as const satisfies Record<string, FirewallProgram>;

export type FirewallName = keyof typeof FIREWALLS;

/** Why a firewall cannot be had here; undefined where it can. */
export function missingFirewall(name: FirewallName): string | undefined {
  const missing = FIREWALLS[name].programs.find(
    (program) => !['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((dir) => existsSync(join(dir, program))),
  );
  if (missing !== undefined) return `${missing} is not installed`;
  if (name.includes('legacy') && spawnSync('iptables-legacy', ['-S', 'FORWARD']).status !== 0)
    return 'the kernel has no iptables-legacy';
  return undefined;
}

const BUS = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/><allow send_requested_reply="true"/><allow receive_type="method_call"/><allow receive_type="signal"/><allow receive_requested_reply="true"/><allow user="*"/></policy></busconfig>`;

export class HostFirewall {
  readonly #dir = mkdtempSync(join(tmpdir(), 'cwf-'));
  readonly #mounts: string[] = [];
  readonly #daemons: ChildProcess[] = [];
  readonly program: FirewallProgram;

  constructor(name: FirewallName) {
    this.program = FIREWALLS[name];
  }

  /** Turned on, with its own defaults. */
  async start(): Promise<void> {
    for (const [index, path] of ['/etc/ufw', '/etc/default', '/etc/firewalld', '/run/dbus', '/var/log'].entries()) {
      if (!existsSync(path)) continue;
      const copy = join(this.#dir, String(index));
      if (path.startsWith('/etc')) cpSync(path, copy, { recursive: true, verbatimSymlinks: true });
      else mkdirSync(copy);
      must(`mount --bind ${copy} ${path}`);
      this.#mounts.push(path);
    }
    rmSync('/etc/firewalld/zones', { recursive: true, force: true });
    rmSync('/etc/firewalld/policies', { recursive: true, force: true });
    if (this.program.daemon) await this.startFirewalld();
    for (const command of this.program.start) must(command);
  }

  /** With its configuration as it is. */
  async startFirewalld(): Promise<void> {
    rmSync('/run/dbus/system_bus_socket', { force: true });
    writeFileSync(join(this.#dir, 'bus.conf'), BUS);
    this.#spawn('dbus-daemon', [`--config-file=${join(this.#dir, 'bus.conf')}`, '--nofork', '--nopidfile']);
    await eventually('the bus', () => existsSync('/run/dbus/system_bus_socket'));
    this.#spawn('firewalld', ['--nofork', '--nopid']);
    await eventually('firewalld', () => shell('firewall-cmd --state').code === 0);
  }

  #spawn(file: string, args: readonly string[]): void {
    this.#daemons.push(spawn(file, args, { stdio: 'ignore' }));
  }

  /** Does not block this process: whoever answers requests meanwhile may live in it. */
  async reload(): Promise<void> {
    const { code, stdout, stderr } = await runProgram('sh', ['-c', this.program.reload]);
    if (code !== 0) throw new Error(`${this.program.reload}: exit ${code}\n${stdout}${stderr}`);
  }

  /** All rules of others that the kernel has here. */
  rules(): string {
    return shell(
      'nft list ruleset; iptables-legacy-save; ip6tables-legacy-save; [ ! -e /run/dbus/system_bus_socket ] || firewall-cmd --list-all-zones',
    ).out;
  }

  flush(): void {
    shell(this.program.flush);
  }

  /** firewalld and its bus only: configuration and mounts stay. */
  async endDaemons(): Promise<void> {
    for (const child of this.#daemons.splice(0).reverse()) {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    for (const command of this.program.stop) shell(command);
    await this.endDaemons();
    for (const family of ['ip', 'ip6'])
      for (const table of ['filter', 'nat', 'mangle', 'raw']) shell(`nft delete table ${family} ${table} 2>/dev/null`);
    shell('nft delete table inet firewalld 2>/dev/null');
    for (const path of this.#mounts.splice(0).reverse()) must(`umount ${path}`);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

export function shell(command: string): { readonly code: number; readonly out: string } {
  const result = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 60_000 });
  return { code: result.status ?? 128, out: `${result.stdout}${result.stderr}` };
}

export function must(command: string): string {
  const { code, out } = shell(command);
  if (code !== 0) throw new Error(`${command}: exit ${code}\n${out}`);
  return out;
}

async function eventually(what: string, test: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50)))
    if (test()) return;
  throw new Error(`${what} did not come up`);
}
