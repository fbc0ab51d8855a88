/**
 * Behind other firewalls of the host, the real ones: every path that containers have, before and after the firewall is reloaded, the daemon is started again and
 * rules are flushed. The tables of docs/firewalls.md.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Sandbox } from '../../src/network/service.ts';
import { FIREWALLS, HostFirewall, missingFirewall, must, type FirewallName } from '../harness/host-firewall.ts';
import { BANNED, commandsOf, FOUND, PAGE, PATHS, PHASES, renderPage, type Phase } from './firewall-page.ts';
import { enterTestHost } from './inside.ts';
import { Lab } from './lab.ts';
import { Packets, type Question } from './packets.ts';

const VERSIONS = [4, 6] as const;
type Version = (typeof VERSIONS)[number];
const UPLINK = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;
const OUTSIDE = { 4: '192.0.2.2', 6: '2001:db8::2' } as const;
const SERVICE = 8000;

class World {
  readonly packets = new Packets();
  readonly lab: Lab;
  readonly outside: string;
  readonly sandboxes = new Map<string, Sandbox>();

  private constructor(lab: Lab) {
    this.lab = lab;
    this.outside = lab.otherHost();
  }

  static async build(firewallIntegration: boolean): Promise<World> {
    for (const table of ['iptables', 'ip6tables']) writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${table}`, '1');
    const world = new World(await Lab.start({ firewallIntegration, ipv6: true, bip6: 'fd00:17::1/64' }));
    const { lab, packets, sandboxes } = world;
    await lab.createNetwork('user', { enableIpv6: true, options: { 'com.docker.network.bridge.name': 'br-web' } });
    for (const [name, network, hostPort] of [['default', 'bridge', '8080'], ['user', 'user', '8081']] as const) {
      const server = await lab.join(`${name}-server`, [network], { portBindings: { '80/tcp': [{ hostIp: '', hostPort }] } });
      sandboxes.set(`${name}-server`, server);
      sandboxes.set(`${name}-client`, await lab.join(`${name}-client`, [network]));
      for (const address of ['0.0.0.0', '::']) packets.serveTcp(server.netns, 80, address);
    }
    for (const version of VERSIONS) {
      packets.serveTcp(world.outside, SERVICE, OUTSIDE[version]);
      packets.serveUdp(world.outside, 53, OUTSIDE[version]);
    }
    return world;
  }

  netns = (name: string): string => this.sandboxes.get(name)!.netns;

  question(path: (typeof PATHS)[number], version: Version): Question {
    const address = (name: string) => this.sandboxes.get(name)!.endpoints[0]![version === 4 ? 'ipv4' : 'ipv6'];
    const tcp = (from: string | undefined, to: string, port: number): Question => ({ from, protocol: 'tcp', to, port });
    const [uplink, outside] = [UPLINK[version], OUTSIDE[version]];
    switch (path) {
      case 'another host to a published port, default bridge':
        return tcp(this.outside, uplink, 8080);
      case 'another host to a published port, user network':
        return tcp(this.outside, uplink, 8081);
      case 'this host to a published port, default bridge':
        return tcp(undefined, uplink, 8080);
      case 'this host to a published port, user network':
        return tcp(undefined, uplink, 8081);
      case 'container to container, default bridge':
        return tcp(this.netns('default-client'), address('default-server'), 80);
      case 'container to container, user network':
        return tcp(this.netns('user-client'), address('user-server'), 80);
      case 'container to another host, default bridge':
        return tcp(this.netns('default-client'), outside, SERVICE);
      case 'container to another host, user network':
        return tcp(this.netns('user-client'), outside, SERVICE);
      case 'between networks by a published port, from the default bridge':
        return tcp(this.netns('default-client'), uplink, 8081);
      case 'between networks by a published port, from the user network':
        return tcp(this.netns('user-client'), uplink, 8080);
      case 'a container to its own published port':
        return tcp(this.netns('user-server'), uplink, 8081);
      case 'container to a DNS server elsewhere':
        return { from: this.netns('user-client'), protocol: 'udp', to: outside, port: 53 };
    }
  }

  /** The paths that are open, over each version. */
  async open(): Promise<Record<Version, string[]>> {
    const found = await Promise.all(VERSIONS.map(async (version) => (await Promise.all(PATHS.map(async (path) => ((await this.packets.ask(this.question(path, version))) === '' ? [] : [path])))).flat()));
    return { 4: found[0]!, 6: found[1]! };
  }

  /** The same once firewalld has taken its time: a daemon goes on after three seconds. */
  async openAtLast(): Promise<Record<Version, string[]>> {
    let found = await this.open();
    for (const end = Date.now() + 60_000; Date.now() < end && VERSIONS.some((version) => found[version].length < PATHS.length); ) found = await this.open();
    return found;
  }

  /** The same once what was asked for in vain a moment ago is forgotten: a neighbour that nobody could ask for is given up for a second. */
  async openNow(): Promise<Record<Version, string[]>> {
    let found = await this.open();
    for (let again = 0; again < 5 && VERSIONS.some((version) => found[version].length < PATHS.length); again++) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      found = await this.open();
    }
    return found;
  }

  /** Requests at a steady rate over some paths until the work is done; those that failed. */
  async failedDuring(work: () => Promise<void>): Promise<{ asked: number; failed: string[] }> {
    const paths = ['another host to a published port, default bridge', 'container to another host, user network'] as const;
    const asked: Promise<string[]>[] = [];
    const timer = setInterval(() => {
      for (const path of paths) asked.push(this.packets.ask({ ...this.question(path, 4), patienceMs: 20_000 }).then((answer) => (answer === '' ? [path] : [])));
    }, 20);
    try {
      await work();
      await new Promise((resolve) => setTimeout(resolve, 300)); // and what comes after it
    } finally {
      clearInterval(timer);
    }
    return { asked: asked.length, failed: (await Promise.all(asked)).flat() };
  }

  async stop(): Promise<void> {
    this.packets.close();
    await this.lab.stop();
  }
}

const ALL = { 4: [...PATHS], 6: [...PATHS] };

function behind(name: FirewallName): void {
  let firewall: HostFirewall;
  let world: World;
  before(async () => {
    firewall = new HostFirewall(name);
    await firewall.start();
  });
  after(() => firewall.stop());

  const note = (phase: Phase | 'off', open: Record<Version, string[]>) => FOUND.set(`${name} ${phase}`, PATHS.filter((path) => VERSIONS.every((version) => open[version].includes(path))));

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
      for (const end = Date.now() + 30_000; Date.now() < end && (await world.packets.ask(question)) === ''; );
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

const warnings = async ({ lab }: World): Promise<string[]> => (await lab.service.hostWarnings()).filter((text) => text.includes(' of containers on '));

if (enterTestHost(import.meta.url)) {
  const names = Object.keys(FIREWALLS) as FirewallName[];
  for (const name of names) describe(`behind ${name}`, { skip: missingFirewall(name) ?? false }, () => behind(name));
  test('the documentation shows these tables', (t) => {
    if (names.some((name) => missingFirewall(name) !== undefined)) return t.skip('not all of them are here');
    const page = renderPage(names);
    if (process.env['UPDATE_GOLDEN']) writeFileSync(PAGE, page);
    assert.equal(readFileSync(PAGE, 'utf8'), page);
  });
}
