/**
 * Steps of builds as images: each is made of the one before it and what the step changed. They are kept for the next
 * build, in no list; `keep` and `release` say how long.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemError } from '../base/errors.ts';
import { unmountBelow } from './left-mounts.ts';
import { mountOverlay, unmount } from '../kernel/mount.ts';
import type { ImageConfig, ImageRecord } from '../model/image.ts';
import { formatReference, parseReference, withDefaultTag } from '../model/image-reference.ts';
import type { Platform } from '../model/platform.ts';
import { layerOfUpper, pinBase } from './commit-image.ts';
import { acceptImageConfig, EMPTY_IMAGE_CONFIG, formatImageConfig } from './image-config.ts';
import type { ImageStore } from './image-store.ts';
import { takeLayer } from './own-layer.ts';
import type { RootfsStore } from './rootfs.ts';
import { isUntouched } from './rootfs-changes.ts';

/** What is said of a step in its image. */
export interface StepDescription {
  readonly config: ImageConfig;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly comment: string;
  readonly author: string;
}

export class BuildSteps {
  readonly #images: ImageStore;
  readonly #rootfs: RootfsStore;
  readonly #mounts: string;

  /** `directory`: where images are mounted to be copied from; what a crash left there is taken away. */
  constructor(images: ImageStore, rootfs: RootfsStore, directory: string) {
    this.#images = images;
    this.#rootfs = rootfs;
    this.#mounts = directory;
    unmountBelow(directory);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** An image without anything: FROM scratch. */
  async scratch({ os, architecture, variant }: Platform): Promise<ImageRecord> {
    const config = formatImageConfig({
      createdAt: '',
      author: '',
      architecture,
      variant,
      os,
      config: EMPTY_IMAGE_CONFIG,
      history: [],
      diffIds: [],
      comment: '',
    });
    const { catalog } = this.#images;
    const id = await catalog.bringingIn((pins) => catalog.registerSoon({ config, layers: [], kept: true }, pins));
    return catalog.record(id);
  }

  /** A step that changed no file, or whose changes are in the directory of an overlay; `isOver`: nobody needs it then. */
  async commit(
    base: ImageRecord,
    step: StepDescription,
    upperDir?: string,
    { isOver = false } = {},
  ): Promise<ImageRecord> {
    if (upperDir !== undefined) acceptImageConfig(describe(base, step, `sha256:${'0'.repeat(64)}`)); // before a layer is read for it
    const { catalog } = this.#images;
    const changed = upperDir !== undefined && !(await isUntouched(upperDir));
    const id = await catalog.bringingIn(async (pins) => {
      pinBase(catalog, base, pins);
      const layer = isOver ? takeLayer : layerOfUpper;
      const diffId = changed ? await layer(catalog, upperDir, pins) : undefined;
      const layers = diffId === undefined ? base.layers : [...base.layers, diffId];
      const image = { config: describe(base, step, diffId), parent: base.id, layers, kept: true };
      return await catalog.registerSoon(image, pins);
    });
    // What took time to make is not made again after a crash.
    if (changed) await catalog.flush();
    return catalog.record(id);
  }

  /** All steps so far are on the disk when it resolves. */
  flush(): Promise<void> {
    return this.#images.catalog.flush();
  }

  /** As `commit`, with what `work` does to the files, whose root it gets. */
  async change(base: ImageRecord, work: (root: string) => Promise<StepDescription>): Promise<ImageRecord> {
    const id = `build-${randomBytes(12).toString('hex')}`;
    await this.#rootfs.create(id, base);
    try {
      // Nothing of it is needed after a crash.
      const step = await work(this.#rootfs.mount(id, { volatile: true }));
      this.#rootfs.unmount(id);
      return await this.commit(base, step, this.#rootfs.upperDir(id), { isOver: true });
    } finally {
      await this.#rootfs.remove(id);
    }
  }

  /** A step that another image has had on the same layers: with its layer, and its time. */
  async adopt(base: ImageRecord, other: ImageRecord, config: ImageConfig): Promise<ImageRecord> {
    const entry = other.history[base.history.length]!;
    const { catalog } = this.#images;
    const id = await catalog.bringingIn(async (pins) => {
      pinBase(catalog, other, pins);
      const count = base.diffIds.length + (entry.emptyLayer ? 0 : 1);
      const content = formatImageConfig({
        ...base,
        createdAt: entry.createdAt,
        author: entry.author,
        config,
        history: [...base.history, entry],
        diffIds: other.diffIds.slice(0, count),
        comment: entry.comment,
      });
      const image = { config: content, parent: base.id, layers: other.layers.slice(0, count), kept: true };
      return await catalog.registerSoon(image, pins);
    });
    return catalog.record(id);
  }

  /** An image's files while `work` runs; what it changes there is lost. */
  async trying<T>(image: ImageRecord, work: (root: string) => Promise<T>): Promise<T> {
    const id = `build-${randomBytes(12).toString('hex')}`;
    await this.#rootfs.create(id, image);
    try {
      return await work(this.#rootfs.mount(id, { volatile: true }));
    } finally {
      await this.#rootfs.remove(id);
    }
  }

  /** The same of a directory of the builder's; `scratch` is one for what is changed. */
  async tryingDirectory<T>(lower: string, scratch: string, work: (root: string) => Promise<T>): Promise<T> {
    const [upper, workDirectory, target] = ['upper', 'work', 'merged'].map((name) => join(scratch, name));
    for (const path of [upper!, workDirectory!, target!]) mkdirSync(path, { mode: 0o755 });
    mountOverlay({ lower: [lower], upper: upper!, work: workDirectory!, target: target!, options: ['volatile'] });
    try {
      return await work(target!);
    } finally {
      unmount(target!, { detach: true });
    }
  }

  /** An image's files, read-only, while `work` runs. */
  async reading<T>(image: ImageRecord, work: (root: string) => Promise<T>): Promise<T> {
    const place = join(this.#mounts, randomBytes(12).toString('hex'));
    mkdirSync(place, { mode: 0o700 });
    try {
      this.#rootfs.mountImage({ id: image.id, name: image.id }, place);
      try {
        return await work(place);
      } finally {
        unmount(place, { detach: true });
      }
    } finally {
      rmdirSync(place);
    }
  }

  find(id: string): ImageRecord | undefined {
    return this.#images.byId(id);
  }

  /** Of all steps that are kept. */
  keptIds(): string[] {
    return [...this.#images.catalog.state.images.values()].filter(({ kept }) => kept).map(({ id }) => id);
  }

  /** Steps that no build needs any more: what is no image of its own and of no container goes. */
  release(ids: readonly string[]): void {
    const { catalog } = this.#images;
    catalog.atOnce(() => {
      for (const id of ids) if (catalog.state.images.get(id)?.kept) catalog.updateImage(id, { kept: undefined });
      this.#images.dropHidden();
    });
  }

  /** The last step of a build is an image: it is in the lists, under these names, and durable with all steps before it. */
  async publish(id: string, references: readonly string[]): Promise<void> {
    const { catalog } = this.#images;
    const image = catalog.state.images.get(id);
    if (!image) throw systemError(`no image ${id}`);
    const names = references.map((reference) => formatReference(withDefaultTag(parseReference(reference))));
    // All of it was promised before, and is on the disk: when it was named last need not be.
    if (!image.hidden && names.every((name) => catalog.state.references.get(name) === id))
      return names.length > 0 ? catalog.touchSoon(image) : undefined;
    await catalog.syncConfigs();
    catalog.atOnce(() => {
      catalog.updateImage(id, { hidden: false });
      for (const name of names) catalog.setReference(name, id);
    });
  }

  /** True while the image is in the lists, or the top layer of it in one that is. */
  isShared(id: string): boolean {
    const { catalog } = this.#images;
    const diffId = catalog.diffIds(id).at(-1);
    return catalog
      .ids()
      .some((other) => other === id || (diffId !== undefined && catalog.diffIds(other).includes(diffId)));
  }

  /** What the layers weigh that only steps have. */
  ownSizeBytes(id: string): number {
    const { catalog } = this.#images;
    const { images, layers } = catalog.state;
    const layersOf = (one: string): readonly string[] => (images.has(one) ? catalog.diffIds(one) : []);
    const own = layersOf(id);
    const added = own.length > layersOf(images.get(id)?.parent ?? '').length ? own.at(-1) : undefined;
    return added === undefined ? 0 : (layers.get(added)?.sizeBytes ?? 0);
  }
}

function describe(base: ImageRecord, step: StepDescription, diffId: string | undefined): string {
  const { createdAt, createdBy, comment, author } = step;
  return formatImageConfig({
    createdAt,
    author,
    architecture: base.architecture,
    variant: base.variant,
    os: base.os,
    config: step.config,
    history: [...base.history, { createdAt, createdBy, comment, author, emptyLayer: diffId === undefined }],
    diffIds: diffId === undefined ? base.diffIds : [...base.diffIds, diffId],
    comment,
  });
}
