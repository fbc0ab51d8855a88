/**
 * Entry of a process that reads or writes one archive of a container, where its paths may reach file systems that do
 * not respond: then this process waits, and no other. It works step by step, as it has no other work.
 */
import { readFileSync, readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { tellError } from '../base/errors.ts';
import { NEWS_FD, ORDER_FD, type ArchiveNews, type ArchiveOrder } from './archive-messages.ts';
import { extractionTarget, getArchive, placeMounts, statPath, type ArchiveRoot } from './archive.ts';
import { TarExtraction } from './tar-extraction.ts';
import type { ExtractionTarget } from './tree-extraction.ts';

const CHUNK_BYTES = 256 * 1024;
const say = (news: ArchiveNews): void => void writeSync(NEWS_FD, `${JSON.stringify(news)}\n`);

async function main(): Promise<void> {
  const order = JSON.parse(readFileSync(ORDER_FD, 'utf8')) as ArchiveOrder;
  say({ news: 'begun' });
  const { path } = order;
  const root: ArchiveRoot = { ...order.root, ...placeMounts(order.root) };
  if (order.do === 'put') {
    const target = extractionTarget(root, path, order.options);
    say({ news: 'found' });
    extractInput(target);
  } else if (order.do === 'stat') say({ news: 'found', stat: statPath(root, path) });
  else {
    const { stat, tar } = await getArchive(root, path);
    say({ news: 'found', stat });
    await pipeline(tar, new Socket({ fd: 1, readable: false, writable: true }));
  }
  say({ news: 'done' });
}

function extractInput(target: ExtractionTarget): void {
  const extraction = new TarExtraction(target);
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  try {
    for (let size = readSync(0, buffer); size > 0; size = readSync(0, buffer))
      extraction.consume(buffer.subarray(0, size));
    extraction.end();
  } finally {
    extraction.abandon();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    say({ news: 'failed', ...tellError(error) });
    process.exit(1);
  },
);
