/** What the daemon is told counts for containers that do not say otherwise, and `info` shows it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestEngine } from '../harness/test-engine.ts';

let engine: TestEngine;

before(async () => {
  engine = await TestEngine.start({
    flags: [
      '--log-driver',
      'local',
      '--log-opt',
      'max-size=1m',
      '--log-level',
      'debug',
      '--firewall-integration=false',
      '--respect-input-policy',
    ],
  });
  engine.importFixtures();
});
after(() => engine.destroy());

const logConfig = (...options: string[]): unknown =>
  JSON.parse(
    engine.ok(
      'inspect',
      '-f',
      '{{json .HostConfig.LogConfig}}',
      engine.ok('create', ...options, 'busybox', 'true').trim(),
    ),
  );

test("a container without a logging driver has the daemon's, and the daemon's options of that one", () => {
  assert.deepEqual(logConfig(), { Type: 'local', Config: { 'max-size': '1m' } });
  assert.deepEqual(logConfig('--log-opt', 'max-size=2m'), { Type: 'local', Config: { 'max-size': '2m' } });
  assert.deepEqual(logConfig('--log-driver', 'local'), { Type: 'local', Config: { 'max-size': '1m' } });
  assert.deepEqual(logConfig('--log-driver', 'json-file'), { Type: 'json-file', Config: {} });
});

test('info shows the configured log options and firewall integration', () => {
  const { out } = engine.causeway('info');
  assert.match(out, /^ Logging Driver: local$/m);
  assert.match(out, /^ Debug Mode: true$/m);
  assert.match(out, /^ Security Options:\n(?: .*\n)*? {2}respect-input-policy$/m);
  assert.match(engine.ok('info'), /^ {2}respect-input-policy$/m, "Docker's client shows it too");
  assert.doesNotMatch(engine.ok('info'), /^ {2}firewall-integration$/m);
  assert.match(out, /^ Firewall Backend: nftables\n {2}firewall-integration: false\n {2}respect-input-policy: true$/m);
});
