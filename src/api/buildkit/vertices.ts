/** The parts of a build as BuildKit's clients draw them: each begins, prints, counts, and ends. */
import { createHash } from 'node:crypto';
import { visibleText } from '../../base/control-characters.ts';
import { timestampOf } from './timestamp.ts';
import type { StatusLog } from './status-log.ts';

/** Of one part: what comes beyond is left out, and that is told. */
const MAX_LOG_BYTES = 2 * 1024 * 1024;
const CLIPPED = '[output clipped, log limit 2MiB reached]\n';
/** A count is told again after so much time at the earliest. */
const COUNT_EVERY_MS = 100;

export class Vertices {
  readonly #log: StatusLog;
  readonly #build: string;
  readonly #now: () => number;
  #count = 0;

  /** `build` makes the names of its parts different from those of others. */
  constructor(log: StatusLog, build: string, now: () => number) {
    this.#log = log;
    this.#build = build;
    this.#now = now;
  }

  begin(name: string): Vertex {
    const digest = createHash('sha256')
      .update(`${this.#build}\0${this.#count++}\0${name}`)
      .digest('hex');
    return new Vertex(this.#log, `sha256:${digest}`, visibleText(name), this.#now);
  }
}

export class Vertex {
  readonly #log: StatusLog;
  readonly #digest: string;
  readonly #name: string;
  readonly #now: () => number;
  readonly #startedMs: number;
  readonly #statuses = new Map<string, { startedMs: number; toldMs: number; current: number; total: number }>();
  #cached = false;
  #ended = false;
  #logged = 0;

  constructor(log: StatusLog, digest: string, name: string, now: () => number) {
    this.#log = log;
    this.#digest = digest;
    this.#name = name;
    this.#now = now;
    this.#startedMs = now();
    this.#tell({});
  }

  #tell(more: { readonly completedMs?: number; readonly error?: string }): void {
    this.#log.add({
      vertexes: [
        {
          digest: this.#digest,
          inputs: [],
          name: this.#name,
          cached: this.#cached,
          started: timestampOf(this.#startedMs),
          completed: more.completedMs === undefined ? undefined : timestampOf(more.completedMs),
          error: more.error ?? '',
        },
      ],
    });
  }

  cached(): void {
    this.#cached = true;
  }

  print(stream: 'stdout' | 'stderr', text: string): void {
    if (this.#logged > MAX_LOG_BYTES || this.#ended) return;
    const bytes = Buffer.from(text);
    this.#logged += bytes.length;
    this.#write(stream, this.#logged > MAX_LOG_BYTES ? Buffer.from(CLIPPED) : bytes);
  }

  #write(stream: 'stdout' | 'stderr', text: Buffer): void {
    const timestamp = timestampOf(this.#now());
    this.#log.add({ logs: [{ vertex: this.#digest, timestamp, stream: stream === 'stdout' ? 1 : 2, text }] });
  }

  warn(text: string): void {
    this.#log.add({ warnings: [{ vertex: this.#digest, level: 1, short: Buffer.from(visibleText(text)) }] });
  }

  status(id: string, current: number, total: number): void {
    const now = this.#now();
    const known = this.#statuses.get(id);
    const isComplete = total > 0 && current >= total;
    if (known && !isComplete && now - known.toldMs < COUNT_EVERY_MS) {
      known.current = current;
      known.total = total;
      return;
    }
    const status = { startedMs: known?.startedMs ?? now, toldMs: now, current, total };
    this.#statuses.set(id, status);
    this.#tellStatus(id, status, undefined);
  }

  done(id: string): void {
    const known = this.#statuses.get(id) ?? { startedMs: this.#now(), toldMs: 0, current: 0, total: 0 };
    this.#statuses.delete(id);
    this.#tellStatus(id, known, this.#now());
  }

  #tellStatus(
    id: string,
    { startedMs, current, total }: { readonly startedMs: number; readonly current: number; readonly total: number },
    completedMs: number | undefined,
  ): void {
    this.#log.add({
      statuses: [
        {
          id: visibleText(id),
          vertex: this.#digest,
          name: '',
          current,
          total,
          timestamp: timestampOf(this.#now()),
          started: timestampOf(startedMs),
          completed: completedMs === undefined ? undefined : timestampOf(completedMs),
        },
      ],
    });
  }

  /** Once; `error` is what it failed with. */
  end(error?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const id of this.#statuses.keys()) this.done(id);
    this.#tell({ completedMs: this.#now(), ...(error === undefined ? {} : { error: visibleText(error) }) });
  }
}
