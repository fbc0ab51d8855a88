/**
 * A daemon that cannot start says what is in the way and how to go on, exits 1, and has touched nothing: not the
 * network, not another daemon's things, not a single process stays.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { Host, run, testEnvironment, type Ran } from '../harness/host.ts';
import { PROJECT, TestEngine, until } from '../harness/test-engine.ts';
import { assertUntouched, ownCgroupParent, removeCgroupParent, tracesAtRest, type Traces } from './traces.ts';

const CAUSEWAY = join(PROJECT, 'bin/causeway');

let host: Host;
let dir: string;

before(() => {
  host = Host.create();
});
after(() => host.destroy());
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cwt-'));
});
afterEach(() => {
  const left = run('pgrep', ['-f', dir]).out;
  rmSync(dir, { recursive: true, force: true });
  assert.equal(left, '', 'processes that a failed start left');
});

const at = (name: string): string => join(dir, name);

function flags(...more: string[]): string[] {
  return ['daemon', '-H', `unix://${at('api.sock')}`, '--data-root', at('data'), '--exec-root', at('exec'), ...more];
}

/** The daemon must give up by itself, with one sentence. */
function fails(args: readonly string[], sentence: RegExp, within: Host = host, before: readonly string[] = []): Ran {
  const network = (): string =>
    within.ok('ip', '-br', 'link').split('\n').sort().join('\n') + within.ok('nft', 'list', 'ruleset');
  const untouched = network();
  const ran = within.run('timeout', '30', ...before, CAUSEWAY, ...args);
  assert.match(ran.err, sentence);
  assert.equal(ran.code, 1, ran.err);
  assert.doesNotMatch(ran.err, /\n\s+at |node:internal/, 'a stack is no sentence');
  assert.equal(network(), untouched, 'the network is as before');
  return ran;
}

describe('the configuration', () => {
  test('unknown and wrong flags', () => {
    fails(flags('--no-such'), /unknown flag: --no-such/);
    fails(flags('-Z'), /unknown shorthand flag: 'Z' in -Z/);
    fails(flags('extra'), /"causeway daemon" accepts no arguments, got "extra"/);
    fails(flags('--icc=perhaps'), /invalid argument "perhaps" for "--icc"/);
    fails(flags('--mtu', 'wide'), /invalid argument "wide" for "--mtu"/);
    fails(flags('--bip', '10.0.0.300/24'), /invalid CIDR address: 10\.0\.0\.300\/24/);
    fails(
      flags('--bip', '10.0.0.1/24', '--fixed-cidr', '10.1.0.0/25'),
      /bip and fixed-cidr must be in the same subnet/,
    );
    fails(flags('--bip6', '10.0.0.1/24'), /invalid --bip6 "10\.0\.0\.1\/24": invalid CIDR address/);
    fails(
      flags('--bip6', 'fd00::1/64', '--fixed-cidr-v6', 'fd01::/80'),
      /bip6 and fixed-cidr-v6 must be in the same subnet/,
    );
    fails(flags('--default-gateway', 'fd00::1'), /invalid argument "fd00::1" for "--default-gateway"/);
    fails(flags('--default-gateway-v6', 'fd00::1'), /--default-gateway-v6 needs --bip6 or --fixed-cidr-v6/);
    fails(flags('--default-network-opt', 'bridge=mtu'), /invalid --default-network-opt "mtu": expected NAME=VALUE/);
    fails(flags('--default-address-pool', 'base=10.0.0.0/8,size=4'), /invalid default address pool/);
    fails(flags('--dns', 'ns.example'), /ns\.example is not an ip address/);
    fails(flags('--log-level', 'loud'), /invalid logging level: loud/);
    fails(flags('--data-root', 'relative'), /invalid --data-root "relative": the path must be absolute/);
    fails(
      flags('-H', 'http://x'),
      /invalid bind address \(http:\/\/x\): unsupported proto 'http': expected unix:\/\/\/path, tcp:\/\/address:port or fd:\/\//,
    );
    assert.deepEqual(readdirSync(dir), []);
  });

  test('the file', () => {
    const file = at('daemon.json');
    fails(
      flags('--config-file', file),
      /unable to configure the daemon with file .*daemon\.json: .*no such file or directory/,
    );
    writeFileSync(file, '{"icc": fal');
    fails(flags('--config-file', file), /daemon\.json: invalid JSON/);
    writeFileSync(file, '[]');
    fails(flags('--config-file', file), /daemon\.json: invalid JSON: expected an object/);
    writeFileSync(file, '{"no-such": 1, "icc": true}');
    fails(flags('--config-file', file), /the following directives don't match any configuration option: no-such/);
    writeFileSync(file, '{"icc": "yes"}');
    fails(flags('--config-file', file), /daemon\.json: icc: expected true or false/);
    writeFileSync(file, '{"mtu": 1400, "bip": "10.0.0.1/24"}');
    fails(
      flags('--config-file', file, '--mtu', '1500'),
      /the following directives are specified both as a flag and in the configuration file: mtu: \(from flag: "?1500"?, from file: 1400\)/,
    );
    assert.deepEqual(readdirSync(dir), ['daemon.json']);
  });

  test('--validate says so and starts nothing', () => {
    const ran = host.run(CAUSEWAY, ...flags('--validate'));
    assert.deepEqual([ran.code, ran.out], [0, 'configuration OK\n']);
    assert.deepEqual(readdirSync(dir), []);
  });
});

describe('the machine', () => {
  test('not root', () => {
    chmodSync(dir, 0o777);
    fails(flags(), /needs to be started with root privileges .*: try sudo causeway daemon/, host, [
      'setpriv',
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
    ]);
    assert.deepEqual(readdirSync(dir), []);
  });

  test('a file where a directory is needed', () => {
    writeFileSync(at('file'), '');
    fails(flags('--data-root', at('file')), /cannot make the directory .*file: a file is in the way/);
    fails(flags('--data-root', at('file/below')), /cannot make the directory .*file\/below: not a directory/);
    fails(flags('--exec-root', at('file')), /cannot make the directory .*file: a file is in the way/);
    fails(flags('--exec-root', at('file/below')), /cannot make the directory .*file\/below: not a directory/);
    fails(
      flags('-H', `unix://${at('file')}`),
      /can't create unix socket .*file: a file that is no socket is in the way/,
    );
    fails(flags('--data-root', '/proc/no/such'), /cannot make the directory \/proc\/no: no such file or directory/);
  });

  test('no conmon, no runtime', () => {
    // A machine with neither: everything that is needed but those two, as links.
    const programs = at('programs');
    mkdirSync(programs);
    for (const name of readdirSync('/usr/bin'))
      if (!['conmon', 'crun', 'runc'].includes(name)) symlinkSync(join('/usr/bin', name), join(programs, name));
    // Names of programs are looked up in the usual directories too; an empty one is laid over each of these.
    const hide = `for name in conmon crun runc; do for d in /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /bin /sbin; do [ -e $d/$name ] && mount --bind /dev/null $d/$name; done; done; exec "$@"`;
    fails(flags(), /(conmon|crun): .*install/i, host, ['unshare', '-m', 'sh', '-c', hide, 'sh']);
  });

  test('a runtime that cannot be used, and a resolver that is slow to come: it does not stay', () => {
    const slow = at('slow-dns.mjs');
    const resolver = pathToFileURL(join(PROJECT, 'dist/dns.mjs')).href;
    writeFileSync(slow, `await new Promise((resolve) => setTimeout(resolve, 1500));\nawait import('${resolver}');\n`);
    fails(
      flags('--add-runtime', 'mine=/no/such/runtime', '--default-runtime', 'mine'),
      /cannot run \/no\/such\/runtime: no such program/,
      host,
      ['env', `CAUSEWAY_DNS_PROGRAM=${slow}`],
    );
  });

  test('a runtime that does not exist is refused at once where it is the default', () => {
    fails(
      flags('--add-runtime', 'mine=/no/such/runtime', '--default-runtime', 'mine'),
      /cannot run \/no\/such\/runtime: no such program/,
    );
    fails(flags('--default-runtime', 'mine'), /specified default runtime 'mine' does not exist/);
  });
});

describe('beside another daemon', () => {
  const parent = ownCgroupParent();
  let first: TestEngine;
  let untouched: Traces;

  before(async () => {
    first = await TestEngine.start({ flags: ['--cgroup-parent', parent] });
    first.importFixtures();
    first.ok('network', 'create', 'net');
    first.ok('run', '-d', '--name', 'web', '--network', 'net', '-p', '8080:80', 'nginx');
    first.ok('exec', 'web', 'true');
    untouched = await tracesAtRest(first, parent);
  });
  afterEach(async () => {
    await assertUntouched(first, parent, untouched, 'a second daemon');
    assert.match(first.host.ok('curl', '-s', '--max-time', '5', 'http://127.0.0.1:8080/'), /Welcome to nginx/);
    assert.match(first.ok('exec', 'web', 'nslookup', 'web'), /Address.*172\.18\.0\.2/);
  });
  after(async () => {
    await first.destroy();
    removeCgroupParent(parent);
  });

  test('its API socket', () => {
    fails(
      flags('-H', first.url),
      /failed to load listeners: can't create unix socket .*api\.sock: address already in use: another daemon answers on it/,
    );
    assert.ok(!existsSync(at('data')), 'it was seen before anything was made');
  });

  test('a TCP port', async () => {
    const server = first.host.spawn('node', ['-e', "require('net').createServer().listen(2375, '127.0.0.1')"]);
    await until('it listens', () => first.host.run('ss', '-Hlnt').out.includes(':2375'));
    try {
      fails(
        flags('-H', 'tcp://127.0.0.1:2375'),
        /failed to load listeners: can't listen on tcp:\/\/127\.0\.0\.1:2375: address already in use/,
        first.host,
      );
    } finally {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
  });

  test('its data root', () => {
    fails(
      flags('--data-root', first.dataRoot),
      new RegExp(`failed to start daemon.*${first.dataRoot}.*PID ${first.pid}`),
    );
  });

  test('its exec root', () => {
    fails(
      flags('--exec-root', first.execRoot),
      new RegExp(`failed to start daemon.*${first.execRoot}.*PID ${first.pid}`),
    );
    fails(
      flags('--exec-root', first.execRoot, '--pidfile', at('pid')),
      new RegExp(`failed to start daemon.*${first.execRoot}.*PID ${first.pid}`),
    );
  });

  test('its pid file', () => {
    fails(
      flags('--pidfile', join(first.execRoot, 'causeway.pid')),
      /failed to start daemon, ensure .* is not running or delete .*causeway\.pid/,
    );
  });

  test('its network', () => {
    fails(
      flags(),
      new RegExp(
        `another daemon \\(PID ${first.pid}\\) manages the network of this network namespace; stop it, or start this one in a network namespace of its own`,
      ),
      first.host,
    );
  });

  test('many at once on one set of directories: one of them wins', async () => {
    const daemons = Array.from({ length: 4 }, () =>
      host.spawn(CAUSEWAY, flags(), { stdio: ['ignore', 'ignore', 'pipe'], env: testEnvironment() }),
    );
    const ended = daemons.map((daemon) => once(daemon, 'exit'));
    await Promise.race([
      Promise.all([...ended.slice(1), ended[0]]),
      until('three gave up', () => daemons.filter((daemon) => daemon.exitCode === 1).length === 3),
    ]);
    await until(
      'the fourth serves',
      () => run('curl', ['-s', '--unix-socket', at('api.sock'), 'http://d/_ping']).out === 'OK',
    );
    for (const daemon of daemons) daemon.kill('SIGTERM');
    await Promise.all(ended);
    host.run('ip', 'link', 'del', 'docker0');
    host.run('nft', 'delete', 'table', 'inet', 'causeway');
  });
});

test("files of a daemon that was killed are in nobody's way", async () => {
  const server = createServer().listen(at('api.sock'));
  await once(server, 'listening');
  run('cp', ['-a', at('api.sock'), at('kept.sock')]);
  server.close();
  await once(server, 'close');
  run('mv', [at('kept.sock'), at('api.sock')]); // a socket that nobody answers on
  writeFileSync(at('pid'), '1\n'); // a pid that is another program's by now
  mkdirSync(at('data'), { recursive: true });
  writeFileSync(at('data/daemon.pid'), '');
  const daemon = host.spawn(CAUSEWAY, flags('--pidfile', at('pid')), {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: testEnvironment(),
  });
  await until('it serves', () => run('curl', ['-s', '--unix-socket', at('api.sock'), 'http://d/_ping']).out === 'OK');
  daemon.kill('SIGTERM');
  await once(daemon, 'exit');
  assert.ok(!existsSync(at('pid')) && !existsSync(at('api.sock')));
});
