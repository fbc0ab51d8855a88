import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runProgram } from './program.ts';

const directory = mkdtempSync(join(tmpdir(), 'program-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('what a program has started ends with it where that is asked for', { timeout: 60_000 }, async () => {
  const pipe = join(directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const ending = new AbortController();
  // The pipe is at its end when nobody has it open any more.
  const ran = runProgram('sh', ['-c', `sleep 300 > ${pipe} & echo begun > ${pipe}; wait`], {
    signal: ending.signal,
    withChildren: true,
  });
  const seen = createReadStream(pipe, 'utf8');
  const [text] = (await once(seen, 'data')) as [string];
  assert.equal(text, 'begun\n');
  const over = once(seen.resume(), 'end');
  ending.abort();
  await assert.rejects(ran, /sh was ended/);
  await over;
});
