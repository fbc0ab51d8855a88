import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHostDirectory } from './host-directory.ts';

test('a directory is made with its parents, and what is there is left alone', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'causeway-'));
  try {
    await makeHostDirectory(join(dir, 'a/b/c'));
    await makeHostDirectory(join(dir, 'a/b/c'));
    assert.ok((await stat(join(dir, 'a/b/c'))).isDirectory());
    await writeFile(join(dir, 'file'), '');
    await makeHostDirectory(join(dir, 'file'));
    await assert.rejects(makeHostDirectory(join(dir, 'file/below')), /error while creating mount source path '.*file\/below'/);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('a place where nothing can be made is refused, at once', { timeout: 5000 }, async () => {
  await assert.rejects(makeHostDirectory('/proc/nosuch/deep'), /error while creating mount source path '\/proc\/nosuch\/deep'/);
});
