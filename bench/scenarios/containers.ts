/** Start to end of a container, as the person at the docker client waits for it. */
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
  measure: async (engine) => ({ 'run-user-network': await engine.timed('run', '--rm', '--network', 'bench-run', 'busybox', 'true') }),
  finish: async (engine) => void (await engine.docker('network', 'rm', 'bench-run')),
};

export const hundredPorts: Scenario = {
  rows: ['run-100-ports', 'memory-100-ports'],
  runs: 3,
  quickRuns: 1,
  warmUp: false,
  async measure(engine) {
    const before = memoryOf(engine.sandbox.processes()).rssMb;
    const seconds = await engine.timed('run', '-d', '--name', 'bench-ports', '-p', '8000-8099:8000-8099', 'busybox', 'sleep', '100000');
    const after = memoryOf(engine.sandbox.processes()).rssMb;
    await engine.remove('bench-ports');
    return { 'run-100-ports': seconds, 'memory-100-ports': Math.max(0, after - before) };
  },
  finish: (engine) => engine.remove('bench-ports'),
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
    const ids: string[] = [];
    const startOne = async (): Promise<void> => {
      ids.push(await engine.ok('run', '-d', '-p', '80', 'busybox', 'sleep', '100000'));
    };
    // Two at a time: how fast that goes is not what is measured here.
    for (let started = 0; started < CROWD; started += 2) await Promise.all(started + 1 < CROWD ? [startOne(), startOne()] : [startOne()]);
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

export const rest: Scenario = {
  rows: ['memory-at-rest'],
  runs: 3,
  quickRuns: 1,
  warmUp: false,
  measure: (engine) => Promise.resolve({ 'memory-at-rest': memoryOf(engine.sandbox.processes()).rssMb }),
};
