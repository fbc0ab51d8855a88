/**
 * HTTP as registries need it: bodies that stream both ways, redirects, proxies from the environment, the system's and
 * the registry's own certificate authorities. Failures to connect read as Docker's do.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { connect as tlsConnect, rootCertificates } from 'node:tls';
import { systemError } from '../../base/errors.ts';
import { readPemFile } from '../../kernel/host-file.ts';
import { ipVersion, parseSubnet, subnetContains } from '../../model/addresses.ts';
import { networkFailure } from '../../base/network-failure.ts';
import { redactedUrlText } from '../../base/redacted-url.ts';

export interface ExchangeRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | { readonly stream: Readable; readonly sizeBytes: number };
  readonly signal?: AbortSignal;
}

export interface ExchangeResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
  /** Where it came from in the end. */
  readonly url: URL;
}

export interface TransportOptions {
  /** Certificates are not checked. */
  readonly insecure: boolean;
}

const IDLE_TIMEOUT_MS = 60_000;
const MAX_REDIRECTS = 10;
const SYSTEM_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';
const CERTIFICATE_DIRECTORIES = ['/etc/causeway/certs.d', '/etc/docker/certs.d'];

/** Connections to one registry and to where it redirects. Close it when the work is done. */
export class Transport {
  readonly #insecure: boolean;
  readonly #host: string;
  readonly #agents = new Map<string, HttpAgent | HttpsAgent>();

  constructor(host: string, options: TransportOptions) {
    this.#host = host;
    this.#insecure = options.insecure;
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /** Sends a request and follows redirects of reads. Resolves when the headers are there, whatever the status. */
  async exchange(request: ExchangeRequest): Promise<ExchangeResponse> {
    let url = request.url;
    let headers = request.headers ?? {};
    for (let hops = 0; ; hops++) {
      const response = await this.#once({ ...request, url, headers });
      const location = response.headers.location;
      const isRead = request.method === 'GET' || request.method === 'HEAD';
      if (!isRead || location === undefined || ![301, 302, 303, 307, 308].includes(response.status)) return response;
      response.body.resume();
      if (hops >= MAX_REDIRECTS)
        throw networkFailure(request.method, request.url, new Error('stopped after 10 redirects'));
      const next = redirectTarget(location, url);
      // The blob store of a registry must not see the registry's credentials, nor an observer of a connection that is
      // not encrypted any more.
      if (next.origin !== url.origin)
        headers = Object.fromEntries(
          Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
        );
      url = next;
    }
  }

  #once(request: ExchangeRequest): Promise<ExchangeResponse> {
    const { method, url, body, signal } = request;
    const length = body === undefined ? undefined : Buffer.isBuffer(body) ? body.length : body.sizeBytes;
    const headers: Record<string, string> = { 'user-agent': 'causeway', ...request.headers };
    if (length !== undefined) headers['content-length'] = String(length);
    const proxy = proxyFor(url);
    const options: RequestOptions = { method, headers, ...(signal ? { signal } : {}) };
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(networkFailure(method, url, error));
      let outgoing: ClientRequest;
      try {
        outgoing = this.#start(url, proxy, options);
      } catch (error) {
        fail(error as Error);
        return;
      }
      outgoing.setTimeout(IDLE_TIMEOUT_MS, () => outgoing.destroy(new Error('i/o timeout')));
      outgoing.on('error', fail);
      outgoing.on('response', (incoming) => {
        resolve({
          status: incoming.statusCode ?? 0,
          statusText: incoming.statusMessage ?? '',
          headers: incoming.headers,
          body: incoming,
          url,
        });
      });
      if (body === undefined || Buffer.isBuffer(body)) outgoing.end(body);
      // A server may answer, and close, before it has read the body: then the answer counts, not the broken pipe.
      else pipeline(body.stream, outgoing, (error) => error && fail(error));
    });
  }

  #start(url: URL, proxy: URL | undefined, options: RequestOptions): ClientRequest {
    if (url.protocol === 'https:')
      return httpsRequest(url, { ...options, agent: this.#agent(url, proxy) as HttpsAgent });
    if (!proxy) return httpRequest(url, { ...options, agent: this.#agent(url, undefined) });
    const headers = { ...(options.headers as Record<string, string>), host: url.host, ...proxyCredentials(proxy) };
    return requestTo(proxy)({ ...options, ...placeOf(proxy), path: url.href, headers });
  }

  #agent(url: URL, proxy: URL | undefined): HttpAgent | HttpsAgent {
    const key = `${url.protocol}//${url.host} ${proxy?.href ?? ''}`;
    let agent = this.#agents.get(key);
    if (!agent) {
      agent = url.protocol === 'https:' ? this.#httpsAgent(url, proxy) : new HttpAgent({ keepAlive: true });
      this.#agents.set(key, agent);
    }
    return agent;
  }

  #httpsAgent(url: URL, proxy: URL | undefined): HttpsAgent {
    // What certs.d says, and that certificates are not checked, is about the registry, not about where it redirects.
    const isRegistry = url.host === this.#host;
    const tls = {
      rejectUnauthorized: !(isRegistry && this.#insecure),
      ...authorities(isRegistry ? this.#host : ''),
    };
    if (!proxy) return new HttpsAgent({ keepAlive: true, ...tls });
    const agent = new HttpsAgent({ keepAlive: false, ...tls });
    // Node's agents know no proxies: the connection is made here and handed over when the tunnel is established.
    Object.assign(agent, {
      createConnection: (_options: unknown, done: (error: Error | null, socket?: unknown) => void) => {
        const tunnel = requestTo(proxy)({
          ...placeOf(proxy),
          method: 'CONNECT',
          path: `${url.hostname}:${url.port || 443}`,
          headers: { host: `${url.hostname}:${url.port || 443}`, ...proxyCredentials(proxy) },
        });
        tunnel.on('error', (error) => done(error));
        tunnel.on('connect', (response, socket) => {
          if (response.statusCode !== 200) {
            socket.destroy();
            done(new Error(`the proxy ${proxy.host} answered ${response.statusCode} ${response.statusMessage}`));
            return;
          }
          done(null, tlsConnect({ socket, servername: url.hostname, ...tls }));
        });
        tunnel.end();
      },
    });
    return agent;
  }
}

/** The system's authorities rather than Node's own list, and those that certs.d has for a registry. */
function authorities(host: string): { ca?: string[]; cert?: Buffer; key?: Buffer } {
  const own = CERTIFICATE_DIRECTORIES.map((directory) => join(directory, host)).filter(
    (path) => host !== '' && existsSync(path),
  );
  const files = own.flatMap((directory) => readdirSync(directory).map((name) => join(directory, name)));
  const extra = files.filter((path) => path.endsWith('.crt')).map((path) => readPemFile(path).toString());
  const system = existsSync(SYSTEM_AUTHORITIES) ? [readFileSync(SYSTEM_AUTHORITIES, 'utf8')] : [...rootCertificates];
  const cert = files.find((path) => path.endsWith('.cert'));
  const key = files.find((path) => path.endsWith('.key'));
  return { ca: [...system, ...extra], ...(cert && key ? { cert: readPemFile(cert), key: readPemFile(key) } : {}) };
}

/** HTTP_PROXY, HTTPS_PROXY and NO_PROXY with their usual meaning; never for this machine itself. */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv = process.env): URL | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const value = env[name] ?? env[name.toLowerCase()];
  if (!value || isLoopback(url.hostname)) return undefined;
  const except = (env['NO_PROXY'] ?? env['no_proxy'] ?? '').split(',').map((item) => item.trim().toLowerCase());
  const host = url.hostname.toLowerCase().replace(/^\[|\]$/g, '');
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  if (except.some((item) => item !== '' && isExcepted(item, host, port))) return undefined;
  try {
    return new URL(value.includes('://') ? value : `http://${value}`);
  } catch {
    return undefined;
  }
}

/** An entry of NO_PROXY as Go reads it: '*', a network, an address or a name with those below it, with a port or not. */
function isExcepted(item: string, host: string, port: string): boolean {
  if (item === '*') return true;
  if (ipVersion(host) !== 0) {
    const network = parseSubnet(item);
    if (network) return subnetContains(network, host);
  }
  const [, name = item, itemPort] = /^(.*?|\[.*\]):(\d+)$/.exec(ipVersion(item) === 6 ? '' : item) ?? [];
  if (itemPort !== undefined && itemPort !== port) return false;
  const bare = name.replace(/^\*?\./, '').replace(/^\[|\]$/g, '');
  return bare !== '' && (host === bare || (ipVersion(host) === 0 && host.endsWith(`.${bare}`)));
}

/**
 * Where an answer redirects to: another place on the web, but not into this machine or its own link from outside of
 * them. Throws in a sentence.
 */
export function redirectTarget(location: string, from: URL): URL {
  const refuse = (because: string): never => {
    throw systemError(
      `${from.host} redirects to ${JSON.stringify(redactedUrlText(location).slice(0, 300))}, ${because}`,
    );
  };
  const next = URL.canParse(location, from.href) ? new URL(location, from) : refuse('which is no web address');
  if (next.protocol !== 'https:' && next.protocol !== 'http:') refuse('which is no web address');
  if (isOwn(next.hostname) && !isOwn(from.hostname)) refuse("which is of this machine's own");
  return next;
}

/** Loopback, unspecified and link-local addresses, in the one form that URLs have of them. */
function isOwn(hostname: string): boolean {
  return (
    isLoopback(hostname) ||
    /(^|\.)localhost\.?$/.test(hostname) ||
    /^(0\.|169\.254\.)/.test(hostname) ||
    /^\[(::|fe[89ab].*|::ffff:(7f..:|0:|a9fe:).*)\]$/.test(hostname)
  );
}

export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || /^127(?:\.\d{1,3}){3}$/.test(hostname) || hostname === '[::1]' || hostname === '::1'
  );
}

const requestTo = (proxy: URL) => (proxy.protocol === 'https:' ? httpsRequest : httpRequest);

function placeOf(proxy: URL): { host: string; port: string; ca?: string[] } {
  const secure = proxy.protocol === 'https:';
  const host = proxy.hostname.replace(/^\[|\]$/g, '');
  return { host, port: proxy.port || (secure ? '443' : '80'), ...(secure ? authorities('') : {}) };
}

function proxyCredentials(proxy: URL): Record<string, string> {
  if (proxy.username === '') return {};
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
}
