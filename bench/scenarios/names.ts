/** Names on the networks of containers: how fast they are answered, and what the resolver takes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pause, type Engine, type EngineName } from '../engines.ts';
import { memoryOf } from '../memory.ts';
import type { Scenario, Settings } from '../scenario.ts';

/** Runs a program of the machine in a container's network and gives what it printed. */
async function inside(engine: Engine, container: string, file: string, ...args: string[]): Promise<string> {
  const ran = await engine.sandbox.run('nsenter', [await engine.networkOf(container), file, ...args], {
    timeoutMs: 60_000,
  });
  if (ran.code !== 0) throw new Error(`${file}: ${ran.both.trim().split('\n').slice(-3).join(' ')} (exit ${ran.code})`);
  return ran.out;
}

async function begin(engine: Engine): Promise<void> {
  await engine.ok('network', 'create', 'bench-dns');
  for (const name of ['bench-asks', 'bench-named'])
    await engine.ok('run', '-d', '--name', name, '--network', 'bench-dns', 'busybox', 'sleep', '100000');
  writeFileSync(join(engine.sandbox.dir, 'queries'), 'bench-named A\n');
}

/** The others on the network. */
const others = new Map<Engine, string[]>();

async function beginAmong(engine: Engine, containers: number): Promise<void> {
  await begin(engine);
  others.set(engine, await engine.startMany(containers - 2, ['--network', 'bench-dns']));
}

async function end(engine: Engine): Promise<void> {
  await engine.remove('bench-asks', 'bench-named', ...(others.get(engine) ?? []));
  others.delete(engine);
  await engine.docker('network', 'rm', 'bench-dns');
}

async function askMuch(engine: Engine, settings: Settings): Promise<{ perSecond: number; latencyMs: number }> {
  const resolvConf = await engine.ok('exec', 'bench-asks', 'cat', '/etc/resolv.conf');
  const server = /^nameserver (\S+)/m.exec(resolvConf)?.[1];
  if (server === undefined) throw new Error('no name server in the container');
  const ask = (...args: string[]): Promise<string> =>
    inside(engine, 'bench-asks', 'dnsperf', '-s', server, '-d', join(engine.sandbox.dir, 'queries'), ...args);
  const flood = await ask('-l', settings.quick ? '1' : '3');
  const trickle = await ask('-l', '1', '-Q', '1000');
  if (!/NOERROR \d+ \(100\.00%\)/.test(flood))
    throw new Error(`not every query was answered well: ${/Response codes:.*/.exec(flood)?.[0] ?? flood}`);
  return {
    perSecond: Number(/Queries per second:\s+([\d.]+)/.exec(flood)?.[1]),
    latencyMs: Number(/Average Latency \(s\):\s+([\d.]+)/.exec(trickle)?.[1]) * 1000,
  };
}

export const names: Scenario = {
  rows: ['dns-queries', 'dns-latency'],
  runs: 5,
  quickRuns: 1,
  warmUp: false,
  prepare: begin,
  async measure(engine, settings) {
    const { perSecond, latencyMs } = await askMuch(engine, settings);
    return { 'dns-queries': perSecond, 'dns-latency': latencyMs };
  },
  finish: end,
};

export const crowdedNames: Scenario = {
  rows: ['dns-queries-200', 'dns-latency-200', 'memory-resolver-200'],
  runs: 5,
  quickRuns: 0,
  warmUp: false,
  prepare: (engine) => beginAmong(engine, 200),
  async measure(engine, settings) {
    const { perSecond, latencyMs } = await askMuch(engine, settings);
    const memory = memoryOfResolver(engine);
    return {
      'dns-queries-200': perSecond,
      'dns-latency-200': latencyMs,
      ...(memory === undefined ? {} : { 'memory-resolver-200': memory }),
    };
  },
  finish: end,
};

export const fiveHundred: Scenario = {
  rows: ['memory-resolver-500', 'memory-resolver-500-rest', 'quiet-stop-500'],
  only: { engines: ['causeway', 'previous'], because: '500 containers take this engine too long' },
  runs: 1,
  quickRuns: 0,
  warmUp: false,
  prepare: (engine) => beginAmong(engine, 500),
  async measure(engine, settings) {
    await askMuch(engine, settings);
    const memory = memoryOfResolver(engine)!;
    const stop = await longestWork(engine, 15_000);
    return {
      'memory-resolver-500': memory,
      'memory-resolver-500-rest': memoryOfResolver(engine)!,
      'quiet-stop-500': stop,
    };
  },
  finish: end,
};

const SAMPLE_MS = 5;

/** Milliseconds of the longest piece of work in one go that the daemon's first thread does meanwhile. */
async function longestWork(engine: Engine, forMs: number): Promise<number> {
  const daemon = engine.sandbox.processes().find((pid) => argumentsOf(pid).includes('/daemon.mjs'));
  if (daemon === undefined) throw new Error('there is no daemon');
  const busyMs = (): number =>
    Number(readFileSync(`/proc/${daemon}/task/${daemon}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  let [longest, piece, before] = [0, 0, busyMs()];
  for (const end = Date.now() + forMs; Date.now() < end; await pause(SAMPLE_MS)) {
    const now = busyMs();
    piece = now - before < SAMPLE_MS / 2 ? 0 : piece + now - before;
    before = now;
    longest = Math.max(longest, piece);
  }
  return longest;
}

/** Those that answer names in a process of their own. */
const RESOLVERS: Readonly<Record<EngineName, string>> = {
  causeway: 'causeway-dns',
  previous: 'causeway-dns',
  dockerd: '',
  podman: 'aardvark-dns',
};

function memoryOfResolver(engine: Engine): number | undefined {
  const name = RESOLVERS[engine.name];
  const pids = engine.sandbox.processes().filter((pid) => name !== '' && commandOf(pid).startsWith(name.slice(0, 15)));
  return pids.length === 0 ? undefined : memoryOf(pids).rssMb;
}

const argumentsOf = (pid: number): string => ofProcess(pid, 'cmdline');
const commandOf = (pid: number): string => ofProcess(pid, 'comm').trim();

function ofProcess(pid: number, file: 'cmdline' | 'comm'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // it has ended
  }
}
