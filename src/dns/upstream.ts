/**
 * One question to one server. A new socket for each, so the source port is the kernel's random choice; a random id; and only
 * an answer from that server (the socket is connected), with that id, to that question, is taken. Anything else that
 * arrives is ignored and the wait goes on.
 */
import { randomInt } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, isIPv6, Socket } from 'node:net';
import { errorMessage } from '../base/errors.ts';
import { Flag, HEADER_BYTES } from './constants.ts';
import { skipName } from './name.ts';
import type { ResolverSockets } from './sockets.ts';
import type { Upstream } from './zone.ts';

export const UPSTREAM_TIMEOUT_MS = 4000;

/** Why there is no answer; `cancelled` when the container went away meanwhile. */
export type UpstreamResult =
  | { readonly answer: Buffer }
  | { readonly problem: string };

export interface Exchange {
  readonly result: Promise<UpstreamResult>;
  cancel(): void;
}

/** `netns`: the container's, for servers that are reached from there. `query` has any id; the answer carries the same. */
export function askUpstream(
  sockets: ResolverSockets,
  server: Upstream,
  netns: string,
  query: Buffer,
  protocol: 'udp' | 'tcp',
  timeoutMs = UPSTREAM_TIMEOUT_MS,
): Exchange {
  const message = Buffer.from(query);
  const id = randomInt(0x10000);
  message.writeUInt16BE(id, 0);
  let finish!: (result: UpstreamResult) => void;
  const result = new Promise<UpstreamResult>((resolve) => (finish = resolve));
  let close: () => void = () => {};
  let open = true;
  const end = (outcome: UpstreamResult): void => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    close();
    finish(outcome);
  };
  const timer = setTimeout(() => end({ problem: 'timed out' }), timeoutMs);
  const received = (bytes: Buffer): boolean => {
    if (!open || !answers(bytes, message)) return false;
    const answer = Buffer.from(bytes);
    query.copy(answer, 0, 0, 2);
    end({ answer });
    return true;
  };
  const failed = (error: Error): void => end({ problem: error.message });
  try {
    const start = protocol === 'udp' ? startUdp : startTcp;
    close = start(sockets, server, server.from === 'container' ? netns : undefined, message, received, failed);
  } catch (error) {
    end({ problem: errorMessage(error) });
  }
  return { result, cancel: () => end({ problem: 'cancelled' }) };
}

type Start = (
  sockets: ResolverSockets,
  server: Upstream,
  netns: string | undefined,
  message: Buffer,
  received: (bytes: Buffer) => boolean,
  failed: (error: Error) => void,
) => () => void;

const startUdp: Start = (sockets, server, netns, message, received, failed) => {
  const six = isIPv6(server.address);
  // Node opens sockets later than it is asked to, in whatever namespace the thread is then: those of a container are
  // opened by us, and handed over as descriptors.
  const fd = netns === undefined ? undefined : sockets.openUdp({ netns, address: six ? '::' : '0.0.0.0', port: 0 });
  let socket: UdpSocket;
  try {
    socket = createSocket(six ? 'udp6' : 'udp4');
    socket.on('error', failed);
    if (fd !== undefined) socket.bind({ fd });
  } catch (error) {
    if (fd !== undefined) sockets.close(fd);
    throw error;
  }
  socket.on('message', received);
  let closed = false;
  const ready = (): void => {
    if (closed) return;
    socket.send(message, (error) => {
      if (error) failed(error);
    });
  };
  const connectNow = (): void => {
    if (!closed) socket.connect(server.port, server.address, ready);
  };
  connectNow();
  return () => {
    closed = true;
    socket.close();
  };
};

const startTcp: Start = (sockets, server, netns, message, received, failed) => {
  const target = { host: server.address, port: server.port };
  let socket: Socket;
  if (netns === undefined) {
    socket = connect(target);
  } else {
    const fd = sockets.openTcp({ netns, family: isIPv6(server.address) ? 6 : 4 });
    try {
      socket = new Socket({ fd });
    } catch (error) {
      sockets.close(fd);
      throw error;
    }
    socket.connect(target);
  }
  let waiting: Buffer = Buffer.alloc(0);
  socket.on('connect', () => {
    const framed = Buffer.allocUnsafe(message.length + 2);
    framed.writeUInt16BE(message.length, 0);
    message.copy(framed, 2);
    socket.write(framed);
  });
  socket.on('data', (chunk: Buffer) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
    while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
      const bytes = waiting.readUInt16BE(0);
      if (received(waiting.subarray(2, 2 + bytes))) return;
      waiting = waiting.subarray(2 + bytes);
    }
  });
  socket.on('error', failed);
  socket.on('close', () => failed(new Error('closed the connection')));
  return () => socket.destroy();
};

/** True if `bytes` is an answer to `query`. Servers that refuse a message may leave its question out. */
function answers(bytes: Buffer, query: Buffer): boolean {
  if (bytes.length < HEADER_BYTES || bytes[0] !== query[0] || bytes[1] !== query[1]) return false;
  if ((bytes[2]! & Flag.QR) === 0) return false;
  if (bytes.readUInt16BE(4) === 0) return (bytes[3]! & 15) !== 0 && bytes.readUInt16BE(6) === 0;
  if (bytes.readUInt16BE(4) !== 1) return false;
  const end = skipName(query, HEADER_BYTES, query.length) + 4;
  if (bytes.length < end) return false;
  for (let at = HEADER_BYTES; at < end; at++) {
    const [mine, theirs] = [query[at]!, bytes[at]!];
    if (mine === theirs) continue;
    // Letter case may differ, in the name only (a length byte is never a letter).
    const lower = mine | 0x20;
    if (at >= end - 4 || lower !== (theirs | 0x20) || lower < 0x61 || lower > 0x7a) return false;
  }
  return true;
}
