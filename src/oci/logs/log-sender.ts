/**
 * Gives another program (journald, syslog) what has been stored of a container's output, however long that program
 * takes: it has a place of its own in the spools, so nothing that is stored or read waits for it. What it has not taken
 * stays in the spools, on disk. Where that grows too much, the container is held back (`hold`) until it has shrunk.
 */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errorMessage } from '../../base/errors.ts';
import { PieceCollector, type Forwarder } from './forwarder.ts';
import { LineAssembler } from './line-assembler.ts';
import { removeSpool, Spool, type SpoolPlace } from './spool.ts';

export interface SenderNeeds {
  /** What the program was not given, and why. */
  readonly warn: (reason: string) => void;
  /** Whether the container is to be held back. */
  readonly hold: (isHeld: boolean) => void;
  /** Everything of the runs that have ended was sent. */
  readonly done: () => void;
  /** So much waits before a container is held back, in bytes; it goes on at half of it. */
  readonly holdBytes: number;
}

interface Run {
  readonly path: string;
  /** The file that is being stored, and how far that is; undefined: all files of it are. */
  storing: { readonly inode: number; readonly offset: number } | undefined;
}

interface Work {
  readonly spool: Spool;
  readonly lines: LineAssembler;
  offset: number;
}

export const HOLD_BYTES = 64 * 1024 ** 2;
/** Runs that have ended are not held back by anything: of so many times HOLD_BYTES, the oldest are given up. */
const GIVE_UP_TIMES = 4;
const READ_BYTES = 256 * 1024;
const RETRY_MS = 1000;
/**
 * Given to the program together. While it takes nothing they are in memory, in the heap of the one thread that has the
 * logs of all containers: a read of short lines would be some 6000.
 */
const MAX_PIECES = 256;
let shared: Buffer | undefined;

/** Where sending begins in a run of which nothing is kept yet: before anything of it is stored. */
export function markUnsent(path: string, stored: SpoolPlace | undefined): void {
  const spool = new Spool(path, { cursor: 'sent', chained: true });
  try {
    if (spool.place() !== undefined) return;
    // An earlier release sent what it stored before it kept how far that was.
    const known = stored?.inode === spool.inode ? stored : undefined;
    spool.keep({ inode: spool.inode, offset: known?.offset ?? 0, lines: known?.lines ?? [] }, 0);
  } finally {
    spool.close();
  }
}

export class LogSender {
  readonly #forwarder: Forwarder;
  readonly #needs: SenderNeeds;
  readonly #collector = new PieceCollector(() => randomBytes(32).toString('hex'));
  readonly #stop: { readonly full: boolean };
  /** Oldest first. */
  readonly #runs: Run[] = [];
  #work: Work | undefined;
  #isRunning = false;
  #isAsked = false;
  #isHeld = false;
  #isClosed = false;
  #hasFailed = false;
  #again: NodeJS.Timeout | undefined;

  constructor(forwarder: Forwarder, needs: SenderNeeds) {
    this.#forwarder = forwarder;
    this.#needs = needs;
    const collector = this.#collector;
    this.#stop = {
      get full() {
        return collector.count >= MAX_PIECES;
      },
    };
  }

  /** Something is to be sent, or will be. */
  get isBusy(): boolean {
    return this.#runs.length > 0;
  }

  /** So far a run has been stored, of which file; undefined: all of a run that has ended. */
  stored(path: string, storing: Run['storing']): void {
    const run = this.#runs.find((one) => one.path === path);
    if (run) run.storing = storing;
    else this.#add({ path, storing });
    this.#judge();
    this.#wake();
  }

  #add(run: Run): void {
    this.#runs.push(run);
    while (this.#runs.length > 2 && this.#waitingBytes() > GIVE_UP_TIMES * this.#needs.holdBytes) {
      const [old] = this.#runs.splice(1, 1);
      const bytes = sizeOf(old!.path);
      removeSpool(old!.path, true);
      this.#needs.warn(`${bytes} bytes of a run that has ended are not sent: too much waits for the log server`);
    }
  }

  #wake(): void {
    this.#isAsked = true;
    if (this.#isRunning || this.#isClosed || this.#again) return;
    this.#isRunning = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#isAsked && !this.#isClosed) {
        this.#isAsked = false;
        while (await this.#turn()) await nextTurn();
        this.#hasFailed = false;
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isRunning = false;
    if (!this.#isClosed && !this.isBusy) this.#needs.done();
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    if (!this.#hasFailed) this.#needs.warn(`output cannot be sent, and is tried again: ${errorMessage(error)}`);
    this.#hasFailed = true;
    this.#release();
    this.#again = setTimeout(() => {
      this.#again = undefined;
      // A spool that is gone has nothing more to give.
      while (this.#runs[0] && sizeOf(this.#runs[0].path) < 0) this.#runs.shift();
      this.#wake();
    }, RETRY_MS);
  }

  /** False: nothing is left to do until more is stored. */
  async #turn(): Promise<boolean> {
    const run = this.#runs[0];
    if (run === undefined || this.#isClosed) return false;
    const work = (this.#work ??= this.#begin(run));
    const { spool } = work;
    const { storing } = run;
    const isStored = storing?.inode !== spool.inode; // all of this file
    const end = isStored ? Infinity : storing.offset;
    const buffer = (shared ??= Buffer.allocUnsafeSlow(READ_BYTES));
    const size = Math.min(spool.read(buffer, work.offset), end - work.offset);
    const taken = size > 0 ? work.lines.push(buffer.subarray(0, size)) : 0;
    const isLast = taken === 0 && storing === undefined && !spool.follows;
    if (isLast) work.lines.rest();
    const pieces = this.#collector.take();
    if (pieces.length > 0) await this.#forwarder.send(pieces);
    if (this.#work !== work) return false; // it is not wanted any more
    if (taken > 0) this.#keep(work, work.offset + taken);
    else if (isLast) this.#finish(work);
    else if (isStored && spool.follow()) {
      this.#keep(work, 0);
      spool.removeEarlier();
    } else return false;
    this.#judge();
    return true;
  }

  #begin(run: Run): Work {
    const spool = new Spool(run.path, { cursor: 'sent', chained: true });
    const place = spool.place();
    const offset = place?.inode === spool.inode ? place.offset : 0;
    return { spool, lines: new LineAssembler(this.#collector, this.#stop, place?.lines), offset };
  }

  #keep(work: Work, offset: number): void {
    work.offset = offset;
    work.spool.keep({ inode: work.spool.inode, offset, lines: work.lines.state() });
  }

  #finish({ spool }: Work): void {
    this.#release();
    spool.remove();
    this.#runs.shift();
  }

  #judge(): void {
    const bytes = this.#waitingBytes();
    const isHeld = bytes > (this.#isHeld ? this.#needs.holdBytes / 2 : this.#needs.holdBytes);
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    this.#needs.hold(isHeld);
  }

  #waitingBytes(): number {
    let bytes = 0;
    for (const [index, { path }] of this.#runs.entries()) {
      const work = index === 0 ? this.#work : undefined;
      if (work) bytes += work.spool.size - work.offset;
      if (!work || work.spool.isReplaced) bytes += Math.max(0, sizeOf(path));
    }
    return bytes;
  }

  #release(): void {
    this.#work?.spool.close();
    this.#work = undefined;
  }

  /** What was not sent stays in the spools. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#again);
    this.#release();
    this.#forwarder.close();
    this.#runs.length = 0;
    if (this.#isHeld) this.#needs.hold(false);
  }
}

/** Negative: it is not there. */
const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? -1;
