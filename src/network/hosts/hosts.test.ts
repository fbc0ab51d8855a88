import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkEntries, renderHosts, type HostsModel } from './hosts.ts';

const STANDARD = `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::	ip6-localnet
ff00::	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
`;
const EMPTY: HostsModel = { extraHosts: [], links: [], addresses: [], hostname: '', domainname: '' };
const render = (change: Partial<HostsModel>) => renderHosts({ ...EMPTY, ...change });

test('as real Docker wrote them', () => {
  assert.equal(render({ hostname: '0123456789ab' }), STANDARD); // --network none
  assert.equal(
    render({
      hostname: 'c0ffee000002',
      addresses: ['172.17.0.4'],
      links: linkEntries({
        alias: 'db',
        sourceName: 'db',
        sourceHostname: 'c0ffee000001',
        ipv4: '172.17.0.3',
        ipv6: '',
      }),
    }),
    `${STANDARD}172.17.0.3\tdb c0ffee000001\n172.17.0.4\tc0ffee000002\n`,
  );
  assert.equal(
    render({ hostname: 'box', domainname: 'example.com', addresses: ['172.17.0.2'] }),
    `${STANDARD}172.17.0.2\tbox.example.com box\n`,
  );
  assert.equal(
    render({ hostname: 'box.example.com', addresses: ['172.17.0.2', 'fd00::2', '172.18.0.2'] }),
    `${STANDARD}172.17.0.2\tbox.example.com box\nfd00::2\tbox.example.com box\n172.18.0.2\tbox.example.com box\n`,
  );
  assert.equal(
    render({
      hostname: 'h',
      addresses: ['172.17.0.2'],
      extraHosts: [
        { address: '10.1.2.3', names: ['extra'] },
        { address: 'fd00:0::6', names: ['six'] },
      ],
    }),
    `${STANDARD}10.1.2.3\textra\nfd00::6\tsix\n172.17.0.2\th\n`,
  );
});

test('a link under another alias also has the name, and a line for each IP version', () => {
  assert.deepEqual(
    linkEntries({
      alias: 'm',
      sourceName: 'multi',
      sourceHostname: 'c0ffee000001',
      ipv4: '172.17.0.2',
      ipv6: 'fd00::2',
    }),
    [
      { address: '172.17.0.2', names: ['m', 'c0ffee000001', 'multi'] },
      { address: 'fd00::2', names: ['m', 'c0ffee000001', 'multi'] },
    ],
  );
});

test('without IPv6 no line has it', () => {
  const model = {
    hostname: 'h',
    addresses: ['10.0.0.2', 'fd00::2'],
    extraHosts: [{ address: 'fd00::6', names: ['six'] }],
  };
  assert.equal(render({ ...model, ipv6: false }), '127.0.0.1\tlocalhost\n10.0.0.2\th\n');
});
