/** Takes what conmon has written of a container's output and stores it as its log driver does. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { LineAssembler } from './line-assembler.ts';
import { makeEncoder, type EncoderFormat } from './piece-encoders.ts';
import { RotatedFile, type RotationLimits } from './rotated-file.ts';
import { Spool } from './spool.ts';
import { StoredLog } from './stored-log.ts';

/** Where a container's output goes. */
export interface LogTarget {
  readonly path: string;
  readonly format: EncoderFormat;
  readonly limits: RotationLimits;
}

const READ_BYTES = 256 * 1024;
/** After so much the place is kept, and the disk gets back what has been read. */
const KEEP_BYTES = 4 * 1024 * 1024;
let shared: Buffer | undefined;

interface Run {
  readonly path: string;
  ended: boolean;
}

interface Work {
  readonly spool: Spool;
  readonly log: StoredLog;
  readonly lines: LineAssembler;
  offset: number;
  kept: number;
}

export class LogPump {
  readonly #target: LogTarget;
  /** Oldest first: only the last one may still be written. */
  readonly #runs: Run[] = [];
  #work: Work | undefined;

  constructor(target: LogTarget) {
    this.#target = target;
  }

  add(spoolPath: string): void {
    this.end();
    this.#runs.push({ path: spoolPath, ended: false });
  }

  end(): void {
    for (const run of this.#runs) run.ended = true;
  }

  /** The spool that is taken from, or would be next; undefined when everything is done. */
  get spoolPath(): string | undefined {
    return this.#runs[0]?.path;
  }

  /** The one that comes last. */
  get lastSpoolPath(): string | undefined {
    return this.#runs.at(-1)?.path;
  }

  /** Runs whose spools are not there are done. False: there is none of these. */
  dropMissing(): boolean {
    const there = this.#runs.filter((run) => existsSync(run.path));
    const missing = there.length < this.#runs.length;
    this.#runs.splice(0, this.#runs.length, ...there);
    return missing;
  }

  /** True when what was in that spool up to `offset` is in the log. */
  isPast(spoolPath: string, offset: number): boolean {
    if (!this.#runs.some((run) => run.path === spoolPath)) return true;
    return this.#work?.spool.path === spoolPath && this.#work.offset >= offset;
  }

  /** One piece of the work. 'idle': all that there is has been taken. @throws what the disk says: see `recover` */
  turn(): 'more' | 'idle' | 'done' {
    const run = this.#runs[0];
    if (run === undefined) return 'done';
    const work = (this.#work ??= this.#begin(run));
    const buffer = (shared ??= Buffer.allocUnsafeSlow(READ_BYTES));
    const { ended } = run;
    const size = work.spool.read(buffer, work.offset);
    const taken = this.#take(work, buffer.subarray(0, size));
    work.log.flush();
    if (work.offset - work.kept >= KEEP_BYTES) this.#keep(work);
    if (taken > 0) return 'more';
    if (work.spool.followed()) {
      work.offset = 0;
      this.#keep(work);
      return 'more';
    }
    if (!ended) return 'idle';
    this.#finish(work);
    return this.#runs.length === 0 ? 'done' : 'more';
  }

  #begin(run: Run): Work {
    mkdirSync(dirname(this.#target.path), { recursive: true, mode: 0o700 });
    const spool = new Spool(run.path);
    try {
      const found = spool.place();
      const place = found?.inode === spool.inode ? found : undefined;
      const log = new StoredLog(new RotatedFile(this.#target.path, this.#target.limits), place?.log);
      const lines = new LineAssembler(makeEncoder(this.#target.format, log), log, found?.lines);
      const work = { spool, log, lines, offset: place?.offset ?? 0, kept: place?.offset ?? 0 };
      if (place === undefined) this.#keep(work);
      return work;
    } catch (error) {
      spool.close();
      throw error;
    }
  }

  #take(work: Work, bytes: Buffer): number {
    let taken = 0;
    for (;;) {
      const some = work.lines.push(bytes.subarray(taken));
      taken += some;
      work.offset += some;
      if (!work.log.full) return taken;
      work.log.rotate(() => this.#keep(work));
      if (some === 0) return taken;
    }
  }

  #keep(work: Work): void {
    const { spool, lines, log, offset } = work;
    spool.keep({ inode: spool.inode, offset, lines: lines.state(), log: log.place });
    work.kept = offset;
  }

  #finish(work: Work): void {
    work.lines.rest();
    work.log.flush();
    this.#close();
    work.spool.remove();
    this.#runs.shift();
  }

  /** After a failure: goes on from the place that was kept last. */
  recover(): void {
    this.#close();
  }

  #close(): void {
    this.#work?.spool.close();
    this.#work?.log.close();
    this.#work = undefined;
  }

  close(): void {
    this.#close();
    this.#runs.length = 0;
  }
}
