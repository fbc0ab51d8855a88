/** Ending a program together with all that it has started, and is starting at that moment. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { kill, processIds } from '../../src/kernel/process.ts';
import { killTree } from '../../src/kernel/process-tree.ts';

const ROUNDS = 40;

function marked(mark: string): number[] {
  return processIds().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`TREE_MARK=${mark}`);
    } catch {
      return false;
    }
  });
}

test('what a process is starting while it is killed goes with it', async () => {
  const left: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const mark = `${process.pid}-${round}`;
    // Bounded: it starts at most 400, of which each ends by itself.
    const program = spawn('bash', ['--norc', '-c', 'echo on; for i in {1..400}; do sleep 60 & done; wait'], {
      env: { ...process.env, TREE_MARK: mark },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const closed = once(program, 'exit');
    await once(program.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, round % 10));
    killTree(program.pid!);
    await closed;
    // What was killed may still be on its way out.
    for (let look = 0; look < 100 && marked(mark).length > 0; look++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const rest = marked(mark);
    left.push(...rest);
    for (const pid of rest) kill(pid, 9);
  }
  assert.deepEqual(left, []);
});
