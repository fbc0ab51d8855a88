/**
 * Beside other engines: nothing that they made is touched, no name or subnet is shared, and nothing of theirs is
 * dropped because of us.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Log } from '../../src/base/log.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { hostInterfaceMac } from '../../src/network/interfaces/interface-name.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, foreignContainer, Lab, removeForeignContainer, run } from './lab.ts';

if (enterTestHost()) {
  describe('what other engines made', theirs);
  describe('the traffic of other engines', traffic);
}

const links = (): string[] =>
  (JSON.parse(run('ip', '-j', 'link').out) as { ifname: string; address: string; master?: string }[])
    .map(({ ifname, address, master }) => `${ifname} ${address} ${master ?? ''}`)
    .sort();

function theirs(): void {
  let lab: Lab | undefined;
  let made: { netns: string; port: string }[] = [];
  afterEach(async () => {
    await lab?.stop();
    lab = undefined;
    for (const one of made) removeForeignContainer(one);
    made = [];
    for (const bridge of ['docker0', 'podman0', 'br-0123456789ab', 'causeway0']) run('ip', 'link', 'del', bridge);
  });
  const container = (bridge: string, port: string, subnet: string): string => {
    const netns = foreignContainer({
      netns: `/run/foreign-${port}`,
      bridge,
      port,
      gateway: `${subnet}.0.1`,
      address: `${subnet}.0.2`,
    });
    made.push({ netns, port });
    return netns;
  };

  test('is unchanged by a start, a restart and a removal of everything of the engine', async () => {
    container('docker0', 'veth0a1b2c3', '172.17');
    container('br-0123456789ab', 'veth0a1b2c4', '172.18');
    container('podman0', 'veth0', '10.88');
    const before = links();
    const addresses = run('ip', '-o', 'address')
      .out.split('\n')
      .filter((line) => /docker0|br-0|podman0/.test(line) && / inet /.test(line))
      .sort();
    lab = await Lab.start({ dockerInstalled: true });
    await lab.join('web', ['bridge']);
    await lab.createNetwork('net');
    await lab.join('app', ['net']);
    await lab.restart();
    await lab.restart([]);
    await lab.service.removeEverything();
    assert.deepEqual(
      links().filter((line) => !line.startsWith('causeway0')),
      before,
    );
    assert.deepEqual(
      run('ip', '-o', 'address')
        .out.split('\n')
        .filter((line) => /docker0|br-0|podman0/.test(line) && / inet /.test(line))
        .sort(),
      addresses,
    );
  });

  test('its bridge name and subnet are avoided: the default network uses others and reports it', async () => {
    container('docker0', 'veth0a1b2c3', '172.17');
    lab = await Lab.start();
    const network = lab.network('bridge');
    assert.equal(network.bridgeName, 'causeway0');
    assert.equal(network.options['com.docker.network.bridge.name'], 'causeway0');
    assert.doesNotMatch(network.pools[0]?.subnet ?? '', /^172\.17\./);
    assert.match(
      (await lab.service.hostWarnings()).join('\n'),
      /a bridge docker0 exists that the daemon did not make: the bridge of the default network is called causeway0/,
    );
    const web = await lab.join('web', ['bridge']);
    lab.serveTcp(web.netns, 80);
    assert.equal(await askTcp(undefined, web.endpoints[0]!.ipv4, 80), network.pools[0]!.gateway);
    await lab.restart();
    assert.equal(lab.network('bridge').pools[0]?.subnet, network.pools[0]?.subnet, 'the subnet stays over a restart');
  });

  test('keeps its subnet whatever the bridge of the engine is called, unless both have one name', async () => {
    container('docker0', 'veth0a1b2c3', '172.17');
    lab = await Lab.start({ defaultBridgeName: 'mine0' });
    assert.doesNotMatch(lab.network('bridge').pools[0]!.subnet, /^172\.17\./);
    await lab.stop();
    run('ip', 'link', 'del', 'docker0');
    lab = await Lab.start({ defaultBridgeName: 'mine0', dockerInstalled: true });
    assert.equal(lab.network('bridge').pools[0]!.subnet, '172.24.0.0/16');
    await lab.stop();
    lab = await Lab.start({ defaultBridgeName: 'docker0', dockerInstalled: true });
    assert.equal(lab.network('bridge').pools[0]!.subnet, '172.17.0.0/16');
  });

  test('is expected where Docker is only installed: its name, its subnet and the first ones of its pools are left to it', async () => {
    lab = await Lab.start({ dockerInstalled: true });
    assert.equal(lab.network('bridge').bridgeName, 'causeway0');
    const subnets = [lab.network('bridge'), await lab.createNetwork('net')].map((network) => network.pools[0]!.subnet);
    assert.deepEqual(subnets, ['172.24.0.0/16', '172.25.0.0/16']);
  });

  test('that took the subnet while no daemon ran: the default network moves, or reports the clash where it has containers', async () => {
    lab = await Lab.start({ dockerInstalled: true });
    const first = lab.network('bridge').pools[0]!.subnet;
    await lab.service.shutdown();
    run('ip', 'link', 'del', 'causeway0');
    container('podman0', 'veth0', first.split('.').slice(0, 2).join('.'));
    await lab.restart();
    assert.notEqual(lab.network('bridge').pools[0]!.subnet, first);
    await lab.join('web', ['bridge']);
    const second = lab.network('bridge').pools[0]!.subnet;
    container('br-0123456789ab', 'veth0a1b2c4', second.split('.').slice(0, 2).join('.'));
    await lab.restart();
    assert.equal(lab.network('bridge').pools[0]!.subnet, second);
    assert.match(
      (await lab.service.hostWarnings()).join('\n'),
      new RegExp(
        `network bridge has the subnet ${second.replaceAll('.', '\\.')}, and so has br-0123456789ab of Docker`,
      ),
    );
  });

  test('is installed later: the default network keeps its bridge while containers live on it, and moves at the first start without any', async () => {
    lab = await Lab.start();
    assert.equal(lab.network('bridge').bridgeName, 'docker0');
    const web = await lab.join('web', ['bridge']);
    lab.serveTcp(web.netns, 80);
    (lab.config as { dockerInstalled: boolean }).dockerInstalled = true;
    await lab.restart();
    assert.equal(lab.network('bridge').bridgeName, 'docker0');
    assert.match((await lab.service.hostWarnings()).join('\n'), /called causeway0 once no container runs on it/);
    assert.equal(await askTcp(undefined, web.endpoints[0]!.ipv4, 80), '172.17.0.1');
    await lab.service.leave(web.containerId);
    await lab.restart();
    assert.equal(lab.network('bridge').bridgeName, 'causeway0');
    assert.equal(run('ip', 'link', 'show', 'docker0').code, 1, 'the old bridge is gone');
    assert.equal(lab.network('bridge').pools[0]?.subnet, '172.24.0.0/16', "Docker's own subnet is left to it");
  });

  test('is installed, or gone, where a network of a user has the name that the default bridge would take: it takes another', async () => {
    lab = await Lab.start();
    const named = (name: string) => ({ options: { 'com.docker.network.bridge.name': name } });
    await lab.createNetwork('mine', named('causeway0'));
    const config = lab.config as { dockerInstalled: boolean; defaultBridgeName: string };
    config.dockerInstalled = true;
    await lab.restart();
    assert.equal(lab.network('bridge').bridgeName, 'causeway1');
    const web = await lab.join('web', ['bridge']);
    await lab.service.removeNetwork(lab.network('mine').id);
    await lab.restart();
    assert.equal(lab.network('bridge').bridgeName, 'causeway1', 'while containers live on it');
    await lab.createNetwork('other', named('docker0'));
    await lab.service.leave(web.containerId);
    config.dockerInstalled = false;
    await lab.restart();
    assert.equal(lab.network('bridge').bridgeName, 'causeway0');
    assert.match(
      (await lab.service.hostWarnings()).join('\n'),
      /^network other has the bridge docker0: the bridge of the default network is called causeway0 \(/m,
    );
    config.defaultBridgeName = 'docker0';
    await assert.rejects(lab.restart(), {
      kind: 'conflict',
      message:
        'network other has the bridge docker0: choose another for the default network with --default-bridge-name, or start the daemon without that and remove network other first',
    });
    config.defaultBridgeName = '';
    await lab.restart();
  });

  test('on the bridge of a network that a user made is named with what moves that network', async () => {
    lab = await Lab.start({ dockerInstalled: true });
    await lab.createNetwork('mine', { options: { 'com.docker.network.bridge.name': 'docker0' } });
    container('docker0', 'veth0a1b2c3', '172.17');
    const [clash] = (await lab.service.hostWarnings()).filter((text) => text.includes('veth0a1b2c3'));
    assert.match(
      clash!,
      /^another engine has interfaces on docker0, the bridge of network mine \(veth0a1b2c3\): .*; remove the network and create it again with another bridge \(-o com\.docker\.network\.bridge\.name=NAME\), or stop/,
    );
    await lab.service.removeNetwork(lab.network('mine').id);
    assert.doesNotMatch((await lab.service.hostWarnings()).join('\n'), /veth0a1b2c3/);
  });

  test('on a bridge of the engine is not cut off: the bridge stays, and what shares it is named', async () => {
    lab = await Lab.start();
    container('docker0', 'veth0a1b2c3', '172.17');
    assert.match(
      (await lab.service.hostWarnings()).join('\n'),
      /another engine has interfaces on docker0, the bridge of network bridge \(veth0a1b2c3\)/,
    );
    (lab.config as { dockerInstalled: boolean }).dockerInstalled = true;
    await lab.restart();
    assert.equal(lab.network('bridge').bridgeName, 'causeway0');
    assert.match(links().join('\n'), /veth0a1b2c3 \S+ docker0/);
  });

  test('a bridge that another engine gives out addresses on is refused as --bridge, and a taken name as --default-bridge-name', async () => {
    container('docker0', 'veth0a1b2c3', '172.17');
    await assert.rejects(
      Lab.start({ bridgeName: 'docker0' }),
      /bridge docker0 is used by another engine \(Docker\).*choose another bridge.*without --bridge/,
    );
    await assert.rejects(
      Lab.start({ defaultBridgeName: 'docker0' }),
      /an interface docker0 exists that the daemon did not make: choose another name .*--default-bridge-name/,
    );
  });

  test('that takes the default bridge is reported at once, in the log and as an event: by an address, a port of its own or any other', async () => {
    const warned: string[] = [];
    const log = {
      debug: () => {},
      info: () => {},
      error: () => {},
      warn: (_: unknown, text?: string) => void warned.push(text ?? ''),
      child: () => log,
    } as unknown as Log;
    lab = await Lab.start({}, log);
    const events: string[] = [];
    lab.service.onWarning(({ networkName, what }) => events.push(`${networkName}: ${what}`));
    const told = async (pattern: RegExp) => {
      for (
        const end = Date.now() + 60_000;
        !events.some((text) => pattern.test(text));
        await new Promise((resolve) => setTimeout(resolve, 5))
      )
        assert.ok(Date.now() < end, `not told; told: ${events.join('; ')}`);
      assert.match(warned.join('\n'), pattern);
    };
    await lab.join('web', ['bridge']);
    run('ip', 'address', 'add', '172.30.0.1/16', 'dev', 'docker0');
    await told(/somebody else gave docker0, the bridge of network bridge, the address 172\.30\.0\.1\/16/);
    container('docker0', 'veth0a1b2c3', '172.17');
    await told(/another engine has interfaces on docker0, the bridge of network bridge \(veth0a1b2c3\)/);
    container('docker0', 'tap0', '172.17');
    await told(/somebody else has interfaces on docker0, the bridge of network bridge \(tap0\)/);
    assert.equal(events.length, 3, 'each once');
  });

  test('looks like ours and is not: only the address that follows from the name makes an interface ours', async () => {
    lab = await Lab.start();
    const route = RouteSocket.open();
    for (const [name, mac] of [
      ['vethabcdef0', '26:5d:0f:11:22:33'],
      ['vethabcdef1', hostInterfaceMac('vethabcdef1')],
    ] as const)
      route.addVeth({ name, mac, peerName: `${name}p`, master: 'docker0' });
    route.close();
    await lab.restart();
    assert.equal(run('ip', 'link', 'show', 'vethabcdef0').code, 0);
    assert.equal(run('ip', 'link', 'show', 'vethabcdef1').code, 1);
    run('ip', 'link', 'del', 'vethabcdef0');
  });
}

function traffic(): void {
  let lab: Lab;
  let outside: string;
  const made: { netns: string; port: string }[] = [];
  beforeEach(async () => {
    run('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward');
    lab = await Lab.start();
    outside = lab.otherHost();
    lab.serveTcp(outside, 8000);
  });
  afterEach(async () => {
    await lab.stop();
    for (const one of made.splice(0)) removeForeignContainer(one);
    for (const bridge of ['podman0', 'br-0123456789ab']) run('ip', 'link', 'del', bridge);
    run('nft', 'delete', 'table', 'ip', 'theirs');
  });
  const container = (bridge: string, port: string, subnet: string): string => {
    const netns = foreignContainer({
      netns: `/run/foreign-${port}`,
      bridge,
      port,
      gateway: `${subnet}.0.1`,
      address: `${subnet}.0.2`,
    });
    made.push({ netns, port });
    lab.serveTcp(netns, 80);
    return netns;
  };
  const reaches = async (netns: string) => (await askTcp(netns, '192.0.2.2', 8000)) !== '';
  const eventually = async (test: () => Promise<boolean>) => {
    for (const end = Date.now() + 60_000; Date.now() < end;) if (await test()) return true;
    return false;
  };

  test('to their published ports passes, and directly to their addresses where their own rules allow it', async () => {
    container('podman0', 'veth0', '10.88');
    container('br-0123456789ab', 'veth0a1b2c4', '172.18');
    run(
      'nft',
      'table ip theirs { chain nat { type nat hook prerouting priority -100; tcp dport 9001 dnat to 10.88.0.2:80; tcp dport 9002 dnat to 172.18.0.2:80; }; chain forward { type filter hook forward priority 0; ct status dnat accept; ip daddr 172.18.0.2 drop; }; }',
    );
    assert.equal(await askTcp(outside, '192.0.2.1', 9001), '192.0.2.2');
    assert.equal(await askTcp(outside, '192.0.2.1', 9002), '192.0.2.2');
    assert.equal(await askTcp(outside, '10.88.0.2', 80), '192.0.2.2');
    assert.equal(await askTcp(outside, '172.18.0.2', 80), '', 'closed by a rule of theirs');
  });

  test('does not reach our containers but by published ports', async () => {
    const web = await lab.join('web', ['bridge'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    lab.serveTcp(web.netns, 80);
    lab.serveTcp(web.netns, 81);
    const podman = container('podman0', 'veth0', '10.88');
    assert.ok(await eventually(async () => (await askTcp(podman, '10.88.0.1', 8080)) !== ''));
    assert.equal(await askTcp(podman, web.endpoints[0]!.ipv4, 81), '');
    assert.ok(await eventually(() => reaches(web.netns)), 'and ours still reach the outside');
  });
}
