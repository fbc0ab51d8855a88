/** How long an engine's API leaves `/_ping` without an answer while something is done to it, as another process sees it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PROJECT, type TestEngine } from './test-engine.ts';

export class PingSampler {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(engine: TestEngine): Promise<PingSampler> {
    const child = spawn(process.execPath, [join(PROJECT, 'test/harness/ping-sampler.mjs'), engine.socket], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout!, 'data');
    return new PingSampler(child);
  }

  /** The longest silence since this was last asked, in milliseconds, one that still goes on included. */
  async longestSilenceMs(): Promise<number> {
    const answer = once(this.#child.stdout!, 'data');
    this.#child.stdin!.write('\n');
    return Number(String((await answer)[0]));
  }

  stop(): void {
    this.#child.stdin!.end();
  }
}
