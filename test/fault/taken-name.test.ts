/** A container with the host's network takes the name by which daemons know that a network is managed. */
import assert from 'node:assert/strict';
import { existsSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { TestEngine, until } from '../harness/test-engine.ts';

// As soon as it is free.
const TAKE = String.raw`const take = () => require('net').createServer().on('error', () => setTimeout(take, 20)).listen('\0causeway/network'); take();`;

test(
  'a container that takes the name of the network keeps no daemon from its start',
  { timeout: 120_000 },
  async () => {
    const engine = await TestEngine.start();
    const taken = (): boolean => engine.host.ok('cat', '/proc/net/unix').includes('@causeway/network');
    let said = 1;
    try {
      engine.importFixtures();
      // Its root directory tells it apart, or its process numbers.
      const libraries = ['/lib', '/lib64']
        .filter((path) => existsSync(path))
        .flatMap((path) => ['-v', `${realpathSync(path)}:${path}:ro`]);
      for (const [flags, program] of [
        [['--pid', 'host', '-v', `${dirname(process.execPath)}:/node:ro`, ...libraries], ['/node/node']],
        [
          ['-v', '/:/host'],
          ['chroot', '/host', process.execPath],
        ],
      ] as const) {
        engine.ok('run', '-d', '--name', 'taker', '--network', 'host', ...flags, 'busybox', ...program, '-e', TAKE);
        await engine.stop();
        await until('the container has the name', taken);
        await engine.boot();
        assert.equal(
          engine.log.split('a process in a container holds the name that marks the managing daemon').length,
          ++said,
        );
        assert.match(engine.ok('ps', '--format', '{{.Names}} {{.State}}'), /taker running/);
        engine.ok('rm', '-f', 'taker');
        await until('the name is free', () => !taken());
        await engine.restart(); // and takes the name again
        assert.ok(taken());
      }
    } finally {
      await engine.destroy();
    }
  },
);
