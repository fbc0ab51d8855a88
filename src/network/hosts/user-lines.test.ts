import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergeUserLines } from './user-lines.ts';

const before = 'a\nb\nown1\n';

test('lines that the user added stay where they are', () => {
  assert.equal(mergeUserLines(before, before, 'a\nc\n'), 'a\nc\n');
  assert.equal(mergeUserLines(before, 'a\nb\nown1\nmine\n', 'a\nb\nown2\n'), 'a\nb\nown2\nmine\n');
  assert.equal(mergeUserLines(before, 'mine\na\nb\nown1\n', 'a\nlink\nown2\n'), 'mine\na\nlink\nown2\n');
  assert.equal(mergeUserLines(before, 'a\nmine\nb\nown1\n', 'a\nb\nlink\nown1\n'), 'a\nmine\nb\nlink\nown1\n');
  assert.equal(mergeUserLines(before, 'a\nb\nmine\nown1\n', 'a\nown1\n'), 'a\nmine\nown1\n');
  assert.equal(mergeUserLines(before, 'a\nb\nown1\nno newline', 'a\nb\nown2\n'), 'a\nb\nown2\nno newline\n');
  assert.equal(mergeUserLines(before, 'a\nb\nown1\n\n# comment\n', 'a\nb\n'), 'a\nb\n\n# comment\n');
});

test('engine lines that the user removed or changed stay so while unchanged', () => {
  assert.equal(mergeUserLines(before, 'a\nown1\n', 'a\nb\nown2\n'), 'a\nown2\n');
  assert.equal(mergeUserLines(before, 'a\nB!\nown1\n', 'a\nb\nown2\n'), 'a\nB!\nown2\n');
  assert.equal(mergeUserLines(before, 'a\nb\n', 'a\nb\nown2\n'), 'a\nb\nown2\n');
  assert.equal(mergeUserLines(before, '', 'a\nb\nown2\n'), 'own2\n');
});

test('for any edit: user lines are kept, new engine lines are added, and a second merge changes nothing', () => {
  const ours = fc.array(fc.constantFrom<string>('o1', 'o2', 'o3', 'o4', 'o5'), { maxLength: 7 });
  const edits = fc.array(
    fc.record({
      at: fc.nat(8),
      take: fc.nat(2),
      put: fc.array(fc.constantFrom<string>('u1', 'u2', ''), { maxLength: 2 }),
    }),
    { maxLength: 4 },
  );
  const join = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
  fc.assert(
    fc.property(ours, ours, edits, (base, next, list) => {
      const edited = [...base];
      for (const { at, take, put } of list) edited.splice(Math.min(at, edited.length), take, ...put);
      const merged = mergeUserLines(join(base), join(edited), join(next));
      const lines = merged.split('\n').slice(0, -1);
      const users = edited.filter((line) => !line.startsWith('o'));
      assert.deepEqual(
        lines.filter((line) => !line.startsWith('o')),
        users,
      );
      for (const line of next) if (!base.includes(line)) assert.ok(lines.includes(line));
      assert.ok(lines.filter((line) => line.startsWith('o')).every((line) => next.includes(line)));
      if (list.length === 0) assert.equal(merged, join(next));
      // The next time, `next` is what was rendered last.
      assert.deepEqual(
        mergeUserLines(join(next), merged, join(next)).split('\n').toSorted(),
        merged.split('\n').toSorted(),
      );
    }),
    { numRuns: 500 },
  );
});

test("a text of any length is merged: 400,000 lines of the user's among and behind 3,000 of ours", () => {
  const ours = Array.from({ length: 3000 }, (_, index) => `10.0.0.1\tours${index}`);
  const theirs = Array.from({ length: 400_000 }, (_, index) => `0.0.0.0\ttheirs${index}`);
  const edited = [
    ...theirs.slice(0, 10),
    ...ours.slice(1).flatMap((line, index) => [line, theirs[10 + index]!]),
    ...theirs.slice(3009),
  ];
  const merged = mergeUserLines(
    `${ours.join('\n')}\n`,
    `${edited.join('\n')}\n`,
    `${[...ours.slice(0, -1), 'new'].join('\n')}\n`,
  ).split('\n');
  assert.equal(merged.length, edited.length + 1); // the engine's last line for the new one, and what follows the last newline
  assert.deepEqual(
    merged.filter((line) => line.includes('theirs')),
    theirs,
  );
  assert.ok(!merged.includes(ours[0]!) && merged.includes('new'));
  assert.deepEqual(merged.slice(0, 12), edited.slice(0, 12));
});
