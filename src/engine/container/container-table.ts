/**
 * The containers, in memory and in the store. A record is replaced whole, and only while the container's lock is held:
 * `locked` gives a `Held`, which is the only way to write. Names, link names and id prefixes are looked up here and
 * nowhere else.
 */
import { posix } from 'node:path';
import { invalid, notFound, systemError } from '../../base/errors.ts';
import { KeyedLock } from '../../base/keyed-lock.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { Change, Store } from '../../store/store.ts';
import { HeldContainer, type Held, type RecordChange, type RecordWriter } from './held.ts';

/** An alias may have a slash before it, as paths have: `--link db:/mysql` makes 'web/mysql'. */
const linkName = (recipient: ContainerRecord, alias: string): string => posix.join(recipient.name, alias);

export class ContainerTable {
  readonly #store: Store;
  readonly #lock = new KeyedLock();
  readonly #records = new Map<string, ContainerRecord>();
  readonly #idByName = new Map<string, string>();
  readonly #writer: RecordWriter = {
    current: (id) => {
      const record = this.#records.get(id);
      if (!record) throw notFound(`No such container: ${id}`);
      return record;
    },
    replace: (record) => this.#set(record),
    commit: (changes) => this.#store.commit([...changes]),
    drop: (id) => this.#drop(id),
  };

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
    if (ref === '') throw invalid('invalid name or ID supplied: ""');
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

  /** 'web/db' -> the recipient `web` and the container that its link `db` points to. */
  byLinkName(name: string): { recipient: ContainerRecord; alias: string; source: ContainerRecord } | undefined {
    const slash = name.indexOf('/');
    if (slash < 0) return undefined;
    const recipient = this.byName(name.slice(0, slash));
    // Several links may share an alias; the name belongs to the first one whose source exists.
    const link = recipient?.links.find(
      (one) => linkName(recipient, one.alias) === name && this.#records.has(one.sourceId),
    );
    const source = link && this.#records.get(link.sourceId);
    return recipient && source ? { recipient, alias: link.alias, source } : undefined;
  }

  /** Its own name, then one 'recipient/alias' per link that points to it. */
  namesOf(record: ContainerRecord): string[] {
    return this.namesOfMany()(record);
  }

  /** The same for many containers: all links are looked at once. */
  namesOfMany(): (record: ContainerRecord) => string[] {
    const linkNames = new Map<string, string[]>();
    for (const recipient of this.#records.values()) {
      for (const { sourceId, alias } of recipient.links) {
        const names = linkNames.get(sourceId);
        if (names) names.push(linkName(recipient, alias));
        else linkNames.set(sourceId, [linkName(recipient, alias)]);
      }
    }
    return (record) => [record.name, ...(linkNames.get(record.id)?.sort() ?? [])];
  }

  recipientsOf(sourceId: string): ContainerRecord[] {
    return this.all().filter((record) => record.links.some((link) => link.sourceId === sourceId));
  }

  /** A new container, in one commit with what else has to be true from then on. */
  async add(record: ContainerRecord, together: readonly Change[] = []): Promise<void> {
    if (this.#records.has(record.id)) throw systemError(`container ${record.id} exists already`);
    await this.#writer.commit([{ table: 'containers', key: record.id, value: record }, ...together]);
    this.#set(record);
  }

  /** Works on one container exclusively. @throws notFound, also when it is gone by the time the lock is acquired */
  async locked<T>(ref: string, work: (held: Held) => Promise<T>): Promise<T> {
    const { id } = this.find(ref);
    return this.lockedEvenIfGone(id, (held) => {
      if (!held) throw notFound(`No such container: ${id}`);
      return work(held);
    });
  }

  /** The same for what is to be done, or left, when the container is gone by then. */
  async lockedEvenIfGone<T>(id: string, work: (held: Held | undefined) => Promise<T>): Promise<T> {
    return this.#lock.run(id, async () => {
      if (!this.#records.has(id)) return work(undefined);
      const held = new HeldContainer(id, this.#writer);
      try {
        return await work(held);
      } finally {
        held.release();
      }
    });
  }

  /** Several containers, locked in an order that cannot deadlock; those that are gone are left out. */
  async lockedAll<T>(ids: readonly string[], work: (held: ReadonlyMap<string, Held>) => Promise<T>): Promise<T> {
    return this.#lock.runAll(ids, async () => {
      const held = new Map(
        ids.filter((id) => this.#records.has(id)).map((id) => [id, new HeldContainer(id, this.#writer)]),
      );
      try {
        return await work(held);
      } finally {
        for (const one of held.values()) one.release();
      }
    });
  }

  /** Changes of several containers as one commit: no crash leaves them apart. */
  async saveTogether(changes: readonly { readonly held: Held; readonly change: RecordChange }[]): Promise<void> {
    const records = changes.map(({ held, change }) => change(held.record));
    await this.#writer.commit(records.map((record) => ({ table: 'containers', key: record.id, value: record })));
    for (const record of records) this.#set(record);
  }

  #drop(id: string): void {
    const record = this.#records.get(id);
    this.#records.delete(id);
    if (record && this.#idByName.get(record.name) === id) this.#idByName.delete(record.name);
  }

  #set(record: ContainerRecord): void {
    const before = this.#records.get(record.id);
    if (before && before.name !== record.name && this.#idByName.get(before.name) === record.id)
      this.#idByName.delete(before.name);
    this.#records.set(record.id, record);
    this.#idByName.set(record.name, record.id);
  }
}
