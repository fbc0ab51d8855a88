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
const jobs = new Map<number, TarExtraction>();
const say = (news: ExtractionNews) => port.postMessage(news);

port.on('message', (order: ExtractionOrder) => {
  const { job } = order;
  attempt(job, () => {
    if (order.do === 'begin') {
      jobs.set(job, new TarExtraction(order.target));
      if (order.file !== undefined) readOn(job, order.file, Buffer.allocUnsafeSlow(CHUNK_BYTES));
      return;
    }
    // Messages that were in transit when the job failed are dropped.
    const extraction = jobs.get(job);
    if (!extraction) return;
    if (order.do === 'consume') {
      const { buffer, byteOffset, byteLength } = order.bytes;
      extraction.consume(Buffer.from(buffer, byteOffset, byteLength));
      say({ job, taken: byteLength });
    } else if (order.do === 'end') {
      extraction.end();
      close(job);
    } else close(job);
  });
});

function readOn(job: number, file: number, buffer: Buffer): void {
  attempt(job, () => {
    const extraction = jobs.get(job);
    if (!extraction) return;
    const size = readSync(file, buffer, 0, buffer.length, null);
    if (size > 0) {
      extraction.consume(buffer.subarray(0, size));
      setImmediate(readOn, job, file, buffer);
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
  jobs.get(job)?.abandon();
  jobs.delete(job);
  say(failure ? { job, failure } : { job });
}
