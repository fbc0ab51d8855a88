import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ExtractionThreads } from './extraction-threads.ts';
import type { ExtractionTarget } from './tree-extraction.ts';

/** A thread that takes any archive. */
const PROGRAM = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ job, do: what, piece }) => {
      if (what === 'consume') parentPort.postMessage({ job, taken: piece.sizeBytes });
      if (what === 'end') parentPort.postMessage({ job });
    });
  `)}`,
);

test('an archive that comes while an idle thread ends is extracted by another one', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const threads = new ExtractionThreads(PROGRAM);
  const extract = () => threads.extract(Readable.from([Buffer.from('a'), Buffer.from('b')]), {} as ExtractionTarget);
  await extract();
  t.mock.timers.tick(30_000); // it is told to end, and has not yet
  await assert.doesNotReject(extract());
  t.mock.timers.tick(30_000);
});
