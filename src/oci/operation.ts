/**
 * What a container waits for from child programs. Every operation ends: by itself, when its time is over, or when a
 * request to end the container interrupts it. In the last two cases the programs are killed with all that they
 * started, and the error tells which of them hung. Operations of other containers are unaffected.
 */
import { systemError } from '../base/errors.ts';
import { within } from '../base/within.ts';
import { processState } from '../kernel/process.ts';
import { childrenOf, killTreeOrRoot } from '../kernel/process-tree.ts';
import type { Patience } from './patience.ts';

export interface OperationRequest {
  /** Undefined where it does not belong to a container. */
  readonly container: string | undefined;
  /** 'create', 'exec', 'pause'... */
  readonly doing: string;
  /** The runtime's name. */
  readonly runtime: string;
  readonly timeoutMs: number;
}

export class Operation {
  readonly #request: OperationRequest;
  readonly #root: { pid: number; name: string }[] = [];
  readonly #expired: Promise<void>;
  #expire!: () => void;
  #over = false;
  failure: Error | undefined;

  constructor(request: OperationRequest) {
    this.#request = request;
    this.#expired = new Promise((resolve) => (this.#expire = resolve));
  }

  /** Resolves when the programs have been killed. */
  get expired(): Promise<void> {
    return this.#expired;
  }

  /** The program that now is waited for, in the place of an earlier one. */
  watch(pid: number, name: string): void {
    this.#root.splice(0, this.#root.length, { pid, name });
    if (this.failure) killTreeOrRoot(pid); // started while it was being ended
  }

  /** `why` follows the name of what hangs: 'within 120 s'. */
  end(why: string): void {
    if (this.failure || this.#over) return;
    const { container, doing } = this.#request;
    const of = container === undefined ? '' : ` of container ${container.slice(0, 12)}`;
    this.failure = systemError(
      `${this.#culprit()} did not finish '${doing}'${of} ${why} and was killed${container === undefined ? '' : ADVICE}`,
    );
    for (const { pid } of this.#root) killTreeOrRoot(pid);
    this.#expire();
  }

  /** It ended by itself. */
  close(): void {
    this.#over = true;
  }

  // The process that is stopped or stuck in the kernel; otherwise the runtime, for which conmon waits.
  #culprit(): string {
    const root = this.#root[0];
    if (root === undefined) return this.#request.runtime;
    const family = [root, ...childrenIfSeen(root.pid).map((pid) => ({ pid, name: this.#request.runtime }))];
    const stuck = family.find(({ pid }) => 'TtD'.includes(processState(pid) ?? '-'));
    const { pid, name } = stuck ?? family[1] ?? root;
    const state = STATES[processState(pid) ?? ''];
    return `${name} (pid ${pid}${state === undefined ? '' : `, ${state}`})`;
  }
}

function childrenIfSeen(pid: number): number[] {
  try {
    return childrenOf(pid);
  } catch {
    return [];
  }
}

const ADVICE = ': try again, or remove the container with docker rm -f';
const STATES: Readonly<Record<string, string>> = {
  T: 'stopped by a signal',
  t: 'stopped by a debugger',
  D: 'waiting in the kernel',
  Z: 'ended',
};

export class Operations {
  readonly #patience: Patience;
  readonly #running = new Map<string, Set<Operation>>();

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  /** Runs `work`, which registers what it waits for with `watch`, and cleans up after programs that were killed. */
  async run<T>(request: OperationRequest, work: (operation: Operation) => Promise<T>): Promise<T> {
    const operation = new Operation(request);
    const key = request.container ?? '';
    const running = this.#running.get(key) ?? new Set();
    this.#running.set(key, running.add(operation));
    const timer = setTimeout(() => operation.end(`within ${request.timeoutMs / 1000} s`), request.timeoutMs);
    const result = work(operation);
    // A killed program closes its pipes and `work` fails by itself; one that the kernel does not let go is not waited
    // for.
    const givenUp = operation.expired.then(async () => {
      await within(
        result.catch(() => {}),
        this.#patience.killMs,
      );
      throw operation.failure;
    });
    givenUp.catch(() => {});
    try {
      const value = await Promise.race([result, givenUp]);
      if (operation.failure) throw operation.failure; // it came with the end of its time: what it made was killed
      return value;
    } catch (error) {
      throw operation.failure ?? error;
    } finally {
      clearTimeout(timer);
      operation.close();
      running.delete(operation);
      if (running.size === 0 && this.#running.get(key) === running) this.#running.delete(key);
    }
  }

  /** No waiter is left. */
  endAll(why: string): void {
    for (const container of this.#running.keys()) this.interrupt(container, why);
  }

  /** The container has ended: what it waits for now ends by itself, or is ended soon. */
  endSoon(container: string): void {
    const left = [...(this.#running.get(container) ?? [])];
    const { graceMs } = this.#patience;
    if (left.length > 0)
      setTimeout(
        () => left.forEach((operation) => operation.end(`within ${graceMs / 1000} s after the container ended`)),
        graceMs,
      );
  }

  /** Ends what a container waits for now; `why`: 'before the container was to be removed'. */
  interrupt(container: string, why: string): void {
    for (const operation of this.#running.get(container) ?? []) operation.end(why);
  }
}
