import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logSentence } from './log-sentence.ts';

const time = new Date(2026, 0, 2, 3, 4, 5);
const plain = { coloured: false };

test('what happened is a sentence with the time of day, and what it is about', () => {
  const fields = {
    room: 'api',
    hosts: ['unix:///a', 'tcp://b'],
    dataRoot: '/x y',
    container: 'ab'.repeat(32),
    none: undefined,
  };
  assert.equal(
    logSentence(time, 'info', 'API listen', fields, plain),
    '03:04:05 API listen (hosts unix:///a tcp://b, data root /x y, container abababababab)\n',
  );
  assert.equal(logSentence(time, 'info', 'ready', {}, plain), '03:04:05 ready\n');
});

test('what is wrong is marked, in colour where that is wanted', () => {
  assert.equal(logSentence(time, 'warning', 'w', {}, plain), '03:04:05 warning: w\n');
  assert.equal(
    logSentence(time, 'error', 'e', { error: new Error('x') }, { coloured: true }),
    '03:04:05 \u001b[31merror:\u001b[0m e (error x)\n',
  );
  assert.equal(logSentence(time, 'debug', 'd', { count: 3 }, { coloured: true }), '03:04:05 debug: d (count 3)\n');
});

test('nothing that a container is called can begin a line or move the cursor', () => {
  const line = logSentence(time, 'info', 'a\nb', { name: 'x\n03:04:06 error: \u001b[2J' }, plain);
  assert.equal(line, '03:04:05 a\\u000ab (name x\\u000a03:04:06 error: \\u001b[2J)\n');
});
