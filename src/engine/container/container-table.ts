/**
 * The containers, in memory and in the store. A record is replaced whole; `save` resolves when the new one is durable
 * and readers see it from then on. Names, link names and id prefixes are looked up here and nowhere else.
 */
import { invalid, notFound } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { HealthState } from '../../model/health.ts';
import type { Change, Store } from '../../store/store.ts';

export class ContainerTable {
  readonly #store: Store;
  readonly #records = new Map<string, ContainerRecord>();
  readonly #idByName = new Map<string, string>();

  constructor(store: Store) {
    this.#store = store;
    for (const record of store.values<ContainerRecord>('containers')) this.#set(record);
  }

  all(): ContainerRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): ContainerRecord | undefined {
    return this.#records.get(id);
  }

  /** By id, name, link name ('web/db') or unique id prefix, in Docker's order. */
  find(ref: string): ContainerRecord {
    const found = this.tryFind(ref);
    if (!found) throw notFound(`No such container: ${ref}`);
    return found;
  }

  tryFind(ref: string): ContainerRecord | undefined {
    if (ref === '') throw invalid('Container name or ID must not be empty');
    const name = ref.replace(/^\//, '');
    const exact = this.#records.get(ref) ?? this.byName(name) ?? this.byLinkName(name)?.source;
    if (exact) return exact;
    const matches = this.all().filter((record) => record.id.startsWith(ref));
    if (matches.length > 1) throw invalid(`multiple IDs found with provided prefix: ${ref}`);
    return matches[0];
  }

  byName(name: string): ContainerRecord | undefined {
    const id = this.#idByName.get(name);
    return id === undefined ? undefined : this.#records.get(id);
  }

  /** 'web/db' -> the recipient `web` and the container that its link `db` leads to. */
  byLinkName(name: string): { recipient: ContainerRecord; alias: string; source: ContainerRecord } | undefined {
    const slash = name.indexOf('/');
    if (slash < 0) return undefined;
    const recipient = this.byName(name.slice(0, slash));
    const alias = name.slice(slash + 1);
    // Several links may share an alias; the name is the first one's that leads somewhere.
    const link = recipient?.links.find((candidate) => candidate.alias === alias && this.#records.has(candidate.sourceId));
    const source = link && this.#records.get(link.sourceId);
    return recipient && source ? { recipient, alias, source } : undefined;
  }

  /** Its own name, then one 'recipient/alias' per link that leads to it. */
  namesOf(record: ContainerRecord): string[] {
    const links = this.all().flatMap((recipient) =>
      recipient.links.filter((link) => link.sourceId === record.id).map((link) => `${recipient.name}/${link.alias}`),
    );
    return [record.name, ...links.sort()];
  }

  recipientsOf(sourceId: string): ContainerRecord[] {
    return this.all().filter((record) => record.links.some((link) => link.sourceId === sourceId));
  }

  async save(...given: ContainerRecord[]): Promise<void> {
    const records = given.map((record) => this.#withHealth(record));
    await this.#store.commit(records.map((record) => ({ table: 'containers', key: record.id, value: record })));
    for (const record of records) this.#set(record);
  }

  /** One commit with what else has to be true from then on. */
  async saveWith(given: ContainerRecord, changes: readonly Change[]): Promise<void> {
    const record = this.#withHealth(given);
    await this.#store.commit([{ table: 'containers', key: record.id, value: record }, ...changes]);
    this.#set(record);
  }

  /** In memory only: for what need not survive a crash. */
  replace(record: ContainerRecord): void {
    this.#set(record);
  }

  /** One commit with what else has to be true from then on. */
  async removeWith(id: string, changes: readonly Change[]): Promise<void> {
    await this.#store.commit([{ table: 'containers', key: id, value: undefined }, ...changes]);
    const record = this.#records.get(id);
    this.#records.delete(id);
    if (record && this.#idByName.get(record.name) === id) this.#idByName.delete(record.name);
  }

  /** What its probes found while whoever writes the record was at work with an older copy: they write without its lock. */
  #withHealth(record: ContainerRecord): ContainerRecord {
    const { state } = record;
    const present = this.#records.get(record.id)?.state;
    const sameRun = present !== undefined && present.pid === state.pid && state.pid !== 0 && present.startedAt === state.startedAt;
    return sameRun && present.health !== state.health ? { ...record, state: { ...state, health: present.health } } : record;
  }

  /** In memory only, until the record is saved next: probes are not worth a durable write each. Nothing where that run is over. */
  setHealth(record: ContainerRecord, health: HealthState): void {
    const present = this.#records.get(record.id);
    if (present?.state.pid !== record.state.pid || present.state.startedAt !== record.state.startedAt) return;
    this.#records.set(record.id, { ...present, state: { ...present.state, health } });
  }

  #set(given: ContainerRecord): void {
    const record = this.#withHealth(given); // once more: the commit took its time
    const before = this.#records.get(record.id);
    if (before && before.name !== record.name && this.#idByName.get(before.name) === record.id) this.#idByName.delete(before.name);
    this.#records.set(record.id, record);
    this.#idByName.set(record.name, record.id);
  }
}
