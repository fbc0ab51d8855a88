import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLogTime, parseTimestampNs } from './timestamps.ts';

test('times of query parameters', () => {
  const cases: [string, bigint][] = [
    ['', 0n],
    ['0', 0n],
    ['1700000000', 1_700_000_000_000_000_000n],
    ['1700000000.5', 1_700_000_000_500_000_000n],
    ['1700000000.000000001', 1_700_000_000_000_000_001n],
    ['1700000000.1234567899', 1_700_000_000_123_456_789n],
    ['2023-11-14T22:13:20Z', 1_700_000_000_000_000_000n],
    ['2023-11-14T22:13:20.000000007Z', 1_700_000_000_000_000_007n],
    ['2023-11-15T00:13:20+02:00', 1_700_000_000_000_000_000n],
  ];
  for (const [text, ns] of cases) assert.equal(parseTimestampNs(text, 'since'), ns, text);
  assert.throws(() => parseTimestampNs('yesterday', 'since'), /failed to parse value as time or duration: "yesterday"/);
});

test('log times always have nine digits', () => {
  assert.equal(formatLogTime(1_700_000_000_000_000_007n), '2023-11-14T22:13:20.000000007Z');
  assert.equal(formatLogTime(1_700_000_000_000_000_000n), '2023-11-14T22:13:20.000000000Z');
});
