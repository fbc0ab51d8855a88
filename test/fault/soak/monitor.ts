/** A program that watches an engine, as dashboards and collectors of metrics do. */
import { Agent, request, type IncomingMessage } from 'node:http';

/** Each as long as one Docker client asks for. */
const TIMEOUT_MS = 60_000;
const API = '/v1.47';

export class Monitor {
  readonly #socketPath: string;
  readonly #names: readonly string[];
  readonly #wrong: string[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #open: IncomingMessage[] = [];
  #since = Math.floor(Date.now() / 1000);
  calls = 0;

  constructor(socketPath: string, names: readonly string[], wrong: string[]) {
    this.#socketPath = socketPath;
    this.#names = names;
    this.#wrong = wrong;
  }

  /** Streams that are read until `close`. */
  async openStreams(): Promise<void> {
    const [first, second] = this.#names;
    for (const path of [
      '/events',
      `/containers/${first}/stats`,
      `/containers/${second}/logs?follow=1&stdout=1&stderr=1`,
    ]) {
      const stream = await this.#ask(path, false);
      this.#open.push(stream);
      stream.on('error', () => {}).resume();
      stream.once('close', () => this.#open.includes(stream) && this.#wrong.push(`${path} was closed`));
    }
  }

  close(): void {
    for (const stream of this.#open.splice(0)) stream.destroy();
    this.#agent.destroy();
  }

  /** Rounds of everything that is asked for. */
  async poll(goOn: () => boolean): Promise<void> {
    do {
      const since = this.#since;
      this.#since = Math.floor(Date.now() / 1000);
      await this.#list('/containers/json?all=1&size=1', this.#names.length + 1);
      await this.#list('/containers/json?filters={"status":["running"]}', this.#names.length);
      await Promise.all(this.#names.map((name) => this.#look(name, since)));
      for (const path of ['/info', '/version', '/networks', '/images/json', '/volumes', '/system/df'])
        await this.#json(path);
      const now = Math.floor(Date.now() / 1000);
      await this.#text(`/events?since=${since}&until=${now}`);
      await this.#cutOff('/events');
    } while (goOn());
  }

  async #look(name: string, since: number): Promise<void> {
    const about = `/containers/${name}`;
    const { State } = (await this.#json(`${about}/json?size=1`)) as { State: { Running: boolean } };
    if (!State.Running) this.#wrong.push(`${name} does not run`);
    const stats = (await this.#json(`${about}/stats?stream=0&one-shot=1`)) as { pids_stats: { current: number } };
    if (!(stats.pids_stats.current > 0)) this.#wrong.push(`${name}: ${JSON.stringify(stats)}`);
    await this.#text(`${about}/logs?since=${since}&stdout=1&stderr=1&timestamps=1`);
    await this.#json(`${about}/top`);
    await this.#cutOff(`${about}/stats`);
    await this.#cutOff(`${about}/logs?follow=1&tail=10&stdout=1`);
  }

  async #list(path: string, length: number): Promise<void> {
    const list = (await this.#json(path)) as unknown[];
    if (list.length !== length) this.#wrong.push(`${path}: ${list.length} and not ${length}`);
  }

  async #json(path: string): Promise<unknown> {
    return JSON.parse(await this.#text(path)) as unknown;
  }

  async #text(path: string): Promise<string> {
    const answer = await this.#ask(path, true);
    let text = '';
    for await (const part of answer.setEncoding('latin1')) text += part;
    if (answer.statusCode !== 200) this.#wrong.push(`${path}: ${answer.statusCode} ${text.slice(0, 500)}`);
    return text;
  }

  /** Reads the beginning of a stream and goes away. */
  async #cutOff(path: string): Promise<void> {
    const answer = await this.#ask(path, false);
    if (answer.statusCode !== 200) this.#wrong.push(`${path}: ${answer.statusCode}`);
    answer.on('error', () => {}).destroy();
  }

  #ask(path: string, keepAlive: boolean): Promise<IncomingMessage> {
    this.calls++;
    return new Promise((resolve, reject) => {
      const asked = request(
        { socketPath: this.#socketPath, agent: keepAlive ? this.#agent : false, path: encodeURI(API + path) },
        (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
      );
      const timer = setTimeout(() => asked.destroy(new Error(`${path}: no answer`)), TIMEOUT_MS);
      asked.on('error', reject).end();
    });
  }
}
