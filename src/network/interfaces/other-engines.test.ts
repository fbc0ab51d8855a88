import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foreignBridges, type LinkFacts } from './other-engines.ts';
import { hostInterfaceMac, hostInterfaceName, isHostInterface } from './interface-name.ts';

const link = (index: number, name: string, kind: string, masterIndex = 0): LinkFacts => ({
  index,
  name,
  kind,
  masterIndex,
});

test("bridges of other engines are told by their names, and Docker's by their ports too; ours and a user's are not among them", () => {
  const links = [
    link(1, 'lo', ''),
    link(2, 'docker0', 'bridge'),
    link(3, 'br-0123456789ab', 'bridge'),
    link(4, 'podman0', 'bridge'),
    link(5, 'virbr0', 'bridge'),
    link(6, 'br0', 'bridge'), // a bridge of the user's
    link(7, 'shop', 'bridge'), // com.docker.network.bridge.name=shop
    link(8, 'veth0a1b2c3', 'veth', 7),
    link(9, 'vnet0', 'tun', 6),
    link(10, 'br-ba9876543210', 'bridge'), // the engine's
    link(11, 'veth0a1b2c4', 'veth', 10),
    link(12, 'podman1', 'dummy'),
  ];
  const found = foreignBridges(links, (name) => name === 'br-ba9876543210');
  assert.deepEqual(
    found.map(({ name, engine }) => [name, engine]),
    [
      ['docker0', 'Docker'],
      ['br-0123456789ab', 'Docker'],
      ['podman0', 'podman'],
      ['virbr0', 'libvirt'],
      ['shop', 'Docker'],
    ],
  );
});

test("an interface is the engine's by its address, which follows from its name; Docker's name of the same form is not enough", () => {
  const name = hostInterfaceName('abcdef0123456789');
  assert.equal(name, 'vethabcdef0');
  assert.equal(hostInterfaceMac(name), '06:ca:0a:bc:de:f0');
  assert.ok(isHostInterface(name, hostInterfaceMac(name)));
  assert.ok(!isHostInterface(name, '26:5d:0f:11:22:33'));
  assert.ok(!isHostInterface('veth1', hostInterfaceMac('veth1')));
});
