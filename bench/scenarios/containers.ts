/** Start to end of a container, as the person at the docker client waits for it. */
import { pause } from '../engines.ts';
import { memoryOf } from '../memory.ts';
import type { Scenario } from '../scenario.ts';

export const run: Scenario = {
  rows: ['run'],
  runs: 9,
  quickRuns: 3,
  warmUp: true,
  measure: async (engine) => ({ run: await engine.timed('run', '--rm', 'busybox', 'true') }),
};

export const runOnUserNetwork: Scenario = {
  rows: ['run-user-network'],
  runs: 9,
  quickRuns: 3,
  warmUp: true,
  prepare: async (engine) => void (await engine.ok('network', 'create', 'bench-run')),
  measure: async (engine) => ({
    'run-user-network': await engine.timed('run', '--rm', '--network', 'bench-run', 'busybox', 'true'),
  }),
  finish: async (engine) => void (await engine.docker('network', 'rm', 'bench-run')),
};

const CROWD = 41;

export const crowd: Scenario = {
  rows: ['rm-41', 'memory-per-container', 'memory-per-container-pss', 'memory-growth'],
  runs: 3,
  quickRuns: 1,
  warmUp: false,
  async measure(engine) {
    const pidsBefore = new Set(engine.sandbox.processes());
    const before = memoryOf(pidsBefore);
    const ids = await engine.startMany(CROWD, ['-p', '80']);
    const pids = engine.sandbox.processes();
    const own = memoryOf(pids.filter((pid) => !pidsBefore.has(pid)));
    const all = memoryOf(pids);
    const seconds = await engine.timed('rm', '-f', ...ids);
    return {
      'rm-41': seconds,
      'memory-per-container': own.rssMb / CROWD,
      'memory-per-container-pss': own.pssMb / CROWD,
      'memory-growth': Math.max(0, all.rssMb - before.rssMb) / CROWD,
    };
  },
  async finish(engine) {
    const ids = (await engine.docker('ps', '-aq')).out.split('\n').filter(Boolean);
    if (ids.length > 0) await engine.remove(...ids);
  },
};

/** After an image has been imported: threads and heaps that were needed for that go when nothing more comes. */
const UNTIL_AT_REST_MS = 25_000;

export const rest: Scenario = {
  rows: ['memory-at-rest', 'memory-at-rest-pss'],
  runs: 3,
  quickRuns: 1,
  warmUp: false,
  prepare: () => pause(UNTIL_AT_REST_MS),
  measure(engine) {
    const { rssMb, pssMb } = memoryOf(engine.sandbox.processes());
    return Promise.resolve({ 'memory-at-rest': rssMb, 'memory-at-rest-pss': pssMb });
  },
};
