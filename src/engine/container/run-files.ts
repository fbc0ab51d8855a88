/**
 * What a run needs of file systems besides its root: mount sources that respond, paths inside volumes, shared memory.
 */
import { randomBytes } from 'node:crypto';
import { isAbsolute } from 'node:path';
import { notImplemented } from '../../base/errors.ts';
import type { UndoStack } from '../../base/undo.ts';
import type { RootMount } from '../../image/archive.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { MountPoint } from '../../model/mount.ts';
import { passesMounts, PropagationError } from '../../oci/mount-propagation.ts';
import type { MountSources } from '../../oci/mount-sources.ts';
import type { EngineConfig } from '../engine-config.ts';
import type { ContainerRootfs, RunMounts } from '../ports.ts';
import { subpathOf } from '../volume/container-mounts.ts';
import { touchesDataRoot } from '../volume/data-root-binds.ts';
import type { VolumeService } from '../volume/volume-service.ts';
import { sharedMemoryOf, subpathsOf } from './container-paths.ts';
import type { ContainerTable } from './container-table.ts';
import { joinedContainerRef } from './network-mode.ts';

export interface RunFileNeeds {
  readonly config: Pick<EngineConfig, 'dataRoot' | 'execRoot'>;
  readonly containers: Pick<ContainerTable, 'find'>;
  readonly volumes: Pick<VolumeService, 'get'>;
  readonly sources: Pick<
    MountSources,
    'checkPropagation' | 'mountPassing' | 'lendPassing' | 'lookThrough' | 'filesAmong'
  >;
  readonly mounts: RunMounts;
  readonly rootfs: Pick<ContainerRootfs, 'mountImage' | 'hasImage'>;
}

export interface PreparedMounts {
  readonly mounts: readonly MountPoint[];
  /** Sources among them that are no directories. */
  readonly fileSources: ReadonlySet<string>;
}

export interface LentMounts {
  readonly mounts: readonly RootMount[];
  giveBack(): void;
}

export class RunFiles {
  readonly #needs: RunFileNeeds;

  constructor(needs: RunFileNeeds) {
    this.#needs = needs;
  }

  /**
   * What the runtime is to mount. Everything on the host is looked up, present or absent, before anything begins, so
   * that no start waits for a runtime that is stuck on a file system that does not respond.
   */
  async prepare(record: ContainerRecord): Promise<PreparedMounts> {
    const mounts = this.#runtimeMounts(record);
    const fileSources = await this.#answeringSources(record, mounts);
    return { mounts: await Promise.all(mounts.map((mount) => this.#passing(mount))), fileSources };
  }

  /** `root`: of the container, mounted. What the directories among its mounts are put on. */
  makePlaces(root: string, { spec }: ContainerRecord, { mounts, fileSources }: PreparedMounts): void {
    const directories = mounts.filter(({ source }) => !fileSources.has(source)).map(({ destination }) => destination);
    this.#needs.mounts.makeMountPlaces(root, [...directories, ...Object.keys(spec.host.tmpfs)]);
  }

  /** @throws systemError where mounts cannot pass as was asked for */
  async #passing(mount: MountPoint): Promise<MountPoint> {
    if (mount.type !== 'bind') return mount;
    try {
      await this.#needs.sources.checkPropagation(mount.source, mount.propagation);
      return mount;
    } catch (error) {
      // This one nobody asked for, perhaps: on a host that shares no mounts nothing passes, and nothing would.
      const isDefault = mount.propagation === 'rslave' && touchesDataRoot(this.#needs.config.dataRoot, mount.source);
      if (!isDefault || !(error instanceof PropagationError)) throw error;
      return { ...mount, propagation: 'rprivate' };
    }
  }

  /**
   * Images, of a volume of which only a path is wanted that path as it is now, of a bind without what is mounted below
   * it the top alone, and what passes mounts as the host has it: at places of the engine's until the container has them.
   */
  mountSubpaths(record: ContainerRecord, prepared: PreparedMounts, undo: UndoStack): PreparedMounts {
    const directory = subpathsOf(this.#needs.config, record.id);
    const fileSources = new Set(prepared.fileSources);
    this.unmountSubpaths(record.id); // of a start that a crash cut off
    undo.push('subpaths', () => this.unmountSubpaths(record.id));
    const mounts = prepared.mounts.map((mount) => {
      const { source, subpath } = this.#sourceOf(mount, directory);
      const alone = mount.below === 'left out';
      const isOfHost = this.#isOfHost(mount);
      if (subpath === '' && !alone && !isOfHost) return source === mount.source ? mount : { ...mount, source };
      const { place, isFile } = isOfHost
        ? this.#needs.sources.mountPassing(directory, source, { recursive: !alone, propagation: mount.propagation })
        : alone
          ? this.#needs.mounts.mountAlone(directory, source, passesMounts(mount.propagation))
          : this.#needs.mounts.mountSubpath(directory, source, subpath);
      if (isFile) fileSources.add(place);
      return { ...mount, source: place };
    });
    return { mounts, fileSources };
  }

  /**
   * A bind that passes mounts is of the host's namespace, which alone can share them with a container. What a directory
   * of the engine's is in is of the engine's own, where root filesystems are mounted, and receives what the host mounts
   * all the same.
   */
  #isOfHost({ type, source, propagation }: MountPoint): boolean {
    if (type !== 'bind' || !passesMounts(propagation)) return false;
    return propagation.endsWith('shared') || !touchesDataRoot(this.#needs.config.dataRoot, source);
  }

  /** An image is mounted, read-only, at a place that goes with the subpaths. @throws notFound where it is gone */
  #sourceOf(mount: MountPoint, directory: string): { source: string; subpath: string } {
    if (mount.imageId === undefined) return subpathOf(mount, this.#needs.volumes);
    const source = this.#needs.mounts.makePlace(directory);
    this.#needs.rootfs.mountImage({ id: mount.imageId, name: mount.name }, source);
    return { source, subpath: mount.subpath ?? '' };
  }

  /**
   * What the engine itself mounts for a container, for a look at its files until it is given back: images, and what
   * passes mounts, as the host has it; where it is there.
   */
  async lendMounts(record: ContainerRecord): Promise<LentMounts> {
    const directory = subpathsOf(this.#needs.config, `${record.id}-${randomBytes(6).toString('hex')}`);
    const giveBack = () => this.#needs.mounts.unmountSubpaths(directory);
    const mounts: RootMount[] = [];
    let isTried = false; // what fails may have left something, too
    try {
      for (const mount of record.mounts) {
        const { destination } = mount;
        const isImage = mount.imageId !== undefined && this.#needs.rootfs.hasImage(mount.imageId);
        const isOfHost = this.#isOfHost(mount);
        isTried ||= isImage || isOfHost;
        if (isImage) mounts.push({ ...this.#sourceOf(mount, directory), destination, readonly: true });
        if (isOfHost) {
          const recursive = mount.below !== 'left out';
          const source = await this.#needs.sources.lendPassing(directory, mount.source, { recursive });
          if (source !== undefined) mounts.push({ source, destination, readonly: !mount.rw });
        }
      }
    } catch (error) {
      giveBack();
      throw error;
    }
    return { mounts, giveBack: isTried ? giveBack : () => {} };
  }

  /** Those that a daemon which died has left, of whatever container. @returns what could not be taken away */
  unmountLeft(): ReadonlyMap<string, unknown> {
    return this.#needs.mounts.unmountSubpathsLeft(subpathsOf(this.#needs.config, ''));
  }

  unmountSubpaths(id: string): void {
    this.#needs.mounts.unmountSubpaths(subpathsOf(this.#needs.config, id));
  }

  /** The directory that is to be /dev/shm; null: the runtime makes one of the container's own. */
  shareMemory(record: ContainerRecord, undo: UndoStack): string | null {
    const { config, containers, mounts } = this.#needs;
    const { ipcMode, shmSizeBytes } = record.spec.host;
    if (ipcMode.startsWith('container:'))
      return sharedMemoryOf(config, containers.find(joinedContainerRef(ipcMode)).id);
    if (ipcMode !== 'shareable') return null;
    const directory = sharedMemoryOf(config, record.id);
    mounts.mountSharedMemory(directory, shmSizeBytes);
    undo.push('shared memory', () => mounts.unmountSharedMemory(directory));
    return directory;
  }

  unmountSharedMemory(id: string): void {
    this.#needs.mounts.unmountSharedMemory(sharedMemoryOf(this.#needs.config, id));
  }

  /**
   * Volumes with type and device options are mounted by the runtime, for each container: nothing stays mounted between
   * runs.
   */
  #runtimeMounts(record: ContainerRecord): MountPoint[] {
    return record.mounts.map((mount) => {
      const options = mount.type === 'volume' ? this.#needs.volumes.get(mount.name)?.options : undefined;
      const device = options?.['device'];
      if (options === undefined || device === undefined) return mount;
      const type = options['type'] ?? 'none';
      if (type === 'tmpfs') return { ...mount, type: 'tmpfs', source: '', tmpfsOptions: options['o'] ?? '' };
      if (type === 'none' || type === 'bind') return { ...mount, type: 'bind', source: device };
      throw notImplemented(
        `error while mounting volume '${mount.name}': volumes of type ${type} are not supported: use type none with o=bind, or tmpfs`,
      );
    });
  }

  async #answeringSources(record: ContainerRecord, mounts: readonly MountPoint[]): Promise<ReadonlySet<string>> {
    const { sources: host, volumes } = this.#needs;
    const sources = mounts
      .filter(({ type }) => type !== 'tmpfs' && type !== 'image')
      .map((mount) => subpathOf(mount, volumes).source);
    await Promise.all(
      mounts
        .filter(({ type }) => type !== 'image')
        .map((mount) => subpathOf(mount, volumes))
        .filter(({ subpath }) => subpath !== '')
        .map(({ source }) => host.lookThrough(source)),
    );
    const devices = record.spec.host.resources.devices
      .map(({ pathOnHost }) => pathOnHost)
      .filter((path) => isAbsolute(path) && !path.startsWith('/dev/'));
    return new Set(await host.filesAmong([...new Set([...sources, ...devices])]));
  }
}
