/**
 * What the image operations share: blobs, unpacked layers and the index over them, and the rule that nothing stays that
 * the index does not name. Work in progress pins what it has brought in; whatever is neither named nor pinned is
 * collected.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { tryAgainLater } from '../base/again.ts';
import { errorMessage, systemError } from '../base/errors.ts';
import { KeyedLock } from '../base/keyed-lock.ts';
import type { Log } from '../base/log.ts';
import type { ImageRecord } from '../model/image.ts';
import {
  describeReference,
  familiarReference,
  formatReference,
  parseAnyReference,
  parseReference,
  withDefaultTag,
} from '../model/image-reference.ts';
import { AsideImages, ASIDE_IMAGE_ADVICE, describeAsideImage, takeBack, type AsideImage } from './aside-images.ts';
import { bareRecord } from './bare-record.ts';
import { BlobStore } from './blob-store.ts';
import { collectUnused } from './collect-unused.ts';
import type { ParsedImageConfig } from './image-config.ts';
import { ImageConfigs } from './image-configs.ts';
import { ImageIndex } from './image-index.ts';
import type { IndexState, StoredImage, StoredLayer } from './index-file.ts';
import { LayerDurability } from './layer-durability.ts';
import { LayerStore, type UnpackedLayer } from './layer-store.ts';
import { unpackLayer } from './unpack-layer.ts';
import { enterImage, prepareImage, type NewImage, type PreparedImage, type Registered } from './new-image.ts';
import { Pins } from './pins.ts';
import { damageOf } from './storage-errors.ts';

export class ImageCatalog {
  readonly root: string;
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
  readonly log: Log;
  readonly durability: LayerDurability;
  readonly aside: AsideImages;
  readonly #index: ImageIndex;
  readonly #configs: ImageConfigs;
  readonly #records = new Map<string, ImageRecord>();
  readonly #pins = new Set<Pins>();
  readonly #unpacking = new KeyedLock();
  readonly #exclusive = new KeyedLock();

  constructor(root: string, log: Log) {
    mkdirSync(root, { recursive: true, mode: 0o711 });
    this.root = root;
    mkdirSync(this.initDirectory(), { recursive: true, mode: 0o711 });
    this.log = log;
    this.blobs = new BlobStore(root);
    this.#configs = new ImageConfigs(this.blobs, (id) => this.#records.delete(id));
    this.layers = new LayerStore(root, log);
    this.#index = ImageIndex.open(root);
    this.#index.beforeWriting = () => this.#configs.syncNow();
    this.durability = new LayerDurability(this);
    this.aside = new AsideImages(root);
    this.#takeUp();
    this.#setAsideDamaged();
    this.collect();
  }

  get state(): IndexState {
    return this.#index.state;
  }

  /** What could not be whole before, and is now. */
  #takeUp(): void {
    for (const [id, aside] of this.aside.all()) {
      if (!this.state.images.has(id)) {
        if (this.#damage(aside.image, aside.layers) !== undefined) {
          this.log.error({ image: id }, `${describeAsideImage(this.root, id, aside)}: ${ASIDE_IMAGE_ADVICE}`);
          continue;
        }
        this.#index.update((draft) => takeBack(draft, id, aside));
      }
      this.aside.remove(id);
    }
  }

  /**
   * Why an image cannot be used, if so; throws where that cannot be determined now. A layer that is gone is no harm
   * while its blob is there: see LayerDurability.recover.
   */
  #damage(image: StoredImage, layers: Readonly<Record<string, StoredLayer>> = {}): string | undefined {
    try {
      for (const [i, diffId] of this.#config(image.id).diffIds.entries()) {
        if (!this.state.layers.has(diffId) && !(diffId in layers)) return `layer ${diffId} is not known`;
        if (!this.layers.has(diffId) && !this.blobs.has(image.layers[i] ?? '')) return `layer ${diffId} is missing`;
      }
      return undefined;
    } catch (error) {
      return damageOf(this.blobs.path(image.id), error);
    }
  }

  #setAsideDamaged(): void {
    const damaged = new Map<string, string>();
    for (const image of this.state.images.values()) {
      const reason = this.#damage(image);
      if (reason !== undefined) damaged.set(image.id, reason);
    }
    this.setAside(damaged);
  }

  /** Takes images that are not whole out of the index, by id with the reason; what is left of them stays. */
  setAside(damaged: ReadonlyMap<string, string>): void {
    if (damaged.size === 0) return;
    for (const [id, reason] of damaged) {
      const image = this.state.images.get(id);
      if (!image) continue;
      const aside: AsideImage = { image, references: this.references(id), layers: this.#layersOf(id), reason };
      this.aside.add(id, aside);
      this.log.error({ image: id }, `${describeAsideImage(this.root, id, aside)}: ${ASIDE_IMAGE_ADVICE}`);
    }
    this.forget([...damaged.keys()]);
  }

  /** All of them where the configuration cannot say which: better too many kept than one too few. */
  #layersOf(id: string): Record<string, StoredLayer> {
    try {
      const diffIds = new Set(this.#config(id).diffIds);
      return Object.fromEntries([...this.state.layers].filter(([diffId]) => diffIds.has(diffId)));
    } catch {
      return Object.fromEntries(this.state.layers);
    }
  }

  #config(id: string): ParsedImageConfig {
    return this.#configs.get(id, this.state.images.get(id)?.parent ?? '');
  }

  /** Its layers, lowest first, without its configuration, which may be long; of one that cannot be read none. */
  diffIds = (id: string): readonly string[] => this.#configs.layersOf(id, this.state.images.get(id)?.parent ?? '');

  record(id: string): ImageRecord {
    const cached = this.#records.get(id);
    if (cached) return cached;
    const stored = this.state.images.get(id);
    if (!stored) throw systemError(`no image ${id}`);
    const config = this.#config(id);
    const names = this.references(id).map((reference) => parseReference(reference));
    const layerSizesBytes = config.diffIds.map((diffId) => this.state.layers.get(diffId)?.sizeBytes ?? 0);
    const record: ImageRecord = {
      id,
      ...config,
      layers: stored.layers,
      layerSizesBytes,
      sizeBytes: layerSizesBytes.reduce((sum, size) => sum + size, 0),
      repoTags: names.filter((name) => name.digest === '').map(familiarReference),
      repoDigests: names.filter((name) => name.digest !== '').map(familiarReference),
      parent: stored.parent,
      lastTaggedAt: stored.lastTaggedAt,
    };
    this.#records.set(id, record);
    return record;
  }

  /** As `record`, and what the index knows where it cannot be read: one image must not hide the others. */
  listed(id: string): ImageRecord {
    try {
      return this.record(id);
    } catch (error) {
      this.log.error({ image: id, error: errorMessage(error) }, 'an image cannot be read');
      return bareRecord(id, this.references(id), this.state.images.get(id));
    }
  }

  /** Every image that is not only kept for a container's sake. */
  ids(): string[] {
    return [...this.state.images.values()].filter((image) => !image.hidden).map((image) => image.id);
  }

  /** Full references that resolve to the image, sorted. */
  references(id: string): string[] {
    return [...this.state.references].flatMap(([name, target]) => (target === id ? [name] : [])).sort();
  }

  /** The id for what a user wrote: a name, a digest reference, an id or a unique beginning of one. */
  resolve(text: string): string | undefined {
    const parsed = parseAnyReference(text);
    if (parsed.kind === 'id') return this.#visible(parsed.id);
    const name = withDefaultTag(parsed.name);
    // With tag and digest the digest decides, as it does for Docker.
    const key = formatReference(name.digest === '' ? name : { ...name, tag: '' });
    const named = this.state.references.get(key);
    if (named !== undefined) return named;
    const prefix = text.startsWith('sha256:') ? text : `sha256:${text}`;
    if (!/^sha256:[0-9a-f]+$/.test(prefix)) return undefined;
    const matches = [...this.state.images.keys()].filter((id) => id.startsWith(prefix) && this.#visible(id));
    return matches.length === 1 ? matches[0] : undefined;
  }

  #visible(id: string): string | undefined {
    const image = this.state.images.get(id);
    return image && (!image.hidden || image.kept) ? id : undefined;
  }

  describe = (text: string): string => describeReference(text);

  /** Runs work that brings blobs and layers in. When it is over, what the index does not name by then is removed. */
  async pinned<T>(work: (pins: Pins) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const pins = Object.assign(this.pin(), { signal });
    try {
      return await work(pins);
    } finally {
      this.unpin(pins);
    }
  }

  /** The same of work after which the index names all that it has brought in. */
  async bringingIn<T>(work: (pins: Pins) => Promise<T>): Promise<T> {
    const pins = this.pin();
    try {
      const result = await work(pins);
      this.#pins.delete(pins);
      return result;
    } catch (error) {
      this.unpin(pins);
      throw error;
    }
  }

  /** What is added to them stays until they are given back. */
  pin(): Pins {
    const pins = new Pins();
    this.#pins.add(pins);
    return pins;
  }

  unpin(pins: Pins): void {
    this.#pins.delete(pins);
    this.#collectOrLater();
  }

  /** Removes what nothing refers to any more, now or a little later. */
  #collectOrLater(): void {
    if (this.#index.isHeld) return;
    try {
      this.collect();
    } catch {
      tryAgainLater(
        () => this.collect(),
        (error) =>
          this.log.warn(
            { error: errorMessage(error) },
            'cannot remove unused image content: the next change of images tries again',
          ),
      );
    }
  }

  /** Unpacks a layer from its blob unless it is there, checks it against `diffId` if one is given, and pins both. */
  async unpackBlob(
    blob: string,
    diffId: string | undefined,
    pins: Pins,
    report?: (blobBytes: number) => void,
  ): Promise<string> {
    pins.blobs.add(blob);
    if (diffId === undefined) return await unpackLayer(this, blob, diffId, pins, report);
    // Two images that are pulled at once often share layers: the second waits for the first.
    return await this.#unpacking.run(diffId, async () => {
      const known = this.knownLayer(diffId);
      if (known) {
        pins.layers.set(diffId, known);
        return diffId;
      }
      return await unpackLayer(this, blob, diffId, pins, report);
    });
  }

  /** A directory that holds what a blob does becomes its layer: see own-layer.ts. */
  async takeLayer(directory: string, layer: UnpackedLayer, pins: Pins): Promise<string> {
    const { diffId, sizeBytes, tarBytes } = layer;
    return await this.#unpacking.run(diffId, async () => {
      const known = this.knownLayer(diffId);
      pins.layers.set(diffId, known ?? { sizeBytes, tarBytes, settled: false });
      if (!known) await this.layers.take(directory, layer).keep();
      return diffId;
    });
  }

  /** One at a time for a key: two pulls that need the same blob download it once. */
  exclusively = <T>(key: string, work: () => Promise<T>): Promise<T> => this.#exclusive.run(key, work);

  /** Sizes of a layer that is unpacked and accounted for. */
  knownLayer(diffId: string): StoredLayer | undefined {
    if (!this.layers.has(diffId)) return undefined;
    const stored = this.state.layers.get(diffId);
    if (stored) return stored;
    for (const pins of this.#pins) {
      const pinned = pins.layers.get(diffId);
      if (pinned) return pinned;
    }
    return undefined;
  }

  /**
   * Names an image whose layers are unpacked and pinned, and gives it the references (whole ones). Durable when it
   * returns.
   */
  async register(image: NewImage, references: readonly string[], pins: Pins): Promise<Registered> {
    return (await this.registerAll([{ ...image, references }], pins))[0]!;
  }

  /** As `register`, for many with one change of the index: all of them, or none. */
  async registerAll(
    images: readonly (NewImage & { readonly references: readonly string[] })[],
    pins: Pins,
  ): Promise<Registered[]> {
    const prepared: PreparedImage[] = [];
    for (const image of images) prepared.push(await prepareImage(this, image, image.references, pins));
    const registered = this.#index.update((draft) =>
      prepared.map((image) => enterImage(draft, image, (diffId) => this.knownLayer(diffId))),
    );
    this.#registered(prepared);
    return registered;
  }

  /** As `register`, but durable only with `flush`, or with any other change. */
  async registerSoon(image: NewImage, pins: Pins): Promise<string> {
    const prepared = await prepareImage(this, image, [], pins, { durable: false });
    this.#configs.expectSync(prepared.id);
    this.#index.updateSoon((draft) => enterImage(draft, prepared, (diffId) => this.knownLayer(diffId)));
    this.#registered([prepared]);
    return prepared.id;
  }

  syncConfigs = (): Promise<void> => this.#configs.sync();

  async flush(): Promise<void> {
    if (!this.#configs.hasUnsynced) return;
    await this.syncConfigs();
    this.#index.flush();
  }

  #registered(prepared: readonly PreparedImage[]): void {
    this.#records.clear();
    for (const { id, parsed, parent } of prepared) {
      this.#configs.set(id, parsed, parent ?? ''); // it is there: it must not stay marked as unreadable
      this.aside.remove(id);
    }
    this.durability.settleSoon();
  }

  /**
   * All changes that `work` makes to the index are one, durable when it returns or throws; what they leave unused is
   * removed after that.
   */
  atOnce<T>(work: () => T): T {
    try {
      return this.#index.atOnce(work);
    } catch (error) {
      this.#records.clear();
      throw error;
    } finally {
      this.#collectOrLater();
    }
  }

  setReference(reference: string, id: string): void {
    this.#index.update((draft) => {
      draft.references.set(reference, id);
      const image = draft.images.get(id);
      if (image) draft.images.set(id, { ...image, lastTaggedAt: new Date().toISOString() });
    });
    this.#records.clear();
  }

  removeReferences(names: readonly string[]): void {
    this.#index.update((draft) => names.forEach((name) => draft.references.delete(name)));
    this.#records.clear();
  }

  updateImage(id: string, change: Partial<StoredImage>): void {
    this.#index.update((draft) => {
      const image = draft.images.get(id);
      if (image) draft.images.set(id, { ...image, ...change });
    });
    this.#records.clear();
  }

  touchSoon(image: StoredImage): void {
    this.#index.updateSoon((draft) => draft.images.set(image.id, { ...image, lastTaggedAt: new Date().toISOString() }));
    this.#records.clear();
  }

  setSettled(diffIds: readonly string[]): void {
    this.#index.update((draft) => {
      for (const diffId of diffIds) {
        const layer = draft.layers.get(diffId);
        if (layer) draft.layers.set(diffId, { ...layer, settled: true });
      }
    });
  }

  enterBoot = (): void => this.#index.enterBoot();

  /** Throws an unpacked layer away and unpacks it again from its blob. */
  async renewLayer(blob: string, diffId: string): Promise<void> {
    this.layers.remove(diffId);
    await this.pinned(async (pins) => {
      pins.blobs.add(blob);
      await unpackLayer(this, blob, diffId, pins);
    });
    this.log.info({ layer: diffId }, 'unpacked a layer again');
  }

  setCompressed = (plain: string, compressed: string): void =>
    this.#index.update((draft) => void draft.compressed.set(plain, compressed));

  /** Takes images out of the index, with their references, and collects what they alone used. */
  forget(ids: readonly string[]): void {
    const gone = new Set(ids);
    this.#index.update((draft) => {
      for (const id of ids) draft.images.delete(id);
      for (const [reference, id] of draft.references) if (gone.has(id)) draft.references.delete(reference);
      this.#dropUnusedLayers(draft.images, draft.layers);
    });
    for (const id of ids) this.#configs.delete(id);
    this.#records.clear();
    this.#collectOrLater();
  }

  #dropUnusedLayers(images: ReadonlyMap<string, StoredImage>, layers: Map<string, StoredLayer>): void {
    const used = new Set([...images.values()].flatMap(({ id, parent }) => this.#configs.diffIds(id, parent)));
    for (const diffId of layers.keys()) if (!used.has(diffId)) layers.delete(diffId);
  }

  /** Removes from the disk what neither the index nor work in progress names. */
  collect(): void {
    const stale = collectUnused(this, this.#pins);
    if (stale.length > 0) this.#index.update((draft) => stale.forEach((plain) => draft.compressed.delete(plain)));
  }

  /** Layer directories of an image, the topmost first. One that is named twice hides itself further below. */
  layerDirectories(record: ImageRecord): string[] {
    return [...new Set(record.diffIds.toReversed())].map((diffId) => this.layers.path(diffId));
  }

  /** Where the layers with the mount points are, one for each image. */
  initDirectory = (): string => join(this.root, 'init');
}
