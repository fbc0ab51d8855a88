/** A real daemon for a test: the built program, in a network namespace of its own, with directories of its own. */
import { spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Order } from './doors/order.ts';
import { check, Host, run, testEnvironment, type Ran } from './host.ts';

export const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '../..');
/** The daemon's last word of its start. */
const READY = 'ready: what an earlier daemon left is taken up';
const CAUSEWAY = join(PROJECT, 'bin/causeway');

interface EngineOptions {
  readonly host?: Host;
  readonly flags?: readonly string[];
  /** A daemon that obeys orders at its doors (test/harness/doors): see `order`. */
  readonly hooked?: boolean;
  /** Listening sockets that the first daemon finds as from systemd. */
  readonly activated?: readonly number[];
  /** More environment of the daemon. */
  readonly env?: Readonly<Record<string, string>>;
}

export class TestEngine {
  readonly host: Host;
  readonly dir: string;
  readonly #flags: readonly string[];
  readonly #ownsHost: boolean;
  readonly #hooked: boolean;
  readonly #env: Readonly<Record<string, string>>;
  #activated: readonly number[];
  #daemon: ChildProcess | undefined;

  private constructor(options: EngineOptions) {
    this.host = options.host ?? Host.create();
    this.#ownsHost = options.host === undefined;
    this.#flags = options.flags ?? [];
    this.#hooked = options.hooked ?? false;
    this.#activated = options.activated ?? [];
    this.#env = options.env ?? {};
    this.dir = mkdtempSync(join(tmpdir(), 'cwt-'));
  }

  /** Starts a daemon and waits until it has taken up what an earlier one left. */
  static async start(options: EngineOptions = {}): Promise<TestEngine> {
    if (options.hooked) check(run(process.execPath, [join(PROJECT, 'scripts/build.mjs'), '--hooks']));
    const engine = new TestEngine(options);
    try {
      await engine.boot();
      return engine;
    } catch (error) {
      await engine.destroy();
      throw error;
    }
  }

  get socket(): string {
    return join(this.dir, 'api.sock');
  }

  get url(): string {
    return `unix://${this.socket}`;
  }

  get execRoot(): string {
    return join(this.dir, 'exec');
  }

  get dataRoot(): string {
    return join(this.dir, 'data');
  }

  get pid(): number {
    return Number(readFileSync(join(this.execRoot, 'causeway.pid'), 'utf8').split(' ')[0]);
  }

  get log(): string {
    return existsSync(join(this.dir, 'daemon.log')) ? readFileSync(join(this.dir, 'daemon.log'), 'utf8') : '';
  }

  /** `until`: it answers already while it takes up what an earlier one left. */
  async boot(flags: readonly string[] = [], until: 'answers' | 'ready' = 'ready'): Promise<void> {
    const log = openSync(join(this.dir, 'daemon.log'), 'a');
    const before = fstatSync(log).size;
    const args = [
      'daemon',
      '-H',
      this.url,
      '--data-root',
      this.dataRoot,
      '--exec-root',
      this.execRoot,
      ...this.#naming(),
      ...this.#flags,
      ...flags,
    ];
    const [program, ...first] = this.#hooked
      ? ['node', '--max-semi-space-size=2', '--', join(PROJECT, 'dist/hooked/daemon.mjs')]
      : [CAUSEWAY];
    const env = { ...testEnvironment(), ...this.#env, CAUSEWAY_TEST_ORDER: this.#orderFile };
    const command = [program!, ...first, ...args];
    // As systemd says it: for this process alone, which stays the same through each exec.
    const units = `export LISTEN_PID=$$ LISTEN_FDS=${this.#activated.length}; exec "$@"`;
    const [file, ...rest] = this.#activated.length > 0 ? ['sh', '-c', units, 'sh', ...command] : command;
    const daemon = this.host.spawn(file!, rest, { stdio: ['ignore', log, log, ...this.#activated], cwd: '/', env });
    this.#activated = [];
    closeSync(log);
    this.#daemon = daemon;
    let ended = false;
    daemon.once('exit', () => (ended = true));
    const isReady = (): boolean => until === 'answers' || this.#logSince(before).includes(READY);
    for (const late = Date.now() + 60_000; ;) {
      if (isReady() && (await this.answers())) return;
      if (ended || Date.now() > late) throw new Error(`the daemon did not start:\n${this.log}`);
      await sleep(20);
    }
  }

  #logSince(offset: number): string {
    return readFileSync(join(this.dir, 'daemon.log')).toString('utf8', offset);
  }

  get #orderFile(): string {
    return join(this.dir, 'order');
  }

  /** What a hooked daemon does at its doors from now on; undefined: nothing special. */
  order(order: Order | undefined): void {
    const fresh = `${this.#orderFile}.new`;
    writeFileSync(fresh, order === undefined ? '' : JSON.stringify({ ...order, id: randomBytes(4).toString('hex') }));
    renameSync(fresh, this.#orderFile); // the daemon never reads half of it
  }

  /**
   * Resolves when the daemon has ended, which it does where it was ordered to; false when it has not within the time.
   */
  async died(timeoutMs: number): Promise<boolean> {
    const daemon = this.#daemon;
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      daemon.once('exit', () => (clearTimeout(timer), resolve(true)));
    });
  }

  /** Scenarios say docker0, whether or not Docker is installed on the machine that runs them. */
  #naming(): string[] {
    return this.#flags.some((flag) => ['--bridge', '--default-bridge-name', '-b'].includes(flag))
      ? []
      : ['--default-bridge-name', 'docker0'];
  }

  answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const ping = request({ socketPath: this.socket, path: '/_ping', timeout: 2000 }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      ping.on('error', () => resolve(false));
      ping.end();
    });
  }

  /** Ends the daemon with a signal and waits until it has ended; containers stay. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
    // nsenter and the launcher exec: the child is the daemon itself.
    daemon.kill(signal);
    await ended;
  }

  async restart(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.stop(signal);
    await this.boot();
  }

  /** The real docker client. */
  docker(...args: string[]): Ran {
    return this.host.run('env', `DOCKER_HOST=${this.url}`, 'docker', ...args);
  }

  /** The project's own command line. */
  causeway(...args: string[]): Ran {
    return this.host.run('env', `CAUSEWAY_HOST=${this.url}`, CAUSEWAY, ...args);
  }

  /** docker, which must succeed; gives what it printed, trimmed. */
  ok(...args: string[]): string {
    const ran = this.docker(...args);
    if (ran.code !== 0) throw new Error(`docker ${args.join(' ')}: exit ${ran.code}\n${ran.out}${ran.err}`);
    return ran.out.trim();
  }

  shell(command: string): Ran {
    return this.host.run(
      'env',
      `DOCKER_HOST=${this.url}`,
      `CAUSEWAY_HOST=${this.url}`,
      `NETNS=${this.host.netns}`,
      'sh',
      '-c',
      command,
    );
  }

  /** The small images of the tests: busybox under several names. */
  importFixtures(): void {
    check(this.shell(`sh ${join(PROJECT, 'test/harness/fixtures.sh')}`));
  }

  /** Removes everything: containers, daemon, namespaces, files. */
  async destroy(): Promise<void> {
    if (await this.answers()) this.shell('docker rm -f $(docker ps -aq) >/dev/null 2>&1');
    await this.stop();
    this.endLeftovers();
    rmSync(this.dir, { recursive: true, force: true });
    if (this.#ownsHost) this.host.destroy();
  }

  /**
   * Processes that still work under our directories (after a kill -9 nobody else ends them), and containers without a
   * monitor.
   */
  endLeftovers(): void {
    for (const pid of [...this.processes(), ...this.#containerProcesses()]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
  }

  /** The first process of every container of ours. A number may be another's by now: its cgroup says whose it is. */
  #containerProcesses(): number[] {
    const bundles = join(this.execRoot, 'bundles');
    if (!existsSync(bundles)) return [];
    return readdirSync(bundles).flatMap((id) => {
      try {
        const pid = Number(readFileSync(join(bundles, id, 'pidfile'), 'utf8'));
        return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id) ? [pid] : [];
      } catch {
        return [];
      }
    });
  }

  /** Pids of processes whose command line names our directory: monitors, the resolver, the daemon. */
  processes(): number[] {
    const found = spawnSync('pgrep', ['-f', this.dir], { encoding: 'utf8' }).stdout ?? '';
    return found
      .split('\n')
      .filter(Boolean)
      .map(Number)
      .filter((pid) => pid !== process.pid);
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Polls until `test` holds; fails naming `what`. */
export async function until(what: string, test: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await sleep(20)) if (await test()) return;
  throw new Error(`not within ${timeoutMs} ms: ${what}`);
}
