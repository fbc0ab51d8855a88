import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../base/log.ts';
import { Leftovers, type Leftover } from './leftovers.ts';

/** Fails `failures` times, then succeeds; each attempt is in `seen`. */
function part(what: string, seen: string[], failures = 0, last = false): Leftover {
  let left = failures;
  return {
    what,
    last,
    remove: () => {
      seen.push(what);
      if (left-- > 0) throw new Error(`${what} is busy`);
    },
  };
}

test('each part is tried whatever became of the others, and only what failed is tried again', async () => {
  const seen: string[] = [];
  const leftovers = new Leftovers(silentLog, []);
  await leftovers.remove('web', [part('cgroup', seen, 1), part('bundle', seen), part('note', seen, 0, true)]);
  assert.deepEqual(seen, ['cgroup', 'bundle']); // by the note, a daemon that starts finds the cgroup
  await leftovers.clear('web');
  assert.deepEqual(seen, ['cgroup', 'bundle', 'cgroup', 'note']);
  await leftovers.clear('web');
  assert.equal(seen.length, 4);
});

test('what failed is tried again in the background', async () => {
  const seen: string[] = [];
  const leftovers = new Leftovers(silentLog, [1, 1]);
  const alive = setInterval(() => {}, 1000); // the timers keep no process alive
  await new Promise<void>(
    (resolve) => void leftovers.remove('web', [part('cgroup', seen, 2), { what: 'note', last: true, remove: resolve }]),
  );
  clearInterval(alive);
  assert.deepEqual(seen, ['cgroup', 'cgroup', 'cgroup']);
});

test('what still cannot be removed refuses what would be made in its place, in a sentence', async () => {
  const leftovers = new Leftovers(silentLog, []);
  await leftovers.remove('web', [part('cgroup', [], 9)]);
  await assert.rejects(leftovers.clear('web'), {
    kind: 'system',
    message: 'what is left of an earlier run cannot be removed: cgroup: cgroup is busy',
  });
  await leftovers.clear('other');
});

test('what comes later is removed after what is left, and what comes while it is being removed too', async () => {
  const seen: string[] = [];
  const leftovers = new Leftovers(silentLog, []);
  let open!: () => void;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const first = leftovers.remove('web', [{ what: 'slow', remove: () => gate }]);
  const second = leftovers.remove('web', [part('notice', seen)]);
  assert.deepEqual(seen, []);
  open();
  await Promise.all([first, second]);
  assert.deepEqual(seen, ['notice']);
});
