/**
 * A "host" for a test: a network namespace made for it, in which an engine may do to the network what it likes. The
 * machine's own network is never touched. Always `destroy`.
 */
import { randomBytes } from 'node:crypto';
import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { writeFileSync } from 'node:fs';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export class Host {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  static create(): Host {
    const host = new Host(`cwt-${randomBytes(4).toString('hex')}`);
    check(run('ip', ['netns', 'add', host.name]));
    host.ok('ip', 'link', 'set', 'lo', 'up');
    return host;
  }

  /** One that there is, which its maker ends. */
  static named(name: string): Host {
    return new Host(name);
  }

  get netns(): string {
    return `/run/netns/${this.name}`;
  }

  /** Runs a program in the host's network; nsenter and not `ip netns exec`, which hides the cgroups. */
  run(file: string, ...args: string[]): Ran {
    return run('nsenter', [`--net=${this.netns}`, file, ...args]);
  }

  /** The same, and fails the test unless it exits 0. */
  ok(file: string, ...args: string[]): string {
    return check(this.run(file, ...args)).out;
  }

  shell(command: string): Ran {
    return this.run('sh', '-c', command);
  }

  spawn(file: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return spawn('nsenter', [`--net=${this.netns}`, file, ...args], options);
  }

  /** A cable to another host: interface `name` here with `address`, `peerName` there with `peerAddress`. */
  cable(name: string, address: string, peer: Host, peerName: string, peerAddress: string): void {
    this.ok('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', peerName, 'netns', peer.name);
    for (const [host, ifname, ip] of [
      [this, name, address],
      [peer, peerName, peerAddress],
    ] as const) {
      host.ok('ip', 'address', 'add', ip, 'dev', ifname, ...(ip.includes(':') ? ['nodad'] : []));
      host.ok('ip', 'link', 'set', ifname, 'up');
    }
  }

  sysctl(name: string, value: string): void {
    this.ok('sh', '-c', `echo ${value} > /proc/sys/${name.replaceAll('.', '/')}`);
  }

  destroy(): void {
    run('ip', ['netns', 'del', this.name]);
  }
}

export function run(file: string, args: readonly string[], input = ''): Ran {
  const result = spawnSync(file, args, {
    encoding: 'utf8',
    input,
    timeout: 120_000,
    maxBuffer: 1 << 27,
    env: testEnvironment(),
  });
  return {
    code: result.status ?? 128,
    out: result.stdout ?? '',
    err: (result.stderr ?? '') + (result.error ? String(result.error) : ''),
  };
}

export function testEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, COLUMNS: '200' };
  delete env['NODE_EXTRA_CA_CERTS'];
  return env;
}

export function check(ran: Ran): Ran {
  if (ran.code !== 0) throw new Error(`exit ${ran.code}\n${ran.out}${ran.err}`);
  return ran;
}

export function writeFile(path: string, text: string): string {
  writeFileSync(path, text);
  return path;
}
