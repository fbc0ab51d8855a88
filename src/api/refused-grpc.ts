/**
 * gRPC calls that are refused in words. BuildKit's clients (buildx) upgrade a connection to HTTP/2 and call on that; of
 * an upgrade that fails they tell the status only, of a call that fails what the engine says.
 */
import { performServerHandshake } from 'node:http2';
import { Duplex, Readable } from 'node:stream';
import type { Call } from './call.ts';
import { endConnection } from './end-connection.ts';
import { expectHijack, takeOver } from './hijack.ts';

const UNIMPLEMENTED = '12';
/** A client is told at its first call. One that stays is told to go, and is then left. */
const STAY_MS = 60_000;
const LEAVE_MS = 10_000;

/** Whether the client asks for HTTP/2 on this connection. */
export function asksForHttp2(call: Call): boolean {
  return call.request.headers.upgrade?.toLowerCase() === 'h2c';
}

/** Answers 101, and each call on the connection with `sentence`, for a minute. The client ends the connection. */
export async function refuseGrpc(call: Call, sentence: string): Promise<void> {
  const connection = upgrade(call);
  const { socket, input } = connection;
  // Nothing is sent with the head, which clients may read ahead for.
  await connection.headTaken();
  if (socket.destroyed) return;
  const stream = Duplex.from({ readable: Readable.from(input, { objectMode: false }), writable: socket });
  stream.on('error', () => socket.destroy());
  stream.on('close', () => socket.destroy());
  const session = performServerHandshake(stream, { settings: { maxConcurrentStreams: 16, enablePush: false } });
  session.on('error', () => socket.destroy());
  // Also one that is not idle: it sends pings, or leaves its half of a call open, which a session waits for.
  let timer = setTimeout(() => {
    session.close();
    timer = setTimeout(() => socket.destroy(), LEAVE_MS).unref();
  }, STAY_MS).unref();
  socket.once('close', () => clearTimeout(timer));
  session.on('stream', (one) => {
    one.on('error', () => {});
    one.resume(); // what the call sends
    one.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': UNIMPLEMENTED,
        'grpc-message': sentence.replaceAll('%', '%25'),
      },
      { endStream: true },
    );
  });
}

/** Answers 101 and ends the connection, on which the engine would call the client. */
export async function refuseCallsBack(call: Call): Promise<void> {
  await endConnection(upgrade(call));
}

function upgrade(call: Call): ReturnType<typeof takeOver> {
  expectHijack(call);
  return takeOver(call, 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
}
