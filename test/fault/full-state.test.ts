/**
 * The state on a disk that is full. A process of its own uses it each time: lmdb, whose writes fail or whose lock file
 * has no block, ends the process with a signal, some runs later than others.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { check, run } from '../harness/host.ts';
import { PROJECT } from '../harness/test-engine.ts';

const disk = mkdtempSync(join(tmpdir(), 'causeway-disk-'));
const state = join(disk, 'state');
const filler = join(disk, 'filler');
const skip = process.getuid?.() !== 0 && 'needs root';

before(() => {
  if (skip) return;
  check(run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]));
});

after(() => {
  run('umount', [disk]);
  rmSync(disk, { recursive: true, force: true });
});

/** What a process prints that has the store; it must not end by a signal. */
function withStore(program: string): string {
  const text = `import { Store } from ${JSON.stringify(join(PROJECT, 'src/store/store.ts'))};
    const say = async (what, work) => console.log(what, await Promise.resolve().then(work).then(() => 'done', (error) => error.message));
    const value = (n) => ({ n, text: 'x'.repeat(3000) });
    ${program}`;
  const ran = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', text], {
    encoding: 'utf8',
    cwd: PROJECT,
    timeout: 60_000,
  });
  assert.deepEqual({ signal: ran.signal, code: ran.status, err: ran.stderr }, { signal: null, code: 0, err: '' });
  return ran.stdout;
}

const OPEN = `await say('open', () => { globalThis.store = Store.open(${JSON.stringify(state)}) });`;

/** An empty disk, or one with a state of 30 records that was left by a process that was killed, and then no byte. */
function setUp({ made }: { made: boolean }): void {
  for (const name of readdirSync(disk)) rmSync(join(disk, name), { recursive: true });
  if (made)
    withStore(
      `${OPEN} for (let n = 0; n < 30; n++) await store.put(n % 2 ? 'containers' : 'networks', 'key' + n, value(n)); process.reallyExit(0);`,
    );
}

function fill(): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(filler, Buffer.alloc(bavail * bsize, 7));
}

test('a new one is refused, and nothing of it stays', { skip }, () => {
  setUp({ made: false });
  mkdirSync(state);
  fill();
  assert.equal(withStore(OPEN), `open cannot open the state in ${state}: no space left on device\n`);
  assert.deepEqual(readdirSync(state), []);
});

test('one whose lock file is gone is refused', { skip }, () => {
  setUp({ made: true });
  rmSync(join(state, 'lock.mdb'));
  fill();
  assert.equal(withStore(OPEN), `open cannot open the state in ${state}: no space left on device\n`);
  assert.ok(!existsSync(join(state, 'lock.mdb')));
});

test(
  'one that an earlier release left, without a block to spare, is read, and goes on when there is room',
  { skip },
  () => {
    setUp({ made: true });
    cpSync(state, join(disk, 'copy'), { recursive: true });
    rmSync(state, { recursive: true });
    check(run('cp', ['-a', '--sparse=always', join(disk, 'copy'), state])); // what is written and no more
    fill();
    const said = withStore(`${OPEN} console.log(store.values('containers').length, store.values('networks').length);
    await say('put', () => store.put('containers', 'new', value(1)));
    (await import('node:fs')).rmSync(${JSON.stringify(filler)});
    await say('put', () => store.put('containers', 'new', value(1))); await store.close();`);
    assert.equal(said, 'open done\n15 15\nput cannot write the state: no space left on device\nput done\n');
  },
);

test(
  'one that is in use: what makes something is refused in time, what changes and removes goes on, however often',
  { skip },
  () => {
    for (let round = 0; round < 3; round++) {
      setUp({ made: true });
      fill();
      const said = withStore(`${OPEN}
      await say('change', async () => { for (let n = 0; n < 60; n++) await store.put('containers', 'key' + (2 * (n % 15) + 1), value(n)); });
      await say('all at once', () => Promise.all(Array.from({ length: 15 }, (_, n) => store.put('networks', 'key' + 2 * n, value(n)))));
      await say('remove', async () => { for (let n = 0; n < 28; n++) await store.remove(n % 2 ? 'containers' : 'networks', 'key' + n); });
      await say('make', async () => { for (let n = 0; ; n++) await store.put('containers', 'new' + n, { text: 'x'.repeat(100_000) }); });
      await say('remove', async () => { for (const { n } of store.values('containers')) await store.remove('containers', 'key' + n); });
      console.log(store.values('networks').length); await store.close();`);
      const [open, change, atOnce, remove, make, again, left] = said.split('\n');
      assert.deepEqual(
        [open, change, remove, make, again, left],
        [
          'open done',
          'change done',
          'remove done',
          'make cannot write the state: no space left on device',
          'remove done',
          '1',
        ],
      );
      // They count as if none of them found a page that is free.
      assert.match(atOnce!, /^all at once (done|cannot write the state: no space left on device)$/);
    }
  },
);
