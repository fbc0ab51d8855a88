/**
 * Compose 2, of a newer suite of Debian: a stack with networks, links, health, configurations, secrets, profiles and
 * more of one service.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { check } from '../harness/host.ts';
import { missingClient, TEST_CLIENTS } from '../harness/test-clients.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

const STACK = `
services:
  db:
    image: training/postgres
    networks:
      back: { aliases: [database], ipv4_address: 10.78.0.10 }
    healthcheck: { test: ["CMD", "test", "-e", "/ready"], interval: 1s, timeout: 60s, retries: 600 }
    command: sh -c 'touch /ready; trap "exit 0" TERM; while :; do sleep 1; done'
    volumes: ["files:/files"]
    secrets: [password]
  prepare:
    image: busybox
    command: sh -c 'echo prepared >/files/state'
    volumes: ["files:/files"]
  web:
    image: nginx
    depends_on:
      db: { condition: service_healthy }
      prepare: { condition: service_completed_successfully }
    networks: { front: { mac_address: "02:42:0a:0b:0c:0d" }, back: { priority: 10 } }
    links: ["db:pg"]
    ports: ["8080:80", "127.0.0.1:8081:80/tcp", { target: 53, published: "5353", protocol: udp }]
    volumes:
      - { type: volume, source: files, target: /files, read_only: true }
      - { type: tmpfs, target: /scratch, tmpfs: { size: 1m, mode: 0o1777 } }
    configs:
      - { source: page, target: /www/page.html, mode: 0444 }
      - from_file
    secrets: [password, { source: token, target: /run/token, mode: 0400 }]
    environment: { GREETING: "\${GREETING:-hello}" }
    extra_hosts: ["somehost=162.242.195.82"]
    labels: { kind: web }
    init: true
    stop_signal: SIGKILL
  worker:
    image: busybox
    command: sh -c 'echo working; echo failing >&2; exec sleep 1000'
    networks: [back]
    stop_signal: SIGKILL
    scale: 2
  probe:
    image: busybox
    command: sleep 1000
    network_mode: "service:web"
    stop_signal: SIGKILL
  tools:
    image: busybox
    profiles: [debug]
    command: sleep 1000
    networks: [front]
    stop_signal: SIGKILL
networks:
  front: { driver_opts: { com.docker.network.driver.mtu: "1400" } }
  back:
    internal: true
    ipam: { config: [{ subnet: 10.78.0.0/24, gateway: 10.78.0.1 }] }
volumes:
  files: { labels: { kept: "no" } }
configs:
  page: { content: "page for \${GREETING:-hello}\\n" }
  from_file: { file: ./from-file }
secrets:
  password: { file: ./password }
  token: { environment: TOKEN }
`;

describe('compose 2', { skip: missingClient('compose') || missingClient('docker') }, () => {
  let engine: TestEngine;
  let dir: string;

  before(async () => {
    engine = await TestEngine.start();
    engine.importFixtures();
    dir = join(engine.dir, 'stack');
    mkdirSync(join(dir, 'cli-plugins'), { recursive: true });
    const plugins = join(TEST_CLIENTS.compose, '..');
    for (const [name, text] of [
      ['compose.yaml', STACK],
      ['from-file', 'from a file\n'],
      ['password', 'secret\n'],
      ['config.json', JSON.stringify({ cliPluginsExtraDirs: [plugins] })],
    ] as const)
      writeFileSync(join(dir, name), text);
  });
  after(() => engine?.destroy());

  const compose = (...args: string[]): string =>
    check(
      engine.host.run(
        'env',
        `DOCKER_HOST=${engine.url}`,
        `DOCKER_CONFIG=${dir}`,
        'TOKEN=token',
        'COMPOSE_STATUS_STDOUT=1',
        TEST_CLIENTS.docker,
        'compose',
        '--project-directory',
        dir,
        '--ansi',
        'never',
        ...args,
      ),
    ).out.trim();
  const inside = (service: string, ...command: string[]): string => compose('exec', '-T', service, ...command);
  const listed = (...args: string[]): Record<string, string>[] =>
    compose('ps', '--format', 'json', ...args)
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, string>);
  const addresses = (name: string): number =>
    [...inside('web', 'nslookup', '-type=a', name).matchAll(/Address: *10\.78\.0\.\d+$/gm)].length;

  test('up: what a service waits for has happened, and names, addresses and ports are there', () => {
    compose('up', '-d');
    assert.equal(inside('web', 'cat', '/files/state'), 'prepared');
    for (const name of ['db', 'database', 'pg'])
      assert.match(inside('web', 'nslookup', '-type=a', name), /Address:\s+10\.78\.0\.10/);
    assert.equal(addresses('worker'), 2);
    assert.match(inside('worker', 'wget', '-qO-', 'http://web/'), /Welcome to nginx/);
    assert.match(inside('probe', 'wget', '-qO-', 'http://127.0.0.1/'), /Welcome to nginx/);
    for (const port of [8080, 8081])
      assert.match(engine.host.ok('curl', '-s', `http://127.0.0.1:${port}/`), /Welcome to nginx/);
    assert.match(compose('port', 'web', '80'), /^0\.0\.0\.0:8080$/m);
    assert.equal(compose('port', '--protocol', 'udp', 'web', '53'), '0.0.0.0:5353');
    assert.match(inside('web', 'cat', '/etc/hosts'), /162\.242\.195\.82\tsomehost/);
    assert.match(inside('web', 'ip', 'link'), /mtu 1400.*\n.*02:42:0a:0b:0c:0d/);
  });

  test('up: configurations and secrets are in the containers that have them', () => {
    assert.equal(inside('web', 'wget', '-qO-', 'http://127.0.0.1/page.html'), 'page for hello');
    assert.equal(inside('web', 'cat', '/from_file'), 'from a file');
    assert.equal(inside('web', 'cat', '/run/secrets/password'), 'secret');
    assert.equal(inside('web', 'stat', '-c', '%a', '/www/page.html', '/run/token'), '444\n400');
    assert.equal(inside('web', 'cat', '/run/token'), 'token');
    assert.match(inside('web', 'mount'), /tmpfs on \/scratch type tmpfs .*size=1024k/);
  });

  test('ps, logs, top and events tell of it', () => {
    const all = listed('-a').map(({ Service, State, Health, ExitCode }) => `${Service} ${State} ${Health}${ExitCode}`);
    assert.deepEqual(all.sort(), [
      'db running healthy0',
      'prepare exited 0',
      'probe running 0',
      'web running 0',
      'worker running 0',
      'worker running 0',
    ]);
    const web = listed('web')[0] as unknown as { Name: string; Publishers: { PublishedPort: number }[] };
    assert.equal(web.Name, 'stack-web-1');
    assert.deepEqual([...new Set(web.Publishers.map(({ PublishedPort }) => PublishedPort))].sort(), [5353, 8080, 8081]);
    const logs = compose('logs', '--no-color', 'worker').split('\n').sort();
    assert.deepEqual(logs, [
      'worker-1  | failing',
      'worker-1  | working',
      'worker-2  | failing',
      'worker-2  | working',
    ]);
    assert.match(compose('top', 'worker'), /sleep 1000/);
    assert.match(compose('images'), /stack-web-1 +nginx +latest/);
    assert.match(compose('ls'), /^stack +running\(5\)/m);
    assert.match(compose('volumes'), /stack_files/);
  });

  test('a second up changes nothing, and one with another environment recreates what has it', () => {
    const ids = (service: string) => compose('ps', '-q', service);
    const [web, db] = [ids('web'), ids('db')];
    compose('up', '-d', '--no-deps', 'db', 'web', 'worker', 'probe');
    assert.deepEqual([ids('web'), ids('db')], [web, db]);
    writeFileSync(join(dir, '.env'), 'GREETING=goodbye\n');
    compose('up', '-d');
    assert.notEqual(ids('web'), web);
    assert.equal(ids('db'), db);
    assert.equal(inside('web', 'cat', '/www/page.html'), 'page for goodbye');
    assert.match(inside('probe', 'wget', '-qO-', 'http://127.0.0.1/page.html'), /goodbye/);
  });

  test('scale, restart, stop, start, pause, kill, cp and run: names follow', async () => {
    compose('up', '-d', '--no-deps', '--scale', 'worker=4', 'worker');
    assert.equal(addresses('worker'), 4);
    compose('scale', 'worker=1');
    assert.equal(addresses('worker'), 1);
    compose('restart', '-t', '1', 'db');
    await until('db is healthy again', () => listed('db')[0]?.['Health'] === 'healthy', 120_000);
    assert.match(inside('web', 'nslookup', '-type=a', 'pg'), /Address:\s+10\.78\.0\.10/);
    compose('stop', 'worker');
    assert.equal(listed('worker').length, 0);
    compose('start', 'worker');
    compose('pause', 'worker');
    assert.equal(listed('worker')[0]?.['State'], 'paused');
    compose('unpause', 'worker');
    compose('cp', join(dir, 'password'), 'web:/tmp/copied');
    assert.equal(inside('web', 'cat', '/tmp/copied'), 'secret');
    assert.match(compose('run', '--rm', '-T', '--no-deps', 'worker', 'wget', '-qO-', 'http://web/'), /Welcome/);
    compose('kill', 'worker');
    const [killed] = listed('-a', 'worker');
    assert.deepEqual([killed?.['State'], Number(killed?.['ExitCode'])], ['exited', 137]);
  });

  test('a profile brings its service', () => {
    assert.ok(!listed('-a').some(({ Service }) => Service === 'tools'));
    compose('--profile', 'debug', 'up', '-d', '--no-deps', 'tools');
    assert.match(inside('tools', 'wget', '-qO-', 'http://web/'), /Welcome to nginx/);
    assert.throws(() => inside('tools', 'ping', '-c1', '-W1', '10.78.0.10'), 'db is on another network');
  });

  test('down -v leaves nothing', () => {
    compose('--profile', 'debug', 'down', '-v', '-t', '1');
    assert.equal(engine.ok('ps', '-aq') + engine.ok('volume', 'ls', '-q'), '');
    assert.deepEqual(engine.ok('network', 'ls', '--format', '{{.Name}}').split('\n').sort(), [
      'bridge',
      'host',
      'none',
    ]);
  });
});
