/** How a build goes on, as messages for the one who asks: kept until they are read, and then forgotten. */
import { encode, type MessageValue } from '../../wire/protobuf.ts';
import { statusResponse } from '../../wire/buildkit/control.ts';

export type StatusUpdate = Partial<MessageValue<typeof statusResponse>>;

/** A client that does not read has missed something of what steps print, and nothing else. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

export class StatusLog {
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  add(update: StatusUpdate): void {
    if (this.#ended) return;
    if (this.#waitingBytes > MAX_WAITING_BYTES && update.logs) return;
    const bytes = encode(statusResponse, update);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** Ends with the build, or when the signal says so. */
  async *read(signal: AbortSignal): AsyncGenerator<Buffer> {
    const wake = (): void => this.#wake?.();
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (!signal.aborted) {
        const batch = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        yield* batch;
        if (this.#waiting.length > 0) continue;
        if (this.#ended) return;
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
