import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJsonText } from './json-text.ts';

test('what is nested deeply is refused, brackets in strings and side by side do not count', () => {
  const nested = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)},"b":"${' '.repeat(500)}"}`;
  assert.doesNotThrow(() => parseJsonText(nested(199)));
  assert.throws(() => parseJsonText(nested(200)), { name: 'SyntaxError', message: 'nested deeper than 200 values' });
  assert.throws(() => parseJsonText('{"a":'.repeat(5_000_000)), { message: 'nested deeper than 200 values' });
  assert.deepEqual(parseJsonText(JSON.stringify({ text: '[\\"[{'.repeat(1000) })), { text: '[\\"[{'.repeat(1000) });
  assert.equal((parseJsonText(`[${'[],'.repeat(1000)}1]`) as unknown[]).length, 1001);
  assert.throws(() => parseJsonText(`"${'x'.repeat(1000)}`), SyntaxError);
});
