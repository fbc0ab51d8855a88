/**
 * The entry of a thread that extracts archives: several at a time, a chunk of each in turn. A disk that stalls holds up
 * this thread and no other.
 */
import { readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { tellError, type ToldError } from '../base/errors.ts';
import type { ExtractionNews, ExtractionOrder } from './extraction-messages.ts';
import { TarExtraction } from './tar-extraction.ts';

const port = parentPort!;
const CHUNK_BYTES = 256 * 1024;
const jobs = new Map<number, { readonly extraction: TarExtraction; readonly memory: Buffer }>();
const say = (news: ExtractionNews) => port.postMessage(news);

port.on('message', (order: ExtractionOrder) => {
  const { job } = order;
  attempt(job, () => {
    if (order.do === 'begin') {
      const { source, target } = order;
      const isFile = typeof source === 'number';
      const memory = isFile ? Buffer.allocUnsafeSlow(CHUNK_BYTES) : Buffer.from(source);
      jobs.set(job, { extraction: new TarExtraction(target), memory });
      if (isFile) readOn(job, source);
      return;
    }
    // Messages that were in transit when the job failed are dropped.
    const known = jobs.get(job);
    if (!known) return;
    const { extraction, memory } = known;
    if (order.do === 'consume') {
      const { at, sizeBytes } = order.piece;
      extraction.consume(memory.subarray(at, at + sizeBytes));
      say({ job, taken: sizeBytes });
    } else if (order.do === 'end') {
      extraction.end();
      close(job);
    } else close(job);
  });
});

function readOn(job: number, file: number): void {
  attempt(job, () => {
    const known = jobs.get(job);
    if (!known) return;
    const { extraction, memory } = known;
    const size = readSync(file, memory, 0, memory.length, null);
    if (size > 0) {
      extraction.consume(memory.subarray(0, size));
      setImmediate(readOn, job, file);
    } else {
      extraction.end();
      close(job);
    }
  });
}

function attempt(job: number, work: () => void): void {
  try {
    work();
  } catch (error) {
    close(job, tellError(error));
  }
}

function close(job: number, failure?: ToldError): void {
  jobs.get(job)?.extraction.abandon();
  jobs.delete(job);
  say(failure ? { job, failure } : { job });
}
