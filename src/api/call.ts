/** One request on its way through a route: what came in, and the ways to answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as v from 'valibot';
import { beat } from '../base/activity.ts';
import { readBounded } from '../base/bounded-read.ts';
import { errorMessage, invalid } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { checkValue, parseJson } from '../wire/parse-body.ts';
import type { ApiOptions } from './api-options.ts';
import type { Backend } from './backend/system.ts';
import { encodeJson } from './encode-json.ts';
import { Query } from './query.ts';
import { knowsParameter, shapeAnswer, shapeBody, type Shape } from './shape/shape.ts';
import { olderThan } from './versions.ts';

/** Larger JSON bodies are refused: no honest one comes near. Parsing one of this size takes some milliseconds. */
const MAX_JSON_BYTES = 1024 * 1024;
/** Where each port of a range has a line of its own: all ports of two protocols. */
export const MAX_PORTS_JSON_BYTES = 16 * 1024 * 1024;
/** Where there are arguments and an environment: as much as the kernel gives a program, and a half. */
export const MAX_PROCESS_JSON_BYTES = 4 * 1024 * 1024;
/** Where there are labels, which are bounded by themselves, however they are escaped. */
export const MAX_LABELS_JSON_BYTES = 4 * 1024 * 1024;

export interface BodyBound {
  readonly maxBytes?: number;
}

export class Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly backend: Backend;
  readonly options: ApiOptions;
  readonly log: Log;
  /** The API version asked for, as a number (versions.ts). */
  readonly version: number;
  /** What answers and bodies of this route look like in that version. */
  readonly #shape: Shape;
  /** The part of the path that the route left open: a container, image, network, volume or exec. */
  readonly name: string;
  readonly query: Query;
  /** The body is too long, and the rest of it is not read. */
  bodyRefused = false;
  #abort: AbortController | undefined;

  constructor(init: {
    request: IncomingMessage;
    response: ServerResponse;
    backend: Backend;
    options: ApiOptions;
    version: number;
    route: string;
    name: string;
    search: string;
  }) {
    this.request = init.request;
    this.response = init.response;
    this.backend = init.backend;
    this.options = init.options;
    this.log = init.options.log;
    this.version = init.version;
    this.name = init.name;
    const { route, version } = init;
    this.#shape = { route, version, legacyFields: init.options.legacyFields === true };
    this.query = new Query(init.search, (name) => knowsParameter(name, this.#shape));
  }

  olderThan(version: string): boolean {
    return olderThan(this.version, version);
  }

  /** Aborts when the client goes away before the answer is complete. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = new AbortController();
      this.#abort = abort;
      this.response.once('close', () => {
        if (!this.response.writableFinished) abort.abort();
      });
      if (this.response.destroyed) abort.abort();
    }
    return this.#abort.signal;
  }

  /** The body as checked JSON; `typeName` is Docker's name for it. An empty body is an empty object. */
  async json<const S extends v.GenericSchema>(
    schema: S,
    typeName: string,
    options: BodyBound = {},
  ): Promise<v.InferOutput<S>> {
    const body = await this.jsonText(options);
    return checkValue(schema, typeName, body === '' ? {} : shapeBody(parseJson(body), this.#shape));
  }

  /** The same where Docker refuses an empty body; also gives the names of the fields that were sent. */
  async requiredJson<const S extends v.GenericSchema>(
    schema: S,
    typeName: string,
    options: BodyBound = {},
  ): Promise<{ value: v.InferOutput<S>; sent: ReadonlySet<string> }> {
    const raw = shapeBody(parseJson(await this.jsonText(options)), this.#shape);
    const sent = typeof raw === 'object' && raw !== null ? Object.keys(raw).map((name) => name.toLowerCase()) : [];
    return { value: checkValue(schema, typeName, raw), sent: new Set(sent) };
  }

  async jsonText({ maxBytes = MAX_JSON_BYTES }: BodyBound = {}): Promise<string> {
    const contentType = this.request.headers['content-type'];
    const body = await this.#readBody(maxBytes);
    if (contentType === undefined) {
      if (body === '') return '';
      throw invalid('malformed Content-Type header (): mime: no media type');
    }
    if (contentType.split(';')[0]!.trim().toLowerCase() !== 'application/json') {
      throw invalid(`unsupported Content-Type header (${contentType}): must be 'application/json'`);
    }
    return body;
  }

  async #readBody(maxBytes: number): Promise<string> {
    const body = await readBounded(this.request, maxBytes);
    if (body !== undefined) return body.toString();
    this.request.pause();
    this.bodyRefused = true;
    throw invalid(`invalid JSON: http: request body too large: at most ${maxBytes} bytes are taken here`);
  }

  /** `value` has the fields of every API version; those of `version` are sent, by default the one asked for. */
  reply(status: number, value: unknown, version = this.version): void {
    this.#replyText(status, encodeJson(status < 400 ? this.shape(value, version) : value));
  }

  #replyText(status: number, text: string): void {
    const body = Buffer.from(`${text}\n`);
    this.response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    this.response.end(body);
  }

  /** The same for a list whose entries are text already: see `entryText`. */
  replyTexts(status: number, entries: readonly string[]): void {
    this.#replyText(status, `[${entries.join(',')}]`);
  }

  /** One entry of a list, as the version asked for has it. */
  entryText(entry: unknown): string {
    return encodeJson((this.shape([entry]) as unknown[])[0]);
  }

  /** Answers to calls with the same key have the same fields. */
  get shapeKey(): string {
    return `${this.version} ${this.#shape.legacyFields}`;
  }

  /** The same for one of the values that a stream consists of. */
  shape(value: unknown, version = this.version): unknown {
    return shapeAnswer(value, { ...this.#shape, version });
  }

  replyEmpty(status: number): void {
    if (status === 200 || status === 201) this.response.setHeader('Content-Length', 0);
    this.response.writeHead(status);
    this.response.end();
  }

  /** Sends the headers now; the body follows when it comes. */
  startStream(contentType: string): void {
    this.response.writeHead(200, { 'Content-Type': contentType });
    this.response.flushHeaders();
  }

  /** Writes, and resolves when there is room for more; rejects never: a client that is gone aborts `signal`. */
  async write(chunk: string | Buffer): Promise<void> {
    const { response } = this;
    beat();
    if (response.destroyed || response.write(chunk)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        response.off('drain', done);
        response.off('close', done);
        resolve();
      };
      response.on('drain', done);
      response.on('close', done);
    });
  }

  /** The path and query without what may hold a password: the address that an import is fetched from. */
  get loggedPath(): string {
    return (this.request.url ?? '').replace(/([?&]fromSrc=)[^&]*/i, '$1...');
  }

  logFailure(error: unknown, status: number): void {
    const fields = { method: this.request.method, path: this.loggedPath, status, error: errorMessage(error) };
    if (this.response.destroyed) this.log.debug(fields, 'the client left before it had its answer');
    else if (status >= 500 && status !== 501) this.log.error({ ...fields, cause: error }, 'request failed');
    else this.log.debug(fields, 'request refused');
  }
}
