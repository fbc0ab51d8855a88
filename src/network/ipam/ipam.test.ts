import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSubnet, subnetsOverlap, type Subnet } from '../../model/addresses.ts';
import { EMPTY_NETWORK_SPEC, type IpamPool, type NetworkSpec } from '../../model/network.ts';
import { needsGateway } from '../plan/network-policy.ts';
import { Ipam, SUBNET_SIZE_OPTION, SUBNET_SIZE_OPTION_V6 } from './ipam.ts';

const UNUSED = { own: [], routed: [] };
const POOL: IpamPool = { subnet: '', ipRange: '', gateway: '', auxAddresses: {} };

function spec(pools: Partial<IpamPool>[] = [], change: Partial<NetworkSpec> = {}): NetworkSpec {
  return {
    ...EMPTY_NETWORK_SPEC,
    name: 'net',
    driver: 'bridge',
    scope: 'local',
    ipam: { driver: 'default', options: null, pools: pools.map((pool) => ({ ...POOL, ...pool })) },
    ...change,
  };
}

function create(ipam: Ipam, id: string, wanted: NetworkSpec, own: Subnet[] = []): IpamPool[] {
  const pools = ipam.choosePools(wanted, { own, routed: [] });
  ipam.open({ id, name: id, pools });
  return pools;
}

test('networks without a subnet get the default pools in order, with the first address as gateway', () => {
  const ipam = new Ipam({ pools: [], needsGateway });
  assert.deepEqual(create(ipam, 'bridge', spec([{ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }])), [
    { subnet: '172.17.0.0/16', ipRange: '', gateway: '172.17.0.1', auxAddresses: {} },
  ]);
  assert.equal(create(ipam, 'a', spec())[0]!.subnet, '172.18.0.0/16');
  assert.equal(create(ipam, 'b', spec(), [parseSubnet('172.19.0.0/24')!])[0]!.subnet, '172.20.0.0/16');
  ipam.close('a');
  assert.deepEqual(create(ipam, 'c', spec())[0], {
    subnet: '172.18.0.0/16',
    ipRange: '',
    gateway: '172.18.0.1',
    auxAddresses: {},
  });
});

test('IPv6: a unique local /64, alone or with IPv4', () => {
  const ipam = new Ipam({ pools: [], hostId: 'host' });
  const [v4, v6] = create(ipam, 'dual', spec([], { enableIpv6: true }));
  assert.equal(v4!.subnet, '172.17.0.0/16');
  assert.match(v6!.subnet, /^fd.*::\/64$/);
  assert.equal(v6!.gateway, v6!.subnet.replace('/64', '1'));
  const only = create(ipam, 'only6', spec([], { enableIpv4: false, enableIpv6: true }));
  assert.equal(only.length, 1);
  assert.notEqual(only[0]!.subnet, v6!.subnet);
  assert.equal(ipam.take('only6', 6), only[0]!.subnet.replace('/64', '2'));
  assert.throws(() => ipam.take('only6', 4), { kind: 'system' });
});

test('a range, a gateway of its own and auxiliary addresses', () => {
  const ipam = new Ipam({ pools: [], needsGateway });
  const pools = create(
    ipam,
    'back',
    spec([
      {
        subnet: '10.66.0.0/24',
        ipRange: '10.66.0.128/25',
        gateway: '10.66.0.254',
        auxAddresses: { router: '10.66.0.129' },
      },
    ]),
  );
  assert.deepEqual(pools, [
    {
      subnet: '10.66.0.0/24',
      ipRange: '10.66.0.128/25',
      gateway: '10.66.0.254',
      auxAddresses: { router: '10.66.0.129' },
    },
  ]);
  assert.deepEqual([ipam.take('back', 4), ipam.take('back', 4)], ['10.66.0.128', '10.66.0.130']);
  assert.throws(() => ipam.take('back', 4, '10.66.0.254'), { message: 'Address already in use' });
  assert.deepEqual(ipam.usage('back'), [{ subnet: '10.66.0.0/24', ipsInUse: 6n, dynamicIpsAvailable: 123n }]);
  // Without one of its own, the gateway comes from the range.
  assert.equal(
    ipam.choosePools(spec([{ subnet: '10.67.0.0/24', ipRange: '10.67.0.64/26' }]), UNUSED)[0]!.gateway,
    '10.67.0.64',
  );
});

test('the words of a full network, of a stranger address and of a taken one', () => {
  const ipam = new Ipam({ pools: [], needsGateway });
  create(ipam, 'tiny', spec([{ subnet: '10.67.0.0/30' }]));
  assert.equal(ipam.take('tiny', 4), '10.67.0.2');
  assert.throws(() => ipam.take('tiny', 4), {
    message: "no available IPv4 addresses on this network's address pools: tiny (tiny)",
  });
  ipam.release('tiny', '10.67.0.2');
  ipam.release('tiny', '10.67.0.2');
  ipam.release('nosuch', '10.67.0.2');
  assert.equal(ipam.take('tiny', 4), '10.67.0.2');
  assert.throws(() => ipam.take('tiny', 4, '10.99.0.10'), {
    kind: 'invalid',
    message: "invalid address 10.99.0.10: It does not belong to any of this network's subnets",
  });
  assert.throws(() => ipam.take('tiny', 4, '10.67.0.2'), { kind: 'forbidden', message: 'Address already in use' });
  assert.throws(() => ipam.take('nosuch', 4), { kind: 'notFound' });
});

test('several pools of a network are used one after the other', () => {
  const ipam = new Ipam({ pools: [], needsGateway });
  create(
    ipam,
    'two',
    spec([{ subnet: '10.1.0.0/30' }, { subnet: '10.2.0.0/30' }], { driver: 'macvlan', options: { parent: 'eth0' } }),
  );
  assert.deepEqual([ipam.take('two', 4), ipam.take('two', 4)], ['10.1.0.2', '10.2.0.2']);
  assert.throws(() => ipam.take('two', 4), { kind: 'system' });
});

test('peers: /31, /32 and /127', () => {
  const ipam = new Ipam({ pools: [], needsGateway });
  const [peer] = create(ipam, 'p31', spec([{ subnet: '10.0.0.2/31' }]));
  assert.deepEqual([peer!.gateway, ipam.take('p31', 4)], ['10.0.0.2', '10.0.0.3']);
  const macvlan = { driver: 'macvlan', internal: true };
  assert.equal(create(ipam, 'p32', spec([{ subnet: '10.0.0.9/32' }], macvlan))[0]!.gateway, '');
  assert.equal(ipam.take('p32', 4), '10.0.0.9');
  const [peer6] = create(ipam, 'p127', spec([{ subnet: 'fd00::2/127' }], { enableIpv4: false, enableIpv6: true }));
  assert.deepEqual([peer6!.gateway, ipam.take('p127', 6)], ['fd00::2', 'fd00::3']);
});

test("refusals in Docker's words", () => {
  const ipam = new Ipam({ pools: [], needsGateway });
  create(ipam, 'back', spec([{ subnet: '10.66.0.0/24' }]));
  const refuses = (pools: Partial<IpamPool>[], kind: string, message: string, change: Partial<NetworkSpec> = {}) =>
    assert.throws(() => ipam.choosePools(spec(pools, change), UNUSED), { kind, message });
  const overlap = 'invalid pool request: Pool overlaps with other one on this address space';
  refuses([{ subnet: '10.66.0.0/25' }], 'forbidden', overlap);
  refuses([{ subnet: '10.0.0.0/8' }], 'forbidden', overlap);
  refuses([{ subnet: '10.7.0.0/24' }, { subnet: '10.7.0.0/25' }], 'forbidden', overlap);
  refuses(
    [{ subnet: '10.67.0.0/33' }],
    'invalid',
    'invalid network config:\ninvalid subnet 10.67.0.0/33: invalid CIDR block notation',
  );
  refuses(
    [{ subnet: 'banana' }],
    'invalid',
    'invalid network config:\ninvalid subnet banana: invalid CIDR block notation',
  );
  refuses(
    [{ gateway: '10.1.0.1' }],
    'invalid',
    'invalid network config:\ninvalid subnet : invalid CIDR block notation',
  );
  refuses(
    [{ subnet: '10.67.0.5/24' }],
    'invalid',
    'invalid network config:\ninvalid subnet 10.67.0.5/24: it should be 10.67.0.0/24',
  );
  refuses(
    [
      {
        subnet: '10.67.0.0/24',
        gateway: '10.68.0.1',
        ipRange: '10.68.0.0/23',
        auxAddresses: { x: 'fd00::1', y: 'nonsense' },
      },
    ],
    'invalid',
    [
      'invalid network config:',
      '* invalid ip-range 10.68.0.0/23: CIDR block is bigger than its parent subnet 10.67.0.0/24',
      "* invalid ip-range 10.68.0.0/23: parent subnet 10.67.0.0/24 doesn't contain ip-range",
      "* invalid gateway 10.68.0.1: parent subnet 10.67.0.0/24 doesn't contain this address",
      '* invalid auxiliary address x: parent subnet is an IPv4 block',
      '* invalid auxiliary address y: invalid address',
    ].join('\n'),
  );
  refuses(
    [{ subnet: '10.67.0.0/24', gateway: '10.67.0.0' }],
    'system',
    'failed to allocate gateway (10.67.0.0): Address already in use',
  );
  refuses(
    [{ subnet: '10.67.0.0/24', gateway: '10.67.0.1', auxAddresses: { a: '10.67.0.1' } }],
    'system',
    'failed to allocate secondary ip address (a:10.67.0.1): Address already in use',
  );
  refuses([], 'notFound', 'plugin "nosuch" not found', { ipam: { driver: 'nosuch', options: null, pools: [] } });
  refuses([], 'invalid', 'null ipam driver does not handle specific address pool requests', {
    ipam: { driver: 'null', options: null, pools: [{ ...POOL, subnet: '10.0.0.0/8' }] },
  });
  // A host route is no obstacle to a subnet that the user names.
  assert.equal(
    ipam.choosePools(spec([{ subnet: '10.9.0.0/24' }]), { own: [parseSubnet('10.9.0.0/16')!], routed: [] })[0]!.subnet,
    '10.9.0.0/24',
  );
});

test('without pools: host, none and the null driver', () => {
  const ipam = new Ipam({ pools: [], needsGateway });
  create(ipam, 'host', spec([], { ipam: { driver: 'null', options: null, pools: [] } }));
  assert.equal(ipam.take('host', 4), '');
});

test('networks on a wire of the host share a subnet with ranges that do not overlap, and no address is given twice', () => {
  const ipam = new Ipam({ pools: [], needsGateway: () => false, sharesSubnets: ({ driver }) => driver === 'macvlan' });
  const on = (driver: string, ipRange: string) => spec([{ subnet: '10.8.0.0/24', ipRange }], { driver });
  const add = (id: string, driver: string, ipRange: string) =>
    ipam.open({ id, name: id, driver, pools: ipam.choosePools(on(driver, ipRange), { own: [], routed: [] }) });
  const refused = {
    kind: 'forbidden',
    message: 'invalid pool request: Pool overlaps with other one on this address space',
  };
  add('low', 'macvlan', '10.8.0.0/25');
  for (const [driver, range] of [
    ['macvlan', ''],
    ['macvlan', '10.8.0.0/26'],
    ['macvlan', '10.8.0.0/24'],
    ['bridge', '10.8.0.128/25'],
  ] as const)
    assert.throws(() => add('no', driver, range), refused, `${driver} ${range}`);
  assert.throws(
    () =>
      ipam.choosePools(spec([{ subnet: '10.8.0.0/23', ipRange: '10.8.1.0/24' }], { driver: 'macvlan' }), {
        own: [],
        routed: [],
      }),
    refused,
    'another subnet around it',
  );
  add('high', 'macvlan', '10.8.0.128/25');
  assert.equal(ipam.take('low', 4), '10.8.0.1');
  assert.equal(ipam.take('low', 4, '10.8.0.129'), '10.8.0.129', 'any of the subnet can be asked for');
  assert.throws(() => ipam.take('high', 4, '10.8.0.129'), { message: 'Address already in use' });
  assert.equal(ipam.take('high', 4), '10.8.0.128');
  assert.equal(ipam.take('high', 4), '10.8.0.130', 'the other network has the one between');
  ipam.release('low', '10.8.0.129');
  assert.equal(ipam.take('high', 4), '10.8.0.129');
});

test('when no subnet is left the error names the users of the subnets and what to do', () => {
  const ipam = new Ipam({ pools: [{ base: '10.5.0.0/23', size: 24 }] });
  create(ipam, 'one', spec());
  assert.throws(
    () => ipam.choosePools(spec(), { own: [parseSubnet('10.5.1.0/28')!, parseSubnet('10.5.0.0/24')!], routed: [] }),
    {
      kind: 'invalid',
      message:
        'all predefined address pools have been fully subnetted: held by one (10.5.0.0/24); in use on this host: 10.5.1.0/28. ' +
        'Remove networks that nobody uses (docker network prune), give this one a --subnet, or add a pool with ' +
        '--default-address-pool base=10.201.0.0/16,size=24 (in daemon.json: "default-address-pools")',
    },
  );
});

test('what the host routes to is chosen last, what it is in never', () => {
  const ipam = new Ipam({ pools: [{ base: '10.5.0.0/22', size: 24 }] });
  const subnets = (...texts: string[]) => texts.map((text) => parseSubnet(text)!);
  const next = (own: string[], routed: string[]) => {
    const pools = ipam.choosePools(spec(), { own: subnets(...own), routed: subnets(...routed) });
    ipam.open({ id: pools[0]!.subnet, name: 'n', pools });
    return pools[0]!.subnet;
  };
  assert.equal(next(['10.5.0.0/24'], ['10.5.1.0/24']), '10.5.2.0/24');
  // A VPN that takes everything: two routes, as OpenVPN makes them.
  assert.equal(next([], ['0.0.0.0/1', '128.0.0.0/1']), '10.5.0.0/24');
  assert.equal(next([], ['10.5.1.0/24']), '10.5.3.0/24');
  assert.equal(next([], ['10.5.1.0/24']), '10.5.1.0/24');
  assert.throws(() => next([], []), /fully subnetted/);
});

test('a recreated network gets its old subnet unless it is in use', () => {
  const ipam = new Ipam({ pools: [], hostId: 'host' });
  const dual = spec([{ subnet: '172.17.0.0/16' }], { enableIpv6: true });
  const [v4, v6] = create(ipam, 'a', dual);
  ipam.close('a');
  const own = { own: [parseSubnet(v6!.subnet)!], routed: [] }; // its bridge is there still
  assert.deepEqual(ipam.choosePools(dual, own, [v4!, v6!]), [v4, v6]);
  create(ipam, 'b', spec([], { enableIpv4: false, enableIpv6: true }));
  assert.notEqual(ipam.choosePools(dual, own, [v4!, v6!])[1]!.subnet, v6!.subnet);
});

test('small subnets by an option', () => {
  const ipam = new Ipam({ pools: [], needsGateway });
  const small = (size: string) =>
    spec([], { ipam: { driver: 'default', options: { [SUBNET_SIZE_OPTION]: size }, pools: [] } });
  assert.equal(create(ipam, 'a', small('28'))[0]!.subnet, '172.17.0.0/28');
  assert.equal(create(ipam, 'b', small('28'))[0]!.subnet, '172.17.0.16/28');
  assert.equal(create(ipam, 'c', spec())[0]!.subnet, '172.18.0.0/16');
  assert.throws(() => ipam.choosePools(small('many'), UNUSED), /not a prefix length/);
  const six = spec([], {
    enableIpv4: false,
    enableIpv6: true,
    ipam: { driver: 'default', options: { [SUBNET_SIZE_OPTION_V6]: '112' }, pools: [] },
  });
  const [first, second] = [create(ipam, 'd', six)[0]!.subnet, create(ipam, 'e', six)[0]!.subnet];
  assert.match(first, /^fd.*::\/112$/);
  assert.equal(second, first.replace('::/112', '::1:0/112'));
});

test('an address asked for with --ip is kept while its container is stopped', () => {
  const ipam = new Ipam({ pools: [], needsGateway });
  create(ipam, 'net', spec([{ subnet: '10.1.0.0/29' }]));
  ipam.take('net', 4, '10.1.0.2');
  ipam.reserve('net', '10.1.0.2', 'container');
  ipam.release('net', '10.1.0.2');
  assert.equal(ipam.take('net', 4), '10.1.0.3');
  assert.equal(ipam.isTaken('net', '10.1.0.2'), false);
  ipam.unreserve('net', '10.1.0.2', 'container');
  assert.equal(ipam.take('net', 4), '10.1.0.2');
});

test('no gateway where it has no use', () => {
  const ipam = new Ipam({ pools: [], needsGateway });
  const gateway = (change: Partial<NetworkSpec>) =>
    ipam.choosePools(spec([{ subnet: '10.1.0.0/24' }], change), UNUSED)[0]!.gateway;
  assert.equal(gateway({ internal: true }), '10.1.0.1');
  assert.equal(gateway({ internal: true, options: { 'com.docker.network.bridge.inhibit_ipv4': 'true' } }), '');
  assert.equal(gateway({ internal: true, options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' } }), '');
  const parent = { parent: 'eth0' };
  assert.equal(gateway({ driver: 'macvlan', internal: true, options: parent }), '');
  assert.equal(gateway({ driver: 'macvlan' }), '');
  assert.equal(gateway({ driver: 'macvlan', options: parent }), '10.1.0.1');
  assert.equal(gateway({ driver: 'ipvlan', options: { ...parent, ipvlan_mode: 'l3s' } }), '');
  assert.equal(gateway({ driver: 'ipvlan', options: parent }), '10.1.0.1');
});

test('any sequence of networks and endpoints: no overlap, no address twice, nothing lost', () => {
  const operation = fc.oneof(
    fc.record({
      kind: fc.constant('create' as const),
      network: fc.nat(5),
      wanted: fc.constantFrom('', '10.0.0.0/29', '10.0.0.8/29', '10.0.0.0/28', '10.0.1.0/30'),
    }),
    fc.record({ kind: fc.constant('remove' as const), network: fc.nat(5) }),
    fc.record({ kind: fc.constant('take' as const), network: fc.nat(5), endpoint: fc.nat(20), host: fc.nat(12) }),
    fc.record({ kind: fc.constant('release' as const), endpoint: fc.nat(20) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const ipam = new Ipam({ pools: [{ base: '10.0.2.0/27', size: 29 }] });
      const networks = new Map<string, IpamPool[]>();
      const given = new Map<string, { network: string; address: string }>();
      for (const step of operations) {
        const id = 'network' in step ? `n${step.network}` : '';
        if (step.kind === 'create' && !networks.has(id)) {
          try {
            networks.set(id, create(ipam, id, spec(step.wanted === '' ? [] : [{ subnet: step.wanted }])));
          } catch (error) {
            assert.match(String(error), /overlaps|fully subnetted/);
          }
        } else if (step.kind === 'remove' && ![...given.values()].some(({ network }) => network === id)) {
          ipam.close(id);
          networks.delete(id);
        } else if (step.kind === 'take' && networks.has(id) && !given.has(String(step.endpoint))) {
          const { first } = parseSubnet(networks.get(id)![0]!.subnet)!;
          const wanted =
            step.host === 0
              ? undefined
              : [24n, 16n, 8n, 0n].map((shift) => ((first + BigInt(step.host)) >> shift) & 255n).join('.');
          try {
            given.set(String(step.endpoint), { network: id, address: ipam.take(id, 4, wanted) });
          } catch (error) {
            assert.match(String(error), /in use|no available|does not belong/);
          }
        } else if (step.kind === 'release') {
          const endpoint = given.get(String(step.endpoint));
          if (endpoint) ipam.release(endpoint.network, endpoint.address);
          given.delete(String(step.endpoint));
        }
        const subnets = [...networks.values()].map(([pool]) => parseSubnet(pool!.subnet)!);
        for (const [index, subnet] of subnets.entries()) {
          assert.ok(!subnets.slice(index + 1).some((other) => subnetsOverlap(other, subnet)));
        }
        const addresses = [...given.values()].map(({ address }) => address);
        assert.equal(new Set(addresses).size, addresses.length);
        for (const { network, address } of given.values()) assert.notEqual(networks.get(network)![0]!.gateway, address);
        for (const [network, [pool]] of networks) {
          const mine = addresses.filter((address) =>
            [...given.values()].some((g) => g.network === network && g.address === address),
          );
          assert.equal(ipam.usage(network)[0]!.ipsInUse, BigInt(mine.length + 3), pool!.subnet);
        }
      }
    }),
  );
});
