/**
 * What becomes of packets between interfaces that are not ours. A host that did not forward, and does so now for the
 * sake of containers, makes nobody else a neighbour of anybody; what others make afterwards for guests of theirs is
 * theirs to judge.
 */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { silentLog, type Log } from '../../src/base/log.ts';
import { deleteNetns } from '../../src/kernel/netns.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, foreignContainer, Lab, makeOtherHost, run } from './lab.ts';

if (enterTestHost()) describe('packets between interfaces that are not ours', scenarios);

const FORWARD = '/proc/sys/net/ipv4/ip_forward';
const FORWARD6 = '/proc/sys/net/ipv6/conf/all/forwarding';
const OUTSIDE = '/run/strangers-outside';
const sh = (command: string): void => assert.equal(run('sh', '-c', command).code, 0, command);

function scenarios(): void {
  let lab: Lab | undefined;
  let made: string[] = [];
  beforeEach(() => {
    for (const path of [FORWARD, FORWARD6]) writeFileSync(path, '0');
    makeOtherHost(OUTSIDE);
  });
  afterEach(async () => {
    await lab?.stop();
    lab = undefined;
    for (const netns of [...made, OUTSIDE]) deleteNetns(netns);
    for (const { ifname } of JSON.parse(run('ip', '-j', 'link').out) as { ifname: string }[])
      if (ifname !== 'lo') run('ip', 'link', 'del', ifname);
    made = [];
  });
  const start = async (log?: Log): Promise<Lab> => {
    lab = await Lab.start({}, log);
    lab.serveTcp(OUTSIDE, 8000);
    for (const netns of made) lab.serveTcp(netns, 80);
    return lab;
  };
  const guest = (bridge: string, subnet = '10.77'): string => {
    const netns = foreignContainer({
      netns: `/run/strangers-${bridge}`,
      bridge,
      port: `p-${bridge}`,
      gateway: `${subnet}.0.1`,
      address: `${subnet}.0.2`,
      prefix6: `2001:db8:${subnet.split('.')[1]}`,
    });
    made.push(netns);
    lab?.serveTcp(netns, 80);
    return netns;
  };
  /** From outside to a guest, and from it to the outside. */
  const passes = async (netns: string, subnet = '10.77') => [
    (await askTcp(OUTSIDE, `${subnet}.0.2`, 80)) !== '',
    (await askTcp(netns, '192.0.2.2', 8000)) !== '',
  ];
  const eventually = async (what: string, isSo: () => boolean): Promise<void> => {
    for (const end = Date.now() + 60_000; !isSo();) {
      assert.ok(Date.now() < end, what);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const isOn = (path: string) => readFileSync(path, 'utf8').trim() === '1';

  test('do not pass where the host did not forward, whatever the interfaces are called, and not when our table is gone before the next start either', async () => {
    const lan = guest('lan0');
    const hostOnly = guest('virbr5', '10.78');
    const engine = await start();
    assert.deepEqual([...(await passes(lan)), ...(await passes(hostOnly, '10.78'))], [false, false, false, false]);
    await engine.withoutEngine(async () => sh('nft flush ruleset'));
    assert.ok(isOn(FORWARD));
    assert.deepEqual([...(await passes(lan)), ...(await passes(hostOnly, '10.78'))], [false, false, false, false]);
    rmSync(join(engine.dir, 'forwarding'));
    await engine.restart();
    assert.deepEqual(
      [...(await passes(lan)), ...(await passes(hostOnly, '10.78'))],
      [false, false, false, false],
      'the table alone tells too',
    );
    await engine.withoutEngine(async () => sh('nft flush ruleset'));
    assert.deepEqual(await passes(lan), [false, false], 'and the note is there again');
  });

  test('do not pass after the daemon has ended with nothing left that needs forwarding, which stays on', async () => {
    const lan = guest('lan0');
    const engine = await start();
    await engine.withoutEngine(async () => {
      assert.ok(isOn(FORWARD), 'who came to need it meanwhile would have left no trace');
      assert.deepEqual(await passes(lan), [false, false]);
    });
  });

  test('have no moment in which they pass: what was there is on the disk and the table is written before forwarding is turned on', async () => {
    guest('lan0');
    const seen: string[] = [];
    const look = (what: string) =>
      seen.push(
        `${what}: forwarding ${isOn(FORWARD)}, dropped ${/ipv4 : goto strangers/.test(run('nft', 'list map inet causeway strangers').out)}`,
      );
    const info = (_fields: object, text: string): void => {
      if (text.startsWith('firewall table written')) look('written');
      if (text.startsWith('IP forwarding turned on')) look('turned on');
    };
    const log = { ...silentLog, info } as Log;
    const engine = await start(log);
    assert.deepEqual(seen, ['written: forwarding false, dropped true', 'turned on: forwarding true, dropped true']);
    assert.match(readFileSync(join(engine.dir, 'forwarding'), 'utf8'), /\nipv4\n(earlier4 \S+\n)*earlier4 lan0\n/);
  });

  test('do not pass when forwarding is turned off while we run and we turn it on again; the bridges of others that came meanwhile go on', async () => {
    writeFileSync(FORWARD, '1');
    const lan = guest('lan0');
    const engine = await start();
    assert.deepEqual(await passes(lan), [true, true], 'as it was before us');
    writeFileSync(FORWARD, '0');
    await eventually('forwarding is on again', () => isOn(FORWARD));
    assert.deepEqual(await passes(lan), [false, false]);
    const web = guest('web0', '10.79');
    writeFileSync(FORWARD, '0');
    await eventually('forwarding is on again', () => isOn(FORWARD));
    assert.deepEqual([...(await passes(lan)), ...(await passes(web, '10.79'))], [false, false, true, true]);
    await engine.withoutEngine(async () => sh('nft flush ruleset'));
    assert.deepEqual([...(await passes(lan)), ...(await passes(web, '10.79'))], [false, false, true, true]);
  });

  test('pass from and to a bridge or veth that others make later, whatever it is called, while we run or not', async () => {
    const engine = await start();
    const web = guest('web0');
    assert.deepEqual(await passes(web), [true, true]);
    sh(
      'nft "table ip theirs { chain nat { type nat hook prerouting priority -100; tcp dport 9001 dnat to 10.77.0.2:80; }; }"',
    );
    assert.equal(await askTcp(OUTSIDE, '192.0.2.1', 9001), '192.0.2.2', 'a published port of theirs');
    sh('nft delete table ip theirs');
    await engine.withoutEngine(async () => {
      const vm = guest('vms', '10.78');
      assert.deepEqual(await passes(vm, '10.78'), [true, true]);
    });
    assert.deepEqual(await passes('/run/strangers-vms', '10.78'), [true, true]);
  });

  test('do not pass between existing interfaces and one that appears later, such as a VPN', async () => {
    const lan = guest('lan0');
    await start();
    sh(
      'ip link add link uplink name vpn0 type macvlan mode private && ip addr add 10.5.0.1/24 dev vpn0 && ip link set vpn0 up',
    );
    run(
      'nsenter',
      `--net=${OUTSIDE}`,
      'sh',
      '-c',
      'ip addr add 10.5.0.2/24 dev eth0 && ip route add 10.77.0.0/16 via 10.5.0.1',
    );
    assert.equal(
      run('nsenter', `--net=${OUTSIDE}`, 'ping', '-c', '1', '-W', '5', '10.5.0.1').code,
      0,
      'the cable is there',
    );
    assert.equal(await askTcp(OUTSIDE, '10.77.0.2', 80), '');
    assert.equal(await askTcp(lan, '10.5.0.2', 8000), '');
  });

  test('are named where they are dropped, with a command that lets them pass', async () => {
    guest('lan0');
    const engine = await start();
    assert.doesNotMatch((await engine.service.hostWarnings()).join('\n'), /are dropped/);
    assert.equal(await askTcp(OUTSIDE, '10.77.0.2', 80), '');
    const warning = (await engine.service.hostWarnings()).find((text) =>
      /^packets from uplink to lan0 are dropped \(IPv4, \d+ in the last hour\)/.test(text),
    );
    sh('nft flush ruleset');
    await eventually(
      'the table is there again',
      () => run('nft', 'list', 'set', 'inet', 'causeway', 'dropped').code === 0,
    );
    assert.equal(await askTcp(OUTSIDE, '10.77.0.2', 80), '');
    assert.match(
      (await engine.service.hostWarnings()).join('\n'),
      /^packets from uplink to lan0 are dropped/m,
      'also by a table that was put back',
    );
    assert.match(warning ?? '', /net\.ipv4\.ip_forward = 1 in a file in \/etc\/sysctl\.d/);
    sh(/next boot: (nft '[^']+')/.exec(warning!)![1]!);
    assert.equal(await askTcp(OUTSIDE, '10.77.0.2', 80), '192.0.2.2');
  });

  test('pass from port to port of one bridge that was there, which is no forwarding, also where frames meet the filters of IP', async () => {
    for (const family of ['ip', 'ip6']) writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${family}tables`, '1');
    const lan = guest('lan0');
    made.push(
      foreignContainer({
        netns: '/run/strangers-second',
        bridge: 'lan0',
        port: 'p-second',
        gateway: '10.77.0.1',
        address: '10.77.0.3',
        prefix6: '2001:db8:77',
      }),
    );
    const engine = await start();
    await engine.createNetwork('six', { enableIpv6: true });
    const neighbours = () => Promise.all(['10.77.0.3', '2001:db8:77::3'].map((address) => askTcp(lan, address, 80)));
    assert.deepEqual(await neighbours(), ['10.77.0.2', '2001:db8:77::2']);
    assert.deepEqual(await passes(lan), [false, false], 'what is routed does not');
    await engine.withoutEngine(async () => sh('nft flush ruleset'));
    assert.deepEqual(await neighbours(), ['10.77.0.2', '2001:db8:77::2']);
  });

  test('pass where an interface forwarded by a switch of its own', async () => {
    guest('lan0');
    for (const link of ['uplink', 'lan0']) writeFileSync(`/proc/sys/net/ipv4/conf/${link}/forwarding`, '1');
    await start();
    assert.equal(await askTcp(OUTSIDE, '10.77.0.2', 80), '192.0.2.2');
  });

  test('do not pass over IPv6 either, which is turned on with the first network that has it', async () => {
    const lan = guest('lan0');
    const engine = await start();
    assert.equal(isOn(FORWARD6), false);
    await engine.createNetwork('six', { enableIpv6: true });
    assert.equal(isOn(FORWARD6), true);
    const web = guest('web0', '10.79');
    const passes6 = async (netns: string, prefix: string) => [
      (await askTcp(OUTSIDE, `${prefix}::2`, 80)) !== '',
      (await askTcp(netns, '2001:db8::2', 8000)) !== '',
    ];
    assert.deepEqual(
      [...(await passes6(lan, '2001:db8:77')), ...(await passes6(web, '2001:db8:79'))],
      [false, false, true, true],
    );
    await engine.withoutEngine(async () => sh('nft flush ruleset'));
    assert.deepEqual(
      [...(await passes6(lan, '2001:db8:77')), ...(await passes6(web, '2001:db8:79'))],
      [false, false, true, true],
    );
  });
}
