import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import type { StoreChange } from '../contract.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import { NetworkTable } from '../table/table.ts';
import { StoredRows } from './stored-rows.ts';

const row = (containerId: string): SandboxRecord =>
  ({
    id: `sandbox of ${containerId}`,
    request: { links: [] },
    sandbox: { containerId, endpoints: [] },
  }) as unknown as SandboxRecord;

/** A store whose commits end when the test says so. */
function world() {
  const table = new NetworkTable();
  const asked: { put: string[]; remove: string[]; end: (error?: Error) => void }[] = [];
  const retries: (() => void | Promise<void>)[] = [];
  const store = {
    commit: (change: StoreChange) =>
      new Promise<void>((resolve, reject) => {
        asked.push({
          put: (change.putSandboxes ?? []).map((one) => one.sandbox.containerId),
          remove: [...(change.removeSandboxes ?? [])],
          end: (error) => (error ? reject(error) : resolve()),
        });
      }),
  };
  const rows = new StoredRows({ log: silentLog, store, table }, (work) => void retries.push(work));
  const last = () => asked.at(-1)!;
  const shown = () => asked.map(({ put, remove }) => ({ put, remove }));
  return { table, rows, retries, last, shown, asked };
}

const full = new Error('disk is full');
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('rows are stored as they are when they are asked for, and those that are gone are removed', async () => {
  const { table, rows, last, shown } = world();
  table.putSandbox(row('a'));
  const done = rows.commit(['a', 'b', 'a']);
  table.removeSandbox('a');
  last().end();
  await done;
  assert.deepEqual(shown(), [{ put: ['a'], remove: ['b'] }]);
});

test('what could not be stored is stored by a retry, as it is by then', async () => {
  const { table, rows, retries, last, shown } = world();
  table.putSandbox(row('a'));
  const failing = rows.commit(['a']);
  last().end(full);
  await assert.rejects(failing, /disk is full/);
  table.removeSandbox('a');
  const again = retries[0]!();
  last().end();
  await again;
  assert.deepEqual(shown(), [
    { put: ['a'], remove: [] },
    { put: [], remove: ['a'] },
  ]);
  await rows.close();
  assert.equal(shown().length, 2, 'nothing is owed any more');
});

test('one that fails while another is tried again is tried again as well', async () => {
  const { table, rows, retries, asked } = world();
  table.putSandbox(row('a'));
  table.putSandbox(row('b'));
  const failing = rows.commit(['a']);
  asked[0]!.end(full);
  await assert.rejects(failing);
  const again = retries[0]!();
  const other = rows.commit(['b']);
  asked[2]!.end(full);
  await assert.rejects(other);
  asked[1]!.end();
  await again;
  assert.equal(retries.length, 2);
});

test('it goes along when another can be stored, in a commit of its own: what removes something is not held up by it', async () => {
  const { table, rows, last, asked, shown } = world();
  table.putSandbox(row('a'));
  const failing = rows.commit(['a']);
  last().end(full);
  await assert.rejects(failing);
  const other = rows.commit(['b']);
  last().end();
  await other;
  assert.deepEqual(shown().slice(1), [
    { put: [], remove: ['b'] },
    { put: ['a'], remove: [] },
  ]);
  asked[2]!.end(full);
  await settled();
  const closed = rows.close();
  assert.deepEqual(shown().at(-1), { put: ['a'], remove: [] }, 'owed on, and tried a last time');
  last().end();
  await closed;
});

test('a removal that failed is owed: asked again, it is done before that answers', async () => {
  const { rows, last, shown } = world();
  const failing = rows.commit(['a']);
  last().end(full);
  await assert.rejects(failing);
  const again = rows.commitOwed('a');
  last().end();
  await again;
  await rows.commitOwed('a');
  assert.equal(shown().length, 2);
});

test('an older commit that ends later does not count for a newer one that failed', async () => {
  const { table, rows, asked, retries } = world();
  table.putSandbox(row('a'));
  const older = rows.commit(['a']);
  table.removeSandbox('a');
  const newer = rows.commit(['a']);
  asked[1]!.end(full);
  await assert.rejects(newer);
  asked[0]!.end();
  await older;
  assert.equal(retries.length, 1);
  assert.deepEqual(asked.at(-1), asked[2], 'owed on');
  assert.deepEqual(asked[2]!.remove, ['a']);
  asked[2]!.end();
  await settled();
});
