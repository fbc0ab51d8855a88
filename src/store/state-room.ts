/**
 * Room on the disk for the state, taken before lmdb needs it. lmdb must never find the disk full: a failure of its own
 * writes is reported in a buffer which its text overflows (the process then ends at some later free), and a page of its
 * lock file, which it maps, without a block of the disk is SIGBUS. So both files have their blocks before lmdb opens
 * them, and before a commit the state's file has blocks for all that the commit can write; where there are none, the
 * commit is refused.
 *
 * Every change writes new pages before old ones become free, removals too. Some blocks are kept for what changes or
 * removes records, so that room can be made when the disk has none left.
 */
import { closeSync, constants, fstatSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemError } from '../base/errors.ts';
import { hostFailure, hostReason } from '../base/host-errors.ts';
import { allocateBlocks } from '../kernel/disk-blocks.ts';
import { isKernelError, type KernelError } from '../kernel/errors.ts';

/** More than lmdb's lock file has: 126 readers of 64 bytes and a header. */
const LOCK_BYTES = 16 * 1024;
const LOCK_FIRST_BYTES = 4096;
/** What each kind of commit leaves of what is kept: what removes may have all. */
const RESERVE_BYTES = { making: 512 * 1024, changing: 256 * 1024, removing: 0 } as const;
/** So many are taken at once. */
const STEP_BYTES = 512 * 1024;
/** What a new state needs: two pages of beginnings, the list of the tables and their first pages. */
const FIRST_BYTES = 64 * 1024;
/**
 * Pages from a table's root to a record, and as many when they are split or joined: three levels hold 100,000 records.
 */
const PATH_PAGES = 6;
/** The list of the tables, and the list of free pages except for its length. */
const COMMON_PAGES = 16;
const PAGE_HEADER = 32;
const PAGE_NUMBER_BYTES = 8;
/** Where written blocks are never written again, blocks of one's own promise nothing: btrfs, zfs, bcachefs. */
const COPY_ON_WRITE = new Set([0x9123683e, 0x2fc12fc1, 0xca451a4e]);

/** What lmdb reports of its file. */
export interface FileUse {
  readonly pageBytes: number;
  readonly lastPage: number;
}

/** A commit: the bytes of each value that it puts, 0 for a key that it removes. */
export interface Need {
  readonly valueBytes: readonly number[];
  /** Whether it puts something where nothing was, or only where something was, or nothing. */
  readonly for: 'making' | 'changing' | 'removing';
}

export class StateRoom {
  readonly #dir: string;
  readonly #fd: number;
  /** The file has all blocks up to here. */
  #allocated = 0;
  /** What commits in progress may still need. */
  #pending = 0;
  readonly #running = new Set<Promise<void>>();
  #waiting = 0;
  #queue: Promise<void> = Promise.resolve();
  /** Blocks that were given can be relied on. */
  #promised: boolean;

  private constructor(dir: string, fd: number) {
    this.#dir = dir;
    this.#fd = fd;
    this.#promised = !COPY_ON_WRITE.has(statfsSync(dir).type);
  }

  /**
   * To be called before lmdb opens what is in `dir`. On a full disk an existing state can be opened, and is read.
   * @throws kind `system` where there is no room for a new one
   */
  static open(dir: string): StateRoom {
    takeLockBlocks(join(dir, 'lock.mdb'));
    const path = join(dir, 'data.mdb');
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const { size } = fstatSync(fd);
    const room = new StateRoom(dir, fd);
    const failure = room.#extend(
      [size + STEP_BYTES, size + RESERVE_BYTES.making, Math.max(size, FIRST_BYTES)],
      FIRST_BYTES,
    );
    if (failure === undefined || size > 0) return room;
    room.close();
    for (const name of ['data.mdb', 'lock.mdb']) rmSync(join(dir, name));
    throw refusal(failure, path);
  }

  /**
   * Runs what writes a commit when there is room for all that lmdb can write for it: at once, or where it is short
   * after those that are under way, in the order in which they came.
   * @throws kind `system`, with the reason alone: 'no space left on device', 'disk quota exceeded'; and what `commit` throws
   */
  async write(need: Need, use: () => FileUse, commit: () => Promise<void>): Promise<void> {
    if (this.#waiting === 0) {
      const taken = this.#take(need, use());
      if (typeof taken === 'number') return this.#run(taken, commit);
      if (this.#running.size === 0) throw refusal(taken, this.#dir);
    }
    this.#waiting += 1;
    const turn = this.#queue.then(async () => {
      try {
        const bytes = await this.#takeInTheEnd(need, use);
        // Begun before it can be seen that the queue is empty; handed on without being waited for.
        return { work: this.#run(bytes, commit) };
      } finally {
        this.#waiting -= 1;
      }
    });
    this.#queue = turn.then(
      () => {},
      () => {},
    );
    return (await turn).work;
  }

  /** For a commit that runs alone. */
  writeAtOnce(need: Need, use: FileUse, commit: () => void): void {
    const taken = this.#take(need, use);
    if (typeof taken !== 'number') throw refusal(taken, this.#dir);
    try {
      commit();
    } finally {
      this.#pending -= taken;
    }
  }

  async #takeInTheEnd(need: Need, use: () => FileUse): Promise<number> {
    for (;;) {
      const taken = this.#take(need, use());
      if (typeof taken === 'number') return taken;
      if (this.#running.size === 0) throw refusal(taken, this.#dir);
      await Promise.allSettled(this.#running);
    }
  }

  async #run(bytes: number, commit: () => Promise<void>): Promise<void> {
    const work = commit();
    this.#running.add(work);
    try {
      await work;
    } finally {
      this.#running.delete(work);
      this.#pending -= bytes;
    }
  }

  /** The bytes that were taken, or why there are none. */
  #take(need: Need, use: FileUse): number | Failure {
    const bytes = pagesOf(need, use) * use.pageBytes;
    const end = (use.lastPage + 1) * use.pageBytes + this.#pending + bytes;
    const kept = RESERVE_BYTES[need.for];
    const all = RESERVE_BYTES.making;
    const failure = this.#extend([end + all + STEP_BYTES, end + all, end + kept], bytes);
    if (failure !== undefined) return failure;
    this.#pending += bytes;
    return bytes;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /**
   * Takes blocks up to the first of these ends that can be had. The second will do, and then nothing is asked for; the
   * third must be. Where blocks promise nothing, so many bytes have to be free. The result is why it is not so.
   */
  #extend(ends: readonly [number, number, number], bytes: number): Failure | undefined {
    if (this.#promised && this.#allocated >= ends[1]) return undefined;
    let failure: Failure | undefined;
    for (const end of this.#promised ? ends : []) {
      if (this.#allocated >= end) return undefined;
      try {
        allocateBlocks(this.#fd, this.#allocated, end);
        this.#allocated = end;
        return undefined;
      } catch (error) {
        if (!isKernelError(error)) throw error;
        failure = error;
        if (error.code === 'EOPNOTSUPP') this.#promised = false;
      }
    }
    if (this.#promised) return failure;
    const { bavail, bsize } = statfsSync(this.#dir);
    return bavail * bsize < bytes + RESERVE_BYTES.making ? { code: 'ENOSPC', reason: hostReason('ENOSPC') } : undefined;
  }
}

/** At most so many pages of the file does a commit write that lmdb had not used yet. */
export function pagesOf({ valueBytes }: Need, { pageBytes, lastPage }: FileUse): number {
  const values = valueBytes.reduce((sum, bytes) => sum + Math.ceil((bytes + PAGE_HEADER) / pageBytes) + 1, 0);
  // Many records share the pages on the path to them.
  const paths = Math.min(PATH_PAGES * valueBytes.length, lastPage + 2 * valueBytes.length);
  const freeList = 2 * Math.ceil(((lastPage + 1) * PAGE_NUMBER_BYTES) / pageBytes);
  return values + paths + freeList + COMMON_PAGES;
}

function takeLockBlocks(path: string): void {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  const isNew = fstatSync(fd).size === 0;
  try {
    allocateLock(fd, isNew);
  } catch (error) {
    if (isNew) rmSync(path);
    throw isKernelError(error) ? refusal(error, path) : error;
  } finally {
    closeSync(fd);
  }
}

/**
 * One that an earlier release left has only the blocks that were touched, and the first is enough for a few readers.
 */
function allocateLock(fd: number, isNew: boolean): void {
  try {
    allocateBlocks(fd, 0, LOCK_BYTES);
  } catch (error) {
    if (!isKernelError(error, 'EOPNOTSUPP')) return allocateBlocks(fd, 0, LOCK_FIRST_BYTES);
    if (isNew) writeSync(fd, Buffer.alloc(LOCK_BYTES));
  }
}

type Failure = Pick<KernelError, 'code' | 'reason'>;

/** As the rest of the engine words it: 'no space left on device'. */
const refusal = ({ code, reason }: Failure, path: string): Error =>
  systemError(reason.charAt(0).toLowerCase() + reason.slice(1), hostFailure(code, path));
