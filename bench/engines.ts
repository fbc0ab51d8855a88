/**
 * The competitors. Each runs in a sandbox of its own: network, mount and process namespaces, so that the engine's
 * processes are exactly those of its process namespace (containers have namespaces of their own below), and so that
 * nothing of it stays.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createReadStream, statSync } from 'node:fs';
import { request } from 'node:http';
import { basename, join } from 'node:path';
import { PROJECT } from '../demo/images.ts';
import { collect, plainEnvironment, Sandbox, type CommandResult } from '../demo/sandbox.ts';

export const ENGINE_NAMES = ['causeway', 'previous', 'dockerd', 'podman'] as const;
/** Another checkout of Causeway, built: what a change costs is seen in one run. */
const PREVIOUS = process.env['CAUSEWAY_PREVIOUS'] ?? '';
/** Those that are measured unless told otherwise. */
export const USUAL_ENGINES: readonly EngineName[] = ENGINE_NAMES.filter(
  (name) => name !== 'previous' || PREVIOUS !== '',
);
export type EngineName = (typeof ENGINE_NAMES)[number];

/**
 * Shell command that becomes the engine, with the sandbox's directory in $DIR, its name in $ID and the API at $SOCKET.
 */
const COMMANDS: Readonly<Record<EngineName, string>> = {
  causeway: `exec '${PROJECT}/causeway' daemon -H "unix://$SOCKET" --data-root "$DIR/data" --cgroup-parent "/$ID" --default-bridge-name docker0`,
  previous: `exec '${PREVIOUS}/causeway' daemon -H "unix://$SOCKET" --data-root "$DIR/data" --cgroup-parent "/$ID"`,
  dockerd:
    'exec dockerd -H "unix://$SOCKET" --data-root "$DIR/data" --exec-root /run/docker --pidfile /run/docker.pid --live-restore --cgroup-parent "/$ID"',
  // As Debian has it: crun, netavark and aardvark-dns.
  podman: [
    'mkdir -p /etc/containers',
    'printf \'[network]\\nnetwork_backend = "netavark"\\n\' >/etc/containers/containers.conf',
    'exec podman --root "$DIR/data" --runroot /run/podman --cgroup-manager cgroupfs --log-level error system service --time 0 "unix://$SOCKET"',
  ].join('\n'),
};

const PROGRAMS: Readonly<Record<EngineName, readonly string[]>> = {
  causeway: [`${PROJECT}/causeway`],
  previous: [`${PREVIOUS}/causeway`],
  dockerd: ['dockerd', 'containerd'],
  podman: ['podman', 'netavark'],
};

const CLIENTS: Readonly<Record<EngineName, string>> = {
  causeway: `${PROJECT}/causeway`,
  previous: `${PREVIOUS}/causeway`,
  dockerd: 'docker',
  podman: 'docker',
};

type TimedResult = CommandResult & { readonly seconds: number };

export class Engine {
  readonly name: EngineName;
  readonly sandbox: Sandbox;
  readonly #socket: string;
  #daemon: ChildProcess | undefined;

  private constructor(name: EngineName, sandbox: Sandbox) {
    this.name = name;
    this.sandbox = sandbox;
    this.#socket = join(sandbox.dir, 'api.sock');
  }

  /** `made` is told of the sandbox at once, to be destroyed whatever happens. */
  static async start(name: EngineName, made: (sandbox: Sandbox) => void): Promise<Engine> {
    // On disk: dockerd's overlay2 and ours are measured where they are used.
    const sandbox = await Sandbox.create({
      purpose: `bench-${name}`,
      files: 'disk',
      copyOnWrite: ['/etc', '/var/lib'],
      withoutUnifiedCgroup: true,
      cgroups: { causeway: [], previous: [], dockerd: ['docker'], podman: ['libpod_parent', 'libpod', 'conmon'] }[name],
    });
    made(sandbox);
    const engine = new Engine(name, sandbox);
    const found = await sandbox.shell(
      PROGRAMS[name]
        .map((program) => `command -v ${program} >/dev/null || ls /usr/lib/podman/${program} >/dev/null`)
        .join(' && '),
    );
    if (found.code !== 0) throw new Error(`${name} is not installed (scripts/setup.sh bench)`);
    engine.#daemon = engine.#spawnDaemon();
    await engine.#until(50, () => engine.#ping());
    return engine;
  }

  #spawnDaemon(): ChildProcess {
    const command = `exec >>"${this.#log}" 2>&1\n${COMMANDS[this.name]}`;
    const { dir, id } = this.sandbox;
    return this.sandbox.spawn('sh', ['-c', command], 'ignore', { DIR: dir, ID: id, SOCKET: this.#socket });
  }

  get #log(): string {
    return join(this.sandbox.dir, 'engine.log');
  }

  async #until(everyMs: number, answers: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + 60_000; !(await answers()); await pause(everyMs)) {
      if (this.#daemon?.exitCode !== null || Date.now() > end) {
        const { both } = await collect(spawn('tail', ['-n', '20', this.#log]));
        throw new Error(`${this.name} did not start:\n${both}`);
      }
    }
  }

  /** Kills the daemon and starts it anew: seconds until it lists as many running containers. */
  async restart(running: number): Promise<number> {
    const killed = this.#daemon!;
    this.sandbox.signal(killed, 'SIGKILL');
    if (killed.exitCode === null && killed.signalCode === null)
      await new Promise((resolve) => killed.once('exit', resolve));
    const started = performance.now();
    this.#daemon = this.#spawnDaemon();
    await this.#until(5, async () => {
      const list = await this.call('GET', '/containers/json').catch(() => ({ answer: [] as unknown[] }));
      return (list.answer as unknown[]).length === running;
    });
    return (performance.now() - started) / 1000;
  }

  #ping(): Promise<boolean> {
    return new Promise((resolve) => {
      const ping = request({ socketPath: this.#socket, path: '/_ping', timeout: 2000 }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      ping.on('error', () => resolve(false)).end();
    });
  }

  /** The docker client, the same for all. */
  docker(...args: string[]): Promise<TimedResult> {
    return this.#client('docker', args);
  }

  async #client(file: string, args: readonly string[], output: 'pipe' | 'ignore' = 'pipe'): Promise<TimedResult> {
    const env = {
      ...plainEnvironment(),
      DOCKER_HOST: `unix://${this.#socket}`,
      DOCKER_CONFIG: join(this.sandbox.dir, 'client'),
    };
    const started = process.hrtime.bigint();
    const child = spawn(file, args, { stdio: ['ignore', output, 'pipe'], env, detached: true });
    let seconds = 0;
    child.once('exit', () => (seconds = Number(process.hrtime.bigint() - started) / 1e9));
    const result = await collect(child, { timeoutMs: 180_000 });
    return { ...result, seconds };
  }

  /** The same, which must succeed; gives what it printed. */
  async ok(...args: string[]): Promise<string> {
    return (await this.#must('docker', args)).out.trim();
  }

  /** Seconds that it took. */
  async timed(...args: string[]): Promise<number> {
    return (await this.#must('docker', args)).seconds;
  }

  /** The same, with output that goes to /dev/null: there is too much of it. */
  async timedUnread(...args: string[]): Promise<number> {
    return (await this.#must('docker', args, 'ignore')).seconds;
  }

  /** Seconds that the engine's own client took: Causeway's, and for the others Docker's. */
  async timedOwn(...args: string[]): Promise<number> {
    return (await this.#must(CLIENTS[this.name], args)).seconds;
  }

  async #must(file: string, args: readonly string[], output?: 'pipe' | 'ignore'): Promise<TimedResult> {
    const result = await this.#client(file, args, output);
    if (result.code !== 0)
      throw new Error(
        `${basename(file)} ${args.slice(0, 6).join(' ')}: ${result.err.trim().split('\n')[0] ?? ''} (exit ${result.code})`,
      );
    return result;
  }

  /** One request to the API; gives the seconds it took and the answer. */
  call(method: string, path: string, body?: object): Promise<{ seconds: number; answer: any }> {
    return new Promise((resolve, reject) => {
      const started = process.hrtime.bigint();
      const text = body === undefined ? '' : JSON.stringify(body);
      const headers =
        body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      const call = request(
        { socketPath: this.#socket, method, path: `/v1.41${path}`, headers, timeout: 60_000 },
        (response) => {
          let received = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
          response.once('end', () => {
            const seconds = Number(process.hrtime.bigint() - started) / 1e9;
            // podman answers some calls with a word where Docker says nothing.
            const answer: unknown = /^\s*[{[]/.test(received) ? JSON.parse(received) : undefined;
            if ((response.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path}: ${received.trim()}`));
            else resolve({ seconds, answer });
          });
        },
      );
      call.once('error', reject).end(text);
    });
  }

  /** A build by the classic API, of a context that is an archive in a file: the seconds that it took. */
  build(tag: string, context: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const started = process.hrtime.bigint();
      const call = request(
        {
          socketPath: this.#socket,
          method: 'POST',
          path: `/v1.41/build?t=${tag}&rm=1`,
          headers: { 'content-type': 'application/x-tar', 'content-length': statSync(context).size },
          timeout: 180_000,
        },
        (response) => {
          let received = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
          response.once('end', () => {
            const seconds = Number(process.hrtime.bigint() - started) / 1e9;
            // It answers 200 before it knows.
            if (response.statusCode === 200 && received.includes('Successfully built')) resolve(seconds);
            else reject(new Error(`POST /build: ${received.trim().split('\n').at(-1) ?? ''}`));
          });
        },
      );
      call.once('error', reject);
      createReadStream(context).once('error', reject).pipe(call);
    });
  }

  /** For a program of the machine inside a container's network: what `nsenter` needs. */
  async networkOf(container: string): Promise<string> {
    return `--net=/proc/${await this.ok('inspect', '-f', '{{.State.Pid}}', container)}/ns/net`;
  }

  addressOf(container: string, network: string): Promise<string> {
    return this.ok('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, container);
  }

  /** Starts as many idle containers, two at a time: how fast that goes is not what is measured. Gives their ids. */
  async startMany(count: number, flags: readonly string[]): Promise<string[]> {
    const ids: string[] = [];
    const startOne = async (): Promise<void> => {
      while (ids.length + starting < count) {
        starting++;
        const id = await this.ok('run', '-d', ...flags, 'busybox', 'sleep', '100000').finally(() => starting--);
        ids.push(id);
      }
    };
    let starting = 0;
    await Promise.all([startOne(), startOne()]);
    return ids;
  }

  /** Removes containers that there may be. */
  async remove(...containers: string[]): Promise<void> {
    await this.docker('rm', '-f', ...containers);
  }

  /** What it calls itself. */
  async version(): Promise<string> {
    const { answer } = await this.call('GET', '/version');
    return String(answer.Version);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
