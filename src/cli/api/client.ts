/**
 * The Docker Engine API over HTTP: requests with JSON or streams both ways, and connections that are taken over
 * (attach, exec). Asks for one API version and goes down to the daemon's own when that is older.
 */
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { readBounded } from '../../base/bounded-read.ts';
import { visibleText } from '../../base/control-characters.ts';
import { isOlderApi } from '../../wire/api-version.ts';
import type { ErrorJson } from '../../wire/system.ts';
import type { RequestBody } from '../../wire/request-body.ts';
import { StatusError } from '../command/status-error.ts';
import type { Connection } from './connection.ts';
import type { Endpoint } from './endpoint.ts';
import { socketAdvice } from './socket-advice.ts';

/** That of Docker 28.5's client, whose output this one has: newer versions leave out fields that templates still name. */
export const API_VERSION = '1.51';

/** Docker's: of a message that a refusal has. */
const MAX_REFUSAL_BYTES = 1024 * 1024;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** The daemon refused. `status` is HTTP's. */
export class ApiError extends StatusError {
  readonly status: number;
  /** The daemon's message, without the prefix that names the daemon. */
  readonly detail: string;

  constructor(status: number, detail: string, runExitCode?: number) {
    const visible = visibleText(detail);
    super(`Error response from daemon: ${visible}`, 1, runExitCode);
    this.status = status;
    this.detail = visible;
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface RequestInit {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: RequestBody | null;
  /** Sent as it is; ends when it ends. */
  readonly stream?: Readable;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** A newer API version than usual, whose answer has more; an older daemon is asked in its own. */
  readonly version?: string;
}

export interface Hijacked {
  readonly socket: Socket;
  /** What came with the answer's headers and belongs to the stream. */
  readonly head: Buffer;
  /** False: a TTY's bytes as they are. True: framed, stdout and stderr apart. */
  readonly multiplexed: boolean;
}

export class ApiClient {
  readonly endpoint: Endpoint;
  /** The newest version that the daemon speaks, where it refused a newer one. */
  #limit: string | undefined;
  #connection: Promise<Connection> | undefined;
  #complaint: Connection['complaint'] | undefined;
  readonly #trace: ((line: string) => void) | undefined;

  constructor(endpoint: Endpoint, trace?: (line: string) => void) {
    this.endpoint = endpoint;
    this.#trace = trace;
  }

  get version(): string {
    return this.#versionOf({});
  }

  #versionOf({ version = API_VERSION }: Pick<RequestInit, 'version'>): string {
    return this.#limit !== undefined && isOlderApi(this.#limit, version) ? this.#limit : version;
  }

  /** Rejects with ApiError for answers of 400 and above, and with Docker's sentence when no daemon answers. */
  async send(method: string, path: string, init: RequestInit = {}): Promise<IncomingMessage> {
    const response = await this.#sendOnce(method, path, init);
    const { statusCode = 0 } = response;
    if (statusCode < 400 && !REDIRECTS.has(statusCode)) return response;
    if (statusCode < 400)
      throw new StatusError(`error during connect: ${this.endpoint.host}: unexpected redirect in response`);
    const error = await refusal(response, path);
    if (this.#fallBack(response, init) && init.stream === undefined) return this.send(method, path, init);
    throw error;
  }

  async json<T>(method: string, path: string, init: RequestInit = {}): Promise<T> {
    const text = await this.text(method, path, init);
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch (error) {
      throw this.#noDaemon(path, (error as Error).message);
    }
    if (typeof answer !== 'object') throw this.#noDaemon(path, `it is a ${typeof answer}`);
    return answer as T;
  }

  #noDaemon(path: string, reason: string): StatusError {
    return new StatusError(
      `error during connect: the answer of ${this.endpoint.host} to ${path} is none of the Docker Engine API: ${visibleText(reason)}`,
    );
  }

  async text(method: string, path: string, init: RequestInit = {}): Promise<string> {
    return readText(await this.send(method, path, init));
  }

  /** For answers that have no body, or none that matters. */
  async done(method: string, path: string, init: RequestInit = {}): Promise<void> {
    (await this.send(method, path, init)).resume();
  }

  /** Takes the connection over. Attach handlers before the next tick: what has come already is in `head`. */
  async hijack(path: string, init: RequestInit = {}): Promise<Hijacked> {
    const connection = await this.#connect();
    const answer = await new Promise<Hijacked | IncomingMessage>((resolve, reject) => {
      const headers = { Connection: 'Upgrade', Upgrade: 'tcp', ...init.headers };
      const { request, payload } = this.#prepare(connection, 'POST', path, { ...init, headers }, false);
      request.on('upgrade', (response, socket, head) =>
        resolve({
          socket: socket as Socket,
          head,
          multiplexed: response.headers['content-type'] === 'application/vnd.docker.multiplexed-stream',
        }),
      );
      request.on('response', resolve);
      request.on('error', (error) => void this.#explain(error).then(reject));
      request.end(payload);
    });
    if ('socket' in answer && 'head' in answer) return answer;
    if ((answer.statusCode ?? 0) < 400)
      throw new StatusError(`unable to upgrade to tcp, received ${answer.statusCode}`);
    const error = await refusal(answer, path);
    if (this.#fallBack(answer, init)) return this.hijack(path, init);
    throw error;
  }

  /** Closes the connections that are idle. */
  close(): void {
    void this.#connection?.then(({ agent }) => agent.destroy());
  }

  #connect(): Promise<Connection> {
    return (this.#connection ??= this.#open());
  }

  async #open(): Promise<Connection> {
    const { connectionTo } = await import('./connection.ts');
    const connection = await connectionTo(this.endpoint);
    this.#complaint = connection.complaint;
    return connection;
  }

  async #sendOnce(method: string, path: string, init: RequestInit): Promise<IncomingMessage> {
    const connection = await this.#connect();
    return new Promise((resolve, reject) => {
      const { request, payload } = this.#prepare(connection, method, path, init, true);
      request.on('response', resolve);
      request.on('error', (error: NodeJS.ErrnoException) => {
        // A kept connection that the daemon closed while the request was on its way: the daemon has not read the
        // request.
        const stale = request.reusedSocket && error.code === 'ECONNRESET' && !init.stream;
        if (stale) resolve(this.#sendOnce(method, path, init));
        else if (init.signal?.aborted) reject(error);
        else void this.#explain(error).then(reject);
      });
      if (!init.stream) {
        request.end(payload);
        return;
      }
      init.stream.on('error', (error) => {
        request.destroy();
        reject(error);
      });
      init.stream.pipe(request);
    });
  }

  #prepare(
    { agent, open, options: where }: Connection,
    method: string,
    path: string,
    init: RequestInit,
    kept: boolean,
  ) {
    const payload = init.body === undefined ? undefined : Buffer.from(JSON.stringify(init.body));
    const headers: Record<string, string | number> = {
      Host: 'api.causeway.localhost',
      'User-Agent': 'Causeway-Client',
      ...init.headers,
    };
    if (payload) {
      headers['Content-Type'] = 'application/json';
      headers['Content-Length'] = payload.length;
    } else if (init.stream) headers['Content-Type'] ??= 'application/x-tar';
    else if (method === 'POST') headers['Content-Length'] = 0;
    const url = `/v${this.#versionOf(init)}${path}${queryString(init.query)}`;
    this.#trace?.(`${method} ${url}${payload ? ` ${payload.toString()}` : ''}`);
    // Without a servername the agent takes one from the Host header for TLS that is not used here, and compiles a huge
    // regular expression for it: a seventh of the time that a short command takes.
    const options: RequestOptions & { servername?: string } = {
      servername: '',
      ...where,
      method,
      path: url,
      headers,
      agent: kept ? agent : false,
    };
    if (init.signal) options.signal = init.signal;
    return { request: open(options), payload };
  }

  /**
   * Each answer names the newest version that the daemon speaks; true if it refused a newer one, and there is that to
   * try.
   */
  #fallBack({ statusCode, headers }: IncomingMessage, init: RequestInit): boolean {
    const newest = headers['api-version'];
    if (statusCode !== 400 || typeof newest !== 'string' || !isOlderApi(newest, this.#versionOf(init))) return false;
    this.#limit = newest;
    return true;
  }

  async #explain(error: Error): Promise<Error> {
    const { code } = error as NodeJS.ErrnoException;
    const { host } = this.endpoint;
    if (this.endpoint.kind === 'ssh')
      return new StatusError(`error during connect: ${host}: ${(await this.#complaint?.()) || error.message}`);
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK' || code === 'ENOTDIR') {
      return new StatusError(`Cannot connect to the Causeway daemon at ${host}. Is the causeway daemon running?`);
    }
    if (code === 'EACCES' || code === 'EPERM') {
      return new StatusError(
        `permission denied while trying to connect to the Causeway daemon socket at ${host}${socketAdvice(this.endpoint)}`,
        1,
        126,
      );
    }
    if (code === 'ECONNRESET' || code === 'EPIPE') {
      const plain = this.endpoint.kind === 'tcp' && !this.endpoint.tls;
      const hint = plain ? ': where it uses TLS, give --tlsverify' : '';
      return new StatusError(`error during connect: the daemon at ${host} closed the connection${hint}`);
    }
    // OpenSSL's alerts come with the place in its sources; the reason is what a user needs.
    const { reason } = error as { reason?: unknown };
    if (typeof reason === 'string' && this.endpoint.kind === 'tcp' && this.endpoint.tls)
      return new StatusError(`error during connect: ${host}: TLS: ${reason}`);
    return new StatusError(`error during connect: ${error.message}`);
  }
}

function queryString(query: Query | undefined): string {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue;
    const values = Array.isArray(value) ? value : [value];
    for (const one of values)
      parts.push(`${key}=${encodeURIComponent(String(one === true ? 1 : one === false ? 0 : one))}`);
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

/** @throws where there is more: an answer without end would take all memory */
export async function readText(stream: Readable, maxBytes = MAX_ANSWER_BYTES): Promise<string> {
  const text = await readBounded(stream, maxBytes);
  if (text !== undefined) return text.toString();
  stream.destroy();
  throw new StatusError(`error during connect: the daemon's answer is larger than ${maxBytes / 1024 ** 2} MB`);
}

/** The message of the daemon's answer, and what it ends `run` with where it knows that. */
async function refusal(response: IncomingMessage, path: string): Promise<ApiError> {
  const status = response.statusCode ?? 0;
  const told = `${status} ${response.statusMessage ?? ''}`.trim();
  const bytes = await readBounded(response, MAX_REFUSAL_BYTES);
  if (bytes === undefined) {
    response.destroy();
    return new ApiError(
      status,
      `request returned ${told} with a message (> ${MAX_REFUSAL_BYTES} bytes) for API route ${path}, check if the server supports the requested API version`,
    );
  }
  const body = bytes.toString();
  try {
    const { message, exitCode } = JSON.parse(body) as { [K in keyof ErrorJson]?: unknown };
    if (typeof message === 'string' && message !== '')
      return new ApiError(status, message.trim(), typeof exitCode === 'number' ? exitCode : undefined);
  } catch {
    if (body.trim() !== '' && !body.includes('<html')) return new ApiError(status, body.trim());
  }
  return new ApiError(
    status,
    `request returned ${told} for API route ${path}, check if the server supports the requested API version`,
  );
}
