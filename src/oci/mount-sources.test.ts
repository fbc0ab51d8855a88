import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SilentMounts } from '../kernel/silent-mounts.ts';
import { MountSources } from './mount-sources.ts';

const sources = new MountSources(new SilentMounts(10_000), '/proc/self/ns/mnt');

test('a directory is made with its parents, and what is there is left alone', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'causeway-'));
  try {
    await sources.make(join(dir, 'a/b/c'));
    await sources.make(join(dir, 'a/b/c'));
    assert.ok((await stat(join(dir, 'a/b/c'))).isDirectory());
    await writeFile(join(dir, 'file'), '');
    await sources.make(join(dir, 'file'));
    await assert.rejects(sources.make(join(dir, 'file/below')), {
      kind: 'invalid',
      message: `error while creating mount source path '${dir}/file/below': stat ${dir}/file/below: not a directory`,
    });
    await symlink('nowhere', join(dir, 'link'));
    await assert.rejects(sources.make(join(dir, 'link')), {
      message: `error while creating mount source path '${dir}/link': mkdir ${dir}/link: file exists`,
    });
    await symlink('a', join(dir, 'to a'));
    assert.deepEqual(await Promise.all(['a', 'file', 'link', 'to a'].map((name) => sources.look(join(dir, name)))), [
      'directory',
      'file',
      'absent',
      'directory',
    ]);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('a place where nothing can be made is refused', async () => {
  await assert.rejects(sources.make('/proc/nosuch/deep'), {
    message:
      "error while creating mount source path '/proc/nosuch/deep': mkdir /proc/nosuch: no such file or directory",
  });
});
