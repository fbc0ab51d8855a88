/**
 * The standard streams of this process joined to those of a container or an exec, until its output ends or the user
 * detaches. Output that has arrived is written before the session ends. With a TTY the local terminal is raw meanwhile.
 */
import { ReadStream } from 'node:tty';
import type { Hijacked } from '../api/client.ts';
import { StatusError } from '../command/status-error.ts';
import { DEFAULT_DETACH_KEYS, DetachFilter, parseDetachKeys } from '../terminal/detach-keys.ts';
import { writeAll } from '../terminal/output.ts';
import { Demultiplexer } from './demultiplexer.ts';

export interface SessionOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
  readonly detachKeys: string;
}

export type SessionEnd = 'output-ended' | 'detached';

export class AttachSession {
  readonly ended: Promise<SessionEnd>;
  readonly #connection: Hijacked;
  readonly #options: SessionOptions;
  #restoreTerminal = () => {};
  #finish!: (end: SessionEnd) => void;
  #fail!: (error: Error) => void;

  /** Starts at once: nothing that has arrived may wait for a listener. */
  constructor(connection: Hijacked, options: SessionOptions) {
    this.#connection = connection;
    this.#options = options;
    this.ended = new Promise<SessionEnd>((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    }).finally(() => this.#restoreTerminal());
    this.ended.catch(() => {});
    this.#readOutput();
    if (options.stdin) this.#sendInput();
  }

  /** Lets go of the connection and of the terminal. */
  close(): void {
    this.#connection.socket.destroy();
    this.#finish('output-ended');
  }

  #readOutput(): void {
    const { socket, head } = this.#connection;
    const { stdout, stderr, tty } = this.#options;
    const frames = new Demultiplexer((stream, data) => {
      if (stream === 2 ? stderr : stdout) writeAll(stream, data);
    });
    const take = (data: Buffer) => {
      if (tty) return stdout ? writeAll(1, data) : undefined;
      try {
        frames.push(data);
      } catch (error) {
        this.#fail(new StatusError((error as Error).message));
      }
    };
    if (head.length > 0) take(head);
    socket.on('data', take);
    socket.on('end', () => this.#finish('output-ended'));
    socket.on('close', () => this.#finish('output-ended'));
    socket.on('error', () => this.#finish('output-ended'));
  }

  #sendInput(): void {
    const { socket } = this.#connection;
    const input = process.stdin;
    const { tty, detachKeys } = this.#options;
    let filter: DetachFilter | undefined;
    if (tty && input instanceof ReadStream) {
      filter = new DetachFilter(parseDetachKeys(detachKeys || DEFAULT_DETACH_KEYS));
      input.setRawMode(true);
      const restore = () => input.setRawMode(false);
      process.once('exit', restore);
      this.#restoreTerminal = () => {
        process.off('exit', restore);
        restore();
      };
    }
    input.on('data', (chunk: Buffer) => {
      const { data, detached } = filter?.push(chunk) ?? { data: chunk, detached: false };
      if (data.length > 0 && !socket.destroyed && !socket.write(data)) {
        input.pause();
        socket.once('drain', () => input.resume());
      }
      if (detached) this.#detach();
    });
    // The end of this process's input is the end of the container's; its output still comes.
    input.on('end', () => socket.end());
    input.on('error', () => socket.end());
  }

  #detach(): void {
    this.#restoreTerminal();
    this.#finish('detached');
    this.#connection.socket.destroy();
  }
}

/** Docker's refusal to attach an input other than a terminal to a TTY. */
export function requireTerminal(attachStdin: boolean, tty: boolean): void {
  if (attachStdin && tty && !(process.stdin instanceof ReadStream))
    throw new StatusError('the input device is not a TTY');
}
