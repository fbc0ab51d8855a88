/**
 * The daemon goes and comes back, by SIGTERM and by kill -9: containers, traffic, names and output go on without it;
 * the next one adopts what lives, settles what ended meanwhile, and nothing is lost or left over.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { TestEngine, until } from '../harness/test-engine.ts';
import {
  assertUntouched,
  cgroups,
  ownCgroupParent,
  processes,
  removeCgroupParent,
  tracesAtRest,
  type Traces,
} from './traces.ts';

/** Ends with 7 when it is told to. */
const OBEDIENT = "trap 'exit 7' TERM; trap 'exit 0' HUP; echo up; while :; do sleep 0.1; done";
/** From then on a signal is not the kernel's to ignore for a first process. */
const listens = (engine: TestEngine, name: string): Promise<void> =>
  until(`${name} listens to signals`, () => engine.docker('logs', name).out.includes('up'));
const COUNTER = 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done';

interface Scene {
  readonly engine: TestEngine;
  readonly parent: string;
  readonly empty: Traces;
}

async function scene(flags: readonly string[] = []): Promise<Scene> {
  const parent = ownCgroupParent();
  const engine = await TestEngine.start({ flags: ['--cgroup-parent', parent, ...flags] });
  engine.importFixtures();
  for (const image of ['busybox', 'nginx', 'training/postgres']) engine.ok('run', '--rm', image, 'true'); // what is made once for each image
  engine.ok('info', '-f', '{{.ID}}');
  engine.ok('volume', 'rm', engine.ok('volume', 'create'));
  return { engine, parent, empty: await tracesAtRest(engine, parent) };
}

async function strike({ engine, parent }: Scene): Promise<void> {
  await engine.destroy();
  removeCgroupParent(parent);
}

const inspect = (engine: TestEngine, name: string, format: string): string => engine.ok('inspect', '-f', format, name);
const pidOf = (engine: TestEngine, name: string): number => Number(inspect(engine, name, '{{.State.Pid}}'));
const addressesOf = (engine: TestEngine, name: string): string =>
  inspect(
    engine,
    name,
    '{{range $name, $end := .NetworkSettings.Networks}}{{$name}}={{$end.IPAddress}}/{{$end.MacAddress}} {{end}}',
  );
const statusOf = (engine: TestEngine, name: string): string =>
  inspect(engine, name, '{{.State.Status}} {{.State.ExitCode}}');

function page(engine: TestEngine, port: number): string {
  return engine.host.run('curl', '-s', '--max-time', '5', `http://127.0.0.1:${port}/`).out;
}

function resolve(engine: TestEngine, pid: number, name: string): string {
  return engine.host.run('nsenter', '-t', String(pid), '-n', 'busybox', 'nslookup', name, '127.0.0.11').out;
}

/** Types into a terminal container and gives what it shows until `wanted` appears. */
async function type(engine: TestEngine, name: string, text: string, wanted: string): Promise<string> {
  const socket = createConnection(engine.socket);
  let shown = '';
  socket
    .setEncoding('latin1')
    .on('data', (chunk: string) => (shown += chunk))
    .on('error', () => undefined);
  socket.write(
    `POST /v1.44/containers/${name}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`,
  );
  await until('attached', () => shown.includes('101 UPGRADED'));
  socket.write(text);
  await until(`${wanted} is shown`, () => shown.includes(wanted));
  socket.destroy();
  return shown;
}

/** The numbers that the counter printed; fails where one is missing or doubled. */
function counted(engine: TestEngine, name: string): number {
  const lines = engine.ok('logs', name).split('\n');
  lines.forEach((line, index) => assert.equal(line, `line ${index + 1}`, 'every line once, in order'));
  return lines.length;
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  describe(`${signal} of the daemon`, () => {
    let it: Scene;
    let engine: TestEngine;
    const lasting = ['db', 'web', 'one', 'two', 'terminal', 'counter', 'policy', 'frozen'];
    let pids: Map<string, number>;
    let addresses: Map<string, string>;

    before(async () => {
      it = await scene();
      engine = it.engine;
      engine.ok('network', 'create', 'net');
      engine.ok('network', 'create', '--subnet', '10.55.0.0/24', 'extra');
      engine.ok('run', '-d', '--name', 'db', 'training/postgres');
      engine.ok('run', '-d', '--name', 'web', '--link', 'db:database', '-p', '8080:80', 'nginx');
      engine.ok('run', '-d', '--name', 'one', '--network', 'net', '-p', '8081:80', '-p', '5353:53/udp', 'nginx');
      engine.ok(
        'run',
        '-d',
        '--name',
        'two',
        '--network',
        'net',
        '--network-alias',
        'second',
        'busybox',
        'sleep',
        '1000',
      );
      engine.ok('network', 'connect', '--ip', '10.55.0.77', 'extra', 'two');
      engine.ok('run', '-dit', '--name', 'terminal', 'busybox', 'sh');
      engine.ok('run', '-d', '--name', 'counter', 'busybox', 'sh', '-c', COUNTER);
      engine.ok('run', '-d', '--name', 'policy', '--restart', 'always', 'busybox', 'sh', '-c', OBEDIENT);
      engine.ok('run', '-d', '--name', 'frozen', 'busybox', 'sh', '-c', OBEDIENT);
      await listens(engine, 'frozen');
      engine.ok('pause', 'frozen');
      // What ends, in one way or another, while there is no daemon.
      for (const [name, ...flags] of [
        ['code'],
        ['removed', '--rm', '-v', '/anonymous'],
        ['always', '--restart', 'always'],
        ['failing', '--restart', 'on-failure:3'],
        ['succeeding', '--restart', 'on-failure:3'],
        ['unless', '--restart', 'unless-stopped'],
      ] as const) {
        engine.ok('run', '-d', '--name', name, ...flags, 'busybox', 'sh', '-c', OBEDIENT);
      }
      // And what the user stopped before.
      for (const [name, policy] of [
        ['stopped-always', 'always'],
        ['stopped-unless', 'unless-stopped'],
        ['stopped', 'no'],
      ] as const) {
        engine.ok('run', '-d', '--name', name, '--restart', policy, 'busybox', 'sh', '-c', OBEDIENT);
        await listens(engine, name);
        engine.ok('stop', name);
      }
      engine.ok('create', '--name', 'never-started', '--restart', 'always', 'busybox', 'true');
      await type(engine, 'terminal', 'echo first-$((40+2))\n', 'first-42');
      pids = new Map(lasting.map((name) => [name, pidOf(engine, name)]));
      addresses = new Map(lasting.map((name) => [name, addressesOf(engine, name)]));
    });
    after(() => strike(it));

    test(
      'without a daemon: ports answer, names resolve, output is kept; what ends is settled by the next one',
      { timeout: 180_000 },
      async () => {
        const ending = new Map(
          ['code', 'removed', 'always', 'failing', 'succeeding', 'unless'].map((name) => [name, pidOf(engine, name)]),
        );
        const follower = engine.host.spawn('docker', ['-H', engine.url, 'logs', '-f', 'counter'], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        const attached = engine.host.spawn('docker', ['-H', engine.url, 'attach', '--no-stdin', 'counter'], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        const left = [follower, attached].map((client) => (client.stdout!.resume(), once(client, 'exit')));
        await Promise.all([follower, attached].map((client) => once(client.stdout!, 'data')));
        const before = counted(engine, 'counter');

        await engine.stop(signal);
        await Promise.all(left);
        assert.match(page(engine, 8080), /Welcome to nginx/);
        assert.match(page(engine, 8081), /Welcome to nginx/);
        assert.match(
          resolve(engine, pids.get('one')!, 'second'),
          new RegExp(
            addresses
              .get('two')!
              .match(/net=([\d.]+)/)![1]!
              .replaceAll('.', '\\.'),
          ),
        );
        assert.match(
          engine.host.run('nsenter', '-t', String(pids.get('web')), '-m', 'cat', '/etc/hosts').out,
          /\sdatabase [0-9a-f]{12} db\n/,
        );
        const monitors = [...ending.values()].map(parentOf);
        for (const [name, pid] of ending) process.kill(pid, name === 'succeeding' ? 'SIGHUP' : 'SIGTERM');
        await until('they have ended', () => [...ending.values()].every((pid) => !lives(pid)));
        await until('their monitors have written how, and ended', () => monitors.every((pid) => !lives(pid)));

        await engine.boot();
        for (const name of lasting) {
          assert.equal(pidOf(engine, name), pids.get(name), `${name} is the same process`);
          assert.equal(addressesOf(engine, name), addresses.get(name), `${name} has the same addresses`);
        }
        assert.equal(statusOf(engine, 'frozen'), 'paused 0');
        assert.equal(statusOf(engine, 'code'), 'exited 7');
        await until('policies are obeyed', () =>
          ['always', 'failing', 'unless', 'stopped-always'].every((name) => statusOf(engine, name) === 'running 0'),
        );
        assert.equal(
          inspect(engine, 'failing', '{{.RestartCount}}'),
          '1',
          engine.log.split('\n').slice(-60).join('\n'),
        );
        assert.equal(statusOf(engine, 'succeeding'), 'exited 0');
        assert.equal(statusOf(engine, 'stopped-unless'), 'exited 7');
        assert.equal(statusOf(engine, 'stopped'), 'exited 7');
        assert.equal(statusOf(engine, 'never-started'), 'created 0');
        assert.match(engine.docker('inspect', 'removed').err, /No such object: removed/);
        assert.equal(engine.ok('volume', 'ls', '-q'), '', 'its volume went with it');
        const printed = counted(engine, 'counter');
        assert.ok(printed > before + 10, `${before} lines before, ${printed} after`);
      },
    );

    test('adopted containers can be used in every way', { timeout: 180_000 }, async () => {
      assert.equal(engine.ok('exec', 'web', 'echo', 'here'), 'here');
      assert.equal(engine.docker('exec', 'web', 'sh', '-c', 'exit 9').code, 9);
      const one = addresses.get('one')!.match(/net=([\d.]+)/)![1]!;
      assert.match(
        engine.ok('exec', 'two', 'sh', '-c', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${one} 80`),
        /Welcome/,
      );
      assert.match(await type(engine, 'terminal', 'echo second-$((40+3))\n', 'second-43'), /second-43/);
      assert.deepEqual(engine.ok('port', 'one').split('\n').sort(), [
        '53/udp -> 0.0.0.0:5353',
        '53/udp -> [::]:5353',
        '80/tcp -> 0.0.0.0:8081',
        '80/tcp -> [::]:8081',
      ]);
      assert.match(engine.ok('top', 'two'), /sleep 1000/);
      assert.match(engine.ok('stats', '--no-stream', '--format', '{{.Name}}', 'two'), /two/);
      // Host ports are held: a foreign program cannot have them, another container neither.
      for (const port of [8080, 8081])
        assert.notEqual(
          engine.host.run(
            'node',
            '-e',
            `require('net').createServer().on('error', () => process.exit(1)).listen(${port}, () => process.exit(0))`,
          ).code,
          0,
          `port ${port}`,
        );
      assert.notEqual(
        engine.host.run(
          'node',
          '-e',
          "require('dgram').createSocket('udp4').on('error', () => process.exit(1)).bind(5353, () => process.exit(0))",
        ).code,
        0,
      );
      assert.match(
        engine.docker('run', '--rm', '-p', '8080:80', 'busybox', 'true').err,
        /port is already allocated: held by container web/,
      );
      // Addresses are taken: a new container gets another one, and the one that was asked for is refused.
      const taken = addresses.get('two')!.match(/extra=([\d.]+)/)![1]!;
      assert.match(
        engine.docker('run', '--rm', '--network', 'extra', '--ip', taken, 'busybox', 'true').err,
        /Address already in use/,
      );
      // Networks.
      engine.ok('network', 'disconnect', 'extra', 'two');
      engine.ok('network', 'connect', '--alias', 'again', 'extra', 'two');
      engine.ok('network', 'connect', 'extra', 'one');
      assert.match(engine.ok('exec', 'one', 'nslookup', 'again'), /Address/);
      engine.ok('rename', 'two', 'zwei');
      assert.match(engine.ok('exec', 'one', 'nslookup', 'zwei'), /Address/);
      assert.notEqual(engine.docker('exec', 'one', 'nslookup', 'two').code, 0);
      engine.ok('network', 'disconnect', 'net', 'one');
      assert.match(page(engine, 8081), /Welcome/, 'its ports move to the other network');
      // Ends of all kinds.
      engine.ok('unpause', 'frozen');
      engine.ok('stop', '-t', '5', 'frozen');
      assert.equal(statusOf(engine, 'frozen'), 'exited 7');
      process.kill(pidOf(engine, 'policy'), 'SIGTERM');
      await until(
        'the policy of an adopted container is obeyed',
        () => inspect(engine, 'policy', '{{.RestartCount}} {{.State.Status}}') === '1 running',
      );
      engine.ok('restart', '-t', '1', 'db');
      assert.match(
        engine.ok('exec', 'web', 'cat', '/etc/hosts'),
        new RegExp(`${inspect(engine, 'db', '{{.NetworkSettings.IPAddress}}').replaceAll('.', '\\.')}\\s+database`),
      );
      engine.ok('kill', 'counter');
      assert.equal(statusOf(engine, 'counter'), 'exited 137');
    });

    test('once more with everything as it is now, and then nothing of it is left', { timeout: 180_000 }, async () => {
      // The one with restart policy "always" that was stopped is started with the daemon, as Docker does it.
      const all = () =>
        engine
          .ok('ps', '-a', '--format', '{{.Names}} {{.State}} {{.Ports}} {{.Networks}}')
          .split('\n')
          .filter((line) => !line.startsWith('stopped-always'));
      const before = all();
      await engine.restart(signal);
      await until('all is as before', () => isDeepStrictEqual(all(), before)).catch(() =>
        assert.deepEqual(all(), before),
      );
      assert.match(page(engine, 8081), /Welcome/);
      engine.shell('docker rm -f $(docker ps -aq)');
      engine.ok('network', 'rm', 'net', 'extra');
      assert.equal(engine.ok('ps', '-aq'), '');
      await assertUntouched(engine, it.parent, it.empty, 'all of it');
      assert.deepEqual(
        engine.log.split('\n').filter((line) => /"level":(50|60)/.test(line) && !/"room":"api"/.test(line)),
        [],
      );
    });
  });
}

describe('the machine is started again', () => {
  let it: Scene;
  before(async () => (it = await scene()));
  after(() => strike(it));

  test(
    'all processes and /run are gone: containers have ended with 255, policies start them',
    { timeout: 180_000 },
    async () => {
      const { engine, parent, empty } = it;
      engine.ok('network', 'create', 'net');
      engine.ok('run', '-d', '--name', 'plain', '-p', '8080:80', '--network', 'net', 'nginx');
      engine.ok('run', '-d', '--name', 'db', '--restart', 'unless-stopped', 'training/postgres');
      engine.ok('run', '-d', '--name', 'web', '--restart', 'always', '--link', 'db:db', '-p', '8081:80', 'nginx');
      engine.ok('run', '-d', '--name', 'failing', '--restart', 'on-failure', 'busybox', 'sh', '-c', OBEDIENT);
      engine.ok('run', '-d', '--name', 'removed', '--rm', 'busybox', 'sh', '-c', OBEDIENT);
      engine.ok('run', '-d', '--name', 'stopped', '--restart', 'unless-stopped', 'busybox', 'sh', '-c', OBEDIENT);
      await listens(engine, 'stopped');
      engine.ok('stop', 'stopped');
      engine.ok('exec', 'web', 'sh', '-c', 'echo kept > /kept; sync');
      await engine.stop('SIGKILL');
      powerCut(engine, parent);
      assert.deepEqual(processes(engine), []);

      await engine.boot();
      await until('policies are obeyed', () =>
        ['db', 'web', 'failing'].every((name) => statusOf(engine, name) === 'running 0'),
      );
      assert.equal(statusOf(engine, 'plain'), 'exited 255');
      assert.equal(statusOf(engine, 'stopped'), 'exited 7');
      assert.match(engine.docker('inspect', 'removed').err, /No such object/);
      assert.equal(engine.ok('exec', 'web', 'cat', '/kept'), 'kept');
      await until('web serves', () => page(engine, 8081).includes('Welcome'));
      assert.match(engine.ok('exec', 'web', 'cat', '/etc/hosts'), /\sdb /);
      engine.ok('start', 'plain');
      await until('plain serves', () => page(engine, 8080).includes('Welcome'));
      assert.match(engine.ok('exec', 'plain', 'nslookup', 'plain'), /Address/);
      engine.shell('docker rm -f $(docker ps -aq)');
      engine.ok('network', 'rm', 'net');
      await assertUntouched(engine, parent, empty, 'a power cut');
    },
  );
});

describe('--live-restore=false', () => {
  let it: Scene;
  before(async () => (it = await scene(['--live-restore=false'])));
  after(() => strike(it));

  test('containers end with the daemon, and those with a policy come back with it', { timeout: 180_000 }, async () => {
    const { engine, parent, empty } = it;
    for (const [name, ...flags] of [
      ['plain', '-p', '8080:80'],
      ['always', '--restart', 'always'],
      ['unless', '--restart', 'unless-stopped'],
      ['failing', '--restart', 'on-failure'],
      ['removed', '--rm'],
      ['stopped', '--restart', 'unless-stopped'],
    ] as const) {
      engine.ok('run', '-d', '--name', name, ...flags, 'busybox', 'sh', '-c', OBEDIENT);
    }
    for (const name of ['stopped', 'plain']) await listens(engine, name);
    engine.ok('stop', 'stopped');
    await engine.stop('SIGTERM');
    await until('nothing of it works on', () => processes(engine).length === 0);
    await engine.boot();
    await until('policies are obeyed', () =>
      ['always', 'unless', 'failing'].every((name) => statusOf(engine, name) === 'running 0'),
    );
    assert.equal(statusOf(engine, 'plain'), 'exited 7');
    assert.equal(statusOf(engine, 'stopped'), 'exited 7');
    assert.match(engine.docker('inspect', 'removed').err, /No such object/);
    engine.shell('docker rm -f $(docker ps -aq)');
    await assertUntouched(engine, parent, empty, 'a stop with all containers');
  });

  test(
    'a daemon that was killed could not stop them: the next one does, and starts those with a policy',
    { timeout: 180_000 },
    async () => {
      const { engine, parent, empty } = it;
      for (const [name, ...flags] of [
        ['plain', '-p', '8080:80'],
        ['always', '--restart', 'always'],
        ['unless', '--restart', 'unless-stopped'],
        ['removed', '--rm'],
      ] as const) {
        engine.ok('run', '-d', '--name', name, ...flags, 'busybox', 'sh', '-c', OBEDIENT);
        await listens(engine, name);
      }
      const before = pidOf(engine, 'always');
      await engine.restart('SIGKILL');
      assert.equal(statusOf(engine, 'plain'), 'exited 7');
      assert.equal(engine.ok('port', 'plain'), '');
      for (const name of ['always', 'unless']) assert.equal(statusOf(engine, name), 'running 0');
      assert.notEqual(pidOf(engine, 'always'), before);
      assert.equal(engine.ok('inspect', '--format', '{{.RestartCount}}', 'always'), '0');
      assert.match(engine.docker('inspect', 'removed').err, /No such object/);
      engine.shell('docker rm -f $(docker ps -aq)');
      await assertUntouched(engine, parent, empty, 'containers that a killed daemon left');
    },
  );
});

/** Of a container's first process: its conmon. */
function parentOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^PPid:\s+(\d+)$/m.exec(status)![1]);
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** What a machine that loses power loses: every process, what is in memory, and what is in /run. */
function powerCut(engine: TestEngine, parent: string): void {
  engine.endLeftovers();
  for (let attempt = 0; attempt < 50 && engine.processes().length > 0; attempt++) engine.endLeftovers();
  for (const name of readdirSync(engine.execRoot))
    rmSync(`${engine.execRoot}/${name}`, { recursive: true, force: true });
  for (const { ifname } of JSON.parse(engine.host.ok('ip', '-j', 'link')) as { ifname: string }[])
    if (ifname !== 'lo') engine.host.run('ip', 'link', 'del', ifname);
  engine.host.ok('nft', 'flush', 'ruleset');
  engine.host.sysctl('net.ipv4.ip_forward', '0');
  for (const line of cgroups(parent).reverse()) rmdirSync(line.slice('cgroup '.length));
}
