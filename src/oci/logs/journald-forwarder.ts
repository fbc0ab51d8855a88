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
/** So long journald may be busy, or away while it is restarted. */
const PATIENCE_MS = 5000;
const PAUSE_MS = 10;

export class JournaldForwarder implements Forwarder {
  readonly #target: JournaldTarget;
  readonly #warn: (reason: string) => void;
  readonly #common: Buffer;
  #fd: number | undefined;
  #ordinal = 0;
  #closed = false;

  constructor(target: JournaldTarget, warn: (reason: string) => void) {
    this.#target = target;
    this.#warn = warn;
    this.#common = Buffer.concat(Object.entries(target.fields).map(([name, value]) => field(name, value)));
  }

  async send(pieces: readonly ForwardedPiece[]): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    for (const [index, piece] of pieces.entries()) {
      const message = this.#message(piece);
      while (!this.#sent(message)) {
        if (performance.now() > until)
          return this.#warn(`${pieces.length - index} messages are given up: ${this.#target.socketPath} takes none`);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        if (this.#closed) return;
      }
    }
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

  /** False: not now. */
  #sent(message: Buffer): boolean {
    try {
      this.#fd ??= connectDatagram(this.#target.socketPath);
      return sendPacket(this.#fd, message);
    } catch (error) {
      this.#disconnect();
      // Longer than a datagram may be: only with very many attributes.
      if (isKernelError(error, 'EMSGSIZE')) return true;
      return false;
    }
  }

  close(): void {
    this.#closed = true;
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
