/** Calls of gRPC on a connection that a client upgraded to HTTP/2, answered by the methods of a table. */
import { performServerHandshake, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { Duplex, Readable } from 'node:stream';
import { visibleText } from '../../base/control-characters.ts';
import type { TakenConnection } from '../end-connection.ts';
import { frame, readFrames } from './grpc-frames.ts';
import { encode } from '../../wire/protobuf.ts';
import { rpcStatus } from '../../wire/buildkit/rpc-status.ts';
import { encodeSentence, GrpcError, OK, statusOf, UNIMPLEMENTED } from './grpc-status.ts';

export interface GrpcCall {
  readonly headers: IncomingHttpHeaders;
  /** Aborts when the client cancels the call or goes. */
  readonly signal: AbortSignal;
  /** What the client sends, as far as it does. */
  readonly messages: AsyncIterable<Buffer>;
  /** The one message of a call that has one; an empty one where none came. @throws invalid */
  only(): Promise<Buffer>;
  /** Resolves when there is room for more. Does nothing once the client has gone. */
  send(message: Buffer): Promise<void>;
}

export type GrpcMethod = (call: GrpcCall) => Promise<void>;

export interface GrpcServerOptions {
  readonly methods: ReadonlyMap<string, GrpcMethod>;
  /** How an error reads for a user. */
  readonly explain: (error: unknown) => string;
  /** Called for each call that failed. */
  readonly failed: (path: string, error: unknown) => void;
}

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const MAX_STREAMS = 64;
/** Headers of one call: paths and patterns are in them. */
const MAX_HEADER_PAIRS = 4000;
const MAX_SENTENCE_CHARS = 4000;

/** Resolves when the connection has ended. */
export async function serveGrpc(connection: TakenConnection, options: GrpcServerOptions): Promise<void> {
  const { socket, input } = connection;
  await connection.headTaken();
  if (socket.destroyed) return;
  const stream = Duplex.from({ readable: Readable.from(input, { objectMode: false }), writable: socket });
  const session = performServerHandshake(stream, {
    maxHeaderListPairs: MAX_HEADER_PAIRS,
    settings: { maxConcurrentStreams: MAX_STREAMS, enablePush: false, initialWindowSize: 1024 * 1024 },
  });
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  for (const one of [stream, session]) {
    one.on('error', () => socket.destroy());
    one.on('close', () => socket.destroy());
  }
  session.on('stream', (one: ServerHttp2Stream, headers: IncomingHttpHeaders) => void answer(one, headers, options));
  await ended;
  session.destroy();
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { methods, explain, failed }: GrpcServerOptions,
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
    trailers = trailersOf(error, visibleText(explain(error)).slice(0, MAX_SENTENCE_CHARS));
  }
  if (!stream.destroyed) stream.end();
}

/** Clients take so much of details, and sockets of ours send so much in headers. */
const MAX_DETAILS_BYTES = 32 * 1024;

function trailersOf(error: unknown, sentence: string): Record<string, string> {
  const code = statusOf(error);
  const trailers = { 'grpc-status': String(code), 'grpc-message': encodeSentence(sentence) };
  if (!(error instanceof GrpcError) || error.details.length === 0) return trailers;
  const details = encode(rpcStatus, { code, message: sentence, details: error.details });
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
  const messages = readFrames(stream, MAX_MESSAGE_BYTES);
  return {
    headers,
    signal,
    messages,
    only: async () => {
      const first = await messages.next();
      void forget(messages);
      return first.done ? Buffer.alloc(0) : first.value;
    },
    send: async (message) => {
      if (stream.destroyed || stream.writableEnded) return;
      if (stream.write(frame(message))) return;
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
