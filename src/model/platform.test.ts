import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPlatform, HOST_PLATFORM, parsePlatform, rankPlatform } from './platform.ts';

test('platforms as users write them', () => {
  assert.deepEqual(parsePlatform(''), HOST_PLATFORM);
  assert.deepEqual(parsePlatform('linux/arm64/v8'), { os: 'linux', architecture: 'arm64', variant: 'v8' });
  assert.deepEqual(parsePlatform('linux/aarch64'), { os: 'linux', architecture: 'arm64', variant: '' });
  assert.deepEqual(parsePlatform('x86_64'), { os: 'linux', architecture: 'amd64', variant: '' });
  assert.deepEqual(parsePlatform('linux'), HOST_PLATFORM);
  assert.equal(formatPlatform(parsePlatform('Linux/ARM/v7')), 'linux/arm/v7');
  assert.throws(() => parsePlatform('a/b/c/d'), { kind: 'invalid' });
  assert.throws(() => parsePlatform('linux/'), { kind: 'invalid' });
});

test('the best of what is offered', () => {
  const best = (wanted: string, ...offered: string[]) =>
    offered
      .filter((one) => rankPlatform(parsePlatform(one), parsePlatform(wanted)) > 0)
      .sort(
        (a, b) =>
          rankPlatform(parsePlatform(b), parsePlatform(wanted)) - rankPlatform(parsePlatform(a), parsePlatform(wanted)),
      )[0];
  assert.equal(best('linux/amd64', 'linux/arm64', 'windows/amd64', 'linux/amd64', 'linux/amd64/v3'), 'linux/amd64');
  assert.equal(best('linux/arm64', 'linux/arm/v7', 'linux/arm64/v8'), 'linux/arm64/v8');
  assert.equal(best('linux/arm/v7', 'linux/arm/v5', 'linux/arm/v6', 'linux/arm/v8'), 'linux/arm/v6');
  assert.equal(best('linux/arm', 'linux/arm/v5', 'linux/arm/v7'), 'linux/arm/v7');
  assert.equal(best('linux/s390x', 'linux/amd64', 'unknown/unknown'), undefined);
});
