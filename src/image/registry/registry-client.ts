/** One repository of one registry, spoken to by the distribution protocol (version 2). */
import { CausewayError, systemError } from '../../base/errors.ts';
import { networkFailure } from '../../base/network-failure.ts';
import { DIGEST_PATTERN, digestOf } from '../blob-store.ts';
import { DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST } from '../media-types.ts';
import { Authorizer, NoCredentialsError } from './authorizer.ts';
import { parseJsonObject, readBody, registryError } from './registry-error.ts';
import { isHub, isInsecure, type RegistryOptions } from './registry-options.ts';
import { redirectTarget, Transport, type ExchangeRequest, type ExchangeResponse } from './transport.ts';
import type { Readable } from 'node:stream';
import type { RegistryAuth } from '../../model/registry.ts';

/** What registries themselves take at most. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_TAGS = 100_000;
const MAX_TAG_PAGES = 1000;
const MANIFEST_TYPES = [OCI_INDEX, OCI_MANIFEST, DOCKER_MANIFEST_LIST, DOCKER_MANIFEST].join(', ');

/** Where the registry of a domain answers: Docker Hub's is another name than its images carry. */
function registryHost(domain: string): string {
  return isHub(domain) ? 'registry-1.docker.io' : domain;
}

/**
 * Whether the registry's credentials may be sent to `url`: to its own host alone, and not in the clear where it is
 * spoken to by TLS.
 */
export function takesCredentials(registry: URL, url: URL): boolean {
  return url.host === registry.host && (url.protocol === 'https:' || registry.protocol !== 'https:');
}

/** The address in '<...>; rel="next"' of a Link header. Each character is looked at once. */
export function nextPage(link: string): string | undefined {
  return /<([^<>]+)>\s*;\s*rel="?next"?/.exec(link)?.[1];
}

/** Where a part begins: 'bytes 200-1000/1001'. As asked, where nothing is said. */
function rangeStart(header: string | undefined, asked: number): number {
  const start = /^\s*bytes\s+(\d{1,15})-/i.exec(header ?? '')?.[1];
  return start === undefined ? asked : Number(start);
}

export interface RegistryAccess {
  readonly auth: RegistryAuth | null;
  readonly actions: 'pull' | 'pull,push' | '';
  readonly signal?: AbortSignal;
}

export class RegistryClient {
  readonly #transport: Transport;
  readonly #authorizer: Authorizer;
  readonly #base: URL;
  readonly #path: string;

  private constructor(transport: Transport, authorizer: Authorizer, base: URL, path: string) {
    this.#transport = transport;
    this.#authorizer = authorizer;
    this.#base = base;
    this.#path = path;
  }

  /**
   * Finds out how the registry is spoken to (TLS or, where allowed, not). `mirror` is asked in place of the
   * repository's registry: as its address says, and without credentials, which are the registry's.
   */
  static async connect(
    repository: { domain: string; path: string },
    access: RegistryAccess,
    options: Pick<RegistryOptions, 'insecureRegistries'>,
    mirror?: URL,
  ): Promise<RegistryClient> {
    const host = mirror?.host ?? registryHost(repository.domain);
    const insecure = await isInsecure(host, options);
    const transport = new Transport(host, { insecure });
    const scope = access.actions === '' ? '' : `repository:${repository.path}:${access.actions}`;
    const signal = access.signal ? { signal: access.signal } : {};
    const authorizer = new Authorizer(transport, mirror ? null : access.auth, scope);
    try {
      const schemes = insecure ? ['https', 'http'] : ['https'];
      const bases = mirror ? [mirror] : schemes.map((scheme) => new URL(`${scheme}://${host}/v2/`));
      for (const base of bases) {
        try {
          const response = await transport.exchange({ method: 'GET', url: base, ...signal });
          response.body.resume();
          return new RegistryClient(transport, authorizer, base, repository.path);
        } catch (error) {
          if (base === bases.at(-1) || access.signal?.aborted) throw error;
        }
      }
      throw systemError(`no way to speak to ${host}`);
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  close(): void {
    this.#transport.close();
  }

  /** The address of the registry's API: what a login is tried at. */
  get base(): URL {
    return this.#base;
  }

  url(rest: string): URL {
    return new URL(`${this.#path}/${rest}`, this.#base);
  }

  /** Sends a request with the credentials that the registry requires, and again if it requires others. */
  async send(request: ExchangeRequest): Promise<ExchangeResponse> {
    let used: string | undefined;
    const attempt = () => {
      // Uploads may be sent elsewhere: credentials are for the registry only.
      const own: Record<string, string> = takesCredentials(this.#base, request.url) ? this.#authorizer.headers() : {};
      used = own['authorization'];
      return this.#transport.exchange({ ...request, headers: { ...request.headers, ...own } });
    };
    const response = await attempt();
    const canRepeat = request.body === undefined || Buffer.isBuffer(request.body);
    if (response.status !== 401 || !canRepeat || !takesCredentials(this.#base, response.url)) return response;
    let answered: boolean;
    try {
      answered = await this.#authorizer.answer(response, used, request.signal);
    } catch (error) {
      response.body.resume();
      if (!(error instanceof NoCredentialsError)) throw error;
      const { message } = networkFailure(
        request.method === 'GET' ? 'HEAD' : request.method,
        request.url,
        new Error(error.message),
      );
      throw new CausewayError(error.kind, message, { cause: error });
    }
    if (!answered) return response;
    response.body.resume();
    return await attempt();
  }

  async #expect(response: ExchangeResponse, ...statuses: number[]): Promise<ExchangeResponse> {
    if (statuses.includes(response.status)) return response;
    throw await registryError(response);
  }

  /** Every tag of the repository. */
  async tags(signal?: AbortSignal): Promise<string[]> {
    const tags: string[] = [];
    let url: URL | undefined = this.url('tags/list');
    for (let pages = 0; url && pages < MAX_TAG_PAGES; pages++) {
      const response: ExchangeResponse = await this.#expect(
        await this.send({ method: 'GET', url, ...(signal ? { signal } : {}) }),
        200,
      );
      const json = parseJsonObject(await readBody(response, MAX_MANIFEST_BYTES), 'the list of tags');
      if (Array.isArray(json['tags'])) for (const tag of json['tags']) if (typeof tag === 'string') tags.push(tag);
      if (tags.length > MAX_TAGS)
        throw systemError(`${this.#base.host} lists more than ${MAX_TAGS} tags: name the one to pull`);
      const next = nextPage([response.headers['link'] ?? ''].flat().join(','));
      url = next === undefined ? undefined : redirectTarget(next, response.url);
    }
    return tags;
  }

  /** A manifest or index by tag or digest, its digest checked. */
  async manifest(
    reference: string,
    signal?: AbortSignal,
  ): Promise<{ content: Buffer; mediaType: string; digest: string }> {
    const request = {
      method: 'GET' as const,
      url: this.url(`manifests/${reference}`),
      headers: { accept: MANIFEST_TYPES },
    };
    const response = await this.#expect(await this.send({ ...request, ...(signal ? { signal } : {}) }), 200);
    const content = await readBody(response, MAX_MANIFEST_BYTES);
    const digest = digestOf(content);
    if (DIGEST_PATTERN.test(reference) && digest !== reference) {
      throw systemError(`manifest verification failed for digest ${reference}`);
    }
    return { content, mediaType: (response.headers['content-type'] ?? '').split(';')[0]!.trim(), digest };
  }

  /** A small blob, whole. */
  async smallBlob(digest: string, maxBytes: number, signal?: AbortSignal): Promise<Buffer> {
    const request = { method: 'GET' as const, url: this.url(`blobs/${digest}`) };
    return await readBody(
      await this.#expect(await this.send({ ...request, ...(signal ? { signal } : {}) }), 200),
      maxBytes,
    );
  }

  /** A blob from `offset` on; `offset` in the result is where it really starts. */
  async blob(digest: string, offset: number, signal?: AbortSignal): Promise<{ stream: Readable; offset: number }> {
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const request = { method: 'GET' as const, url: this.url(`blobs/${digest}`), headers };
    const response = await this.#expect(await this.send({ ...request, ...(signal ? { signal } : {}) }), 200, 206);
    const start = response.status === 206 ? rangeStart(response.headers['content-range'], offset) : 0;
    if (start === offset || start === 0) return { stream: response.body, offset: start };
    response.body.destroy();
    throw systemError(`${response.url.host} answers with another part of the blob than was asked for`);
  }

  async hasBlob(digest: string, signal?: AbortSignal): Promise<boolean> {
    const response = await this.send({
      method: 'HEAD',
      url: this.url(`blobs/${digest}`),
      ...(signal ? { signal } : {}),
    });
    response.body.resume();
    if (response.status === 404) return false;
    await this.#expect(response, 200);
    return true;
  }

  /** Begins an upload. With `mountFrom` the registry may take the blob from another repository: then undefined. */
  async startUpload(digest: string, mountFrom: string | undefined, signal?: AbortSignal): Promise<URL | undefined> {
    const url = this.url('blobs/uploads/');
    if (mountFrom !== undefined) {
      url.searchParams.set('mount', digest);
      url.searchParams.set('from', mountFrom);
    }
    const response = await this.send({ method: 'POST', url, body: Buffer.alloc(0), ...(signal ? { signal } : {}) });
    await this.#expect(response, 201, 202);
    response.body.resume();
    if (response.status === 201) return undefined;
    return this.#location(response);
  }

  #location(response: ExchangeResponse): URL {
    const { location } = response.headers;
    if (location === undefined) throw systemError('the registry named no place to upload to');
    return redirectTarget(location, response.url);
  }

  /** Sends the content and names it. */
  async upload(
    place: URL,
    digest: string,
    body: { stream: Readable; sizeBytes: number } | Buffer,
    signal?: AbortSignal,
  ): Promise<void> {
    const headers = { 'content-type': 'application/octet-stream' };
    const more = signal ? { signal } : {};
    const sent = await this.#expect(await this.send({ method: 'PATCH', url: place, headers, body, ...more }), 202, 204);
    sent.body.resume();
    const finish = this.#location(sent);
    finish.searchParams.set('digest', digest);
    const done = await this.#expect(
      await this.send({ method: 'PUT', url: finish, headers, body: Buffer.alloc(0), ...more }),
      201,
      204,
    );
    done.body.resume();
  }

  async putManifest(reference: string, content: Buffer, mediaType: string, signal?: AbortSignal): Promise<void> {
    const request = {
      method: 'PUT' as const,
      url: this.url(`manifests/${reference}`),
      headers: { 'content-type': mediaType },
      body: content,
    };
    const response = await this.#expect(await this.send({ ...request, ...(signal ? { signal } : {}) }), 201, 202, 200);
    response.body.resume();
  }
}
