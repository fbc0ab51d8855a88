import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readNote, writeNote } from './container-note.ts';

test('a note that is damaged counts as none, and is put aside', () => {
  const dir = mkdtempSync(join(tmpdir(), 'causeway-'));
  const file = join(dir, 'note.json');
  try {
    const note = {
      id: 'a',
      bundle: '/b',
      runtime: 'crun',
      tty: false,
      openStdin: false,
      stdinOnce: false,
      cgroupsPath: '/c/a',
    };
    writeNote(file, note);
    assert.deepEqual(readNote(file), note);
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '{"id":"a"}',
      JSON.stringify({ ...note, bundle: 7 }),
      JSON.stringify(note).slice(0, -1),
    ]) {
      writeFileSync(file, text);
      assert.equal(readNote(file), undefined, text);
      assert.ok(!existsSync(file) && existsSync(`${file}.damaged`));
    }
    assert.equal(readNote(file), undefined);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
