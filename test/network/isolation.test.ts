/**
 * Who may reach whom: the table that docs/isolation.md shows, each cell tried with real packets. Rows are where a
 * connection comes from, columns what it is made to: a container's own address (a port that is published, one that is
 * not, ping), and its published port at an address of the host.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import type { Sandbox } from '../../src/network/service.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, askUdp, Lab, ping, run } from './lab.ts';

type Path = 'published' | 'unpublished' | 'udp' | 'ping' | 'host port';
const PATHS: readonly Path[] = ['published', 'unpublished', 'udp', 'ping', 'host port'];

/** 'from > to': the paths that lead there. What is not named leads nowhere. */
const ALLOWED: Readonly<Record<string, readonly Path[]>> = {
  'default > default': ['published', 'unpublished', 'udp', 'ping', 'host port'],
  'default > a': ['host port'],
  'default > quiet': ['host port'],
  'default > routed': ['published', 'ping'],
  'default > open': ['host port'],
  'a > default': ['host port'],
  'a > a': ['published', 'unpublished', 'udp', 'ping', 'host port'],
  'a > quiet': ['host port'],
  'a > routed': ['published', 'ping'],
  'a > open': ['host port'],
  'inside > inside': ['published', 'unpublished', 'udp', 'ping'],
  'quiet > default': ['host port'],
  'quiet > a': ['host port'],
  'quiet > quiet': ['host port'],
  'quiet > routed': ['published', 'ping'],
  'quiet > open': ['host port'],
  'routed > default': ['host port'],
  'routed > a': ['host port'],
  'routed > quiet': ['host port'],
  'routed > routed': ['published', 'unpublished', 'udp', 'ping'],
  'routed > open': ['host port'],
  'open > default': ['host port'],
  'open > a': ['host port'],
  'open > quiet': ['host port'],
  'open > routed': ['published', 'ping'],
  'open > open': ['published', 'unpublished', 'udp', 'ping', 'host port'],
  'host > default': ['published', 'unpublished', 'udp', 'ping', 'host port'],
  'host > a': ['published', 'unpublished', 'udp', 'ping', 'host port'],
  'host > inside': ['published', 'unpublished', 'udp', 'ping'],
  'host > quiet': ['published', 'unpublished', 'udp', 'ping', 'host port'],
  'host > routed': ['published', 'unpublished', 'udp', 'ping'],
  'host > open': ['published', 'unpublished', 'udp', 'ping', 'host port'],
  'outside > default': ['host port'],
  'outside > a': ['host port'],
  'outside > quiet': ['host port'],
  'outside > routed': ['published', 'ping'],
  'outside > open': ['published', 'unpublished', 'udp', 'ping', 'host port'],
};

const NETWORKS = ['default', 'a', 'inside', 'quiet', 'routed', 'open'] as const;


function table(version: 4 | 6): void {
  let lab: Lab;
  let outside: string;
  const servers = new Map<string, { sandbox: Sandbox; hostPort: number }>();
  const clients = new Map<string, Sandbox>();
  const address = (sandbox: Sandbox) => (version === 4 ? sandbox.endpoints[0]!.ipv4 : sandbox.endpoints[0]!.ipv6);
  const hostAddress = version === 4 ? '192.0.2.1' : '2001:db8::1';

  before(async () => {
    lab = await Lab.start({
      ipv6: true,
      addressPools: [
        { base: '10.210.0.0/16', size: 24 },
        { base: 'fd00:210::/48', size: 64 },
      ],
    });
    outside = lab.otherHost();
    const option = (name: string, value: string) => ({ [`com.docker.network.bridge.${name}`]: value });
    const modes = (mode: string) => ({ ...option('gateway_mode_ipv4', mode), ...option('gateway_mode_ipv6', mode) });
    await lab.createNetwork('a', { enableIpv6: true });
    await lab.createNetwork('inside', { enableIpv6: true, internal: true });
    await lab.createNetwork('quiet', { enableIpv6: true, options: option('enable_icc', 'false') });
    await lab.createNetwork('routed', { enableIpv6: true, options: modes('routed') });
    await lab.createNetwork('open', { enableIpv6: true, options: modes('nat-unprotected') });
    let hostPort = 8000;
    for (const name of NETWORKS) {
      hostPort++;
      const network = name === 'default' ? 'bridge' : name;
      const bindings = { '80/tcp': [{ hostIp: '', hostPort: String(hostPort) }] };
      const server = await lab.join(`${name}-server`, [network], { portBindings: bindings });
      servers.set(name, { sandbox: server, hostPort });
      clients.set(name, await lab.join(`${name}-client`, [network]));
      lab.serveTcp(server.netns, 80);
      lab.serveTcp(server.netns, 81);
      lab.serveUdp(server.netns, 53, version);
    }
  });
  after(() => lab.stop());

  const results = new Map<string, Path[]>();
  const attempt = async (from: string, to: string, path: Path): Promise<boolean> => {
    const netns = from === 'host' ? undefined : from === 'outside' ? outside : clients.get(from)!.netns;
    const { sandbox, hostPort } = servers.get(to)!;
    return reaches(netns, path, address(sandbox), hostAddress, hostPort);
  };
  before(async () => {
    const cells = [...NETWORKS, 'host', 'outside'].flatMap((from) => NETWORKS.flatMap((to) => PATHS.map((path) => ({ from, to, path }))));
    // Most cells wait a second for an answer that must not come: they do so side by side. One that should have come gets
    // another chance alone, as a busy machine may be slower than a second.
    const work = async (): Promise<void> => {
      for (let cell = cells.shift(); cell; cell = cells.shift()) {
        const { from, to, path } = cell;
        const name = `${from} > ${to}`;
        const allowed = ALLOWED[name]?.includes(path) ?? false;
        const reached = (await attempt(from, to, path)) || (allowed && ((await attempt(from, to, path)) || (await attempt(from, to, path))));
        if (reached) results.set(name, [...(results.get(name) ?? []), path]);
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
  });

  for (const from of [...NETWORKS, 'host', 'outside']) {
    for (const to of NETWORKS) {
      const name = `${from} > ${to}`;
      test(name, () => {
        const allowed = new Set(ALLOWED[name] ?? []);
        assert.deepEqual(PATHS.filter((path) => results.get(name)?.includes(path)), PATHS.filter((path) => allowed.has(path)));
      });
    }
  }

  test('a source that is made up opens nothing', async () => {
    // A container of `open` says it is one of `a`: the bridge it comes from counts, not what it says.
    const { netns } = clients.get('open')!;
    const neighbour = address(clients.get('a')!);
    run('nsenter', `--net=${netns}`, 'ip', 'address', 'add', `${neighbour}/${version === 4 ? 32 : 128}`, 'dev', 'lo');
    assert.equal(await askTcp(netns, address(servers.get('a')!.sandbox), 81, { source: neighbour }), '');
    // So does another host, with the address of the host itself and of a container.
    run('nsenter', `--net=${outside}`, 'ip', 'address', 'add', `${neighbour}/${version === 4 ? 32 : 128}`, 'dev', 'lo');
    assert.equal(await askTcp(outside, address(servers.get('a')!.sandbox), 81, { source: neighbour }), '');
  });
}

async function reaches(netns: string | undefined, path: Path, address: string, hostAddress: string, hostPort: number): Promise<boolean> {
  if (path === 'ping') return ping(netns, address);
  if (path === 'udp') return (await askUdp(netns, address, 53)) !== '';
  if (path === 'host port') return (await askTcp(netns, hostAddress, hostPort)) !== '';
  return (await askTcp(netns, address, path === 'published' ? 80 : 81)) !== '';
}

const DESCRIPTIONS: Readonly<Record<(typeof NETWORKS)[number], string>> = {
  default: 'the default bridge',
  a: 'a network of the user\'s',
  inside: 'an internal network (`--internal`)',
  quiet: 'a network with `com.docker.network.bridge.enable_icc=false`',
  routed: 'a network with `gateway_mode_ipv4=routed` (and ipv6)',
  open: 'a network with `gateway_mode_ipv4=nat-unprotected` (and ipv6)',
};

/** The table as documentation; UPDATE_GOLDEN=1 writes it. */
function renderPage(): string {
  const rows = [...NETWORKS, 'host', 'outside'].map((from) => {
    const cells = NETWORKS.map((to) => (ALLOWED[`${from} > ${to}`] ?? []).join(', ') || '-');
    return `| **${from}** | ${cells.join(' | ')} |`;
  });
  return `# Who can reach whom

Generated by test/network/isolation.test.ts, which tries every cell with real packets, over IPv4 and over IPv6; do not edit.

Rows are where a connection comes from, columns the network of the container that it is made to. *published*, *unpublished*: a
TCP port of the container at its own address, with and without \`-p\`; *udp*, *ping*: at its own address; *host port*: the published port at an address of
the host. *host* is the host itself, *outside* another machine that has a route to the containers' addresses. A dash: nothing.

${NETWORKS.map((name) => `- **${name}**: ${DESCRIPTIONS[name]}`).join('\n')}

| from \\ to | ${NETWORKS.join(' | ')} |
|---|${NETWORKS.map(() => '---').join('|')}|
${rows.join('\n')}

Containers of one network reach each other's every port, unless the network forbids it; links then open exactly what their sources expose.
A made-up source address opens nothing: the interface that a packet comes in by counts. A port published on 127.0.0.1 is for the host
itself only.
`;
}

if (enterTestHost(import.meta.url)) {
  describe('isolation over IPv4', () => table(4));
  describe('isolation over IPv6', () => table(6));
  test('the documentation shows this table', () => {
    const path = fileURLToPath(new URL('../../docs/isolation.md', import.meta.url));
    if (process.env['UPDATE_GOLDEN']) writeFileSync(path, renderPage());
    assert.equal(readFileSync(path, 'utf8'), renderPage());
  });
}
