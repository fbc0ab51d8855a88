/** One client of the soak: calls whose answers are all judged, and what it has done so far. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { sleep, type TestEngine } from '../../harness/test-engine.ts';
import type { Random } from '../../fuzz/random.ts';
import { Caller } from '../step-boundaries/caller.ts';

/** What all clients have done together. */
export interface Tally {
  containers: number;
  calls: number;
  readonly wrong: string[];
}

const REACHABLE_WITHIN_MS = 60_000;

export class Client {
  readonly #engine: TestEngine;
  readonly #api: Caller;
  readonly #tally: Tally;
  readonly random: Random;
  readonly number: number;

  constructor(engine: TestEngine, number: number, random: Random, tally: Tally) {
    this.#engine = engine;
    this.#api = new Caller(engine.socket);
    this.#tally = tally;
    this.number = number;
    this.random = random;
  }

  wrong(text: string): void {
    this.#tally.wrong.push(text);
  }

  /** The answer's text. A status that is none of `expected` is wrong. */
  async call(method: string, path: string, body?: object, expected: readonly number[] = [200, 204]): Promise<string> {
    this.#tally.calls++;
    const reply = await this.#api.call(method, path, body);
    if (!expected.includes(reply.status)) this.wrong(`${method} ${path}: ${reply.status} ${reply.body.slice(0, 500)}`);
    return reply.body;
  }

  async create(name: string, config: object): Promise<void> {
    this.#tally.containers++;
    await this.call('POST', `/containers/create?name=${name}`, config, [201]);
  }

  async inspect(name: string): Promise<Inspected> {
    return JSON.parse(await this.call('GET', `/containers/${name}/json`)) as Inspected;
  }

  /** All that a command in a container prints, in frames. */
  async exec(name: string, ...command: string[]): Promise<string> {
    const body = { Cmd: command, AttachStdout: true, AttachStderr: true };
    const created = await this.call('POST', `/containers/${name}/exec`, body, [201]);
    const { Id: id } = JSON.parse(created) as { Id?: string };
    return id === undefined ? '' : this.call('POST', `/exec/${id}/start`, { Detach: false });
  }

  /** What the page is that the host gets from one of its ports, once somebody listens behind it. */
  async page(port: string): Promise<string> {
    for (const end = Date.now() + REACHABLE_WITHIN_MS; ; await sleep(50)) {
      const asked = this.#engine.host.spawn('busybox', ['wget', '-q', '-O', '-', `http://127.0.0.1:${port}/`], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      let text = '';
      asked.stdout!.setEncoding('utf8').on('data', (part: string) => (text += part));
      await once(asked, 'close');
      if (text !== '' || Date.now() > end) return text;
    }
  }

  /** A reader that goes away in the middle. */
  cutOff(path: string): Promise<void> {
    this.#tally.calls++;
    return new Promise((resolve) => {
      const socket = connect(this.#engine.socket, () => socket.write(`GET /v1.47${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
      socket.once('data', () => socket.destroy());
      socket.on('error', () => {});
      socket.once('close', () => resolve());
    });
  }
}

export interface Inspected {
  readonly State: { readonly Status: string; readonly Pid: number };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { readonly HostPort: string }[] | null>>;
  };
}
