/**
 * On hosts with both kinds of cgroups, containers are in groups of their own on the v2 side too, and not in the root
 * group with the machine.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { TestEngine, until } from '../harness/test-engine.ts';
import { ownCgroupParent, removeCgroupParent } from '../fault/traces.ts';

const skip =
  process.getuid?.() !== 0
    ? 'needs root'
    : !existsSync('/sys/fs/cgroup/unified/cgroup.procs') && 'this host has no hybrid cgroups';

describe('the v2 side of hybrid cgroups', { skip }, () => {
  const parent = ownCgroupParent();
  let engine: TestEngine;
  before(async () => {
    engine = await TestEngine.start({ flags: ['--cgroup-parent', parent] });
    engine.importFixtures();
  });
  after(async () => {
    await engine.destroy();
    removeCgroupParent(parent);
  });
  const groupOf = (pid: string | number) => /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'latin1'))?.[1];

  test("a container's processes and its execs are in its own group, which goes with it", async () => {
    const id = engine.ok('run', '-d', '--name', 'web', 'busybox', 'sh', '-c', 'sleep 1000 & wait');
    engine.ok('exec', '-d', 'web', 'sleep', '2000');
    const group = `/sys/fs/cgroup/unified${parent}/${id}`;
    await until('all are there', () => engine.ok('top', 'web', '-o', 'pid').split('\n').length === 4);
    for (const pid of engine.ok('top', 'web', '-o', 'pid').split('\n').slice(1))
      assert.equal(groupOf(pid.trim()), `${parent}/${id}`);
    assert.equal(/^0::(.*)$/m.exec(engine.ok('exec', 'web', 'cat', '/proc/self/cgroup'))?.[1], `${parent}/${id}`);
    assert.ok(existsSync(group));
    // Before its first instruction: it cannot start anything outside.
    assert.match(
      engine.ok('run', '--rm', 'busybox', 'cat', '/proc/self/cgroup'),
      new RegExp(`^0::${parent}/[0-9a-f]{64}$`, 'm'),
    );
    engine.ok('rm', '-f', 'web');
    await until('the group is gone', () => !existsSync(group));
  });
});
