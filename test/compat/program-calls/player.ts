/** Makes a program's calls of an engine, and gives what it would have read, step by step. */
import { Agent, request, type IncomingMessage } from 'node:http';
import { PassThrough, type Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Commands } from './commands.ts';
import { agreesWith, filled, read, valuesAt } from './reads.ts';
import { Stream, unframed } from './streams.ts';
import type { Call, Program, Sees, Step } from './table.ts';

/** What came of a step: by what is looked at. What is not as the table says has ', not ' and what was wanted in it. */
export interface Outcome {
  readonly step: string;
  readonly got: Readonly<Record<string, string>>;
}

/** Nothing that is waited for takes as long on a machine that is merely busy. */
const PATIENCE_MS = 90_000;

interface Open {
  readonly stream: Stream;
  readonly write?: (text: string) => void;
  readonly finish?: () => void;
  readonly close: () => void;
}

interface Answer {
  readonly message: IncomingMessage;
  readonly socket?: Duplex;
  readonly head?: Buffer;
}

export class Player {
  readonly #socketPath: string;
  readonly #commands: Commands;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #open = new Map<string, Open>();
  readonly #kept: Record<string, unknown>;
  readonly #agentName: string | undefined;

  constructor(socketPath: string, commands: Commands, program: Program, kept: Readonly<Record<string, unknown>>) {
    this.#socketPath = socketPath;
    this.#commands = commands;
    this.#agentName = program.agent;
    this.#kept = { ...kept };
  }

  close(): void {
    for (const open of this.#open.values()) open.close();
    this.#agent.destroy();
  }

  async play(step: Step): Promise<Outcome> {
    if ('call' in step) return { step: step.call, got: await this.#call(step) };
    if ('polls' in step) return { step: `until ${step.polls.call}`, got: await this.#poll(step.polls) };
    if ('from' in step) return { step: `from ${step.from}`, got: await this.#see(step) };
    if ('closes' in step) return (this.#stream(step.closes).close(), { step: `closes ${step.closes}`, got: {} });
    if ('makes' in step) {
      this.#kept[step.makes] = step.of(this.#kept);
      return { step: `makes ${step.makes}`, got: {} };
    }
    if ('docker' in step) {
      const { got, stays } = await this.#commands.run(step, this.#kept);
      if (stays) this.#open.set(step.stays!, stays);
      return { step: `docker ${step.docker.join(' ')}`, got };
    }
    const { write, finish } = this.#stream(step.to);
    if (step.text !== undefined) write!(String(filled(step.text, this.#kept)));
    if (step.end) finish!();
    return { step: `to ${step.to}`, got: {} };
  }

  #stream(name: string): Open {
    const open = this.#open.get(name);
    if (!open) throw new Error(`nothing is open under the name ${name}`);
    return open;
  }

  async #poll(call: Call): Promise<Record<string, string>> {
    for (const end = Date.now() + PATIENCE_MS; ; await sleep(50)) {
      const got = await this.#call(call);
      if (Date.now() > end || !Object.values(got).some((value) => value.includes(', not '))) return got;
    }
  }

  async #call(call: Call): Promise<Record<string, string>> {
    if (call.pending) return this.#await(call);
    const { message, socket, head } = await this.#ask(call);
    const wanted = call.status ?? (call.hijacks ? 101 : 200);
    const status = message.statusCode === wanted ? String(wanted) : `${message.statusCode}, not ${wanted}`;
    const got: Record<string, string> = { status, type: message.headers['content-type'] ?? 'none' };
    if (call.readsHeaders) Object.assign(got, read(message.headers, call.readsHeaders, this.#kept));
    if (call.stays !== undefined && (socket ?? message.statusCode === 200)) {
      this.#keepOpen(call, message, socket, head);
      return got;
    }
    const bytes = await whole(message);
    if (call.frames) Object.assign(got, framesIn(bytes, call.frames));
    if (call.has)
      got['text'] = call.has.test(bytes.toString()) ? String(call.has) : `${bytes.toString()}, not ${call.has}`;
    if (call.reads ?? call.keep) this.#readBody(call, bytes.toString(), got);
    return got;
  }

  #await(call: Call): Record<string, string> {
    const later = new PassThrough();
    this.#ask(call).then(
      ({ message }) => message.pipe(later),
      (error: Error) => later.destroy(error),
    );
    this.#open.set(call.stays!, {
      stream: new Stream(call.form ?? 'objects', later),
      close: () => void later.destroy(),
    });
    return {};
  }

  #readBody(call: Call, text: string, got: Record<string, string>): void {
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      got['text'] = `${text}, not JSON`;
      return;
    }
    if (call.find !== undefined) {
      const list = answer as unknown[];
      answer = list.find((each) => agreesWith(each, call.find!, this.#kept));
      got['found'] = answer === undefined ? `none of ${list.length}, not one with ${JSON.stringify(call.find)}` : 'one';
    }
    Object.assign(got, read(answer, call.reads ?? {}, this.#kept));
    for (const [name, path] of Object.entries(call.keep ?? {})) this.#kept[name] = valuesAt(answer, path)[0];
  }

  #keepOpen(call: Call, message: IncomingMessage, socket?: Duplex, head?: Buffer): void {
    const stream = new Stream(call.form ?? 'objects', socket ?? message);
    if (head) stream.push(head);
    const close = (): void => void (socket ?? message).destroy();
    socket?.on('error', () => {});
    this.#open.set(call.stays!, {
      stream,
      close,
      ...(socket && { write: (text: string) => void socket.write(text), finish: () => void socket.end() }),
    });
  }

  async #see(step: Sees): Promise<Record<string, string>> {
    const { stream } = this.#stream(step.from);
    const missing = (): Record<string, string> => {
      const got: Record<string, string> = {};
      if (step.object) {
        const seen = stream.objects.some((object) => agreesWith(object, step.object!, this.#kept));
        got['object'] = seen
          ? 'seen'
          : `${lastOf(stream.objects)}, not ${JSON.stringify(filled(step.object, this.#kept))}`;
      }
      for (const [which, pattern] of Object.entries(step.output ?? {})) {
        const text = stream.output[Number(which)] ?? '';
        got[`output ${which}`] = pattern.test(text)
          ? String(pattern)
          : `${JSON.stringify(text.slice(-2000))}, not ${pattern}`;
      }
      if (step.end) got['end'] = stream.ended ? 'seen' : 'still open, not ended';
      if (stream.wrong !== undefined) got['framing'] = `${stream.wrong}, not a frame`;
      return got;
    };
    for (const end = Date.now() + PATIENCE_MS; ; await sleep(10)) {
      const got = missing();
      if (Date.now() > end || !Object.values(got).some((value) => value.includes(', not '))) return got;
    }
  }

  #ask(call: Call): Promise<Answer> {
    const [method, path] = String(filled(call.call, this.#kept)).split(/ (.*)/s) as [string, string];
    const body = call.body === undefined ? undefined : JSON.stringify(filled(call.body, this.#kept));
    const headers = {
      ...(this.#agentName !== undefined && { 'User-Agent': this.#agentName }),
      ...(body !== undefined && {
        'Content-Type': 'application/json',
        'Content-Length': String(Buffer.byteLength(body)),
      }),
      ...(call.hijacks && { Connection: 'Upgrade', Upgrade: 'tcp' }),
      ...call.headers,
    };
    const agent = call.hijacks || call.stays !== undefined ? false : this.#agent;
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.#socketPath, method, path: encodeURI(path), headers, agent });
      const timer = setTimeout(() => asked.destroy(new Error(`${call.call}: no answer`)), PATIENCE_MS);
      asked.on('response', (message) => (clearTimeout(timer), resolve({ message })));
      asked.on('upgrade', (message, socket, head) => (clearTimeout(timer), resolve({ message, socket, head })));
      asked.on('error', (error) => (clearTimeout(timer), reject(error)));
      asked.end(body);
    });
  }
}

const lastOf = (objects: readonly unknown[]): string => JSON.stringify(objects.slice(-8));

async function whole(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function framesIn(bytes: Buffer, wanted: Readonly<Record<1 | 2, RegExp>>): Record<string, string> {
  const texts = unframed(bytes);
  return Object.fromEntries(
    Object.entries(wanted).map(([which, pattern]) => {
      const text = texts[Number(which)] ?? '';
      return [`output ${which}`, pattern.test(text) ? String(pattern) : `${JSON.stringify(text)}, not ${pattern}`];
    }),
  );
}
