/** What the engine takes by itself: containers through the API alone, one at a time and by several clients at once. */
import { join } from 'node:path';
import type { Engine } from '../engines.ts';
import type { Scenario } from '../scenario.ts';

interface Phases {
  readonly create: number;
  readonly start: number;
  readonly wait: number;
  readonly remove: number;
}

/** Milliseconds of `run --rm busybox true` as its calls, one after the other. */
async function runByCalls(engine: Engine, network?: string): Promise<Phases> {
  const HostConfig = network === undefined ? {} : { NetworkMode: network };
  const created = await engine.call('POST', '/containers/create', { Image: 'busybox', Cmd: ['true'], HostConfig });
  const path = `/containers/${String(created.answer.Id)}`;
  const start = await engine.call('POST', `${path}/start`);
  const wait = await engine.call('POST', `${path}/wait`);
  const remove = await engine.call('DELETE', path);
  const ms = (call: { seconds: number }): number => call.seconds * 1000;
  return { create: ms(created), start: ms(start), wait: ms(wait), remove: ms(remove) };
}

const sum = ({ create, start, wait, remove }: Phases): number => create + start + wait + remove;

export const runCalls: Scenario = {
  rows: ['api-run', 'api-create', 'api-start', 'api-wait', 'api-remove'],
  runs: 41,
  quickRuns: 9,
  warmUp: true,
  async measure(engine) {
    const phases = await runByCalls(engine);
    return {
      'api-run': sum(phases),
      'api-create': phases.create,
      'api-start': phases.start,
      'api-wait': phases.wait,
      'api-remove': phases.remove,
    };
  },
};

const FLOOR_SCRIPT = join(import.meta.dirname, '../floor-run.mjs');

/** What is left below the row of start: the programs that an engine of this kind cannot do without. */
export const runFloor: Scenario = {
  rows: ['floor-run'],
  only: { engines: ['causeway'], because: 'its programs are measured without it' },
  runs: 3,
  quickRuns: 1,
  warmUp: false,
  prepare: async (engine) => void (await engine.ok('run', '-d', '--name', 'bench-floor', 'busybox', 'sleep', '100000')),
  async measure(engine) {
    const id = await engine.ok('inspect', '-f', '{{.Id}}', 'bench-floor');
    const found = await engine.sandbox.run('pgrep', ['-f', `conmon .*-c ${id}`]);
    const pid = found.out.trim().split('\n')[0]!;
    const inside = ['--target', pid, '--mount', process.execPath, FLOOR_SCRIPT, id, '15'];
    const ran = await engine.sandbox.run('nsenter', inside);
    if (ran.code !== 0) throw new Error(`floor-run: ${ran.both.trim()}`);
    return { 'floor-run': Number(ran.out) };
  },
  finish: (engine) => engine.remove('bench-floor'),
};

const NETWORK = 'bench-calls';

export const runCallsOnUserNetwork: Scenario = {
  rows: ['api-run-user-network'],
  runs: 41,
  quickRuns: 9,
  warmUp: true,
  prepare: async (engine) => void (await engine.ok('network', 'create', NETWORK)),
  measure: async (engine) => ({ 'api-run-user-network': sum(await runByCalls(engine, NETWORK)) }),
  finish: async (engine) => void (await engine.docker('network', 'rm', NETWORK)),
};

/** Does `work` as often, `clients` at a time; gives the seconds of it all. */
async function byClients(count: number, clients: number, work: () => Promise<unknown>): Promise<number> {
  let left = count;
  const one = async (): Promise<void> => {
    while (left-- > 0) await work();
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: clients }, one));
  return (performance.now() - started) / 1000;
}

export const parallelRuns: Scenario = {
  rows: ['api-run-64', 'run-32'],
  runs: 5,
  quickRuns: 1,
  warmUp: false,
  async measure(engine) {
    const byApi = await byClients(64, 8, () => runByCalls(engine));
    const byDocker = await byClients(32, 8, () => engine.ok('run', '--rm', 'busybox', 'true'));
    return { 'api-run-64': byApi, 'run-32': byDocker };
  },
};
