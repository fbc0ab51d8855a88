/**
 * On one host with real engines of others, in both orders: whatever happens to this engine (start, stop, kill, repair,
 * removal), their containers keep their traffic and nothing of theirs changes; and ours keep theirs.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { Host } from '../harness/host.ts';
import { missing, OtherEngine, type OtherEngineName } from '../harness/other-engine.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

const asRoot = process.getuid?.() === 0;

/** Requests without end, until stopped: one every 50 ms, each of which must be answered within 3 s. */
class Traffic {
  readonly #child: ChildProcess;
  #out = '';

  constructor(host: Host, what: string, command: string) {
    const script = `trap 'exit 0' TERM; while :; do if ${command} >/dev/null 2>&1; then echo ok; else echo "FAILED $(date +%T.%N)"; fi; sleep 0.05; done`;
    this.#child = host.spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child.stdout!.on('data', (chunk: Buffer) => (this.#out += chunk.toString()));
    this.what = what;
  }

  readonly what: string;

  get answered(): number {
    return this.#out.split('\n').filter((line) => line === 'ok').length;
  }

  get failed(): string[] {
    return this.#out.split('\n').filter((line) => line.startsWith('FAILED'));
  }

  async stop(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGTERM');
    await ended;
  }
}

const curl = (url: string) => `curl -s --max-time 3 ${url}`;

for (const name of ['dockerd', 'dockerd 28', 'podman'] as const satisfies readonly OtherEngineName[]) {
  const reason = asRoot ? missing(name) : 'needs root';
  describe(`beside ${name}`, { skip: reason ?? false }, () => {
    let host: Host;
    let outside: Host;
    let theirs: OtherEngine;
    let ours: TestEngine | undefined;
    let traffic: Traffic[] = [];
    let web: ChildProcess;
    const pages = mkdtempSync(join(tmpdir(), 'cwp-'));

    before(async () => {
      host = Host.create();
      outside = Host.create();
      host.cable('uplink', '192.0.2.1/24', outside, 'eth0', '192.0.2.2/24');
      outside.ok('ip', 'route', 'add', 'default', 'via', '192.0.2.1');
      writeFileSync(join(pages, 'index.html'), 'hello\n');
      web = outside.spawn('busybox', ['httpd', '-f', '-p', '8000', '-h', pages], { stdio: 'ignore' });
    });
    afterEach(async () => {
      for (const one of traffic) await one.stop();
      traffic = [];
      await ours?.destroy();
      ours = undefined;
      await theirs?.destroy();
      for (const { ifname } of JSON.parse(host.ok('ip', '-j', 'link')) as { ifname: string }[])
        if (!['lo', 'uplink'].includes(ifname)) host.run('ip', 'link', 'del', ifname);
      host.ok('nft', 'flush', 'ruleset');
      host.sysctl('net.ipv4.ip_forward', '0');
    });
    after(() => {
      web.kill('SIGKILL');
      rmSync(pages, { recursive: true });
      host.destroy();
      outside.destroy();
    });

    /** What of theirs is in the kernel: interfaces with their addresses, and all rules but those of our table. */
    const state = (): string => {
      const ours = new Set(
        (JSON.parse(host.ok('ip', '-j', 'link')) as { ifname: string; ifalias?: string }[])
          .filter(({ ifalias }) => ifalias?.startsWith('causeway'))
          .map(({ ifname }) => ifname),
      );
      const links = (
        JSON.parse(host.ok('ip', '-j', 'address')) as {
          ifname: string;
          address: string;
          master?: string;
          operstate: string;
          addr_info: { local: string; scope: string }[];
        }[]
      )
        .filter(({ ifname }) => ifname !== 'lo' && !ours.has(ifname))
        // A new bridge is UNKNOWN until the kernel has counted its ports.
        .map(
          ({ ifname, address, master, operstate, addr_info }) =>
            `${ifname} ${address} ${master ?? ''} ${operstate === 'UNKNOWN' ? 'UP' : operstate} ${addr_info.filter(({ scope }) => scope === 'global').map(({ local }) => local)}`,
        );
      const rules = host
        .run('sh', '-c', 'iptables-save; ip6tables-save')
        .out.split('\n')
        .filter((line) => line.startsWith('-A') && !/CAUSEWAY/i.test(line));
      return [...links.sort(), ...rules].join('\n');
    };
    const watchTheirs = (): void => {
      traffic.push(
        new Traffic(outside, 'outside to their published port', curl('http://192.0.2.1:9001/')),
        new Traffic(
          host,
          'this host to their container',
          curl(`http://${theirs.ok('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'web')}/`),
        ),
      );
    };
    const quiet = async (what: string): Promise<void> => {
      const counts = traffic.map((one) => one.answered);
      await until(
        `traffic goes on after ${what}`,
        () => traffic.every((one, i) => one.answered > counts[i]! + 3 || one.failed.length > 0),
        60_000,
      );
      assert.deepEqual(
        traffic.filter((one) => one.failed.length > 0).map((one) => `${one.what}: ${one.failed}`),
        [],
        `after ${what}`,
      );
    };
    /** Their container calls outside. */
    const theirsReachOutside = () =>
      host
        .run(
          'nsenter',
          `--net=/proc/${theirs.ok('inspect', '-f', '{{.State.Pid}}', 'web')}/ns/net`,
          'curl',
          '-s',
          '--max-time',
          '5',
          'http://192.0.2.2:8000/',
        )
        .out.trim();

    /**
     * A published port from outside, and a container of ours that calls outside; of theirs it reaches what their engine
     * lets it.
     */
    const oursWork = async (engine: TestEngine, what: string): Promise<void> => {
      const inOurs = (url: string) =>
        host.run(
          'nsenter',
          `--net=/proc/${engine.ok('inspect', '-f', '{{.State.Pid}}', 'web')}/ns/net`,
          'curl',
          '-s',
          '--max-time',
          '3',
          url,
        );
      await until(`ours answer after ${what}`, () =>
        ['8080', '8081'].every(
          (port) => outside.run('curl', '-s', '--max-time', '3', `http://192.0.2.1:${port}/`).code === 0,
        ),
      );
      await until(`ours reach outside after ${what}`, () => inOurs('http://192.0.2.2:8000/').out.trim() === 'hello');
      assert.equal(inOurs('http://192.0.2.1:9001/').out.trim(), 'theirs', `their published port after ${what}`);
      // Docker drops it (curl: 28, no answer); let through, it would be refused, as nobody listens there. Docker 20.10
      // does so by the policy of FORWARD, and sets that only where nobody turned forwarding on before it.
      if (name === 'dockerd 28' || /^-P FORWARD DROP$/m.test(host.run('iptables', '-S', 'FORWARD').out))
        assert.equal(
          inOurs(`http://${theirs.ok('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'web')}:81/`).code,
          28,
          `straight to an unpublished port of theirs after ${what}`,
        );
    };

    const lives = async (engine: TestEngine): Promise<void> => {
      engine.importFixtures();
      engine.ok('run', '-d', '--name', 'web', '-p', '8080:80', 'nginx');
      engine.ok('network', 'create', 'net');
      engine.ok('run', '-d', '--name', 'app', '--network', 'net', '-p', '8081:80', 'nginx');
      await quiet('starting containers of ours');
      await oursWork(engine, 'their start');
      await engine.restart('SIGKILL');
      await quiet('kill -9 and a new daemon');
      await oursWork(engine, 'kill -9 and a new daemon');
      host.ok('nft', 'delete', 'table', 'inet', 'causeway');
      await until('our table is back', () => host.run('nft', 'list', 'table', 'inet', 'causeway').code === 0);
      await quiet('a repair');
      await oursWork(engine, 'a repair');
      await engine.restart();
      await quiet('a restart');
      await oursWork(engine, 'a restart');
      engine.ok('rm', '-f', 'web', 'app');
      engine.ok('network', 'rm', 'net');
      await engine.stop();
      await quiet('our end');
      await engine.boot();
      await quiet('our return');
    };

    test(
      'they were there first: nothing of theirs changes, and no request of theirs is lost',
      { timeout: 300_000 },
      async () => {
        theirs = await OtherEngine.start(name, host);
        theirs.serve('web', 9001);
        watchTheirs();
        await until('their web server answers', () => traffic.every((one) => one.answered > 3));
        for (const one of traffic.splice(0)) await one.stop();
        watchTheirs();
        const before = state();
        ours = await TestEngine.start({ host, flags: ['--default-bridge-name', ''] });
        await quiet('our start');
        assert.notEqual(
          ours.ok('network', 'inspect', '-f', '{{index .Options "com.docker.network.bridge.name"}}', 'bridge'),
          'docker0',
        );
        await lives(ours);
        assert.equal(state(), before);
        assert.equal(theirsReachOutside(), 'hello');
      },
    );

    test(
      'started first: other engines start alongside, and keep working when it stops',
      { timeout: 300_000 },
      async () => {
        ours = await TestEngine.start({ host, flags: ['--default-bridge-name', ''] });
        ours.importFixtures();
        ours.ok('run', '-d', '--name', 'mine', '-p', '8082:80', 'nginx');
        await until(
          'ours answers',
          () => outside.run('curl', '-s', '--max-time', '2', 'http://192.0.2.1:8082/').code === 0,
        );
        theirs = await OtherEngine.start(name, host);
        theirs.serve('web', 9001);
        await until(
          'their web server answers',
          () => outside.run('curl', '-s', '--max-time', '2', 'http://192.0.2.1:9001/').code === 0,
        );
        watchTheirs();
        const before = state();
        await quiet('both are up');
        assert.equal(theirsReachOutside(), 'hello');
        await lives(ours);
        assert.equal(state(), before);
        const addresses = [
          theirs.ok('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'web'),
          ours.ok('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'mine'),
        ];
        assert.notEqual(addresses[0], addresses[1]);
      },
    );
  });
}
