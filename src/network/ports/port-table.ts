/** The host ports in use by containers, found by number and by sandbox in constant time. */
import type { HostPort, Protocol, PublishedPort } from '../../model/port.ts';
import type { PortOwner } from './port-owner.ts';
import { addressesClash } from './port-request.ts';

/** A port that is held. */
export interface PortHold {
  close(): void;
  /** Whether the kernel itself forwards what comes to the container, except what cannot be forwarded. */
  setForwarded?(forwarded: boolean): void;
}

export interface PortEntry {
  owner: PortOwner;
  readonly published: PublishedPort;
  hold: PortHold | undefined;
}

export class PortTable {
  readonly #byNumber = new Map<string, Set<PortEntry>>();
  readonly #bySandbox = new Map<string, Set<PortEntry>>();

  add(entry: PortEntry): void {
    push(this.#byNumber, numberKey(entry.published.protocol, entry.published.hostPort), entry);
    push(this.#bySandbox, entry.owner.sandboxId, entry);
  }

  remove(entry: PortEntry): void {
    pull(this.#byNumber, numberKey(entry.published.protocol, entry.published.hostPort), entry);
    pull(this.#bySandbox, entry.owner.sandboxId, entry);
  }

  ofSandbox(sandboxId: string): PortEntry[] {
    return [...(this.#bySandbox.get(sandboxId) ?? [])];
  }

  /** The entry that conflicts with an address: the same one, or either is all addresses of that IP version. */
  conflict({ protocol, hostIp, hostPort }: HostPort): PortEntry | undefined {
    for (const entry of this.#byNumber.get(numberKey(protocol, hostPort)) ?? []) {
      if (addressesClash(entry.published.hostIp, hostIp)) return entry;
    }
    return undefined;
  }

  unheld(): PortEntry[] {
    return [...this.#bySandbox.values()].flatMap((entries) => [...entries]).filter(({ hold }) => hold === undefined);
  }

  rename(containerId: string, containerName: string): void {
    for (const entries of this.#bySandbox.values()) {
      for (const entry of entries) {
        if (entry.owner.containerId === containerId) entry.owner = { ...entry.owner, containerName };
      }
    }
  }
}

const numberKey = (protocol: Protocol, port: number): string => `${protocol} ${port}`;

function push(map: Map<string, Set<PortEntry>>, key: string, entry: PortEntry): void {
  const entries = map.get(key);
  if (entries) entries.add(entry);
  else map.set(key, new Set([entry]));
}

function pull(map: Map<string, Set<PortEntry>>, key: string, entry: PortEntry): void {
  const entries = map.get(key);
  if (entries?.delete(entry) && entries.size === 0) map.delete(key);
}
