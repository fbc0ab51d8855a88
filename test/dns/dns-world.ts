/**
 * Clients and servers for tests of the resolver: sockets inside throwaway namespaces, all driven from the test's own
 * process.
 */
import { createSocket } from 'node:dgram';
import { closeSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLineLog, noLog, type LineLog } from '../../src/dns/log.ts';
import { decodeMessage, encodeMessage, question, type Message, type ResourceRecord } from '../../src/dns/message.ts';
import { RESOLVER_ADDRESS, type NetworkZone, type SandboxView, type Upstream } from '../../src/base/dns-zone.ts';
import { createResolverSockets } from '../../src/daemon/dns-sockets.ts';
import { openTcpListener, openUdpSocket, localPort } from '../../src/kernel/socket.ts';

export const PORT = 41053;

const log: LineLog = process.env['CAUSEWAY_TEST_LOG'] ? createLineLog(2) : noLog;
export const testLog = log;
export const sockets = createResolverSockets(log);

export const zone = (id: string, names: Record<string, string[]>, more: Partial<NetworkZone> = {}): NetworkZone => ({
  id,
  name: id,
  ttlS: 5,
  names: Object.fromEntries(
    Object.entries(names).map(([name, list]) => [
      name,
      { a: list.filter((text) => !text.includes(':')), aaaa: list.filter((text) => text.includes(':')) },
    ]),
  ),
  ptr: {},
  ...more,
});

export const view = (id: string, netns: string, more: Partial<SandboxView> = {}): SandboxView => ({
  id,
  netns,
  port: PORT,
  networks: ['net'],
  aliases: {},
  upstreams: [],
  forward: true,
  ...more,
});

/** Sends bytes over UDP from inside the namespace; resolves to the answer, or undefined after `timeoutMs`. */
export async function exchange(
  netns: string,
  packet: Uint8Array,
  options: { timeoutMs?: number; port?: number } = {},
): Promise<Buffer | undefined> {
  const socket = createSocket('udp4');
  socket.bind({ fd: openUdpSocket({ netns, address: '127.0.0.1', port: 0 }) });
  const answered = new Promise<Buffer>((resolve, reject) => {
    socket.on('message', resolve);
    socket.on('error', reject);
  });
  socket.send(packet, options.port ?? PORT, RESOLVER_ADDRESS);
  try {
    return await Promise.race([answered, sleep(options.timeoutMs ?? 30_000, undefined, { ref: false })]);
  } finally {
    socket.close();
  }
}

let nextId = 1;

export async function ask(
  netns: string,
  name: string,
  type = 1,
  options: { udpBytes?: number; timeoutMs?: number; port?: number } = {},
): Promise<Message> {
  const id = nextId++ & 0xffff;
  const answer = await exchange(netns, encodeMessage(question(id, name, type, options)), options);
  if (answer === undefined) throw new Error(`no answer for ${name}`);
  const message = decodeMessage(answer);
  if (message.id !== id) throw new Error(`answer to another question (${message.id} for ${id})`);
  return message;
}

export const texts = (message: Message): string[] =>
  message.answers.map(({ data }) =>
    data.kind === 'address' ? data.address : data.kind === 'name' ? data.name : data.kind,
  );

/** A TCP connection to the resolver, made inside the namespace. */
export async function connectTcp(netns: string, port = PORT): Promise<TcpClient> {
  const socket = new Socket({ fd: sockets.openTcp({ netns, family: 4 }) });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect({ host: RESOLVER_ADDRESS, port }, () => resolve());
  });
  return new TcpClient(socket);
}

export class TcpClient {
  readonly socket: Socket;
  readonly answers: Message[] = [];
  closed = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    let waiting: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
        const length = waiting.readUInt16BE(0);
        this.answers.push(decodeMessage(waiting.subarray(2, 2 + length)));
        waiting = waiting.subarray(2 + length);
      }
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  static frame(packet: Uint8Array): Buffer {
    const framed = Buffer.alloc(2 + packet.length);
    framed.writeUInt16BE(packet.length, 0);
    framed.set(packet, 2);
    return framed;
  }

  async waitFor(count: number, timeoutMs = 60_000): Promise<Message[]> {
    const deadline = performance.now() + timeoutMs;
    while (this.answers.length < count && !this.closed && performance.now() < deadline) {
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), sleep(100)]);
    }
    return this.answers;
  }
}

export interface FakeQuery {
  readonly message: Message;
  readonly bytes: Buffer;
  readonly tcp: boolean;
  readonly port: number;
}

/** What a fake server says: a message to be completed as an answer, raw bytes, several of them, or nothing. */
export type FakeAnswer = Partial<Message> | Buffer | readonly Buffer[] | undefined;

/** A UDP and a TCP socket of one number. What is free for UDP may be taken for TCP: then of the next. */
function openBoth(place: { netns?: string; address: string; port: number }): [udp: number, tcp: number] {
  for (let attempt = 1; ; attempt++) {
    const udp = openUdpSocket(place);
    try {
      return [udp, openTcpListener({ ...place, port: localPort(udp) })];
    } catch (error) {
      closeSync(udp);
      if (place.port !== 0 || attempt === 20) throw error;
    }
  }
}

export class FakeServer {
  readonly port: number;
  readonly queries: FakeQuery[] = [];
  answer: (query: FakeQuery) => FakeAnswer;
  readonly #close: () => void;
  /** Sends unasked to a port at this server's address. */
  readonly send: (packet: Uint8Array, port: number) => void;

  /** At an address in a namespace (undefined: this process's own, loopback only). */
  constructor(netns: string | undefined, address: string, answer: (query: FakeQuery) => FakeAnswer, port = 0) {
    this.answer = answer;
    const [udpFd, tcpFd] = openBoth({ ...(netns === undefined ? {} : { netns }), address, port });
    this.port = localPort(udpFd);
    const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    udp.bind({ fd: udpFd });
    udp.on('message', (bytes, from) => {
      for (const packet of this.#replies({ message: decodeMessage(bytes), bytes, tcp: false, port: from.port })) {
        udp.send(packet, from.port, from.address);
      }
    });
    this.send = (packet, to) => udp.send(packet, to, address);
    const tcp = createServer((socket) => {
      socket.on('error', () => {});
      let waiting: Buffer = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        waiting = Buffer.concat([waiting, chunk]);
        while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
          const bytes = waiting.subarray(2, 2 + waiting.readUInt16BE(0));
          waiting = waiting.subarray(2 + bytes.length);
          const query = { message: decodeMessage(bytes), bytes, tcp: true, port: socket.remotePort ?? 0 };
          for (const packet of this.#replies(query)) socket.write(TcpClient.frame(packet));
        }
      });
    });
    tcp.listen({ fd: tcpFd });
    this.#close = () => {
      udp.close();
      tcp.close();
    };
  }

  #replies(query: FakeQuery): readonly Buffer[] {
    this.queries.push(query);
    const answer = this.answer(query);
    if (answer === undefined) return [];
    if (Array.isArray(answer)) return answer as Buffer[];
    if (Buffer.isBuffer(answer)) return [answer];
    return [
      encodeMessage({
        ...query.message,
        response: true,
        recursionAvailable: true,
        additionals: [],
        ...(answer as Partial<Message>),
      }),
    ];
  }

  upstream(from: Upstream['from'], address = '127.0.0.1'): Upstream {
    return { address, port: this.port, from };
  }

  close(): void {
    this.#close();
  }
}

export const a = (name: string, address: string): ResourceRecord => ({
  name,
  type: address.includes(':') ? 28 : 1,
  class: 1,
  ttl: 60,
  data: { kind: 'address', address },
});
