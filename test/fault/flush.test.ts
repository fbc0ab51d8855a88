/** The ruleset is flushed again and again under traffic: nothing that was begun fails, what goes on goes on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Host } from '../harness/host.ts';
import { PROJECT, TestEngine, until } from '../harness/test-engine.ts';

const FLUSHES = 20;

let engine: TestEngine;
let outside: Host;
const programs: import('node:child_process').ChildProcess[] = [];
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  outside = Host.create();
  engine.host.cable('uplink', '192.0.2.1/24', outside, 'eth0', '192.0.2.2/24');
});
after(async () => {
  for (const program of programs) program.kill();
  await engine?.destroy();
  outside?.destroy();
});

const script = (name: string) => join(PROJECT, 'test/fault/flush', name);

interface Seen {
  readonly requests: number;
  readonly failed: readonly string[];
  readonly slow: number;
  readonly slowestMs: number;
  readonly sent: number;
  readonly echoed: number;
  readonly echoError: string;
}

/** What a client saw while one thing after the other was taken away. */
async function seenWhile(
  harms: readonly (() => void)[],
  address = '192.0.2.1',
  ports: readonly [string, string] = ['8080', '7000'],
): Promise<Seen> {
  const client = outside.spawn(process.execPath, [script('client.mjs'), address, ...ports], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  programs.push(client);
  let out = '';
  client.stdout!.on('data', (data: Buffer) => (out += data.toString()));
  const requests = async (more: number): Promise<void> => {
    const enough = out.length + more;
    await until(`${more} more requests`, () => out.length >= enough);
  };
  await requests(50);
  for (const harm of harms) {
    harm();
    await until('the table is back', () => engine.host.run('nft', 'list', 'table', 'inet', 'causeway').code === 0);
    await requests(30);
  }
  client.stdin!.end();
  await once(client, 'exit');
  return JSON.parse(out.slice(out.indexOf('\n'))) as Seen;
}

function check(seen: Seen, say: (text: string) => void): void {
  say(
    `${seen.requests} requests: ${seen.failed.length} failed, ${seen.slow} lost their first packet and sent it again, ` +
      `the slowest took ${seen.slowestMs} ms; the long connections carried ${(seen.echoed / 1e6).toFixed(1)} MB`,
  );
  assert.ok(seen.requests > 50, 'the client was at work');
  // Only a packet that meets no table is lost, and its sender tries again: no request fails, not even those of these
  // moments.
  assert.deepEqual(seen.failed, []);
  assert.ok(seen.requests - seen.slow > 50, 'many requests met the table'); // how many the others are is a matter of how busy the machine is
  assert.equal(seen.echoError, '', 'the long connections go on');
  assert.ok(seen.sent > 100_000);
  assert.equal(seen.echoed, seen.sent, 'and all that was sent through them came back');
}

/** A container whose port 80 answers requests, and whose port 7 gives back what it gets. */
async function serve(name: string, ...options: string[]): Promise<void> {
  engine.ok('run', '-d', '--name', name, ...options, 'busybox', 'sleep', '1000');
  const pid = engine.ok('inspect', '-f', '{{.State.Pid}}', name);
  const server = engine.host.spawn('nsenter', ['-t', pid, '-n', process.execPath, script('server.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  programs.push(server);
  await once(server.stdout!, 'data');
}

test(
  'no request through a published port fails while the ruleset is flushed, and long connections go on',
  { timeout: 120_000 },
  async (t) => {
    await serve('web', '-p', '8080:80', '-p', '7000:7');
    engine.host.ok('nft', 'add rule inet causeway user tcp dport 9 drop comment "mine"');

    check(
      await seenWhile(Array.from({ length: FLUSHES }, () => () => engine.host.ok('nft', 'flush', 'ruleset'))),
      (text) => t.diagnostic(text),
    );
    const invalid = [...engine.host.ok('conntrack', '-S').matchAll(/\binvalid=(\d+)/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
    t.diagnostic(`${invalid} packets were taken for invalid`);
    assert.match(engine.host.ok('nft', 'list', 'chain', 'inet', 'causeway', 'user'), /tcp dport 9 drop comment "mine"/);
    const events = engine.ok(
      'events',
      '--since',
      '10m',
      '--until',
      '-1s',
      '--filter',
      'event=repair',
      '--format',
      '{{.Type}} {{.Action}} {{.Actor.Attributes.repaired}}',
    );
    assert.match(events, /^network repair the firewall table was damaged or gone and is written anew$/m);
    assert.match(engine.log, /the firewall table was damaged or gone and is written anew/);
  },
);

test('nor over IPv6', { timeout: 120_000 }, async (t) => {
  engine.host.cable('uplink6', '2001:db8::1/64', outside, 'eth6', '2001:db8::2/64');
  engine.ok('network', 'create', '--ipv6', 'six');
  await serve('web6', '--network', 'six', '-p', '8086:80', '-p', '7006:7');
  const flushes = Array.from({ length: FLUSHES }, () => () => void engine.host.ok('nft', 'flush', 'ruleset'));
  check(await seenWhile(flushes, '2001:db8::1', ['8086', '7006']), (text) => t.diagnostic(text));
  engine.ok('rm', '-f', 'web6');
});

test(
  'nor when a firewall is reloaded, which flushes all and writes its own tables in one breath',
  { timeout: 120_000 },
  async (t) => {
    const rules =
      'flush ruleset; table inet theirs { chain input { type filter hook input priority 10; policy accept; ct state established,related accept; }; chain forward { type filter hook forward priority 10; policy accept; }; }';
    check(await seenWhile(Array.from({ length: FLUSHES }, () => () => engine.host.ok('nft', rules))), (text) =>
      t.diagnostic(text),
    );
    await until('our table stands beside theirs', () =>
      /table inet theirs\ntable inet causeway\n/.test(engine.host.ok('nft', 'list', 'tables')),
    );
  },
);

test('nor when bridge, interface, address and forwarding are taken away', { timeout: 120_000 }, async (t) => {
  const link = engine.host.ok('ip', '-o', 'link', 'show', 'master', 'docker0').split(':')[1]!.trim().split('@')[0]!;
  const harms = [
    ['ip', 'link', 'del', 'docker0'],
    ['ip', 'link', 'set', 'docker0', 'down'],
    ['ip', 'address', 'flush', 'dev', 'docker0'],
    ['ip', 'link', 'set', link, 'nomaster'],
    ['ip', 'link', 'del', link],
    ['sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward'],
  ] as const;
  check(
    await seenWhile(
      harms.map(
        ([file, ...args]) =>
          () =>
            engine.host.ok(file, ...args),
      ),
    ),
    (text) => t.diagnostic(text),
  );
  const events = engine.ok(
    'events',
    '--since',
    '10m',
    '--until',
    '-1s',
    '--filter',
    'event=repair',
    '--format',
    '{{.Actor.Attributes.name}}: {{.Actor.Attributes.repaired}}',
  );
  for (const said of [
    'bridge: bridge docker0 was deleted',
    'bridge: bridge docker0 was set down',
    'bridge: bridge docker0 lost 172.17.0.1/16',
    'on network bridge was deleted',
    'on network bridge was taken off',
    ': IP forwarding was turned off',
  ]) {
    assert.ok(events.includes(said), `${said} is told: ${events}`);
  }
});
