/**
 * A monitor that asks all the time: lists with sizes, statistics once and as streams, events, states, logs since the
 * last time, some of it on connections that stay open and some on ones that are cut. The daemon has not grown by it.
 *
 * CAUSEWAY_POLLING_SECONDS says for how long; `npm run soak` takes ten minutes.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inMegabytes, Measured, MEASURED } from '../harness/process-size.ts';
import { TestEngine } from '../harness/test-engine.ts';
import { Monitor } from './soak/monitor.ts';
import { FULL, PART_SECONDS, recordResult } from './results.ts';

const SECONDS = Number(process.env['CAUSEWAY_POLLING_SECONDS'] ?? (FULL ? (PART_SECONDS ?? 600) : 15));
/** Until everything that is made once is there. */
const WARM_UP_SECONDS = Math.min(60, SECONDS / 2);
const MONITORS = 3;
const WATCHED = 6;
/** What is held is counted after a collection, to some tens of kB; what V8 compiles meanwhile is in it. */
const MAX_HELD_GROWTH = 1.1;
const MAX_RESIDENT_GROWTH = 1.25;
const ABOUT =
  `${MONITORS} monitors ask for lists with sizes, statistics, states, logs since the last time, networks, images and disk usage of ${WATCHED} containers without a pause; streams of events, logs and statistics stay open, others are cut off. ` +
  'A violation is an answer of another status or shape, a descriptor or a thread more than after the first minute, or a tenth more that the daemon holds after a collection of its garbage.';

let engine: TestEngine;

before(async () => {
  engine = await TestEngine.start(MEASURED);
  engine.importFixtures();
  engine.ok('network', 'create', 'watched');
  for (let index = 0; index < WATCHED; index++) {
    const network = index % 2 === 0 ? 'watched' : 'bridge';
    const says = 'while :; do echo out $((n += 1)); echo err >&2; sleep 1; done';
    engine.ok('run', '-d', '--name', `watched-${index}`, '--network', network, '-P', 'nginx', 'sh', '-c', says);
  }
  engine.ok('create', '--name', 'watched-created', 'busybox');
});
after(() => engine?.destroy());

test(
  `monitors that ask for ${SECONDS} s do not make the daemon grow`,
  { timeout: (SECONDS + 300) * 1000, skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const daemon = await Measured.daemon(engine);
    const wrong: string[] = [];
    const names = Array.from({ length: WATCHED }, (_, index) => `watched-${index}`);
    const monitors = Array.from({ length: MONITORS }, () => new Monitor(engine.socket, names, wrong));
    const watch = async (seconds: number): Promise<void> => {
      const end = Date.now() + seconds * 1000;
      await Promise.all(monitors.map((monitor) => monitor.poll(() => Date.now() < end && wrong.length === 0)));
    };
    const calls = (): number => monitors.reduce((sum, monitor) => sum + monitor.calls, 0);

    const idle = await daemon.size();
    for (const monitor of monitors) await monitor.openStreams();
    await watch(WARM_UP_SECONDS);
    const before = await daemon.size();
    const warm = calls();
    await watch(SECONDS - WARM_UP_SECONDS);
    const now = await daemon.size();
    const left = await daemon.leftOver(before, 30_000);
    if (left !== '') wrong.push(left);
    for (const monitor of monitors) monitor.close();
    const afterwards = await daemon.leftOver(idle, 30_000);
    if (afterwards !== '') wrong.push(`when the streams were closed: ${afterwards}`);

    const sizes = `${inMegabytes(before.heldBytes)} held and ${inMegabytes(before.anonymousBytes)} resident after ${warm} calls, ${inMegabytes(now.heldBytes)} and ${inMegabytes(now.anonymousBytes)} after ${calls()}`;
    t.diagnostic(`${sizes}; ${now.threads} threads`);
    if (now.heldBytes > before.heldBytes * MAX_HELD_GROWTH) wrong.push(sizes);
    if (now.anonymousBytes > before.anonymousBytes * MAX_RESIDENT_GROWTH) wrong.push(sizes);
    recordResult({
      part: 'Polling',
      about: ABOUT,
      item: `${MONITORS} monitors, ${SECONDS} s`,
      counts: { calls: calls() },
      violations: wrong,
    });
    assert.deepEqual(wrong, []);
  },
);
