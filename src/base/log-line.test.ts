import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logLine } from './log-line.ts';

const at = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6));

test('a line of text has time, level, message and fields, with quotes where they are needed', () => {
  assert.equal(
    logLine(at, 'warning', 'API listen', { host: 'unix:///run/x.sock', count: 3, names: ['a b'], nothing: undefined }),
    'time="2026-01-02T03:04:05.006Z" level=warning msg="API listen" host="unix:///run/x.sock" count=3 names="[\\"a b\\"]"\n',
  );
  assert.match(logLine(at, 'error', 'x', { error: new Error('went wrong'), big: 1n }), / error="went wrong" big=/);
});

test('no value begins a line or ends its quotes', () => {
  const hostile = 'a"\nlevel=error msg="b\u2028\u0085\u001b[31m';
  const line = logLine(at, 'info', hostile, { 'na me\n': hostile });
  assert.equal(line.split(/[\n\u2028\u0085]/).length, 2);
  assert.ok(!line.includes('\u001b'));
  assert.match(line, / na_me_="/);
});
