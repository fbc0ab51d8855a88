/**
 * Beside real engines of others, who were there first or come later: every path of our containers, and those of theirs,
 * before and after their engine is reloaded, the daemon is started again and rules are flushed. A table of
 * docs/firewalls.md.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { must, shell } from '../harness/host-firewall.ts';
import { Host } from '../harness/host.ts';
import { missing, OtherEngine, type OtherEngineName } from '../harness/other-engine.ts';
import { until } from '../harness/test-engine.ts';
import { BESIDE, besideTable, PAGE, PATHS, PHASES, THEIR_PATHS } from './firewall-page.ts';
import { ALL, inBoth, OUTSIDE, UPLINK, warnings, World } from './firewall-world.ts';
import { enterTestHost, testHostName } from './inside.ts';
import type { Question } from './packets.ts';

const ENGINES: Readonly<Record<string, OtherEngineName>> = {
  'Docker 20.10': 'dockerd',
  'Docker 28': 'dockerd 28',
  podman: 'podman',
};
const engineOf = (column: string): OtherEngineName => ENGINES[column.split(',')[0]!]!;

/** Paths that were open in every phase in which they were tried, by column. */
const FOUND = new Map<string, string[]>();

/** Another engine with one container on its default network, published at 9001. */
class Theirs {
  readonly engine: OtherEngine;
  #netns = '';

  private constructor(engine: OtherEngine) {
    this.engine = engine;
  }

  static async start(name: OtherEngineName): Promise<Theirs> {
    const theirs = new Theirs(await OtherEngine.start(name, Host.named(testHostName())));
    theirs.engine.ok('run', '-d', '--name', 'web', '--restart', 'always', '-p', '9001:80', 'theirs', 'sleep', '100000');
    return theirs;
  }

  /** Their server, in the namespace that their container has now. */
  serve(world: World): void {
    const netns = `/proc/${this.engine.ok('inspect', '-f', '{{.State.Pid}}', 'web')}/ns/net`;
    if (netns === this.#netns) return;
    this.#netns = netns;
    world.packets.serveTcp(netns, 80, '0.0.0.0');
  }

  question(world: World, path: (typeof THEIR_PATHS)[number]): Question {
    const [theirPort, ourPort] = [9001, 8080];
    const ask = (from: string | undefined, to: string, port: number): Question => ({ from, protocol: 'tcp', to, port });
    switch (path) {
      case 'another host to a published port of theirs':
        return ask(world.outside, UPLINK[4], theirPort);
      case 'this host to a published port of theirs':
        return ask(undefined, UPLINK[4], theirPort);
      case 'our container to a published port of theirs':
        return ask(world.netns('user-client'), UPLINK[4], theirPort);
      case 'their container to a published port of ours':
        return ask(this.#netns, UPLINK[4], ourPort);
      case 'their container to another host':
        return ask(this.#netns, OUTSIDE[4], 8000);
    }
  }

  async open(world: World): Promise<string[]> {
    this.serve(world);
    return (
      await Promise.all(
        THEIR_PATHS.map(async (path) => ((await world.packets.ask(this.question(world, path))) === '' ? [] : [path])),
      )
    ).flat();
  }

  async reload(): Promise<void> {
    if (this.engine.name === 'podman') return void this.engine.ok('network', 'reload', '--all');
    await this.engine.stop();
    await this.engine.boot();
    await until(
      'their container runs again',
      () => this.engine.ok('inspect', '-f', '{{.State.Running}}', 'web') === 'true',
    );
  }
}

const isDocker = (column: string) => engineOf(column) !== 'podman';

/** As a host is that nobody has turned into a router yet. */
function clear(): void {
  for (const { ifname } of JSON.parse(must('ip -j link')) as { ifname: string }[])
    if (ifname !== 'lo') shell(`ip link del ${ifname}`);
  must('nft flush ruleset');
  for (const path of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${path}`, '0');
}

function beside(column: (typeof BESIDE)[number]): void {
  let world: World;
  let theirs: Theirs | undefined;
  const isFirst = column.endsWith('there first');
  const start = async (integration: boolean, theirsFirst: boolean): Promise<void> => {
    clear();
    if (theirsFirst) theirs = await Theirs.start(engineOf(column));
    world = await World.build(integration, isDocker(column));
    theirs ??= await Theirs.start(engineOf(column));
    theirs.serve(world);
  };
  const stop = async (): Promise<void> => {
    await world?.stop();
    await theirs?.engine.destroy();
    theirs = undefined;
  };

  describe('all are open', () => {
    before(() => start(true, isFirst));
    after(stop);
    const check = async (withTheirs: boolean): Promise<void> => {
      const open = await world.openAtLast();
      const open4 = withTheirs ? await theirs!.open(world) : [...THEIR_PATHS];
      const now: string[] = [...inBoth(open), ...open4];
      FOUND.set(
        column,
        (FOUND.get(column) ?? now).filter((path) => now.includes(path)),
      );
      assert.deepEqual(open, ALL);
      assert.deepEqual(open4, [...THEIR_PATHS]);
    };
    test(PHASES[0], () => check(true));
    test(PHASES[1], async () => {
      const { asked, failed } = await world.failedDuring(() => theirs!.reload());
      assert.deepEqual(failed, [], `of ${asked}`);
      await check(true);
    });
    test(PHASES[2], async () => {
      await world.lab.restart();
      await check(true);
    });
    test(PHASES[3], async () => {
      shell('nft delete table inet causeway; iptables -F; ip6tables -F');
      await check(false);
      assert.deepEqual(await warnings(world), []);
    });
  });

  if (isDocker(column) && isFirst) {
    test('without the mode what is advised opens all of them, also after their reload', async () => {
      await start(false, true);
      try {
        assert.notDeepEqual(await world.open(), ALL);
        const said = await warnings(world);
        assert.ok(said.length > 0);
        for (const text of said) assert.match(text, /^Docker drops /);
        for (const text of said) must(text.split('To let them pass: ')[1]!);
        assert.deepEqual(await world.openNow(), ALL);
        assert.deepEqual(await warnings(world), []);
        await theirs!.reload();
        assert.deepEqual(await world.openNow(), ALL);
        assert.deepEqual(await theirs!.open(world), [...THEIR_PATHS]);
      } finally {
        await stop();
      }
    });
  }
}

if (enterTestHost()) {
  const reason = (column: string) => missing(engineOf(column));
  for (const column of BESIDE) describe(`beside ${column}`, { skip: reason(column) ?? false }, () => beside(column));
  test('the documentation shows this table', (t) => {
    if (BESIDE.some((column) => reason(column) !== undefined)) return t.skip('not all of them are here');
    assert.ok(
      readFileSync(PAGE, 'utf8').includes(besideTable((column, path) => FOUND.get(column)?.includes(path) ?? false)),
    );
    assert.equal(FOUND.get(BESIDE[0])?.length, PATHS.length + THEIR_PATHS.length);
  });
}
