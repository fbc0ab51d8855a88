/**
 * A process that asks: raw DNS to 127.0.0.11:53 from inside the containers' network namespaces, dozens of questions in
 * one system call, and /etc/hosts as the containers see it. Writes down when it asked, when it knew, and what it was
 * told; who judges that is somebody else. `raw-client.ts CONFIG`: begins when a line comes in, and again as often.
 */
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { DatagramBatch } from '../../../src/kernel/datagram.ts';
import { Poller } from '../../../src/kernel/poller.ts';
import { inetSockaddr } from '../../../src/kernel/socket-address.ts';
import { closeFd, openUdpSocket } from '../../../src/kernel/socket.ts';
import { decodeMessage } from '../../../src/dns/message.ts';
import { RESOLVER_ADDRESS } from '../../../src/base/dns-zone.ts';
import type { Answer } from './truth.ts';

export interface RawConfig {
  readonly views: readonly {
    readonly netns: string;
    readonly first: number;
    readonly questions: readonly string[] /* base64 */;
    readonly order: readonly number[];
  }[];
  readonly hostsFiles: readonly string[];
  readonly perSecond: number;
  readonly durationMs: number;
  /** Goes on beyond the duration, but never beyond the limit, until so many were asked. */
  readonly atLeast: number;
  readonly limitMs: number;
  readonly out: string;
}

export interface RawReport {
  readonly answers: readonly Answer[];
  readonly texts: readonly string[];
  readonly lost: number;
  readonly lookups: number;
  readonly reads: number;
}

const BURST = 48;
const PATIENCE_MS = 5000;
const REST = 40; // turns
const NEW_SOCKET_EVERY = 100; // bursts

const config = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as RawConfig;
const batch = new DatagramBatch({ slots: BURST, slotBytes: 1024 });
const poller = new Poller();
const resolver = inetSockaddr(RESOLVER_ADDRESS, 53);
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

class Column {
  #values = new Float64Array(1 << 16);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const grown = new Float64Array(this.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.length++] = value;
  }

  get bytes(): Buffer {
    return Buffer.from(this.#values.buffer, 0, this.length * 8);
  }
}

const table = { from: new Column(), until: new Column(), question: new Column(), answer: new Column() };
const reads = { from: new Column(), until: new Column(), file: new Column(), text: new Column() };
const answers: Answer[] = [];
const answerIds = new Map<string, number>();
const texts: string[] = [];
const textIds = new Map<string, number>();
let lost = 0;

class View {
  readonly #netns: string;
  readonly #first: number;
  readonly #questions: Buffer[];
  readonly #order: readonly number[];
  /** What was unknown costs a way to the outside world and back: it is asked again, but not every time. */
  readonly #rest: Uint8Array;
  #turn = 0;
  #bursts = 0;
  #from = 0;
  /** Questions without an answer yet, by id. */
  readonly #open = new Map<number, number>();
  fd = -1;

  constructor({ netns, first, questions, order }: RawConfig['views'][number]) {
    this.#netns = netns;
    this.#first = first;
    this.#questions = questions.map((text) => Buffer.from(text, 'base64'));
    this.#order = order;
    this.#rest = new Uint8Array(questions.length);
  }

  get waits(): boolean {
    return this.#open.size > 0;
  }

  send(): void {
    if (this.#bursts++ % NEW_SOCKET_EVERY === 0) this.#newSocket();
    const base = (this.#bursts * BURST) & 0xffff;
    for (let slot = 0; slot < BURST; slot++) {
      const question = this.#next();
      const message = this.#questions[question]!;
      const id = (base + slot) & 0xffff;
      message.writeUInt16BE(id, 0);
      batch.queueTo(slot, message, resolver);
      this.#open.set(id, question);
    }
    this.#from = now();
    const sent = batch.send(this.fd);
    if (sent < BURST) throw new Error(`only ${sent} of ${BURST} questions could be sent`);
  }

  receive(): void {
    const count = batch.recv(this.fd);
    const until = now();
    for (let slot = 0; slot < count; slot++) this.#take(slot, until);
  }

  /** What has no answer by now is lost; an answer that comes later belongs to nobody. */
  giveUp(): void {
    lost += this.#open.size;
    this.#open.clear();
    this.#newSocket();
  }

  #next(): number {
    for (;;) {
      const question = this.#order[this.#turn++ % this.#order.length]!;
      if (this.#rest[question] === 0) return question;
      this.#rest[question]! -= 1;
    }
  }

  #take(slot: number, until: number): void {
    const at = slot * batch.slotBytes;
    const length = batch.length(slot);
    const id = batch.data.readUInt16BE(at);
    const question = this.#open.get(id);
    if (question === undefined) return; // twice, or late
    this.#open.delete(id);
    if (batch.data[at + 3]! % 16 === 3) this.#rest[question] = REST;
    const index = this.#first + question;
    const key = `${index} ${batch.data.toString('latin1', at + 2, at + length)}`;
    let answer = answerIds.get(key);
    if (answer === undefined) {
      answer = answers.length;
      answers.push(read(Buffer.from(batch.data.subarray(at, at + length)), this.#questions[question]!));
      answerIds.set(key, answer);
    }
    table.from.push(this.#from);
    table.until.push(until);
    table.question.push(index);
    table.answer.push(answer);
  }

  #newSocket(): void {
    if (this.fd >= 0) {
      poller.remove(this.fd);
      closeFd(this.fd);
    }
    this.fd = openUdpSocket({ netns: this.#netns, address: '127.0.0.1', port: 0 });
    poller.add(this.fd);
  }
}

function read(bytes: Buffer, question: Buffer): Answer {
  try {
    const message = decodeMessage(bytes);
    const same = bytes.subarray(12, question.length).equals(question.subarray(12));
    const asked = question.readUInt16BE(question.length - 4);
    const values = message.answers.map(({ data }) =>
      data.kind === 'address' ? data.address : data.kind === 'name' ? data.name : data.kind,
    );
    return {
      code: bytes[3]! & 15,
      values,
      sound: same && (bytes[2]! & 0x80) !== 0 && message.answers.every(({ type }) => type === asked),
    };
  } catch {
    return { code: -1, values: [], sound: false };
  }
}

/** Whole, or piece by piece as a slow reader does. */
function readHosts(file: number): void {
  const path = config.hostsFiles[file]!;
  const from = now();
  let text: string;
  if (reads.from.length % 2 === 0) {
    text = readFileSync(path, 'latin1');
  } else {
    const fd = openSync(path, 'r');
    text = '';
    const piece = Buffer.alloc(61);
    for (let bytes = 0; (bytes = readSync(fd, piece)) > 0;) text += piece.toString('latin1', 0, bytes);
    closeSync(fd);
  }
  let id = textIds.get(text);
  if (id === undefined) {
    id = texts.length;
    texts.push(text);
    textIds.set(text, id);
  }
  reads.from.push(from);
  reads.until.push(now());
  reads.file.push(file);
  reads.text.push(id);
}

/** A burst of questions in every view, and all their answers. */
function askAll(views: readonly View[]): void {
  for (const view of views) view.send();
  const deadline = now() + PATIENCE_MS;
  while (views.some((view) => view.waits)) {
    const patienceMs = deadline - now();
    if (patienceMs <= 0) break;
    for (const fd of poller.wait(Math.ceil(patienceMs))) views.find((view) => view.fd === fd)?.receive();
  }
  for (const view of views) if (view.waits) view.giveUp();
}

function run(): void {
  const views = config.views.map((view) => new View(view));
  const began = now();
  for (let turn = 0; ; turn++) {
    const elapsedMs = now() - began;
    if (elapsedMs > config.limitMs || (elapsedMs > config.durationMs && table.from.length >= config.atLeast)) break;
    askAll(views);
    if (config.hostsFiles.length > 0) readHosts(turn % config.hostsFiles.length);
    const aheadMs = (table.from.length / config.perSecond) * 1000 - (now() - began);
    if (aheadMs > 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.min(aheadMs, 100));
  }
  const columns = [...Object.values(table), ...Object.values(reads)].map((column) => column.bytes);
  writeFileSync(config.out, Buffer.concat(columns));
  const report: RawReport = { answers, texts, lost, lookups: table.from.length, reads: reads.from.length };
  writeFileSync(`${config.out}.json`, JSON.stringify(report));
}

process.stdout.write('ready\n');
process.stdin.once('data', () => {
  run();
  process.exit(0);
});
