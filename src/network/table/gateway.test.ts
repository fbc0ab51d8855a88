import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_ENDPOINT_SPEC, type Endpoint } from '../../model/endpoint.ts';
import { chooseGateways, compareForGateway } from './gateway.ts';
import { nextInterfaceName } from '../interfaces/interface-name.ts';
import { bridgeMac, endpointMac } from '../interfaces/mac.ts';
import { assignPublished } from './published.ts';
import { planRoutes } from '../plan/routes.ts';

function endpoint(name: string, more: Partial<Endpoint> & { gwPriority?: number } = {}): Endpoint {
  const { gwPriority = 0, ...rest } = more;
  return {
    id: `id-of-${name}`,
    networkId: `network-${name}`,
    networkName: name,
    containerId: 'c',
    ifname: `eth-${name}`,
    hostIfname: '',
    mac: '',
    ipv4: '10.0.0.2',
    prefix4: 24,
    ipv6: '',
    prefix6: 0,
    gateway4: '10.0.0.1',
    gateway6: '',
    dnsNames: [],
    spec: { ...EMPTY_ENDPOINT_SPEC, gwPriority },
    published: [],
    ...rest,
  };
}

const six = { ipv6: 'fd00::2', prefix6: 64, gateway6: 'fd00::1' };
const inside = { gateway4: '' };
const names = (choice: ReturnType<typeof chooseGateways>) => [choice.v4?.networkName, choice.v6?.networkName];

test('the default gateway: priority, then the name; one network for both families where there is one', () => {
  assert.deepEqual(names(chooseGateways([])), [undefined, undefined]);
  assert.deepEqual(names(chooseGateways([endpoint('b'), endpoint('a')])), ['a', undefined]);
  assert.deepEqual(names(chooseGateways([endpoint('b', { gwPriority: 1 }), endpoint('a')])), ['b', undefined]);
  assert.deepEqual(names(chooseGateways([endpoint('b', { gwPriority: -1 }), endpoint('c')])), ['c', undefined]);
  assert.deepEqual(names(chooseGateways([endpoint('a', inside), endpoint('b')])), ['b', undefined]);
  assert.deepEqual(names(chooseGateways([endpoint('a'), endpoint('b', six)])), ['b', 'b']);
  assert.deepEqual(names(chooseGateways([endpoint('a'), endpoint('b', { ...six, gateway4: '', ipv4: '' })])), [
    'a',
    'b',
  ]);
  assert.deepEqual(
    names(chooseGateways([endpoint('a', { gwPriority: 1 }), endpoint('b', six)])),
    ['a', 'b'],
    'a priority that was asked for counts, for what it can give',
  );
});

test('interfaces are numbered in that order, those that lead nowhere last', () => {
  const order = [
    endpoint('bridge'),
    endpoint('a', inside),
    endpoint('back'),
    endpoint('dual', six),
    endpoint('first', { ...inside, gwPriority: 1 }),
  ];
  assert.deepEqual(
    order.toSorted(compareForGateway).map((one) => one.networkName),
    ['first', 'dual', 'back', 'bridge', 'a'],
  );
  assert.equal(nextInterfaceName([]), 'eth0');
  assert.equal(nextInterfaceName(['eth0', 'eth2']), 'eth1');
  assert.equal(nextInterfaceName(['eth0'], 'net'), 'net0');
});

test('routes change only with the gateway, and an interface that is gone takes its own along', () => {
  const a = endpoint('a');
  const b = endpoint('b');
  assert.deepEqual(planRoutes('ns', [b], [b, endpoint('c')]), []);
  assert.deepEqual(
    planRoutes('ns', [b], [b, a]).map((step) => step.kind),
    ['delete-route', 'add-route'],
  );
  assert.deepEqual(
    planRoutes('ns', [a, b], [b]).map((step) => step.kind),
    ['add-route'],
  );
  assert.deepEqual(
    planRoutes('ns', [a, b], [b], [a, b]).map((step) => step.kind),
    ['delete-route', 'add-route'],
  );
  assert.deepEqual(planRoutes('ns', [a], []), []);
  const alone = endpoint('p', { prefix4: 32 });
  assert.deepEqual(
    planRoutes('ns', [], [alone]).map((step) => step.kind === 'add-route' && step.destination),
    ['10.0.0.1/32', ''],
  );
});

test('published ports are shown on the gateway of their family', () => {
  const ports = [
    { hostIp: '0.0.0.0', hostPort: 80, port: 80, protocol: 'tcp' as const },
    { hostIp: '::', hostPort: 80, port: 80, protocol: 'tcp' as const },
  ];
  const shown = (endpoints: Endpoint[]) =>
    assignPublished(endpoints, ports).map((one) => one.published.map((port) => port.hostIp));
  assert.deepEqual(shown([endpoint('b'), endpoint('a')]), [[], ['0.0.0.0', '::']]);
  assert.deepEqual(shown([endpoint('a'), endpoint('b', { ...six, gateway4: '', ipv4: '' })]), [['0.0.0.0'], ['::']]);
  assert.deepEqual(shown([endpoint('a', inside)]), [[]]);
  const kept = endpoint('a');
  assert.equal(assignPublished([kept], [])[0], kept, 'unchanged endpoints are the same objects');
});

test('hardware addresses are local, of one station, and follow from the id', () => {
  assert.equal(endpointMac('0a1b2c3d4e5f60'), '0a:1b:2c:3d:4e:5f');
  assert.equal(endpointMac('ff1b2c3d4e5f60'), 'fe:1b:2c:3d:4e:5f');
  assert.equal(endpointMac('010000000000'), '02:00:00:00:00:00');
  assert.equal(bridgeMac('ffffffffff'), '02:42:ff:ff:ff:ff');
});
