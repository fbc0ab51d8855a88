import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { damageOf } from './file-check.ts';
import { copyFile } from './state-copy.ts';
import { Store } from './store.ts';

const dir = mkdtempSync(join(tmpdir(), 'causeway-file-'));
const whole = join(dir, 'whole');
after(() => rmSync(dir, { recursive: true, force: true }));

const valueOf = (n: number) => ({ name: `c${n}`, text: 'x'.repeat(50 * n) });

before(async () => {
  const store = Store.open(whole);
  for (let n = 0; n < 40; n++) await store.put(n % 2 ? 'containers' : 'networks', `key${n}`, valueOf(n));
  for (let n = 0; n < 40; n += 5) await store.remove(n % 2 ? 'containers' : 'networks', `key${n}`);
  await store.close();
});

/** A copy of the whole one, changed. */
function damaged(name: string, change: (file: string) => void, copy = true): string {
  const path = join(dir, name);
  cpSync(whole, path, { recursive: true });
  rmSync(join(path, 'lock.mdb'), { force: true });
  if (!copy) rmSync(copyFile(path));
  change(join(path, 'data.mdb'));
  return path;
}

const size = (): number => readFileSync(join(whole, 'data.mdb')).length;

test('a file that is whole passes, after every commit', async () => {
  const path = join(dir, 'growing');
  const store = Store.open(path);
  for (let n = 0; n < 60; n++) {
    if (n % 3 === 2) await store.remove('containers', `key${n - 2}`);
    else await store.put('containers', `key${n}`, valueOf(n));
    assert.equal(damageOf(join(path, 'data.mdb')), undefined, `after ${n}`);
  }
  await store.close();
  assert.equal(damageOf(join(whole, 'data.mdb')), undefined);
});

test('a file truncated at any offset is never mapped: the copy is used and the file is kept', async () => {
  for (const keep of [1, 100, 2048, 4096, 6000, 8192, Math.floor(size() / 2), Math.floor(size() / 4)]) {
    const path = damaged(`cut${keep}`, (file) => truncateSync(file, keep));
    // What is behind it may be free pages, of which nothing is missed.
    const damage = damageOf(join(path, 'data.mdb'));
    if (keep <= 8192) assert.notEqual(damage, undefined, `cut to ${keep}`);
    const store = Store.open(path);
    assert.deepEqual(store.get('containers', 'key7'), valueOf(7), `cut to ${keep}`);
    assert.equal(store.get('networks', 'key10'), undefined);
    assert.equal(store.restoredFrom !== undefined, damage !== undefined);
    await store.close();
    assert.equal(
      readdirSync(path).filter((name) => name.startsWith('data.mdb.damaged-')).length,
      damage === undefined ? 0 : 1,
    );
  }
});

test('an empty or missing file is one that is damaged where there is a copy, and a new one where there is none', async () => {
  for (const [name, change] of [
    ['empty', (file: string) => truncateSync(file, 0)],
    ['missing', (file: string) => rmSync(file)],
  ] as const) {
    const store = Store.open(damaged(name, change));
    assert.deepEqual(store.get('containers', 'key7'), valueOf(7));
    await store.close();
    const fresh = Store.open(damaged(`${name}-new`, change, false));
    assert.deepEqual(fresh.values('containers'), []);
    await fresh.close();
  }
});

test('noise in any page that is in use is seen, and without a copy the way out is named', async () => {
  const content = readFileSync(join(whole, 'data.mdb'));
  let seen = 0;
  for (let page = 0; page < content.length / 4096; page++) {
    const path = damaged(`noise${page}`, (file) => {
      const bytes = Buffer.from(content);
      bytes.fill(0xa5, page * 4096, page * 4096 + 64);
      writeFileSync(file, bytes);
    });
    if (damageOf(join(path, 'data.mdb')) !== undefined) seen += 1;
    const store = Store.open(path); // never a signal, whichever page it is
    for (let n = 1; n < 40; n += 2)
      if (n % 5 !== 0) assert.deepEqual(store.get('containers', `key${n}`), valueOf(n), `page ${page}`);
    await store.close();
  }
  assert.ok(seen > 10, `${seen} pages`);
  const bare = damaged('bare', (file) => truncateSync(file, 5000), false);
  assert.throws(
    () => Store.open(bare),
    /data\.mdb is damaged \(.*\), and there is no copy of it: bring it back from a backup; or move it away/,
  );
});

test('a copy that is not whole is none', async () => {
  const path = damaged('half-copy', (file) => truncateSync(file, 5000));
  truncateSync(copyFile(path), 300);
  assert.throws(() => Store.open(path), /there is no copy/);
});
