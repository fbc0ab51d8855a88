/**
 * `docker pull`: manifest, config and layers from a registry. Layers come in parallel, a broken transfer goes on where
 * it stopped, everything is checked against its digest, and nothing has a name before all of it is here. The messages
 * are Docker's.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CausewayError, codeBeneath, errorKind, errorMessage, invalid, notFound, systemError } from '../base/errors.ts';
import { shortId } from '../model/ids.ts';
import {
  familiarName,
  familiarReference,
  formatReference,
  parseReference,
  type ImageReference,
} from '../model/image-reference.ts';
import { digestOf, MAX_DOCUMENT_BYTES, type BlobWriter } from './blob-store.ts';
import { allOrFirstFailure } from './first-failure.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { Pins } from './pins.ts';
import { acceptImageConfig } from './image-config.ts';
import { Limiter } from './limiter.ts';
import { isIndex, parseManifest, type Descriptor, type Manifest } from './media-types.ts';
import { LayerMismatchError } from './mismatch-errors.ts';
import { formatPlatform, parsePlatform, rankPlatform, type Platform } from '../model/platform.ts';
import { throttle } from './progress.ts';
import { RegistryClient } from './registry/registry-client.ts';
import { mirrorsOf, type RegistryOptions } from './registry/registry-options.ts';
import { brokenOff, RegistryError } from './registry/registry-error.ts';
import type { RegistryAuth, ReportProgress } from '../model/registry.ts';

export interface PullRequest {
  /** Without tag and digest: every tag of the repository, as in Docker's API (clients name ':latest'). */
  readonly ref: string;
  readonly auth: RegistryAuth | null;
  readonly platform: string; // '' = this machine's
  readonly report: ReportProgress;
  readonly signal?: AbortSignal;
}

const UNPACKS_AT_ONCE = 2;
/** The disk's fault: another try, or another registry, changes nothing. */
const DISK_CODES = ['ENOSPC', 'EDQUOT', 'EROFS'];

/** Resolves to the images' ids. A mirror that fails, or does not have the image, is passed over. */
export async function pullImage(
  catalog: ImageCatalog,
  request: PullRequest,
  options: RegistryOptions,
): Promise<string[]> {
  const name = parseReference(request.ref);
  const platform = parsePlatform(request.platform);
  for (const mirror of mirrorsOf(name.domain, options)) {
    try {
      return await pullFrom(catalog, { request, name, platform, options, mirror });
    } catch (error) {
      if (request.signal?.aborted) throw systemError('context canceled', error);
      if (codeBeneath(error, DISK_CODES) !== undefined) throw error;
      catalog.log.warn(
        { mirror: mirror.host, image: request.ref, error: errorMessage(error) },
        'a mirror is passed over',
      );
    }
  }
  try {
    return await pullFrom(catalog, { request, name, platform, options });
  } catch (error) {
    if (request.signal?.aborted) throw systemError('context canceled', error);
    throw explain(error, name);
  }
}

interface PullPlan {
  readonly request: PullRequest;
  readonly name: ImageReference;
  readonly platform: Platform;
  readonly options: RegistryOptions;
  readonly mirror?: URL;
}

async function pullFrom(catalog: ImageCatalog, plan: PullPlan): Promise<string[]> {
  const { request, name, options, mirror } = plan;
  const access = {
    auth: request.auth,
    actions: 'pull' as const,
    ...(request.signal ? { signal: request.signal } : {}),
  };
  const client = await RegistryClient.connect(name, access, options, mirror);
  try {
    const isWhole = name.tag !== '' || name.digest !== '';
    const names = isWhole ? [name] : (await client.tags(request.signal)).map((tag) => ({ ...name, tag }));
    const ids: string[] = [];
    let isNew = false;
    for (const one of names) {
      const pulled = await catalog.pinned(
        (pins) => new Pull(catalog, client, pins, { ...plan, name: one }).run(),
        request.signal,
      );
      ids.push(pulled.id);
      isNew ||= pulled.isNew;
    }
    request.report({
      status: `Status: ${isNew ? 'Downloaded newer image' : 'Image is up to date'} for ${familiarReference(name)}`,
    });
    return ids;
  } finally {
    client.close();
  }
}

/** Docker's sentence for a registry's refusal. */
function explain(error: unknown, name: ImageReference): unknown {
  if (!(error instanceof RegistryError)) return error;
  switch (error.code) {
    case 'DENIED':
      return notFound(
        `pull access denied for ${familiarName(name)}, repository does not exist or may require 'docker login': ${error.message}`,
        error,
      );
    case 'MANIFEST_UNKNOWN':
      return notFound(`manifest for ${familiarReference(name)} not found: ${error.message}`, error);
    case 'NAME_UNKNOWN':
      return notFound(`repository ${familiarName(name)} not found: ${error.message}`, error);
    case 'UNAUTHORIZED':
      // A registry that hides what it has answers this where the user may not look or there is nothing to see.
      return notFound(
        `pull access denied for ${familiarName(name)}, repository does not exist or may require 'docker login': ${error.message}`,
        error,
      );
    default:
      return error;
  }
}

class Pull {
  readonly #catalog: ImageCatalog;
  readonly #client: RegistryClient;
  readonly #pins: Pins;
  readonly #report: ReportProgress;
  readonly #name: ImageReference;
  readonly #platform: Platform;
  readonly #downloads: Limiter;
  readonly #attempts: number;
  readonly #unpacks = new Limiter(UNPACKS_AT_ONCE);
  /** Ends what else is running when one layer has failed. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;

  constructor(
    catalog: ImageCatalog,
    client: RegistryClient,
    pins: Pins,
    { request, name, platform, options }: PullPlan,
  ) {
    this.#downloads = new Limiter(options.maxConcurrentDownloads);
    this.#attempts = options.maxDownloadAttempts + 1; // as Docker counts: it is tried again so often
    this.#catalog = catalog;
    this.#client = client;
    this.#pins = pins;
    this.#report = request.report;
    this.#name = name;
    this.#platform = platform;
    this.#signal = request.signal ? AbortSignal.any([request.signal, this.#stop.signal]) : this.#stop.signal;
  }

  async run(): Promise<{ id: string; isNew: boolean }> {
    const name = this.#name;
    const target = name.digest === '' ? name.tag : name.digest;
    const top = await this.#client.manifest(target, this.#signal);
    this.#report({ status: `Pulling from ${name.path}`, id: target });
    const { manifest, content } = await this.#choose(top);
    const config = await this.#config(manifest.config);
    const parsed = acceptImageConfig(config);
    if (parsed.diffIds.length !== manifest.layers.length)
      throw invalid("layers from manifest don't match image configuration");
    if (parsed.os !== 'linux')
      throw systemError(`no matching manifest for ${formatPlatform(this.#platform)}: the image is for ${parsed.os}`);
    const references = [formatReference({ ...name, tag: '', digest: top.digest })];
    if (name.digest === '') references.push(formatReference(name));
    const before = this.#catalog.state.images.get(manifest.config.digest);
    const isNew = !before || before.hidden;
    await this.#layers(manifest.layers, parsed.diffIds);
    const image = { config, manifest: content, layers: manifest.layers.map((layer) => layer.digest) };
    const { id } = await this.#catalog.register(image, references, this.#pins);
    this.#report({ status: `Digest: ${top.digest}` });
    return { id, isNew };
  }

  /** From an index the manifest for the wanted platform. */
  async #choose(top: { content: Buffer; mediaType: string }): Promise<{ manifest: Manifest; content: Buffer }> {
    const parsed = parseManifest(top.content, top.mediaType);
    if (!isIndex(parsed)) return { manifest: parsed, content: top.content };
    const rank = ({ platform }: Descriptor) => {
      const { os = '', architecture = '', variant = '' } = platform ?? {};
      return rankPlatform({ os, architecture, variant }, this.#platform);
    };
    const [best] = parsed.manifests.filter((candidate) => rank(candidate) > 0).sort((a, b) => rank(b) - rank(a));
    if (!best)
      throw notFound(`no matching manifest for ${formatPlatform(this.#platform)} in the manifest list entries`);
    const chosen = await this.#client.manifest(best.digest, this.#signal);
    const manifest = parseManifest(chosen.content, chosen.mediaType);
    if (isIndex(manifest)) throw invalid('invalid manifest list: an entry is a list itself');
    return { manifest, content: chosen.content };
  }

  async #config({ digest, size }: Descriptor): Promise<Buffer> {
    if (this.#catalog.blobs.has(digest)) return await this.#catalog.blobs.read(digest);
    if (size > MAX_DOCUMENT_BYTES)
      throw invalid(
        `invalid manifest: the image configuration is ${size} bytes long, and at most ${MAX_DOCUMENT_BYTES} are taken`,
      );
    // Neither it nor its length is believed.
    const config = await this.#client.smallBlob(digest, size, this.#signal);
    if (digestOf(config) !== digest) throw systemError(`image config verification failed for digest ${digest}`);
    await this.#catalog.blobs.put(config, this.#pins.blobs);
    return config;
  }

  async #layers(layers: readonly Descriptor[], diffIds: readonly string[]): Promise<void> {
    const seen = new Set<string>();
    const work: Promise<void>[] = [];
    for (const [i, layer] of layers.entries()) {
      // One layer may occur in an image several times (empty ones do).
      if (seen.has(layer.digest)) continue;
      seen.add(layer.digest);
      work.push(this.#layer(layer, diffIds[i]!));
    }
    await allOrFirstFailure(work, this.#stop);
  }

  async #layer(layer: Descriptor, diffId: string): Promise<void> {
    const id = shortId(layer.digest);
    const state = (status: string) => this.#report({ status, progressDetail: {}, id });
    this.#pins.blobs.add(layer.digest);
    const known = this.#catalog.knownLayer(diffId);
    if (known && this.#catalog.blobs.has(layer.digest)) {
      this.#pins.layers.set(diffId, known);
      state('Already exists');
      return;
    }
    state('Pulling fs layer');
    await this.#downloads.run(
      () => this.#catalog.exclusively(layer.digest, () => this.#download(layer, id)),
      () => state('Waiting'),
    );
    await this.#unpacks.run(async () => {
      const total = layer.size;
      const progress = throttle(
        (current) => this.#report({ status: 'Extracting', progressDetail: { current, total }, id }),
        total,
      );
      try {
        await this.#catalog.unpackBlob(layer.digest, diffId, this.#pins, progress);
      } catch (error) {
        throw new CausewayError(errorKind(error), `failed to register layer: ${errorMessage(error)}`, { cause: error });
      }
    });
    state('Pull complete');
  }

  async #download(layer: Descriptor, id: string): Promise<void> {
    if (this.#catalog.blobs.has(layer.digest)) return;
    const state = (status: string) => this.#report({ status, progressDetail: {}, id });
    const writer = await this.#catalog.blobs.writer();
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          await this.#transfer(layer, id, writer);
          state('Verifying Checksum');
          await writer.commit(this.#pins.blobs, layer.digest);
          state('Download complete');
          return;
        } catch (error) {
          if (attempt === this.#attempts || !this.#isWorthAnotherTry(error)) throw error;
          const seconds = attempt;
          this.#catalog.log.warn({ error, blob: layer.digest, attempt }, 'a download broke off');
          for (let left = seconds; left > 0; left--) {
            state(`Retrying in ${left} second${left === 1 ? '' : 's'}`);
            await sleep(1000, undefined, { signal: this.#signal });
          }
        }
      }
    } finally {
      await writer.abandon();
    }
  }

  #isWorthAnotherTry(error: unknown): boolean {
    if (this.#signal.aborted) return false;
    if (error instanceof RegistryError) return error.status >= 500 || error.status === 429;
    return !(error instanceof LayerMismatchError) && codeBeneath(error, DISK_CODES) === undefined;
  }

  async #transfer(layer: Descriptor, id: string, writer: BlobWriter): Promise<void> {
    const { stream, offset } = await this.#client.blob(layer.digest, writer.sizeBytes, this.#signal);
    if (offset !== writer.sizeBytes) await writer.restart();
    const total = layer.size;
    const progress = throttle(
      (current) => this.#report({ status: 'Downloading', progressDetail: { current, total }, id }),
      total,
    );
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        await writer.write(chunk);
        if (writer.sizeBytes > total) throw new LayerMismatchError(layer.digest);
        progress(writer.sizeBytes);
      }
    } catch (error) {
      throw brokenOff(error);
    }
    if (writer.sizeBytes < total) throw systemError('unexpected EOF');
  }
}
