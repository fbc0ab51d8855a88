/** Published ports over every path, and the address that the container sees. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { enterTestHost } from './inside.ts';
import { askTcp, askUdp, Lab, run } from './lab.ts';
import type { Sandbox } from '../../src/network/service.ts';

if (enterTestHost()) {
  for (const bridgeNetfilter of ['0', '1']) {
    describe(`published ports, bridge-nf-call-iptables=${bridgeNetfilter}`, () => paths(bridgeNetfilter));
  }
}

function paths(bridgeNetfilter: string): void {
  let lab: Lab;
  let outside: string;
  let web: Sandbox;
  let neighbour: Sandbox;
  let stranger: Sandbox;
  const address = (sandbox: Sandbox) => sandbox.endpoints[0]!.ipv4;

  before(async () => {
    writeFileSync('/proc/sys/net/bridge/bridge-nf-call-iptables', bridgeNetfilter);
    lab = await Lab.start();
    outside = lab.otherHost();
    await lab.createNetwork('a');
    await lab.createNetwork('b');
    web = await lab.join('web', ['a'], {
      portBindings: {
        '80/tcp': [
          { hostIp: '', hostPort: '8080' },
          { hostIp: '127.0.0.1', hostPort: '8081' },
          { hostIp: '192.0.2.1', hostPort: '8082' },
        ],
        '53/udp': [{ hostIp: '', hostPort: '5353' }],
      },
    });
    neighbour = await lab.join('neighbour', ['a']);
    stranger = await lab.join('stranger', ['b']);
    lab.serveTcp(web.netns, 80);
    lab.serveTcp(web.netns, 81);
    lab.serveUdp(web.netns, 53);
  });

  after(() => lab.stop());

  test('another host, and the container sees it', async () => {
    assert.equal(await askTcp(outside, '192.0.2.1', 8080), '192.0.2.2');
    assert.equal(await askTcp(outside, '192.0.2.1', 8082), '192.0.2.2');
    assert.equal(await askUdp(outside, '192.0.2.1', 5353), '192.0.2.2');
  });

  test('the host itself, at its own address and at 127.0.0.1', async () => {
    assert.equal(await askTcp(undefined, '192.0.2.1', 8080), '192.0.2.1');
    assert.equal(await askTcp(undefined, '127.0.0.1', 8080), '172.18.0.1');
    assert.equal(await askTcp(undefined, '127.0.0.1', 8081), '172.18.0.1');
    assert.equal(await askUdp(undefined, '127.0.0.1', 5353), '172.18.0.1');
    assert.equal(await askTcp(undefined, '127.0.0.1', 8082), '', 'published on another address');
  });

  test('the container itself, through the host port', async () => {
    assert.equal(await askTcp(web.netns, '192.0.2.1', 8080), '172.18.0.1');
    assert.equal(await askTcp(web.netns, '172.18.0.1', 8080), '172.18.0.1');
  });

  test('a neighbour through the host port', async () => {
    const seen = await askTcp(neighbour.netns, '192.0.2.1', 8080);
    // Where bridged answers pass connection tracking the kernel can keep the address.
    assert.equal(seen, bridgeNetfilter === '1' ? address(neighbour) : '172.18.0.1');
  });

  test('a container of another network through the host port, and not directly', async () => {
    assert.equal(await askTcp(stranger.netns, '192.0.2.1', 8080), address(stranger));
    assert.equal(await askTcp(stranger.netns, '172.18.0.1', 8080), address(stranger));
    assert.equal(await askTcp(stranger.netns, address(web), 80), '');
  });

  test('a neighbour reaches every port directly, another host none', async () => {
    assert.equal(await askTcp(neighbour.netns, address(web), 81), address(neighbour));
    assert.equal(await askTcp(outside, address(web), 80), '', 'published, but this is not its address');
    assert.equal(await askTcp(outside, address(web), 81), '');
  });

  test('a port published on 127.0.0.1 is closed to other hosts and containers', async () => {
    assert.equal(await askTcp(outside, '192.0.2.1', 8081), '');
    assert.equal(await askTcp(stranger.netns, '192.0.2.1', 8081), '');
    // Even to one that routes 127.0.0.1 to the host.
    const routed = (netns: string, via: string) => {
      for (const name of ['all', 'eth0'])
        run('nsenter', `--net=${netns}`, 'sh', '-c', `echo 1 > /proc/sys/net/ipv4/conf/${name}/route_localnet`);
      run('nsenter', `--net=${netns}`, 'ip', 'route', 'del', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local');
      run('nsenter', `--net=${netns}`, 'ip', 'route', 'del', 'local', '127.0.0.1', 'dev', 'lo', 'table', 'local');
      run('nsenter', `--net=${netns}`, 'ip', 'route', 'add', '127.0.0.0/8', 'via', via);
    };
    routed(outside, '192.0.2.1');
    assert.equal(await askTcp(outside, '127.0.0.1', 8081), '');
    assert.equal(await askTcp(outside, '127.0.0.1', 8080), '');
    routed(stranger.netns, '172.19.0.1');
    lab.serveTcp(undefined, 9999, '127.0.0.1');
    assert.equal(await askTcp(undefined, '127.0.0.1', 9999), '127.0.0.1');
    assert.equal(await askTcp(stranger.netns, '127.0.0.1', 8081), '');
    assert.equal(await askTcp(stranger.netns, '127.0.0.1', 9999), '', "nor any other server on the host's loopback");
  });

  test('[::1], and IPv6 from another host to a container that has none', async () => {
    assert.equal(await askTcp(undefined, '::1', 8080), '172.18.0.1');
    assert.equal(await askTcp(outside, '2001:db8::1', 8080), '172.18.0.1');
    assert.equal(await askUdp(undefined, '::1', 5353), '172.18.0.1');
    assert.equal(await askUdp(outside, '2001:db8::1', 5353), '172.18.0.1');
    assert.equal(await askTcp(undefined, '::1', 8081), '', 'published on 127.0.0.1');
  });

  test('outgoing traffic has the address of the host', async () => {
    lab.serveTcp(outside, 8000);
    assert.equal(await askTcp(web.netns, '192.0.2.2', 8000), '192.0.2.1');
  });
}
