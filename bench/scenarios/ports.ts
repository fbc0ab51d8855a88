/** Many published ports: what they cost to publish, and what they cost whoever connects to one of them. */
import { memoryOf } from '../memory.ts';
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
