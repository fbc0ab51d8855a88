/**
 * How long an engine's API leaves `/_ping` without an answer while something is done to it, as another process sees it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PROJECT, type TestEngine } from './test-engine.ts';

export interface Silence {
  readonly silentMs: number;
  readonly workedMs: number;
}

/** One that no machine, however busy, makes of a daemon that does its part. */
const NEVER_MS = 20_000;

/**
 * What is wrong with a silence, or nothing: the daemon itself was busy for too long, or it waited for something that
 * does not come.
 */
export function tooLong({ silentMs, workedMs }: Silence, boundMs: number): string | undefined {
  const itsOwn = silentMs > boundMs && workedMs > boundMs / 2;
  return itsOwn || silentMs > NEVER_MS
    ? `no answer to /_ping for ${silentMs} ms, ${workedMs} ms of them the daemon's own work`
    : undefined;
}

export class PingSampler {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(engine: TestEngine): Promise<PingSampler> {
    const child = spawn(
      process.execPath,
      [join(PROJECT, 'test/harness/ping-sampler.mjs'), engine.socket, String(engine.pid)],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    await once(child.stdout!, 'data');
    return new PingSampler(child);
  }

  /** The longest silence since this was last asked, in milliseconds, one that still goes on included. */
  async longestSilenceMs(): Promise<number> {
    return (await this.longestSilence()).silentMs;
  }

  /** The same, and the processor time that the daemon used in it. */
  async longestSilence(): Promise<Silence> {
    const answer = once(this.#child.stdout!, 'data');
    this.#child.stdin!.write('\n');
    const [silentMs, workedMs] = String((await answer)[0])
      .split(' ')
      .map(Number);
    return { silentMs: silentMs!, workedMs: workedMs! };
  }

  stop(): void {
    this.#child.stdin!.end();
  }
}
