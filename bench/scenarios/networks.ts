/** The life of a network, with a container that joins and leaves it while it runs. */
import { join } from 'node:path';
import { PROJECT } from '../../demo/images.ts';
import type { Engine } from '../engines.ts';
import { GROWTH_COUNTS, GROWTH_KINDS } from '../rows.ts';
import type { Scenario } from '../scenario.ts';

export const networkLife: Scenario = {
  rows: ['network-create', 'network-connect', 'network-disconnect', 'network-rm'],
  runs: 9,
  quickRuns: 3,
  warmUp: true,
  // On a user network: podman cannot connect containers of its default one.
  async prepare(engine) {
    await engine.ok('network', 'create', 'bench-home');
    await engine.ok('run', '-d', '--name', 'bench-guest', '--network', 'bench-home', 'busybox', 'sleep', '100000');
  },
  async measure(engine) {
    const create = await engine.timed('network', 'create', 'bench-net');
    const connect = await engine.timed('network', 'connect', 'bench-net', 'bench-guest');
    const disconnect = await engine.timed('network', 'disconnect', 'bench-net', 'bench-guest');
    const remove = await engine.timed('network', 'rm', 'bench-net');
    return {
      'network-create': create,
      'network-connect': connect,
      'network-disconnect': disconnect,
      'network-rm': remove,
    };
  },
  async finish(engine) {
    await engine.remove('bench-guest');
    await engine.docker('network', 'rm', 'bench-net', 'bench-home');
  },
};

/** The same through the API alone: what the engine takes, without a client that starts each time. */
export const networkCalls: Scenario = {
  rows: ['api-network-create', 'api-network-connect', 'api-network-disconnect', 'api-network-rm'],
  runs: 15,
  quickRuns: 3,
  warmUp: true,
  prepare: (engine) => networkLife.prepare!(engine),
  async measure(engine) {
    const ms = async (method: string, path: string, body?: object): Promise<number> =>
      (await engine.call(method, path, body)).seconds * 1000;
    const create = await ms('POST', '/networks/create', { Name: 'bench-net', Driver: 'bridge' });
    const connect = await ms('POST', '/networks/bench-net/connect', { Container: 'bench-guest' });
    const disconnect = await ms('POST', '/networks/bench-net/disconnect', { Container: 'bench-guest' });
    const remove = await ms('DELETE', '/networks/bench-net');
    return {
      'api-network-create': create,
      'api-network-connect': connect,
      'api-network-disconnect': disconnect,
      'api-network-rm': remove,
    };
  },
  finish: (engine) => networkLife.finish!(engine),
};

/** Runs a script of this folder beside the engine, in namespaces of its own; gives what it printed. */
async function inNamespaces(engine: Engine, script: string, ...args: string[]): Promise<unknown> {
  const apart = ['--net', '--mount', '--propagation', 'private'];
  const program = [process.execPath, '--import', import.meta.resolve('tsx'), join(PROJECT, 'bench', script), ...args];
  const ran = await engine.sandbox.run('unshare', [...apart, ...program], { timeoutMs: 300_000 });
  if (ran.code !== 0) throw new Error(`${script}: ${ran.err.trim().split('\n').at(-1) ?? ''} (exit ${ran.code})`);
  return JSON.parse(ran.out);
}

const FROM_WITHIN = {
  engines: ['causeway'],
  because: 'endpoints without containers can only be made from within',
} as const;

/** Whether a network gets slower with what is on it: with the network room alone. */
export const crowdedNetwork: Scenario = {
  rows: ['connect-at-10', 'connect-at-1000', 'connect-growth'],
  only: FROM_WITHIN,
  runs: 3,
  quickRuns: 0,
  warmUp: false,
  async measure(engine) {
    const { few, many } = (await inNamespaces(engine, 'crowded-network.ts')) as { few: number; many: number };
    return { 'connect-at-10': few, 'connect-at-1000': many, 'connect-growth': many / few };
  },
};

/** Whether the network's work grows with what is there already. */
export const growths: readonly Scenario[] = GROWTH_KINDS.map((kind) => ({
  rows: [...GROWTH_COUNTS.map((count) => `growth-${kind}-${count}`), `growth-${kind}`],
  only: FROM_WITHIN,
  runs: 1,
  quickRuns: 0,
  warmUp: false,
  async measure(engine) {
    const found = (await inNamespaces(engine, 'growth.ts', kind)) as Record<number, number>;
    const values = GROWTH_COUNTS.map((count): [string, number] => [`growth-${kind}-${count}`, found[count]!]);
    return { ...Object.fromEntries(values), [`growth-${kind}`]: values.at(-1)![1] / values[0]![1] };
  },
}));
