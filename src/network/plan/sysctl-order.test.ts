import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inWritingOrder } from './sysctl-order.ts';

test('what is set for all interfaces is written before what is set for one', () => {
  const sysctls = {
    'net.ipv6.conf.lo.disable_ipv6': '0',
    'net.ipv6.conf.default.disable_ipv6': '0',
    'net.core.somaxconn': '9',
    'net.ipv6.conf.all.disable_ipv6': '1',
  };
  assert.deepEqual(inWritingOrder(sysctls)[0], ['net.ipv6.conf.all.disable_ipv6', '1']);
  assert.deepEqual(Object.fromEntries(inWritingOrder(sysctls)), sysctls);
});
