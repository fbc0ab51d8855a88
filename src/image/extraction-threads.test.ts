import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ExtractionThreads } from './extraction-threads.ts';
import type { ExtractionTarget } from './tree-extraction.ts';

/** `body` sees `job`, `what` and `piece` of each order, and answers with `say`. */
const program = (body: string): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort } from 'node:worker_threads';
      const say = (news) => parentPort.postMessage(news);
      const known = new Set();
      parentPort.on('message', ({ job, do: what, piece }) => { ${body} });
    `)}`,
  );

/** A thread that takes any archive. */
const PROGRAM = program(`
  if (what === 'consume') say({ job, taken: piece.sizeBytes });
  if (what === 'end') say({ job });
`);

test('an archive that comes while an idle thread ends is extracted by another one', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const threads = new ExtractionThreads(PROGRAM);
  const extract = () => threads.extract(Readable.from([Buffer.from('a'), Buffer.from('b')]), {} as ExtractionTarget);
  await extract();
  t.mock.timers.tick(30_000); // it is told to end, and has not yet
  await assert.doesNotReject(extract());
  t.mock.timers.tick(30_000);
});

/** More than the window, and so little more that the source ends while the window is full. */
const fullWindow = (): Readable => Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(60_000)));

/** Rejects with what `extraction` does; a hang is told after a time that no busy machine needs. */
async function settled(extraction: Promise<void>): Promise<void> {
  let bound: NodeJS.Timeout | undefined; // a thread does not keep the loop alive: this does
  const hang = new Promise<void>((_resolve, reject) => {
    bound = setTimeout(() => reject(new Error('the extraction never settled')), 30_000);
  });
  try {
    await Promise.race([extraction, hang]);
  } finally {
    clearTimeout(bound);
    // An error that nobody handles would be thrown by now, and fail the test.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

for (const [what, body, message] of [
  [
    'fails in its thread',
    `if (what === 'begin') known.add(job);
     if (what === 'consume' && known.delete(job)) say({ job, failure: { message: 'no space left on device', codes: [] } });`,
    'no space left on device',
  ],
  [
    'loses its thread',
    `if (what === 'consume') throw new Error('crashed');`,
    'the extraction of the archive ended: crashed',
  ],
]) {
  test(`an archive that ${what} after its source has ended is told of so, though the window is full`, async () => {
    const source = fullWindow();
    const extraction = new ExtractionThreads(program(body!)).extract(source, {} as ExtractionTarget);
    await assert.rejects(settled(extraction), { message });
    assert.equal(source.readableEnded, true);
  });
}

test('a client that leaves after all has been read of it is not waited for, though the window is full', async () => {
  const threads = new ExtractionThreads(program(`if (what === 'abandon') say({ job });`));
  const source = fullWindow();
  const client = new AbortController();
  source.once('close', () => setImmediate(() => client.abort()));
  await assert.rejects(settled(threads.extract(source, {} as ExtractionTarget, client.signal)), {
    message: 'context canceled',
  });
  assert.equal(source.readableEnded, true);
});

test('an archive whose client had left before is canceled, and no more of it is read', async () => {
  const threads = new ExtractionThreads(program(`if (what === 'abandon') say({ job });`));
  const source = new Readable({ read() {} });
  await assert.rejects(settled(threads.extract(source, {} as ExtractionTarget, AbortSignal.abort())), {
    message: 'context canceled',
  });
  assert.equal(source.destroyed, true);
});
