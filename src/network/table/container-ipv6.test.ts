import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerHasIpv6, interfaceHasIpv6 } from './container-ipv6.ts';

const host = { ipv6: true };
const has = (sysctls: Record<string, string>) => containerHasIpv6({ sysctls }, host);
const option = (text: string) => ({ driverOpts: { 'com.docker.network.endpoint.sysctls': text } });

test('a container has IPv6 unless its sysctls turn it off on its loopback interface, however they are spelt', () => {
  const on: Record<string, string>[] = [
    {},
    { 'net.ipv6.conf.all.disable_ipv6': '0' },
    { 'net.ipv6.conf.default.disable_ipv6': '1' },
    { 'net.ipv6.conf.all.accept_ra': '1' },
    { 'net.ipv4.conf.all.disable_ipv6': '1' },
    { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.lo.disable_ipv6': '0' },
  ];
  const off: Record<string, string>[] = [
    { 'net.ipv6.conf.all.disable_ipv6': '1' },
    { 'net.ipv6.conf.all.disable_ipv6': ' 2\n' },
    { 'net/ipv6/conf/all/disable_ipv6': '1' },
    { 'net.ipv6.conf.lo.disable_ipv6': '1' },
    { 'net.ipv6.conf.lo.disable_ipv6': '1', 'net.ipv6.conf.all.disable_ipv6': '0' },
  ];
  for (const sysctls of on) assert.equal(has(sysctls), true, JSON.stringify(sysctls));
  for (const sysctls of off) assert.equal(has(sysctls), false, JSON.stringify(sysctls));
});

test('an interface has it where the container has, unless its own setting turns it off; the last one counts', () => {
  const at = (text: string, sysctls: Record<string, string> = {}) => interfaceHasIpv6({ sysctls }, option(text), host);
  assert.equal(interfaceHasIpv6({ sysctls: {} }, { driverOpts: {} }, host), true);
  assert.equal(at('net.ipv4.conf.IFNAME.log_martians=1'), true);
  assert.equal(at('net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.disable_ipv6=1'), false);
  assert.equal(at('net.ipv6.conf.IFNAME.disable_ipv6=1,net.ipv6.conf.IFNAME.disable_ipv6=0'), true);
  assert.equal(at('net.ipv6.conf.ifname.disable_ipv6=0', { 'net.ipv6.conf.all.disable_ipv6': '1' }), false);
});

test('where the kernel has no IPv6, nothing has', () => {
  assert.equal(containerHasIpv6({ sysctls: {} }, { ipv6: false }), false);
  assert.equal(
    interfaceHasIpv6({ sysctls: {} }, option('net.ipv6.conf.IFNAME.disable_ipv6=0'), { ipv6: false }),
    false,
  );
});
