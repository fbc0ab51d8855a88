/**
 * What containers are told when they ask for names: by the options of networks, with the outside world at hand, and as
 * the command line shows it.
 */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { after, afterEach, before, test } from 'node:test';
import { RecordType } from '../../src/dns/constants.ts';
import { ControlClient } from '../../src/dns/control-client.ts';
import { decodeMessage } from '../../src/dns/message.ts';
import { openUdpSocket } from '../../src/kernel/socket.ts';
import type { NameQueryJson, NetworkNamesJson } from '../../src/wire/names.ts';
import { a, ask, FakeServer, texts } from '../dns/dns-world.ts';
import { testEnvironment } from '../harness/host.ts';
import { PROJECT, TestEngine, until } from '../harness/test-engine.ts';

const UPSTREAM = '10.99.53.53';
let engine: TestEngine;
let upstream: Socket;
const outside: string[] = [];
const docker = (...args: string[]): string => engine.ok(...args);

before(async () => {
  engine = await TestEngine.start({ flags: ['--dns', UPSTREAM, '--dns-ttl', '3'] });
  engine.importFixtures();
  engine.host.ok('ip', 'address', 'add', `${UPSTREAM}/32`, 'dev', 'lo');
  upstream = createSocket('udp4');
  upstream.bind({ fd: openUdpSocket({ netns: engine.host.netns, address: UPSTREAM, port: 53 }) });
  upstream.on('message', (bytes, from) => {
    outside.push(decodeMessage(bytes).questions[0]?.name ?? '');
    const answer = Buffer.from(bytes);
    answer[2] = answer[2]! | 0x80;
    answer[3] = 0x83; // NXDOMAIN
    upstream.send(answer, from.port, from.address);
  });
});
after(async () => {
  upstream?.close();
  await engine?.destroy();
});
afterEach(() => {
  engine.shell('docker rm -f $(docker ps -aq); docker network prune -f');
  outside.splice(0);
});

const netnsOf = (container: string): string => `/proc/${docker('inspect', '-f', '{{.State.Pid}}', container)}/ns/net`;
const address = (container: string, network: string): string =>
  docker('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, container);

async function resolve(container: string, name: string, type: number = RecordType.A) {
  const message = await ask(netnsOf(container), name, type, { port: 53 });
  return {
    code: message.rcode,
    values: texts(message).toSorted(),
    types: [...new Set(message.answers.map((record) => record.type))],
    ttl: message.answers[0]?.ttl,
  };
}

test('every query type for a known name is answered with that type or empty, and never forwarded', async () => {
  docker('network', 'create', 'net');
  docker('run', '-d', '--name', 'web', '--network', 'net', 'training/webapp');
  docker('create', '--name', 'asleep', '--network', 'net', '--network-alias', 'sleepy', 'busybox', 'sleep', '1000');
  docker('run', '-d', '--name', 'client', '--network', 'net', 'busybox', 'sleep', '1000');
  const web = address('web', 'net');
  assert.deepEqual(await resolve('client', 'WEB'), { code: 0, values: [web], types: [RecordType.A], ttl: 3 });
  assert.deepEqual((await resolve('client', 'web', RecordType.ANY)).types, [RecordType.A]);
  for (const type of [
    RecordType.AAAA,
    RecordType.MX,
    RecordType.TXT,
    RecordType.SRV,
    RecordType.CNAME,
    RecordType.NS,
    RecordType.SOA,
    RecordType.PTR,
    65,
  ]) {
    assert.deepEqual(
      await resolve('client', 'web', type),
      { code: 0, values: [], types: [], ttl: undefined },
      `type ${type}`,
    );
  }
  for (const name of [
    'asleep',
    'sleepy',
    'asleep.net',
    '_80._tcp.asleep',
    docker('inspect', '-f', '{{slice .Id 0 12}}', 'asleep'),
  ]) {
    for (const type of [RecordType.A, RecordType.AAAA, RecordType.SRV])
      assert.deepEqual((await resolve('client', name, type)).code, 0, name);
  }
  const reversed = `${web.split('.').reverse().join('.')}.in-addr.arpa`;
  assert.deepEqual((await resolve('client', reversed, RecordType.PTR)).values, ['web.net']);
  for (const name of ['_5000._tcp.web', '_5000._tcp.web.net']) {
    const services = await ask(netnsOf('client'), name, RecordType.SRV, { port: 53 });
    assert.deepEqual(
      services.answers.map(({ data }) => data.kind === 'service' && `${data.target}:${data.port}`),
      ['web.net:5000'],
    );
  }
  assert.deepEqual(outside, []);
  assert.equal((await resolve('client', 'nobody')).code, 3);
  assert.deepEqual(outside, ['nobody']);
});

test('how long an answer may be kept: by network, else by daemon', async () => {
  docker('network', 'create', '-o', 'causeway.dns_ttl=0', 'quick');
  docker('run', '-d', '--name', 'client', '--network', 'quick', 'busybox', 'sleep', '1000');
  assert.equal((await resolve('client', 'client')).ttl, 0);
  assert.match(
    engine.docker('network', 'create', '-o', 'causeway.dns_ttl=soon', 'bad').err,
    /causeway\.dns_ttl.*not a number/,
  );
});

test("with the network's option a container whose health check fails is left out of names that healthy ones share", async () => {
  docker('network', 'create', '-o', 'causeway.dns_healthy_only=true', 'strict');
  docker('network', 'create', 'lax');
  const probe = 'test -e /slow && sleep 600; test ! -e /ill';
  const health = [
    '--health-cmd',
    probe,
    '--health-interval',
    '200ms',
    '--health-retries',
    '1',
    '--health-timeout',
    '10m',
  ];
  for (const name of ['one', 'two']) {
    docker(
      'run',
      '-d',
      '--name',
      name,
      '--network',
      'strict',
      '--network-alias',
      'pool',
      ...health,
      'busybox',
      'sleep',
      '1000',
    );
    docker('network', 'connect', '--alias', 'pool', 'lax', name);
  }
  docker('run', '-d', '--name', 'client', '--network', 'strict', 'busybox', 'sleep', '1000');
  docker('run', '-d', '--name', 'other', '--network', 'lax', 'busybox', 'sleep', '1000');
  const pool = async (client = 'client') => (await resolve(client, 'pool')).values.join();
  const both = [address('one', 'strict'), address('two', 'strict')];
  assert.equal(await pool(), both.join());
  const becomes = (name: string, status: string) =>
    until(`${name} ${status}`, () => docker('inspect', '-f', '{{.State.Health.Status}}', name) === status);
  docker('exec', 'one', 'touch', '/ill');
  await becomes('one', 'unhealthy');
  await until('one is left out', async () => (await pool()) === both[1]);
  assert.deepEqual((await resolve('client', 'one')).values, [both[0]], 'its own name stays');
  assert.equal((await resolve('other', 'pool')).values.length, 2, 'networks without the option do not look');
  await engine.restart('SIGKILL');
  assert.equal(await pool(), both[1], 'a new daemon knows');
  docker('exec', 'two', 'touch', '/ill');
  await becomes('two', 'unhealthy');
  await until('all are ill: all are answered', async () => (await pool()) === both.join());
  docker('exec', 'one', 'rm', '/ill');
  await becomes('one', 'healthy');
  await until('one is back', async () => (await pool()) === both[0]);
  docker('exec', 'two', 'touch', '/slow'); // it would be ill again at once
  docker('restart', '-t', '0', 'two');
  await until('a new run is a new chance', async () => (await pool()).split(',').length === 2);
});

test('on an internal network servers are asked as far as the container itself gets', async () => {
  docker('network', 'create', '--internal', 'inner');
  docker('run', '-d', '--name', 'names', '--network', 'inner', 'busybox', 'sleep', '1000');
  const server = new FakeServer(netnsOf('names'), address('names', 'inner'), ({ message }) => ({
    answers: [a(message.questions[0]!.name, '192.0.2.99')],
  }), 53); // prettier-ignore
  try {
    const servers = [UPSTREAM, address('names', 'inner')].flatMap((one) => ['--dns', one]);
    docker('run', '-d', '--name', 'client', '--network', 'inner', ...servers, 'busybox', 'sleep', '1000');
    assert.deepEqual((await resolve('client', 'example.com')).values, ['192.0.2.99']);
    assert.equal((await resolve('client', 'names')).values[0], address('names', 'inner'));
    assert.deepEqual(outside, [], 'the other one is out of reach');
  } finally {
    server.close();
  }
});

test('an internal network forwards nothing; with another network it does', async () => {
  docker('network', 'create', '--internal', 'inner');
  docker('network', 'create', 'outer');
  docker('run', '-d', '--name', 'client', '--network', 'inner', '--dns', UPSTREAM, 'busybox', 'sleep', '1000');
  docker('run', '-d', '--name', 'db', '--network', 'inner', 'busybox', 'sleep', '1000');
  assert.deepEqual((await resolve('client', 'db')).values, [address('db', 'inner')]);
  assert.equal((await resolve('client', 'example.com')).code, 2);
  assert.deepEqual(outside, []);
  docker('network', 'connect', 'outer', 'client');
  assert.equal((await resolve('client', 'example.com')).code, 3);
  docker('network', 'disconnect', 'outer', 'client');
  assert.equal((await resolve('client', 'example.com')).code, 2);
});

test('network dns: what would be answered, and to whom', async () => {
  docker('network', 'create', 'net');
  docker('network', 'create', 'second');
  docker('run', '-d', '--name', 'web', '--network', 'net', '--network-alias', 'pool', 'training/webapp');
  docker('create', '--name', 'asleep', '--network', 'net', 'busybox', 'sleep', '1000');
  docker('run', '-d', '--name', 'client', '--network', 'net', '--link', 'web:site', 'busybox', 'sleep', '1000');
  docker('network', 'connect', 'second', 'client');
  const web = address('web', 'net');
  const shown = engine.causeway('network', 'dns', 'net').out;
  const line = (pattern: string) => assert.match(shown, new RegExp(`^${pattern}$`, 'm'));
  const dotted = web.replaceAll('.', '\\.');
  line('NAME +TYPE +ANSWER +TTL +TO');
  line(`web +A +${dotted} +3 +all`);
  line(`pool +A +${dotted} +3 +all`);
  line('asleep +- +\\(known, no address\\) +3 +all');
  line('_5000\\._tcp\\.pool +SRV +web\\.net:5000 +3 +all');
  line(`${dotted} +PTR +web\\.net +3 +all`);
  line(`site +link +${dotted} +3 +client`);
  line(`\\* +- +asks ${UPSTREAM.replaceAll('.', '\\.')} from the container +- +client`);
  assert.equal(
    engine.causeway('network', 'dns', '--format', '{{.Answer}}', 'second').out.split('\n')[0],
    address('client', 'second'),
  );
  const json = JSON.parse(
    engine.host.ok('curl', '-s', '--unix-socket', engine.socket, 'http://x/v1.47/causeway/networks/net/dns'),
  ) as NetworkNamesJson;
  assert.deepEqual(
    json.Containers.map(({ Name, Networks }) => [Name, ...Networks]),
    [
      ['client', 'net', 'second'],
      ['web', 'net'],
    ],
  );
  assert.match(engine.causeway('network', 'dns', 'bridge').err, /network bridge has no DNS of its own/);
  assert.match(engine.causeway('network', 'dns', 'nowhere').err, /network nowhere not found/);
});

test("network dns --log: a container's questions as they are asked, across the death of the resolver, until it ends", async (context) => {
  docker('network', 'create', 'net');
  docker('run', '-d', '--name', 'client', '--network', 'net', 'busybox', 'sleep', '1000');
  const lines: string[] = [];
  const program = engine.host.spawn(`${PROJECT}/bin/causeway`, ['network', 'dns', '--log', 'client'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...testEnvironment(), CAUSEWAY_HOST: engine.url },
  });
  context.after(() => program.kill());
  let rest = '';
  program.stdout!.on('data', (data: Buffer) => {
    const parts = (rest + data.toString()).split('\n');
    rest = parts.pop()!;
    lines.push(...parts);
  });
  const ended = new Promise<number | null>((resolveEnd) => program.once('close', resolveEnd));
  const sees = (pattern: RegExp, name: string) =>
    until(String(pattern), async () => {
      await resolve('client', name);
      return lines.some((line) => pattern.test(line));
    });
  await sees(/^\S+Z udp client A NOERROR 1 answer \(own\)$/, 'client');
  await sees(/ udp elsewhere A NXDOMAIN \(10\.99\.53\.53:53 [\d.]+ ms\)$/, 'elsewhere');
  const control = await ControlClient.connect(`${engine.execRoot}/dns.sock`);
  const { pid } = await control.request({ op: 'hello' });
  assert.ok(pid > 1);
  process.kill(pid, 'SIGKILL');
  await control.closed;
  await sees(/ udp after A NXDOMAIN /, 'after');
  docker('stop', '-t', '0', 'client');
  assert.equal(await ended, 0);
  assert.match(engine.causeway('network', 'dns', '--log', 'client').err, /container client is not running/);
  docker('run', '-d', '--name', 'linked', 'busybox', 'sleep', '1000');
  assert.match(engine.causeway('network', 'dns', '--log', 'linked').err, /container linked has no embedded DNS/);
});

test('the query log of a container that shares a network shows what is asked there', async (context) => {
  docker('network', 'create', 'net');
  docker('run', '-d', '--name', 'client', '--network', 'net', 'busybox', 'sleep', '1000');
  docker('run', '-d', '--name', 'guest', '--network', 'container:client', 'busybox', 'sleep', '1000');
  const program = engine.host.spawn(
    'curl',
    ['-sN', '--unix-socket', engine.socket, 'http://x/causeway/containers/guest/dns/queries'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  context.after(() => program.kill());
  let text = '';
  program.stdout!.on('data', (data: Buffer) => (text += data.toString()));
  await until('a question is shown', async () => {
    await resolve('guest', 'client');
    return text.includes('"Name":"client"');
  });
});

test('the query log over the API: a line of JSON for each question', async () => {
  docker('network', 'create', 'net');
  docker('run', '-d', '--name', 'client', '--network', 'net', 'busybox', 'sleep', '1000');
  const program = engine.host.spawn(
    'curl',
    ['-sN', '--unix-socket', engine.socket, 'http://x/causeway/containers/client/dns/queries'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let text = '';
  program.stdout!.on('data', (data: Buffer) => (text += data.toString()));
  await until('a question is shown', async () => {
    await resolve('client', 'client');
    return text.includes('\n');
  });
  program.kill();
  const query = JSON.parse(text.split('\n')[0]!) as NameQueryJson;
  assert.deepEqual(
    { ...query, Time: '', DurationMs: 0 },
    {
      Time: '',
      Protocol: 'udp',
      Name: 'client',
      Type: 'A',
      Code: 'NOERROR',
      Answers: 1,
      Server: '',
      Problem: '',
      DurationMs: 0,
    },
  );
});
