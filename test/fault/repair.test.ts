import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestEngine, until } from '../harness/test-engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
});
after(() => engine?.destroy());

const page = (url: string): string => engine.host.run('curl', '-s', '--max-time', '2', url).out.trim();

test(
  'a flushed ruleset and a removed bridge are put back, and events say what was repaired',
  { timeout: 120_000 },
  async () => {
    engine.ok('network', 'create', 'net');
    engine.ok('run', '-d', '--name', 'web', '--network', 'net', '-p', '8080:80', 'nginx');
    await until('nginx answers', () => page('http://127.0.0.1:8080/') !== '');
    const since = Math.floor(Date.now() / 1000);

    engine.host.ok('nft', 'flush', 'ruleset');
    await until('the published port is back after a flush', () => page('http://127.0.0.1:8080/') !== '');

    const bridge = `br-${engine.ok('network', 'inspect', '-f', '{{slice .Id 0 12}}', 'net')}`;
    engine.host.ok('ip', 'link', 'del', bridge);
    await until('the published port is back after the bridge was deleted', () => page('http://127.0.0.1:8080/') !== '');

    const events = engine.ok(
      'events',
      '--since',
      String(since),
      '--until',
      String(Math.ceil(Date.now() / 1000) + 1),
      '--filter',
      'event=repair',
      '--format',
      '{{.Type}} {{.Action}} {{json .Actor.Attributes}}',
    );
    assert.match(events, /^network repair /m);
    assert.ok(events.includes('"name":"net"'), `the event names the network: ${events}`);
  },
);
