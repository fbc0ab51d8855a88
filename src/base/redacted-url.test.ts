import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redactedUrl, redactedUrlText } from './redacted-url.ts';

test('no password is shown', () => {
  for (const [address, shown] of [
    ['http://host:5000/v2/', 'http://host:5000/v2/'],
    ['http://me@host/', 'http://me@host/'],
    ['https://me:secret@host:5000/a@b:c?d=e:f@g', 'https://me:xxxxx@host:5000/a@b:c?d=e:f@g'],
    ['http://:secret@host/', 'http://:xxxxx@host/'],
    ['http://me:se:c%40ret@host/', 'http://me:xxxxx@host/'],
  ] as const) {
    assert.equal(redactedUrl(new URL(address)), shown);
    assert.equal(redactedUrlText(address), shown);
  }
  assert.equal(
    redactedUrlText('from http://me:se@cret@ho st/ and ftp://you:word@x'),
    'from http://me:xxxxx@ho st/ and ftp://you:xxxxx@x',
  );
});
