/**
 * The resolver of one container: its UDP socket and TCP listener at 127.0.0.11 in the container's namespace, answers
 * from the container's networks, everything else to its servers. `close` lets go of the namespace before it returns.
 */
import { HEADER_BYTES, RecordType, ResponseCode, codeName, typeName } from './constants.ts';
import { cutMessage } from './cut.ts';
import { Forwarder, type ForwarderParts, type ForwardResult } from './forwarder.ts';
import type { LineLog } from './log.ts';
import type { CompiledZone } from './lookup.ts';
import { readName } from './name.ts';
import { Query } from './query.ts';
import type { QueryLog } from './query-log.ts';
import { DROP, FORWARD, Responder, writeEmptyAnswer } from './responder.ts';
import type { ResolverSockets } from './sockets.ts';
import { TcpFront } from './tcp-front.ts';
import type { Turns } from './turns.ts';
import { RESOLVER_ADDRESS, type SandboxView } from '../base/dns-zone.ts';

/**
 * Questions that one container is answered before others get their turn; what it asks beyond waits in its own socket.
 */
const QUESTIONS_PER_TURN = 32;
/** Where each is logged, which takes longer than the answer. */
const LOGGED_PER_TURN = 4;
const MAX_TCP_BYTES = 0xffff;
const OPT_ROOM = 16;

// Questions are read one at a time, so one of each serves the whole process.
const query = new Query();
let tcpScratch: Buffer | undefined;
let nextSerial = 1;

/** The open sockets of a container's resolver, as numbers of the process that has them. */
export interface OpenSockets {
  readonly udpFd: number;
  readonly tcpFd: number;
  readonly netnsIdentity: string;
  /** Another one whenever the sockets are others. */
  readonly serial: number;
}

export interface SandboxServerParts {
  readonly zones: ReadonlyMap<string, CompiledZone>;
  readonly sockets: ResolverSockets;
  readonly queries: QueryLog;
  readonly log: LineLog;
  readonly turns: Turns;
  readonly load: ForwarderParts['load'];
  readonly upstreamTimeoutMs?: number | undefined;
}

export class SandboxServer {
  readonly responder: Responder;
  readonly netnsIdentity: string;
  readonly #sockets: ResolverSockets;
  readonly #queries: QueryLog;
  readonly #forwarder: Forwarder;
  readonly #udp: number;
  readonly #tcp: TcpFront;
  #watch: { stop(): void } | undefined;
  readonly #serial = nextSerial++;
  #closed = false;

  /** Throws, and leaves nothing open, if the sockets cannot be had. */
  constructor(view: SandboxView, parts: SandboxServerParts, inherited?: OpenSockets) {
    const { sockets, log } = parts;
    this.#sockets = sockets;
    this.#queries = parts.queries;
    this.netnsIdentity = inherited?.netnsIdentity ?? sockets.netnsIdentity(view.netns);
    this.responder = new Responder(view, parts.zones);
    this.#forwarder = new Forwarder(parts);
    const place = { netns: view.netns, address: RESOLVER_ADDRESS, port: view.port };
    this.#udp = inherited?.udpFd ?? sockets.openUdp(place);
    try {
      this.#tcp = new TcpFront(
        inherited?.tcpFd ?? sockets.openTcpListener(place),
        parts.turns,
        (message, reply) => this.#answerTcp(message, reply),
        (error) => log.warn('cannot serve DNS over TCP', { sandbox: view.id, error: error.message }),
      );
    } catch (error) {
      sockets.close(this.#udp);
      throw error;
    }
    this.resume();
  }

  get view(): SandboxView {
    return this.responder.view;
  }

  /** Stops reading: questions wait in the socket, for this process or for another that has the socket too. */
  pause(): void {
    this.#watch?.stop();
    this.#watch = undefined;
  }

  resume(): void {
    this.#watch ??= this.#sockets.watch(this.#udp, () => this.#serveUdp());
  }

  /** What another process needs to go on with these sockets. */
  get openSockets(): OpenSockets {
    return { udpFd: this.#udp, tcpFd: this.#tcp.fd, netnsIdentity: this.netnsIdentity, serial: this.#serial };
  }

  /** Accepts nothing new, and resolves when what was asked has been answered. */
  async drain(): Promise<void> {
    this.pause();
    await Promise.all([this.#tcp.drain(), this.#forwarder.drain()]);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.pause();
    this.#sockets.close(this.#udp);
    this.#tcp.close();
    this.#forwarder.close();
  }

  #serveUdp(): number {
    const { batch } = this.#sockets;
    const { responder } = this;
    const { data, slotBytes } = batch;
    const logged = this.#queries.wants(this.view.id);
    const count = batch.receive(this.#udp, logged ? LOGGED_PER_TURN : QUESTIONS_PER_TURN);
    for (let index = 0; index < count; index++) {
      const length = batch.length(index);
      const offset = batch.offset(index);
      let bytes = responder.answer(data, offset, length, slotBytes, true, query);
      if (bytes === FORWARD) bytes = this.#refuse(data, length) || this.#forwardUdp(index, offset, length);
      if (bytes <= 0) continue;
      batch.reply(index, bytes);
      if (logged) this.#logAnswer('udp', data.subarray(offset, offset + bytes));
    }
    batch.flush(this.#udp);
    return logged ? count * (QUESTIONS_PER_TURN / LOGGED_PER_TURN) : count;
  }

  /** Answers what is not local and is not forwarded anywhere; 0 if it is to be forwarded. */
  #refuse(data: Uint8Array, length: number): number {
    const { view } = this;
    if (view.keepBareNames && (query.type === RecordType.A || query.type === RecordType.AAAA)) {
      const first = data[query.start + HEADER_BYTES]!;
      if (first !== 0 && data[query.start + HEADER_BYTES + 1 + first] === 0) {
        return writeEmptyAnswer(data, query, ResponseCode.NOERROR, true);
      }
    }
    if (!view.forward || view.upstreams.length === 0)
      return writeEmptyAnswer(data, query, ResponseCode.SERVFAIL, false);
    return this.#forwarder.hasRoomFor(length, view) ? 0 : writeEmptyAnswer(data, query, ResponseCode.SERVFAIL, true);
  }

  #forwardUdp(index: number, offset: number, length: number): number {
    const { batch } = this.#sockets;
    const sender = batch.sender(index);
    const limit = query.udpBytes;
    this.#forward(Buffer.from(batch.data.subarray(offset, offset + length)), 'udp', (answer) => {
      if (!this.#closed) batch.sendTo(this.#udp, sender, cutMessage(answer, limit));
    });
    return DROP;
  }

  #answerTcp(message: Buffer, reply: (answer: Buffer) => void): void {
    tcpScratch ??= Buffer.allocUnsafe(MAX_TCP_BYTES + OPT_ROOM);
    message.copy(tcpScratch);
    let bytes = this.responder.answer(tcpScratch, 0, message.length, MAX_TCP_BYTES, false, query);
    if (bytes === FORWARD) {
      bytes = this.#refuse(tcpScratch, message.length);
      if (bytes === 0) return this.#forward(Buffer.from(message), 'tcp', reply);
    }
    const answer = Buffer.from(tcpScratch.subarray(0, bytes));
    if (bytes > 0 && this.#queries.wants(this.view.id)) this.#logAnswer('tcp', answer);
    reply(answer);
  }

  /** `message` may be kept, and `query` has just been read from it. */
  #forward(message: Buffer, protocol: 'udp' | 'tcp', reply: (answer: Buffer) => void): void {
    const startedAt = performance.now();
    const failure = servfailFor(message);
    void this.#forwarder.forward(this.view, message, protocol).then((result) => {
      const answer = result.answer ?? failure;
      reply(answer);
      if (this.#queries.wants(this.view.id)) this.#logAnswer(protocol, answer, result, performance.now() - startedAt);
    });
  }

  #logAnswer(protocol: 'udp' | 'tcp', answer: Uint8Array, result: ForwardResult = {}, durationMs = 0): void {
    let name = '';
    let type = 0;
    try {
      const question = readName(answer, 0, HEADER_BYTES, answer.length);
      name = question.name;
      type = (answer[question.next]! << 8) | answer[question.next + 1]!;
    } catch {
      // Refused as malformed: there is no question to show.
    }
    this.#queries.emit({
      time: new Date().toISOString(),
      sandbox: this.view.id,
      protocol,
      name,
      type: typeName(type),
      code: codeName(answer[3]! & 15),
      answers: (answer[6]! << 8) | answer[7]!,
      ...(result.server === undefined ? {} : { server: result.server }),
      ...(result.problem === undefined || result.answer ? {} : { problem: result.problem }),
      durationMs: Math.round(durationMs * 1000) / 1000,
    });
  }
}

/** The answer for when no server has one, made while `query` still describes the message. */
function servfailFor(message: Buffer): Buffer {
  const copy = Buffer.alloc(message.length + OPT_ROOM);
  message.copy(copy);
  const shift = query.start;
  query.start = 0;
  query.questionEnd -= shift;
  const bytes = writeEmptyAnswer(copy, query, ResponseCode.SERVFAIL, true);
  return copy.subarray(0, bytes);
}
