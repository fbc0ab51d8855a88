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
import { HOLD_BYTES, LogSender, markUnsent } from './log-sender.ts';
import { isUntouched, Spool, type SpoolPlace } from './spool.ts';
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
  /** Size at which conmon begins its file anew, where it does. */
  readonly spoolBytes?: number;
}

export interface PumpNeeds {
  /** What another program was not given, or the log has not. */
  readonly warn: (reason: string) => void;
  /** Another program takes too little: the container is held back, or not any more. */
  readonly hold: (isHeld: boolean) => void;
  /** There may be another turn: another program has been given everything. */
  readonly wake: () => void;
  /** See SenderNeeds. */
  readonly holdBytes: number;
}

/** 'stored': everything is in the log, and another program has not got all of it. */
export type TurnResult = 'more' | 'idle' | 'stored' | 'done';

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
  /** conmon has begun another file: nothing more comes to this one. */
  isReplaced: boolean;
}

const makeForwarder = (forward: NonNullable<LogTarget['forward']>, warn: (reason: string) => void): Forwarder =>
  forward.kind === 'journald' ? new JournaldForwarder(forward, warn) : new SyslogForwarder(forward, warn);

const both = (one: PieceSink, other: PieceSink): PieceSink => ({
  piece(...args) {
    one.piece(...args);
    other.piece(...args);
  },
});

const NO_NEEDS: PumpNeeds = { warn: () => {}, hold: () => {}, wake: () => {}, holdBytes: HOLD_BYTES };

export class LogPump {
  readonly #target: LogTarget;
  readonly #needs: PumpNeeds;
  /** Two ways to another program: what it has not taken waits in memory, and some of it is dropped; or on disk. */
  readonly #ring: RingForwarder | undefined;
  readonly #sender: LogSender | undefined;
  /** Oldest first: only the last one may still be written. */
  readonly #runs: Run[] = [];
  #work: Work | undefined;
  #lostFiles = 0;

  constructor(target: LogTarget, needs: Partial<PumpNeeds> = {}) {
    this.#target = target;
    this.#needs = { ...NO_NEEDS, ...needs };
    const { forward, ringBytes } = target;
    if (!forward) return;
    const { warn, hold, wake, holdBytes } = this.#needs;
    const forwarder = makeForwarder(forward, warn);
    if (ringBytes !== undefined) this.#ring = new RingForwarder(forwarder, ringBytes, warn);
    else this.#sender = new LogSender(forwarder, { warn, hold, done: wake, holdBytes });
  }

  add(spoolPath: string): void {
    this.end();
    this.#runs.push({ path: spoolPath, ended: false, hasLog: false });
  }

  end(): void {
    for (const run of this.#runs) run.ended = true;
  }

  /** The spool that is taken from, or would be next; undefined when everything is stored. */
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
  turn(): TurnResult {
    const run = this.#runs[0];
    if (run === undefined) return this.#allStored;
    const { ended } = run;
    if (this.#work === undefined && isUntouched(run.path)) return this.#withoutOutput(run, ended);
    this.#work ??= this.#begin(run);
    if (this.#work === undefined) return this.#next();
    const work = this.#work;
    const buffer = (shared ??= Buffer.allocUnsafeSlow(READ_BYTES));
    const taken = this.#take(work, buffer.subarray(0, work.spool.read(buffer, work.offset)));
    this.#flush(work);
    const keepBytes = this.#target.forward ? 1 : KEEP_BYTES;
    if (work.offset - work.kept >= keepBytes) this.#keep(work);
    return taken > 0 ? 'more' : this.#atEnd(work, ended);
  }

  get #allStored(): TurnResult {
    return this.#sender?.isBusy ? 'stored' : 'done';
  }

  #next(): TurnResult {
    this.#runs.shift();
    return this.#runs.length === 0 ? this.#allStored : 'more';
  }

  #flush({ log, collector }: Work): void {
    log.flush();
    const pieces = collector?.take() ?? [];
    if (pieces.length > 0) void this.#ring!.send(pieces);
  }

  /** Many containers never write anything: their log is there, as Docker has it, and no more is done for them. */
  #withoutOutput(run: Run, ended: boolean): TurnResult {
    if (!run.hasLog) this.#openLog().close();
    run.hasLog = true;
    if (!ended) return 'idle';
    rmSync(run.path, { force: true });
    return this.#next();
  }

  #openLog(): RotatedFile {
    mkdirSync(dirname(this.#target.path), { recursive: true, mode: 0o700 });
    return new RotatedFile(this.#target.path, this.#target.limits);
  }

  #atEnd(work: Work, ended: boolean): TurnResult {
    if (work.spool.follows) {
      // Once more: conmon may have written to it after it was read, and before it was replaced.
      if (work.isReplaced && work.spool.follow()) {
        work.offset = 0;
        this.#keep(work);
      }
      work.isReplaced = !work.isReplaced;
      return 'more';
    }
    if (!ended) return 'idle';
    this.#finish(work);
    return this.#next();
  }

  /** Undefined: it was stored before, and is only to be sent. */
  #begin(run: Run): Work | undefined {
    const spool = new Spool(run.path, { cursor: 'stored', chained: this.#sender !== undefined });
    try {
      const found = spool.place();
      if (this.#sender) markUnsent(run.path, found);
      if (found?.finished) {
        spool.close();
        this.#sender?.stored(run.path, undefined);
        return undefined;
      }
      const place = found?.inode === spool.inode ? found : undefined;
      if (found && !place) this.#tellLost(found);
      const log = new StoredLog(this.#openLog(), place?.log);
      const encoder = makeEncoder(this.#target.format, log);
      const collector = this.#ring && new PieceCollector(() => randomBytes(32).toString('hex'));
      const lines = new LineAssembler(collector ? both(encoder, collector) : encoder, log, found?.lines);
      const offset = place?.offset ?? 0;
      const work = { spool, log, collector, lines, offset, kept: offset, isReplaced: false };
      if (place === undefined) this.#keep(work);
      else this.#sender?.stored(run.path, { inode: spool.inode, offset });
      return work;
    } catch (error) {
      spool.close();
      throw error;
    }
  }

  /** Nobody can say how many more files came and went, as none is there any more. */
  #tellLost({ offset }: SpoolPlace): void {
    const bytes = Math.max(0, (this.#target.spoolBytes ?? 0) - offset);
    this.#lostFiles++;
    this.#needs.warn(
      `the output's file was begun anew before all of it was read (${this.#lostFiles}): at least ${bytes} bytes are in no log`,
    );
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

  /** The disk gets back what all have taken: where it is sent too, that is for the sender to say. */
  #keep(work: Work, finished = false): void {
    const { spool, lines, log, offset } = work;
    const { inode } = spool;
    const place = { inode, offset, lines: lines.state(), log: log.place, ...(finished && { finished }) };
    spool.keep(place, this.#sender ? 0 : offset);
    work.kept = offset;
    this.#sender?.stored(spool.path, finished ? undefined : { inode, offset });
  }

  #finish(work: Work): void {
    work.lines.rest();
    this.#flush(work);
    if (this.#sender) this.#keep(work, true);
    this.#close();
    if (!this.#sender) work.spool.remove();
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
    if (isDone) this.#ring?.end();
    else this.#ring?.close();
    this.#sender?.close();
    this.#runs.length = 0;
  }
}
