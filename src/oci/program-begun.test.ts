import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { executableOf, untilBegun } from './program-begun.ts';

const numbersOf = (path: string): string => {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
};

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
  const before = executableOf(pid);
  assert.equal(before, numbersOf('/bin/sh'));
  go();
  await untilBegun(pid, before, 60_000);
  assert.equal(executableOf(pid), numbersOf('/bin/sleep'));
  child.kill('SIGKILL');
  await ended;
});

test('one that ends, has ended, or stays what it is does not hold anybody up', async () => {
  const one = await waiting('false');
  const before = executableOf(one.pid);
  await untilBegun(one.pid, before, 5);
  assert.equal(executableOf(one.pid), before);
  one.go();
  await one.ended;
  await untilBegun(one.pid, before, 60_000);
  await untilBegun(one.pid, executableOf(one.pid), 60_000);
});
