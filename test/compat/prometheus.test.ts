/** Prometheus finds containers through the API (docker_sd_configs), and what it finds it can ask. */
import assert from 'node:assert/strict';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { missingClient, TEST_CLIENTS } from '../harness/test-clients.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

interface Target {
  readonly discoveredLabels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly lastError: string;
}

describe('prometheus docker_sd', { skip: missingClient('prometheus') }, () => {
  let engine: TestEngine;
  let prometheus: ChildProcess | undefined;

  before(async () => {
    engine = await TestEngine.start();
    engine.importFixtures();
    const file = join(engine.dir, 'prometheus.yml');
    writeFileSync(
      file,
      `global: { scrape_interval: 1s }
scrape_configs:
  - job_name: containers
    docker_sd_configs: [{ host: "${engine.url}", refresh_interval: 1s, host_networking_host: here }]
  - job_name: chosen
    docker_sd_configs: [{ host: "${engine.url}", refresh_interval: 1s, filters: [{ name: label, values: [scrape=yes] }] }]
    relabel_configs: [{ source_labels: [__meta_docker_network_name], regex: front, action: keep }]
`,
    );
    const log = openSync(join(engine.dir, 'prometheus.log'), 'a');
    prometheus = engine.host.spawn(
      TEST_CLIENTS.prometheus,
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(engine.dir, 'tsdb')}`,
        '--web.listen-address=127.0.0.1:9090',
      ],
      { stdio: ['ignore', log, log], cwd: engine.dir },
    );
  });
  after(async () => {
    if (prometheus && prometheus.exitCode === null) {
      const ended = new Promise((resolve) => prometheus?.once('exit', resolve));
      prometheus.kill('SIGKILL');
      await ended;
    }
    await engine?.destroy();
  });

  const targets = (job: string): Target[] => {
    const { out } = engine.host.run('curl', '-s', 'http://127.0.0.1:9090/api/v1/targets?state=active');
    if (!out.startsWith('{')) return [];
    const all = (JSON.parse(out) as { data: { activeTargets: Target[] } }).data.activeTargets;
    return all.filter(({ discoveredLabels }) => discoveredLabels['job'] === job);
  };
  /** What is known of a container's targets, as sorted lines: address, network, ports. */
  const found = (job: string, container: string): string[] =>
    targets(job)
      .map(({ discoveredLabels: labels }) => labels)
      .filter((labels) => labels['__meta_docker_container_name'] === `/${container}`)
      .map((labels) =>
        [
          '__address__',
          ...['network_name', 'network_ip', 'port_private', 'port_public', 'port_public_ip'].map(
            (name) => `__meta_docker_${name}`,
          ),
        ]
          .map((name) => labels[name] ?? '-')
          .join(' '),
      )
      .sort();
  const finds = async (job: string, container: string, wanted: string[]): Promise<void> => {
    let seen: string[] = [];
    await until(
      `the targets of ${container}`,
      () => (seen = found(job, container)).join() === wanted.join(),
      60_000,
    ).catch((error: Error) =>
      assert.deepEqual(
        seen,
        wanted,
        `${error.message}\n${readFileSync(join(engine.dir, 'prometheus.log'), 'utf8').slice(-2000)}`,
      ),
    );
  };

  test('each network and each tcp port of a container is a target, with its names and addresses', async () => {
    engine.ok('network', 'create', '--subnet', '10.81.0.0/24', '--label', 'tier=outer', 'front');
    engine.ok('network', 'create', '--subnet', '10.82.0.0/24', '--internal', 'back');
    engine.ok(
      'create',
      '--name',
      'web',
      '--network',
      'front',
      '--ip',
      '10.81.0.7',
      '-p',
      '0.0.0.0:8080:80',
      '-p',
      '127.0.0.1:5300:53/udp',
      '--expose',
      '9100',
      '--label',
      'scrape=yes',
      'nginx',
    );
    engine.ok('network', 'connect', '--ip', '10.82.0.7', 'back', 'web');
    engine.ok('start', 'web');
    engine.ok('exec', 'web', 'sh', '-c', 'echo answer 42 >/www/metrics');
    engine.ok('run', '-d', '--name', 'portless', '--network', 'front', '--ip', '10.81.0.9', 'busybox', 'sleep', '1000');
    engine.ok('run', '-d', '--name', 'ofhost', '--network', 'host', 'busybox', 'sleep', '1000');
    const ofWeb = ['10.81.0.7:80 front 10.81.0.7 80 8080 0.0.0.0', '10.82.0.7:80 back 10.82.0.7 80 8080 0.0.0.0'];
    await finds('containers', 'web', [
      ofWeb[0]!,
      '10.81.0.7:9100 front 10.81.0.7 9100 - -',
      ofWeb[1]!,
      '10.82.0.7:9100 back 10.82.0.7 9100 - -',
    ]);
    await finds('containers', 'portless', ['10.81.0.9:80 front 10.81.0.9 - - -']);
    await finds('containers', 'ofhost', ['here host - - - -']);
    await until(
      'what filters and relabeling leave',
      () =>
        targets('chosen')
          .map(({ discoveredLabels }) => discoveredLabels['__address__'])
          .sort()
          .join() === '10.81.0.7:80,10.81.0.7:9100',
      60_000,
    );
  });

  test('the labels of networks and containers come along', () => {
    const labels = targets('containers').find(
      ({ discoveredLabels }) => discoveredLabels['__address__'] === '10.81.0.7:80',
    )?.discoveredLabels;
    for (const [name, value] of Object.entries({
      container_label_scrape: 'yes',
      container_network_mode: 'front',
      network_label_tier: 'outer',
      network_internal: 'false',
      network_ingress: 'false',
      network_scope: 'local',
      container_id: engine.ok('inspect', '-f', '{{.Id}}', 'web'),
      network_id: engine.ok('network', 'inspect', '-f', '{{.Id}}', 'front'),
    }))
      assert.equal(labels?.[`__meta_docker_${name}`], value, name);
  });

  test('a target is asked over its network', async () => {
    const health = () =>
      targets('containers')
        .filter(({ discoveredLabels }) => /^10\.8[12]\.0\.7:/.test(discoveredLabels['__address__'] ?? ''))
        .map(({ discoveredLabels, health: state }) => `${discoveredLabels['__address__']} ${state}`)
        .sort()
        .join();
    await until(
      'both addresses of web answer',
      () => health() === '10.81.0.7:80 up,10.81.0.7:9100 down,10.82.0.7:80 up,10.82.0.7:9100 down',
      60_000,
    );
  });

  test('a container that comes, moves and goes is a target as long as it is there', async () => {
    engine.ok('run', '-d', '--name', 'guest', '--network', 'back', '--ip', '10.82.0.50', '--expose', '9000', 'nginx');
    await finds('containers', 'guest', [
      '10.82.0.50:80 back 10.82.0.50 80 - -',
      '10.82.0.50:9000 back 10.82.0.50 9000 - -',
    ]);
    engine.ok('network', 'connect', '--ip', '10.81.0.50', 'front', 'guest');
    engine.ok('network', 'disconnect', 'back', 'guest');
    await finds('containers', 'guest', [
      '10.81.0.50:80 front 10.81.0.50 80 - -',
      '10.81.0.50:9000 front 10.81.0.50 9000 - -',
    ]);
    engine.ok('rm', '-f', 'guest');
    await finds('containers', 'guest', []);
  });
});
