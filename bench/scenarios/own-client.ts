/** The command line that comes with each engine: for Causeway its own, for the others Docker's. */
import type { Scenario } from '../scenario.ts';

const CONTAINER = 'bench-listed';

export const ownClient: Scenario = {
  rows: ['cli-ps', 'cli-help'],
  runs: 21,
  quickRuns: 7,
  warmUp: true,
  prepare: async (engine) => void (await engine.ok('run', '-d', '--name', CONTAINER, 'busybox', 'sleep', '100000')),
  measure: async (engine) => ({
    'cli-ps': await engine.timedOwn('ps'),
    'cli-help': await engine.timedOwn('--help'),
  }),
  finish: (engine) => engine.remove(CONTAINER),
};
