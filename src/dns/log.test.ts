import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLineLog } from './log.ts';

test('one line of JSON an event, in a file that does not grow for ever', () => {
  const dir = mkdtempSync(join(tmpdir(), 'causeway-dns-log-'));
  const path = join(dir, 'log');
  const fd = openSync(path, 'a');
  try {
    const log = createLineLog(fd);
    log.info('started', { pid: 7 });
    log.warn('odd');
    const lines = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      lines.map(({ level, msg, pid }) => [level, msg, pid]),
      [
        ['info', 'started', 7],
        ['warn', 'odd', undefined],
      ],
    );
    for (let index = 0; index < 1100; index++) log.info('x'.repeat(10_000));
    assert.ok(statSync(path).size < 9 << 20);
  } finally {
    closeSync(fd);
    rmSync(dir, { recursive: true });
  }
});
