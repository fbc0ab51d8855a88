import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openRegularFile, whenNotLeased } from '../../src/kernel/regular-file.ts';
import { Lease } from '../harness/lease.ts';

const directory = mkdtempSync(join(tmpdir(), 'cwt-file-'));
after(() => rmSync(directory, { recursive: true }));

test('a file that is kept by a lease is refused by name when patience ends, and opened when the lease does', async () => {
  const file = join(directory, 'file');
  writeFileSync(file, 'text');
  const lease = await Lease.take(file);
  const open = () => openRegularFile(directory, 'file');
  try {
    assert.throws(open, { code: 'EAGAIN' });
    await assert.rejects(whenNotLeased('/file of container web', open, 0), {
      kind: 'system',
      message:
        '/file of container web is kept by a lease of one of its processes: end that process, or try again later',
    });
    const opened = whenNotLeased('/file of container web', open);
    await lease.end();
    closeSync((await opened)!.fd);
  } finally {
    await lease.end();
  }
});
