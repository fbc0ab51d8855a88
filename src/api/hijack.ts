/**
 * Takes the connection of a request away from Node's HTTP server, for attach and exec: from then on both sides speak
 * raw bytes, and each can end its half without ending the other's.
 */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Call } from './call.ts';
import { endSocket, type TakenConnection } from './end-connection.ts';
import { endRequests } from './request-line.ts';
import { SocketInput } from './socket-input.ts';

/**
 * Connections that are about to be taken over, with what their clients sent behind the request at once. (A client that
 * asks for an upgrade has to wait for the 101: Node drops what comes before.)
 */
const expected = new WeakMap<Socket, { input?: SocketInput }>();

/**
 * Called first thing by a route that will hijack: until then, what follows the request is kept, as much as a turn brings,
 * and the client waits. Where an answer comes instead (there is no such container), it was for nobody.
 */
export function expectHijack({ request, response }: Call): void {
  const { socket } = request;
  const early: { input?: SocketInput } = {};
  expected.set(socket, early);
  response.once('close', () => {
    if (expected.get(socket) !== early) return;
    expected.delete(socket);
    // What came was no request, and none can follow it.
    if (early.input) endSocket(socket, early.input);
  });
}

/** False when the socket is not about to be hijacked: then the bytes are what they seem, a broken request. */
export function keepEarlyBytes(socket: Socket, bytes: Buffer): boolean {
  const early = expected.get(socket);
  if (!early) return false;
  // Node's parser has failed, and would for each further piece.
  early.input ??= takeInput(socket, [Buffer.from(bytes)]);
  return true;
}

/** Node's listeners parse requests and, on a client's half-close, end the socket: final output would be lost. */
function takeInput(socket: Socket, early: readonly Buffer[]): SocketInput {
  for (const event of ['data', 'end']) socket.removeAllListeners(event);
  return new SocketInput(socket, early);
}

export interface HijackedConnection extends TakenConnection {
  /** Calls `gone` when the client has closed its connection, not only its half of it; the result ends that. */
  whenGone(gone: () => void): () => void;
}

const HEAD_PATIENCE_MS = 10_000;
const MAX_PAUSE_MS = 20;

/** Answers 101 (or 200 to a client that asked for no upgrade) and hands over the bare socket. */
export function hijack(call: Call, upgradeContentType: string): HijackedConnection {
  return takeOver(
    call,
    call.request.headers.upgrade === undefined ? plainHead() : upgradeHead(call, upgradeContentType),
  );
}

/** Takes the bare socket over and sends the head of the answer on it. */
export function takeOver(call: Call, head: string): HijackedConnection {
  const { request, response } = call;
  const { socket } = request;
  response.detachSocket(socket);
  endRequests(socket);
  const input = expected.get(socket)?.input ?? takeInput(socket, []);
  expected.delete(socket);
  // Node's: the 'close' listener stays, which frees the parser.
  for (const event of ['drain', 'timeout', 'error']) socket.removeAllListeners(event);
  socket.setTimeout(0);
  socket.on('error', () => socket.destroy());
  socket.write(head);
  const { unreadBytes = () => 0, whenGone = () => () => {} } = call.options;
  return {
    socket,
    input,
    headTaken: () => headTaken(socket, unreadBytes),
    whenGone: (gone) => whenGone(socket, gone),
  };
}

async function headTaken(socket: Socket, unread: (socket: Socket) => number): Promise<void> {
  let pauseMs = 1;
  for (let waitedMs = 0; waitedMs < HEAD_PATIENCE_MS && !socket.destroyed && unread(socket) > 0; waitedMs += pauseMs) {
    pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS);
    await sleep(pauseMs);
  }
}

function upgradeHead(call: Call, contentType: string): string {
  return `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n${ownHeaders(call)}\r\n`;
}

/** What every answer of this server says, as lines. */
export function ownHeaders({ response }: Call): string {
  return response
    .getHeaderNames()
    .map((name) => `${canonical(name)}: ${String(response.getHeader(name))}\r\n`)
    .join('');
}

function plainHead(): string {
  return `HTTP/1.1 200 ${STATUS_CODES[200]}\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n`;
}

function canonical(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}
