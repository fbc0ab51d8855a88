/**
 * A daemon with an ordinary daemon.json, sockets of systemd and TLS: what the file says counts for containers, `info`
 * shows it, and a reload changes what dockerd reloads.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { linkSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { callApi, type Answer } from '../harness/call-api.ts';
import { Authority } from '../harness/certificates.ts';
import { TestEngine } from '../harness/test-engine.ts';

let engine: TestEngine;
let directory: string;
const path = (name: string) => join(directory, name);
const client: Record<'known' | 'stranger', { cert: string; key: string }> = {} as never;

const CONTENT = {
  labels: ['rack=r7'],
  'registry-mirrors': ['https://mirror.example.com'],
  'insecure-registries': ['registry.local:5000', '10.0.0.0/8', 'http://plain.local'],
  proxies: { 'http-proxy': 'http://me:secret@127.0.0.1:1', 'no-proxy': '10.0.0.0/8' },
  'log-driver': 'local',
  'log-opts': { 'max-size': '1m' },
  'default-ulimits': { nofile: { Name: 'nofile', Soft: 123, Hard: 456 } },
  'default-shm-size': '32m',
  'default-ipc-mode': 'shareable',
  'default-cgroupns-mode': 'host',
  'no-new-privileges': true,
  'exec-opts': ['native.cgroupdriver=systemd'],
  'storage-driver': 'overlay2',
  features: { buildkit: true },
  builder: { gc: { enabled: true } },
  'userland-proxy': false,
  experimental: true,
  'metrics-addr': '127.0.0.1:9323',
  'min-api-version': '1.30',
  'oom-score-adjust': 10,
  'log-format': 'text',
  debug: false,
};
const NOTES = ['"exec-opts"', 'insecure registry http://plain.local'];

const writeConfig = (content: object): void =>
  writeFileSync(
    path('daemon.json'),
    JSON.stringify({ ...CONTENT, 'seccomp-profile': path('seccomp.json'), 'init-path': path('my-init'), ...content }),
  );

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cwt-conf-'));
  const authority = new Authority(directory, 'ca');
  const server = authority.sign('server', ['127.0.0.1']);
  client.known = authority.sign('client');
  client.stranger = new Authority(directory, 'other-ca').sign('stranger');
  writeFileSync(
    path('seccomp.json'),
    JSON.stringify({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 }],
    }),
  );
  writeFileSync(path('my-init'), '#!/bin/sh\nshift\necho by my-init\nexec "$@"\n', { mode: 0o755 });
  writeConfig({});
  const front = createServer().listen(path('ours.sock'));
  await new Promise((resolve) => front.once('listening', resolve));
  const { fd } = (front as unknown as { _handle: { fd: number } })._handle;
  engine = await TestEngine.start({
    activated: [fd],
    flags: [
      `--config-file=${path('daemon.json')}`,
      '-H=fd://',
      '-H=tcp://127.0.0.1:2376',
      '--tlsverify',
      `--tlscacert=${authority.certificate}`,
      `--tlscert=${server.cert}`,
      `--tlskey=${server.key}`,
    ],
  });
  // This process must not accept what is for the daemon; Node takes the file away, its other name stays.
  linkSync(path('ours.sock'), path('systemd.sock'));
  await new Promise((resolve) => front.close(resolve));
  engine.importFixtures();
});
after(async () => {
  await engine?.destroy();
  rmSync(directory, { recursive: true, force: true });
});

const get = (socket: string, place: string): Promise<Answer> => callApi(socket, 'GET', place, undefined, 60_000);

const inspected = (format: string, ...options: string[]): unknown =>
  JSON.parse(engine.ok('inspect', '-f', `{{json ${format}}}`, engine.ok('create', ...options, 'busybox', 'true')));

test('defaults of the file apply to containers that do not override them', () => {
  const read = (...options: string[]) => {
    const { ShmSize, IpcMode, CgroupnsMode, LogConfig } = inspected('.HostConfig', ...options) as Record<
      string,
      unknown
    >;
    return [ShmSize, IpcMode, CgroupnsMode, LogConfig];
  };
  const log = { Type: 'local', Config: { 'max-size': '1m' } };
  assert.deepEqual(read(), [32 * 1024 ** 2, 'shareable', 'host', log]);
  assert.deepEqual(read('--shm-size=1m', '--ipc=private', '--cgroupns=private'), [
    1024 ** 2,
    'private',
    'private',
    log,
  ]);
});

test('the init of containers is the one of the file', () => {
  assert.equal(engine.ok('run', '--rm', '--init', 'busybox', 'echo', 'x'), 'by my-init\nx');
  assert.equal(engine.ok('info', '-f', '{{.InitBinary}}'), 'my-init');
});

test('ulimits, no-new-privileges and the seccomp profile of the daemon hold in run and in exec', () => {
  const look = 'ulimit -n; ulimit -Hn; grep NoNewPrivs /proc/self/status; mkdir /x 2>&1; true';
  const expected = ['123', '456', 'NoNewPrivs:\t1', "mkdir: can't create directory '/x': Not supported"];
  const lines = (out: string) =>
    out.split('\n').map((line) => line.replace('Operation not supported', 'Not supported'));
  assert.deepEqual(lines(engine.ok('run', '--rm', 'busybox', 'sh', '-c', look)), expected);
  engine.ok('run', '-d', '--name', 'long', 'busybox', 'sleep', '1000');
  assert.deepEqual(lines(engine.ok('exec', 'long', 'sh', '-c', look)), expected);
  const own = [
    '--ulimit',
    'nofile=50',
    '--security-opt',
    'no-new-privileges=false',
    '--security-opt',
    'seccomp=builtin',
  ];
  assert.deepEqual(lines(engine.ok('run', '--rm', ...own, 'busybox', 'sh', '-c', look)), [
    '50',
    '50',
    'NoNewPrivs:\t0',
  ]);
});

test('info and version show what was set, and say what has no effect', async () => {
  const info = JSON.parse(engine.ok('info', '-f', '{{json .}}')) as Record<string, unknown>;
  assert.deepEqual(info['Labels'], ['rack=r7']);
  assert.deepEqual(info['RegistryConfig'], {
    ...(info['RegistryConfig'] as object),
    Mirrors: ['https://mirror.example.com/'],
    InsecureRegistryCIDRs: ['10.0.0.0/8', '::1/128', '127.0.0.0/8'],
    IndexConfigs: {
      'docker.io': { Name: 'docker.io', Mirrors: ['https://mirror.example.com/'], Secure: true, Official: true },
      'registry.local:5000': { Name: 'registry.local:5000', Mirrors: [], Secure: false, Official: false },
      'plain.local': { Name: 'plain.local', Mirrors: [], Secure: false, Official: false },
    },
  });
  assert.deepEqual([info['HttpProxy'], info['NoProxy']], ['http://xxxxx:xxxxx@127.0.0.1:1', '10.0.0.0/8']);
  assert.deepEqual(
    [info['ExperimentalBuild'], info['LoggingDriver'], info['CgroupDriver']],
    [true, 'local', 'cgroupfs'],
  );
  const options = info['SecurityOptions'] as string[];
  assert.ok(
    options.includes(`name=seccomp,profile=${path('seccomp.json')}`) && options.includes('name=no-new-privileges'),
  );
  const warnings = info['Warnings'] as string[];
  for (const note of NOTES) {
    assert.ok(
      warnings.some((one) => one.startsWith(note)),
      note,
    );
    assert.ok(engine.log.includes(note.replaceAll('"', '\\"')), `the log has ${note}`);
  }
  assert.match(engine.log, /^time="[^"]+" level=info msg="API listen" /m);
  assert.equal(readFileSync(`/proc/${engine.pid}/oom_score_adj`, 'utf8').trim(), '10');
  assert.equal(engine.ok('run', '--rm', 'busybox', 'cat', '/proc/self/oom_score_adj'), '0');
  const old = await get(engine.socket, '/v1.29/info');
  assert.equal(old.status, 400);
  assert.match(old.message, /Minimum supported API version is 1\.30/);
});

const docker = (host: string, files: { cert: string; key: string } | undefined, ...args: string[]) =>
  engine.host.run(
    'env',
    '-u',
    'DOCKER_HOST',
    'docker',
    '-H',
    host,
    ...(files ? ['--tlsverify', '--tlscacert', path('ca.pem'), '--tlscert', files.cert, '--tlskey', files.key] : []),
    ...args,
  );

test('over TCP only clients with a certificate of the authority are served, streams included', async () => {
  const { known, stranger } = client;
  const host = 'tcp://127.0.0.1:2376';
  assert.equal(docker(host, known, 'ps', '-q', '--filter', 'name=long').code, 0);
  assert.notEqual(docker(host, stranger, 'ps').code, 0);
  const plain = docker(host, undefined, 'ps');
  assert.deepEqual(
    [plain.code, plain.err.trim()],
    [1, 'Error response from daemon: Client sent an HTTP request to an HTTPS server.'],
  );
  const bare = engine.host.run('curl', '-sS', '--cacert', path('ca.pem'), 'https://127.0.0.1:2376/_ping');
  assert.notEqual(bare.code, 0);
  const withCertificate = ['--cert', known.cert, '--key', known.key];
  const ping = engine.host.run(
    'curl',
    '-sS',
    '--cacert',
    path('ca.pem'),
    ...withCertificate,
    'https://127.0.0.1:2376/_ping',
  );
  assert.equal(ping.out, 'OK', ping.err);
  // A client that ends its half: the rest of the output comes.
  const echoed = engine.host.run(
    'sh',
    '-c',
    `seq 20000 | docker -H ${host} --tlsverify --tlscacert ${path('ca.pem')} --tlscert ${known.cert} --tlskey ${known.key} run -i --rm busybox cat | md5sum`,
  );
  const expected = engine.host.run('sh', '-c', 'seq 20000 | md5sum');
  assert.equal(echoed.out, expected.out, echoed.err);
  assert.equal((await get(engine.socket, '/_ping')).status, 200);
});

test('the sockets of systemd are served, and nothing that the daemon starts has them', async () => {
  assert.equal((await get(path('systemd.sock'), '/_ping')).status, 200);
  const inode = (pid: number): string[] =>
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return [];
      }
    });
  const table = readFileSync('/proc/net/unix', 'utf8');
  const number = new RegExp(`^\\S+ \\S+ \\S+ 00010000 .* (\\d+) ${path('ours.sock')}$`, 'm').exec(table)?.[1];
  assert.ok(number !== undefined, 'the listening socket is found');
  const socket = `socket:[${number}]`;
  assert.ok(inode(engine.pid).includes(socket), 'the daemon has it');
  const pid = Number(engine.ok('inspect', '-f', '{{.State.Pid}}', 'long'));
  const monitor = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  for (const other of [pid, monitor]) assert.ok(!inode(other).includes(socket), `process ${other}`);
  const environment = readFileSync(`/proc/${monitor}/environ`, 'utf8');
  assert.doesNotMatch(environment, /LISTEN_(FDS|PID)/);
});

test('metrics are served for Prometheus under names of dockerd, and nothing else is', () => {
  const scrape = (place: string, ...more: string[]) =>
    engine.host.run('curl', '-s', ...more, `http://127.0.0.1:9323${place}`).out;
  const text = scrape('/metrics');
  const value = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')[1],
    );
  assert.equal(value('engine_daemon_container_states_containers{state="running"}'), 1);
  assert.ok(value('engine_daemon_container_actions_seconds_count{action="create"}') >= 4);
  assert.ok(value('engine_daemon_container_actions_seconds_bucket{action="start",le="+Inf"}') >= 3);
  assert.ok(value('engine_daemon_events_total') > 0);
  assert.ok(value('process_resident_memory_bytes') > 1e6);
  assert.match(text, /^engine_daemon_engine_info\{.*os_type="linux".*\} 1$/m);
  for (const line of text.trimEnd().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[\d.e+-]+)$/);
  assert.equal(scrape('/', '-o', '/dev/null', '-w', '%{http_code}'), '404');
  assert.equal(scrape('/metrics', '-X', 'POST', '-d', 'x', '-o', '/dev/null', '-w', '%{http_code}'), '405');
});

/** Waits until the log has more of a message than before. */
async function reloaded(sentence: string): Promise<void> {
  const count = () => engine.log.split(sentence).length;
  const before = count();
  process.kill(engine.pid, 'SIGHUP');
  for (const until = Date.now() + 60_000; count() === before; await sleep(20))
    assert.ok(Date.now() < until, `no "${sentence}" in the log:\n${engine.log.slice(-2000)}`);
}

/** The one that clients use by themselves. */
const advisedBuilder = (): string | undefined =>
  /^Builder-Version: (\d)/im.exec(engine.host.ok('curl', '-sI', '--unix-socket', engine.socket, 'http://x/_ping'))?.[1];

test('SIGHUP reloads what dockerd reloads, tells it as an event, and keeps the old where the file is bad', async () => {
  const events = spawn('nsenter', [
    `--net=${engine.host.netns}`,
    'docker',
    '-H',
    engine.url,
    'events',
    '--filter',
    'type=daemon',
    '--format',
    '{{json .}}',
  ]);
  let told = '';
  events.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
  const info = (field: string): unknown => JSON.parse(engine.ok('info', '-f', `{{json .${field}}}`));
  for (const until = Date.now() + 60_000; info('NEventsListener') === 0 && Date.now() < until;) await sleep(20);
  try {
    const changed = {
      labels: ['rack=r8'],
      debug: true,
      'registry-mirrors': ['https://other.example.com'],
      'max-concurrent-downloads': 7,
      'default-shm-size': '16m',
      'live-restore': true,
      features: { buildkit: false },
      runtimes: { again: { path: 'runc', runtimeArgs: ['--debug'] } },
      dns: ['10.0.0.53'],
    };
    assert.equal(advisedBuilder(), '2');
    writeConfig(changed);
    await reloaded('Reloaded configuration');
    assert.equal(advisedBuilder(), '1');
    assert.deepEqual(
      [info('Labels'), info('Debug'), info('RegistryConfig.Mirrors')],
      [['rack=r8'], true, ['https://other.example.com/']],
    );
    assert.equal(inspected('.HostConfig.ShmSize'), 16 * 1024 ** 2);
    assert.equal(engine.ok('run', '--rm', '--runtime', 'again', 'busybox', 'echo', 'by another'), 'by another');
    assert.match(engine.log, /msg="these changes count when the daemon is started again" changed="\[\\"dns\\"\]"/);
    writeFileSync(path('daemon.json'), '{bad');
    await reloaded('Error reloading configuration');
    writeConfig({ ...changed, labels: ['a=1', 'a=2'] });
    await reloaded('Error reloading configuration');
    writeConfig({ ...changed, labels: ['rack=r9'], 'default-runtime': 'not-there' });
    await reloaded('Error reloading configuration');
    assert.deepEqual(info('Labels'), ['rack=r8']);
    writeConfig({});
    await reloaded('Reloaded configuration');
    assert.deepEqual(
      [info('Labels'), info('Debug')],
      [['rack=r7'], false],
      'what is gone from the file has its default',
    );
    for (const until = Date.now() + 60_000; told.split('\n').length < 3 && Date.now() < until;) await sleep(20);
    const [first, second, ...more] = told
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { Action: string; Actor: { ID: string; Attributes: Record<string, string> } });
    assert.deepEqual([first?.Action, second?.Action, more], ['reload', 'reload', []]);
    assert.equal(first!.Actor.ID, info('ID'));
    const { labels, debug, 'max-concurrent-downloads': downloads, runtimes, name } = first!.Actor.Attributes;
    assert.deepEqual(
      [labels, debug, downloads, runtimes, name],
      ['["rack=r8"]', 'true', '7', 'again:runc', info('Name')],
    );
  } finally {
    events.kill();
  }
});

test('--validate says of a file what a start would refuse, and what has no effect; --version is not in its way', () => {
  const validate = (content: object) => {
    writeFileSync(path('other.json'), JSON.stringify(content));
    return engine.causeway('daemon', '--validate', '--config-file', path('other.json'));
  };
  const good = validate({ ...CONTENT, labels: [] });
  assert.equal(good.code, 0, good.err);
  assert.equal(good.out, 'configuration OK\n');
  for (const note of NOTES) assert.ok(good.err.includes(`causeway: note: ${note}`), note);
  const bad = validate({ 'seccomp-profile': '/nope', tls: true, tlscert: '/nope/cert', 'init-path': '/nope/init' });
  assert.equal(bad.code, 1);
  assert.match(bad.err, /opening seccomp profile \(\/nope\) failed: .*no such file/);
  assert.match(bad.err, /invalid TLS configuration: could not load X509 key pair \(cert: "\/nope\/cert"/);
  assert.match(bad.err, /invalid --init-path "\/nope\/init": there is no such program/);
  const refused = validate({ 'userns-remap': 'default' });
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^causeway: "userns-remap" is refused: user namespaces are not built yet/);
  const version = engine.causeway('daemon', '-v', '--config-file', '/nope');
  assert.match(version.out, /^Causeway version \S+, build \S*\n$/);
});
