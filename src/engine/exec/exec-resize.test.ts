import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerRecord } from '../../model/container.ts';
import { resizeExec } from './exec-service.ts';
import { ExecTable, type ExecEntry } from './exec-table.ts';

function setUp(state: object) {
  const resized: string[] = [];
  const execs = new ExecTable();
  const handle = { resize: (rows: number, columns: number) => void resized.push(`${rows}x${columns}`) };
  const spec = { cmd: ['sh'], env: [], user: '', workingDir: '', detachKeys: '' };
  const entry = { id: 'ex', containerId: 'ct', spec, started: true, exitCode: null, handle } as unknown as ExecEntry;
  execs.add(entry);
  const containers = { find: () => ({ id: 'ct', state }) as ContainerRecord };
  return {
    entry,
    execs,
    resized,
    resize: (patienceMs?: number) => resizeExec({ containers, execs }, 'ex', 40, 80, patienceMs),
  };
}

const says = (name: string, message: RegExp) => (error: Error & { kind?: string }) => {
  assert.match(error.message, message);
  assert.equal(error.kind, name);
  return true;
};

test('an exec that runs is resized', async () => {
  const { resize, resized } = setUp({ status: 'running', pid: 7 });
  await resize();
  assert.deepEqual(resized, ['40x80']);
});

test('resize of an exec whose container has ended says that the container does not run', async () => {
  const { resize, entry } = setUp({ status: 'exited', pid: 0 });
  entry.handle = null;
  await assert.rejects(resize(), says('conflict', /^container ct is not running$/));
});

test('resize of an exec in a paused container says that it is paused', async () => {
  const { resize } = setUp({ status: 'paused', pid: 7 });
  await assert.rejects(resize(), says('conflict', /is paused/));
});

test('resize of an exec that has ended in a running container does not find its process', async () => {
  const { resize, entry } = setUp({ status: 'running', pid: 7 });
  entry.handle = null;
  entry.exitCode = 0;
  await assert.rejects(resize(), says('notFound', /process does not exist/));
});

test('resize of an exec that is being started waits for its process', async () => {
  const { resize, resized, entry, execs } = setUp({ status: 'running', pid: 7 });
  const { handle } = entry;
  entry.handle = null;
  const resizing = resize();
  entry.handle = handle;
  execs.settled(entry);
  await resizing;
  assert.deepEqual(resized, ['40x80']);
});

test('resize of an exec that cannot be started, or whose container ends meanwhile, says so at once', async () => {
  for (const end of ['start', 'container'] as const) {
    const { resize, entry, execs } = setUp({ status: 'running', pid: 7 });
    entry.handle = null;
    const resizing = resize();
    if (end === 'container') execs.containerEnded('ct');
    else {
      entry.exitCode = 126;
      execs.settled(entry);
    }
    await assert.rejects(resizing, says('notFound', /process does not exist/));
  }
});

test("resize of an exec that is not started for long is refused in dockerd's words", async () => {
  const { resize, entry } = setUp({ status: 'running', pid: 7 });
  entry.handle = null;
  await assert.rejects(resize(1), says('system', /^timeout waiting for exec session ready$/));
});
