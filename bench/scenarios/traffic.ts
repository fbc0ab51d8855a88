/**
 * What goes over the networks once they are there: bytes, requests and connections. The programs that measure are the
 * machine's own, inside the namespaces concerned.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pause, type Engine } from '../engines.ts';
import type { Scenario, Settings } from '../scenario.ts';

const PEER = join(import.meta.dirname, '../tcp-peer.mjs');

export const throughput: Scenario = {
  rows: ['throughput-containers', 'throughput-published'],
  runs: 5,
  quickRuns: 1,
  warmUp: false,
  async prepare(engine) {
    await engine.ok('network', 'create', 'bench-flow');
    await engine.ok('run', '-d', '--name', 'bench-source', '--network', 'bench-flow', 'busybox', 'sleep', '100000');
    await engine.ok(
      'run',
      '-d',
      '--name',
      'bench-sink',
      '--network',
      'bench-flow',
      '-p',
      '5201:5201',
      'busybox',
      'sleep',
      '100000',
    );
  },
  async measure(engine, settings) {
    const source = await engine.networkOf('bench-source');
    const between = await flow(
      engine,
      ['nsenter', source, 'iperf3'],
      await engine.addressOf('bench-sink', 'bench-flow'),
      settings,
    );
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
  const server = engine.sandbox.spawn(
    'nsenter',
    [await engine.networkOf('bench-sink'), 'iperf3', '-s', '-1', '-p', '5201', '--forceflush'],
    ['ignore', 'pipe', 'ignore'],
  );
  try {
    await saying(server, 'listening');
    const ran = await engine.sandbox.run(
      client[0]!,
      [...client.slice(1), '-c', address, '-p', '5201', '-J', '-t', settings.quick ? '1' : '2'],
      { timeoutMs: 30_000 },
    );
    const report = JSON.parse(ran.out) as { error?: string; end?: { sum_received?: { bits_per_second: number } } };
    if (report.error !== undefined || report.end?.sum_received === undefined)
      throw new Error(`iperf3 to ${address}: ${report.error ?? 'no result'}`);
    return report.end.sum_received.bits_per_second / 1e9;
  } finally {
    engine.sandbox.signal(server, 'SIGKILL');
  }
}

export async function saying(child: ReturnType<Engine['sandbox']['spawn']>, word: string): Promise<void> {
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
  for (const end = Date.now() + 10_000; !said.includes(word); await pause(10)) {
    if (Date.now() > end || child.exitCode !== null) throw new Error(`a server did not start: ${said}`);
  }
}

const servers = new Map<Engine, ReturnType<Engine['sandbox']['spawn']>>();

/** A container with a published port, and a server in it that answers connections with one byte. */
export async function serveConnections(engine: Engine): Promise<void> {
  await engine.ok('run', '-d', '--name', 'bench-server', '-p', '8100:8100', 'busybox', 'sleep', '100000');
  const server = engine.sandbox.spawn(
    'nsenter',
    [await engine.networkOf('bench-server'), process.execPath, PEER, 'serve', '8100'],
    ['ignore', 'pipe', 'ignore'],
  );
  servers.set(engine, server);
  await saying(server, 'listening');
}

export async function connectionsPerSecond(engine: Engine, settings: Settings): Promise<number> {
  const ran = await engine.sandbox.run(process.execPath, [
    PEER,
    'connect',
    '127.0.0.1',
    '8100',
    settings.quick ? '1' : '2',
    '16',
  ]);
  const { perSecond, failed } = JSON.parse(ran.out) as { perSecond: number; failed: number };
  if (failed > 0) throw new Error(`${failed} connections failed`);
  return perSecond;
}

export async function stopServing(engine: Engine): Promise<void> {
  const server = servers.get(engine);
  if (server) engine.sandbox.signal(server, 'SIGKILL');
  servers.delete(engine);
  await engine.remove('bench-server');
}

export const connections: Scenario = {
  rows: ['connections'],
  runs: 5,
  quickRuns: 1,
  warmUp: false,
  prepare: serveConnections,
  measure: async (engine, settings) => ({ connections: await connectionsPerSecond(engine, settings) }),
  finish: stopServing,
};

/** A host of its own on a network with the engine's host (RFC 5737 addresses). */
const OTHER_HOST = `
ip netns add bench-peer
ip link add bench-uplink type veth peer name uplink netns bench-peer
ip addr add 198.51.100.1/24 dev bench-uplink
ip link set bench-uplink up
ip -n bench-peer addr add 198.51.100.2/24 dev uplink
ip -n bench-peer link set uplink up
`;

const NGINX = (dir: string): string => `
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log stderr;
events {}
http { access_log off; server { listen 80; location / { return 200 "served\\n"; } } }
`;

export const requests: Scenario = {
  rows: ['requests'],
  runs: 5,
  quickRuns: 1,
  warmUp: false,
  async prepare(engine) {
    const made = await engine.sandbox.shell(`set -e\n${OTHER_HOST}`);
    if (made.code !== 0) throw new Error(`the other host could not be made: ${made.both.trim()}`);
    await engine.ok('run', '-d', '--name', 'bench-nginx', '-p', '8080:80', 'busybox', 'sleep', '100000');
    const config = join(engine.sandbox.dir, 'nginx.conf');
    writeFileSync(config, NGINX(engine.sandbox.dir));
    servers.set(
      engine,
      engine.sandbox.spawn('nsenter', [await engine.networkOf('bench-nginx'), 'nginx', '-c', config], 'ignore'),
    );
    for (
      const end = Date.now() + 10_000;
      !(await fromOtherHost(engine, 'curl', '-sf', '-m', '1', `http://${PUBLISHED}/`)).out.includes('served');
      await pause(50)
    ) {
      if (Date.now() > end) throw new Error('nginx does not answer');
    }
  },
  async measure(engine, settings) {
    const ran = await fromOtherHost(
      engine,
      'wrk',
      '-t',
      '1',
      '-c',
      '32',
      '-d',
      settings.quick ? '1s' : '3s',
      `http://${PUBLISHED}/`,
    );
    const perSecond = /Requests\/sec:\s+([\d.]+)/.exec(ran.out)?.[1];
    if (perSecond === undefined || /Socket errors|Non-2xx/.test(ran.out)) throw new Error(`wrk: ${ran.both.trim()}`);
    return { requests: Number(perSecond) };
  },
  async finish(engine) {
    const server = servers.get(engine);
    if (server) engine.sandbox.signal(server, 'SIGTERM');
    servers.delete(engine);
    await engine.remove('bench-nginx');
    await engine.sandbox.shell('ip link del bench-uplink; ip netns del bench-peer');
  },
};

const PUBLISHED = '198.51.100.1:8080';

const fromOtherHost = (engine: Engine, file: string, ...args: string[]) =>
  engine.sandbox.run('nsenter', ['--net=/run/netns/bench-peer', file, ...args], { timeoutMs: 30_000 });
