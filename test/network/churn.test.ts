/**
 * Containers that come, go, connect, change names and links at random, several at once: whatever happened, the kernel,
 * the files and the resolver show what the table says, and in the end nothing is left.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { NetworkZone } from '../../src/base/dns-zone.ts';
import { silentLog } from '../../src/base/log.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { Firewall } from '../../src/network/firewall/firewall.ts';
import { elementKey, elementsOf } from '../../src/network/firewall/facts/element.ts';
import { projectZone } from '../../src/network/dns/zone.ts';
import { desiredFacts } from '../../src/network/plan/firewall-facts.ts';
import { NetworkTable } from '../../src/network/table/table.ts';
import type { JoinRequest } from '../../src/network/service.ts';
import { until } from '../harness/test-engine.ts';
import { enterTestHost } from './inside.ts';
import { Lab, run } from './lab.ts';

const NETWORKS = ['bridge', 'red', 'green', 'blue'];
const CONTAINERS = 10;
const STEPS = 150;
/** `CHURN_SEEDS=1-300` looks at more. */
const [FIRST_SEED = 1, LAST_SEED = FIRST_SEED] = (process.env['CHURN_SEEDS'] ?? '7-10').split('-').map(Number);

function churn(): void {
  for (let seed = FIRST_SEED; seed <= LAST_SEED; seed++) churnWith(seed);
}

function churnWith(seed: number): void {
  test(`${STEPS} steps on ${CONTAINERS} containers, seed ${seed}`, async (context) => {
    // As on a host that has never had an engine: what is closed to strangers depends on it.
    for (const family of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${family}`, '0');
    const lab = await Lab.start({ icc: false });
    const random = generator(seed);
    // What is asked at the same time overtakes each other, and the seed says where.
    const turns = generator(seed + 1_000_000);
    lab.store.turns = lab.resolver.turns = () => Math.floor(turns() * 5);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    for (const name of NETWORKS.slice(1)) await lab.createNetwork(name, { enableIpv6: name === 'blue' });
    const ports = [{ port: 80, protocol: 'tcp' as const }];
    const requests = Array.from({ length: CONTAINERS }, (_, index) =>
      lab.request(`c${index}`, [], { exposedPorts: ports }),
    );
    const refused = /already|is not (running|connected)|has a network sandbox|is not known|no published/;
    let done = 0;
    let failures = 0;

    const operate = async (): Promise<void> => {
      const request = pick(requests);
      const id = request.containerId;
      switch (pick(['join', 'join', 'leave', 'connect', 'disconnect', 'rename', 'links'])) {
        case 'join': {
          const names = NETWORKS.filter(() => random() < 0.4);
          const portBindings: JoinRequest['portBindings'] =
            random() < 0.5 ? { '80/tcp': [{ hostIp: '', hostPort: String(8000 + requests.indexOf(request)) }] } : {};
          await lab.service.join({
            ...request,
            connections: names.map((name) =>
              lab.connection(name, { aliases: name === 'bridge' ? [] : [pick(['pool', 'db'])] }),
            ),
            portBindings,
            links: [link(pick(requests))],
          });
          return;
        }
        case 'leave':
          // What fails is tried again, as the engine does.
          return lab.service.leave(id).catch(() => lab.service.leave(id));
        case 'connect':
          await lab.service.connect(id, lab.connection(pick(NETWORKS)));
          return;
        case 'disconnect':
          return lab.service.disconnect(id, lab.network(pick(NETWORKS)).id);
        case 'rename':
          return lab.service.rename(id, `${request.containerName}-${Math.floor(random() * 100)}`);
        case 'links':
          return lab.service.setLinks(id, random() < 0.5 ? [] : [link(pick(requests)), link(pick(requests))]);
      }
    };
    const link = (source: JoinRequest) => ({
      sourceId: source.containerId,
      sourceName: source.containerName,
      alias: pick(['db', 'cache']),
      ports,
    });
    const worker = async (): Promise<void> => {
      while (done++ < STEPS) {
        if (random() < 0.05) lab[pick(['store', 'resolver'] as const)].failNext = new Error('made up');
        try {
          await operate();
        } catch (error) {
          failures++;
          assert.match(String(error), new RegExp(`${refused.source}|made up`));
        }
      }
    };
    await Promise.all([worker(), worker(), worker()]);
    lab.store.failNext = lab.resolver.failNext = undefined;

    try {
      await until('what could not be stored or written at once is', () => isStored(lab, requests), 60_000);
      compare(lab);
      await lab.restart();
      compare(lab);
    } finally {
      context.diagnostic(
        `${STEPS} steps, ${failures} refused or made to fail, ${lab.store.sandboxes.size} containers at the end`,
      );
      await lab.stop();
    }
    assert.doesNotMatch(run('ip', '-o', 'link').out, /veth|br-|docker0/);
    assert.equal(run('nft', 'list', 'ruleset').out, '');
  });
}

/** What has failed has no waiter any more and is tried again by itself. */
function isStored(lab: Lab, requests: readonly JoinRequest[]): boolean {
  const stored = new Map(lab.store.load().sandboxes.map((record) => [record.sandbox.containerId, record.sandbox]));
  return requests.every(({ containerId }) =>
    isDeepStrictEqual(stored.get(containerId), lab.service.sandbox(containerId)),
  );
}

/** Everything that can be seen against what is stored. */
function compare(lab: Lab): void {
  const { networks, sandboxes } = lab.store.load();
  const table = new NetworkTable();
  for (const network of networks) table.putNetwork(network);
  for (const record of sandboxes) table.putSandbox(record);

  const firewall = new Firewall({ log: silentLog });
  const inKernel = firewall.elements();
  firewall.close();
  const wanted = elementsOf(
    desiredFacts(table, { closed: { 4: { earlier: [], routers: [] }, 6: { earlier: [], routers: [] } }, ipMasq: true }),
  );
  const text = (list: typeof wanted) => new Set(list.map((one) => `${elementKey(one)} ${one.value ?? ''}`));
  assert.deepEqual(difference(text(inKernel), text(wanted)), { extra: [], missing: [] });

  const route = RouteSocket.open();
  const veths = route
    .links()
    .filter((one) => one.kind === 'veth')
    .map((one) => one.name);
  route.close();
  const endpoints = sandboxes.flatMap((record) => record.sandbox.endpoints);
  // Those of containers that have just left may still be on their way out.
  for (const endpoint of endpoints) assert.ok(veths.includes(endpoint.hostIfname));
  assert.deepEqual(
    readdirSync(`${lab.dir}/netns`).toSorted(),
    sandboxes.map((record) => record.id.slice(0, 12)).toSorted(),
  );

  for (const record of sandboxes) {
    const hosts = readFileSync(record.request.files.hosts, 'utf8');
    for (const endpoint of record.sandbox.endpoints)
      assert.match(hosts, new RegExp(`^${endpoint.ipv4.replaceAll('.', '\\.')}\\t${record.request.hostname}`, 'm'));
    const lines = record.request.links.flatMap((one) => {
      const source = table
        .sandbox(one.sourceId)
        ?.sandbox.endpoints.find((endpoint) => endpoint.networkName === 'bridge');
      return source ? [`${source.ipv4} ${one.alias}`] : [];
    });
    const shown = hosts
      .split('\n')
      .flatMap((line) => (/\t(db|cache) /.test(line) ? [line.split(/\s+/).slice(0, 2).join(' ')] : []));
    assert.deepEqual(shown.toSorted(), lines.toSorted());
    assert.equal(lab.resolver.views.has(record.id), record.resolverPort > 0);
  }
  for (const zone of lab.resolver.zones.values()) {
    const endpoints = table.endpoints(zone.id).map((endpoint) => ({
      ...endpoint,
      ports: table.sandbox(endpoint.containerId)?.request.exposedPorts ?? [],
    }));
    const network = table.network(zone.id)!;
    assert.deepEqual(shownOf(zone), shownOf(projectZone({ network, ttlS: zone.ttlS, endpoints })));
  }
}

/** What a zone answers of containers that run. */
function shownOf({ names, ptr }: NetworkZone) {
  const answered = Object.entries(names).filter(([, { a, aaaa }]) => a.length + aaaa.length > 0);
  return {
    names: Object.fromEntries(
      answered.map(([name, { a, aaaa, services }]) => [
        name,
        [a.toSorted(), aaaa.toSorted(), (services ?? []).map((one) => JSON.stringify(one)).toSorted()],
      ]),
    ),
    ptr: { ...ptr },
  };
}

function difference(found: ReadonlySet<string>, wanted: ReadonlySet<string>) {
  return {
    extra: [...found].filter((one) => !wanted.has(one)).toSorted(),
    missing: [...wanted].filter((one) => !found.has(one)).toSorted(),
  };
}

/** Numbers that are the same for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

if (enterTestHost()) describe('churn', churn);
