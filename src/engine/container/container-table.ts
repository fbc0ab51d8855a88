/**
 * The containers, in memory and in the store. A record is replaced whole; `save` resolves when the new one is durable
 * and readers see it from then on. Names, link names and id prefixes are looked up here and nowhere else.
 */
import { invalid, notFound } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
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

  async save(...records: ContainerRecord[]): Promise<void> {
    await this.#store.commit(records.map((record) => ({ table: 'containers', key: record.id, value: record })));
    for (const record of records) this.#set(record);
  }

  /** One commit with what else has to be true from then on. */
  async saveWith(record: ContainerRecord, changes: readonly Change[]): Promise<void> {
    await this.#store.commit([{ table: 'containers', key: record.id, value: record }, ...changes]);
    this.#set(record);
  }

  /** In memory only: for what need not survive a crash (health probes). */
  replace(record: ContainerRecord): void {
    this.#set(record);
  }

  async remove(id: string): Promise<void> {
    await this.#store.remove('containers', id);
    const record = this.#records.get(id);
    this.#records.delete(id);
    if (record && this.#idByName.get(record.name) === id) this.#idByName.delete(record.name);
  }

  #set(record: ContainerRecord): void {
    const before = this.#records.get(record.id);
    if (before && before.name !== record.name && this.#idByName.get(before.name) === record.id) this.#idByName.delete(before.name);
    this.#records.set(record.id, record);
    this.#idByName.set(record.name, record.id);
  }
}
