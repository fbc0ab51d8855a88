/**
 * Real engines of others on a test host: dockerd as Debian has it, a newer dockerd where there is one, podman. Each has
 * directories of its own, and the network of the host that it is started on.
 */
import { spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, run, testEnvironment, type Host, type Ran } from './host.ts';
import { CLIENTS } from './test-clients.ts';
import { until } from './test-engine.ts';

export type OtherEngineName = 'dockerd' | 'dockerd 28' | 'podman';

/**
 * Where a newer Docker was unpacked (its usr/bin and usr/sbin): it is in no release of Debian that the tests run on.
 */
const NEWER_DOCKER =
  process.env['CAUSEWAY_TEST_DOCKER28'] ??
  ['/opt/docker28', join(CLIENTS, 'docker')].find((dir) => isDocker28(`${dir}/usr/sbin/dockerd`)) ??
  join(CLIENTS, 'docker');

/** Tests compare with 28: what a suite of Debian has is another one some day. */
function isDocker28(program: string): boolean {
  return existsSync(program) && run(program, ['--version']).out.includes(' version 28.');
}

/** Why an engine cannot be had here; undefined where it can. */
export function missing(name: OtherEngineName): string | undefined {
  if (name === 'dockerd 28')
    return isDocker28(`${NEWER_DOCKER}/usr/sbin/dockerd`)
      ? undefined
      : `no Docker 28 in ${NEWER_DOCKER} (CAUSEWAY_TEST_DOCKER28; scripts/test-clients.sh)`;
  const program = { dockerd: '/usr/sbin/dockerd', podman: '/usr/bin/podman' }[name];
  return existsSync(program) ? undefined : `${program} is not installed`;
}

export class OtherEngine {
  readonly name: OtherEngineName;
  readonly host: Host;
  readonly dir = mkdtempSync(join(tmpdir(), 'cwo-'));
  #daemon: ChildProcess | undefined;

  private constructor(name: OtherEngineName, host: Host) {
    this.name = name;
    this.host = host;
  }

  /** Started and ready, with the image `nginx`: busybox's web server. */
  static async start(name: OtherEngineName, host: Host): Promise<OtherEngine> {
    const engine = new OtherEngine(name, host);
    try {
      if (name === 'podman') engine.#preparePodman();
      else await engine.boot();
      engine.#importImage();
      return engine;
    } catch (error) {
      await engine.destroy();
      throw error;
    }
  }

  get #isDocker(): boolean {
    return this.name !== 'podman';
  }

  get #path(): string {
    const newer = this.name === 'dockerd 28' ? `${NEWER_DOCKER}/usr/sbin:${NEWER_DOCKER}/usr/bin:` : '';
    return `${newer}/usr/sbin:/usr/bin:/sbin:/bin`;
  }

  get socket(): string {
    return join(this.dir, 'sock');
  }

  /** The images that our own engine has in tests. */
  importFixtures(): void {
    const path = join(dirname(fileURLToPath(import.meta.url)), 'fixtures.sh');
    check(this.host.run('env', `PATH=${this.#path}`, `DOCKER_HOST=unix://${this.socket}`, 'sh', path));
  }

  /** Starts dockerd, or starts it again. */
  async boot(): Promise<void> {
    if (!this.#isDocker) return;
    writeFileSync(join(this.dir, 'daemon.json'), '{}');
    const log = openSync(join(this.dir, 'log'), 'a');
    const at = (name: string) => join(this.dir, name);
    const args = [
      'dockerd',
      '--config-file',
      at('daemon.json'),
      '--data-root',
      at('data'),
      '--exec-root',
      at('exec'),
      '--pidfile',
      at('pid'),
      '-H',
      `unix://${at('sock')}`,
      '--cgroup-parent',
      `/${this.dir.split('/').at(-1)}`,
    ];
    this.#daemon = this.host.spawn('env', [`PATH=${this.#path}`, ...args], {
      stdio: ['ignore', log, log],
      cwd: '/',
      env: testEnvironment(),
    });
    let ended = false;
    this.#daemon.once('exit', () => (ended = true));
    await until(
      `${this.name} answers`,
      () => {
        if (ended) throw new Error(`${this.name} did not start:\n${readFileSync(at('log'), 'utf8').slice(-2000)}`);
        return this.#answers(); // without holding up this process, which may answer requests meanwhile
      },
      60_000,
    );
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) =>
      get({ socketPath: join(this.dir, 'sock'), path: '/_ping' }, (response) =>
        resolve(response.resume().statusCode === 200),
      ).once('error', () => resolve(false)),
    );
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
    daemon.kill('SIGTERM');
    await ended;
  }

  #preparePodman(): void {
    mkdirSync(join(this.dir, 'net'));
    writeFileSync(
      join(this.dir, 'containers.conf'),
      '[network]\nnetwork_backend = "netavark"\n[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n',
    );
  }

  #importImage(): void {
    const script = `root=$(mktemp -d); trap 'rm -rf "$root"' EXIT; mkdir -p "$root/bin" "$root/www" "$root/etc" "$root/proc" "$root/sys" "$root/dev" "$root/tmp"; cp "$(command -v busybox)" "$root/bin/busybox"
      for applet in sh httpd wget sleep ip; do ln -s busybox "$root/bin/$applet"; done; echo theirs >"$root/www/index.html"; tar -C "$root" -c .`;
    const made = spawnSync('sh', ['-c', `set -e; (${script}) >"${join(this.dir, 'image.tar')}"`], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
    check(this.client('import', join(this.dir, 'image.tar'), 'theirs'));
  }

  /** Its command line. */
  client(...args: string[]): Ran {
    if (this.#isDocker)
      return this.host.run(
        'env',
        `PATH=${this.#path}`,
        `DOCKER_HOST=unix://${join(this.dir, 'sock')}`,
        'docker',
        ...args,
      );
    const places = ['root', 'runroot', 'tmpdir', 'network-config-dir'].flatMap((name) => [
      `--${name}`,
      join(this.dir, name === 'network-config-dir' ? 'net' : name),
    ]);
    return this.host.run(
      'env',
      `CONTAINERS_CONF=${join(this.dir, 'containers.conf')}`,
      'podman',
      ...places,
      '--cgroup-manager',
      'cgroupfs',
      '--log-level',
      'error',
      '--runtime',
      'runc',
      ...args,
    ); // crun refuses hybrid cgroups
  }

  ok(...args: string[]): string {
    return check(this.client(...args)).out.trim();
  }

  /** A web server in a container, published at the port; its address. */
  serve(name: string, port: number): string {
    this.ok('run', '-d', '--name', name, '-p', `${port}:80`, 'theirs', 'httpd', '-f', '-p', '80', '-h', '/www');
    return this.ok('inspect', '-f', '{{.NetworkSettings.IPAddress}}', name);
  }

  async destroy(): Promise<void> {
    const ids = this.client('ps', '-aq').out.split('\n').filter(Boolean);
    if (ids.length > 0) this.client('rm', '-f', ...ids);
    await this.stop();
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
      .filter((path) => path.startsWith(`${this.dir}/`));
    for (const path of mounts.reverse()) spawnSync('umount', ['-l', path]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
