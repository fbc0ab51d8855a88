/** Plays the operations and gives what an engine told of each, in a form in which two engines can be compared. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, type Event } from './api.ts';
import { OPERATIONS } from './operations.ts';

export interface Told {
  readonly type: string;
  readonly action: string;
  readonly actor: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Operation -> its events. */
export type Sequence = Readonly<Record<string, readonly Told[]>>;

/**
 * `expected`: how many events an operation is to wait for, for so long as `patienceMs`; a number that is too high
 * costs that time, one that is too low shows with the next operation.
 */
export async function playOperations(
  socketPath: string,
  expected: (operation: string) => number,
  patienceMs: number,
): Promise<Sequence> {
  const api = new Api(socketPath);
  const names = new Names();
  const events: Event[] = [];
  const listener = await api.listen((event) => events.push(event));
  const sequence: Record<string, Told[]> = {};
  try {
    for (const { name, run } of OPERATIONS) {
      await run(api);
      for (const end = Date.now() + patienceMs; events.length < expected(name) && Date.now() < end;) await sleep(5);
      sequence[name] = events.splice(0).map((event) => told(event, names));
    }
    return sequence;
  } finally {
    listener.close();
  }
}

const VARIES = /^(?:execDuration|reclaimed|size)$/;

function told(event: Event, names: Names): Told {
  const attributes = Object.entries(event.Actor.Attributes ?? {})
    .map(([key, value]) => [key, VARIES.test(key) ? 'some' : names.replaceIn(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const { Type: type, Action: action } = event;
  return { type, action, actor: names.replaceIn(event.Actor.ID), attributes: Object.fromEntries(attributes) };
}

/** Ids differ from run to run; which is which does not. */
class Names {
  readonly #of = new Map<string, string>();

  replaceIn(text: string): string {
    return text.replace(/[0-9a-f]{64}/g, (id) => {
      const name = this.#of.get(id) ?? `id-${this.#of.size + 1}`;
      this.#of.set(id, name);
      return name;
    });
  }
}
