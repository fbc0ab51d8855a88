/**
 * A host with containers on two networks and another host beside it: every path that a container has, to be tried over
 * and over.
 */
import { writeFileSync } from 'node:fs';
import type { Sandbox } from '../../src/network/service.ts';
import { PATHS } from './firewall-page.ts';
import { Lab } from './lab.ts';
import { Packets, type Question } from './packets.ts';

export const VERSIONS = [4, 6] as const;
export type Version = (typeof VERSIONS)[number];
export const UPLINK = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;
export const OUTSIDE = { 4: '192.0.2.2', 6: '2001:db8::2' } as const;
const SERVICE = 8000;

export class World {
  readonly packets = new Packets();
  readonly lab: Lab;
  readonly outside: string;
  readonly sandboxes = new Map<string, Sandbox>();

  private constructor(lab: Lab) {
    this.lab = lab;
    this.outside = lab.otherHost();
  }

  static async build(firewallIntegration: boolean, dockerInstalled = false): Promise<World> {
    for (const table of ['iptables', 'ip6tables']) writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${table}`, '1');
    const world = new World(
      await Lab.start({ firewallIntegration, dockerInstalled, ipv6: true, bip6: 'fd00:17::1/64' }),
    );
    const { lab, packets, sandboxes } = world;
    await lab.createNetwork('user', { enableIpv6: true, options: { 'com.docker.network.bridge.name': 'br-web' } });
    for (const [name, network, hostPort] of [
      ['default', 'bridge', '8080'],
      ['user', 'user', '8081'],
    ] as const) {
      const server = await lab.join(`${name}-server`, [network], {
        portBindings: { '80/tcp': [{ hostIp: '', hostPort }] },
      });
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
    const found = await Promise.all(
      VERSIONS.map(async (version) =>
        (
          await Promise.all(
            PATHS.map(async (path) => ((await this.packets.ask(this.question(path, version))) === '' ? [] : [path])),
          )
        ).flat(),
      ),
    );
    return { 4: found[0]!, 6: found[1]! };
  }

  /** The same once firewalld has taken its time: a daemon goes on after three seconds. */
  async openAtLast(): Promise<Record<Version, string[]>> {
    let found = await this.open();
    for (
      const end = Date.now() + 60_000;
      Date.now() < end && VERSIONS.some((version) => found[version].length < PATHS.length);
    )
      found = await this.open();
    return found;
  }

  /**
   * The same once what was asked for in vain a moment ago is forgotten: a neighbour that nobody could ask for is given
   * up for a second.
   */
  async openNow(): Promise<Record<Version, string[]>> {
    let found = await this.open();
    for (let again = 0; again < 5 && VERSIONS.some((version) => found[version].length < PATHS.length); again++) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      found = await this.open();
    }
    return found;
  }

  /**
   * Requests at a steady rate over some paths, 50 a second over each and each version, until the work is done; those
   * that failed.
   */
  async failedDuring(work: () => Promise<void>): Promise<{ asked: number; failed: string[] }> {
    const paths = [
      'another host to a published port, default bridge',
      'container to another host, user network',
    ] as const;
    const asked: Promise<string[]>[] = [];
    const timer = setInterval(() => {
      for (const path of paths) {
        for (const version of VERSIONS)
          asked.push(
            this.packets
              .ask({ ...this.question(path, version), patienceMs: 20_000 })
              .then((answer) => (answer === '' ? [`${path}, IPv${version}`] : [])),
          );
      }
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

export const ALL: Record<Version, string[]> = { 4: [...PATHS], 6: [...PATHS] };

/** The paths that are open over both versions. */
export const inBoth = (open: Record<Version, string[]>): string[] =>
  PATHS.filter((path) => VERSIONS.every((version) => open[version].includes(path)));

export const warnings = async ({ lab }: World): Promise<string[]> =>
  (await lab.service.hostWarnings()).filter((text) => text.includes(' of containers on '));
