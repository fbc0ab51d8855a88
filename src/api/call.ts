/** One request on its way through a route: what came in, and the ways to answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as v from 'valibot';
import { beat } from '../base/activity.ts';
import { errorMessage, invalid } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { checkValue, parseBody, parseJson } from '../wire/parse-body.ts';
import type { ApiOptions } from './api-options.ts';
import type { Backend } from './backend/system.ts';
import { encodeJson } from './encode-json.ts';
import { Query } from './query.ts';
import { olderThan } from './versions.ts';

/** Larger JSON bodies are refused: no honest one comes near. */
const MAX_JSON_BYTES = 16 * 1024 * 1024;

export class Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly backend: Backend;
  readonly options: ApiOptions;
  readonly log: Log;
  /** The API version asked for, as a number (versions.ts). */
  readonly version: number;
  /** The part of the path that the route left open: a container, image, network, volume or exec. */
  readonly name: string;
  readonly query: Query;
  #abort: AbortController | undefined;

  constructor(init: {
    request: IncomingMessage;
    response: ServerResponse;
    backend: Backend;
    options: ApiOptions;
    version: number;
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
    this.query = new Query(init.search);
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
  async json<const S extends v.GenericSchema>(schema: S, typeName: string): Promise<v.InferOutput<S>> {
    const body = await this.jsonText();
    return body === '' ? checkValue(schema, typeName, {}) : parseBody(schema, typeName, body);
  }

  /** The same where Docker refuses an empty body; also gives the names of the fields that were sent. */
  async requiredJson<const S extends v.GenericSchema>(
    schema: S,
    typeName: string,
  ): Promise<{ value: v.InferOutput<S>; sent: ReadonlySet<string> }> {
    const raw = parseJson(await this.jsonText());
    const sent = typeof raw === 'object' && raw !== null ? Object.keys(raw).map((name) => name.toLowerCase()) : [];
    return { value: checkValue(schema, typeName, raw), sent: new Set(sent) };
  }

  async jsonText(): Promise<string> {
    const contentType = this.request.headers['content-type'];
    const body = await this.#readBody();
    if (contentType === undefined) {
      if (body === '') return '';
      throw invalid('malformed Content-Type header (): mime: no media type');
    }
    if (contentType.split(';')[0]!.trim().toLowerCase() !== 'application/json') {
      throw invalid(`unsupported Content-Type header (${contentType}): must be 'application/json'`);
    }
    return body;
  }

  async #readBody(): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_JSON_BYTES) throw invalid('invalid JSON: http: request body too large');
      chunks.push(chunk);
    }
    return chunks.length === 1 ? chunks[0]!.toString() : Buffer.concat(chunks).toString();
  }

  reply(status: number, value: unknown): void {
    const body = Buffer.from(`${encodeJson(value)}\n`);
    this.response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    this.response.end(body);
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

  logFailure(error: unknown, status: number): void {
    const fields = { method: this.request.method, path: this.request.url, status, error: errorMessage(error) };
    if (this.response.destroyed) this.log.debug(fields, 'the client left before it had its answer');
    else if (status >= 500 && status !== 501) this.log.error({ ...fields, cause: error }, 'request failed');
    else this.log.debug(fields, 'request refused');
  }
}
