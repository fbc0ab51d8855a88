/**
 * Links that are deleted aside: out of everybody's sight when the deletion resolves, though the kernel is still at
 * work.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import { InterfaceReaper } from '../../src/kernel/netlink/interface-reaper.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { eventually, ip, throwawayDirectory, throwawayNetns } from './throwaway.ts';

const directory = throwawayDirectory();
const openDescriptors = () => readdirSync('/proc/self/fd').length;

function place() {
  const host = throwawayNetns(directory);
  const container = throwawayNetns(directory);
  const routes = RouteSocket.open(host);
  const inside = RouteSocket.open(container);
  routes.addBridge('br0', { up: true });
  const connect = (name: string, peerName: string) => {
    routes.addVeth({ name, peerName, peerNetns: container, master: 'br0', up: true });
    inside.setLink(peerName, { up: true });
    inside.addAddress(peerName, `10.1.0.${Number(peerName.slice(3)) + 2}/16`);
  };
  return { host, container, routes, inside, connect, close: () => (routes.close(), inside.close()) };
}

test('a link and its peer are out of sight when the deletion resolves; its name can be used at once', async () => {
  const it = place();
  const reaper = InterfaceReaper.open(it.host);
  for (let round = 0; round < 10; round++) {
    it.connect('veth0', 'eth0');
    await reaper.delete('veth0');
    assert.equal(it.routes.link('veth0'), undefined);
    assert.equal(it.inside.link('eth0'), undefined);
  }
  await reaper.delete('br0');
  assert.deepEqual(
    ip(it.host, 'link').map((link: { ifname: string }) => link.ifname),
    ['lo'],
  );
  reaper.close();
  it.close();
});

test('news of an earlier link of the same name, read late, does not stand for the present one', async () => {
  const it = place();
  const reaper = InterfaceReaper.open(it.host);
  let seen = 0;
  for (let round = 0; round < 150; round++) {
    it.connect('veth0', 'eth0');
    const deletion = reaper.delete('veth0');
    // A busy process: the kernel's answers and its news become readable at once, in whatever order.
    await new Promise(setImmediate);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, (round * 7) % 31);
    await deletion;
    if (it.routes.link('veth0')) seen++;
    while (it.routes.link('veth0')) await new Promise(setImmediate);
  }
  assert.equal(seen, 0);
  reaper.close();
  it.close();
});

test('many that are asked for at once or one after another all go; the others stay', async () => {
  const it = place();
  const reaper = InterfaceReaper.open(it.host);
  for (let index = 0; index < 12; index++) it.connect(`veth${index}`, `eth${index}`);
  const first = [0, 1, 2, 3].map((index) => reaper.delete(`veth${index}`));
  await new Promise(setImmediate);
  const second = [4, 5].map((index) => reaper.delete(`veth${index}`));
  await Promise.all(first);
  await Promise.all([...second, reaper.delete('veth6'), reaper.delete('nosuch')]);
  await reaper.delete('veth7');
  assert.deepEqual(
    ip(it.container, 'link').map((link: { ifname: string }) => link.ifname),
    ['lo', 'eth8', 'eth9', 'eth10', 'eth11'],
  );
  reaper.close();
  it.close();
});

test('closed while the kernel is at work, it leaves no descriptor behind', async () => {
  const it = place();
  const deleteAndClose = async () => {
    const reaper = InterfaceReaper.open(it.host);
    it.connect('veth0', 'eth0');
    await reaper.delete('veth0');
    reaper.close();
  };
  await deleteAndClose(); // what the process itself opens once
  await eventually(() => it.routes.link('veth0') === undefined);
  // One of the first may still be open: of five rounds none is to stay.
  const before = openDescriptors();
  for (let round = 0; round < 5; round++) await deleteAndClose();
  await eventually(() => openDescriptors() <= before);
  it.close();
});
