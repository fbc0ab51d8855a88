/**
 * Events as users see them: kept in a ring for `since`, handed to live listeners in order, never lost silently by a
 * slow one: each listener has its own queue, and one that is too far behind is told so by the end of its stream.
 */
import type { Clock } from '../../base/clock.ts';
import { systemError } from '../../base/errors.ts';
import type { EngineEvent } from '../../model/event.ts';

const RING_SIZE = 1024;
const MAX_BEHIND = 16_384;
/** Of the ring, and of each listener's queue: the command of an exec is in its events, and may be megabytes. */
const MAX_BYTES = 16 * 1024 * 1024;

export type EventPredicate = (event: EngineEvent) => boolean;

export class EventBus {
  readonly #clock: Clock;
  readonly #ring: EngineEvent[] = [];
  #ringBytes = 0;
  readonly #listeners = new Set<(event: EngineEvent, bytes: number) => void>();
  #published = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  publish(event: Omit<EngineEvent, 'timeNs'>): void {
    const complete: EngineEvent = { ...event, timeNs: this.#clock.nowNs() };
    this.#published++;
    const bytes = bytesOf(complete);
    this.#ring.push(complete);
    this.#ringBytes += bytes;
    while (this.#ring.length > 1 && (this.#ring.length > RING_SIZE || this.#ringBytes > MAX_BYTES))
      this.#ringBytes -= bytesOf(this.#ring.shift()!);
    for (const listener of this.#listeners) listener(complete, bytes);
  }

  /** Events since the start, and who listens now. */
  counts(): { published: number; subscribers: number } {
    return { published: this.#published, subscribers: this.#listeners.size };
  }

  listen(listener: (event: EngineEvent, bytes: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * With either time given, kept events since `sinceNs` (all, where only the end is given); then live ones until
   * `untilNs` or `signal`. Listening starts with this call, not with the first `next`.
   */
  stream(
    options: { sinceNs: bigint | undefined; untilNs: bigint | undefined; matches: EventPredicate },
    signal: AbortSignal,
  ): AsyncIterable<EngineEvent> {
    const { sinceNs, untilNs, matches } = options;
    const history = sinceNs !== undefined || untilNs !== undefined;
    const queue = history
      ? this.#ring.filter((event) => (sinceNs === undefined || event.timeNs >= sinceNs) && matches(event))
      : [];
    let queueBytes = queue.reduce((sum, event) => sum + bytesOf(event), 0);
    let wake = (): void => {};
    let lost = false;
    const stop = this.listen((event, bytes) => {
      // Behind a hole nothing may come.
      if (lost || !matches(event)) return;
      if (queue.length >= MAX_BEHIND || (queue.length > 0 && queueBytes + bytes > 2 * MAX_BYTES)) lost = true;
      else {
        queue.push(event);
        queueBytes += bytes;
      }
      wake();
    });
    const remainingMs = untilNs === undefined ? undefined : Number((untilNs - this.#clock.nowNs()) / 1_000_000n);
    let ended = remainingMs !== undefined && remainingMs <= 0;
    const end = (): void => {
      ended = true;
      wake();
    };
    const timer =
      remainingMs !== undefined && remainingMs > 0 ? setTimeout(end, Math.min(remainingMs, 2 ** 31 - 1)) : undefined;
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) ended = true;
    return (async function* () {
      try {
        for (;;) {
          for (let event = queue.shift(); event; event = queue.shift()) {
            queueBytes -= bytesOf(event);
            if (untilNs === undefined || event.timeNs <= untilNs) yield event;
          }
          if (lost)
            throw systemError(
              `the reader of these events is more than ${MAX_BEHIND} events or ${(2 * MAX_BYTES) / 1024 ** 2} MB behind: ask again with since`,
            );
          if (ended) return;
          await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        stop();
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
      }
    })();
  }
}

/** About what an event takes in memory. */
function bytesOf({ action, attributes }: EngineEvent): number {
  let bytes = 512 + action.length;
  for (const name in attributes) bytes += 64 + name.length + attributes[name]!.length;
  return bytes;
}
