import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitLine } from './split-line.ts';

test('a line that is being typed is split as a shell would, and the last word is the one under the cursor', () => {
  const cases: readonly (readonly [line: string, words: readonly string[]])[] = [
    ['', ['']],
    ['causeway', ['causeway']],
    ['causeway ', ['causeway', '']],
    ['causeway  run\t--na', ['causeway', 'run', '--na']],
    ["c 'a b' c", ['c', 'a b', 'c']],
    ["c 'a b", ['c', 'a b']],
    ['c "a \\" b', ['c', 'a " b']],
    ['c "a\\n"', ['c', 'a\\n']],
    ['c a\\ b', ['c', 'a b']],
    ['c a\\', ['c', 'a']],
    ["c '' ", ['c', '', '']],
    ["c -v'/a b':/c", ['c', '-v/a b:/c']],
  ];
  for (const [line, words] of cases) assert.deepEqual(splitLine(line), words, line);
});
