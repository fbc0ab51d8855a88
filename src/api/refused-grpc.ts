/**
 * gRPC calls that are refused in words. BuildKit's clients (buildx) upgrade a connection to HTTP/2 and call on that; of
 * an upgrade that fails they tell the status only, of a call that fails what the engine says.
 */
import { performServerHandshake } from 'node:http2';
import { Duplex, Readable } from 'node:stream';
import type { Call } from './call.ts';
import { expectHijack, takeOver } from './hijack.ts';

const UNIMPLEMENTED = '12';
const IDLE_MS = 60_000;

/** Whether the client asks for HTTP/2 on this connection. */
export function asksForHttp2(call: Call): boolean {
  return call.request.headers.upgrade?.toLowerCase() === 'h2c';
}

/** Answers 101, and each call on the connection with `sentence`. The client ends the connection. */
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
  session.setTimeout(IDLE_MS, () => session.close());
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
export function refuseCallsBack(call: Call): void {
  const { socket, input } = upgrade(call);
  input.discard();
  socket.end();
}

function upgrade(call: Call): ReturnType<typeof takeOver> {
  expectHijack(call);
  return takeOver(call, 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
}
