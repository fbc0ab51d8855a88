/** An engine with 200 running containers: what its clients and its own start take. */
import type { Engine } from '../engines.ts';
import { median } from '../report.ts';
import type { Scenario } from '../scenario.ts';

const COUNT = 200;
const LISTS = 9;

const started = new Map<Engine, { readonly ids: readonly string[]; readonly seconds: number }>();

async function medianMs(work: () => Promise<{ readonly seconds: number }>): Promise<number> {
  const values: number[] = [];
  for (let run = 0; run < LISTS; run++) values.push((await work()).seconds * 1000);
  return median(values);
}

export const twoHundred: Scenario = {
  rows: ['start-200', 'ps-200', 'cli-ps-200', 'api-list-200', 'api-inspect', 'restart-200'],
  runs: 5,
  quickRuns: 1,
  warmUp: false,
  async prepare(engine) {
    const began = performance.now();
    const ids = await engine.startMany(COUNT, []);
    started.set(engine, { ids, seconds: (performance.now() - began) / 1000 });
  },
  async measure(engine) {
    const { ids, seconds } = started.get(engine)!;
    const list = await medianMs(() => engine.call('GET', '/containers/json'));
    const inspect = await medianMs(() => engine.call('GET', `/containers/${ids[0]!}/json`));
    const ps = await engine.timed('ps');
    const ownPs = await engine.timedOwn('ps');
    const restart = await engine.restart(COUNT);
    return {
      'start-200': seconds,
      'api-list-200': list,
      'api-inspect': inspect,
      'ps-200': ps,
      'cli-ps-200': ownPs,
      'restart-200': restart,
    };
  },
  async finish(engine) {
    await engine.remove(...(started.get(engine)?.ids ?? []));
    started.delete(engine);
  },
};
