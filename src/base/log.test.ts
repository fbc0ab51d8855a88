import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLog, type LogLevel } from './log.ts';

for (const format of ['json', 'text'] as const) {
  test(`the level of a log of ${format} may change, for its children too`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'cwt-log-'));
    const fd = openSync(join(directory, 'log'), 'w');
    try {
      const settings: { level: LogLevel; format: 'json' | 'text' } = { level: 'warn', format };
      const log = createLog(settings, fd);
      const child = log.child({ room: 'here' });
      const say = () => {
        log.debug({}, 'one');
        child.info({ a: 1 }, 'two');
        child.warn({}, 'three');
      };
      say();
      settings.level = 'debug';
      say();
      settings.level = 'fatal';
      say();
      const lines = readFileSync(join(directory, 'log'), 'utf8').trimEnd().split('\n');
      assert.deepEqual(
        lines.map((line) => /(one|two|three)/.exec(line)?.[0]),
        ['three', 'one', 'two', 'three'],
      );
      assert.match(lines[2]!, format === 'text' ? / room=here a=1$/ : /"room":"here","a":1/);
    } finally {
      closeSync(fd);
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
