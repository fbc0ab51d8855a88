/** What goes over the networks once they are there: names, bytes and connections. The programs that measure are the machine's own, inside the namespaces concerned. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pause, type Engine } from '../engines.ts';
import type { Scenario, Settings } from '../scenario.ts';

const PEER = join(import.meta.dirname, '../tcp-peer.mjs');

/** Runs a program of the machine in a container's network and gives what it printed. */
async function inside(engine: Engine, container: string, file: string, ...args: string[]): Promise<string> {
  const ran = await engine.sandbox.run('nsenter', [await engine.networkOf(container), file, ...args], { timeoutMs: 60_000 });
  if (ran.code !== 0) throw new Error(`${file}: ${ran.both.trim().split('\n').slice(-3).join(' ')} (exit ${ran.code})`);
  return ran.out;
}

export const names: Scenario = {
  rows: ['dns-queries', 'dns-latency'],
  runs: 5,
  quickRuns: 1,
  warmUp: false,
  async prepare(engine) {
    await engine.ok('network', 'create', 'bench-dns');
    for (const name of ['bench-asks', 'bench-named']) await engine.ok('run', '-d', '--name', name, '--network', 'bench-dns', 'busybox', 'sleep', '100000');
    writeFileSync(join(engine.sandbox.dir, 'queries'), 'bench-named A\n');
  },
  async measure(engine, settings) {
    const resolvConf = await engine.ok('exec', 'bench-asks', 'cat', '/etc/resolv.conf');
    const server = /^nameserver (\S+)/m.exec(resolvConf)?.[1];
    if (server === undefined) throw new Error('no name server in the container');
    const ask = (...args: string[]): Promise<string> => inside(engine, 'bench-asks', 'dnsperf', '-s', server, '-d', join(engine.sandbox.dir, 'queries'), ...args);
    const flood = await ask('-l', settings.quick ? '1' : '3');
    const trickle = await ask('-l', '1', '-Q', '1000');
    if (!/NOERROR \d+ \(100\.00%\)/.test(flood)) throw new Error(`not every query was answered well: ${/Response codes:.*/.exec(flood)?.[0] ?? flood}`);
    return {
      'dns-queries': Number(/Queries per second:\s+([\d.]+)/.exec(flood)?.[1]),
      'dns-latency': Number(/Average Latency \(s\):\s+([\d.]+)/.exec(trickle)?.[1]) * 1000,
    };
  },
  async finish(engine) {
    await engine.remove('bench-asks', 'bench-named');
    await engine.docker('network', 'rm', 'bench-dns');
  },
};

export const throughput: Scenario = {
  rows: ['throughput-containers', 'throughput-published'],
  runs: 5,
  quickRuns: 1,
  warmUp: false,
  async prepare(engine) {
    await engine.ok('network', 'create', 'bench-flow');
    await engine.ok('run', '-d', '--name', 'bench-source', '--network', 'bench-flow', 'busybox', 'sleep', '100000');
    await engine.ok('run', '-d', '--name', 'bench-sink', '--network', 'bench-flow', '-p', '5201:5201', 'busybox', 'sleep', '100000');
  },
  async measure(engine, settings) {
    const source = await engine.networkOf('bench-source');
    const between = await flow(engine, ['nsenter', source, 'iperf3'], await engine.addressOf('bench-sink', 'bench-flow'), settings);
    const published = await flow(engine, ['iperf3'], '127.0.0.1', settings);
    return { 'throughput-containers': between, 'throughput-published': published };
  },
  async finish(engine) {
    await engine.remove('bench-source', 'bench-sink');
    await engine.docker('network', 'rm', 'bench-flow');
  },
};

/** Gbit/s from a client to a server in the sink's network that serves one client and ends. */
async function flow(engine: Engine, client: readonly string[], address: string, settings: Settings): Promise<number> {
  const server = engine.sandbox.spawn('nsenter', [await engine.networkOf('bench-sink'), 'iperf3', '-s', '-1', '-p', '5201', '--forceflush'], ['ignore', 'pipe', 'ignore']);
  try {
    await saying(server, 'listening');
    const ran = await engine.sandbox.run(client[0]!, [...client.slice(1), '-c', address, '-p', '5201', '-J', '-t', settings.quick ? '1' : '2'], { timeoutMs: 30_000 });
    const report = JSON.parse(ran.out) as { error?: string; end?: { sum_received?: { bits_per_second: number } } };
    if (report.error !== undefined || report.end?.sum_received === undefined) throw new Error(`iperf3 to ${address}: ${report.error ?? 'no result'}`);
    return report.end.sum_received.bits_per_second / 1e9;
  } finally {
    engine.sandbox.signal(server, 'SIGKILL');
  }
}

async function saying(child: ReturnType<Engine['sandbox']['spawn']>, word: string): Promise<void> {
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
  for (const end = Date.now() + 10_000; !said.includes(word); await pause(10)) {
    if (Date.now() > end || child.exitCode !== null) throw new Error(`a server did not start: ${said}`);
  }
}

const servers = new Map<Engine, ReturnType<Engine['sandbox']['spawn']>>();

export const connections: Scenario = {
  rows: ['connections'],
  runs: 5,
  quickRuns: 1,
  warmUp: false,
  async prepare(engine) {
    await engine.ok('run', '-d', '--name', 'bench-server', '-p', '8100:8100', 'busybox', 'sleep', '100000');
    const server = engine.sandbox.spawn('nsenter', [await engine.networkOf('bench-server'), process.execPath, PEER, 'serve', '8100'], ['ignore', 'pipe', 'ignore']);
    servers.set(engine, server);
    await saying(server, 'listening');
  },
  async measure(engine, settings) {
    const ran = await engine.sandbox.run(process.execPath, [PEER, 'connect', '127.0.0.1', '8100', settings.quick ? '1' : '2', '16']);
    const { perSecond, failed } = JSON.parse(ran.out) as { perSecond: number; failed: number };
    if (failed > 0) throw new Error(`${failed} connections failed`);
    return { connections: perSecond };
  },
  async finish(engine) {
    const server = servers.get(engine);
    if (server) engine.sandbox.signal(server, 'SIGKILL');
    servers.delete(engine);
    await engine.remove('bench-server');
  },
};
