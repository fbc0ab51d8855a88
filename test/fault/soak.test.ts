/**
 * Containers, networks and volumes come and go from eight clients at once, with execs, links, ports, copies and log
 * readers that are cut off, while others' traffic goes on. Afterwards kernel, disk and API are as before, nothing is
 * open that was not, the daemon and the resolver have not grown, and `/_ping` was answered throughout.
 *
 * CAUSEWAY_SOAK_CONTAINERS says how many; `npm run soak` makes 2,000.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PingSampler, tooLong } from '../harness/ping-sampler.ts';
import { inMegabytes, Measured, MEASURED, type Size } from '../harness/process-size.ts';
import { TestEngine } from '../harness/test-engine.ts';
import { Random } from '../fuzz/random.ts';
import { FULL, PART_SECONDS, recordResult } from './results.ts';
import { Client, type Tally } from './soak/client.ts';
import { live } from './soak/lives.ts';
import { Bystanders } from './step-boundaries/bystanders.ts';
import { assertUntouched, ownCgroupParent, removeCgroupParent, tracesAtRest } from './traces.ts';

const CONTAINERS = Number(process.env['CAUSEWAY_SOAK_CONTAINERS'] ?? (FULL ? 2000 : 40));
/** Sizes are taken after each of so many parts; those after the first are what the last are compared with. */
const PARTS = FULL ? 10 : 2;
const CLIENTS = 8;
const MAX_SECONDS = PART_SECONDS ?? CONTAINERS * 10;
const MAX_GROWTH = 1.2;
/** A machine that is merely busy is not one whose disks and programs hang. */
const PATIENT = { CAUSEWAY_PATIENCE: 'conmonMs=120000,killMs=120000,graceMs=60000,mountMs=120000' };
const MAX_SILENCE_MS = 1000;
const ABOUT =
  `${CLIENTS} clients create, start, link, name, publish, exec, read and cut off, copy, connect, rename, pause, stop, kill and remove, some of it at the same time; two containers beside them talk on. ` +
  "A violation is a status that was not asked for, output, a link, an alias or a port that is not as it should be, a gap in the others' traffic, something that is left in kernel, disk or API, an open descriptor, a thread, memory of the daemon or the resolver 20 % above that after the first part, or a second without an answer to `/_ping` in which the daemon itself was at work.";

const parent = ownCgroupParent();
let engine: TestEngine;
let bystanders: Bystanders;
let pings: PingSampler;

before(async () => {
  engine = await TestEngine.start({ env: { ...MEASURED.env, ...PATIENT }, flags: ['--cgroup-parent', parent] });
  engine.importFixtures();
  engine.ok('run', '--rm', 'nginx', 'true'); // what is made once for an image
  engine.ok('volume', 'rm', engine.ok('volume', 'create'));
  bystanders = await Bystanders.start(engine);
  pings = await PingSampler.start(engine);
});
after(async () => {
  pings?.stop();
  await bystanders?.stop();
  await engine?.destroy();
  removeCgroupParent(parent);
});

/** The clients work until there have been so many containers, or there is no time left, or much is wrong. */
async function work(clients: readonly Client[], tally: Tally, containers: number, end: number): Promise<void> {
  await Promise.all(
    clients.map(async (client) => {
      for (let round = 0; tally.containers < containers && Date.now() < end && tally.wrong.length < 20; round++)
        await live(client, `soak-${client.number}-${tally.containers}-${round}`).catch((error: Error) =>
          client.wrong(String(error.stack)),
        );
    }),
  );
}

interface Watched {
  readonly name: string;
  readonly measured: Measured;
  readonly before: Size;
}

const inWords = ({ heldBytes, anonymousBytes, threads }: Size): string =>
  `${inMegabytes(heldBytes)} held, ${inMegabytes(anonymousBytes)} resident, ${threads} threads`;

/** What is more than after the first part. */
async function growth({ name, measured, before }: Watched): Promise<string[]> {
  const left = await measured.leftOver(before, 30_000);
  const now = await measured.size();
  const grown =
    now.heldBytes > before.heldBytes * MAX_GROWTH || now.anonymousBytes > before.anonymousBytes * MAX_GROWTH;
  return [
    ...(left === '' ? [] : [`${name}: ${left}`]),
    ...(grown ? [`${name}: ${inWords(before)}; at the end ${inWords(now)}`] : []),
  ];
}

test(
  'clients that do everything at once leave nothing, and nobody waits for them',
  { timeout: (MAX_SECONDS + 600) * 1000, skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const programs = { daemon: await Measured.daemon(engine), resolver: await Measured.resolver(engine) };
    const untouched = await tracesAtRest(engine, parent);
    const untilUntouched = (): Promise<void> =>
      assertUntouched(engine, parent, untouched, 'the soak', { timeoutMs: 60_000 });
    const tally: Tally = { containers: 0, calls: 0, wrong: [] };
    const { wrong } = tally;
    const clients = Array.from(
      { length: CLIENTS },
      (_, index) => new Client(engine, index, new Random(index + 1), tally),
    );
    const end = Date.now() + MAX_SECONDS * 1000;
    const watched: Watched[] = [];
    for (let part = 1; part <= PARTS && wrong.length === 0; part++) {
      await work(clients, tally, (CONTAINERS * part) / PARTS, end);
      await untilUntouched().catch((error: Error) => wrong.push(error.message));
      for (const [name, measured] of Object.entries(programs)) {
        const size = await measured.size();
        t.diagnostic(`${name} after ${tally.containers} containers: ${inWords(size)}`);
        if (part === 1) watched.push({ name, measured, before: size });
      }
    }

    const silence = await pings.longestSilence();
    const tooSilent = FULL ? tooLong(silence, MAX_SILENCE_MS) : undefined;
    if (tooSilent !== undefined) wrong.push(tooSilent);
    wrong.push(...(await bystanders.complaints()));
    for (const one of watched) wrong.push(...(await growth(one)));
    recordResult({
      part: 'Soak',
      about: ABOUT,
      item: `${CLIENTS} clients`,
      counts: { calls: tally.calls, 'containers that lived': tally.containers },
      violations: wrong,
    });
    t.diagnostic(`${tally.containers} containers, ${tally.calls} calls, longest silence ${silence.silentMs} ms`);
    assert.deepEqual(wrong, []);
  },
);
