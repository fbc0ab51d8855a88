/**
 * The default network keeps clear of where the host is; what overlaps nevertheless, because somebody asked for it or it
 * was so before, is said.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Log } from '../../src/base/log.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, run } from './lab.ts';

if (enterTestHost()) describe("the host's own subnets", scenarios);

const OVERLAP =
  /network bridge has the subnet 172\.17\.0\.0\/16, and so has lan0 of this host \(172\.17\.200\.1\/16\): traffic goes to one of the two; give it another subnet with --bip/;

function scenarios(): void {
  let lab: Lab | undefined;
  let warned: string[] = [];
  const note = (_: unknown, text?: string) => void warned.push(text ?? '');
  const log = { debug: () => {}, info: () => {}, warn: note, error: note, child: () => log } as unknown as Log;
  const subnet = () => lab!.network('bridge').pools[0]!.subnet;
  const warnings = async () => (await lab!.service.hostWarnings()).join('\n');
  const addLan = () => {
    run('ip', 'link', 'add', 'lan0', 'type', 'bridge');
    run('ip', 'link', 'set', 'lan0', 'up');
    run('ip', 'address', 'add', '172.17.200.1/16', 'dev', 'lan0');
  };
  beforeEach(() => void (warned = []));
  afterEach(async () => {
    await lab?.stop();
    lab = undefined;
    run('ip', 'link', 'del', 'lan0');
    run('ip', 'link', 'del', 'vpn0');
    while (run('ip', 'rule', 'del', 'lookup', '100').code === 0 || run('ip', 'rule', 'del', 'pref', '1').code === 0);
  });

  /** As a VPN does that has a table of routes of its own, which is asked before the main one. */
  const addVpn = (...subnets: string[]) => {
    run('ip', 'link', 'add', 'vpn0', 'type', 'bridge');
    run('ip', 'link', 'set', 'vpn0', 'up');
    for (const subnet of subnets) run('ip', 'route', 'add', subnet, 'dev', 'vpn0', 'table', '100');
    run('ip', 'rule', 'add', 'pref', '5270', 'lookup', '100');
  };

  test('are not used for the default network, which has 172.17.0.0/16 only where it is free', async () => {
    addLan();
    lab = await Lab.start({}, log);
    assert.equal(lab.network('bridge').bridgeName, 'docker0');
    assert.equal(subnet(), '172.18.0.0/16');
    assert.doesNotMatch(await warnings(), /traffic goes to one of the two/);
    await lab.restart();
    assert.equal(subnet(), '172.18.0.0/16', 'it stays');
    run('ip', 'link', 'del', 'lan0');
    await lab.restart();
    assert.equal(subnet(), '172.18.0.0/16', 'it stays');
  });

  test('are taken with --bip, and the log and info say what overlaps', async () => {
    addLan();
    lab = await Lab.start({ bip: '172.17.0.1/16' }, log);
    assert.equal(subnet(), '172.17.0.0/16');
    assert.match(await warnings(), OVERLAP);
    assert.match(warned.join('\n'), OVERLAP);
  });

  test('that a new network takes are reported once', async () => {
    addLan();
    run('ip', 'address', 'add', '10.60.0.1/24', 'dev', 'lan0');
    lab = await Lab.start({}, log);
    await lab.createNetwork('net', {
      ipam: {
        driver: 'default',
        options: null,
        pools: [{ subnet: '10.60.0.0/16', ipRange: '', gateway: '', auxAddresses: {} }],
      },
    });
    await lab.createNetwork('other');
    assert.deepEqual(warned.filter((text) => text.includes('10.60.0.0/16')).length, 1);
    assert.match(
      await warnings(),
      /network net has the subnet 10\.60\.0\.0\/16, and so has lan0 of this host \(10\.60\.0\.1\/24\).*remove the network and create it again with another --subnet/,
    );
  });

  test('that come to lie in the subnet of a default network which is there leave it as it is', async () => {
    lab = await Lab.start({}, log);
    assert.equal(subnet(), '172.17.0.0/16');
    await lab.withoutEngine(async () => addLan());
    assert.equal(subnet(), '172.17.0.0/16');
    assert.match(await warnings(), OVERLAP);
    assert.match(warned.join('\n'), OVERLAP);
  });

  test('subnets that another routing table routes elsewhere are avoided while others are free', async () => {
    addVpn('172.17.0.0/16', '172.18.0.0/15');
    lab = await Lab.start({}, log);
    assert.equal(subnet(), '172.20.0.0/16');
    await lab.createNetwork('net');
    assert.equal(lab.network('net').pools[0]!.subnet, '172.21.0.0/16');
  });

  test('that are routed elsewhere are reported, with the remedy', async () => {
    lab = await Lab.start({}, log);
    const web = await lab.join('web', ['bridge']);
    assert.doesNotMatch(await warnings(), /do not go to its bridge/);
    addVpn('172.17.0.0/16');
    const [said = ''] = (await lab.service.hostWarnings()).filter((text) => text.includes('do not go to its bridge'));
    assert.match(
      said,
      /^packets to 172\.17\.0\.2 of network bridge do not go to its bridge docker0 but to vpn0, by a route of the table 100: give it another subnet with --bip, or have the main table asked first: ip rule add /,
    );
    lab.serveTcp(web.netns, 80);
    assert.equal(await askTcp(undefined, '172.17.0.2', 80), '', 'it is as it says');
    const [, advice = ''] = said.split(' asked first: ');
    assert.equal(run('sh', '-c', advice).code, 0, advice);
    assert.doesNotMatch(await warnings(), /do not go to its bridge/);
    assert.notEqual(await askTcp(undefined, '172.17.0.2', 80), '');
  });

  test('a subnet partly routed elsewhere is reported where a container is in that part', async () => {
    lab = await Lab.start({}, log);
    await lab.createNetwork('net');
    await lab.join('web', ['net']);
    addVpn();
    run('ip', 'route', 'add', '172.18.0.0/29', 'dev', 'vpn0');
    assert.match(
      await warnings(),
      /^packets to 172\.18\.0\.2 of network net do not go to its bridge br-\w+ but to vpn0, by a route of the main table: remove the network and create it again with another --subnet$/m,
    );
    run('ip', 'route', 'replace', 'blackhole', '172.18.0.0/29');
    run('ip', 'route', 'del', '172.18.0.0/29', 'dev', 'vpn0');
    assert.match(
      await warnings(),
      /^packets to 172\.18\.0\.2 of network net do not go to its bridge br-\w+ but nowhere: /m,
    );
    run('ip', 'route', 'del', 'blackhole', '172.18.0.0/29');
  });
}
