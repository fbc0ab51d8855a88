import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerRecord } from '../../model/container.ts';
import { resizeExec } from './exec-service.ts';
import { ExecTable, type ExecEntry } from './exec-table.ts';

function setUp(state: object) {
  const resized: string[] = [];
  const execs = new ExecTable();
  const handle = { resize: (rows: number, columns: number) => void resized.push(`${rows}x${columns}`) };
  const spec = { cmd: ['sh'], env: [] };
  const entry = { id: 'ex', containerId: 'ct', spec, started: true, exitCode: null, handle } as unknown as ExecEntry;
  execs.add(entry);
  const containers = { find: () => ({ id: 'ct', state }) as ContainerRecord };
  return { entry, resized, resize: () => resizeExec({ containers, execs }, 'ex', 40, 80) };
}

const says = (name: string, message: RegExp) => (error: Error & { kind?: string }) => {
  assert.match(error.message, message);
  assert.equal(error.kind, name);
  return true;
};

test('an exec that runs is resized', () => {
  const { resize, resized } = setUp({ status: 'running', pid: 7 });
  resize();
  assert.deepEqual(resized, ['40x80']);
});

test('resize of an exec whose container has ended says that the container does not run', () => {
  const { resize, entry } = setUp({ status: 'exited', pid: 0 });
  entry.handle = null;
  assert.throws(resize, says('conflict', /^container ct is not running$/));
});

test('resize of an exec in a paused container says that it is paused', () => {
  const { resize } = setUp({ status: 'paused', pid: 7 });
  assert.throws(resize, says('conflict', /is paused/));
});

test('resize of an exec that has ended in a running container does not find its process', () => {
  const { resize, entry } = setUp({ status: 'running', pid: 7 });
  entry.handle = null;
  assert.throws(resize, says('notFound', /process does not exist/));
});
