/**
 * Both walk-throughs for whatever client: the same steps and the same expectations, through the project's own command
 * line, the docker client and dockerode. The programs in the containers are real: PostgreSQL, a Python application and
 * nginx.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import {
  expectation,
  hostsLine,
  isFullId,
  linkVariables,
  nameAnswered,
  nameUnknown,
  pageFromDatabase,
  pingAnswered,
  pingUnanswered,
  resolverConfigured,
  welcomePage,
  type Expectation,
} from '../../demo/expectations.ts';
import { prepareImages, writeImageArchive, type DemoImages } from '../../demo/images.ts';
import { collect, type CommandResult } from '../../demo/sandbox.ts';
import { testEnvironment, type Ran } from './host.ts';
import { PROJECT, sleep, TestEngine } from './test-engine.ts';

export const IMAGE_CACHE = process.env['CAUSEWAY_DEMO_CACHE'] ?? join(PROJECT, '.cache/images');

export interface RunRequest {
  readonly image: string;
  readonly name?: string;
  readonly network?: string;
  readonly links?: readonly string[];
  readonly publishAll?: boolean;
  /** Container port -> host port. */
  readonly publish?: Readonly<Record<string, string>>;
}

/** What the walk-throughs ask of a client. */
export interface WalkthroughClient {
  load(write: (archive: Writable) => Promise<void>): Promise<void>;
  /** Detached; gives the id. */
  start(request: RunRequest): Promise<string>;
  /** In the foreground, removed afterwards; gives the output. */
  runToEnd(request: RunRequest, ...command: string[]): Promise<string>;
  exec(container: string, ...command: string[]): Promise<Pick<Ran, 'code'> & { output: string }>;
  stop(container: string): Promise<void>;
  startAgain(container: string): Promise<void>;
  removeForced(container: string): Promise<void>;
  /** All names of each running container, the newest container first. */
  names(): Promise<string[]>;
  links(container: string): Promise<string[]>;
  address(container: string, network: string): Promise<string>;
  hostPort(container: string, port: string): Promise<string>;
  createNetwork(name: string): Promise<string>;
  removeNetwork(name: string): Promise<void>;
  networkNames(): Promise<string[]>;
}

function confirm(...expectations: readonly Expectation[]): void {
  for (const { what, holds, seen } of expectations) assert.ok(holds, `${what}; seen: ${seen}`);
}

/** An engine with the four images loaded through the client. */
export async function walkthroughEngine(
  clientFor: (engine: TestEngine) => WalkthroughClient,
): Promise<{ engine: TestEngine; client: WalkthroughClient; images: DemoImages }> {
  const images = await prepareImages(IMAGE_CACHE, () => undefined);
  const engine = await TestEngine.start();
  try {
    const client = clientFor(engine);
    await client.load((archive) => writeImageArchive(images, archive));
    return { engine, client, images };
  } catch (error) {
    await engine.destroy();
    throw error;
  }
}

/** curl on the host, until it answers as wanted: a server that was just started may need a moment. */
async function visit(engine: TestEngine, url: string, wanted: (page: string) => boolean): Promise<string> {
  for (const end = Date.now() + 30_000; ; await sleep(100)) {
    const page = engine.host.run('curl', '-s', '--max-time', '8', url).out;
    if (wanted(page) || Date.now() > end) return page;
  }
}

export async function playLinks(engine: TestEngine, client: WalkthroughClient, images: DemoImages): Promise<void> {
  const web = await client.start({ image: 'training/webapp', name: 'web', publishAll: true });
  confirm(expectation('the id of web', isFullId(web), web));
  await client.start({ image: 'training/postgres', name: 'db' });
  await client.removeForced('web');
  await client.start({ image: 'training/webapp', name: 'web', publishAll: true, links: ['db:db'] });
  assert.deepEqual(await client.names(), ['web', 'db,web/db']);
  assert.deepEqual(await client.links('web'), ['/db:/web/db']);

  const address = await client.address('db', 'bridge');
  const environment = await client.runToEnd({ image: 'training/webapp', name: 'web2', links: ['db:db'] }, 'env');
  confirm(
    ...linkVariables(environment, {
      alias: 'db',
      recipient: 'web2',
      address,
      port: 5432,
      sourceEnvironment: { PG_VERSION: images.postgresVersion },
    }),
  );
  confirm(
    hostsLine(
      await client.runToEnd({ image: 'training/webapp', links: ['db:db'] }, 'cat', '/etc/hosts'),
      address,
      'db',
    ),
  );
  confirm(
    pingAnswered(
      await client.runToEnd({ image: 'training/webapp', links: ['db:db'] }, 'ping', '-c', '3', '-i', '0.2', 'db'),
      3,
      'ping db',
    ),
  );
  const port = await client.hostPort('web', '5000/tcp');
  confirm(
    ...pageFromDatabase(
      await visit(engine, `http://127.0.0.1:${port}/`, (page) => page.includes('PostgreSQL ')),
      address,
    ),
  );

  // The source comes back elsewhere: the alias follows.
  await client.stop('db');
  await client.start({ image: 'centos:v1', name: 'stranger' });
  assert.equal(await client.address('stranger', 'bridge'), address);
  await client.startAgain('db');
  const moved = await client.address('db', 'bridge');
  assert.notEqual(moved, address);
  confirm(hostsLine((await client.exec('web', 'cat', '/etc/hosts')).output, moved, 'db'));
  for (const name of ['web', 'db', 'stranger']) await client.removeForced(name);
  assert.deepEqual(await client.names(), []);
}

export async function playNetworks(engine: TestEngine, client: WalkthroughClient): Promise<void> {
  assert.deepEqual((await client.networkNames()).sort(), ['bridge', 'host', 'none']);
  const id = await client.createNetwork('net');
  confirm(expectation('the id of net', isFullId(id), id));
  assert.deepEqual((await client.networkNames()).sort(), ['bridge', 'host', 'net', 'none']);
  for (const name of ['test1', 'test2']) await client.start({ image: 'centos:v1', name, network: 'net' });
  assert.deepEqual(await client.names(), ['test2', 'test1']);
  const [address1, address2] = [await client.address('test1', 'net'), await client.address('test2', 'net')];

  confirm(
    pingAnswered((await client.exec('test1', 'ping', '-c', '2', '-i', '0.2', 'test2')).output, 2, 'ping by name'),
  );
  const hosts = (await client.exec('test1', 'cat', '/etc/hosts')).output;
  confirm(
    expectation('own address in /etc/hosts', hosts.includes(`${address1}\t`), hosts),
    expectation('no neighbours in it', !hosts.includes(address2), hosts),
  );
  confirm(...resolverConfigured((await client.exec('test1', 'cat', '/etc/resolv.conf')).output));
  confirm(...nameAnswered((await client.exec('test1', 'nslookup', 'test2')).output, 'test2', address2));

  await client.start({ image: 'centos:v1', name: 'test3' });
  const byName = await client.exec('test3', 'ping', '-c', '1', '-W', '1', 'test2');
  confirm(nameUnknown(byName.code, byName.output, 'test2', 'test3'));
  const there = await client.exec('test3', 'ping', '-c', '1', '-W', '1', address2);
  confirm(pingUnanswered(there.code, there.output, 'the default bridge does not reach net'));
  const back = await client.exec('test1', 'ping', '-c', '1', '-W', '1', await client.address('test3', 'bridge'));
  confirm(pingUnanswered(back.code, back.output, 'net does not reach the default bridge'));

  await client.start({ image: 'nginx', name: 'nginx', network: 'net', publish: { '80/tcp': '80' } });
  confirm(welcomePage(await visit(engine, 'http://127.0.0.1/', (page) => page !== ''), 'nginx on port 80 of the host'));
  confirm(welcomePage((await client.exec('test1', 'curl', '-s', 'http://nginx/')).output, 'nginx by name'));

  await client.stop('test2');
  const gone = (await client.exec('test1', 'nslookup', 'test2')).output;
  confirm(expectation('a stopped name has no address', !/Name:\s+test2/.test(gone) && !gone.includes(address2), gone));
  await client.startAgain('test2');
  confirm(
    ...nameAnswered(
      (await client.exec('test1', 'nslookup', 'test2')).output,
      'test2',
      await client.address('test2', 'net'),
    ),
  );
  for (const name of ['test1', 'test2', 'test3', 'nginx']) await client.removeForced(name);
  await client.removeNetwork('net');
  assert.deepEqual((await client.networkNames()).sort(), ['bridge', 'host', 'none']);
  assert.doesNotMatch(engine.host.ok('ip', '-o', 'link'), /veth|br-/);
}

/** Through a command line with Docker's grammar. `program` with the environment that leads it to the engine. */
export function commandLineClient(
  engine: TestEngine,
  program: string,
  environment: Readonly<Record<string, string>>,
): WalkthroughClient {
  const env = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const run = (...args: string[]): Ran => engine.host.run('env', ...env, program, ...args);
  const ok = (...args: string[]): string => {
    const ran = run(...args);
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.out}${ran.err}`);
    return ran.out.trim();
  };
  const flags = (request: RunRequest): string[] => [
    ...(request.name === undefined ? [] : ['--name', request.name]),
    ...(request.network === undefined ? [] : ['--network', request.network]),
    ...(request.links ?? []).flatMap((link) => ['--link', link]),
    ...(request.publishAll === true ? ['-P'] : []),
    ...Object.entries(request.publish ?? {}).flatMap(([port, hostPort]) => ['-p', `${hostPort}:${port}`]),
    request.image,
  ];
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  return {
    async load(write) {
      const child = engine.host.spawn('env', [...env, program, 'load'], { stdio: 'pipe', env: testEnvironment() });
      const done: Promise<CommandResult> = collect(child, { keepInput: true, timeoutMs: 300_000 });
      await write(child.stdin!).catch(() => undefined);
      const result = await done;
      assert.equal(result.code, 0, result.both);
      assert.match(result.out, /Loaded image: training\/postgres:latest/);
    },
    start: async (request) => ok('run', '-d', ...flags(request)),
    runToEnd: async (request, ...command) => ok('run', '--rm', ...flags(request), ...command),
    async exec(container, ...command) {
      const ran = run('exec', container, ...command);
      return { code: ran.code, output: ran.out + ran.err };
    },
    stop: async (container) => void ok('stop', '-t', '5', container),
    startAgain: async (container) => void ok('start', container),
    removeForced: async (container) => void ok('rm', '-f', container),
    names: async () => lines(ok('ps', '--no-trunc', '--format', '{{.Names}}')),
    links: async (container) => JSON.parse(ok('inspect', '-f', '{{json .HostConfig.Links}}', container)) as string[],
    address: async (container, network) =>
      ok('inspect', '-f', `{{.NetworkSettings.Networks.${network}.IPAddress}}`, container),
    hostPort: async (container, port) =>
      lines(ok('port', container, port))[0]
        ?.split(':')
        .at(-1) ?? '',
    createNetwork: async (name) => ok('network', 'create', name),
    removeNetwork: async (name) => void ok('network', 'rm', name),
    networkNames: async () => lines(ok('network', 'ls', '--format', '{{.Name}}')),
  };
}
