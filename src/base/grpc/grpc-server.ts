/** Calls of gRPC on a connection that was upgraded to HTTP/2, answered by the methods of a table. */
import { performServerHandshake, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { visibleText } from '../control-characters.ts';
import { frame, readFrames } from './grpc-frames.ts';
import { encodeSentence, type ErrorDetail, GrpcError, OK, statusOf, UNIMPLEMENTED } from './grpc-status.ts';

export interface GrpcCall {
  readonly headers: IncomingHttpHeaders;
  /** Aborts when the client cancels the call or goes. */
  readonly signal: AbortSignal;
  /** What the client sends, as far as it does. */
  readonly messages: AsyncIterable<Buffer>;
  /** The one message of a call that has one; an empty one where none came. @throws invalid */
  only(): Promise<Buffer>;
  /** Resolves when there is room for more; several at once are one write. Does nothing once the client has gone. */
  send(...messages: readonly Buffer[]): Promise<void>;
}

export type GrpcMethod = (call: GrpcCall) => Promise<void>;

export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly ErrorDetail[];
}

export interface GrpcServerOptions {
  readonly methods: ReadonlyMap<string, GrpcMethod>;
  /** How an error reads for a user. */
  readonly explain: (error: unknown) => string;
  /** google.rpc.Status, for errors that have more to say than a sentence. Where there is none, the sentence is all. */
  readonly encodeStatus?: (status: RpcStatus) => Buffer;
  /** Called for each call that failed. */
  readonly failed: (path: string, error: unknown) => void;
}

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const MAX_STREAMS = 64;
/** Headers of one call: paths and patterns are in them. */
const MAX_HEADER_PAIRS = 4000;
const MAX_SENTENCE_CHARS = 4000;

/** `stream`: the connection's bytes. Resolves when it has ended. */
export async function serveGrpc(stream: Duplex, options: GrpcServerOptions): Promise<void> {
  if (stream.destroyed) return;
  const session = performServerHandshake(stream, {
    maxHeaderListPairs: MAX_HEADER_PAIRS,
    settings: { maxConcurrentStreams: MAX_STREAMS, enablePush: false, initialWindowSize: 1024 * 1024 },
  });
  const ended = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  for (const one of [stream, session]) {
    one.on('error', () => stream.destroy());
    one.on('close', () => stream.destroy());
  }
  session.on('stream', (one: ServerHttp2Stream, headers: IncomingHttpHeaders) => void answer(one, headers, options));
  await ended;
  session.destroy();
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { methods, explain, encodeStatus, failed }: GrpcServerOptions,
): Promise<void> {
  const gone = new AbortController();
  stream.on('error', () => {});
  stream.once('close', () => gone.abort());
  const path = headers[':path'] ?? '';
  const method = methods.get(path);
  let trailers: Record<string, string> = { 'grpc-status': String(OK) };
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  if (headers[':method'] !== 'POST' || !/^application\/grpc(\+proto)?$/.test(headers['content-type'] ?? '')) {
    stream.respond({ ':status': 415 }, { endStream: true });
    return;
  }
  try {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    if (!method) {
      stream.resume();
      trailers = {
        'grpc-status': String(UNIMPLEMENTED),
        'grpc-message': encodeSentence(`unknown method ${visibleText(path.slice(0, 200))}`),
      };
    } else await method(callOf(stream, headers, gone.signal));
  } catch (error) {
    if (!gone.signal.aborted) failed(path, error);
    trailers = trailersOf(error, visibleText(explain(error)).slice(0, MAX_SENTENCE_CHARS), encodeStatus);
  }
  if (stream.destroyed) return;
  stream.end();
  stream.resume(); // what is still to come is for nobody
}

/** Clients take so much of details, and sockets of ours send so much in headers. */
const MAX_DETAILS_BYTES = 32 * 1024;

function trailersOf(
  error: unknown,
  sentence: string,
  encodeStatus: GrpcServerOptions['encodeStatus'],
): Record<string, string> {
  const code = statusOf(error);
  const trailers = { 'grpc-status': String(code), 'grpc-message': encodeSentence(sentence) };
  if (!encodeStatus || !(error instanceof GrpcError) || error.details.length === 0) return trailers;
  const details = encodeStatus({ code, message: sentence, details: error.details });
  if (details.length > MAX_DETAILS_BYTES) return trailers;
  return { ...trailers, 'grpc-status-details-bin': details.toString('base64') };
}

/** Reads on, so that the end of what the client sends is seen. */
async function forget(messages: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const _ of messages);
  } catch {
    // Nobody asked for it.
  }
}

function callOf(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, signal: AbortSignal): GrpcCall {
  // A method that stops reading has an answer yet to give.
  const messages = readFrames(stream.iterator({ destroyOnReturn: false }), MAX_MESSAGE_BYTES);
  return {
    headers,
    signal,
    messages,
    only: async () => {
      const first = await messages.next();
      void forget(messages);
      return first.done ? Buffer.alloc(0) : first.value;
    },
    send: async (...messages) => {
      if (stream.destroyed || stream.writableEnded) return;
      if (stream.write(messages.length === 1 ? frame(messages[0]!) : Buffer.concat(messages.map(frame)))) return;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          stream.off('drain', done).off('close', done);
          resolve();
        };
        stream.on('drain', done).on('close', done);
      });
    },
  };
}
