/**
 * Takes the connection of a request away from Node's HTTP server, for attach and exec: from then on both sides speak
 * raw bytes, and each can end its half without ending the other's.
 */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Call } from './call.ts';
import { endRequests } from './request-line.ts';
import { SocketInput, type SessionInput } from './socket-input.ts';

/**
 * Bytes that a client which asks for no upgrade sent behind its request at once. (One that asks for an upgrade has to
 * wait for the 101: Node drops what comes before.)
 */
const earlyBytes = new WeakMap<Socket, Buffer[]>();

/** Called first thing by a route that will hijack: until then, what follows the request is kept. */
export function expectHijack(call: Call): void {
  earlyBytes.set(call.request.socket, []);
}

/** False when the socket is not about to be hijacked: then the bytes are what they seem, a broken request. */
export function keepEarlyBytes(socket: Socket, bytes: Buffer): boolean {
  const kept = earlyBytes.get(socket);
  if (!kept) return false;
  kept.push(Buffer.from(bytes));
  return true;
}

export interface HijackedConnection {
  readonly socket: Socket;
  readonly input: SessionInput;
  /**
   * Resolves when the client has read the head, where the kernel tells (unix sockets), or after a while. Many clients
   * read ahead for the head and drop what came with it: their output must not be there yet.
   */
  headTaken(): Promise<void>;
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
  // Node's listeners parse requests and, on a client's half-close, end the socket: final output would be lost. The
  // 'close' listener stays: it frees the parser.
  for (const event of ['data', 'end', 'drain', 'timeout', 'error']) socket.removeAllListeners(event);
  socket.setTimeout(0);
  socket.on('error', () => socket.destroy());
  const input = new SocketInput(socket, earlyBytes.get(socket) ?? []);
  earlyBytes.delete(socket);
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
