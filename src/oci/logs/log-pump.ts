/** Takes what conmon has written of a container's output and stores it as its log driver does. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LogLimits } from '../../model/log-config.ts';
import { PieceCollector, type Forwarder } from './forwarder.ts';
import { JournaldForwarder, type JournaldTarget } from './journald-forwarder.ts';
import { LineAssembler, type PieceSink } from './line-assembler.ts';
import { makeEncoder, type EncoderFormat } from './piece-encoders.ts';
import { RingForwarder } from './ring-forwarder.ts';
import { RotatedFile } from './rotated-file.ts';
import { isUntouched, Spool } from './spool.ts';
import { StoredLog } from './stored-log.ts';
import { SyslogForwarder, type SyslogTarget } from './syslog-forwarder.ts';

/** Where a container's output goes. */
export interface LogTarget {
  readonly path: string;
  readonly format: EncoderFormat;
  readonly limits: LogLimits;
  /** Another program that is given it too. */
  readonly forward?: JournaldTarget | SyslogTarget;
  /** What that one has not taken waits in so much memory, and what does not fit is dropped; absent: it is waited for. */
  readonly ringBytes?: number;
}

export type TurnResult = 'more' | 'idle' | 'done';

const NEWLINE = 0x0a;
const READ_BYTES = 256 * 1024;
/** After so much the place is kept, and the disk gets back what has been read. */
const KEEP_BYTES = 4 * 1024 * 1024;
let shared: Buffer | undefined;

interface Run {
  readonly path: string;
  ended: boolean;
  hasLog: boolean;
}

interface Work {
  readonly spool: Spool;
  readonly log: StoredLog;
  readonly collector: PieceCollector | undefined;
  readonly lines: LineAssembler;
  offset: number;
  kept: number;
}

function makeForwarder({ forward, ringBytes }: LogTarget, warn: (reason: string) => void): Forwarder | undefined {
  if (!forward) return undefined;
  const forwarder =
    forward.kind === 'journald' ? new JournaldForwarder(forward, warn) : new SyslogForwarder(forward, warn);
  return ringBytes === undefined ? forwarder : new RingForwarder(forwarder, ringBytes, warn);
}

const both = (one: PieceSink, other: PieceSink): PieceSink => ({
  piece(...args) {
    one.piece(...args);
    other.piece(...args);
  },
});

export class LogPump {
  readonly #target: LogTarget;
  readonly #forwarder: Forwarder | undefined;
  /** Oldest first: only the last one may still be written. */
  readonly #runs: Run[] = [];
  #work: Work | undefined;

  /** `warn`: what another program was not given. */
  constructor(target: LogTarget, warn: (reason: string) => void = () => {}) {
    this.#target = target;
    this.#forwarder = makeForwarder(target, warn);
  }

  add(spoolPath: string): void {
    this.end();
    this.#runs.push({ path: spoolPath, ended: false, hasLog: false });
  }

  end(): void {
    for (const run of this.#runs) run.ended = true;
  }

  /** Another program is given the output, piece by piece as it is stored: how long that takes is up to that one. */
  get forwards(): boolean {
    return this.#forwarder !== undefined && this.#target.ringBytes === undefined;
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

  /** True when what was in that spool up to `offset` is in the log; of a run that has ended, all of it. */
  isPast(spoolPath: string, offset: number): boolean {
    const run = this.#runs.find((one) => one.path === spoolPath);
    if (run === undefined || run.ended) return run === undefined;
    return this.#work?.spool.path === spoolPath && this.#work.offset >= offset;
  }

  /** One piece of the work. 'idle': all that there is has been taken. @throws what the disk says: see `recover` */
  turn(): TurnResult | Promise<TurnResult> {
    const run = this.#runs[0];
    if (run === undefined) return 'done';
    const { ended } = run;
    if (this.#work === undefined && isUntouched(run.path)) return this.#withoutOutput(run, ended);
    const work = (this.#work ??= this.#begin(run));
    const buffer = (shared ??= Buffer.allocUnsafeSlow(READ_BYTES));
    const size = work.spool.read(buffer, work.offset);
    if (this.#forwarder) return this.#forward(work, this.#forwarder, buffer.subarray(0, size), ended);
    const taken = this.#take(work, buffer.subarray(0, size));
    work.log.flush();
    if (work.offset - work.kept >= KEEP_BYTES) this.#keep(work);
    return taken > 0 ? 'more' : this.#atEnd(work, ended);
  }

  /** Many containers never write anything: their log is there, as Docker has it, and no more is done for them. */
  #withoutOutput(run: Run, ended: boolean): TurnResult {
    if (!run.hasLog) this.#openLog().close();
    run.hasLog = true;
    if (!ended) return 'idle';
    rmSync(run.path, { force: true });
    this.#runs.shift();
    return this.#runs.length === 0 ? 'done' : 'more';
  }

  #openLog(): RotatedFile {
    mkdirSync(dirname(this.#target.path), { recursive: true, mode: 0o700 });
    return new RotatedFile(this.#target.path, this.#target.limits);
  }

  /**
   * Stored first: who reads the log does not wait for what is handed over. The place is kept last: a daemon that dies
   * between stores the same once more in the same place, and hands it over again.
   */
  async #forward(work: Work, forwarder: Forwarder, bytes: Buffer, ended: boolean): Promise<TurnResult> {
    const { collector, log } = work;
    if (log.full && bytes.includes(NEWLINE)) log.rotate(() => this.#keep(work));
    const taken = work.lines.push(bytes);
    if (taken === 0 && ended) work.lines.rest();
    const pieces = collector!.take();
    log.flush();
    work.offset += taken;
    if (pieces.length > 0) await forwarder.send(pieces);
    if (this.#work !== work) return 'more'; // it is not wanted any more
    if (taken > 0) this.#keep(work);
    return taken > 0 ? 'more' : this.#atEnd(work, ended);
  }

  #atEnd(work: Work, ended: boolean): TurnResult {
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
    const spool = new Spool(run.path);
    try {
      const found = spool.place();
      const place = found?.inode === spool.inode ? found : undefined;
      const log = new StoredLog(this.#openLog(), place?.log);
      const encoder = makeEncoder(this.#target.format, log);
      const collector = this.#forwarder && new PieceCollector(() => randomBytes(32).toString('hex'));
      const lines = new LineAssembler(collector ? both(encoder, collector) : encoder, log, found?.lines);
      const work = { spool, log, collector, lines, offset: place?.offset ?? 0, kept: place?.offset ?? 0 };
      if (place === undefined) this.#keep(work);
      return work;
    } catch (error) {
      spool.close();
      throw error;
    }
  }

  /** As Docker rotates: when the line comes that finds the file full. */
  #take(work: Work, bytes: Buffer): number {
    for (let taken = 0; ;) {
      const some = work.lines.push(bytes.subarray(taken));
      taken += some;
      work.offset += some;
      if (!work.log.full || !bytes.includes(NEWLINE, taken)) return taken;
      work.log.rotate(() => this.#keep(work));
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

  /** `isDone`: everything was taken, and what another program has not been given yet still goes there. */
  close({ isDone = false } = {}): void {
    this.#close();
    if (isDone && this.#forwarder?.end) this.#forwarder.end();
    else this.#forwarder?.close();
    this.#runs.length = 0;
  }
}
