/**
 * journald, by its own protocol: a datagram of fields a message, NAME=value where the value is one line, otherwise the
 * name, the value's length in eight bytes, and the value.
 */
import { closeFd, connectDatagram, sendPacket } from '../../kernel/socket.ts';
import { isKernelError } from '../../kernel/errors.ts';
import type { ForwardedPiece, Forwarder } from './forwarder.ts';

export interface JournaldTarget {
  readonly kind: 'journald';
  readonly socketPath: string;
  /** Of the container: the same with every message. */
  readonly fields: Readonly<Record<string, string>>;
}

const [ERROR, INFORMATION] = ['3', '6'];
/** So long journald may be away while it is restarted; after that messages are given up until it is back. */
const AWAY_MS = 5000;
/** It is there and takes nothing for so long: that is told, and it is waited for. */
const STUCK_MS = 10_000;
/** It is asked again after so long, and then twice that. */
const [FIRST_PAUSE_MS, MAX_PAUSE_MS] = [10, 250];
/** What is given up is told so often. */
const TELL_MS = 1000;

type Outcome = 'sent' | 'full' | 'away';

export class JournaldForwarder implements Forwarder {
  readonly #target: JournaldTarget;
  readonly #warn: (reason: string) => void;
  readonly #common: Buffer;
  #fd: number | undefined;
  #ordinal = 0;
  #awaySince: number | undefined;
  #isStuck = false;
  #givenUp = 0;
  #notBefore = 0;
  #closed = false;

  constructor(target: JournaldTarget, warn: (reason: string) => void) {
    this.#target = target;
    this.#warn = warn;
    this.#common = Buffer.concat(Object.entries(target.fields).map(([name, value]) => field(name, value)));
  }

  async send(pieces: readonly ForwardedPiece[]): Promise<void> {
    for (const [index, piece] of pieces.entries()) {
      if (await this.#sendOne(this.#message(piece))) continue;
      return this.#giveUp(pieces.length - index);
    }
  }

  /** False: it is away, and not waited for any longer; or it is not wanted any more. */
  async #sendOne(message: Buffer): Promise<boolean> {
    const since = performance.now();
    for (let pauseMs = FIRST_PAUSE_MS; !this.#closed; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      const came = this.#try(message);
      const now = performance.now();
      if (came === 'sent') this.#isStuck = false;
      this.#awaySince = came === 'away' ? (this.#awaySince ?? now) : undefined;
      if (came === 'sent') return true;
      if (this.#awaySince !== undefined && now - this.#awaySince > AWAY_MS) return false;
      if (came === 'full' && !this.#isStuck && now - since > STUCK_MS) {
        this.#isStuck = true;
        this.#warn(`journald (${this.#target.socketPath}) takes nothing, and is waited for`);
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return false;
  }

  #giveUp(count: number): void {
    if (this.#closed) return;
    this.#givenUp += count;
    if (performance.now() < this.#notBefore) return; // told with the next ones, or at the end
    this.#notBefore = performance.now() + TELL_MS;
    this.#tellGivenUp();
  }

  #tellGivenUp(): void {
    this.#warn(`${this.#givenUp} messages are given up: ${this.#target.socketPath} is not there`);
    this.#givenUp = 0;
  }

  #message({ text, stderr, time, partial }: ForwardedPiece): Buffer {
    this.#ordinal++;
    const fields = [
      field('MESSAGE', text),
      field('PRIORITY', stderr ? ERROR : INFORMATION),
      field('SYSLOG_TIMESTAMP', time),
      field('CONTAINER_LOG_ORDINAL', String(this.#ordinal)),
      this.#common,
    ];
    if (partial) {
      fields.push(
        field('CONTAINER_PARTIAL_ID', partial.id),
        field('CONTAINER_PARTIAL_ORDINAL', String(partial.ordinal)),
        field('CONTAINER_PARTIAL_LAST', String(partial.last)),
      );
      if (!partial.last) fields.push(field('CONTAINER_PARTIAL_MESSAGE', 'true'));
    }
    return Buffer.concat(fields);
  }

  #try(message: Buffer): Outcome {
    try {
      this.#fd ??= connectDatagram(this.#target.socketPath);
      return sendPacket(this.#fd, message) ? 'sent' : 'full';
    } catch (error) {
      this.#disconnect();
      // Longer than a datagram may be: only with very many attributes.
      return isKernelError(error, 'EMSGSIZE') ? 'sent' : 'away';
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#givenUp > 0) this.#tellGivenUp();
    this.#disconnect();
  }

  #disconnect(): void {
    if (this.#fd !== undefined) closeFd(this.#fd);
    this.#fd = undefined;
  }
}

function field(name: string, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  if (!bytes.includes(10)) return Buffer.concat([Buffer.from(`${name}=`), bytes, Buffer.from('\n')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')]);
}
