/** Stacks of docker-compose: one of today with networks, and one of version 1 with links on the default bridge. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { check } from '../harness/host.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

const STACK = `
version: "3.8"
services:
  db:
    image: training/postgres
    networks:
      back: { aliases: [database], ipv4_address: 10.77.0.10 }
    healthcheck: { test: ["CMD", "true"], interval: 1s, start_period: 1s }
  cache:
    image: nginx
    networks: [back]
  web:
    image: nginx
    depends_on: [db]
    environment: { GREETING: hello }
    volumes: ["files:/files"]
    ports: ["8080:80", "127.0.0.1:8081:80/tcp", "5353:53/udp"]
    networks: { front: {}, back: {} }
    links: ["db:pg"]
    extra_hosts: ["somehost:162.242.195.82"]
  probe:
    image: busybox
    command: sleep 1000
    network_mode: "service:web"
  alone:
    image: busybox
    command: sleep 1000
    dns_search: example.com
    networks: [front]
networks:
  front: {}
  back:
    internal: true
    ipam: { config: [{ subnet: 10.77.0.0/24 }] }
volumes:
  files: {}
`;

const OLD_STACK = `
db:
  image: training/postgres
  environment: [PG_VERSION=9.3]
web:
  image: training/webapp
  ports: ["5000"]
  links: ["db", "db:postgres"]
`;

let engine: TestEngine;
let stack: (...args: string[]) => string;
let oldStack: (...args: string[]) => string;

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  const compose = (name: string, text: string) => {
    const dir = join(engine.dir, name);
    mkdirSync(dir);
    writeFileSync(join(dir, 'docker-compose.yml'), text);
    return (...args: string[]) =>
      check(
        engine.shell(
          `cd ${dir} && COMPOSE_HTTP_TIMEOUT=60 docker-compose -p ${name} --ansi never ${args.join(' ')} </dev/null`,
        ),
      ).out;
  };
  stack = compose('stack', STACK);
  oldStack = compose('old', OLD_STACK);
});
after(() => engine?.destroy());

const inside = (service: string, ...command: string[]) => stack('exec', '-T', service, ...command);

test('a stack with networks: names, aliases, addresses, ports, a shared network namespace', async () => {
  stack('up', '-d');
  assert.match(inside('web', 'nslookup', 'db'), /Address:\s+10\.77\.0\.10/);
  assert.match(inside('web', 'nslookup', 'database'), /10\.77\.0\.10/);
  assert.match(inside('web', 'nslookup', 'pg'), /10\.77\.0\.10/);
  assert.match(inside('cache', 'wget', '-qO-', 'http://web/'), /Welcome to nginx/);
  assert.match(inside('alone', 'wget', '-qO-', 'http://web/'), /Welcome to nginx/);
  assert.match(inside('probe', 'wget', '-qO-', 'http://127.0.0.1/'), /Welcome to nginx/);
  assert.match(inside('web', 'cat', '/etc/hosts'), /162\.242\.195\.82\tsomehost/);
  assert.match(inside('alone', 'cat', '/etc/resolv.conf'), /search example\.com/);
  assert.throws(() => inside('alone', 'ping', '-c1', '-W1', '10.77.0.10'), 'db is on another network');
  for (const port of [8080, 8081])
    assert.match(check(engine.host.run('curl', '-s', `http://127.0.0.1:${port}/`)).out, /Welcome to nginx/);
  assert.match(stack('port', 'web', '80'), /0\.0\.0\.0:8080/);
  assert.match(stack('ps'), /stack_web_1 .* Up .*8080->80\/tcp/);
  await until('db is healthy', () => /stack_db_1 .* Up \(healthy\)/.test(stack('ps')));
});

test('scaled, recreated, restarted, paused: names follow', () => {
  stack('up', '-d', '--scale', 'cache=3');
  assert.equal([...inside('web', 'nslookup', '-type=a', 'cache').matchAll(/Address: *10\.77\.0\.\d+/g)].length, 3);
  stack('up', '-d', '--scale', 'cache=1', '--force-recreate', 'cache');
  assert.equal([...inside('web', 'nslookup', '-type=a', 'cache').matchAll(/Address: *10\.77\.0\.\d+/g)].length, 1);
  stack('restart', '-t', '1', 'db');
  assert.match(inside('web', 'nslookup', 'db'), /10\.77\.0\.10/);
  stack('pause', 'db');
  stack('unpause', 'db');
  assert.match(stack('run', '--rm', '-T', 'alone', 'wget', '-qO-', 'http://web/'), /Welcome/);
});

test('a stack of version 1: links on the default bridge, with variables and hosts entries', () => {
  oldStack('up', '-d');
  const env = oldStack('exec', '-T', 'web', 'env');
  const address = engine.ok('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'old_db_1');
  for (const line of [
    `DB_PORT_5432_TCP=tcp://${address}:5432`,
    `POSTGRES_PORT=tcp://${address}:5432`,
    'DB_ENV_PG_VERSION=9.3',
    'DB_NAME=/old_web_1/db',
  ]) {
    assert.ok(env.split('\n').includes(line), `${line} in\n${env}`);
  }
  const hosts = oldStack('exec', '-T', 'web', 'cat', '/etc/hosts');
  for (const name of ['db', 'postgres', 'old_db_1', 'db_1'])
    assert.match(hosts, new RegExp(`^${address.replaceAll('.', '\\.')}\t.*\\b${name}\\b`, 'm'));
  assert.match(engine.ok('ps', '--no-trunc', '--format', '{{.Names}}'), /old_web_1\/postgres/);
});

test('down removes all of a stack', () => {
  stack('down', '-v', '-t', '1');
  oldStack('down', '-t', '1');
  assert.equal(engine.ok('ps', '-aq'), '');
  assert.equal(engine.ok('volume', 'ls', '-q'), '');
  assert.deepEqual(engine.ok('network', 'ls', '--format', '{{.Name}}').split('\n').sort(), ['bridge', 'host', 'none']);
});
