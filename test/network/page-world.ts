/**
 * A host of which the pages about firewalls speak: the daemon with `web` at 8080 (IPv4 alone) and `dual` at 8081 (both
 * versions), the commands of the pages, and a client that has the address they ban.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../src/base/program.ts';
import { deleteNetns } from '../../src/kernel/netns.ts';
import { must } from '../harness/host-firewall.ts';
import { check, Host, testEnvironment } from '../harness/host.ts';
import { PROJECT, TestEngine, until } from '../harness/test-engine.ts';
import { BANNED } from './firewall-page.ts';
import { OUTSIDE, UPLINK, type Version } from './firewall-world.ts';
import { testHostName } from './inside.ts';
import { makeOtherHost } from './lab.ts';
import { Packets, type Question } from './packets.ts';

/** What a test has run as a page gives it. */
export const RAN = new Set<string>();

export class PageWorld {
  readonly packets = new Packets();
  readonly engine: TestEngine;
  readonly outside: string;
  readonly #dir: string;

  private constructor(engine: TestEngine, dir: string) {
    this.engine = engine;
    this.#dir = dir;
    this.outside = join(dir, 'outside');
  }

  static async build(...flags: string[]): Promise<PageWorld> {
    const dir = mkdtempSync(join(tmpdir(), 'cwp-'));
    must('ip link set lo up');
    makeOtherHost(join(dir, 'outside'));
    must(
      `ip address add 198.51.100.1/24 dev uplink; nsenter --net=${dir}/outside ip address add ${BANNED}/24 dev eth0`,
    );
    const world = new PageWorld(await TestEngine.start({ host: Host.named(testHostName()), flags }), dir);
    const { engine, packets } = world;
    engine.importFixtures();
    engine.ok(
      'network',
      'create',
      '--ipv6',
      '--subnet',
      'fd00:77::/64',
      '-o',
      'com.docker.network.bridge.name=br-web',
      'shop',
    );
    for (const [name, network, port] of [
      ['web', 'bridge', 8080],
      ['dual', 'shop', 8081],
    ] as const) {
      engine.ok('run', '-d', '--name', name, '--network', network, '-p', `${port}:80`, 'busybox', 'sleep', '1000000');
      for (const address of ['0.0.0.0', '::']) packets.serveTcp(world.netnsOf(name), 80, address);
    }
    return world;
  }

  netnsOf = (name: string): string => `/proc/${this.engine.ok('inspect', '-f', '{{.State.Pid}}', name)}/ns/net`;

  /**
   * A command of a page, word for word, on this host and for this daemon. All that it says. Does not block this
   * process, which answers requests meanwhile.
   */
  async run(command: string): Promise<string> {
    RAN.add(command);
    const variables = {
      DOCKER_HOST: this.engine.url,
      CAUSEWAY_HOST: this.engine.url,
      PATH: `${join(PROJECT, 'bin')}:${process.env['PATH']}`,
    };
    const { code, stdout, stderr } = await runProgram('sh', ['-c', command], {
      env: { ...testEnvironment(), ...variables },
    });
    return check({ code, out: stdout + stderr, err: command }).out;
  }

  async open(question: Question): Promise<boolean> {
    return (await this.packets.ask({ patienceMs: 1_200, ...question })) !== '';
  }

  /** Whether another host gets through to a published port. */
  published = (port: number, version: Version, source?: string): Promise<boolean> =>
    this.open({
      from: this.outside,
      protocol: 'tcp',
      to: UPLINK[version],
      port,
      ...(source === undefined ? {} : { source }),
    });

  /** Whether a container gets through to the other host. */
  getsOut = (container: string, version: Version): Promise<boolean> =>
    this.open({ from: this.netnsOf(container), protocol: 'tcp', to: OUTSIDE[version], port: 8000 });

  /** Once the daemon, or a firewall that takes its time, has come after. */
  becomes = (what: string, wanted: boolean, look: () => Promise<boolean>): Promise<void> =>
    until(`${what}: ${wanted ? 'open' : 'closed'}`, async () => (await look()) === wanted, 60_000);

  async stop(): Promise<void> {
    this.packets.close();
    await this.engine.destroy();
    must(
      'ip link del uplink; nft delete table inet causeway 2>/dev/null; for bridge in docker0 br-web; do ip link del $bridge 2>/dev/null || true; done',
    );
    deleteNetns(this.outside);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
