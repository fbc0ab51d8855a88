/**
 * How much the daemon and the resolver of an engine hold, in a form that two moments can be compared in: memory after
 * garbage has been collected, descriptors by what they are, threads. Node's own inspector collects: it is opened by a
 * signal, so that the programs measured are those that users get.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { descriptors } from '../fuzz/live/world.ts';
import { processesWritingTo } from '../../src/kernel/process.ts';
import { PROJECT, sleep, until, type TestEngine } from './test-engine.ts';

/** The inspector's port unless another is asked for; the resolver, which inherits no environment, has this one. */
const RESOLVER_PORT = 9229;
const DAEMON_PORT = 9230;

/** What `TestEngine.start` needs, so that the two do not want one port. */
export const MEASURED = { env: { NODE_OPTIONS: `--inspect-port=${DAEMON_PORT}` } } as const;

export interface Size {
  /** Living objects, and buffers and other memory that they keep. */
  readonly heldBytes: number;
  /** Resident pages that are no file's. */
  readonly anonymousBytes: number;
  readonly threads: number;
  readonly descriptors: ReadonlyMap<string, number>;
}

export class Measured {
  readonly #engine: TestEngine;
  readonly #port: number;
  readonly pid: number;

  private constructor(engine: TestEngine, pid: number, port: number) {
    this.#engine = engine;
    this.pid = pid;
    this.#port = port;
  }

  /** The daemon of an engine that was started with `MEASURED`. */
  static daemon(engine: TestEngine): Promise<Measured> {
    return Measured.#open(engine, engine.pid, DAEMON_PORT);
  }

  static resolver(engine: TestEngine): Promise<Measured> {
    const [pid] = processesWritingTo(join(engine.execRoot, 'dns.log'), 'causeway-dns');
    if (pid === undefined) throw new Error('there is no resolver');
    return Measured.#open(engine, pid, RESOLVER_PORT);
  }

  static async #open(engine: TestEngine, pid: number, port: number): Promise<Measured> {
    const one = new Measured(engine, pid, port);
    process.kill(pid, 'SIGUSR1');
    await until('the inspector listens', () => engine.host.run('ss', '-Hltn', `sport = :${port}`).out !== '', 60_000);
    await one.size(); // what the first session needs is there for good
    return one;
  }

  async size(): Promise<Size> {
    const { heapUsed, external } = await this.#collected();
    const rollup = readFileSync(`/proc/${this.pid}/smaps_rollup`, 'utf8');
    return {
      heldBytes: heapUsed + external, // external has the array buffers in it
      anonymousBytes: Number(/^Anonymous:\s+(\d+)/m.exec(rollup)![1]) * 1024,
      threads: readdirSync(`/proc/${this.pid}/task`).length,
      descriptors: descriptors(this.pid),
    };
  }

  /** Waits until no more descriptors and threads are there than before; gives those that are left over, '' for none. */
  async leftOver(before: Size, timeoutMs: number): Promise<string> {
    for (const end = Date.now() + timeoutMs; ; await sleep(100)) {
      const left = this.#more(before);
      if (left === '' || Date.now() > end) return left;
    }
  }

  #more(before: Size): string {
    const lines = [...descriptors(this.pid)].flatMap(([what, count]) => {
      const more = count - (before.descriptors.get(what) ?? 0);
      return more > 0 ? [`${more} more of ${what}`] : [];
    });
    const threads = readdirSync(`/proc/${this.pid}/task`).length - before.threads;
    return [...lines, ...(threads > 0 ? [`${threads} more threads`] : [])].join('\n');
  }

  async #collected(): Promise<NodeJS.MemoryUsage> {
    const reader = this.#engine.host.spawn(
      process.execPath,
      [join(PROJECT, 'test/harness/heap-reader.mjs'), String(this.#port)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let text = '';
    reader.stdout!.setEncoding('utf8').on('data', (part: string) => (text += part));
    const [code] = (await once(reader, 'close')) as [number | null];
    if (code !== 0) throw new Error(`no measure of process ${this.pid}: exit ${code}`);
    return JSON.parse(text) as NodeJS.MemoryUsage;
  }
}

export const inMegabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
