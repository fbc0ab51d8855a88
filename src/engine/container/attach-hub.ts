/**
 * Attach sessions of containers that are not running yet. Clients attach between create and start; the session is a
 * promise of the real one, which `connect` keeps between the runtime's create and start, so that no output is lost.
 */
import type { RuntimeSession } from '../../oci/attach-session.ts';

interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

export class AttachHub {
  readonly #pending = new Map<string, Set<DeferredSession>>();

  defer(id: string, wish: { tty: boolean; stdin: boolean }): DeferredSession {
    const set = this.#pending.get(id) ?? new Set();
    this.#pending.set(id, set);
    const session = new DeferredSession(wish, () => {
      set.delete(session);
      if (set.size === 0 && this.#pending.get(id) === set) this.#pending.delete(id);
    });
    set.add(session);
    return session;
  }

  hasPending(id: string): boolean {
    return this.#pending.has(id);
  }

  /** Gives every waiting session its real one. */
  async connect(id: string, open: (wish: { stdin: boolean }) => Promise<RuntimeSession>): Promise<void> {
    const sessions = [...(this.#pending.get(id) ?? [])];
    this.#pending.delete(id);
    for (const session of sessions) session.connect(await open({ stdin: session.stdin }));
  }

  /** The start failed, or the container is gone: the sessions end without output. */
  abandon(id: string): void {
    const sessions = [...(this.#pending.get(id) ?? [])];
    this.#pending.delete(id);
    for (const session of sessions) session.connect(null);
  }
}

export class DeferredSession {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly output: AsyncIterable<Frame>;
  readonly #real: Promise<RuntimeSession | null>;
  readonly #forget: () => void;
  #settle!: (session: RuntimeSession | null) => void;

  constructor(wish: { tty: boolean; stdin: boolean }, forget: () => void) {
    this.tty = wish.tty;
    this.stdin = wish.stdin;
    this.#forget = forget;
    this.#real = new Promise((resolve) => (this.#settle = resolve));
    const real = this.#real;
    this.output = (async function* () {
      const session = await real;
      if (session) yield* session.output;
    })();
  }

  connect(session: RuntimeSession | null): void {
    this.#settle(session);
  }

  async writeStdin(chunk: Buffer): Promise<void> {
    await (await this.#real)?.writeStdin(chunk);
  }

  async closeStdin(): Promise<void> {
    await (await this.#real)?.closeStdin();
  }

  detach(): void {
    this.#forget();
    this.#settle(null); // no effect once connected
    void this.#real.then((session) => session?.detach());
  }
}
