import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { constants } from 'node:os';
import { KernelError } from '../../src/kernel/errors.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/netlink-socket.ts';
import { RouteMonitor, type RouteNews } from '../../src/kernel/netlink/route-monitor.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { NftSocket } from '../../src/kernel/nftables/batch.ts';
import { RulesetMonitor, type RulesetNews } from '../../src/kernel/nftables/monitor.ts';
import { RulesetContext } from '../../src/kernel/nftables/ruleset.ts';
import { ipBytes } from '../../src/kernel/socket-address.ts';
import { eventually, run, throwawayDirectory, throwawayNetns } from './throwaway.ts';

const directory = throwawayDirectory();

test('route monitor: interfaces, addresses and routes of its namespace only, with their origin', async () => {
  const netns = throwawayNetns(directory);
  const other = throwawayNetns(directory);
  const news: RouteNews[] = [];
  const monitor = RouteMonitor.open({ netns, listener: (items) => news.push(...items) });
  const routes = RouteSocket.open(netns);
  routes.addBridge('br0', { up: true });
  routes.addAddress('br0', '10.0.0.1/24');
  run(other, 'ip', 'link', 'add', 'elsewhere', 'type', 'bridge');
  run(netns, 'ip', 'addr', 'del', '10.0.0.1/24', 'dev', 'br0');
  run(netns, 'ip', 'link', 'del', 'br0');
  await eventually(() => news.some((item) => item.type === 'link' && item.removed));
  assert.ok(
    news.some(
      (item) => item.type === 'link' && !item.removed && item.link.name === 'br0' && item.link.kind === 'bridge',
    ),
  );
  const [first, last] = news.filter((item) => item.type === 'address' && item.address.address === '10.0.0.1');
  assert.ok(first?.type === 'address' && !first.removed && first.portId === routes.portId);
  assert.ok(last?.type === 'address' && last.removed && last.portId !== routes.portId);
  assert.ok(news.some((item) => item.type === 'route' && item.route.destination === '10.0.0.0/24'));
  assert.ok(!news.some((item) => item.type === 'link' && item.link.name === 'elsewhere'));
  monitor.close();
  const count = news.length;
  const later: RouteNews[] = [];
  const second = RouteMonitor.open({ netns, listener: (items) => later.push(...items) });
  routes.addBridge('br1');
  await eventually(() => later.some((item) => item.type === 'link' && item.link.name === 'br1'));
  assert.equal(news.length, count, 'one that is closed does not hear what another hears');
  second.close();
  routes.close();
});

test('route monitor: what was lost is said', async () => {
  const netns = throwawayNetns(directory);
  const news: RouteNews[] = [];
  const monitor = RouteMonitor.open({
    netns,
    topics: ['address'],
    receiveBufferBytes: 32 * 1024,
    listener: (items) => news.push(...items),
  });
  const routes = RouteSocket.open(netns);
  // All in one synchronous block, so that nobody reads meanwhile.
  for (let round = 0; round < 8; round++) {
    routes.batch(() => {
      for (let index = 0; index < 250; index++) routes.addAddress('lo', `10.${round}.${index}.1/32`);
    });
  }
  await eventually(() => news.length > 0);
  assert.equal(news.at(-1)!.type, 'overrun');
  const count = news.length;
  routes.addAddress('lo', '10.99.0.1/32');
  await eventually(() => news.length > count); // and it goes on afterwards
  monitor.close();
  routes.close();
});

test('route monitor: where the kernel cannot give a message just now, that is said as a loss, and what follows is read', async (t) => {
  const netns = throwawayNetns(directory);
  const news: RouteNews[] = [];
  const monitor = RouteMonitor.open({ netns, listener: (items) => news.push(...items) });
  const drain = NetlinkSocket.prototype.drain;
  let refusals = 2;
  t.mock.method(NetlinkSocket.prototype, 'drain', function (this: NetlinkSocket, ...args: Parameters<typeof drain>) {
    if (refusals-- > 0) throw new KernelError('receive', constants.errno.ENOMEM);
    return drain.apply(this, args);
  });
  run(netns, 'ip', 'link', 'add', 'br0', 'type', 'bridge');
  await eventually(() => news.some((item) => item.type === 'overrun'));
  await eventually(() => news.some((item) => item.type === 'link' && item.link.name === 'br0'));
  monitor.close();
});

test('ruleset monitor: generations, who changed them, deleted tables', async () => {
  const netns = throwawayNetns(directory);
  const news: (RulesetNews | 'overrun')[] = [];
  const monitor = RulesetMonitor.open({ netns, listener: (item) => news.push(item) });
  const ruleset = RulesetContext.open(netns);
  const socket = NftSocket.open(netns);
  ruleset.run('table inet t { set s { type ipv4_addr; }; }');
  socket.commit([{ family: 'inet', table: 't', set: 's', op: 'add', elements: [{ key: ipBytes('10.0.0.1') }] }]);
  run(netns, 'nft', 'flush', 'ruleset');
  await eventually(() => news.length >= 3);
  const [byLibrary, bySocket, byOther] = news as RulesetNews[];
  assert.equal(byLibrary!.own, true);
  assert.equal(bySocket!.own, true);
  assert.equal(bySocket!.portId, socket.portId);
  assert.equal(bySocket!.generation, byLibrary!.generation + 1);
  assert.equal(byOther!.own, false);
  assert.equal(byOther!.program, 'nft');
  assert.deepEqual(byOther!.deletedTables, ['1 t']);
  assert.equal(byOther!.generation, socket.generation());
  monitor.close();
  ruleset.close();
  socket.close();
});

test('monitors do not keep a process alive', () => {
  const netns = throwawayNetns(directory);
  const script = `import { RouteMonitor } from ${JSON.stringify(new URL('../../src/kernel/netlink/route-monitor.ts', import.meta.url).href)};
    RouteMonitor.open({ netns: ${JSON.stringify(netns)}, listener: () => {} });`;
  const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    timeout: 60_000,
    encoding: 'utf8',
  });
  assert.equal(child.status, 0, child.stderr);
});
