/**
 * Volumes of the local driver: a directory `_data` each. Options type/o/device make it a mount that the runtime
 * performs for each container (see mountOf), so nothing is mounted while it is unused.
 */
import { chmod, readdir, rename, rmdir, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { nowOrLater } from '../../base/again.ts';
import { formatTimeNs, type Clock } from '../../base/clock.ts';
import { CausewayError, conflict, invalid, notFound } from '../../base/errors.ts';
import { KeyedLock } from '../../base/keyed-lock.ts';
import { removeTree } from '../../base/remove-tree.ts';
import { syncDirectories } from '../../base/sync-directories.ts';
import { treeSizeBytes } from '../../image/tree-size.ts';
import { newId } from '../../model/ids.ts';
import type { VolumeRecord } from '../../model/mount.ts';
import type { Filters } from '../../model/filters.ts';
import type { MountSources } from '../../oci/mount-sources.ts';
import type { Change, Store } from '../../store/store.ts';
import type { EventBus } from '../system/event-bus.ts';
import { lacksLabels, matchesLabels } from '../system/label-filter.ts';

export interface VolumeUsers {
  /** Ids of the containers that have the volume among their mounts. */
  usersOf(volume: string): string[];
}

/** On the host nobody but root lists them; whoever has a volume mounted passes through. */
const PRIVATE_MODE = 0o701;
/** What a container sees at the top of a volume, until the image's directory or a user says otherwise. */
const ROOT_MODE = 0o755;

const LOCAL_OPTIONS = new Set(['type', 'o', 'device', 'size']);

export class VolumeService {
  readonly #store: Store;
  readonly #root: string;
  readonly #sources: MountSources;
  readonly #events: EventBus;
  readonly #clock: Clock;
  readonly #lock = new KeyedLock();
  readonly #volumes = new Map<string, VolumeRecord>();
  readonly #users: VolumeUsers;
  /** By containers that are being created and are in no table yet. */
  readonly #claims = new Map<string, Set<string>>();
  readonly #sizes = new Map<string, Promise<number>>();

  constructor(deps: {
    store: Store;
    root: string;
    users: VolumeUsers;
    sources: MountSources;
    events: EventBus;
    clock: Clock;
  }) {
    this.#store = deps.store;
    this.#root = deps.root;
    this.#users = deps.users;
    this.#sources = deps.sources;
    this.#events = deps.events;
    this.#clock = deps.clock;
    for (const record of deps.store.values<VolumeRecord>('volumes')) this.#volumes.set(record.name, record);
  }

  get(name: string): VolumeRecord | undefined {
    return this.#volumes.get(name);
  }

  find(name: string): VolumeRecord {
    const record = this.#volumes.get(name);
    if (!record) throw notFound(`get ${name}: no such volume`);
    return record;
  }

  /** Whether a container has it among its mounts. */
  isUsed(name: string): boolean {
    return this.#usersOf(name).length > 0;
  }

  #usersOf(name: string): string[] {
    const coming = [...this.#claims].filter(([, names]) => names.has(name)).map(([id]) => id);
    return [...new Set([...this.#users.usersOf(name), ...coming])];
  }

  /** The container that volumes were made or looked up for is in the table, or has come to nothing. */
  release(containerId: string): void {
    this.#claims.delete(containerId);
  }

  /**
   * Gives the volume of that name, made if it is not there ('' = a new anonymous one). With `madeFor`, a container that is
   * being created, it is in use until `release`.
   */
  create(spec: {
    name: string;
    driver: string;
    labels: Readonly<Record<string, string>>;
    options: Readonly<Record<string, string>>;
    anonymous?: boolean;
    madeFor?: string;
  }): Promise<VolumeRecord> {
    const name = spec.name === '' ? newId() : spec.name;
    if (spec.driver !== '' && spec.driver !== 'local') {
      throw notFound(`error looking up volume plugin ${spec.driver}: plugin "${spec.driver}" not found`);
    }
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
      throw invalid(
        `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
      );
    }
    if (name.length === 1)
      throw invalid(`create ${name}: volume name is too short, names should be at least two alphanumeric characters`);
    for (const option of Object.keys(spec.options)) {
      if (!LOCAL_OPTIONS.has(option)) throw invalid(`create ${name}: invalid option: "${option}"`);
    }
    const { type, device } = spec.options;
    if (type !== undefined && device === undefined) throw invalid(`create ${name}: missing required option: "device"`);
    return this.#lock.run(name, async () => {
      if (spec.madeFor !== undefined) this.#claim(spec.madeFor, name);
      const existing = this.#volumes.get(name);
      if (existing) return existing;
      const mountpoint = join(this.#root, name, '_data');
      await this.#makeDirectory(mountpoint);
      const record: VolumeRecord = {
        name,
        driver: 'local',
        createdAt: formatTimeNs(this.#clock.nowNs()),
        mountpoint,
        labels: spec.anonymous === true ? { ...spec.labels, 'com.docker.volume.anonymous': '' } : spec.labels,
        options: spec.options,
        anonymous: spec.anonymous === true || spec.name === '',
        ...(spec.madeFor === undefined ? {} : { madeFor: spec.madeFor }),
      };
      try {
        await syncDirectories(join(this.#root, name), this.#root, dirname(this.#root));
        await this.#store.put('volumes', name, record);
      } catch (error) {
        // Empty, or from before: a directory with something in it is not the engine's to delete.
        for (const directory of [mountpoint, dirname(mountpoint)]) await rmdir(directory).catch(() => {});
        throw error;
      }
      this.#volumes.set(name, record);
      this.#events.publish({ type: 'volume', action: 'create', actorId: name, attributes: { driver: 'local' } });
      return record;
    });
  }

  #claim(containerId: string, name: string): void {
    const names = this.#claims.get(containerId) ?? new Set();
    this.#claims.set(containerId, names.add(name));
  }

  /** Step by step: a look at what is there already, as Node's own recursive mkdir takes it, may not come back. */
  async #makeDirectory(mountpoint: string): Promise<void> {
    const own = dirname(mountpoint);
    await mkdir(this.#root, { recursive: true, mode: PRIVATE_MODE });
    const isNew = await makeOne(own, PRIVATE_MODE);
    if (!isNew) await this.#sources.lookThrough(own);
    try {
      if (await makeOne(mountpoint, ROOT_MODE)) await chmod(mountpoint, ROOT_MODE); // whatever the umask is
    } catch (error) {
      if (isNew) await rmdir(own).catch(() => {});
      throw error;
    }
  }

  async remove(name: string, force: boolean): Promise<void> {
    if (!this.#volumes.has(name) && force) return;
    this.find(name);
    await this.#lock.run(name, async () => {
      const users = this.#usersOf(name);
      if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`);
      await this.#sources.lookThrough(join(this.#root, name));
      // Out of the way first: one that is listed is whole, and what is found under such a name after a crash says how
      // far this came.
      const going = removedDirectory(this.#root, name);
      await removeTree(going); // of an earlier one that could not be removed whole
      await rename(join(this.#root, name), going).catch(ignoreAbsent);
      try {
        await this.#store.remove('volumes', name);
      } catch (error) {
        await rename(going, join(this.#root, name)).catch(ignoreAbsent);
        throw error;
      }
      this.#volumes.delete(name);
      // It is gone, and what has failed here is tried again, unless a volume of that name has been removed by then.
      await nowOrLater(
        () => removeTree(going),
        () => {},
      );
      this.#events.publish({ type: 'volume', action: 'destroy', actorId: name, attributes: { driver: 'local' } });
    });
  }

  /**
   * What a container's record has to be stored with: the volumes that it uses stay, even if they were made for another
   * one.
   */
  keeping(names: readonly string[]): { changes: Change[]; done: () => void } {
    const kept = names.flatMap((name) => {
      const { madeFor, ...record } = this.#volumes.get(name) ?? {};
      return madeFor === undefined ? [] : [record as VolumeRecord];
    });
    return {
      changes: kept.map((record) => ({ table: 'volumes', key: record.name, value: record })),
      done: () => kept.forEach((record) => this.#volumes.set(record.name, record)),
    };
  }

  /**
   * What the removal of the container that they came with has to be stored with: the volumes are about to be removed. A
   * daemon that dies first leaves that to the next one.
   */
  givingUp(names: readonly string[], containerId: string): { changes: Change[]; done: () => void } {
    const given = names.flatMap((name) => {
      const record = this.#volumes.get(name);
      return record === undefined ? [] : [{ ...record, madeFor: containerId }];
    });
    return {
      changes: given.map((record) => ({ table: 'volumes', key: record.name, value: record })),
      done: () => given.forEach((record) => this.#volumes.set(record.name, record)),
    };
  }

  /**
   * When the daemon starts: makings and removals that were cut off are undone or completed. Volumes whose records are
   * set aside stay as they are. What was removed is deleted meanwhile; `report` gets what goes wrong with that.
   */
  async settle(report: (error: unknown) => void): Promise<void> {
    const cutOff = [...this.#volumes.values()].filter(({ madeFor }) => madeFor !== undefined);
    const removed = await Promise.allSettled(cutOff.map(({ name }) => this.remove(name, true)));
    if (!this.#store.knowsAll) return; // a directory without a record says nothing then
    const aside = new Set(
      this.#store
        .aside()
        .filter(({ table }) => table === 'volumes')
        .map(({ key }) => key),
    );
    const entries = (await readdir(this.#root).catch(() => [])).filter(
      (entry) => !aside.has(entry.replace(REMOVED, '').slice(0, 80)),
    );
    const settled = await Promise.allSettled(entries.map((entry) => this.#settleDirectory(entry, report)));
    for (const result of [...removed, ...settled]) if (result.status === 'rejected') report(result.reason);
  }

  async #settleDirectory(entry: string, report: (error: unknown) => void): Promise<void> {
    const path = join(this.#root, entry);
    if (!entry.startsWith(REMOVED)) {
      if (this.#volumes.has(entry)) return;
      // A directory without a record is not the engine's to delete, unless it is empty.
      await this.#sources.lookThrough(path);
      await rmdir(join(path, '_data'))
        .catch(() => {})
        .then(() => rmdir(path))
        .catch(() => {});
    } else if (this.#volumes.has(entry.slice(REMOVED.length)))
      await rename(path, join(this.#root, entry.slice(REMOVED.length)));
    else
      void this.#sources
        .lookThrough(path)
        .then(() => removeTree(path))
        .catch(report); // as long as that takes, the daemon would not answer
  }

  list(filters: Filters): VolumeRecord[] {
    const known = new Set(['dangling', 'driver', 'label', 'name']);
    for (const name of Object.keys(filters)) if (!known.has(name)) throw invalid(`invalid filter '${name}'`);
    const dangling = booleanFilter(filters, 'dangling');
    return [...this.#volumes.values()]
      .filter((volume) => dangling === undefined || dangling === !this.isUsed(volume.name))
      .filter((volume) => !filters['driver']?.length || filters['driver'].includes(volume.driver))
      .filter((volume) => !filters['name']?.length || filters['name'].some((name) => volume.name.includes(name)))
      .filter((volume) => matchesLabels(volume.labels, filters['label'] ?? []))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * What is in it; -1 for one that is a mount of something else, or does not answer. Requests at the same time share the
   * answer.
   */
  sizeBytes(volume: VolumeRecord): Promise<number> {
    let size = this.#sizes.get(volume.name);
    if (!size) {
      size = this.#measure(volume).finally(() => this.#sizes.delete(volume.name));
      this.#sizes.set(volume.name, size);
    }
    return size;
  }

  async #measure({ mountpoint, options }: VolumeRecord): Promise<number> {
    if (Object.keys(options).length > 0) return -1;
    try {
      await this.#sources.lookThrough(mountpoint);
      return await treeSizeBytes(mountpoint);
    } catch {
      return -1;
    }
  }

  /** Removes unused volumes: anonymous ones, or all with the filter all=true. */
  async prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimedBytes: number }> {
    for (const name of Object.keys(filters)) {
      if (!['all', 'label', 'label!'].includes(name)) throw invalid(`invalid filter '${name}'`);
    }
    const all = booleanFilter(filters, 'all') === true;
    const deleted: string[] = [];
    let spaceReclaimedBytes = 0;
    for (const volume of this.#volumes.values()) {
      if (!all && !volume.anonymous) continue;
      if (!matchesLabels(volume.labels, filters['label'] ?? []) || !lacksLabels(volume.labels, filters['label!'] ?? []))
        continue;
      if (this.isUsed(volume.name)) continue;
      try {
        await this.#sources.lookThrough(volume.mountpoint);
      } catch {
        continue; // one that does not answer stays, and the others go
      }
      const sizeBytes = await treeSizeBytes(volume.mountpoint);
      try {
        await this.remove(volume.name, true);
      } catch (error) {
        if (error instanceof CausewayError && error.kind === 'conflict') continue; // a container has come meanwhile
        throw error;
      }
      spaceReclaimedBytes += sizeBytes;
      deleted.push(volume.name);
    }
    this.#events.publish({
      type: 'volume',
      action: 'prune',
      actorId: '',
      attributes: { reclaimed: String(spaceReclaimedBytes) },
    });
    return { deleted, spaceReclaimedBytes };
  }
}

/** Before the name of a volume that is being removed; no volume's name begins with a dot. */
const REMOVED = '.removed-';
const removedDirectory = (root: string, name: string): string => join(root, `${REMOVED}${name}`);

function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

export function booleanFilter(filters: Filters, name: string): boolean | undefined {
  const values = filters[name];
  if (!values || values.length === 0) return undefined;
  const text = values[0]!.toLowerCase();
  if (['1', 'true', 't'].includes(text)) return true;
  if (['0', 'false', 'f'].includes(text)) return false;
  throw invalid(`invalid filter '${name}=[${values.join(' ')}]'`);
}

/** False: there was something of that name. */
function makeOne(directory: string, mode: number): Promise<boolean> {
  return mkdir(directory, mode).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return false;
    },
  );
}
