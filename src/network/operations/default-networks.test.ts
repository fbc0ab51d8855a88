import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultBridgeSpec } from './default-networks.ts';

const config = {
  bip: '',
  fixedCidr: '',
  defaultGateway: '172.17.0.9',
  bip6: '',
  fixedCidrV6: '',
  defaultGatewayV6: '',
  ipv6: false,
  icc: true,
  ipMasq: true,
  hostBindingIp: '0.0.0.0',
  mtu: 1500,
};

test('a default gateway without a subnet is refused where the subnet is chosen, and says what is missing', () => {
  const beside = { name: 'causeway0', besideDocker: true };
  assert.throws(
    () => defaultBridgeSpec(config, beside),
    /the default gateway 172\.17\.0\.9 needs --bip or --fixed-cidr where the subnet of the default bridge is chosen: beside Docker/,
  );
  assert.equal(
    defaultBridgeSpec({ ...config, bip: '172.17.0.1/16' }, beside).ipam.pools[0]?.auxAddresses['DefaultGatewayIPv4'],
    '172.17.0.9',
  );
  assert.equal(
    defaultBridgeSpec(config, { name: 'docker0', besideDocker: false }).ipam.pools[0]?.subnet,
    '172.17.0.0/16',
  );
});
