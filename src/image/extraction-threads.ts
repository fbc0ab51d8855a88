/**
 * Archives are extracted in threads other than the daemon's own, so that the API answers while a large or hostile one
 * is written and while a disk stalls. A thread starts when it is needed and ends when it has had nothing to do for a
 * while; one that crashes, or whose archive takes more memory than it has, is a failure of what it was extracting and
 * of nothing else.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { systemError, toldError, type CausewayError } from '../base/errors.ts';
import type { ExtractionNews, ExtractionOrder } from './extraction-messages.ts';
import { ExtractionWindow } from './extraction-window.ts';
import type { ExtractionTarget } from './tree-extraction.ts';

const MAX_THREADS = 4;
/** A thread is 9 MB; a new one begins within the time of a small layer. */
const IDLE_MS = 10_000;
const MAX_HEAP_MB = 96;
/** How long an archive whose client has left is waited for: what it holds open keeps a file system mounted. */
const ABANDON_MS = 5_000;

/**
 * Next to the daemon's own program. A run from sources, or a build with hooks for tests, has none and extracts in its
 * own thread.
 */
const PROGRAM = fileURLToPath(new URL('./extraction.mjs', import.meta.url));
export const hasExtractionThreads = existsSync(PROGRAM);

/** The caller has gone; Docker's words. */
export const canceled = (): CausewayError => systemError('context canceled');

class Job {
  readonly done: Promise<void>;
  /** The thread has written as many bytes. */
  readonly taken: (sizeBytes: number) => void;
  #settle!: (error?: Error) => void;

  constructor(taken: (sizeBytes: number) => void = () => {}) {
    this.taken = taken;
    this.done = new Promise((resolve, reject) => (this.#settle = (error) => (error ? reject(error) : resolve())));
    this.done.catch(() => {}); // the reader of the source may notice first
  }

  finish(error?: Error): void {
    this.#settle(error);
  }
}

class ExtractionThread {
  readonly #worker: Worker;
  readonly #jobs = new Map<number, Job>();
  readonly #onEnd: (thread: ExtractionThread) => void;
  #idle: NodeJS.Timeout | undefined;
  #last = 0;

  /** `onEnd`: it takes nothing more, and may be told so twice. */
  constructor(program: string | URL, onEnd: (thread: ExtractionThread) => void) {
    this.#worker = new Worker(program, { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB } });
    this.#onEnd = onEnd;
    let reason = '';
    this.#worker.unref();
    this.#worker.on('message', (news: ExtractionNews) => this.#hear(news));
    this.#worker.on('error', (error) => (reason = `: ${error.message}`));
    this.#worker.on('exit', () => {
      onEnd(this);
      clearTimeout(this.#idle);
      for (const job of this.#jobs.values()) job.finish(systemError(`the extraction of the archive ended${reason}`));
      this.#jobs.clear();
    });
  }

  get load(): number {
    return this.#jobs.size;
  }

  #say(order: ExtractionOrder): void {
    this.#worker.postMessage(order);
  }

  #hear(news: ExtractionNews): void {
    const job = this.#jobs.get(news.job);
    if ('taken' in news) return job?.taken(news.taken);
    this.#jobs.delete(news.job);
    const { failure } = news;
    job?.finish(failure && toldError(failure));
    if (this.load === 0) this.#idle = setTimeout(() => this.#retire(), IDLE_MS).unref();
  }

  /** It ends some time later: what it were given until then would be lost. */
  #retire(): void {
    this.#onEnd(this);
    void this.#worker.terminate();
  }

  async extract(tar: Readable | number, target: ExtractionTarget, signal: AbortSignal | undefined): Promise<void> {
    clearTimeout(this.#idle);
    const id = ++this.#last;
    const begin = (source: number | SharedArrayBuffer, taken?: (sizeBytes: number) => void): Job => {
      const job = new Job(taken);
      this.#jobs.set(id, job);
      this.#say({ job: id, do: 'begin', target, source });
      return job;
    };
    if (typeof tar === 'number') return this.#untilAborted(id, begin(tar), signal);
    const window = new ExtractionWindow((piece) => this.#say({ job: id, do: 'consume', piece }));
    const job = begin(window.memory, (sizeBytes) => window.taken(sizeBytes));
    // A source that has been read to its end tells no error any more: the window does, which may be full for ever.
    const stop = (error: Error) => {
      tar.destroy(error);
      window.destroy(error);
    };
    const leave = () => stop(canceled());
    signal?.addEventListener('abort', leave);
    try {
      const moved = pipeline(tar, window);
      job.done.catch(stop); // no reader waits for more of an archive that has failed
      if (signal?.aborted) leave();
      await moved;
      this.#say({ job: id, do: 'end' });
    } catch (error) {
      this.#say({ job: id, do: 'abandon' });
      await Promise.race([job.done, new Promise((resolve) => setTimeout(resolve, ABANDON_MS).unref())]);
      throw error;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
    await this.#untilAborted(id, job, signal);
  }

  /** The archive is handled by the thread alone: it is told to stop. */
  async #untilAborted(id: number, job: Job, signal: AbortSignal | undefined): Promise<void> {
    const leave = () => this.#say({ job: id, do: 'abandon' });
    if (signal?.aborted) leave();
    signal?.addEventListener('abort', leave);
    await job.done.finally(() => signal?.removeEventListener('abort', leave));
    if (signal?.aborted) throw canceled();
  }
}

export class ExtractionThreads {
  readonly #program: string | URL;
  readonly #threads = new Set<ExtractionThread>();

  constructor(program: string | URL) {
    this.#program = program;
  }

  /** The thread with the least to do, a new one if all are busy. */
  #pick(): ExtractionThread {
    const [best] = [...this.#threads].sort((a, b) => a.load - b.load);
    if (best && (best.load === 0 || this.#threads.size >= MAX_THREADS)) return best;
    const thread = new ExtractionThread(this.#program, (ended) => this.#threads.delete(ended));
    this.#threads.add(thread);
    return thread;
  }

  /** As extractTar. Also a small archive: what it writes to may be the disk that stalls. */
  extract(tar: Readable | number, target: ExtractionTarget, signal?: AbortSignal): Promise<void> {
    return this.#pick().extract(tar, target, signal);
  }
}

export const extractionThreads = new ExtractionThreads(PROGRAM);
