import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiVersionNumber, isOlderApi } from './api-version.ts';

test('versions compare by number, not by text', () => {
  const rising = ['0', '0.9', '1', '1.2', '1.9', '1.10', '1.24', '1.51', '1.100', '2.0', '10.1'];
  for (const [at, version] of rising.entries()) {
    for (const [other, than] of rising.entries())
      assert.equal(isOlderApi(version, than), at < other, `${version} older than ${than}`);
  }
  assert.equal(apiVersionNumber('1.44.7'), apiVersionNumber('1.44'), 'a patch level has no shape of its own');
  assert.equal(apiVersionNumber('1.'), apiVersionNumber('1'));
});

test('what is no version is neither older nor newer', () => {
  for (const text of ['', '.', 'x', '1.x', 'v1.44', '1e3', ' 1.44', '-1', '1.-4', '0x1', 'NaN']) {
    assert.ok(Number.isNaN(apiVersionNumber(text)), text);
    assert.equal(isOlderApi(text, '1.44'), false, text);
    assert.equal(isOlderApi('1.44', text), false, text);
  }
});
