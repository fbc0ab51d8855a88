import assert from 'node:assert/strict';
import test from 'node:test';
import { isKernelError } from '../../src/kernel/errors.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { ip, run, throwawayDirectory, throwawayNetns } from './throwaway.ts';

const directory = throwawayDirectory();

function hostAndContainer() {
  const host = throwawayNetns(directory);
  const container = throwawayNetns(directory);
  return { host, container, routes: RouteSocket.open(host), inside: RouteSocket.open(container) };
}

test('bridge, veth into another namespace, address, route: as ip sees them', () => {
  const { host, container, routes, inside } = hostAndContainer();
  routes.addBridge('br0', {
    mac: '02:42:0a:00:00:01',
    mtu: 1400,
    up: true,
    multicastSnooping: false,
    alias: 'net one',
  });
  routes.addAddress('br0', '10.1.0.1/16');
  routes.addVeth({
    name: 'veth1',
    peerName: 'eth0',
    peerNetns: container,
    mtu: 1400,
    up: true,
    master: 'br0',
    mac: '02:42:0a:00:00:aa',
    peerMac: '02:42:0a:01:00:02',
  });
  inside.batch(() => {
    inside.setLink('eth0', { up: true });
    inside.addAddress('eth0', '10.1.0.2/16');
    inside.addAddress('eth0', 'fd00:1::2/64', { noDad: true });
    inside.addRoute({ gateway: '10.1.0.1' });
    inside.addRoute({ gateway: 'fd00:1::1' });
    inside.addRoute({ destination: '10.99.0.0/16', gateway: '10.1.0.9', metric: 7, source: '10.1.0.2' });
  });

  const [bridge] = ip(host, 'link', 'show', 'br0');
  assert.equal(bridge.linkinfo.info_kind, 'bridge');
  assert.equal(bridge.linkinfo.info_data.mcast_snooping, 0);
  assert.equal(bridge.address, '02:42:0a:00:00:01');
  assert.equal(bridge.mtu, 1400);
  assert.equal(bridge.ifalias, 'net one');
  const [near] = ip(host, 'link', 'show', 'veth1');
  assert.equal(near.master, 'br0');
  assert.equal(near.address, '02:42:0a:00:00:aa');
  assert.ok(near.flags.includes('UP') && near.flags.includes('LOWER_UP'));
  const [far] = ip(container, 'addr', 'show', 'eth0');
  assert.equal(far.address, '02:42:0a:01:00:02');
  assert.equal(far.mtu, 1400);
  const v4 = far.addr_info.find((entry: { family: string }) => entry.family === 'inet');
  assert.deepEqual([v4.local, v4.prefixlen, v4.broadcast, v4.scope], ['10.1.0.2', 16, '10.1.255.255', 'global']);
  assert.ok(
    far.addr_info.some((entry: { local: string; nodad?: boolean }) => entry.local === 'fd00:1::2' && entry.nodad),
  );
  const table = ip(container, 'route', 'show');
  assert.deepEqual(
    table
      .map((route: Record<string, unknown>) => [route['dst'], route['gateway'], route['metric'], route['prefsrc']])
      .sort(),
    [
      ['10.1.0.0/16', undefined, undefined, '10.1.0.2'],
      ['10.99.0.0/16', '10.1.0.9', 7, '10.1.0.2'],
      ['default', '10.1.0.1', undefined, undefined],
    ],
  );
  assert.equal(ip(container, '-6', 'route', 'show', 'default')[0].gateway, 'fd00:1::1');

  // The same through our own eyes.
  const info = routes.link('veth1')!;
  assert.equal(info.kind, 'veth');
  assert.equal(info.up, true);
  assert.equal(info.masterIndex, routes.link('br0')!.index);
  assert.equal(info.peerIndex, inside.link('eth0')!.index);
  assert.equal(routes.link(info.index)!.name, 'veth1');
  assert.equal(routes.link('nope'), undefined);
  assert.equal(routes.link('a-name-that-is-too-long'), undefined);
  assert.deepEqual(
    routes.links().map(({ name }) => name),
    ['lo', 'br0', 'veth1'],
  );
  assert.equal(routes.link('br0')!.alias, 'net one');
  assert.equal(inside.addresses('eth0').find(({ version }) => version === 4)!.broadcast, '10.1.255.255');
  assert.deepEqual(
    inside.addresses('lo').map(({ address, prefix, scope }) => [address, prefix, scope]),
    [
      ['127.0.0.1', 8, 'host'],
      ['::1', 128, 'host'],
    ],
  );
  assert.equal(inside.routeTo('10.99.1.1').gateway, '10.1.0.9');
  assert.throws(
    () => routes.routeTo('192.0.2.1'),
    (error) => isKernelError(error, 'ENETUNREACH'),
  );

  run(container, 'ping', '-c1', '-W2', '10.1.0.1');
  assert.ok(routes.statistics('veth1').rxPackets > 0);
  assert.ok(
    inside
      .neighbours({ link: 'eth0', version: 4 })
      .some(({ address, mac }) => address === '10.1.0.1' && mac === '02:42:0a:00:00:01'),
  );
  routes.close();
  inside.close();
});

test('links change: up, master, name, mtu, mac, namespace, bridge port options', () => {
  const { host, container, routes, inside } = hostAndContainer();
  routes.addBridge('br0', { up: true });
  routes.addVeth({ name: 'a', peerName: 'b' });
  routes.setLink('a', { master: 'br0', up: true, mtu: 1300, mac: '02:00:00:00:00:07', hairpin: true, isolated: true });
  let [link] = ip(host, 'link', 'show', 'a');
  assert.equal(link.master, 'br0');
  assert.equal(link.mtu, 1300);
  assert.equal(link.address, '02:00:00:00:00:07');
  assert.equal(link.linkinfo.info_slave_data.hairpin, true);
  assert.equal(link.linkinfo.info_slave_data.isolated, true);
  assert.deepEqual(routes.link('a')!.port, { hairpin: true, isolated: true, learning: true });
  routes.setLink('a', { master: null, up: false });
  routes.setLink('a', { newName: 'renamed', alias: 'x' });
  [link] = ip(host, 'link', 'show', 'renamed');
  assert.equal(link.master, undefined);
  assert.ok(!link.flags.includes('UP'));
  routes.setLink('b', { netns: container, newName: 'eth7' });
  assert.equal(ip(container, 'link', 'show', 'eth7')[0].ifname, 'eth7');
  assert.equal(routes.link('b'), undefined);
  inside.deleteLink('eth7');
  assert.equal(routes.link('renamed'), undefined, 'the peer goes too');
  routes.close();
  inside.close();
});

test('macvlan and vxlan; kinds that this kernel lacks are refused in its words', () => {
  const { host, container, routes, inside } = hostAndContainer();
  routes.addVeth({ name: 'up0', peerName: 'up1', up: true });
  for (const mode of ['bridge', 'private', 'vepa'] as const) {
    routes.addMacvlan({
      name: `mac${mode}`,
      parent: 'up0',
      mode,
      netns: container,
      mac: '02:00:00:00:00:31',
      mtu: 1200,
    });
    const [link] = ip(container, 'link', 'show', `mac${mode}`);
    assert.equal(link.linkinfo.info_data.mode, mode);
    assert.equal(link.mtu, 1200);
    assert.equal(inside.link(`mac${mode}`)!.mode, mode);
    inside.deleteLink(`mac${mode}`);
  }
  routes.addVxlan({ name: 'vx0', vni: 77, port: 4790, local: '10.0.0.1', learning: false });
  const { info_data: vxlan } = ip(host, 'link', 'show', 'vx0')[0].linkinfo;
  assert.deepEqual([vxlan.id, vxlan.port, vxlan.local, vxlan.learning], [77, 4790, '10.0.0.1', false]);
  assert.equal(routes.link('vx0')!.vni, 77);
  routes.setLink('vx0', { up: true });
  routes.addForwarding('vx0', '00:00:00:00:00:00', '192.0.2.7');
  routes.addForwarding('vx0', '00:00:00:00:00:00', '192.0.2.8');
  assert.match(run(host, 'bridge', 'fdb', 'show', 'dev', 'vx0'), /192\.0\.2\.7[\s\S]*192\.0\.2\.8/);
  routes.deleteForwarding('vx0', '00:00:00:00:00:00', '192.0.2.7');
  assert.doesNotMatch(run(host, 'bridge', 'fdb', 'show', 'dev', 'vx0'), /192\.0\.2\.7/);
  for (const add of [
    () => routes.addVlan({ name: 'up0.5', parent: 'up0', vlanId: 5 }),
    () => routes.addIpvlan({ name: 'ipv0', parent: 'up0', mode: 'l2', netns: container }),
  ]) {
    try {
      add();
    } catch (error) {
      assert.ok(isKernelError(error, 'EOPNOTSUPP'), String(error));
      assert.match(error.extended, /Unknown device type/);
    }
  }
  if (routes.link('up0.5')) assert.equal(routes.link('up0.5')!.vlanId, 5);
  assert.throws(
    () => routes.addMacvlan({ name: 'm', parent: 'nope', mode: 'bridge' }),
    (error) => isKernelError(error, 'ENODEV'),
  );
  routes.close();
  inside.close();
});

test('refusals carry the operation, the errno and the kernel’s words, and change nothing', () => {
  const { routes, inside } = hostAndContainer();
  routes.addBridge('br0');
  routes.addAddress('br0', '10.0.0.1/24');
  const refused = (work: () => void, code: string, text: RegExp) =>
    assert.throws(work, (error) => isKernelError(error, code) && text.test(error.message));
  refused(() => routes.addBridge('br0'), 'EEXIST', /^create bridge br0: File exists \(EEXIST\)/);
  refused(() => routes.addBridge('x'.repeat(16)), 'ERANGE', /create bridge x+/);
  refused(() => routes.addAddress('br0', '10.0.0.1/24'), 'EEXIST', /add address 10\.0\.0\.1\/24 to br0/);
  refused(() => routes.addAddress('br1', '10.0.0.1/24'), 'ENODEV', /no link named br1/);
  refused(() => routes.deleteAddress('br0', '10.0.0.9/24'), 'EADDRNOTAVAIL', /delete address/);
  refused(
    () => routes.addRoute({ destination: '10.9.0.0/16', gateway: '192.0.2.1' }),
    'ENETUNREACH',
    /invalid gateway/,
  );
  refused(() => routes.deleteRoute({ destination: '10.9.0.0/16' }), 'ESRCH', /delete route to 10\.9\.0\.0\/16/);
  refused(() => routes.deleteLink('gone'), 'ENODEV', /delete link gone/);
  refused(() => routes.addAddress('br0', '10.0.0.300/24'), 'EINVAL', /parse address/);
  refused(() => routes.addAddress('br0', '10.0.0.3/33'), 'EINVAL', /parse address/);
  refused(() => routes.statistics('gone'), 'ENODEV', /statistics of gone/);
  routes.addAddress('br0', '10.0.0.1/24', { replace: true });
  routes.deleteAddress('br0', '10.0.0.1/24');
  assert.deepEqual(routes.addresses('br0'), []);
  routes.close();
  refused(() => routes.links(), 'EBADF', /closed/);
  inside.close();
});

test('a batch carries on after a refusal and throws the first', () => {
  const { host, routes, inside } = hostAndContainer();
  assert.throws(
    () =>
      routes.batch(() => {
        routes.addBridge('b1');
        routes.addBridge('b1');
        routes.deleteLink('nope');
        routes.addBridge('b2');
      }),
    (error) => isKernelError(error, 'EEXIST') && error.operation === 'create bridge b1',
  );
  assert.deepEqual(
    ip(host, 'link', 'show', 'type', 'bridge').map((link: { ifname: string }) => link.ifname),
    ['b1', 'b2'],
  );
  routes.batch(() => {
    for (let index = 0; index < 150; index++) routes.addAddress('lo', `10.9.${index}.1/32`);
  });
  assert.equal(routes.addresses('lo').filter(({ address }) => address.startsWith('10.9.')).length, 150);
  routes.batch(() => assert.throws(() => routes.batch(() => routes.setLink('b1', { mac: 'nonsense' })), /MAC/));
  routes.close();
  inside.close();
});

test('routes: replace, on-link, tables, types, both versions', () => {
  const { host, routes, inside } = hostAndContainer();
  routes.addVeth({ name: 'v0', peerName: 'v1', up: true });
  routes.setLink('v1', { up: true });
  routes.addAddress('v0', '10.2.0.1/24');
  routes.addAddress('v0', 'fd00:2::1/64', { noDad: true });
  routes.addRoute({ destination: '10.3.7.9/16', gateway: '10.2.0.2' }); // host bits are cut
  routes.replaceRoute({ destination: '10.3.0.0/16', gateway: '10.2.0.3' });
  routes.addRoute({ destination: '10.4.0.0/16', gateway: '192.0.2.1', link: 'v0', onLink: true, mtu: 1234 });
  routes.addRoute({ destination: '10.5.0.0/16', type: 'blackhole' });
  routes.addRoute({ destination: '10.6.0.0/16', link: 'v0', table: 1000 });
  routes.addRoute({ destination: 'fd00:9::/64', gateway: 'fd00:2::2' });
  routes.addRoute({ link: 'v0', version: 6 });
  const list = ip(host, 'route', 'show');
  assert.equal(list.find((route: { dst: string }) => route.dst === '10.3.0.0/16').gateway, '10.2.0.3');
  const onLink = list.find((route: { dst: string }) => route.dst === '10.4.0.0/16');
  assert.deepEqual([onLink.gateway, onLink.flags, onLink.metrics[0].mtu], ['192.0.2.1', ['onlink'], 1234]);
  assert.equal(list.find((route: { dst: string }) => route.dst === '10.5.0.0/16').type, 'blackhole');
  assert.equal(ip(host, 'route', 'show', 'table', '1000')[0].dst, '10.6.0.0/16');
  assert.deepEqual(
    routes.routes({ table: 1000 }).map(({ destination, table }) => [destination, table]),
    [['10.6.0.0/16', 1000]],
  );
  assert.deepEqual(routes.routes({ table: 4321 }), []);
  assert.deepEqual(
    routes
      .routes({ version: 6, link: 'v0' })
      .filter(({ gateway, destination }) => gateway !== undefined || destination === undefined)
      .map(({ destination, gateway }) => [destination, gateway]),
    [
      ['fd00:9::/64', 'fd00:2::2'],
      [undefined, undefined],
    ],
  );
  assert.equal(
    routes.routes({ version: 4 }).find(({ destination }) => destination === '10.5.0.0/16')!.type,
    'blackhole',
  );
  routes.deleteRoute({ destination: '10.3.0.0/16' });
  routes.deleteRoute({ destination: '10.5.0.0/16' });
  routes.deleteRoute({ destination: '10.6.0.0/16', table: 1000 });
  routes.deleteRoute({ destination: 'fd00:9::/64' });
  assert.deepEqual(ip(host, 'route', 'show', 'table', '1000'), []);
  assert.equal(ip(host, 'route', 'show').length, 2);
  routes.setNeighbour('v0', '10.2.0.77', '02:00:00:00:00:77');
  routes.setNeighbour('v0', 'fd00:2::77', '02:00:00:00:00:77');
  assert.deepEqual(ip(host, 'neigh', 'show', '10.2.0.77')[0].state, ['PERMANENT']);
  assert.deepEqual(
    routes.neighbours({ version: 6, link: 'v0' }).find(({ address }) => address === 'fd00:2::77')!.states,
    ['permanent'],
  );
  routes.deleteNeighbour('v0', '10.2.0.77');
  assert.deepEqual(ip(host, 'neigh', 'show', '10.2.0.77'), []);
  routes.close();
  inside.close();
});

test('addresses: /31, /32 with a peer, labels, scope, no prefix route', () => {
  const { host, routes, inside } = hostAndContainer();
  routes.addBridge('br0', { up: true });
  routes.addAddress('br0', '10.7.0.0/31');
  routes.addAddress('br0', '10.8.0.1/32', { peer: '10.8.0.2' });
  routes.addAddress('br0', '169.254.1.1/16', {
    scope: 'link',
    label: 'br0:ll',
    noPrefixRoute: true,
    broadcast: 'none',
  });
  const entries = ip(host, 'addr', 'show', 'br0')[0].addr_info.filter(
    (entry: { family: string }) => entry.family === 'inet',
  );
  assert.deepEqual(
    entries.map((entry: Record<string, unknown>) => [
      entry['local'],
      entry['prefixlen'],
      entry['broadcast'],
      entry['address'],
      entry['scope'],
      entry['label'],
    ]),
    [
      ['169.254.1.1', 16, undefined, undefined, 'link', 'br0:ll'],
      ['10.7.0.0', 31, undefined, undefined, 'global', 'br0'],
      ['10.8.0.1', 32, undefined, '10.8.0.2', 'global', 'br0'],
    ].sort(
      (a, b) =>
        entries.findIndex((e: { local: unknown }) => e.local === a[0]) -
        entries.findIndex((e: { local: unknown }) => e.local === b[0]),
    ),
  );
  assert.equal(routes.addresses('br0').find(({ address }) => address === '10.8.0.1')!.peer, '10.8.0.2');
  assert.ok(!routes.routes({ version: 4 }).some(({ destination }) => destination?.startsWith('169.254')));
  routes.close();
  inside.close();
});
