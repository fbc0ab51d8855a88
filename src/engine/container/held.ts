/**
 * A container's lock as a value. While it is held nothing else works on the container: `record` is always the current
 * record, and each change is computed from it, never from a copy taken before an `await`. A function that needs the
 * lock takes a `Held`, so a call without it does not compile.
 */
import { systemError } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { Change } from '../../store/store.ts';

export type RecordChange = (record: ContainerRecord) => ContainerRecord;

export interface Held {
  readonly id: string;
  readonly record: ContainerRecord;
  /** In memory only, until the record is saved next: for what need not survive a crash. */
  update(change: RecordChange): ContainerRecord;
  /**
   * Durable when it resolves, and readers see it from then on; one commit with what else has to be true. Without a
   * change: as it is in memory.
   */
  save(change?: RecordChange, together?: readonly Change[]): Promise<ContainerRecord>;
  /** Durable when it resolves; readers see it only once `update` has made the same change. */
  store(change: RecordChange): Promise<void>;
  /** The record goes, in one commit with what else has to be true from then on. */
  remove(together: readonly Change[]): Promise<void>;
}

/** How the table lets a `Held` write. */
export interface RecordWriter {
  current(id: string): ContainerRecord;
  replace(record: ContainerRecord): void;
  commit(changes: readonly Change[]): Promise<void>;
  drop(id: string): void;
}

export class HeldContainer implements Held {
  readonly id: string;
  readonly #writer: RecordWriter;
  #released = false;

  constructor(id: string, writer: RecordWriter) {
    this.id = id;
    this.#writer = writer;
  }

  get record(): ContainerRecord {
    this.#check();
    return this.#writer.current(this.id);
  }

  update(change: RecordChange): ContainerRecord {
    const record = change(this.record);
    this.#writer.replace(record);
    return record;
  }

  async save(change: RecordChange = (record) => record, together: readonly Change[] = []): Promise<ContainerRecord> {
    const record = change(this.record);
    await this.#writer.commit([{ table: 'containers', key: this.id, value: record }, ...together]);
    this.#writer.replace(record);
    return record;
  }

  async store(change: RecordChange): Promise<void> {
    await this.#writer.commit([{ table: 'containers', key: this.id, value: change(this.record) }]);
  }

  async remove(together: readonly Change[]): Promise<void> {
    this.#check();
    await this.#writer.commit([{ table: 'containers', key: this.id, value: undefined }, ...together]);
    this.#writer.drop(this.id);
  }

  /** The lock is released: a reference that is still kept cannot write any more. */
  release(): void {
    this.#released = true;
  }

  #check(): void {
    if (this.#released) throw systemError(`the lock of container ${this.id} is not held any more`);
  }
}
