/**
 * A container's root file system: an overlay of its own directory over the init layer over the image's layers. Making
 * and mounting one takes no process and about a millisecond. Which image a container is based on is a symbolic link in
 * its directory: one metadata operation, in order with the rest.
 */
import {
  close,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { nowOrLater, tryAgainLater } from '../base/again.ts';
import { errorCode, errorMessage, notFound, systemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { Backlog } from '../base/backlog.ts';
import { removeTree } from '../base/remove-tree.ts';
import { syncDirectories } from '../base/sync-directories.ts';
import { isKernelError } from '../kernel/errors.ts';
import { mountOverlay, unmount } from '../kernel/mount.ts';
import { spreadSubdirectories } from '../kernel/spread-directories.ts';
import type { ImageRecord } from '../model/image.ts';
import { DIGEST_PATTERN, digestHex } from './blob-store.ts';
import type { ImageStore } from './image-store.ts';
import { MountLoans } from './mount-loans.ts';
import { certainlyHasDirectory } from './image-directory.ts';
import { ensureInitLayer } from './init-layer.ts';
import { listChanges, UPPER_MODE, type Change } from './rootfs-changes.ts';
import { storageError } from './storage-errors.ts';
import { treeSizeBytes } from './tree-size.ts';

export interface MountOptions {
  /** For containers that are removed when they end: nothing is synced to disk, neither on fsync nor at unmount. */
  readonly volatile?: boolean;
}

export class RootfsStore {
  readonly #directory: string;
  readonly #trash: string;
  /** Below the layers of an image by itself: overlayfs asks for two where nothing is written. */
  readonly #empty: readonly string[];
  readonly #images: ImageStore;
  readonly #log: Log;
  readonly #imageOf = new Map<string, string>();
  readonly #unlinked = new Set<string>();
  readonly #sweeps = new Set<Promise<void>>();
  readonly #deletions = new Backlog({ atOnce: 4, room: 64 });
  readonly #loans = new MountLoans();

  private constructor(root: string, images: ImageStore, log: Log) {
    this.#directory = join(root, 'containers');
    this.#trash = join(root, 'trash');
    this.#empty = ['1', '2'].map((name) => join(root, 'empty', name));
    this.#images = images;
    this.#log = log;
  }

  /**
   * `root` must be on one file system that overlayfs takes as its upper. What a crash left half removed goes away;
   * containers stay as they are, mounted or not (see `retain`).
   */
  static open(root: string, images: ImageStore, options: { log: Log }): RootfsStore {
    const store = new RootfsStore(root, images, options.log);
    mkdirSync(store.#directory, { recursive: true, mode: 0o711 });
    spreadSubdirectories(store.#directory);
    mkdirSync(store.#trash, { recursive: true, mode: 0o700 });
    for (const name of store.#empty) mkdirSync(name, { recursive: true, mode: 0o755 });
    for (const name of readdirSync(store.#trash)) void store.#sweep(join(store.#trash, name));
    for (const name of readdirSync(store.#directory)) {
      // Without its link: made half before a crash, or damaged. Which of the two is known only where the containers are
      // known: see `retain`.
      const imageId = linkedImage(join(store.#directory, name, 'image'));
      if (imageId === undefined) store.#unlinked.add(name);
      else store.#note(name, imageId);
    }
    images.dropHidden();
    return store;
  }

  #note(containerId: string, imageId: string): void {
    this.#imageOf.set(containerId, imageId);
    this.#images.mounts.add(imageId, containerId);
  }

  #path(containerId: string, ...names: string[]): string {
    if (!/^[a-zA-Z0-9][\w.-]*$/.test(containerId)) throw systemError(`invalid container id: ${containerId}`);
    return join(this.#directory, containerId, ...names);
  }

  /** Makes the directories of a new container. An id that exists is an error. */
  async create(containerId: string, image: ImageRecord): Promise<void> {
    const path = this.#path(containerId);
    try {
      ensureInitLayer(this.#initLayer(image.id), this.#images.catalog.layerDirectories(image));
      mkdirSync(path, { mode: 0o710 });
    } catch (error) {
      throw storageError('mkdir', path, error);
    }
    try {
      for (const name of ['diff', 'work', 'merged']) mkdirSync(join(path, name), { mode: UPPER_MODE });
      // Last: without it the directory counts as never made.
      symlinkSync(digestHex(image.id), join(path, 'image'));
    } catch (error) {
      rmSync(path, { recursive: true, force: true });
      throw storageError('mkdir', path, error);
    }
    this.#note(containerId, image.id);
  }

  /** Its directories are on the disk when it resolves. */
  settle(containerId: string): Promise<void> {
    return syncDirectories(this.#path(containerId), this.#directory);
  }

  #initLayer(imageId: string): string {
    return join(this.#images.catalog.initDirectory(), digestHex(imageId));
  }

  #imageIfThere(containerId: string): ImageRecord | undefined {
    const imageId = this.#imageOf.get(containerId);
    return imageId === undefined ? undefined : this.#images.byId(imageId);
  }

  #image(containerId: string): ImageRecord {
    const image = this.#imageIfThere(containerId);
    if (!image) throw notFound(`the file system of container ${containerId} or its image is missing`);
    return image;
  }

  /** Mounts it, unless it is mounted; returns the merged directory. */
  mount(containerId: string, options: MountOptions = {}): string {
    const path = this.#path(containerId);
    const target = join(path, 'merged');
    this.#loans.needed(containerId);
    if (this.isMounted(containerId)) return target;
    const image = this.#image(containerId);
    ensureInitLayer(this.#initLayer(image.id), this.#images.catalog.layerDirectories(image));
    // An overlay that was volatile refuses to be mounted again, for good reason after a power failure; but its
    // container was one whose content is not kept.
    rmSync(join(path, 'work', 'work', 'incompat'), { recursive: true, force: true });
    mountOverlay({
      lower: this.#lower(image),
      upper: join(path, 'diff'),
      work: join(path, 'work'),
      target,
      // Renamed directories must be copied whole: `diff` and `commit` read the upper directory by itself.
      options: ['redirect_dir=off', 'metacopy=off', 'index=off', ...(options.volatile ? ['volatile'] : [])],
    });
    return target;
  }

  hasImage(id: string): boolean {
    return this.#images.byId(id) !== undefined;
  }

  /** An image by itself, read-only whatever a container may do: it has no directory to be written to. @throws notFound */
  mountImage({ id, name }: { readonly id: string; readonly name: string }, target: string): void {
    const image = this.#images.byId(id);
    if (!image) throw notFound(`No such image: ${name} (${id}), which the container mounts`);
    mountOverlay({ lower: [...this.#images.catalog.layerDirectories(image), ...this.#empty], target });
  }

  /** Whether its image has a directory there, as far as can be said without mounting it. */
  certainlyHasDirectory(containerId: string, path: string): boolean {
    return certainlyHasDirectory(this.#lower(this.#image(containerId)), path);
  }

  isMounted(containerId: string): boolean {
    const path = this.#path(containerId);
    const merged = statSync(join(path, 'merged'), { throwIfNoEntry: false });
    return merged !== undefined && merged.dev !== statSync(path, { throwIfNoEntry: false })?.dev;
  }

  /**
   * The merged directory of a container that runs. It stays until `giveBack` is called, also when the container ends
   * before that.
   */
  lend(containerId: string): { readonly root: string; readonly giveBack: () => void } {
    const wasMounted = this.isMounted(containerId);
    const root = this.mount(containerId);
    const giveBack = this.#loans.lend(containerId, () => this.#unmountSoon(containerId));
    if (!wasMounted) this.#loans.mayGo(containerId); // it is just ending: nobody else takes it away
    return { root, giveBack };
  }

  #unmountSoon(containerId: string): void {
    const unmount = (): void => this.unmount(containerId);
    try {
      unmount();
    } catch {
      tryAgainLater(unmount, (error) =>
        this.#log.warn(
          { container: containerId, error: errorMessage(error) },
          'the file system of a container stays mounted until the daemon starts again',
        ),
      );
    }
  }

  /**
   * Takes the mount away; not mounted is fine, and one that is lent stays as long. Files that are still open there stay
   * usable. The last user of an overlay
   * pays for a sync of the whole file system below: the descriptor held here makes that a thread of libuv's pool.
   */
  unmount(containerId: string): void {
    if (!this.isMounted(containerId) || !this.#loans.mayGo(containerId)) return;
    this.#unmountNow(containerId);
  }

  #unmountNow(containerId: string): void {
    const target = this.#path(containerId, 'merged');
    const held = openDirectory(target);
    try {
      unmount(target, { detach: true });
    } catch (error) {
      if (!isKernelError(error, 'EINVAL', 'ENOENT')) throw error;
    } finally {
      if (held !== undefined) close(held);
    }
  }

  /**
   * Unmounts and removes; absent is fine. The files are gone from their place when it resolves, and deleted soon after.
   */
  async remove(containerId: string): Promise<void> {
    if (this.isMounted(containerId)) this.#unmountNow(containerId);
    const taken = this.#discard(containerId);
    this.#unlinked.delete(containerId);
    const imageId = this.#imageOf.get(containerId);
    if (imageId !== undefined) {
      this.#imageOf.delete(containerId);
      if (this.#images.mounts.remove(imageId, containerId)) this.#images.dropHidden();
    }
    await taken;
  }

  /** Throws at once what keeps the files in their place. */
  #discard(containerId: string): Promise<void> {
    const away = join(this.#trash, randomBytes(8).toString('hex'));
    try {
      renameSync(this.#path(containerId), away);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return Promise.resolve();
      throw storageError('remove', this.#path(containerId), error);
    }
    return this.#sweep(away);
  }

  /** Resolves when it is taken in. */
  #sweep(path: string): Promise<void> {
    let markDone!: () => void;
    const done = new Promise<void>((resolve) => (markDone = resolve));
    this.#sweeps.add(done);
    void done.then(() => this.#sweeps.delete(done));
    return this.#deletions.add(() =>
      nowOrLater(
        () => removeTree(path),
        (error) =>
          this.#log.warn(
            { error: errorMessage(error), path },
            'cannot delete a removed file system: the next start of the daemon tries again',
          ),
      ).finally(markDone),
    );
  }

  /** Resolves when everything removed so far is deleted. */
  async settled(): Promise<void> {
    await Promise.all(this.#sweeps);
  }

  /** Removes every container's file system but these: orphans of a crash. */
  async retain(containerIds: ReadonlySet<string>): Promise<void> {
    for (const containerId of [...this.#imageOf.keys(), ...this.#unlinked]) {
      if (!containerIds.has(containerId)) await this.remove(containerId);
    }
  }

  /** Gives a file system whose link to its image is lost the link again. */
  relink(containerId: string, imageId: string): boolean {
    if (!this.#unlinked.has(containerId) || !existsSync(this.#path(containerId, 'diff'))) return false;
    const link = this.#path(containerId, 'image');
    rmSync(link, { force: true, recursive: true });
    symlinkSync(digestHex(imageId), link);
    for (const name of ['work', 'merged']) mkdirSync(this.#path(containerId, name), { recursive: true, mode: 0o755 });
    this.#unlinked.delete(containerId);
    this.#note(containerId, imageId);
    return true;
  }

  /** What a container cannot be started without and is not there, in a sentence; or nothing. */
  missing(containerId: string, imageId: string): string | undefined {
    const image = this.#images.byId(imageId);
    if (!image) return `its image ${imageId} is missing`;
    const layer = this.#images.catalog.layerDirectories(image).find((directory) => !existsSync(directory));
    if (layer !== undefined) return `the layer ${layer} of its image is missing`;
    const upper = this.upperDir(containerId);
    return this.#imageOf.has(containerId) && existsSync(upper) ? undefined : `its file system ${upper} is missing`;
  }

  /** Every container that has a directory. */
  ids(): string[] {
    return [...this.#imageOf.keys(), ...this.#unlinked];
  }

  has(containerId: string): boolean {
    return this.#imageOf.has(containerId);
  }

  mergedDir(containerId: string): string {
    return this.#path(containerId, 'merged');
  }

  upperDir(containerId: string): string {
    return this.#path(containerId, 'diff');
  }

  /** `docker diff`: what the container changed, added and deleted, sorted by path. */
  changes(containerId: string): Promise<Change[]> {
    return listChanges(this.upperDir(containerId), this.#lower(this.#image(containerId)));
  }

  /** What the container's own files weigh, and these with the image's. */
  async sizeBytes(containerId: string): Promise<{ own: number; withImage: number }> {
    const own = await treeSizeBytes(this.upperDir(containerId));
    return { own, withImage: own + (this.#imageIfThere(containerId)?.sizeBytes ?? 0) };
  }

  #lower(image: ImageRecord): string[] {
    return [this.#initLayer(image.id), ...this.#images.catalog.layerDirectories(image)];
  }

  /** What inspect shows as GraphDriver.Data. */
  graph(containerId: string): Record<string, string> {
    const image = this.#imageIfThere(containerId);
    return {
      ...(image ? { LowerDir: this.#lower(image).join(':') } : {}),
      MergedDir: this.#path(containerId, 'merged'),
      UpperDir: this.#path(containerId, 'diff'),
      WorkDir: this.#path(containerId, 'work'),
    };
  }
}

function linkedImage(link: string): string | undefined {
  try {
    const imageId = `sha256:${readlinkSync(link)}`;
    return DIGEST_PATTERN.test(imageId) ? imageId : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined where there is no descriptor left: it would only have saved time. */
function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return undefined;
  }
}
