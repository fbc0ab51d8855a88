/**
 * The containers that their policies start with the daemon: each after those that it needs, several at a time. One
 * whose host address is not there yet waits for it, with those that need it.
 */
import { codeBeneath, errorMessage } from '../base/errors.ts';
import { within } from '../base/within.ts';
import type { ContainerRecord } from '../model/container.ts';
import type { Adoptions } from './adoptions.ts';
import { restartAfterExit, type RestartLaterNeeds } from './container/container-exit.ts';
import { isUp } from './container/container-stop.ts';
import type { ContainerTable } from './container/container-table.ts';
import { joinedContainerRef } from './container/network-mode.ts';
import { isStartedWithDaemon, type RestartTimers } from './container/restart-policy.ts';

export type StartWithDaemonNeeds = RestartLaterNeeds & {
  readonly containers: Pick<ContainerTable, 'all' | 'tryFind'>;
  readonly restarts: Pick<RestartTimers, 'ended' | 'awaitAddress' | 'addressCame' | 'isAwaitingAddress'>;
  readonly adoptions: Pick<Adoptions, 'isOpen' | 'open'>;
};

/** One that hangs keeps those that need it, and its place among those that start at once, for no longer. */
const TURN_MS = 10_000;
const AT_ONCE = 4;
/** Who waits for the daemon does not wait any longer once for so long no start has come to its end. */
const QUIET_MS = 30_000;

/** Resolves when all have been started, or were not to be; or when for a while none of the rest has come to its end. */
export async function startWithDaemon(needs: StartWithDaemonNeeds): Promise<void> {
  const due = needs.containers
    .all()
    .filter((record) => !isUp(record) && isStartedWithDaemon(record))
    // What clients have had already ended as they wanted it, or restarts.
    .filter((record) => record.state.status === 'restarting' || !needs.adoptions.isOpen(record.id));
  const left = new Set(startInOrder(needs, due));
  for (const start of left) void start.finally(() => left.delete(start));
  while (left.size > 0) {
    if (await within(Promise.race(left), QUIET_MS)) continue;
    needs.log.warn(
      { containers: left.size },
      'containers that start with the daemon take long: it does not wait for them',
    );
    return;
  }
}

/** An address has come to the host: those that wait for it are tried again, in order. */
export async function startAwaiting(needs: StartWithDaemonNeeds, address: string): Promise<void> {
  const awaiting = needs.containers
    .all()
    .filter((record) => !isUp(record) && needs.restarts.isAwaitingAddress(record.id));
  if (awaiting.some((record) => publishesOn(record, address))) await Promise.all(startInOrder(needs, awaiting));
}

/** '' is the address that bindings without one have, which the daemon's options name. */
function publishesOn({ spec }: ContainerRecord, address: string): boolean {
  return Object.values(spec.connection.portBindings).some((bindings) =>
    bindings.some(({ hostIp }) => hostIp === '' || hostIp === address),
  );
}

/** One promise for each; they do not reject. */
function startInOrder(needs: StartWithDaemonNeeds, due: readonly ContainerRecord[]): Promise<void>[] {
  const places = new Places(AT_ONCE);
  const starts = new Map<string, Promise<void>>();
  for (const { record, after } of inOrder(needs.containers, due)) {
    const before = after.flatMap((id) => starts.get(id) ?? []);
    starts.set(record.id, startAfter(needs, record, { before, after, places }));
  }
  return [...starts.values()];
}

async function startAfter(
  needs: StartWithDaemonNeeds,
  record: ContainerRecord,
  turn: { before: readonly Promise<void>[]; after: readonly string[]; places: Places },
): Promise<void> {
  await within(Promise.all(turn.before), TURN_MS);
  await turn.places.take(TURN_MS, async () => {
    if (needs.restarts.ended) return; // the daemon is ending: they are the next one's
    try {
      await startNow(needs, record);
    } catch (error) {
      const late = codeBeneath(error, ['EADDRNOTAVAIL']) !== undefined;
      if (late || turn.after.some((id) => needs.restarts.isAwaitingAddress(id))) needs.restarts.awaitAddress(record.id);
      needs.log.warn(
        { container: record.id, error: errorMessage(error) },
        late
          ? 'a container publishes on an address that the host does not have: it is started when that comes'
          : 'could not start a container with the daemon',
      );
    }
    needs.adoptions.open(record.id);
  });
}

/**
 * A restart that was under way when the daemon ended is one: what keeps it from starting is tried again, as its policy
 * says.
 */
function startNow(needs: StartWithDaemonNeeds, { id, state }: ContainerRecord): Promise<void> {
  if (state.status === 'restarting') return restartAfterExit(needs, id);
  return needs.containers.lockedEvenIfGone(id, async (held) => {
    const awaited = needs.restarts.addressCame(id);
    if (!held || isUp(held.record) || (awaited && held.record.stoppedByUser)) return;
    held.update((now) => ({ ...now, stoppedByUser: false }));
    await needs.start(held);
  });
}

/** Whom it needs to run when it starts: sources of its links, and whose namespaces it shares. */
function neededBy(containers: Pick<ContainerTable, 'tryFind'>, record: ContainerRecord): string[] {
  const { connection, host } = record.spec;
  const joined = [connection.networkMode, host.ipcMode, host.pidMode]
    .filter((mode) => mode.startsWith('container:'))
    .flatMap((mode) => containers.tryFind(joinedContainerRef(mode))?.id ?? []);
  return [...record.links.map(({ sourceId }) => sourceId), ...joined];
}

interface Ordered {
  readonly record: ContainerRecord;
  /** Those of the others that it comes after. */
  readonly after: readonly string[];
}

/** Each behind all that it needs; in a ring, the one that comes first does not wait for the last. */
function inOrder(containers: Pick<ContainerTable, 'tryFind'>, due: readonly ContainerRecord[]): Ordered[] {
  const byId = new Map(due.map((record) => [record.id, record]));
  const ordered = new Map<string, Ordered>();
  const visiting = new Set<string>();
  // A chain may be as long as there are containers: no recursion.
  for (const first of due) {
    const path = [first];
    while (path.length > 0) {
      const record = path.at(-1)!;
      visiting.add(record.id);
      const needed = neededBy(containers, record).filter((id) => byId.has(id) && id !== record.id);
      const next = needed.find((id) => !ordered.has(id) && !visiting.has(id));
      if (next !== undefined) {
        path.push(byId.get(next)!);
        continue;
      }
      path.pop();
      visiting.delete(record.id);
      if (!ordered.has(record.id)) ordered.set(record.id, { record, after: needed.filter((id) => ordered.has(id)) });
    }
  }
  return [...ordered.values()];
}

/** So many at a time. */
class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves with the work; the place is given up after that time even if the work goes on. */
  async take(ms: number, work: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const done = work();
    await within(done, ms);
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
    await done;
  }
}
