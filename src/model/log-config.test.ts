import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLogConfig, logLimits, ringBytes } from './log-config.ts';

test("options are Docker's, and what it refuses is refused in its words", () => {
  const cases: [string, Record<string, string>, RegExp | undefined][] = [
    ['json-file', {}, undefined],
    ['json-file', { 'max-size': '10m', 'max-file': '3', compress: 'true', labels: 'a', env: 'b', tag: 'x' }, undefined],
    ['json-file', { mode: 'non-blocking', 'max-buffer-size': '4m' }, undefined],
    ['none', { anything: 'goes' }, undefined],
    ['local', { 'max-size': '1g', 'max-file': '1', compress: 'false' }, undefined],
    ['nosuch', {}, /^logger: no log driver named 'nosuch' is registered$/],
    ['constructor', {}, /^logger: no log driver named 'constructor' is registered$/],
    ['json-file', { foo: '1' }, /^unknown log opt 'foo' for json-file log driver$/],
    ['local', { tag: 'x' }, /^unknown log opt 'tag' for log driver local$/],
    ['json-file', { mode: 'fast' }, /^logger: logging mode not supported: fast$/],
    ['json-file', { 'max-buffer-size': '4m' }, /^logger: max-buffer-size option is only supported with 'mode=non-/],
    [
      'json-file',
      { mode: 'non-blocking', 'max-buffer-size': 'x' },
      /^error parsing option max-buffer-size: invalid size/,
    ],
    ['json-file', { 'max-size': '0' }, /: max-size must be a positive number$/],
    ['json-file', { 'max-size': '-1' }, /: invalid size: '-1'$/],
    ['json-file', { 'max-file': '0' }, /: max-file cannot be less than 1$/],
    ['json-file', { 'max-file': 'x' }, /: strconv.Atoi: parsing "x": invalid syntax$/],
    ['json-file', { compress: 'yes' }, /: strconv.ParseBool: parsing "yes": invalid syntax$/],
    [
      'json-file',
      { compress: 'true' },
      /: compress cannot be true when max-file is less than 2 or max-size is not set$/,
    ],
    ['local', { 'max-file': '1' }, /: compression cannot be enabled when max file count is 1$/],
    ['local', { 'max-size': 'x' }, /: invalid value for max-size: x: invalid size: 'x'$/],
  ];
  for (const [driver, options, refusal] of cases) {
    const check = () => checkLogConfig(driver, options);
    if (refusal) assert.throws(check, { message: refusal }, `${driver} ${JSON.stringify(options)}`);
    else check();
  }
});

test('a buffer is there in mode non-blocking only, a million bytes or what is asked for', () => {
  assert.equal(ringBytes({}), undefined);
  assert.equal(ringBytes({ mode: 'blocking' }), undefined);
  assert.equal(ringBytes({ mode: 'non-blocking' }), 1_000_000);
  assert.equal(ringBytes({ mode: 'non-blocking', 'max-buffer-size': '4m' }), 4 * 1024 ** 2);
});

test('sizes are decimal, and each driver has limits of its own', () => {
  assert.deepEqual(logLimits('json-file', {}), { maxBytes: Infinity, maxFiles: 1, compress: false });
  assert.equal(logLimits('json-file', { 'max-size': '1.5k' }).maxBytes, 1500);
  assert.equal(logLimits('json-file', { 'max-size': '10MB' }).maxBytes, 10_000_000);
  assert.deepEqual(logLimits('local', {}), { maxBytes: 20 * 1024 ** 2, maxFiles: 5, compress: true });
});
