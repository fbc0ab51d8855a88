/**
 * A machine that loses power right after the daemon has answered: the next daemon has all that was acknowledged, and
 * what it has works.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { processState } from '../../src/kernel/process.ts';
import { check, run } from '../harness/host.ts';
import { TestEngine, until } from '../harness/test-engine.ts';
import { Disk, DISKS, NO_DISKS as skip } from './power-cut.ts';
import { ownCgroupParent, removeCgroupParent } from './traces.ts';

/** Power goes at one moment, and a copy of the disk takes longer: nothing is written meanwhile. */
async function holdStill(engine: TestEngine): Promise<void> {
  for (const pid of engine.processes()) process.kill(pid, 'SIGSTOP');
  await until('all processes stand still', () =>
    engine.processes().every((pid) => !['R', 'S', 'D'].includes(processState(pid) ?? 'Z')),
  );
}

/** Nothing that ran is there any more, nor what lived in memory. */
async function loseAllProcesses(engine: TestEngine): Promise<void> {
  await engine.stop('SIGKILL');
  await until('all processes are gone', () => (engine.endLeftovers(), engine.processes().length === 0));
  rmSync(engine.execRoot, { recursive: true, force: true });
}

/**
 * What a user sees of everything that was made, in one order: the client's own for networks and tags is another each
 * time.
 */
function seen(engine: TestEngine): string[] {
  const said = [
    engine.ok(
      'ps',
      '-a',
      '--no-trunc',
      '--format',
      '{{.ID}} {{.Names}} {{.Image}} {{.Networks}} {{.Mounts}} {{.Labels}}',
    ),
    engine.ok('network', 'ls', '--no-trunc', '--format', '{{.ID}} {{.Name}} {{.Driver}} {{.Labels}}'),
    engine.ok('volume', 'ls', '--format', '{{.Name}} {{.Labels}}'),
    engine.ok('images', '--no-trunc', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}'),
    engine.ok('network', 'inspect', '-f', '{{json .IPAM.Config}}', 'net'),
    engine.ok('info', '-f', '{{.ID}}'),
  ];
  return said.map(inOrder);
}

function inOrder(text: string): string {
  const lines = text.split('\n').map((line) =>
    line
      .split(' ')
      .map((word) => word.split(',').sort().join(','))
      .join(' '),
  );
  return lines.sort().join('\n');
}

for (const [kind, flags] of Object.entries(DISKS)) {
  test(`what was answered is there after a power failure, on a disk ${kind}`, { skip }, async () => {
    const parent = ownCgroupParent();
    const disk = new Disk(flags);
    const at = mkdtempSync(join(tmpdir(), 'causeway-power-'));
    let engine: TestEngine | undefined;
    try {
      disk.mount(at);
      engine = await TestEngine.start({ flags: ['--cgroup-parent', parent, '--data-root', join(at, 'data')] });
      engine.importFixtures();
      engine.ok('run', '--rm', 'busybox', 'true');
      check(run('sync', ['-f', at])); // layers from elsewhere are synced some seconds later, and can be had again
      engine.ok('network', 'create', '--label', 'a=b', 'net');
      engine.ok('network', 'create', 'gone');
      engine.ok('volume', 'create', '--label', 'c=d', 'kept');
      engine.ok('create', '--name', 'made', '--label', 'e=f', 'busybox', 'true');
      engine.ok('create', '--name', 'other', 'busybox', 'true');
      engine.ok(
        'run',
        '-d',
        '--name',
        'runs',
        '--network',
        'net',
        '--network-alias',
        'alias',
        '-p',
        '8080:80',
        '-v',
        'kept:/kept',
        'nginx',
      );
      engine.ok('network', 'connect', 'net', 'made');
      engine.ok('commit', 'runs', 'committed');
      engine.ok('rename', 'other', 'renamed');
      engine.ok('tag', 'busybox', 'tagged:1');
      engine.ok('create', '--name', 'removed', 'busybox', 'true');
      engine.ok('rm', 'removed');
      const before = seen(engine);
      engine.ok('network', 'rm', 'gone');
      const networks = inOrder(
        engine.ok('network', 'ls', '--no-trunc', '--format', '{{.ID}} {{.Name}} {{.Driver}} {{.Labels}}'),
      );
      await holdStill(engine);
      disk.cut(at);
      await loseAllProcesses(engine);
      disk.restore(at);
      await engine.boot();
      assert.deepEqual(seen(engine), before.with(1, networks));
      assert.equal(engine.ok('info', '-f', '{{range .Warnings}}{{println .}}{{end}}').includes('set aside'), false);
      assert.match(engine.ok('inspect', '-f', '{{.State.Status}}', 'runs'), /exited/);
      for (const name of ['runs', 'made', 'renamed']) engine.ok('start', name);
      assert.match(engine.host.ok('curl', '-s', '--max-time', '5', 'http://127.0.0.1:8080/'), /Welcome/);
      assert.equal(
        engine.ok('run', '--rm', '--network', 'net', 'busybox', 'sh', '-c', 'nslookup alias >/dev/null && echo found'),
        'found',
      );
      assert.equal(engine.ok('run', '--rm', '--entrypoint', 'echo', 'committed', 'well'), 'well');
    } finally {
      await engine?.destroy();
      removeCgroupParent(parent);
      disk.destroy(at);
      rmSync(at, { recursive: true, force: true });
    }
  });
}
