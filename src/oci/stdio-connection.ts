/**
 * The one connection to a process's stdio, over conmon's SEQPACKET socket, and the sessions that share it. What it
 * promises: every byte that the process writes after the connection is made is delivered to every session that has
 * joined, in order, before their `output` ends; stdin arrives whole.
 *
 * One connection, because conmon accepts one a turn of its loop: of several made before the start, the later ones would
 * miss what a quick process writes first. conmon waits while the daemon's end is full (its socket's buffer, about 200
 * KB): a session that does not read holds the process up once a megabyte has piled up for it, as with Docker; nothing
 * is dropped, and detach() sets the process free. Packets carry one byte in front: 2 is stdout, 3 stderr.
 */
import { duplicateFd } from '../kernel/descriptors.ts';
import { isKernelError } from '../kernel/errors.ts';
import { FdWatch } from '../kernel/fd-watch.ts';
import { closeFd, recvPacket, sendPacket } from '../kernel/socket.ts';
import { shutdownSocket } from '../kernel/spawn.ts';
import { AttachSession, type StdioFrame } from './attach-session.ts';

const STDERR = 3;
// conmon's own buffer is 32 KiB and in some versions a byte less: half of it is safe with all.
const STDIN_PACKET_BYTES = 16 * 1024;

// One buffer for all connections, for what one turn of the loop receives; data is copied out of it. conmon's packets
// are at most 8 KiB and the byte in front. Byte 0 is there to be overwritten and put back.
const received = Buffer.allocUnsafeSlow(128 * 1024);
const PACKET_ROOM_BYTES = 32 * 1024;

export interface StdioOptions {
  readonly tty: boolean;
  /**
   * The process's stdin is meant for one client: it ends when that client's session does (and conmon closes it when the
   * daemon disconnects).
   */
  readonly stdinEnds: boolean;
}

export class StdioConnection {
  readonly #fd: number;
  readonly #options: StdioOptions;
  readonly #watch: FdWatch;
  readonly #sessions = new Set<AttachSession>();
  #state: 'open' | 'lingering' | 'closed' = 'open';
  #stdinEnded = false;
  #resting = false;
  #reset = false;
  #sending: Promise<void> = Promise.resolve();
  #cancelSend: (() => void) | undefined;

  /** Takes the connected socket over. */
  constructor(fd: number, options: StdioOptions) {
    this.#fd = fd;
    this.#options = options;
    this.#watch = new FdWatch(fd, { readable: true }, () => this.#receive());
  }

  /** False when no session can join any more. */
  get open(): boolean {
    return this.#state === 'open';
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** `stdin: false`: the session only listens, and stdin does not end with it. */
  join(options: { stdin: boolean }): AttachSession {
    const { tty, stdinEnds } = this.#options;
    const session: AttachSession = new AttachSession(tty, {
      write: (chunk) => this.#write(chunk),
      endStdin: () => (stdinEnds ? this.#endStdin() : Promise.resolve()),
      relieved: () => this.#regulate(),
      leave: () => this.#leave(session, options.stdin),
    });
    this.#sessions.add(session);
    this.#regulate();
    return session;
  }

  /** The process has ended, or the daemon lets go. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#cancelSend?.();
    this.#watch.close();
    closeFd(this.#fd);
    for (const session of this.#sessions) session.end();
    this.#sessions.clear();
  }

  // Packets are received end to end, so that a run of one stream becomes one frame: each next packet's first byte falls
  // on the last byte of the data before it, which is put back.
  #receive(): void {
    let runStart = 1;
    let end = 1;
    let runStream = 0;
    const finishRun = () => {
      if (end > runStart && this.#sessions.size > 0) {
        const stream = runStream === STDERR ? 'stderr' : 'stdout';
        const frame: StdioFrame = { stream, data: Buffer.from(received.subarray(runStart, end)) };
        for (const session of this.#sessions) session.deliver(frame);
      }
      runStart = end;
    };
    let over = false;
    while (received.length - end >= PACKET_ROOM_BYTES) {
      const before = received[end - 1]!;
      const size = this.#receivePacket(received.subarray(end - 1));
      const stream = received[end - 1]!;
      received[end - 1] = before;
      if (size === undefined) break;
      if (size === 0) {
        over = true;
        break;
      }
      if (stream !== runStream) finishRun();
      runStream = stream;
      end += size - 1;
    }
    finishRun();
    if (over) this.close();
    else this.#regulate();
  }

  // conmon that closes its end with stdin unread in it resets the connection: the kernel tells that once, before the
  // packets that are still queued. The end is where it says so a second time, or an empty packet comes.
  #receivePacket(buffer: Buffer): number | undefined {
    for (;;) {
      try {
        return recvPacket(this.#fd, buffer);
      } catch (error) {
        if (isKernelError(error, 'ENOMEM', 'EINTR')) return undefined; // it is still there
        if (!isKernelError(error)) throw error;
        if (this.#reset || error.code !== 'ECONNRESET') return 0;
        this.#reset = true;
      }
    }
  }

  /**
   * The process has ended: what is left of its output is taken from conmon, which has to report how it ended, whether
   * or not there is a reader.
   */
  takeRest(): void {
    this.#resting = true;
    this.#regulate();
  }

  // Reads while every session has room; with none left, what comes is dropped.
  #regulate(): void {
    if (this.#state !== 'open') return;
    this.#watch.watch({
      readable: ![...this.#sessions].some((session) => (this.#resting ? session.overfull : session.full)),
    });
  }

  #write(chunk: Buffer): Promise<void> {
    // One after the other even where a caller does not wait: a packet may not overtake another.
    this.#sending = this.#sending.then(() => this.#send(chunk));
    return this.#sending;
  }

  // A process that has ended or closed its stdin: as with a pipe without a reader, the rest is dropped.
  async #send(chunk: Buffer): Promise<void> {
    for (
      let offset = 0;
      offset < chunk.length && this.#state === 'open' && !this.#stdinEnded;
      offset += STDIN_PACKET_BYTES
    ) {
      const part = chunk.subarray(offset, offset + STDIN_PACKET_BYTES);
      try {
        while (this.#state === 'open' && !sendPacket(this.#fd, part)) await this.#writable();
      } catch (error) {
        if (isKernelError(error, 'EPIPE', 'ECONNRESET', 'ENOTCONN')) return;
        throw error;
      }
    }
  }

  // The reading watch occupies the descriptor: a duplicate is watched for room. Rare, only when the process does not
  // read.
  #writable(): Promise<void> {
    return new Promise((resolve) => {
      const copy = duplicateFd(this.#fd);
      const done = () => {
        this.#cancelSend = undefined;
        watch.close();
        closeFd(copy);
        resolve();
      };
      const watch = new FdWatch(copy, { writable: true }, done);
      this.#cancelSend = done;
    });
  }

  #endStdin(): Promise<void> {
    this.#sending = this.#sending.then(() => {
      if (this.#state !== 'open' || this.#stdinEnded) return;
      this.#stdinEnded = true;
      shutdownSocket(this.#fd, 'write');
    });
    return this.#sending;
  }

  #leave(session: AttachSession, stdin: boolean): void {
    if (!this.#sessions.delete(session)) return;
    if (stdin && this.#options.stdinEnds) void this.#endStdin();
    this.#regulate();
    // What the session has sent still goes to the process, if it reads.
    if (this.#sessions.size === 0) void this.#sending.then(() => this.#leaveConmon());
  }

  #leaveConmon(): void {
    if (this.#state !== 'open' || this.#sessions.size > 0) return;
    if (this.#options.stdinEnds && !this.#stdinEnded) {
      // conmon would take the disconnect for the end of stdin, which is still to come from another client: it gets a
      // deaf connection, which it stops writing to, and which is closed with the process.
      this.#state = 'lingering';
      this.#watch.close();
      shutdownSocket(this.#fd, 'read');
    } else {
      this.close();
    }
  }
}
