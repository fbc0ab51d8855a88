/** A daemon that has answered once is not done with what an earlier one left: what clients see of that is true all the same. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestEngine } from '../harness/test-engine.ts';

const needsRoot = { skip: process.getuid?.() !== 0 && 'needs root', timeout: 300_000 };
const SHOWN = '{{.Names}} {{.State}} {{.Ports}} {{.Networks}}';

let engine: TestEngine;
before(async () => {
  if (needsRoot.skip) return;
  engine = await TestEngine.start();
  engine.importFixtures();
  engine.ok('network', 'create', 'net');
  for (const [name, ...flags] of [
    ['plain'],
    ['ports', '-p', '8080:80'],
    ['net', '--network', 'net', '--restart', 'always'],
  ])
    engine.ok('run', '-d', '--name', name!, ...flags, 'busybox', 'sleep', '1000');
  engine.ok('create', '--name', 'made', 'busybox', 'sleep', '1000');
  assert.equal(engine.docker('run', '--name', 'ended', 'busybox', 'sh', '-c', 'exit 3').code, 3);
});
after(() => engine?.destroy());

test(
  'the first list has what the last one had, and every container can be worked with at once',
  needsRoot,
  async () => {
    const list = (): string[] => engine.ok('ps', '-a', '--format', SHOWN).split('\n').sort();
    const addresses = (): string =>
      engine.ok(
        'inspect',
        '-f',
        '{{.Name}} {{.State.Pid}} {{json .NetworkSettings.Networks}}',
        'plain',
        'ports',
        'net',
      );
    const before = [list(), addresses()];
    await engine.stop('SIGKILL');
    await engine.boot([], 'answers');
    assert.deepEqual([list(), addresses()], before);
    await engine.restart('SIGKILL');
    await engine.stop('SIGKILL');
    await engine.boot([], 'answers');
    assert.equal(engine.ok('exec', 'plain', 'echo', 'here'), 'here');
    engine.ok('stop', '-t', '0', 'net');
    engine.ok('start', 'made');
    engine.ok('rm', '-f', 'ports');
    engine.ok('run', '-d', '--name', 'again', '-p', '8080:80', 'busybox', 'sleep', '1000');
    engine.ok('network', 'rm', 'net');
    const shown = engine.ok('ps', '-a', '--format', '{{.Names}} {{.State}}').split('\n').sort();
    assert.deepEqual(shown, ['again running', 'ended exited', 'made running', 'net exited', 'plain running']);
  },
);
