/**
 * One question to one server. A new socket for each, so the source port is the kernel's random choice; a random id; and
 * only an answer from that server (the socket is connected), with that id, to that question, is taken. Anything else
 * that arrives is ignored and the wait goes on, until there is too much of it: a server may be another container, and
 * hostile.
 */
import { randomInt } from 'node:crypto';
import { connect, isIPv6, Socket } from 'node:net';
import { errorCode, errorMessage } from '../base/errors.ts';
import { Flag, HEADER_BYTES } from './constants.ts';
import { FrameReader } from './frames.ts';
import { skipName } from './name.ts';
import type { ResolverSockets } from './sockets.ts';
import type { Upstream } from '../base/dns-zone.ts';

export const UPSTREAM_TIMEOUT_MS = 4000;
const MAX_WRONG_ANSWERS = 32;
/** What an answer costs, counted in local answers. */
const ANSWER_WORK = 4;

/**
 * Why there is no answer; `cancelled` when the container went away meanwhile. `unreachable`: the kernel said so, at once
 * or after it had tried.
 */
export type UpstreamResult = { readonly answer: Buffer } | { readonly problem: string; readonly unreachable?: boolean };

/** Errors that tell nothing of the server: this process, or the container, lacks something. */
const OWN_LACKS = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EAGAIN', 'ENOENT']);

export interface Exchange {
  readonly result: Promise<UpstreamResult>;
  cancel(): void;
}

/**
 * `netns`: the container's, for servers that are reached from there. `query` has any id; the answer carries the same.
 */
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
  const failed = (error: unknown): void => {
    const code = errorCode(error);
    const unreachable = code !== undefined && !OWN_LACKS.has(code);
    end({ problem: errorMessage(error), ...(unreachable ? { unreachable } : {}) });
  };
  try {
    const start = protocol === 'udp' ? startUdp : startTcp;
    close = start(sockets, server, server.from === 'container' ? netns : undefined, message, received, failed);
  } catch (error) {
    failed(error);
  }
  return { result, cancel: () => end({ problem: 'cancelled' }) };
}

type Start = (
  sockets: ResolverSockets,
  server: Upstream,
  netns: string | undefined,
  message: Buffer,
  received: (bytes: Buffer) => boolean,
  failed: (error: unknown) => void,
) => () => void;

const startUdp: Start = (sockets, server, netns, message, received, failed) => {
  const fd = sockets.connectUdp({ netns, address: server.address, port: server.port });
  let left = MAX_WRONG_ANSWERS;
  let watch: { stop(): void } | undefined;
  const close = (): void => {
    watch?.stop();
    sockets.close(fd);
  };
  try {
    watch = sockets.watch(fd, () => {
      try {
        const answer = sockets.receive(fd);
        if (answer !== undefined && !received(answer) && --left === 0) failed(new Error('sent too many wrong answers'));
      } catch (error) {
        failed(error);
      }
      return ANSWER_WORK;
    });
    sockets.send(fd, message);
  } catch (error) {
    close();
    throw error;
  }
  return close;
};

const startTcp: Start = (sockets, server, netns, message, received, failed) => {
  const target = { host: server.address, port: server.port };
  let socket: Socket;
  if (netns === undefined) {
    socket = connect(target);
  } else {
    // Node opens sockets later than it is asked to, in whatever namespace the thread is then: those of a container are
    // opened here, and handed over as descriptors.
    const fd = sockets.openTcp({ netns, family: isIPv6(server.address) ? 6 : 4 });
    try {
      socket = new Socket({ fd });
    } catch (error) {
      sockets.close(fd);
      throw error;
    }
    socket.connect(target);
  }
  const frames = new FrameReader();
  let left = MAX_WRONG_ANSWERS;
  socket.on('connect', () => {
    const framed = Buffer.allocUnsafe(message.length + 2);
    framed.writeUInt16BE(message.length, 0);
    message.copy(framed, 2);
    socket.write(framed);
  });
  socket.on('data', (chunk: Buffer) => {
    frames.push(chunk);
    for (let bytes = frames.next(); bytes !== undefined; bytes = frames.next()) {
      if (received(bytes)) return;
      if (--left === 0) return failed(new Error('sent too many wrong answers'));
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
