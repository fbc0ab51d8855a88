import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AddressInfo, LinkInfo, RouteSocket } from '../../kernel/netlink/route-socket.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { clashes } from './clashes.ts';

test('looking for clashes is as much work per network with 400 of them as with 20', () => {
  const looksPerNetwork = (count: number): number => {
    let looks = 0;
    const networks = Array.from({ length: count }, (_, n) => ({
      id: `${n}`,
      name: `n${n}`,
      bridgeName: `br-${n}`,
      pools: [{ subnet: `10.${n >> 8}.${n & 255}.0/24`, gateway: `10.${n >> 8}.${n & 255}.1` }],
    }));
    const bridges = networks.map(({ bridgeName }, n) => ({
      name: bridgeName,
      index: n + 10,
      kind: 'bridge',
      masterIndex: 0,
      mac: '',
      alias: '',
    }));
    // Each property of a link that is read is a look at it.
    const links = bridges.map(
      (link) => new Proxy(link, { get: (target, name) => ((looks += 1), target[name as keyof typeof link]) }),
    ) as unknown as LinkInfo[];
    const addresses = networks.map(({ pools }, n): Partial<AddressInfo> => ({
      linkIndex: n + 10,
      address: pools[0]!.gateway,
      prefix: 24,
      scope: 'global',
    }));
    const found = clashes({
      config: {} as never,
      route: { links: () => links, addresses: () => addresses } as unknown as RouteSocket,
      table: {
        isBridge: () => ((looks += 1), true),
        networks: () => networks as unknown as NetworkRecord[],
        endpoints: () => [],
        containerOfHostLink: () => undefined,
      } as never,
    });
    assert.deepEqual(found, []);
    return looks / count;
  };
  assert.ok(looksPerNetwork(400) <= looksPerNetwork(20) * 1.1, `${looksPerNetwork(400)}, ${looksPerNetwork(20)}`);
});
