/**
 * The endpoint table: every known network and every live sandbox with its endpoints. Everything a user sees of the
 * network is a projection of it. Values are immutable and replaced whole; the indexes only save searching.
 */
import type { Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import type { SandboxRecord } from './sandbox.ts';

export class NetworkTable {
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #sandboxes = new Map<string, SandboxRecord>(); // by container id
  readonly #endpoints = new Map<string, Map<string, Endpoint>>(); // network id -> container id
  readonly #hostLinks = new Map<string, string>(); // the host's ends of the veth pairs -> container id
  readonly #bridges = new Map<string, string>(); // name -> network id
  readonly #recipients = new Map<string, Set<string>>(); // source's container id -> containers that link to it

  putNetwork(network: NetworkRecord): void {
    this.removeNetwork(network.id);
    this.#networks.set(network.id, network);
    if (network.bridgeName !== '') this.#bridges.set(network.bridgeName, network.id);
  }

  removeNetwork(id: string): void {
    const bridge = this.#networks.get(id)?.bridgeName ?? '';
    if (this.#bridges.get(bridge) === id) this.#bridges.delete(bridge);
    this.#networks.delete(id);
  }

  network(id: string): NetworkRecord | undefined {
    return this.#networks.get(id);
  }

  networks(): NetworkRecord[] {
    return [...this.#networks.values()];
  }

  sandbox(containerId: string): SandboxRecord | undefined {
    return this.#sandboxes.get(containerId);
  }

  sandboxes(): SandboxRecord[] {
    return [...this.#sandboxes.values()];
  }

  /** Adds or replaces a sandbox, its endpoints and its links. */
  putSandbox(record: SandboxRecord): void {
    const { containerId } = record.sandbox;
    this.removeSandbox(containerId);
    this.#sandboxes.set(containerId, record);
    for (const endpoint of record.sandbox.endpoints) {
      mapAt(this.#endpoints, endpoint.networkId).set(containerId, endpoint);
      if (endpoint.hostIfname !== '') this.#hostLinks.set(endpoint.hostIfname, containerId);
    }
    for (const link of record.request.links) setAt(this.#recipients, link.sourceId).add(containerId);
  }

  removeSandbox(containerId: string): void {
    const record = this.#sandboxes.get(containerId);
    if (!record) return;
    this.#sandboxes.delete(containerId);
    for (const endpoint of record.sandbox.endpoints) {
      this.#hostLinks.delete(endpoint.hostIfname);
      const row = this.#endpoints.get(endpoint.networkId);
      row?.delete(containerId);
      if (row?.size === 0) this.#endpoints.delete(endpoint.networkId);
    }
    for (const link of record.request.links) {
      const recipients = this.#recipients.get(link.sourceId);
      recipients?.delete(containerId);
      if (recipients?.size === 0) this.#recipients.delete(link.sourceId);
    }
  }

  /** Whose end of a veth pair it is. */
  containerOfHostLink(name: string): string | undefined {
    return this.#hostLinks.get(name);
  }

  isBridge(name: string): boolean {
    return this.#bridges.has(name);
  }

  endpoint(networkId: string, containerId: string): Endpoint | undefined {
    return this.#endpoints.get(networkId)?.get(containerId);
  }

  endpoints(networkId: string): Endpoint[] {
    return [...(this.#endpoints.get(networkId)?.values() ?? [])];
  }

  endpointCount(networkId: string): number {
    return this.#endpoints.get(networkId)?.size ?? 0;
  }

  /** Live sandboxes that link to a container. */
  recipients(sourceId: string): SandboxRecord[] {
    const ids = this.#recipients.get(sourceId) ?? [];
    return [...ids].map((id) => this.#sandboxes.get(id)).filter((record) => record !== undefined);
  }
}

function mapAt<K, V>(maps: Map<string, Map<K, V>>, key: string): Map<K, V> {
  let map = maps.get(key);
  if (!map) maps.set(key, (map = new Map()));
  return map;
}

function setAt(sets: Map<string, Set<string>>, key: string): Set<string> {
  let set = sets.get(key);
  if (!set) sets.set(key, (set = new Set()));
  return set;
}
