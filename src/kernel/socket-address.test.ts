import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseIp, stringifyIp } from 'ip-bigint';
import { internetChecksum, neighbourAdvertisement } from './announce.ts';
import { parseIoStat } from './cgroup.ts';
import { parseMountinfo } from './mount.ts';
import {
  inetSockaddr,
  ipBytes,
  ipText,
  macBytes,
  macText,
  parsePrefix,
  parseSockaddr,
  unixSockaddr,
} from './socket-address.ts';
import { sysctlPath } from './sysctl.ts';

test('addresses: text to bytes and back is the canonical text', () => {
  fc.assert(fc.property(fc.ipV4(), (text) => assert.equal(ipText(ipBytes(text)), text)));
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const { number } = parseIp(text);
      const out = ipText(ipBytes(text));
      assert.equal(parseIp(out).number, number);
      assert.equal(out, stringifyIp({ number, version: 6 }));
    }),
  );
  assert.equal(ipText(ipBytes('1:0:0:2:0:0:0:3')), '1:0:0:2::3');
  assert.equal(ipText(ipBytes('0:0:0:0:0:0:0:0')), '::');
  assert.equal(ipText(ipBytes('1:0:2:3:4:5:6:7')), '1:0:2:3:4:5:6:7'); // one zero alone is not shortened
  for (const bad of ['', 'x', '1.2.3', '1.2.3.256', 'fe80::1%eth0', '1.2.3.4/8', '::g', 'localhost']) {
    assert.throws(() => ipBytes(bad), /parse address/);
  }
});

test('prefixes', () => {
  assert.deepEqual(parsePrefix('10.1.2.3/8'), { bytes: ipBytes('10.1.2.3'), prefix: 8, family: 2 });
  assert.equal(parsePrefix('fd00::1').prefix, 128);
  for (const bad of ['10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/1.5', '::/129', '/8']) {
    assert.throws(() => parsePrefix(bad), /parse address/);
  }
});

test('sockaddr structures', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(0xffff), (address, port) => {
      assert.deepEqual(parseSockaddr(inetSockaddr(address, port)), { address: ipText(ipBytes(address)), port });
    }),
  );
  assert.equal(parseSockaddr(Buffer.alloc(32)), undefined);
  assert.equal(unixSockaddr('/run/x').toString('latin1'), '\x01\0/run/x\0');
  assert.equal(unixSockaddr('@x').toString('latin1'), '\x01\0\0x');
  assert.equal(macText(macBytes('02:42:AC:11:00:02')), '02:42:ac:11:00:02');
  for (const bad of ['', '02:42:ac:11:00', '02-42-ac-11-00-02', '02:42:ac:11:00:0g']) {
    assert.throws(() => macBytes(bad), /MAC/);
  }
});

test('names of sysctls', () => {
  assert.equal(sysctlPath('net.ipv4.ip_forward'), '/proc/sys/net/ipv4/ip_forward');
  assert.equal(sysctlPath('net.ipv4.conf.eth0/5.forwarding'), '/proc/sys/net/ipv4/conf/eth0.5/forwarding');
  assert.equal(sysctlPath('net/ipv4/conf/eth0.5/forwarding'), '/proc/sys/net/ipv4/conf/eth0.5/forwarding');
  for (const bad of ['', 'net..ipv4', 'net/../x', '/etc/passwd', 'a//b'])
    assert.throws(() => sysctlPath(bad), /sysctl/);
});

test('mountinfo and io.stat', () => {
  const line = '36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n';
  assert.deepEqual(parseMountinfo(line), [
    {
      id: 36,
      parentId: 35,
      device: '98:0',
      root: '/mnt1',
      target: '/mnt/a b',
      options: ['rw', 'noatime'],
      propagation: ['master:1', 'shared:2'],
      type: 'ext3',
      source: '/dev/root',
      superOptions: ['rw', 'errors=continue'],
    },
  ]);
  assert.deepEqual(parseIoStat('8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:16\n'), [
    { major: 8, minor: 0, readBytes: 1, writeBytes: 2, reads: 3, writes: 4 },
  ]);
});

test('the checksum of an advertisement adds up', () => {
  const frame = neighbourAdvertisement(ipBytes('fd00::1'), macBytes('02:00:00:00:00:0a'));
  const body = frame.subarray(54);
  const pseudo = Buffer.concat([frame.subarray(22, 54), Buffer.from([0, 0, 0, body.length, 0, 0, 0, 58]), body]);
  assert.equal(internetChecksum(pseudo), 0);
});
