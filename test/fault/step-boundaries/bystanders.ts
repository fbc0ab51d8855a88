/**
 * Containers that have nothing to do with what is tested, and what goes on between them and with the host: it must not
 * notice anything.
 */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestEngine } from '../../harness/test-engine.ts';
import { Caller } from './caller.ts';

const TALK = fileURLToPath(new URL('./talk.mjs', import.meta.url));

interface Report {
  readonly wrong: readonly string[];
  readonly echoed: number;
  readonly answered: number;
}

interface Talker {
  readonly what: string;
  readonly process: ChildProcess;
  readonly lines: Interface;
  readonly asksNames: boolean;
}

export class Bystanders {
  readonly #api: Caller;
  readonly #pids: ReadonlyMap<string, number>;
  readonly #server: ChildProcess;
  readonly #talkers: readonly Talker[];
  packets = 0;

  private constructor(
    api: Caller,
    pids: ReadonlyMap<string, number>,
    server: ChildProcess,
    talkers: readonly Talker[],
  ) {
    this.#api = api;
    this.#pids = pids;
    this.#server = server;
    this.#talkers = talkers;
  }

  static async start(engine: TestEngine): Promise<Bystanders> {
    engine.ok('network', 'create', '--subnet', '10.77.0.0/24', 'calm');
    engine.ok('run', '-d', '--name', 'calm-server', '--network', 'calm', '-p', '7007:7', 'busybox', 'sleep', '100000');
    engine.ok(
      'run',
      '-d',
      '--name',
      'calm-client',
      '--network',
      'calm',
      '--restart',
      'always',
      'busybox',
      'sleep',
      '100000',
    );
    const pids = new Map(
      ['calm-server', 'calm-client'].map((name) => [name, Number(engine.ok('inspect', '-f', '{{.State.Pid}}', name))]),
    );
    const inside = (name: string, ...args: string[]): ChildProcess =>
      engine.host.spawn('nsenter', ['-t', String(pids.get(name)), '-n', 'node', TALK, ...args], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
    const server = inside('calm-server', 'server');
    await once(server.stdout!, 'data');
    const talker = (what: string, process: ChildProcess, asksNames: boolean): Talker => ({
      what,
      process,
      asksNames,
      lines: createInterface({ input: process.stdout! }),
    });
    return new Bystanders(new Caller(engine.socket), pids, server, [
      talker('between containers', inside('calm-client', 'client', '10.77.0.2', '7', 'calm-server'), true),
      talker(
        'through a published port',
        engine.host.spawn('node', [TALK, 'client', '127.0.0.1', '7007'], { stdio: ['pipe', 'pipe', 'inherit'] }),
        false,
      ),
    ]);
  }

  /** What is wrong with them, since it was asked last. */
  async complaints(): Promise<string[]> {
    const complaints: string[] = [];
    for (const [name, pid] of this.#pids) {
      const { State, RestartCount } = (await this.#api.json('GET', `/containers/${name}/json`)) as {
        State: { Status: string; Pid: number };
        RestartCount: number;
      };
      const now = `${State.Status} ${State.Pid} ${RestartCount}`;
      if (now !== `running ${pid} 0`) complaints.push(`${name} was "running ${pid} 0" and is "${now}"`);
    }
    for (const { what, process, lines, asksNames } of this.#talkers) {
      process.stdin!.write('\n');
      const [line] = (await once(lines, 'line')) as [string];
      const { wrong, echoed, answered } = JSON.parse(line) as Report;
      this.packets += echoed + answered;
      complaints.push(...wrong.map((text) => `${what}: ${text}`));
      if (echoed === 0 || (asksNames && answered === 0))
        complaints.push(`${what}: ${echoed} numbers came back, ${answered} answers`);
    }
    return complaints;
  }

  async stop(): Promise<void> {
    for (const process of [this.#server, ...this.#talkers.map((talker) => talker.process)]) {
      if (process.exitCode !== null || process.signalCode !== null) continue;
      process.kill('SIGKILL');
      await once(process, 'exit');
    }
  }
}
