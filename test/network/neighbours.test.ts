/** An address that moves to another container is reached there at once, by those who still remember where it was. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Sandbox } from '../../src/network/service.ts';
import { enterTestHost } from './inside.ts';
import { Lab, ping, run } from './lab.ts';

if (enterTestHost()) describe('neighbours', scenarios);

const POOL = { ipRange: '', gateway: '', auxAddresses: {} };
const V4 = '10.30.0.9';
const V6 = 'fd30::9';

function scenarios(): void {
  let lab: Lab;
  let neighbour: Sandbox;
  beforeEach(async () => {
    lab = await Lab.start();
    await lab.createNetwork('net', {
      enableIpv6: true,
      ipam: {
        driver: 'default',
        options: null,
        pools: [
          { ...POOL, subnet: '10.30.0.0/24' },
          { ...POOL, subnet: 'fd30::/64' },
        ],
      },
    });
    neighbour = await lab.join('neighbour', ['net']);
  });
  afterEach(() => lab.stop());

  /** The MAC that the neighbour would send to. */
  function remembered(address: string): string {
    return (
      /lladdr (\S+)/.exec(run('nsenter', `--net=${neighbour.netns}`, 'ip', 'neigh', 'show', address).out)?.[1] ?? ''
    );
  }

  const owner = (mac: string) => lab.connection('net', { ipv4: V4, ipv6: V6, mac });

  async function leadsTo(mac: string): Promise<void> {
    // Looked at before anything is sent: a packet would make the neighbour ask again, after a while. A busy kernel
    // delivers the announcement a little later than it was sent.
    const known = () => [remembered(V4), remembered(V6)];
    for (const end = Date.now() + 60_000; Date.now() < end && known().some((one) => one !== mac);)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(known(), [mac, mac]);
    assert.equal(await ping(neighbour.netns, V4), true);
    assert.equal(await ping(neighbour.netns, V6), true);
  }

  test('a container that starts with the address of one that has ended', async () => {
    const first = await lab.join('first', [owner('02:00:00:00:00:01')]);
    assert.equal(await ping(neighbour.netns, V4), true);
    assert.equal(await ping(neighbour.netns, V6), true);
    await lab.service.leave(first.containerId);
    await lab.join('second', [owner('02:00:00:00:00:02')]);
    await leadsTo('02:00:00:00:00:02');
  });

  test('one whose MAC nobody has chosen has another one than the last, and is found', async () => {
    const first = await lab.join('first', [owner('')]);
    assert.equal(await ping(neighbour.netns, V4), true);
    assert.equal(await ping(neighbour.netns, V6), true);
    await lab.service.leave(first.containerId);
    const second = await lab.join('second', [owner('')]);
    assert.notEqual(second.endpoints[0]!.mac, first.endpoints[0]!.mac);
    await leadsTo(second.endpoints[0]!.mac);
  });

  test('a running container that is connected with the address of one that was disconnected', async () => {
    const first = await lab.join('first', ['bridge', owner('02:00:00:00:00:01')]);
    const second = await lab.join('second', ['bridge']);
    assert.equal(await ping(neighbour.netns, V4), true);
    assert.equal(await ping(neighbour.netns, V6), true);
    await lab.service.disconnect(first.containerId, lab.network('net').id);
    await lab.service.connect(second.containerId, owner('02:00:00:00:00:02'));
    await leadsTo('02:00:00:00:00:02');
  });

  test('a restarted daemon remembers which container has which address', async () => {
    const first = await lab.join('first', [owner('02:00:00:00:00:01')]);
    assert.equal(await ping(neighbour.netns, V4), true);
    assert.equal(await ping(neighbour.netns, V6), true);
    await lab.restart();
    await lab.service.leave(first.containerId);
    await lab.join('second', [owner('02:00:00:00:00:02')]);
    await leadsTo('02:00:00:00:00:02');
  });
}
