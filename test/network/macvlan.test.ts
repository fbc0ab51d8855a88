/** Containers as hosts on the host's own network. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, ping, run } from './lab.ts';

const pool = {
  driver: 'default',
  options: null,
  pools: [{ subnet: '192.0.2.0/24', ipRange: '192.0.2.128/25', gateway: '192.0.2.2', auxAddresses: {} }],
};

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
    await lab.service.connect(
      two.containerId,
      lab.connection('lan', { ipv4: '192.0.2.200', mac: '02:42:c0:00:02:c8' }),
    );
    assert.equal(await askTcp(two.netns, '192.0.2.2', 8000), '192.0.2.200');
  });

  test('a VLAN comes and goes with its network; one that was there stays', async () => {
    if (run('ip', 'link', 'add', 'link', 'uplink', 'name', 'uplink.9', 'type', 'vlan', 'id', '9').code !== 0) {
      await assert.rejects(
        lab.createNetwork('made', { driver: 'macvlan', options: { parent: 'uplink.10' } }),
        /failed to create uplink\.10 vlan link: this kernel has no VLANs/,
      );
      return;
    }
    run('ip', 'link', 'add', 'link', 'uplink', 'name', 'uplink.7', 'type', 'vlan', 'id', '7');
    const made = await lab.createNetwork('made', { driver: 'macvlan', options: { parent: 'uplink.10' } });
    const found = await lab.createNetwork('found', {
      driver: 'macvlan',
      options: { parent: 'uplink.7', macvlan_mode: 'private' },
    });
    assert.match(run('ip', '-d', 'link', 'show', 'uplink.10').out, /vlan protocol 802.1Q id 10/);
    await lab.join('one', ['made']).then((sandbox) => lab.service.leave(sandbox.containerId));
    await lab.service.removeNetwork(made.id);
    await lab.service.removeNetwork(found.id);
    assert.match(run('ip', 'link', 'show', 'uplink.10').out, /does not exist/);
    assert.match(run('ip', '-o', 'link', 'show', 'uplink.7').out, /uplink\.7/);
  });

  test('several networks on one VLAN: it goes with the last of them', async () => {
    // Where this kernel makes no VLANs, a link that bears our mark stands for one that was made.
    if (run('ip', 'link', 'add', 'link', 'uplink', 'name', 'uplink.11', 'type', 'vlan', 'id', '11').code !== 0)
      run('ip', 'link', 'add', 'uplink.11', 'type', 'veth');
    run('ip', 'link', 'set', 'uplink.11', 'alias', 'causeway', 'up');
    const first = await lab.createNetwork('first', { driver: 'macvlan', options: { parent: 'uplink.11' } });
    const second = await lab.createNetwork('second', { driver: 'macvlan', options: { parent: 'uplink.11' } });
    await lab.service.removeNetwork(first.id);
    assert.match(run('ip', '-o', 'link', 'show', 'uplink.11').out, /uplink\.11/);
    await lab.service.removeNetwork(second.id);
    assert.match(run('ip', 'link', 'show', 'uplink.11').out, /does not exist/);
  });

  test('each mode is set in the kernel and decides which containers reach each other', async () => {
    for (const mode of ['bridge', 'private', 'vepa']) {
      const network = await lab.createNetwork(`lan-${mode}`, {
        driver: 'macvlan',
        ipam: pool,
        options: { parent: 'uplink', macvlan_mode: mode },
      });
      const one = await lab.join(`${mode}1`, [`lan-${mode}`]);
      const two = await lab.join(`${mode}2`, [`lan-${mode}`]);
      assert.match(
        run('nsenter', `--net=${one.netns}`, 'ip', '-d', 'link', 'show', 'eth0').out,
        new RegExp(`macvlan mode ${mode}`),
      );
      // Private keeps neighbours apart; vepa leaves it to the switch outside, and ours is a cable that sends nothing
      // back.
      assert.equal(await ping(one.netns, two.endpoints[0]!.ipv4), mode === 'bridge', mode);
      assert.equal(await ping(one.netns, '192.0.2.2'), true, mode);
      for (const sandbox of [one, two]) await lab.service.leave(sandbox.containerId);
      await lab.service.removeNetwork(network.id);
    }
  });

  test('passthru has its parent for itself: one network, one container', async () => {
    const alone = { driver: 'macvlan', ipam: pool, options: { parent: 'uplink', macvlan_mode: 'passthru' } };
    const network = await lab.createNetwork('alone', alone);
    await assert.rejects(lab.createNetwork('other', { driver: 'macvlan', options: { parent: 'uplink' } }), {
      message: `macvlan network ${network.id} is already using parent interface uplink in mode passthru`,
    });
    const one = await lab.join('one', ['alone']);
    assert.equal(await ping(one.netns, '192.0.2.2'), true);
    await assert.rejects(lab.join('two', ['alone']), /EINVAL|Invalid argument|EBUSY/);
    assert.deepEqual(
      lab.service.endpoints(network.id).map((endpoint) => endpoint.containerId),
      [one.containerId],
      'the refused one left nothing',
    );
    assert.equal(lab.service.poolUsage(network.id)[0]?.ipsInUse, 4n, 'network, broadcast, gateway and one container');
    await lab.service.leave(one.containerId);
    await lab.service.removeNetwork(network.id);
    const ordinary = await lab.createNetwork('ordinary', { driver: 'macvlan', options: { parent: 'uplink' } });
    await assert.rejects(lab.createNetwork('alone', alone), {
      message: `cannot use mode passthru, macvlan network ${ordinary.id} is already using parent interface uplink`,
    });
  });

  test('a daemon that starts again leaves them as they are, and knows their addresses', async () => {
    await lab.createNetwork('lan', { driver: 'macvlan', ipam: pool, options: { parent: 'uplink' } });
    await lab.createNetwork('inner', { driver: 'macvlan' });
    const one = await lab.join('one', ['lan', 'inner']);
    lab.serveTcp(one.netns, 80);
    const before = run('nsenter', `--net=${one.netns}`, 'ip', '-o', 'addr').out;
    await lab.restart();
    assert.equal(run('nsenter', `--net=${one.netns}`, 'ip', '-o', 'addr').out, before);
    assert.equal(await askTcp(outside, '192.0.2.128', 80), '192.0.2.2');
    assert.equal((await lab.join('two', ['lan'])).endpoints[0]!.ipv4, '192.0.2.129');
    await lab.service.leave(one.containerId);
    assert.equal((await lab.join('three', ['lan'])).endpoints[0]!.ipv4, '192.0.2.128');
  });

  test('several subnets: each container has the gateway of its own', async () => {
    const pools = [
      pool.pools[0]!,
      { subnet: '198.51.100.0/24', ipRange: '', gateway: '198.51.100.9', auxAddresses: {} },
    ];
    await lab.createNetwork('two-subnets', {
      driver: 'macvlan',
      ipam: { ...pool, pools },
      options: { parent: 'uplink' },
    });
    const gateway = async (name: string, ipv4: string) => {
      const sandbox = await lab.join(name, [lab.connection('two-subnets', { ipv4 })]);
      return run('nsenter', `--net=${sandbox.netns}`, 'ip', 'route', 'show', 'default').out.split(' ')[2];
    };
    assert.equal(await gateway('one', ''), '192.0.2.2');
    assert.equal(await gateway('two', '198.51.100.20'), '198.51.100.9');
  });

  test('an internal network needs no parent and reaches nothing outside', async () => {
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
    await assert.rejects(
      lab.createNetwork('x', { driver: 'macvlan', options: { parent: 'nosuch0' } }),
      /^CausewayError: invalid subinterface vlan name nosuch0, example formatting is eth0\.10: this host has no interface nosuch0/,
    );
    await assert.rejects(lab.createNetwork('x', { driver: 'macvlan', options: { parent: 'nosuch0.10' } }), {
      message: '-o parent interface was not found on the host: nosuch0',
    });
    await assert.rejects(lab.createNetwork('x', { driver: 'macvlan', options: { parent: 'uplink.5000' } }), {
      message: 'vlan id must be between 1-4094, received: 5000',
    });
    await assert.rejects(lab.createNetwork('x', { driver: 'macvlan', options: { parent: 'uplink.x' } }), {
      message: 'unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)',
    });
    await assert.rejects(
      lab.createNetwork('x', { driver: 'macvlan', options: { parent: 'uplink.1.2' } }),
      /^CausewayError: required interface name format is: name\.vlan_id, .* instead received uplink\.1\.2$/,
    );
    await assert.rejects(
      lab.createNetwork('x', { driver: 'macvlan', options: { parent: 'uplink', macvlan_mode: 'bent' } }),
      /requested macvlan mode 'bent' is not valid/,
    );
    await assert.rejects(
      lab.createNetwork('x', { driver: 'macvlan', options: { parent: 'lo' } }),
      /loopback interface is not a valid macvlan parent link/,
    );
    await assert.rejects(
      lab.createNetwork('x', {
        driver: 'macvlan',
        ipam: { ...pool, driver: 'null', pools: [] },
        options: { parent: 'uplink' },
      }),
      { message: 'ipv4 pool is empty' },
    );
    await assert.rejects(
      lab.createNetwork('x', { driver: 'ipvlan', options: { parent: 'uplink', ipvlan_flag: 'bent' } }),
      /requested ipvlan flag 'bent' is not valid, 'bridge' is the ipvlan driver default/,
    );
    const hasIpvlan = run('sh', '-c', 'ip link add link uplink name probe type ipvlan && ip link del probe').code === 0;
    if (!hasIpvlan)
      await assert.rejects(
        lab.createNetwork('x', { driver: 'ipvlan', options: { parent: 'uplink' } }),
        /this kernel has no ipvlan/,
      );
    assert.equal(lab.service.networks().length, 3);
  });
}

if (enterTestHost()) describe('macvlan', scenarios);
