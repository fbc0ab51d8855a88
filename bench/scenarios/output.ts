/** Output of programs in containers: to who waits for it, into the log and out of it. */
import type { Scenario } from '../scenario.ts';

const CONTAINER = 'bench-output';
const EXEC_MB = 200;
const LOG_MB = 72;
const LOG_QUICK_MB = 18;

export const execOutput: Scenario = {
  rows: ['exec-output'],
  runs: 5,
  quickRuns: 1,
  warmUp: true,
  prepare: async (engine) => void (await engine.ok('run', '-d', '--name', CONTAINER, 'busybox', 'sleep', '100000')),
  measure: async (engine) => ({
    'exec-output': await engine.timedUnread('exec', CONTAINER, 'head', '-c', `${EXEC_MB}000000`, '/dev/zero'),
  }),
  finish: (engine) => engine.remove(CONTAINER),
};

/** Lines of 72 bytes, written as fast as they are taken; read at once, when the program has ended. */
export const logs: Scenario = {
  rows: ['logs-write', 'logs-read'],
  runs: 3,
  quickRuns: 1,
  warmUp: false,
  async measure(engine, { quick }) {
    const megabytes = quick ? LOG_QUICK_MB : LOG_MB;
    const line = '0123456789'.repeat(7) + 'x';
    const program = `yes ${line} | head -c ${megabytes}000000`;
    await engine.ok('create', '--name', CONTAINER, 'busybox', 'sh', '-c', program);
    const started = await engine.timed('start', CONTAINER);
    const ended = (await engine.call('POST', `/containers/${CONTAINER}/wait`)).seconds;
    const read = await engine.timedUnread('logs', CONTAINER);
    await engine.remove(CONTAINER);
    return { 'logs-write': megabytes / (started + ended), 'logs-read': megabytes / read };
  },
  finish: (engine) => engine.remove(CONTAINER),
};
