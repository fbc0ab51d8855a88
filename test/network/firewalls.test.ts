/**
 * Behind other firewalls of the host, the real ones: every path that containers have, before and after the firewall is
 * reloaded, the daemon is started again and rules are flushed. The tables of docs/firewalls.md.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { FIREWALLS, HostFirewall, missingFirewall, must, type FirewallName } from '../harness/host-firewall.ts';
import { BANNED, commandsOf, FOUND, PAGE, PATHS, PHASES, renderPage, type Phase } from './firewall-page.ts';
import { ALL, inBoth, OUTSIDE, warnings, World, type Version } from './firewall-world.ts';
import { enterTestHost } from './inside.ts';

function behind(name: FirewallName): void {
  let firewall: HostFirewall;
  let world: World;
  before(async () => {
    firewall = new HostFirewall(name);
    await firewall.start();
  });
  after(() => firewall.stop());

  const note = (phase: Phase | 'off', open: Record<Version, string[]>) => FOUND.set(`${name} ${phase}`, inBoth(open));

  describe('with it all are open', () => {
    before(async () => (world = await World.build(true)));
    after(() => world.stop());

    const check = async (phase: Phase, open: Record<Version, string[]>) => {
      note(phase, open);
      assert.deepEqual(open, ALL);
    };
    test(PHASES[0], async () => check(PHASES[0], await world.openAtLast()));
    test(PHASES[1], async () => {
      const { asked, failed } = await world.failedDuring(() => firewall.reload());
      assert.deepEqual(failed, [], `of ${asked}`);
      await check(PHASES[1], await world.open());
    });
    test(PHASES[2], async () => {
      await world.lab.restart();
      await check(PHASES[2], await world.open());
    });
    for (const ban of commandsOf(`${name}, a ban`).flat()) {
      test(`but for whom the administrator bans: ${ban}`, async () => {
        must(ban.replace(BANNED, OUTSIDE[4]));
        const open = await world.open();
        assert.deepEqual(open, { ...ALL, 4: PATHS.filter((path) => !path.startsWith('another host to')) });
        must(ban.replace('deny', 'delete deny').replace(BANNED, OUTSIDE[4]));
        assert.deepEqual(await world.openNow(), ALL);
      });
    }
    test(PHASES[3], async () => {
      firewall.flush();
      const question = world.question('container to another host, user network', 6);
      for (const end = Date.now() + 60_000; Date.now() < end && (await world.packets.ask(question)) === '';);
      await check(PHASES[3], await world.open());
      assert.deepEqual(await warnings(world), []);
    });
    for (const commands of commandsOf(`${name}, with the mode`)) {
      test(`and stay so after: ${commands.join('; ')}`, async () => {
        for (const command of commands) must(command);
        assert.deepEqual(await world.openNow(), ALL);
      });
    }
  });

  test('nothing is left of it when the engine is removed', () => {
    assert.doesNotMatch(firewall.rules(), /causeway/i);
  });

  describe('without it', () => {
    before(async () => {
      if (!firewall.program.daemon) {
        // What the flush took away.
        await firewall.stop();
        await firewall.start();
      }
      world = await World.build(false);
    });
    after(() => world.stop());

    test('some are closed, and that is said, with the program and a command of its own', async () => {
      const open = await world.open();
      note('off', open);
      assert.ok(open[4].length < PATHS.length, open[4].join());
      assert.ok(open[6].length < PATHS.length, open[6].join());
      const said = await warnings(world);
      assert.ok(said.length > 0);
      for (const text of said) assert.ok(text.startsWith(`${firewall.program.words} drops `), text);
    });

    const cures = commandsOf(`${name}, without the mode`);
    test('what is advised opens all of them, also after a reload', async () => {
      const advised = (await warnings(world)).map((text) => text.split('To let them pass: ')[1]!);
      if (cures[0]) assert.deepEqual(advised, [cures[0].join('; ')], 'the page says the same');
      for (const command of advised) must(command);
      assert.deepEqual(await world.openNow(), ALL);
      assert.deepEqual(await warnings(world), []);
      await firewall.reload();
      assert.deepEqual(await world.openNow(), ALL);
    });

    for (const commands of cures.slice(1)) {
      test(`or: ${commands.join('; ')}`, async () => {
        await firewall.stop();
        await firewall.start();
        assert.notDeepEqual(await world.open(), ALL);
        for (const command of commands) must(command);
        assert.deepEqual(await world.openNow(), ALL);
        await firewall.reload();
        assert.deepEqual(await world.openNow(), ALL);
        assert.deepEqual(await warnings(world), []);
      });
    }
  });
}

if (enterTestHost()) {
  const names = Object.keys(FIREWALLS) as FirewallName[];
  for (const name of names) describe(`behind ${name}`, { skip: missingFirewall(name) ?? false }, () => behind(name));
  test('the documentation shows these tables', (t) => {
    if (names.some((name) => missingFirewall(name) !== undefined)) return t.skip('not all of them are here');
    const page = renderPage(names);
    if (process.env['UPDATE_GOLDEN']) writeFileSync(PAGE, page);
    assert.equal(readFileSync(PAGE, 'utf8'), page);
  });
}
