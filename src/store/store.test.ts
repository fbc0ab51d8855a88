import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Store } from './store.ts';

const dir = mkdtempSync(join(tmpdir(), 'causeway-store-'));
after(() => rmSync(dir, { recursive: true, force: true }));

test('what was committed is read back, also by a later open', async () => {
  const path = join(dir, 'plain');
  const store = Store.open(path);
  await store.commit([
    { table: 'containers', key: 'a', value: { name: 'web', list: [1, null, 'x'] } },
    { table: 'networks', key: 'n', value: { name: 'net' } },
  ]);
  await store.remove('networks', 'n');
  await store.close();
  const again = Store.open(path);
  assert.deepEqual(again.values('containers'), [{ name: 'web', list: [1, null, 'x'] }]);
  assert.equal(again.get('networks', 'n'), undefined);
  await again.close();
});

test('a directory that cannot be used is refused with its name', () => {
  const path = join(dir, 'file');
  writeFileSync(path, '');
  assert.throws(() => Store.open(path), new RegExp(`cannot open the state in ${path}`));
});

test('kill -9 loses nothing that was acknowledged and leaves no half commit', { timeout: 60_000 }, async () => {
  const path = join(dir, 'killed');
  const store = fileURLToPath(new URL('./store.ts', import.meta.url));
  // Each commit writes one number to two tables; every acknowledged number is printed.
  const program = join(dir, 'writer.mts');
  writeFileSync(
    program,
    `import { writeSync } from 'node:fs';
     import { Store } from ${JSON.stringify(store)};
     const store = Store.open(${JSON.stringify(path)});
     for (let n = Number(process.argv[2]); ; n++) {
       await store.commit([{ table: 'containers', key: 'n', value: n }, { table: 'networks', key: 'n', value: n }]);
       writeSync(1, n + '\\n');
     }`,
  );
  let acknowledged = 0;
  for (const killAfter of [1, 40, 173]) {
    const child = spawn(process.execPath, ['--import', 'tsx', program, String(acknowledged + 1)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let seen = 0;
    let tail = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (tail + chunk.toString()).split('\n');
      tail = lines.pop()!;
      seen += lines.length;
      acknowledged = Number(lines.at(-1) ?? acknowledged);
      if (seen >= killAfter) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const reopened = Store.open(path);
    const kept = reopened.get<number>('containers', 'n')!;
    assert.equal(reopened.get('networks', 'n'), kept, 'both halves of a commit');
    assert.ok(kept >= acknowledged, `${acknowledged} was acknowledged, ${kept} was kept`);
    await reopened.close();
  }
});
