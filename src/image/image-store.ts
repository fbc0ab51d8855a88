/**
 * Images: what there is, how it comes in, how it goes out and how it is removed. One instance owns its directory; every
 * call that changes something is durable when it resolves and leaves nothing behind when it fails.
 */
import type { Readable } from 'node:stream';
import { errorKind, invalid, notFound } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ImageRecord } from '../model/image.ts';
import { formatReference, parseReference, withDefaultTag } from '../model/image-reference.ts';
import { formatPlatform, rankPlatform, type Platform } from '../model/platform.ts';
import { commitImage, type CommitRequest } from './commit-image.ts';
import { ImageCatalog } from './image-catalog.ts';
import { ImageMounts } from './image-mounts.ts';
import { hasChildren, removeImage, type ImageUser, type RemovedItem } from './image-removal.ts';
import { importImage, type ImportOptions } from './import-image.ts';
import { inspectDistribution } from './inspect-distribution.ts';
import { loadImages } from './load-images.ts';
import { repairIndex } from './index-repair.ts';
import { pullImage } from './pull-image.ts';
import { pushImage } from './push-image.ts';
import { checkLogin } from './registry-login.ts';
import { DEFAULT_REGISTRY_OPTIONS, type RegistryOptions } from './registry/registry-options.ts';
import { idsToSave, saveImages } from './save-images.ts';
import { sharedSizes } from './shared-sizes.ts';
import type { Distribution, RegistryAuth, ReportProgress } from '../model/registry.ts';

export interface ImageStoreOptions {
  readonly log: Log;
  /** Read anew for each pull and push. */
  readonly registries?: RegistryOptions;
  /** Ids of steps of builds: where the index is lost, they are not taken for images. */
  readonly stepIds?: () => ReadonlySet<string>;
}

export class ImageStore {
  /** These two for the rootfs store of the same room. */
  readonly catalog: ImageCatalog;
  readonly mounts = new ImageMounts();
  readonly #registries: RegistryOptions;

  private constructor(catalog: ImageCatalog, registries: RegistryOptions) {
    this.catalog = catalog;
    this.#registries = registries;
  }

  /** Opens (or makes) the store in `root`; what a crash left half done is removed. */
  static async open(root: string, options: ImageStoreOptions): Promise<ImageStore> {
    await repairIndex(root, options.log, options.stepIds);
    const catalog = new ImageCatalog(root, options.log);
    await catalog.durability.recover();
    return new ImageStore(catalog, options.registries ?? DEFAULT_REGISTRY_OPTIONS);
  }

  /** Stops what it does in the background. Call it before another instance opens the directory. */
  close(): void {
    this.catalog.durability.close();
  }

  /** Every image, newest first. */
  list(): ImageRecord[] {
    const records = this.catalog.ids().map((id) => this.catalog.listed(id));
    return records.sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0));
  }

  /**
   * By name ('busybox' is 'docker.io/library/busybox:latest'), digest, id or unique beginning of an id. Throws
   * `invalid` on nonsense.
   */
  find(ref: string): ImageRecord | undefined {
    const id = this.catalog.resolve(ref);
    return id === undefined ? undefined : this.catalog.record(id);
  }

  /** As `find`; throws Docker's 'No such image: x:latest', also where the image is for another platform than asked. */
  get(ref: string, platform?: Platform): ImageRecord {
    const record = this.find(ref);
    if (!record) throw notFound(`No such image: ${this.catalog.describe(ref)}`);
    if (platform && rankPlatform(record, platform) === 0)
      throw notFound(
        `image with reference ${ref} was found but its platform (${formatPlatform(record)}) does not match the specified platform (${formatPlatform(platform)})`,
      );
    return record;
  }

  /** The id of an image of this store by its exact id, for records that keep one. Hidden ones too. */
  byId(id: string): ImageRecord | undefined {
    return this.catalog.state.images.has(id) ? this.catalog.record(id) : undefined;
  }

  /** When `signal` aborts nothing of it stays. */
  importTar(source: Readable, options: ImportOptions, signal?: AbortSignal): Promise<string> {
    return importImage(this.catalog, source, options, signal);
  }

  /**
   * Loads what `save` wrote, here or elsewhere; resolves to the images' ids. With `platform` only images for that one.
   */
  load(source: Readable, report: ReportProgress, signal?: AbortSignal, platform?: Platform): Promise<string[]> {
    return loadImages(this.catalog, source, report, {
      ...(signal ? { signal } : {}),
      ...(platform ? { platform } : {}),
    });
  }

  /** The ids of the images that `save` writes for these names. */
  idsToSave(refs: readonly string[]): string[] {
    return idsToSave(this.catalog, refs);
  }

  /** Images as a tar that `load`, docker and skopeo read. A name without a tag means all of its tags. */
  save(refs: readonly string[], platforms: readonly Platform[] = []): Promise<Readable> {
    return saveImages(this.catalog, refs, platforms);
  }

  /** Makes an image of what a container changed; resolves to its id. */
  commitLayer(request: CommitRequest): Promise<string> {
    return commitImage(this.catalog, request);
  }

  /**
   * From a registry; a name without tag and digest means all of its tags. Resolves to the images' ids; a signal that
   * aborts ends it and leaves nothing of the image in progress.
   */
  pull(
    ref: string,
    auth: RegistryAuth | null,
    platform: string,
    report: ReportProgress,
    signal?: AbortSignal,
  ): Promise<string[]> {
    return pullImage(this.catalog, { ref, auth, platform, report, ...(signal ? { signal } : {}) }, this.#registries);
  }

  /** To a registry; a name without a tag means all of its tags. */
  push(ref: string, auth: RegistryAuth | null, report: ReportProgress, signal?: AbortSignal): Promise<void> {
    return pushImage(this.catalog, { ref, auth, report, ...(signal ? { signal } : {}) }, this.#registries);
  }

  /** What a registry has under a name; nothing of it is brought here. */
  distribution(ref: string, auth: RegistryAuth | null, signal?: AbortSignal): Promise<Distribution> {
    return inspectDistribution(this.catalog, { ref, auth, ...(signal ? { signal } : {}) }, this.#registries);
  }

  /** Whether a registry takes a name and password. */
  checkLogin(login: {
    username: string;
    password: string;
    serverAddress: string;
  }): Promise<{ status: string; identityToken: string }> {
    return checkLogin(login, this.#registries);
  }

  /** Gives an image another name. */
  tag(ref: string, target: string): void {
    const record = this.get(ref);
    const name = withDefaultTag(parseReference(target));
    if (name.digest !== '') throw invalid('refusing to create a tag with a digest reference');
    this.catalog.setReference(formatReference(name), record.id);
  }

  /** Docker's rmi. `users` names the containers of an image. */
  untagOrRemove(
    ref: string,
    options: { force: boolean; prune: boolean; users: (imageId: string) => readonly ImageUser[] },
  ): RemovedItem[] {
    const record = this.get(ref);
    return this.catalog.atOnce(() =>
      removeImage(this.catalog, ref, record.id, { ...options, isMounted: (imageId) => this.mounts.has(imageId) }),
    );
  }

  /**
   * Removes what nothing needs: images without a name, or with `all` every image that no container uses. `accept`
   * narrows the choice (labels, age). An image that is needed after all is skipped.
   */
  prune(options: {
    all: boolean;
    accept?: (image: ImageRecord) => boolean;
    users: (imageId: string) => readonly ImageUser[];
    /** Told of each image of which something was removed. */
    report?: (image: ImageRecord, removed: readonly RemovedItem[]) => void;
  }): { removed: RemovedItem[]; spaceReclaimedBytes: number } {
    const before = this.#sizeBytes(this.catalog.state.layers.keys());
    const removed: RemovedItem[] = [];
    for (const image of this.list()) {
      const names = [...image.repoTags, ...image.repoDigests];
      const isWanted = names.length > 0 ? !options.all : hasChildren(this.catalog, image.id);
      if (isWanted || !(options.accept?.(image) ?? true)) continue;
      // Of an image that a container was made from the names go too, but for the last.
      if (names.length === 0 && options.users(image.id).length > 0) continue;
      for (const ref of names.length > 0 ? names : [image.id]) {
        // The last name takes the image and its other names along.
        if (!this.find(ref)) continue;
        try {
          const items = this.untagOrRemove(ref, { force: false, prune: true, users: options.users });
          removed.push(...items);
          options.report?.(image, items);
        } catch (error) {
          if (errorKind(error) !== 'conflict') throw error;
        }
      }
    }
    return { removed, spaceReclaimedBytes: before - this.#sizeBytes(this.catalog.state.layers.keys()) };
  }

  /** What the layers of images weigh, each once: `docker system df`. Steps that only builds keep are cache, no images. */
  layersSizeBytes(): number {
    const images = [...this.catalog.state.images.values()].filter(({ hidden, kept }) => !(hidden && kept));
    return this.#sizeBytes(new Set(images.flatMap(({ id }) => this.catalog.diffIds(id))));
  }

  #sizeBytes(diffIds: Iterable<string>): number {
    let sizeBytes = 0;
    for (const diffId of diffIds) sizeBytes += this.catalog.state.layers.get(diffId)?.sizeBytes ?? 0;
    return sizeBytes;
  }

  /** Of each image: what of its size other images have too. Those that are only kept for containers count. */
  sharedSizes(): ReadonlyMap<string, number> {
    const { images, layers } = this.catalog.state;
    const listed = [...images.keys()].map((id) => ({ id, diffIds: this.catalog.diffIds(id) }));
    return sharedSizes(listed, (diffId) => layers.get(diffId)?.sizeBytes ?? 0);
  }

  /** Hidden images on which no container is based any more are dropped. */
  dropHidden(): void {
    const hidden = [...this.catalog.state.images.values()].filter(
      (image) => image.hidden && !image.kept && !this.mounts.has(image.id),
    );
    if (hidden.length > 0) this.catalog.forget(hidden.map((image) => image.id));
  }

  /** What inspect shows of an image's layers on disk. */
  graph(record: ImageRecord): Record<string, string> {
    const [upper, ...lower] = this.catalog.layerDirectories(record);
    if (upper === undefined) return {};
    return { ...(lower.length > 0 ? { LowerDir: lower.join(':') } : {}), UpperDir: upper };
  }
}
