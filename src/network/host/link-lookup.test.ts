import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AddressInfo, LinkInfo } from '../../kernel/netlink/route-socket.ts';
import { addressedLinks, linkLookup } from './link-lookup.ts';

function kernel(names: readonly string[]) {
  const asked: string[] = [];
  const infoOf = (name: string) => ({ name, index: names.indexOf(name) + 1 }) as LinkInfo;
  let room = true;
  return {
    asked,
    outOfRoom: (out: boolean) => (room = !out),
    link: (name: string | number) => {
      asked.push(String(name));
      return names.includes(String(name)) ? infoOf(String(name)) : undefined;
    },
    links: () => {
      asked.push('all');
      if (!room) throw new Error('no room');
      return names.map(infoOf);
    },
  };
}

const NAMES = Array.from({ length: 200 }, (_, number) => `veth${number}`);

test('the kernel is asked once for the links of many containers, and for each of a few', () => {
  const many = kernel(NAMES);
  const find = linkLookup(many, NAMES.length);
  assert.deepEqual(
    NAMES.map((name) => find(name)?.index),
    NAMES.map((_, number) => number + 1),
  );
  assert.equal(find('gone'), undefined);
  assert.deepEqual(many.asked, ['all']);
  const few = kernel(NAMES);
  assert.equal(linkLookup(few, 2)('veth7')?.index, 8);
  assert.equal(linkLookup(few, 2)('gone'), undefined);
  assert.deepEqual(few.asked, ['veth7', 'gone']);
});

test('a kernel that had no room for the answer about all links is asked again', () => {
  const busy = kernel(NAMES);
  const find = linkLookup(busy, NAMES.length);
  busy.outOfRoom(true);
  assert.throws(() => find('veth1'));
  busy.outOfRoom(false);
  assert.equal(find('veth1')?.index, 2);
});

test('addresses of many links are one question, and those of a few are asked by name', () => {
  const asked: string[] = [];
  const route = {
    ...kernel(NAMES),
    addresses: (name = 'all') => {
      asked.push(name);
      const all = NAMES.map((_, n) => ({ linkIndex: n + 1, address: `10.0.0.${n}`, prefix: 24 }) as AddressInfo);
      return name === 'all' ? all : all.filter(({ linkIndex }) => NAMES[linkIndex - 1] === name);
    },
  };
  for (const [count, questions] of [
    [NAMES.length, ['all']],
    [2, ['veth3', 'veth4']],
  ] as const) {
    asked.length = 0;
    const host = addressedLinks(route, count);
    assert.deepEqual(host.addresses(host.find('veth3')!), ['10.0.0.3/24']);
    assert.deepEqual(host.addresses(host.find('veth4')!), ['10.0.0.4/24']);
    assert.deepEqual(asked, questions);
  }
});
