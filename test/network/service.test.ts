/** The service from the inside of a host: what operations leave in the kernel, in files, in DNS and in the store. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { createNetns } from '../../src/kernel/netns.ts';
import { hostInterfaceMac } from '../../src/network/interfaces/interface-name.ts';
import type { Sandbox } from '../../src/network/service.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, ping, run } from './lab.ts';

if (enterTestHost()) describe('the network service', scenarios);

function interfaces(sandbox: Sandbox): string[] {
  const { out } = run('nsenter', `--net=${sandbox.netns}`, 'ip', '-o', '-4', 'addr', 'show');
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line
        .split(/\s+/)
        .slice(1, 4)
        .filter((word) => word !== 'inet')
        .join(' '),
    );
}

function defaultRoute(sandbox: Sandbox): string {
  return run('nsenter', `--net=${sandbox.netns}`, 'ip', 'route', 'show', 'default')
    .out.trim()
    .replace(' proto static', '');
}

function ruleset(): string {
  return run('nft', 'list', 'ruleset').out;
}

function scenarios(): void {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab.stop());

  test('interfaces take the lowest free name, the gateway follows the rule', async () => {
    await lab.createNetwork('front');
    await lab.createNetwork('back');
    const app = await lab.join('app', ['front']);
    assert.deepEqual(interfaces(app), ['lo 127.0.0.1/8', 'eth0 172.18.0.2/16']);
    await lab.service.connect(app.containerId, lab.connection('back'));
    assert.deepEqual(interfaces(app), ['lo 127.0.0.1/8', 'eth0 172.18.0.2/16', 'eth1 172.19.0.2/16']);
    assert.equal(defaultRoute(app), 'default via 172.19.0.1 dev eth1', '"back" comes before "front"');
    await lab.service.disconnect(app.containerId, lab.network('front').id);
    assert.deepEqual(interfaces(app), ['lo 127.0.0.1/8', 'eth1 172.19.0.2/16']);
    await lab.service.connect(app.containerId, lab.connection('front', { gwPriority: 1 }));
    assert.deepEqual(interfaces(app).toSorted(), ['eth0 172.18.0.2/16', 'eth1 172.19.0.2/16', 'lo 127.0.0.1/8']);
    assert.equal(defaultRoute(app), 'default via 172.18.0.1 dev eth0', 'the higher priority wins');
    await lab.service.disconnect(app.containerId, lab.network('front').id);
    assert.equal(defaultRoute(app), 'default via 172.19.0.1 dev eth1');
  });

  test("an interface on a network without IPv6 has none; what is made in the container later begins with the namespace's own default", async () => {
    await lab.createNetwork('old');
    await lab.createNetwork('dual', { enableIpv6: true });
    const app = await lab.join('app', ['old', 'dual']);
    const disabled = (link: string) =>
      run('nsenter', `--net=${app.netns}`, 'cat', `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`).out.trim();
    const byNetwork = Object.fromEntries(
      app.endpoints.map((endpoint) => [endpoint.networkName, disabled(endpoint.ifname)]),
    );
    assert.deepEqual([byNetwork, disabled('default'), disabled('lo')], [{ old: '1', dual: '0' }, '0', '0']);
    const wilful = await lab.join('wilful', ['dual'], { sysctls: { 'net.ipv6.conf.default.disable_ipv6': '1' } });
    const inside = (link: string) =>
      run('nsenter', `--net=${wilful.netns}`, 'cat', `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`).out.trim();
    assert.deepEqual([inside(wilful.endpoints[0]!.ifname), inside('default')], ['0', '1']);
  });

  test('a container without IPv6 is advertised over IPv6 nowhere, has none later, and is reached over it all the same', async () => {
    const dual = await lab.createNetwork('dual', { enableIpv6: true });
    await lab.createNetwork('later', { enableIpv6: true });
    const outside = lab.otherHost();
    const sysctls = { 'net.ipv6.conf.lo.disable_ipv6': '1', 'net.ipv6.conf.all.disable_ipv6': '1' };
    const portBindings = { '80/tcp': [{ hostIp: '', hostPort: '8080' }] };
    const app = await lab.join('app', ['dual'], { sysctls, portBindings });
    const late = await lab.service.connect(app.containerId, lab.connection('later'));
    lab.serveTcp(app.netns, 80);
    for (const { ipv6, prefix6, gateway6 } of [...app.endpoints, late])
      assert.deepEqual([ipv6, prefix6, gateway6], ['', 0, '']);
    assert.equal(run('nsenter', `--net=${app.netns}`, 'ip', '-6', 'addr', 'show').out, '');
    const zone = lab.resolver.zones.get(dual.id)!;
    assert.deepEqual(zone.names['app'], { a: [app.endpoints[0]!.ipv4], aaaa: [] });
    assert.deepEqual(Object.values(zone.ptr), ['app.dual']);
    assert.doesNotMatch(readFileSync(`${lab.dir}/app.hosts`, 'utf8'), /:/);
    assert.deepEqual(
      app.endpoints[0]!.published.map(({ hostIp, hostPort }) => `${hostIp} ${hostPort}`),
      ['0.0.0.0 8080', ':: 8080'],
    );
    for (const place of [undefined, outside])
      assert.notEqual(await askTcp(place, '2001:db8::1', 8080), '', `from ${place ?? 'the host'}`);
    assert.notEqual(await askTcp(undefined, '::1', 8080), '');
  });

  test('an interface without IPv6 is advertised over IPv6 nowhere; others of the container are', async () => {
    const [bare, dual] = [
      await lab.createNetwork('bare', { enableIpv6: true }),
      await lab.createNetwork('dual', { enableIpv6: true }),
    ];
    const driverOpts = { 'com.docker.network.endpoint.sysctls': 'net.ipv6.conf.IFNAME.disable_ipv6=1' };
    const app = await lab.join('app', [lab.connection('bare', { driverOpts }), 'dual']);
    const at = (name: string) => app.endpoints.find(({ networkName }) => networkName === name)!;
    assert.equal(at('bare').ipv6, '');
    assert.match(at('dual').ipv6, /^fd/);
    const inside = run('nsenter', `--net=${app.netns}`, 'ip', '-6', '-o', 'addr', 'show').out;
    assert.doesNotMatch(inside, new RegExp(at('bare').ifname));
    assert.match(inside, new RegExp(`${at('dual').ifname} .*${at('dual').ipv6}`));
    assert.deepEqual(lab.resolver.zones.get(bare.id)!.names['app']!.aaaa, []);
    assert.deepEqual(lab.resolver.zones.get(dual.id)!.names['app']!.aaaa, [at('dual').ipv6]);
    const hosts = readFileSync(`${lab.dir}/app.hosts`, 'utf8');
    assert.deepEqual(hosts.match(/^fd.*$/gm), [`${at('dual').ipv6}\t${app.containerId.slice(0, 12)}`]);
    assert.match(hosts, /^::1\tlocalhost/m);
  });

  test('a container that was connected before its start: interfaces are in the order of its connections', async () => {
    await lab.createNetwork('back');
    const cold = await lab.join('cold', ['bridge', 'back']);
    assert.deepEqual(interfaces(cold), ['lo 127.0.0.1/8', 'eth0 172.17.0.2/16', 'eth1 172.18.0.2/16']);
    assert.equal(defaultRoute(cold), 'default via 172.18.0.1 dev eth1', 'whichever leads out');
  });

  test('published ports move with the gateway', async () => {
    await lab.createNetwork('front');
    await lab.createNetwork('back');
    const app = await lab.join('app', ['front'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    lab.serveTcp(app.netns, 80);
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080), '172.18.0.1');
    await lab.service.connect(app.containerId, lab.connection('back'));
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080), '172.19.0.1');
    assert.deepEqual(lab.service.endpoints(lab.network('front').id)[0]?.published, []);
    await lab.service.disconnect(app.containerId, lab.network('back').id);
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080), '172.18.0.1');
    await lab.service.disconnect(app.containerId, lab.network('front').id);
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080), '');
    assert.doesNotMatch(ruleset(), /8080/);
    await lab.join('other', ['back'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
  });

  test('ports of a running container come and go', async () => {
    const app = await lab.join('app', ['bridge']);
    lab.serveTcp(app.netns, 80);
    const wanted = [
      { port: { port: 80, protocol: 'tcp' as const }, bindings: [{ hostIp: '127.0.0.1', hostPort: '8080' }] },
    ];
    const added = await lab.service.publish(app.containerId, wanted);
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080), '172.17.0.1');
    assert.equal(await askTcp(app.netns, '172.17.0.1', 8080), '', 'on 127.0.0.1 only');
    await assert.rejects(lab.service.publish(app.containerId, wanted), /already allocated: held by container app/);
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080), '172.17.0.1');
    await lab.service.unpublish(app.containerId, added);
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080), '');
    assert.doesNotMatch(ruleset(), /8080/);
    await lab.createNetwork('inside', { internal: true });
    const alone = await lab.join('alone', ['inside']);
    await assert.rejects(
      lab.service.publish(alone.containerId, wanted),
      /on no network that ports can be published on/,
    );
  });

  test('what others hold is refused, and a refused join leaves nothing', async () => {
    await lab.createNetwork('net', {
      ipam: {
        driver: 'default',
        options: null,
        pools: [{ subnet: '10.66.0.0/24', ipRange: '', gateway: '', auxAddresses: {} }],
      },
    });
    await lab.join('one', [lab.connection('net', { ipv4: '10.66.0.10' })], {
      portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] },
    });
    const before = {
      ruleset: ruleset(),
      links: run('ip', '-o', 'link').out,
      zones: structuredClone(lab.resolver.zones),
    };
    await assert.rejects(lab.join('two', [lab.connection('net', { ipv4: '10.66.0.10' })]), /Address already in use/);
    await assert.rejects(
      lab.join('two', ['net'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } }),
      /driver failed programming external connectivity on endpoint two \([0-9a-f]{64}\): Bind for 0.0.0.0:8080 failed: port is already allocated/,
    );
    await assert.rejects(lab.join('two', ['net'], { sysctls: { 'net.ipv4.no_such_thing': '1' } }), /no_such_thing/);
    lab.resolver.failNext = new Error('resolver is gone');
    await assert.rejects(
      lab.join('two', ['net'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8082' }] } }),
      /resolver is gone/,
    );
    lab.store.failNext = new Error('disk is full');
    await assert.rejects(
      lab.join('two', ['net'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8082' }] } }),
      /disk is full/,
    );
    assert.equal(ruleset(), before.ruleset);
    assert.equal(run('ip', '-o', 'link').out, before.links);
    assert.equal(readdirSync(`${lab.dir}/netns`).length, 1);
    assert.equal(lab.store.sandboxes.size, 1);
    assert.equal(lab.resolver.views.size, 1);
    const names = (zones: typeof before.zones) =>
      [...zones.values()].map((zone) => Object.entries(zone.names).filter(([, one]) => one.a.length > 0));
    assert.deepEqual(names(lab.resolver.zones), names(before.zones));
    const two = await lab.join('two', ['net'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8082' }] } });
    assert.equal(two.endpoints[0]?.ipv4, '10.66.0.2');
  });

  test('a connection or a new name that is undone leaves no name behind, whether the container runs or not', async () => {
    await lab.createNetwork('net');
    const more = await lab.createNetwork('more');
    const one = lab.request('one', ['net']);
    await lab.service.join(one);
    const names = () => [...lab.resolver.zones.values()].map((zone) => Object.keys(zone.names).toSorted());
    const before = names();
    const failing = async (work: () => Promise<unknown>): Promise<void> => {
      for (const part of ['store', 'resolver'] as const) {
        lab[part].failNext = new Error(`${part} is gone`);
        await assert.rejects(work(), new RegExp(`${part} is gone`));
        assert.deepEqual(names(), before);
      }
    };
    await failing(() => lab.service.connect(one.containerId, lab.connection('more', { aliases: ['other'] })));
    await failing(() => lab.service.rename(one.containerId, 'two'));
    await lab.service.connect(one.containerId, lab.connection('more'));
    await assert.doesNotReject(lab.service.disconnect(one.containerId, more.id));
    await failing(() => lab.service.disconnect(one.containerId, lab.network('net').id));
    await lab.service.leave(one.containerId);
    lab.resolver.failNext = new Error('resolver is gone');
    await assert.rejects(lab.service.rename(one.containerId, 'two'), /resolver is gone/);
    assert.deepEqual(names(), before, 'they are answered on, empty');
  });

  test('a container that got its resolver with a connection that is undone has none again', async () => {
    await lab.createNetwork('net');
    const one = await lab.join('one', ['bridge']);
    assert.equal(lab.resolver.views.size, 0);
    for (const part of ['store', 'resolver'] as const) {
      lab[part].failNext = new Error(`${part} is gone`);
      await assert.rejects(lab.service.connect(one.containerId, lab.connection('net')), / is gone/);
      assert.equal(lab.resolver.views.size, 0);
    }
    await lab.service.connect(one.containerId, lab.connection('net'));
    assert.equal(lab.resolver.views.size, 1);
  });

  test('what was taken down or undone and could not be stored is stored later, and nothing is back with the next daemon', async () => {
    await lab.createNetwork('net');
    const one = await lab.join('one', ['net']);
    lab.store.failNext = new Error('disk is full');
    await assert.rejects(lab.service.leave(one.containerId), /disk is full/);
    assert.equal(lab.store.sandboxes.size, 1);
    await lab.service.leave(one.containerId);
    assert.equal(lab.store.sandboxes.size, 0, 'asked again, as the engine does');
    const two = await lab.join('two', ['net']);
    lab.store.refuses = () => true;
    await assert.rejects(lab.service.rename(two.containerId, 'three'), /refused/);
    await assert.rejects(lab.service.leave(two.containerId), /refused/);
    lab.store.refuses = () => false;
    await lab.restart([]);
    assert.equal(lab.store.sandboxes.size, 0);
  });

  test('names: there when join answers, empty when leave answers, gone when the container is', async () => {
    const net = await lab.createNetwork('net');
    const one = await lab.join('one', [lab.connection('net', { aliases: ['pool'] })]);
    const two = await lab.join('two', [lab.connection('net', { aliases: ['pool'] })]);
    const zone = () => lab.resolver.zones.get(net.id)!;
    assert.deepEqual(zone().names['pool'], { a: ['172.18.0.2', '172.18.0.3'], aaaa: [] });
    assert.deepEqual(zone().names[one.containerId.slice(0, 12)], { a: ['172.18.0.2'], aaaa: [] });
    assert.equal(zone().ptr['172.18.0.3'], 'two.net');
    await lab.service.rename(two.containerId, 'second');
    assert.deepEqual(zone().names['second'], { a: ['172.18.0.3'], aaaa: [] });
    assert.equal(zone().names['two'], undefined);
    await lab.service.leave(two.containerId);
    assert.deepEqual(zone().names['second'], { a: [], aaaa: [] });
    assert.deepEqual(zone().names['pool'], { a: ['172.18.0.2'], aaaa: [] });
    await lab.service.forget(two.containerId);
    assert.equal(zone().names['second'], undefined);
    assert.match(readFileSync(`${lab.dir}/one.resolv`, 'utf8'), /^nameserver 127\.0\.0\.11$/m);
    assert.match(run('nsenter', `--net=${one.netns}`, 'nft', 'list', 'ruleset').out, /127\.0\.0\.11/);
  });

  test('links: lines follow the source, keep what the user wrote, and go with it', async () => {
    const db = lab.request('db', ['bridge'], { exposedPorts: [{ port: 5432, protocol: 'tcp' }] });
    await lab.service.join(db);
    const link = { sourceId: db.containerId, sourceName: 'db', alias: 'database', ports: db.exposedPorts };
    await lab.join('web', ['bridge'], { links: [link] });
    const hosts = () => readFileSync(`${lab.dir}/web.hosts`, 'utf8');
    assert.match(hosts(), new RegExp(`^172\\.17\\.0\\.2\\tdatabase ${db.hostname} db$`, 'm'));
    writeFileSync(`${lab.dir}/web.hosts`, `${hosts()}10.9.9.9\tmine\n`);
    await lab.service.leave(db.containerId);
    assert.doesNotMatch(hosts(), /database/);
    assert.match(hosts(), /^10\.9\.9\.9\tmine$/m);
    await lab.join('thief', ['bridge']);
    await lab.service.join(db);
    assert.match(hosts(), /^172\.17\.0\.4\tdatabase/m);
    await lab.service.rename(db.containerId, 'store');
    assert.match(hosts(), /^172\.17\.0\.4\tdatabase \w+ store$/m);
    assert.match(hosts(), /^10\.9\.9\.9\tmine$/m);
  });

  test('kill -9: the next daemon adopts running containers and removes the rest', async () => {
    await lab.createNetwork('net');
    const web = await lab.join('web', ['net'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    const dead = await lab.join('dead', ['net', 'bridge'], {
      portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8081' }] },
    });
    lab.serveTcp(web.netns, 80);
    createNetns(`${lab.dir}/netns/0123456789ab`);
    const route = RouteSocket.open();
    route.addVeth({
      name: 'vethabcdef0',
      mac: hostInterfaceMac('vethabcdef0'),
      peerName: 'eth0',
      peerNetns: `${lab.dir}/netns/0123456789ab`,
      master: lab.network('net').bridgeName,
    });
    route.close();
    const rulesBefore = ruleset();
    await lab.restart([web.containerId]);
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080), '172.18.0.1');
    assert.deepEqual(lab.service.sandbox(web.containerId), web);
    assert.equal(lab.service.sandbox(dead.containerId), undefined);
    assert.deepEqual(readdirSync(`${lab.dir}/netns`), [web.id.slice(0, 12)]);
    const links = run('ip', '-o', 'link').out;
    assert.doesNotMatch(links, /vethabcdef0/);
    for (const endpoint of dead.endpoints) assert.doesNotMatch(links, new RegExp(endpoint.hostIfname));
    assert.doesNotMatch(ruleset(), /8081/);
    assert.match(rulesBefore, /8081/);
    await assert.rejects(
      lab.join('late', ['net'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } }),
      /already allocated/,
    );
    assert.equal((await lab.join('next', ['net'])).endpoints[0]?.ipv4, '172.18.0.3');
  });

  test('kill -9 in the middle of taking a namespace away, or while the resolver refuses one: the next daemon starts all the same', async () => {
    await lab.createNetwork('net');
    const [whole, half] = [await lab.join('whole', ['net']), await lab.join('half', ['net'])];
    run('umount', '-l', half.netns);
    assert.ok(existsSync(half.netns), 'a plain file is left');
    await lab.restart();
    assert.ok(lab.service.sandbox(whole.containerId));
    assert.equal(lab.service.sandbox(half.containerId), undefined);
    assert.deepEqual(readdirSync(`${lab.dir}/netns`), [whole.id.slice(0, 12)]);
    await lab.service.shutdown();
    lab.resolver.failNext = new Error('put-sandbox: no such namespace');
    await lab.restart();
    assert.ok(lab.service.sandbox(whole.containerId));
  });

  test("a flushed ruleset is written anew at start; the user's chain and others' tables stay", async () => {
    await lab.createNetwork('net');
    const web = await lab.join('web', ['net'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    lab.serveTcp(web.netns, 80);
    run('nft', 'add', 'rule', 'inet', 'causeway', 'user', 'tcp', 'dport', '9999', 'counter', 'drop');
    run('nft', 'add', 'table', 'ip', 'mine');
    const before = ruleset();
    await lab.restart();
    assert.equal(ruleset(), before, 'nothing had to change');
    run('nft', 'flush', 'chain', 'inet', 'causeway', 'nat-output');
    run('nft', 'delete', 'table', 'inet', 'causeway');
    await lab.restart();
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080), '172.18.0.1');
    assert.match(ruleset(), /table ip mine/);
  });

  test('another --bip at the next start: the bridge has the new address and no longer the old', async () => {
    await lab.service.shutdown();
    const again = await Lab.start({ bip: '10.77.0.1/24' });
    try {
      const { out } = run('ip', '-o', '-4', 'addr', 'show', 'dev', 'docker0');
      assert.match(out, /10\.77\.0\.1\/24/);
      assert.doesNotMatch(out, /172\.17/);
      assert.equal((await again.join('one', ['bridge'])).endpoints[0]?.ipv4, '10.77.0.2');
    } finally {
      await again.stop();
    }
    await lab.restart();
  });

  test('host and none', async () => {
    const none = await lab.join('none', ['none'], { mode: 'none' });
    assert.deepEqual(interfaces(none), ['lo 127.0.0.1/8']);
    assert.equal(none.endpoints[0]?.networkName, 'none');
    const host = await lab.join('host', ['host'], { mode: 'host', hostname: 'machine' });
    assert.equal(host.netns, '');
    assert.equal(readFileSync(`${lab.dir}/host.hostname`, 'utf8'), 'machine\n');
    assert.equal(readFileSync(`${lab.dir}/host.hosts`, 'utf8'), readFileSync('/etc/hosts', 'utf8'));
    await assert.rejects(
      lab.service.connect(host.containerId, lab.connection('bridge')),
      /container sharing network namespace with another container or host/,
    );
    await lab.service.leave(host.containerId);
    await lab.service.leave(none.containerId);
    assert.deepEqual(readdirSync(`${lab.dir}/netns`), []);
  });

  test('a network: refusals, and nothing left of one that is removed', async () => {
    const net = await lab.createNetwork('net');
    await assert.rejects(lab.createNetwork('net'), /network with name net already exists/);
    await assert.rejects(lab.createNetwork('bridge'), /operation is not permitted on predefined bridge network/);
    await assert.rejects(lab.createNetwork('x', { driver: 'nosuch' }), /plugin "nosuch" not found/);
    await assert.rejects(lab.createNetwork('x', { driver: 'host' }), /only one instance of "host" network is allowed/);
    await assert.rejects(lab.createNetwork('x', { driver: 'null' }), /only one instance of "null" network is allowed/);
    const web = await lab.join('web', ['net']);
    await assert.rejects(lab.service.removeNetwork(net.id), /has active endpoints/);
    await lab.service.leave(web.containerId);
    await lab.service.removeNetwork(net.id);
    assert.doesNotMatch(run('ip', '-o', 'link').out, /br-/);
    assert.doesNotMatch(ruleset(), /br-/);
    assert.equal(lab.resolver.zones.has(net.id), false);
    lab.store.failNext = new Error('disk is full');
    await assert.rejects(lab.createNetwork('again'), /disk is full/);
    assert.doesNotMatch(run('ip', '-o', 'link').out, /br-/);
    assert.doesNotMatch(ruleset(), /br-/);
    assert.equal((await lab.createNetwork('again')).pools[0]?.subnet, '172.18.0.0/16');
    await assert.rejects(
      lab.service.removeNetwork(lab.network('bridge').id),
      /bridge is a pre-defined network and cannot be removed/,
    );
  });

  test('dual stack: both families inside, out, and published', async () => {
    await lab.createNetwork('six', { enableIpv6: true });
    const outside = lab.otherHost();
    const one = await lab.join('one', ['six'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    const two = await lab.join('two', ['six']);
    lab.serveTcp(one.netns, 80);
    lab.serveTcp(outside, 8000);
    const [endpoint] = one.endpoints;
    assert.match(endpoint!.ipv6, /^fd/);
    assert.equal(await ping(two.netns, endpoint!.ipv6), true);
    assert.equal(await askTcp(outside, '2001:db8::1', 8080), '2001:db8::2');
    assert.equal(await askTcp(undefined, '2001:db8::1', 8080), '2001:db8::1');
    assert.equal(
      await askTcp(two.netns, '2001:db8::1', 8080),
      two.endpoints[0]?.ipv6,
      'bridged answers pass connection tracking here',
    );
    assert.equal(await askTcp(one.netns, '2001:db8::1', 8080), endpoint!.gateway6);
    assert.equal(await askTcp(two.netns, '2001:db8::2', 8000), '2001:db8::1');
    assert.equal(await askTcp(outside, endpoint!.ipv6, 80), '');
    await lab.service.leave(one.containerId);
    assert.equal(existsSync(one.netns), false);
  });
}
