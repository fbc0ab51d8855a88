/** The engine as a client of gRPC, on a connection that the other side opened for that. */
import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import { CausewayError } from '../../base/errors.ts';
import { visibleText } from '../../base/control-characters.ts';
import type { TakenConnection } from '../end-connection.ts';
import { streamOf } from './connection-stream.ts';
import { frame, readFrames } from '../../base/grpc/grpc-frames.ts';
import { decode } from '../../wire/protobuf.ts';
import { rpcStatus } from '../../wire/buildkit/rpc-status.ts';
import { CANCELLED, decodeSentence, type ErrorDetail, GrpcError, OK, UNKNOWN } from '../../base/grpc/grpc-status.ts';

export type GrpcMetadata = Readonly<Record<string, string | readonly string[]>>;

export interface GrpcStream {
  /** What comes; ends with the call. @throws GrpcError where it did not end well */
  readonly messages: AsyncIterable<Buffer>;
  /** Resolves when there is room for more. */
  send(message: Buffer): Promise<void>;
  /** No more is sent. */
  end(): void;
  /** Ends the call at once; without effect when it is over. */
  cancel(): void;
}

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const MAX_HEADER_BYTES = 1024 * 1024;
const WINDOW_BYTES = 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 8 * 1024 * 1024;
const MAX_SENTENCE_CHARS = 4000;

const gone = (): CausewayError => new CausewayError('unavailable', 'the client has gone');

export class GrpcClient {
  readonly #session: ClientHttp2Session;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>;

  /** `stream`: the other side's bytes, which it sends as a server. */
  constructor(stream: Duplex) {
    const session = connect('http://localhost', {
      createConnection: () => stream,
      maxSendHeaderBlockLength: MAX_HEADER_BYTES,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    this.#session = session;
    this.ended = new Promise((resolve) => stream.once('close', () => resolve()));
    for (const one of [stream, session]) {
      one.on('error', () => stream.destroy());
      one.on('close', () => stream.destroy());
    }
    session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
    void this.ended.then(() => session.destroy());
  }

  /** On a connection that was taken over from HTTP. */
  static on(connection: TakenConnection): GrpcClient {
    return new GrpcClient(streamOf(connection));
  }

  close(): void {
    this.#session.destroy();
  }

  /** A call with one message each way. @throws GrpcError; unavailable when the client has gone */
  async unary(path: string, message: Buffer, signal: AbortSignal): Promise<Buffer> {
    const stream = this.stream(path, {}, signal);
    await stream.send(message);
    stream.end();
    let answer: Buffer | undefined;
    for await (const one of stream.messages) answer ??= Buffer.from(one);
    return answer ?? Buffer.alloc(0);
  }

  stream(path: string, metadata: GrpcMetadata, signal: AbortSignal): GrpcStream {
    signal.throwIfAborted();
    if (this.#session.destroyed || this.#session.closed) throw gone();
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...metadata,
    } as Record<string, string | string[]>);
    const cancel = (): void => {
      if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
    };
    signal.addEventListener('abort', cancel, { once: true });
    stream.once('close', () => signal.removeEventListener('abort', cancel));
    stream.on('error', () => {});
    return {
      messages: messagesOf(stream, listen(stream), signal),
      send: (message) => write(stream, frame(message)),
      end: () => void stream.end(),
      cancel,
    };
  }
}

async function write(stream: ClientHttp2Stream, bytes: Buffer): Promise<void> {
  if (stream.destroyed || stream.writableEnded || stream.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

/** What has come of the other side's answer so far. It is listened to from the beginning, whenever it is read. */
interface Answer {
  readonly pieces: Buffer[];
  headers: IncomingHttpHeaders;
  httpStatus: number;
  isOver: boolean;
  wake: (() => void) | undefined;
}

function listen(stream: ClientHttp2Stream): Answer {
  const answer: Answer = { pieces: [], headers: {}, httpStatus: 200, isOver: false, wake: undefined };
  stream.once('response', (headers) => {
    answer.headers = headers; // an answer without messages has its status here
    answer.httpStatus = headers[':status'] ?? 0;
  });
  stream.once('trailers', (headers) => (answer.headers = headers));
  stream.on('data', (piece: Buffer) => {
    answer.pieces.push(piece);
    stream.pause();
    answer.wake?.();
  });
  // The other side may end a call of which our half is open: for Node that is no end but an abort.
  stream.once('close', () => {
    answer.isOver = true;
    answer.wake?.();
  });
  return answer;
}

async function* piecesOf(stream: ClientHttp2Stream, answer: Answer): AsyncGenerator<Buffer> {
  for (;;) {
    const piece = answer.pieces.shift();
    if (piece) yield piece;
    else if (answer.isOver) return;
    else {
      const news = new Promise<void>((resolve) => (answer.wake = resolve));
      stream.resume();
      if (stream.readableEnded && !stream.writableEnded) stream.end(); // nobody is there for more
      await news;
    }
  }
}

async function* messagesOf(stream: ClientHttp2Stream, answer: Answer, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* readFrames(piecesOf(stream, answer), MAX_MESSAGE_BYTES);
  } finally {
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  }
  signal.throwIfAborted();
  const { headers, httpStatus } = answer;
  const status = headers['grpc-status'];
  if (status === undefined)
    throw httpStatus === 200 ? gone() : new GrpcError(UNKNOWN, `the client answered with the status ${httpStatus}`);
  if (Number(status) === OK) return;
  const sentence = visibleText(decodeSentence(String(headers['grpc-message'] ?? '')).slice(0, MAX_SENTENCE_CHARS));
  throw new GrpcError(Number(status) || CANCELLED, sentence, detailsIn(headers['grpc-status-details-bin']));
}

function detailsIn(header: string | string[] | undefined): readonly ErrorDetail[] {
  if (typeof header !== 'string') return [];
  try {
    return decode(rpcStatus, Buffer.from(header, 'base64')).details;
  } catch {
    return []; // the sentence is enough
  }
}
