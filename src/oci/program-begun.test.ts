import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync, realpathSync } from 'node:fs';
import { test } from 'node:test';
import { memoryLayout } from '../kernel/process.ts';
import { untilBegun } from './program-begun.ts';

/** A process that executes `program` when a line is written to it. */
async function waiting(program: string) {
  const child = spawn('/bin/sh', ['-c', `echo ready; read line; exec ${program}`], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return { child, pid: child.pid!, go: () => child.stdin.write('\n'), ended: once(child, 'exit') };
}

test('a process that becomes another program is waited for until it has', async () => {
  const { child, pid, go, ended } = await waiting('sleep 1000');
  const before = memoryLayout(pid);
  assert.equal(memoryLayout(pid), before, 'it stays the same');
  go();
  await untilBegun(pid, before, 60_000);
  assert.equal(readlinkSync(`/proc/${pid}/exe`), realpathSync('/bin/sleep'));
  child.kill('SIGKILL');
  await ended;
});

test('a program that executes its own file again is noticed too', async () => {
  const { child, pid, go, ended } = await waiting("/bin/sh -c 'read line; exit'");
  const before = memoryLayout(pid);
  go();
  await untilBegun(pid, before, 60_000);
  assert.notEqual(memoryLayout(pid), before);
  child.kill('SIGKILL');
  await ended;
});

test('one that ends, has ended, or stays what it is does not hold anybody up', async () => {
  const one = await waiting('false');
  const before = memoryLayout(one.pid);
  await untilBegun(one.pid, before, 5);
  assert.equal(memoryLayout(one.pid), before);
  one.go();
  await one.ended;
  await untilBegun(one.pid, before, 60_000);
  await untilBegun(one.pid, memoryLayout(one.pid), 60_000);
});
