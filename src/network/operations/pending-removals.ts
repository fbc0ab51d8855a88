/**
 * Interfaces that are being removed. The kernel takes time over each, which no operation has to wait for: the
 * container's names, ports and rules are gone already. But its address must not have two owners on one bridge: the next
 * owner of the address waits for the last one's interface to be gone, and so does the removal of the network.
 */
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { endpointAddresses, type Endpoint } from '../../model/endpoint.ts';

export class PendingRemovals {
  readonly #log: Log;
  readonly #byAddress = new Map<string, Promise<void>>(); // 'network address'
  readonly #bridges = new Map<string, Promise<unknown>>();
  readonly #all = new Map<Promise<void>, ReadonlySet<string>>(); // to the networks concerned

  constructor(log: Log) {
    this.#log = log;
  }

  /** `gone` resolves to what failed. */
  add(endpoints: readonly Endpoint[], gone: Promise<unknown[]>): void {
    const removal = gone.then((errors) => {
      for (const error of errors)
        this.#log.warn({ error: errorMessage(error) }, 'an interface of a stopped container could not be removed');
      this.#all.delete(removal);
      for (const key of keys) if (this.#byAddress.get(key) === removal) this.#byAddress.delete(key);
    });
    const keys = endpoints.flatMap(keysOf);
    for (const key of keys) this.#byAddress.set(key, removal);
    this.#all.set(removal, new Set(endpoints.map((endpoint) => endpoint.networkId)));
  }

  /** Undefined where nothing has to be waited for, so that the common case stays synchronous. */
  of(endpoints: readonly Endpoint[]): Promise<unknown> | undefined {
    const waiting = new Set(endpoints.flatMap(keysOf).flatMap((key) => this.#byAddress.get(key) ?? []));
    return waiting.size === 0 ? undefined : Promise.all(waiting);
  }

  async fromNetwork(networkId: string): Promise<void> {
    await Promise.all([...this.#all].flatMap(([removal, networks]) => (networks.has(networkId) ? [removal] : [])));
  }

  /** The removal of a network, from the moment that the table has it no more. */
  async removeBridge(name: string, remove: () => Promise<void>): Promise<void> {
    const removal = remove();
    if (name !== '') this.#bridges.set(name, removal);
    try {
      await removal;
    } finally {
      if (this.#bridges.get(name) === removal) this.#bridges.delete(name);
    }
  }

  /** Resolves when no network with that bridge is being removed; undefined where none is. */
  ofBridge(name: string): Promise<unknown> | undefined {
    return this.#bridges.get(name)?.catch(() => {}); // whoever removes it hears of that
  }

  async settle(): Promise<void> {
    await Promise.all(this.#all.keys());
  }
}

function keysOf(endpoint: Endpoint): string[] {
  return endpointAddresses(endpoint).map((address) => `${endpoint.networkId} ${address}`);
}
