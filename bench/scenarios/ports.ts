/** Many published ports: what they cost to publish, and what they cost whoever connects to one of them. */
import type { Engine } from '../engines.ts';
import { memoryOf } from '../memory.ts';
import { median } from '../report.ts';
import type { Scenario } from '../scenario.ts';
import { connectionsPerSecond, serveConnections, stopServing } from './traffic.ts';

const manyPorts = (count: number, range: string, runs: number, quickRuns: number): Scenario => ({
  rows: [`run-${count}-ports`, `memory-${count}-ports`],
  runs,
  quickRuns,
  warmUp: false,
  async measure(engine) {
    const before = memoryOf(engine.sandbox.processes()).rssMb;
    const seconds = await engine.timed(
      'run',
      '-d',
      '--name',
      'bench-ports',
      '-p',
      `${range}:${range}`,
      'busybox',
      'sleep',
      '100000',
    );
    const after = memoryOf(engine.sandbox.processes()).rssMb;
    await engine.remove('bench-ports');
    return { [`run-${count}-ports`]: seconds, [`memory-${count}-ports`]: Math.max(0, after - before) };
  },
  finish: (engine) => engine.remove('bench-ports'),
});

export const hundredPorts = manyPorts(100, '8000-8099', 3, 1);
export const thousandPorts = manyPorts(1000, '20000-20999', 1, 0);

export const connectionsAmongMany: Scenario = {
  rows: ['connections-2000-ports'],
  only: { engines: ['causeway', 'podman'], because: '2000 proxy processes do not fit this machine' },
  runs: 5,
  quickRuns: 0,
  warmUp: false,
  async prepare(engine) {
    await engine.ok(
      'run',
      '-d',
      '--name',
      'bench-many-1',
      '-p',
      '20000-20999:20000-20999',
      'busybox',
      'sleep',
      '100000',
    );
    await engine.ok(
      'run',
      '-d',
      '--name',
      'bench-many-2',
      '-p',
      '21000-21998:21000-21998',
      'busybox',
      'sleep',
      '100000',
    );
    await serveConnections(engine);
  },
  measure: async (engine, settings) => ({ 'connections-2000-ports': await connectionsPerSecond(engine, settings) }),
  async finish(engine) {
    await stopServing(engine);
    await engine.remove('bench-many-1', 'bench-many-2');
  },
};

const CROWD = 500;
const PORTS_EACH = 20;
const STARTS = 9;

function withPorts(engine: Engine, first: number): Promise<string> {
  const ports = Array.from({ length: PORTS_EACH }, (_, index) => index);
  const PortBindings = Object.fromEntries(ports.map((n) => [`${n + 1}/tcp`, [{ HostPort: String(first + n) }]]));
  const body = { Image: 'busybox', Cmd: ['sleep', '100000'], HostConfig: { PortBindings } };
  return engine.call('POST', '/containers/create', body).then(({ answer }) => String(answer.Id));
}

async function startMs(engine: Engine): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < STARTS; run++) {
    const id = await withPorts(engine, 19_000);
    times.push((await engine.call('POST', `/containers/${id}/start`)).seconds * 1000);
    await engine.call('DELETE', `/containers/${id}?force=1`);
  }
  return median(times);
}

/** Whether a start takes longer beside many containers with many ports. */
export const startAmongMany: Scenario = {
  rows: ['start-1st', 'start-501st', 'start-growth'],
  only: { engines: ['causeway', 'previous'], because: '10,000 proxy processes do not fit this machine' },
  runs: 1,
  quickRuns: 0,
  warmUp: false,
  async measure(engine) {
    await startMs(engine); // warms up
    const first = await startMs(engine);
    const there: string[] = [];
    for (let number = 0; number < CROWD; number++) {
      const id = await withPorts(engine, 20_000 + number * PORTS_EACH);
      there.push(id);
      await engine.call('POST', `/containers/${id}/start`);
    }
    const last = await startMs(engine);
    await Promise.all(there.map((id) => engine.call('DELETE', `/containers/${id}?force=1`)));
    return { 'start-1st': first, 'start-501st': last, 'start-growth': last / first };
  },
  async finish(engine) {
    const ids = (await engine.docker('ps', '-aq')).out.split('\n').filter(Boolean);
    if (ids.length > 0) await engine.remove(...ids);
  },
};
