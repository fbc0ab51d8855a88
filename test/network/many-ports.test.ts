/**
 * A thousand published ports: the same rules as with one, and nothing in the way of what the firewall has to do later.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { Firewall } from '../../src/network/firewall/firewall.ts';
import type { Fact } from '../../src/network/firewall/facts/fact.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, run } from './lab.ts';

if (enterTestHost()) describe('many ports', scenarios);

/** What `nft list chain` says of every chain of ours. */
function chains(): string {
  const names = [...run('nft', '-t', 'list', 'table', 'inet', 'causeway').out.matchAll(/^\tchain (\S+) \{/gm)].map(
    ([, name]) => name!,
  );
  assert.ok(names.length >= 9);
  return names.map((name) => run('nft', 'list', 'chain', 'inet', 'causeway', name).out).join('');
}

const bindings = (first: number, count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `${1000 + index}/tcp`,
      [{ hostIp: '', hostPort: String(first + index) }],
    ]),
  );

function scenarios(): void {
  let lab: Lab;
  const spare: number[] = [];
  before(async () => {
    lab = await Lab.start();
  });
  after(async () => {
    for (const fd of spare) closeSync(fd);
    await lab.stop();
  });

  test('the rules are the same with no port, with one, with a thousand, with ten thousand elements', async () => {
    const none = chains();
    await lab.join('one', ['bridge'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    assert.equal(chains(), none);
    const many = await lab.join('many', ['bridge'], { portBindings: bindings(10_000, 1_000) });
    assert.equal(chains(), none);
    lab.serveTcp(many.netns, 1_999);
    assert.equal(await askTcp(undefined, '127.0.0.1', 10_999), '172.17.0.1');
    const firewall = new Firewall({ log: silentLog });
    const extra = Array.from({ length: 10_000 }, (_, index): Fact => ({
      kind: 'publish',
      version: 4,
      protocol: 'udp',
      hostIp: '',
      hostPort: 20_000 + index,
      target: { address: '172.17.0.2', port: 80 },
      origin: { kind: 'host' },
    }));
    try {
      firewall.change({ add: extra, remove: [] });
      assert.equal(chains(), none);
      firewall.change({ add: [], remove: extra });
    } finally {
      firewall.close();
    }
  });

  test('with more descriptors open than select() can wait for, a flushed and a damaged table are put back, and the host is examined', async () => {
    while (readdirSync('/proc/self/fd').length < 1_200) spare.push(openSync('/dev/null', 'r'));
    const repairs: string[] = [];
    lab.service.onRepair((repair) => repairs.push(repair.what));
    for (const harm of [
      ['flush', 'ruleset'],
      ['flush', 'chain', 'inet', 'causeway', 'nat-output'],
    ]) {
      run('nft', ...harm);
      for (
        const end = Date.now() + 60_000;
        repairs.length === 0;
        await new Promise((resolve) => setTimeout(resolve, 5))
      )
        assert.ok(Date.now() < end, 'not repaired');
      assert.equal(await askTcp(undefined, '127.0.0.1', 10_999), '172.17.0.1');
      repairs.length = 0;
    }
    await lab.service.hostWarnings();
    await lab.service.leave(lab.service.endpoints(lab.network('bridge').id).at(-1)!.containerId);
  });
}
