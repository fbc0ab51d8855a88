/**
 * The thousandth container on a network costs what the tenth did. What is counted is work, not time: bytes to the
 * resolver and the store, bytes from and to the kernel. And the end of a bridge's room is said in words.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { netlinkTraffic } from '../../src/kernel/netlink/netlink-socket.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { enterTestHost } from './inside.ts';
import { Lab, run } from './lab.ts';

const FEW = 10;
const MANY = 250;
/** Not again a second later, in the middle of what is measured. */
const ANNOUNCED_ONCE = { 'com.docker.network.advertise_addr_nmsgs': '1' };
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

if (enterTestHost()) describe('a crowded network', scenarios);

function scenarios(): void {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab.stop());

  async function fill(network: string, from: number, to: number): Promise<void> {
    for (let number = from; number < to; number++) await lab.join(`c${number}`, [network]);
  }

  for (const [what, given] of [
    ['a plain network', { options: {} }],
    ['a network with IPv6', { enableIpv6: true, options: {} }],
    ['a network whose containers are kept apart', { options: { 'com.docker.network.bridge.enable_icc': 'false' } }],
  ] as const) {
    test(`${what}: what a container does there is as much work at ${MANY} as at ${FEW}`, async () => {
      await lab.createNetwork('home', { options: ANNOUNCED_ONCE });
      await lab.createNetwork('big', { ...given, options: { ...given.options, ...ANNOUNCED_ONCE } });
      const guest = await lab.join('guest', ['home']);
      const network = lab.network('big');
      const work = async (): Promise<Record<string, number>> => {
        const before = counts(lab);
        await lab.service.connect(guest.containerId, lab.connection('big', { aliases: ['also'] }));
        await lab.service.rename(guest.containerId, 'visitor');
        await lab.service.setHealth(guest.containerId, false);
        await lab.service.setHealth(guest.containerId, true);
        await lab.service.disconnect(guest.containerId, network.id);
        await lab.service.rename(guest.containerId, 'guest');
        const other = await lab.join('other', ['big'], {
          portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] },
        });
        await lab.service.leave(other.containerId);
        await quiet();
        const after = counts(lab);
        return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - before[name]!]));
      };
      await fill('big', 0, FEW);
      await work();
      const few = await work();
      await fill('big', FEW, MANY);
      await quiet();
      const many = await work();
      for (const [name, value] of Object.entries(few)) {
        assert.ok(value > 0, `${name} is counted`);
        // Numbers grow by a digit, news come in other portions; a dump of the network would be 25 times as much.
        assert.ok(many[name]! < value * 1.5 + 200, `${name}: ${value} at ${FEW}, ${many[name]} at ${MANY}`);
      }
    });
  }

  test("the host's ends of the containers' interfaces have no addresses and no routes of their own", async () => {
    const network = await lab.createNetwork('big', { enableIpv6: true });
    await fill('big', 0, 3);
    const ends = lab.service.endpoints(network.id).map((endpoint) => endpoint.hostIfname);
    for (const end of ends) assert.equal(run('ip', '-o', 'addr', 'show', 'dev', end).out, '', end);
    const routes = run('ip', '-6', 'route', 'show', 'table', 'all')
      .out.split('\n')
      .filter((line) => ends.some((end) => line.includes(end)) && !line.startsWith('multicast'));
    assert.deepEqual(routes, []);
  });

  test('a bridge takes 1023 interfaces; the next container is refused with that reason and leaves nothing', async () => {
    const network = await lab.createNetwork('big');
    const route = RouteSocket.open();
    try {
      // Links of others take room too.
      let ports = 0;
      const commands: string[] = [];
      for (; ports < 1022; ports += 2)
        commands.push(
          `link add d${ports} master ${network.bridgeName} type veth peer name d${ports + 1}`,
          `link set d${ports + 1} master ${network.bridgeName}`,
        );
      writeFileSync(join(lab.dir, 'commands'), commands.join('\n'));
      assert.equal(run('ip', '-batch', join(lab.dir, 'commands')).code, 0);
      const last = await lab.join('last', ['big']);
      await assert.rejects(
        lab.join('late', ['big']),
        /bridge br-[0-9a-f]{12} is full: it has 1023 interfaces, the most that the kernel gives one bridge/,
      );
      const guest = await lab.join('guest', ['bridge']);
      await assert.rejects(lab.service.connect(guest.containerId, lab.connection('big')), /is full/);
      assert.deepEqual(
        lab.service.endpoints(network.id).map((endpoint) => endpoint.containerId),
        [last.containerId],
      );
      await lab.service.leave(last.containerId);
      await lab.service.connect(guest.containerId, lab.connection('big'));
    } finally {
      for (let port = 0; port < 1022; port += 2) if (route.link(`d${port}`)) route.deleteLink(`d${port}`);
      route.close();
    }
  });
}

/** The kernel's news have been dealt with, and the addresses announced. */
async function quiet(): Promise<void> {
  for (let last = -1, rounds = 0; last !== total() && rounds < 100; rounds++) {
    last = total();
    await sleep(700); // longer than the repairer waits for what was busy
  }
}

const total = () => netlinkTraffic.sentBytes + netlinkTraffic.receivedBytes;

function counts(lab: Lab): Record<string, number> {
  return {
    'bytes to the resolver': lab.resolver.receivedBytes,
    'bytes to the store': lab.store.committedBytes,
    'bytes to the kernel': netlinkTraffic.sentBytes,
    'bytes from the kernel': netlinkTraffic.receivedBytes,
  };
}
