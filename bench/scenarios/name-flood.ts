/** A container that asks for names without end: what its neighbour notices. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../engines.ts';
import { median } from '../report.ts';
import type { Scenario, Settings } from '../scenario.ts';

const NETWORK = 'bench-dns-flood';
const CONTAINERS = ['bench-floods', 'bench-quiet', 'bench-named'] as const;
const FLOOD_LIMIT_S = 30;

const nameServer = async (engine: Engine, container: string): Promise<string> => {
  const server = /^nameserver (\S+)/m.exec(await engine.ok('exec', container, 'cat', '/etc/resolv.conf'))?.[1];
  if (server === undefined) throw new Error('no name server in the container');
  return server;
};

/** The median of one question after the other, in ms; none may be lost. */
async function neighbour(engine: Engine, settings: Settings): Promise<number> {
  const args = [
    '-s',
    await nameServer(engine, 'bench-quiet'),
    '-d',
    join(engine.sandbox.dir, 'flood-queries'),
    '-v',
    '-q',
    '1',
    '-Q',
    '200',
    '-l',
    settings.quick ? '1' : '3',
  ];
  const ran = await engine.sandbox.run('nsenter', [await engine.networkOf('bench-quiet'), 'dnsperf', ...args], {
    timeoutMs: 60_000,
  });
  const lost = /Queries lost:\s+(\d+)/.exec(ran.out)?.[1];
  if (ran.code !== 0 || lost === undefined)
    throw new Error(`dnsperf: ${ran.both.trim().split('\n').at(-1) ?? ''} (exit ${ran.code})`);
  if (lost !== '0') throw new Error(`${lost} questions of the neighbour were lost`);
  return median([...ran.out.matchAll(/^> NOERROR \S+ \S+ ([\d.]+)$/gm)].map(([, seconds]) => Number(seconds) * 1000));
}

export const nameFlood: Scenario = {
  rows: ['dns-flood-latency', 'dns-flood'],
  runs: 5,
  quickRuns: 1,
  warmUp: false,
  async prepare(engine) {
    await engine.ok('network', 'create', NETWORK);
    for (const name of CONTAINERS)
      await engine.ok('run', '-d', '--name', name, '--network', NETWORK, 'busybox', 'sleep', '100000');
    writeFileSync(join(engine.sandbox.dir, 'flood-queries'), 'bench-named A\n');
  },
  async measure(engine, settings) {
    const quiet = await neighbour(engine, settings);
    const args = [
      '-s',
      await nameServer(engine, 'bench-floods'),
      '-d',
      join(engine.sandbox.dir, 'flood-queries'),
      '-q',
      '2000',
      '-c',
      '2',
      '-l',
      String(FLOOD_LIMIT_S),
    ];
    const flood = engine.sandbox.spawn(
      'nsenter',
      [await engine.networkOf('bench-floods'), 'dnsperf', ...args],
      'ignore',
    );
    try {
      const flooded = await neighbour(engine, settings);
      if (flood.exitCode !== null) throw new Error('the flood ended by itself');
      return { 'dns-flood-latency': flooded, 'dns-flood': flooded / quiet };
    } finally {
      engine.sandbox.signal(flood, 'SIGKILL');
    }
  },
  async finish(engine) {
    await engine.remove(...CONTAINERS);
    await engine.docker('network', 'rm', NETWORK);
  },
};
