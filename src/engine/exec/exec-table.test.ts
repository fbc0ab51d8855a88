import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExecTable, type ExecEntry } from './exec-table.ts';

let made = 0;
function entry(containerId: string, cmd: readonly string[] = ['true']): ExecEntry {
  const spec = { cmd, env: [], user: '', workingDir: '', detachKeys: '' } as unknown as ExecEntry['spec'];
  const id = `exec${String(++made).padStart(8, '0')}`;
  return { id, containerId, spec, started: false, exitCode: null, pid: 0, handle: null };
}

const isKept = (execs: ExecTable, { id }: ExecEntry): boolean => {
  try {
    return execs.find(id) !== undefined;
  } catch {
    return false;
  }
};

function added(execs: ExecTable, count: number, make: () => ExecEntry): ExecEntry[] {
  return Array.from({ length: count }, () => {
    const one = make();
    execs.add(one);
    return one;
  });
}

test('of thousands that nobody starts the oldest are forgotten, those of other containers and what runs are not', () => {
  const execs = new ExecTable();
  const other = entry('other');
  const runs = entry('flooded');
  for (const one of [other, runs]) execs.add(one);
  execs.begin(runs);
  const all = added(execs, 10_000, () => entry('flooded'));
  const kept = all.filter((one) => isKept(execs, one));
  assert.ok(kept.length >= 1000 && kept.length < 1200, `${kept.length} are kept`);
  assert.deepEqual(kept, all.slice(-kept.length), 'the newest ones');
  assert.ok(isKept(execs, other) && isKept(execs, runs));
});

test('commands of megabytes are forgotten sooner, and those that run are not', () => {
  const execs = new ExecTable();
  const huge = 'x'.repeat(4_000_000);
  const running = added(execs, 3, () => entry('a', ['cat', huge]));
  for (const one of running) execs.begin(one);
  const ended = added(execs, 50, () => ({ ...entry('b', [huge]), started: true, exitCode: 0 }));
  const waiting = added(execs, 50, () => entry('c', [huge]));
  const kept = [...running, ...ended, ...waiting].filter((one) => isKept(execs, one));
  assert.ok(kept.length * huge.length <= 64 * 1024 * 1024 + huge.length, `${kept.length} are kept`);
  assert.ok(running.every((one) => isKept(execs, one)));
  assert.ok(isKept(execs, waiting.at(-1)!), 'the newest can be started');
  const long = added(execs, 50, () => ({ ...entry('d'), spec: { ...entry('d').spec, user: huge } }));
  assert.ok(long.filter((one) => isKept(execs, one)).length < 20, 'whatever is long in them');
});

test('a container that ends takes with it what was not started, one that is removed takes everything', () => {
  const execs = new ExecTable();
  const [waiting, begun, ended] = added(execs, 3, () => entry('a')) as [ExecEntry, ExecEntry, ExecEntry];
  const other = entry('b');
  execs.add(other);
  execs.begin(begun);
  ended.exitCode = 3;
  execs.containerEnded('a');
  assert.ok(!isKept(execs, waiting));
  assert.deepEqual([begun.exitCode, ended.exitCode], [137, 3]);
  execs.containerRemoved('a');
  assert.ok(!isKept(execs, begun) && !isKept(execs, ended) && isKept(execs, other));
});
