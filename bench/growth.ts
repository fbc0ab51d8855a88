/**
 * Whether work gets longer with what is there already: operations of the network room beside few and many of a kind.
 * Sandboxes have no processes, the store and the resolver are in memory: what is measured is the room and the kernel.
 * To be run in a network and a mount namespace of its own, with a kind as its argument; prints { COUNT: ms }.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Lab } from '../test/network/lab.ts';
import { GROWTH_COUNTS, type GrowthKind } from './rows.ts';

const SETTLE_MS = 1000;
const RUNS = 40;
const PORTS_EACH = 10;
const NAMES_EACH = 10;

/** The tenth part that went best: what else the machine does, long work meets more of than short. */
async function best(work: () => Promise<void>, undo: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
    await undo();
    await sleep(5);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(RUNS / 10)]!;
}

interface Growth {
  /** Makes the one of that number; each counts as `each` of its kind. */
  readonly each: number;
  add(lab: Lab, number: number): Promise<unknown>;
  measure(lab: Lab): Promise<number>;
}

const joining = (request: (lab: Lab) => Parameters<Lab['join']>): Growth['measure'] => {
  let id = '';
  return (lab) =>
    best(
      async () => void ({ containerId: id } = await lab.join(...request(lab))),
      () => lab.service.leave(id),
    );
};

const ports = (first: number) => ({
  portBindings: Object.fromEntries(
    Array.from({ length: PORTS_EACH }, (_, index) => [
      `${index + 1}/tcp`,
      [{ hostIp: '0.0.0.0', hostPort: `${first + index}` }],
    ]),
  ),
});

const named = (lab: Lab, number: number) => [
  lab.connection('crowded', { aliases: Array.from({ length: NAMES_EACH }, (_, index) => `alias${number}-${index}`) }),
];

const join = (lab: Lab, number: number): Promise<unknown> => lab.join(`c${number}`, ['crowded']);

const GROWTHS: Readonly<Record<GrowthKind, Growth>> = {
  containers: { each: 1, add: join, measure: joining(() => ['guest', ['crowded']]) },
  names: {
    each: NAMES_EACH,
    add: (lab, number) => lab.join(`c${number}`, named(lab, number)),
    measure: joining((lab) => ['guest', named(lab, 9999)]),
  },
  ports: {
    each: PORTS_EACH,
    add: (lab, number) => lab.join(`c${number}`, ['crowded'], ports(20_000 + number * PORTS_EACH)),
    measure: joining(() => ['guest', ['crowded'], ports(19_000)]),
  },
  networks: {
    each: 1,
    add: (lab, number) => lab.createNetwork(`n${number}`),
    measure(lab) {
      let id = '';
      return best(
        async () => void ({ id } = await lab.createNetwork('one-more')),
        async () => void (await lab.service.removeNetwork(id)),
      );
    },
  },
  // A new service with all of them, for each of them.
  records: {
    each: 1,
    add: join,
    async measure(lab) {
      const times: number[] = [];
      for (let run = 0; run < 3; run++) {
        const started = performance.now();
        await lab.restart();
        times.push(performance.now() - started);
      }
      return Math.min(...times) / lab.store.sandboxes.size;
    },
  },
};

const kind = process.argv[2] as GrowthKind;
const { each, add, measure } = GROWTHS[kind];
const lab = await Lab.start({ addressPools: [{ base: '10.0.0.0/8', size: 22 }] });
try {
  await lab.createNetwork('crowded');
  const found: Record<number, number> = {};
  let present = 0;
  for (const count of GROWTH_COUNTS) {
    for (; present * each < count; present++) await add(lab, present);
    await sleep(SETTLE_MS); // the kernel is done with them
    if (count === GROWTH_COUNTS[0]) await measure(lab); // warms up
    found[count] = await measure(lab);
  }
  process.stdout.write(`${JSON.stringify(found)}\n`);
} finally {
  await lab.stop();
}
