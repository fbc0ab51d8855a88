/**
 * `docker push`: layers that the registry lacks, the config, then the manifest under the tag. An image that was pulled
 * is pushed with the manifest it came with, so that its digest stays what it was.
 */
import { createReadStream } from 'node:fs';
import { pipeline, Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import { invalid, notFound, systemError } from '../base/errors.ts';
import { shortId } from '../model/ids.ts';
import type { ImageRecord } from '../model/image.ts';
import {
  familiarName,
  familiarReference,
  formatReference,
  parseReference,
  repositoryOf,
  type ImageReference,
} from '../model/image-reference.ts';
import { digestOf } from './blob-store.ts';
import { fileCompression } from './compression.ts';
import { allOrFirstFailure } from './first-failure.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { Pins } from './pins.ts';
import { Limiter } from './limiter.ts';
import {
  DOCKER_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  isIndex,
  layerMediaType,
  OCI_CONFIG,
  OCI_MANIFEST,
  parseManifest,
  type Descriptor,
} from './media-types.ts';
import { throttle } from './progress.ts';
import { NoCredentialsError } from './registry/authorizer.ts';
import { RegistryClient } from './registry/registry-client.ts';
import type { RegistryOptions } from './registry/registry-options.ts';
import { RegistryError } from './registry/registry-error.ts';
import type { RegistryAuth, ReportProgress } from '../model/registry.ts';

export interface PushRequest {
  /** Without a tag: every tag of the repository. */
  readonly ref: string;
  readonly auth: RegistryAuth | null;
  readonly report: ReportProgress;
  readonly signal?: AbortSignal;
}

const ATTEMPTS = 5;

export async function pushImage(catalog: ImageCatalog, request: PushRequest, options: RegistryOptions): Promise<void> {
  const name = parseReference(request.ref);
  if (name.digest !== '') throw invalid('cannot push a digest reference');
  const tags = tagsOf(catalog, name);
  request.report({ status: `The push refers to repository [${repositoryOf(name)}]` });
  const access = {
    auth: request.auth,
    actions: 'pull,push' as const,
    ...(request.signal ? { signal: request.signal } : {}),
  };
  let client: RegistryClient | undefined;
  try {
    client = await RegistryClient.connect(name, access, options);
    const connected = client;
    for (const tag of tags) {
      await catalog.pinned((pins) =>
        new Push(catalog, connected, pins, request, tag, options.maxConcurrentUploads).run(),
      );
    }
  } catch (error) {
    if (request.signal?.aborted) throw systemError('context canceled', error);
    throw error;
  } finally {
    client?.close();
  }
}

function tagsOf(catalog: ImageCatalog, name: ImageReference): ImageReference[] {
  if (name.tag !== '') {
    if (!catalog.state.references.has(formatReference(name))) {
      const others = [...catalog.state.references.keys()].some(
        (reference) => repositoryOf(parseReference(reference)) === repositoryOf(name),
      );
      if (others) throw notFound(`tag does not exist: ${familiarReference(name)}`);
      throw notFound(`An image does not exist locally with the tag: ${familiarName(name)}`);
    }
    return [name];
  }
  const references = [...catalog.state.references.keys()].map((reference) => parseReference(reference));
  const own = references.filter(
    (reference) => reference.digest === '' && repositoryOf(reference) === repositoryOf(name),
  );
  if (own.length === 0) throw notFound(`An image does not exist locally with the tag: ${familiarName(name)}`);
  return own;
}

interface Layer {
  readonly diffId: string;
  readonly blob: string; // as it is stored
}

class Push {
  readonly #catalog: ImageCatalog;
  readonly #client: RegistryClient;
  readonly #pins: Pins;
  readonly #report: ReportProgress;
  readonly #name: ImageReference;
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #uploads: Limiter;
  #hasManifest = false;

  constructor(
    catalog: ImageCatalog,
    client: RegistryClient,
    pins: Pins,
    request: PushRequest,
    name: ImageReference,
    uploadsAtOnce: number,
  ) {
    this.#uploads = new Limiter(uploadsAtOnce);
    this.#catalog = catalog;
    this.#client = client;
    this.#pins = pins;
    this.#report = request.report;
    this.#name = name;
    this.#signal = request.signal ? AbortSignal.any([request.signal, this.#stop.signal]) : this.#stop.signal;
  }

  async run(): Promise<void> {
    const imageId = this.#catalog.state.references.get(formatReference(this.#name));
    if (imageId === undefined) throw notFound(`tag does not exist: ${familiarReference(this.#name)}`);
    const record = this.#catalog.record(imageId);
    const stored = this.#catalog.state.images.get(imageId)!;
    for (const blob of [imageId, stored.manifest, ...record.layers].filter((digest) => digest !== ''))
      this.#pins.blobs.add(blob);
    this.#hasManifest = stored.manifest !== '';
    const layers = await this.#layers(record);
    const config = await this.#catalog.blobs.read(imageId);
    await this.#offer({ mediaType: DOCKER_CONFIG, digest: imageId, size: config.length }, () => {});
    const { content, mediaType } =
      stored.manifest === ''
        ? this.#manifest(imageId, config.length, layers)
        : await this.#storedManifest(stored.manifest);
    await this.#client.putManifest(this.#name.tag, content, mediaType, this.#signal);
    const digest = digestOf(content);
    this.#catalog.setReference(formatReference({ ...this.#name, tag: '', digest }), imageId);
    this.#report({ status: `${this.#name.tag}: digest: ${digest} size: ${content.length}` });
    this.#report({ progressDetail: {}, aux: { Tag: this.#name.tag, Digest: digest, Size: content.length } });
  }

  async #layers(record: ImageRecord): Promise<Descriptor[]> {
    const list: Layer[] = record.diffIds.map((diffId, i) => ({ diffId, blob: record.layers[i]! }));
    // Docker shows the topmost first.
    for (const { diffId } of [...list].reverse()) this.#state('Preparing', diffId);
    const sent = new Map<string, Promise<Descriptor>>();
    for (const layer of [...list].reverse()) {
      if (!sent.has(layer.diffId))
        sent.set(
          layer.diffId,
          this.#uploads.run(
            () => this.#layer(layer),
            () => this.#state('Waiting', layer.diffId),
          ),
        );
    }
    await allOrFirstFailure([...sent.values()], this.#stop);
    return await Promise.all(list.map(({ diffId }) => sent.get(diffId)!));
  }

  #state(status: string, diffId: string): void {
    this.#report({ status, progressDetail: {}, id: shortId(diffId) });
  }

  async #layer({ diffId, blob }: Layer): Promise<Descriptor> {
    const digest = await this.#registryForm(blob, shortId(diffId));
    const descriptor: Descriptor = {
      mediaType: layerMediaType(await fileCompression(this.#catalog.blobs.path(digest))) ?? '',
      digest,
      size: this.#catalog.blobs.sizeBytes(digest),
    };
    const id = shortId(diffId);
    const total = descriptor.size;
    const progress = throttle(
      (current) => this.#report({ status: 'Pushing', progressDetail: { current, total }, id }),
      total,
    );
    const how = await this.#offer(descriptor, progress);
    this.#state(how, diffId);
    return descriptor;
  }

  /** The blob as registries keep layers: what is uncompressed here is compressed once, and remembered. */
  async #registryForm(blob: string, id: string): Promise<string> {
    // A manifest that the image came with names its blobs as they are.
    if (this.#hasManifest || (await fileCompression(this.#catalog.blobs.path(blob))) !== 'none') return blob;
    const known = this.#catalog.state.compressed.get(blob);
    if (known !== undefined && this.#catalog.blobs.has(known)) {
      this.#pins.blobs.add(known);
      return known;
    }
    const gzip = createGzip();
    const total = this.#catalog.blobs.sizeBytes(blob);
    const progress = throttle(
      (current) => this.#report({ status: 'Compressing', progressDetail: { current, total }, id }),
      total,
    );
    pipeline(this.#measured(blob, progress), gzip, () => {});
    const { digest } = await this.#catalog.blobs.ingest(gzip, this.#pins.blobs);
    this.#catalog.setCompressed(blob, digest);
    return digest;
  }

  /** Makes sure that the registry has the blob; resolves to Docker's message about it. */
  async #offer({ digest, size }: Descriptor, progress: (current: number) => void): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        if (await this.#client.hasBlob(digest, this.#signal)) return 'Layer already exists';
        const from = this.#sameRegistryRepository(digest);
        const place = await this.#client.startUpload(digest, from, this.#signal);
        if (!place) return `Mounted from ${from}`;
        const stream = this.#measured(digest, progress);
        await this.#client.upload(place, digest, { stream, sizeBytes: size }, this.#signal);
        return 'Pushed';
      } catch (error) {
        const refused = error instanceof RegistryError && error.status < 500 && error.status !== 429;
        if (
          attempt === ATTEMPTS ||
          refused ||
          this.#signal.aborted ||
          error instanceof NoCredentialsError ||
          (error as Error).cause instanceof NoCredentialsError
        )
          throw error;
        this.#catalog.log.warn({ error, blob: digest, attempt }, 'an upload broke off');
        await sleep(attempt * 1000, undefined, { signal: this.#signal });
      }
    }
  }

  #measured(digest: string, progress: (current: number) => void): Transform {
    let current = 0;
    const counter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        current += chunk.length;
        progress(current);
        done(null, chunk);
      },
    });
    const file = createReadStream(this.#catalog.blobs.path(digest), { highWaterMark: 256 * 1024 });
    pipeline(file, counter, () => {});
    return counter;
  }

  /** Another repository of the same registry that has the blob, as far as the local images tell. */
  #sameRegistryRepository(digest: string): string | undefined {
    for (const [reference, imageId] of this.#catalog.state.references) {
      const other = parseReference(reference);
      if (other.digest === '' || other.domain !== this.#name.domain || other.path === this.#name.path) continue;
      const image = this.#catalog.state.images.get(imageId);
      const blobs = image?.layers.flatMap((blob) => [blob, this.#catalog.state.compressed.get(blob)]) ?? [];
      if (imageId === digest || blobs.includes(digest)) return other.path;
    }
    return undefined;
  }

  #manifest(
    imageId: string,
    configBytes: number,
    layers: readonly Descriptor[],
  ): { content: Buffer; mediaType: string } {
    // Docker's own form where every layer is gzip, which all registries and clients know; OCI's where one is not.
    const docker = layers.every((layer) => layer.mediaType.endsWith('+gzip'));
    const content = {
      schemaVersion: 2,
      mediaType: docker ? DOCKER_MANIFEST : OCI_MANIFEST,
      config: { mediaType: docker ? DOCKER_CONFIG : OCI_CONFIG, size: configBytes, digest: imageId },
      layers: layers.map(({ mediaType, size, digest }) => ({
        mediaType: docker ? DOCKER_LAYER_GZIP : mediaType,
        size,
        digest,
      })),
    };
    return { content: Buffer.from(JSON.stringify(content, null, 3)), mediaType: content.mediaType };
  }

  async #storedManifest(digest: string): Promise<{ content: Buffer; mediaType: string }> {
    const content = await this.#catalog.blobs.read(digest);
    const manifest = parseManifest(content);
    if (isIndex(manifest)) throw systemError(`the stored manifest ${digest} is none of an image`);
    return { content, mediaType: manifest.mediaType };
  }
}
