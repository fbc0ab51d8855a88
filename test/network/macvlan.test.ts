/** Containers as hosts on the host's own network. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, ping, run } from './lab.ts';

const pool = { driver: 'default', options: null, pools: [{ subnet: '192.0.2.0/24', ipRange: '192.0.2.128/25', gateway: '192.0.2.2', auxAddresses: {} }] };

function scenarios(): void {
  let lab: Lab;
  let outside: string;
  beforeEach(async () => {
    lab = await Lab.start();
    outside = lab.otherHost();
  });
  afterEach(() => lab.stop());

  test('containers reach the network outside and each other, with addresses of their own', async () => {
    await lab.createNetwork('lan', { driver: 'macvlan', ipam: pool, options: { parent: 'uplink' } });
    const one = await lab.join('one', ['lan'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    const two = await lab.join('two', ['lan']);
    lab.serveTcp(one.netns, 80);
    lab.serveTcp(outside, 8000);
    assert.equal(one.endpoints[0]?.ipv4, '192.0.2.128');
    assert.equal(one.endpoints[0]?.hostIfname, '');
    assert.deepEqual(one.endpoints[0]?.published, []);
    assert.equal(await askTcp(two.netns, '192.0.2.128', 80), '192.0.2.129');
    assert.equal(await askTcp(outside, '192.0.2.128', 80), '192.0.2.2');
    assert.equal(await askTcp(two.netns, '192.0.2.2', 8000), '192.0.2.129');
    assert.equal(await ping(two.netns, '192.0.2.1'), false, 'the kernel keeps the host itself apart');
    await lab.service.disconnect(two.containerId, lab.network('lan').id);
    assert.doesNotMatch(run('nsenter', `--net=${two.netns}`, 'ip', '-o', 'link').out, /eth0/);
    await lab.service.connect(two.containerId, lab.connection('lan', { ipv4: '192.0.2.200', mac: '02:42:c0:00:02:c8' }));
    assert.equal(await askTcp(two.netns, '192.0.2.2', 8000), '192.0.2.200');
  });

  test('a VLAN comes and goes with its network; one that was there stays', async () => {
    if (run('ip', 'link', 'add', 'link', 'uplink', 'name', 'uplink.9', 'type', 'vlan', 'id', '9').code !== 0) {
      await assert.rejects(lab.createNetwork('made', { driver: 'macvlan', options: { parent: 'uplink.10' } }), /this kernel has no VLANs/);
      return;
    }
    run('ip', 'link', 'add', 'link', 'uplink', 'name', 'uplink.7', 'type', 'vlan', 'id', '7');
    const made = await lab.createNetwork('made', { driver: 'macvlan', options: { parent: 'uplink.10' } });
    const found = await lab.createNetwork('found', { driver: 'macvlan', options: { parent: 'uplink.7', macvlan_mode: 'private' } });
    assert.match(run('ip', '-d', 'link', 'show', 'uplink.10').out, /vlan protocol 802.1Q id 10/);
    await lab.join('one', ['made']).then((sandbox) => lab.service.leave(sandbox.containerId));
    await lab.service.removeNetwork(made.id);
    await lab.service.removeNetwork(found.id);
    assert.match(run('ip', 'link', 'show', 'uplink.10').out, /does not exist/);
    assert.match(run('ip', '-o', 'link', 'show', 'uplink.7').out, /uplink\.7/);
  });

  test('an internal one needs no parent and leads nowhere', async () => {
    const inside = await lab.createNetwork('inside', { driver: 'macvlan', internal: true });
    const one = await lab.join('one', ['inside']);
    const two = await lab.join('two', ['inside']);
    assert.equal(await ping(one.netns, two.endpoints[0]!.ipv4), true);
    assert.equal(run('nsenter', `--net=${one.netns}`, 'ip', 'route', 'show', 'default').out, '');
    for (const sandbox of [one, two]) await lab.service.leave(sandbox.containerId);
    await lab.service.removeNetwork(inside.id);
    assert.doesNotMatch(run('ip', '-o', 'link').out, /dm-/);
  });

  test('refusals name what is wrong, at create', async () => {
    await assert.rejects(lab.createNetwork('x', { driver: 'macvlan', options: { parent: 'nosuch0' } }), /parent interface nosuch0 was not found/);
    await assert.rejects(lab.createNetwork('x', { driver: 'macvlan', options: { parent: 'uplink', macvlan_mode: 'bent' } }), /requested macvlan mode 'bent' is not valid/);
    await assert.rejects(lab.createNetwork('x', { driver: 'macvlan', options: { parent: 'lo' } }), /loopback interface is not a valid macvlan parent link/);
    await assert.rejects(lab.createNetwork('x', { driver: 'macvlan' }), /needs the option parent/);
    const hasIpvlan = run('sh', '-c', 'ip link add link uplink name probe type ipvlan && ip link del probe').code === 0;
    if (!hasIpvlan) await assert.rejects(lab.createNetwork('x', { driver: 'ipvlan', options: { parent: 'uplink' } }), /this kernel has no ipvlan/);
    assert.equal(lab.service.networks().length, 3);
  });
}

if (enterTestHost(import.meta.url)) describe('macvlan', scenarios);
