/** What is said of drift: in the log, and to those who listen. */
import type { Log } from '../../../base/log.ts';
import type { NetworkRecord } from '../../../model/network.ts';

/** Something that was restored. `networkId` is '' where it concerns all networks. */
export interface Repair {
  readonly networkId: string;
  readonly networkName: string;
  readonly what: string; // a sentence
}

/** A change by another program that the engine does not undo. */
export type Warning = Repair;

export interface RepairListeners {
  onRepair(repair: Repair): void;
  onWarning(warning: Warning): void;
  /** The host has got that address. */
  onHostAddress(address: string): void;
}

export class RepairReport {
  readonly #log: Log;
  readonly #listeners: RepairListeners;

  constructor(log: Log, listeners: RepairListeners) {
    this.#log = log;
    this.#listeners = listeners;
  }

  repaired(network: NetworkRecord | undefined, what: string): void {
    this.#log.warn({ network: network?.name ?? '' }, what);
    this.#listeners.onRepair({ networkId: network?.id ?? '', networkName: network?.name ?? '', what });
  }

  /** It is in the log already. */
  warned(network: NetworkRecord, what: string): void {
    this.#listeners.onWarning({ networkId: network.id, networkName: network.name, what });
  }
}
