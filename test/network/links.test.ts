/**
 * Links where neighbours may not talk to each other: exactly the exposed ports, one way, only while both are who they
 * were.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { listFlows } from '../../src/kernel/conntrack.ts';
import type { Sandbox } from '../../src/network/service.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, ping, run } from './lab.ts';

if (enterTestHost()) {
  for (const setting of ['0', '1'])
    describe(`links with --icc=false, bridge-nf-call-iptables=${setting}`, () => scenarios(setting));
}

function scenarios(setting: string): void {
  let lab: Lab;
  beforeEach(async () => {
    for (const family of ['ip', 'ip6']) writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${family}tables`, setting);
    lab = await Lab.start({
      icc: false,
      ipv6: true,
      addressPools: [
        { base: 'fd00:210::/48', size: 64 },
        { base: '10.210.0.0/16', size: 24 },
      ],
    });
  });
  afterEach(() => lab.stop());
  const PORTS = [{ port: 5432, protocol: 'tcp' as const }];

  test('a link opens what the source exposes, to its recipient only', async () => {
    const dbRequest = lab.request('db', ['bridge'], { exposedPorts: PORTS });
    const db = await lab.service.join(dbRequest);
    const link = { sourceId: db.containerId, sourceName: 'db', alias: 'db', ports: PORTS };
    const web = await lab.join('web', ['bridge'], { links: [link] });
    const stranger = await lab.join('stranger', ['bridge']);
    for (const sandbox of [db, web, stranger]) for (const port of [5432, 5433]) lab.serveTcp(sandbox.netns, port);
    for (const family of ['ipv4', 'ipv6'] as const) {
      const to = (sandbox: typeof db) => sandbox.endpoints[0]![family];
      assert.equal(await askTcp(web.netns, to(db), 5432), to(web));
      assert.equal(await askTcp(web.netns, to(db), 5433), '', 'not exposed');
      assert.equal(await ping(web.netns, to(db)), false);
      assert.equal(await askTcp(db.netns, to(web), 5432), '', 'the other way');
      assert.equal(await askTcp(stranger.netns, to(db), 5432), '', 'not linked');
    }
    await lab.service.setLinks(web.containerId, []);
    assert.equal(await askTcp(web.netns, db.endpoints[0]!.ipv4, 5432), '');
    await lab.service.setLinks(web.containerId, [{ sourceId: db.containerId, sourceName: 'db', alias: 'again' }]);
    assert.equal(
      await askTcp(web.netns, db.endpoints[0]!.ipv4, 5432),
      web.endpoints[0]!.ipv4,
      'what the source exposes is known',
    );
  });

  test('a link that is back because its removal could not be stored opens nothing where its source was', async () => {
    const db = await lab.service.join(lab.request('db', ['bridge'], { exposedPorts: PORTS }));
    const web = await lab.join('web', ['bridge'], {
      links: [{ sourceId: db.containerId, sourceName: 'db', alias: 'db', ports: PORTS }],
    });
    lab.store.refuses = ({ putSandboxes = [] }) =>
      putSandboxes.some(({ request }) => request.containerName === 'web' && request.links.length === 0);
    const [removal, leave] = await Promise.allSettled([
      lab.service.setLinks(web.containerId, []),
      lab.service.leave(db.containerId), // its source goes while the store is asked
    ]);
    assert.deepEqual([removal.status, leave.status], ['rejected', 'fulfilled']);
    assert.equal(lab.service.request(web.containerId)?.links.length, 1);
    await nextOwnerIsNotReached(web, db);
  });

  test('a link to a container whose start could not be stored opens nothing, and shows nowhere', async () => {
    const web = lab.request('web', ['bridge']);
    const { containerId } = await lab.service.join(web);
    const db = lab.request('db', ['bridge'], { exposedPorts: PORTS });
    lab.store.refuses = ({ putSandboxes = [] }) => putSandboxes.some(({ request }) => request.containerName === 'db');
    let seen: Sandbox | undefined;
    const [start, linking] = await Promise.allSettled([
      lab.service.join(db),
      lab.service.setLinks(containerId, [{ sourceId: db.containerId, sourceName: 'db', alias: 'database' }]),
      Promise.resolve().then(() => (seen = lab.service.sandbox(db.containerId))),
    ]);
    assert.deepEqual([start.status, linking.status], ['rejected', 'fulfilled']);
    assert.ok(seen, 'the link was made while the start was under way');
    assert.doesNotMatch(readFileSync(web.files.hosts, 'utf8'), /database/);
    await nextOwnerIsNotReached(lab.service.sandbox(containerId)!, seen);
  });

  /** The address of what is gone is another container's, and nothing of the link leads there. */
  async function nextOwnerIsNotReached(recipient: Sandbox, gone: Sandbox): Promise<void> {
    assert.doesNotMatch(run('nft', 'list', 'ruleset').out, /5432/);
    const next = await lab.join('next', ['bridge']);
    assert.equal(next.endpoints[0]?.ipv4, gone.endpoints[0]?.ipv4);
    lab.serveTcp(next.netns, 5432);
    for (const family of ['ipv4', 'ipv6'] as const)
      assert.equal(await askTcp(recipient.netns, next.endpoints[0]![family], 5432), '');
  }

  test('the hole follows the source, and a stranger that inherits the address is not reached, not even by an old connection', async () => {
    const dbRequest = lab.request('db', ['bridge'], { exposedPorts: PORTS });
    const db = await lab.service.join(dbRequest);
    const web = await lab.join('web', ['bridge'], {
      links: [{ sourceId: db.containerId, sourceName: 'db', alias: 'db', ports: PORTS }],
    });
    lab.serveTcp(db.netns, 5432);
    const old = db.endpoints[0]!.ipv4;
    assert.notEqual(await askTcp(web.netns, old, 5432), '');
    assert.ok(listFlows({ address: old }).length > 0);
    await lab.service.leave(db.containerId);
    const thief = await lab.join('thief', ['bridge']);
    assert.equal(thief.endpoints[0]?.ipv4, old);
    assert.deepEqual(listFlows({ address: old }), []);
    lab.serveTcp(thief.netns, 5432);
    assert.equal(await askTcp(web.netns, old, 5432), '');
    const again = await lab.service.join(dbRequest);
    lab.serveTcp(again.netns, 5432);
    assert.notEqual(again.endpoints[0]?.ipv4, old);
    assert.equal(await askTcp(web.netns, again.endpoints[0]!.ipv4, 5432), web.endpoints[0]!.ipv4);
    assert.equal(await askTcp(web.netns, old, 5432), '');
    await lab.service.leave(again.containerId);
    assert.doesNotMatch(run('nft', 'list', 'set', 'inet', 'causeway', 'holes4').out, /5432/);
  });

  test("on a network of the user's that keeps its containers apart a link opens the same, whichever came first", async () => {
    await lab.createNetwork('apart', {
      enableIpv6: true,
      options: { 'com.docker.network.bridge.enable_icc': 'false' },
    });
    const web = await lab.join('web', [lab.connection('apart', { links: ['db:database'] })]);
    const dbRequest = lab.request('db', ['apart'], { exposedPorts: PORTS });
    const db = await lab.service.join(dbRequest);
    const stranger = await lab.join('stranger', ['apart']);
    for (const sandbox of [db, web, stranger]) for (const port of [5432, 5433]) lab.serveTcp(sandbox.netns, port);
    for (const family of ['ipv4', 'ipv6'] as const) {
      const to = (sandbox: typeof db) => sandbox.endpoints[0]![family];
      assert.equal(await askTcp(web.netns, to(db), 5432), to(web));
      assert.equal(await askTcp(web.netns, to(db), 5433), '', 'not exposed');
      assert.equal(await askTcp(db.netns, to(web), 5432), '', 'the other way');
      assert.equal(await askTcp(stranger.netns, to(db), 5432), '', 'not linked');
      assert.equal(await askTcp(web.netns, to(stranger), 5432), '', 'to a stranger');
    }
    const old = db.endpoints[0]!.ipv4;
    await lab.service.rename(db.containerId, 'other');
    assert.equal(await askTcp(web.netns, old, 5432), '', 'the name leads there no more');
    await lab.service.rename(stranger.containerId, 'db');
    assert.equal(await askTcp(web.netns, stranger.endpoints[0]!.ipv4, 5432), '', 'it exposes nothing');
    await lab.service.rename(stranger.containerId, 'stranger');
    await lab.service.rename(db.containerId, 'db');
    assert.equal(await askTcp(web.netns, old, 5432), web.endpoints[0]!.ipv4);
    await lab.service.leave(db.containerId);
    const thief = await lab.join('thief', ['apart']);
    assert.equal(thief.endpoints[0]?.ipv4, old);
    lab.serveTcp(thief.netns, 5432);
    assert.equal(await askTcp(web.netns, old, 5432), '', 'a stranger that inherits the address');
    await lab.restart();
    const again = await lab.service.join(dbRequest);
    lab.serveTcp(again.netns, 5432);
    assert.equal(await askTcp(web.netns, again.endpoints[0]!.ipv4, 5432), web.endpoints[0]!.ipv4);
    await lab.service.disconnect(again.containerId, lab.network('apart').id);
    assert.doesNotMatch(run('nft', 'list', 'set', 'inet', 'causeway', 'holes4').out, /5432/);
  });
}
