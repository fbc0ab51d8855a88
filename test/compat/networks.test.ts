/**
 * Networks as Docker's clients see them: what the API answers, lists, shows and tells, and which addresses containers
 * get.
 */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { TestEngine } from '../harness/test-engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
});
after(() => engine?.destroy());

interface Answer {
  readonly status: number;
  readonly body: string;
}

function ask(method: string, path: string, body?: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body ? { 'Content-Type': 'application/json' } : {};
    const call = request({ socketPath: engine.socket, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    call.on('error', reject);
    call.end(body && JSON.stringify(body));
  });
}

const createdId = async (body: object): Promise<string> =>
  (JSON.parse((await ask('POST', '/networks/create', body)).body) as { Id: string }).Id;

/** What happened to networks while `work` ran, each as action, then name=value of the attributes. */
async function networkEvents(work: () => Promise<void> | void): Promise<string[]> {
  const now = () => (Date.now() / 1000).toFixed(3);
  const since = now();
  await work();
  const lines = engine.ok(
    'events',
    '--since',
    since,
    '--until',
    now(),
    '--filter',
    'type=network',
    '--format',
    '{{.Action}} {{json .Actor.Attributes}}',
  );
  return lines.split('\n').filter(Boolean);
}

const names = (...filters: string[]): string[] =>
  engine
    .ok('network', 'ls', ...filters.flatMap((filter) => ['--filter', filter]), '--format', '{{.Name}}')
    .split('\n')
    .filter(Boolean);

test('status: how full each subnet is, since API 1.52, as numbers of 64 bits', async () => {
  await createdId({
    Name: 'status',
    EnableIPv6: true,
    IPAM: {
      Config: [
        { Subnet: '10.20.0.0/24', IPRange: '10.20.0.128/25', AuxiliaryAddresses: { router: '10.20.0.130' } },
        { Subnet: 'fd20::/64' },
      ],
    },
  });
  engine.ok('run', '-d', '--name', 'one', '--network', 'status', 'busybox', 'sleep', '300');
  const { body } = await ask('GET', '/v1.52/networks/status');
  assert.match(
    body,
    /"Status":{"IPAM":{"Subnets":{"10\.20\.0\.0\/24":{"IPsInUse":5,"DynamicIPsAvailable":124},"fd20::\/64":{"IPsInUse":3,"DynamicIPsAvailable":18446744073709551613}}}}/,
  );
  assert.doesNotMatch((await ask('GET', '/v1.51/networks/status')).body, /Status/);
  assert.match(engine.causeway('network', 'inspect', 'status').out, /"DynamicIPsAvailable": 18446744073709551613/);
  engine.ok('rm', '-f', 'one');
  assert.match((await ask('GET', '/v1.52/networks/status')).body, /"IPsInUse":4,"DynamicIPsAvailable":125/);
  engine.ok('network', 'rm', 'status');
});

test("events: create, connect, disconnect, destroy and prune, with Docker's attributes", async () => {
  let container = '';
  const events = await networkEvents(() => {
    engine.ok('network', 'create', '--label', 'tier=back', 'told');
    container = engine.ok('run', '-d', '--name', 'one', '--network', 'told', 'busybox', 'sleep', '300');
    engine.ok('network', 'connect', 'bridge', 'one');
    engine.ok('network', 'disconnect', 'bridge', 'one');
    engine.ok('rm', '-f', 'one');
    engine.ok('network', 'create', '--config-only', 'config');
    engine.ok('network', 'rm', 'config');
    engine.ok('network', 'rm', 'told');
    engine.ok('network', 'create', 'unused');
    engine.ok('network', 'prune', '-f');
  });
  const of = (name: string, extra = '') => `{${extra}"name":"${name}","type":"bridge"}`;
  const it = `"container":"${container}",`;
  assert.deepEqual(events, [
    `create ${of('told')}`,
    `connect ${of('told', it)}`,
    `connect ${of('bridge', it)}`,
    `disconnect ${of('bridge', it)}`,
    `disconnect ${of('told', it)}`,
    'create {"name":"config","type":"null"}', // whose removal nobody hears of
    `destroy ${of('told')}`,
    `create ${of('unused')}`,
    `destroy ${of('unused')}`,
    'prune {"reclaimed":"0"}',
  ]);
});

test('one is found by name, id and unique prefix; ambiguity is refused', async () => {
  // Sixteen digits: of seventeen ids two begin alike.
  const ids = await Promise.all(
    Array.from({ length: 17 }, (_, index) =>
      createdId({ Name: `n${index}`, IPAM: { Config: [{ Subnet: `10.21.${index}.0/24` }] } }),
    ),
  );
  const digit = ids.map((id) => id[0]!).find((first, index, all) => all.indexOf(first) !== index)!;
  const count = engine
    .ok('network', 'ls', '-q', '--no-trunc')
    .split('\n')
    .filter((id) => id.startsWith(digit)).length;
  const refused = await ask('GET', `/networks/${digit}`);
  assert.deepEqual(
    [refused.status, JSON.parse(refused.body)],
    [400, { message: `${count} matches found based on ID prefix: network ${digit} is ambiguous` }],
  );
  assert.equal((await ask('DELETE', `/networks/${digit}`)).status, 400);
  engine.ok('create', '--name', 'one', 'busybox');
  assert.match(
    engine.docker('network', 'connect', digit, 'one').err,
    new RegExp(`network ${digit} is ambiguous \\(${count} matches found based on ID prefix\\)`),
  );
  assert.equal(engine.ok('network', 'inspect', '-f', '{{.Name}}', ids[3]!.slice(0, 20)), 'n3');
  // A name goes before the beginning of an id, a whole id before a name.
  const named = await createdId({ Name: ids[0]!.slice(0, 6) });
  assert.equal(engine.ok('network', 'inspect', '-f', '{{.Id}}', ids[0]!.slice(0, 6)), named);
  const impostor = await createdId({ Name: ids[1]! });
  assert.equal(engine.ok('network', 'inspect', '-f', '{{.Name}}', ids[1]!), 'n1');
  for (const id of [...ids, named, impostor]) assert.equal((await ask('DELETE', `/networks/${id}`)).status, 204);
  engine.ok('rm', 'one');
});

test('lists by every filter, prune by label and age', () => {
  engine.ok('network', 'create', '--label', 'tier=back', '--label', 'keep', 'f-back');
  engine.ok('network', 'create', '--label', 'tier=front', 'f-front');
  engine.ok('network', 'create', '-d', 'macvlan', 'f-lan');
  engine.ok('run', '-d', '--name', 'one', '--network', 'f-front', 'busybox', 'sleep', '300');
  assert.deepEqual(names('driver=macvlan'), ['f-lan']);
  assert.deepEqual(names('name=^f-', 'label=tier'), ['f-back', 'f-front']);
  assert.deepEqual(names('label=tier=back'), ['f-back']);
  assert.deepEqual(names('type=builtin'), ['bridge', 'host', 'none']);
  assert.deepEqual(names('dangling=true'), ['f-back', 'f-front', 'f-lan'], 'Docker 28 does not look who is on them');
  assert.deepEqual(names('dangling=false'), ['bridge', 'host', 'none']);
  const filters = encodeURIComponent('{"dangling":["true"]}');
  const old = JSON.parse(
    engine.host.ok('curl', '-s', '--unix-socket', engine.socket, `http://x/v1.27/networks?filters=${filters}`),
  ) as { Name: string }[];
  assert.deepEqual(old.map(({ Name }) => Name).toSorted(), ['f-back', 'f-lan'], 'older ones did');
  assert.deepEqual(names('scope=local', 'name=lan'), ['f-lan']);
  const id = engine.ok('network', 'inspect', '-f', '{{.Id}}', 'f-lan');
  assert.deepEqual(names(`id=${id.slice(20, 40)}`), ['f-lan']);
  assert.equal(engine.ok('network', 'prune', '-f', '--filter', 'until=1h'), '');
  assert.equal(engine.ok('network', 'prune', '-f', '--filter', 'label!=keep'), 'Deleted Networks:\nf-lan');
  assert.equal(engine.ok('network', 'prune', '-f', '--filter', 'label=tier'), 'Deleted Networks:\nf-back');
  const endpoint = engine
    .ok('network', 'inspect', '-f', '{{range .Containers}}{{.EndpointID}}{{end}}', 'f-front')
    .slice(0, 12);
  assert.match(
    engine.docker('network', 'rm', 'f-front').err,
    new RegExp(`network f-front has active endpoints \\(name:"one" id:"${endpoint}"\\)`),
  );
  engine.ok('rm', '-f', 'one');
  engine.ok('network', 'rm', 'f-front');
});

test('a configuration is written once and used by several networks', () => {
  engine.ok(
    'network',
    'create',
    '--config-only',
    '--label',
    'tier=back',
    '-o',
    'com.docker.network.driver.mtu=1400',
    '--ipam-opt',
    'causeway.subnet_size=28',
    '--ipv6',
    'config',
  );
  engine.ok('network', 'create', '--config-from', 'config', '--internal', 'made1');
  engine.ok('network', 'create', '--config-from', 'config', 'made2');
  const shown = engine.ok(
    'network',
    'inspect',
    '-f',
    '{{.Driver}} {{.ConfigOnly}} {{.ConfigFrom.Network}} {{.Internal}} {{.EnableIPv6}} {{.Labels.tier}} {{len .IPAM.Config}} {{json .Options}}',
    'config',
    'made1',
    'made2',
  );
  const options = '{"com.docker.network.driver.mtu":"1400"}';
  assert.deepEqual(shown.split('\n'), [
    `null true  false true back 0 ${options}`,
    `bridge false config true true back 2 ${options}`,
    `bridge false config false true back 2 ${options}`,
  ]);
  assert.match(
    engine.ok('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', 'made1', 'made2'),
    /^172\.18\.0\.0\/28\n172\.18\.0\.16\/28$/,
  );
  assert.match(engine.docker('network', 'rm', 'config').err, /configuration network "config" is in use/);
  assert.match(
    engine.docker('run', '--rm', '--network', 'config', 'busybox').err,
    /cannot create endpoint on configuration-only network/,
  );
  assert.deepEqual(engine.ok('network', 'prune', '-f').split('\n').slice(1).toSorted(), ['made1', 'made2']);
  engine.ok('network', 'rm', 'config');
});

test('warnings: in the answer, and our own command prints them', async () => {
  const { status, body } = await ask('POST', '/networks/create', {
    Name: 'warned',
    Scope: 'global',
    Options: { 'com.docker.network.bridge.enable_ic': 'false', 'com.example': 'x' },
  });
  assert.equal(status, 201);
  assert.equal(
    (JSON.parse(body) as { Warning: string }).Warning,
    'the scope "global" has no effect: every network is local to this host\nnetwork option com.docker.network.bridge.enable_ic is not known and has no effect',
  );
  const ran = engine.causeway('network', 'create', '-o', 'com.docker.network.nosuch=1', 'warned2');
  assert.match(ran.err, /^WARNING: network option com\.docker\.network\.nosuch is not known and has no effect$/m);
  assert.match(ran.out, /^[0-9a-f]{64}\n$/);
  engine.ok('network', 'rm', 'warned', 'warned2');
});

test(
  'a stopped container keeps the address that it asked for, also when the daemon is killed; one that fails to start takes none',
  { timeout: 120_000 },
  async () => {
    engine.ok('network', 'create', '--subnet', '10.22.0.0/29', 'tiny');
    engine.ok('create', '--name', 'asked', '--network', 'tiny', '--ip', '10.22.0.2', 'busybox', 'sleep', '300');
    const others = () => {
      const given = [3, 4, 5, 6].map((host) => {
        engine.ok('run', '-d', '--name', `other${host}`, '--network', 'tiny', 'busybox', 'sleep', '300');
        return engine.ok('inspect', '-f', '{{.NetworkSettings.Networks.tiny.IPAddress}}', `other${host}`);
      });
      assert.match(
        engine.docker('run', '--rm', '--network', 'tiny', 'busybox', 'true').err,
        /no available IPv4 addresses on this network's address pools: tiny/,
      );
      engine.ok('rm', '-f', 'other3', 'other4', 'other5', 'other6');
      return given;
    };
    const rest = ['10.22.0.3', '10.22.0.4', '10.22.0.5', '10.22.0.6'];
    assert.deepEqual(others(), rest);
    await engine.restart('SIGKILL');
    for (const wrong of [['nosuchprogram'], ['sh', '-c', 'exit 3']]) {
      for (let times = 0; times < 3; times++)
        assert.notEqual(engine.docker('run', '--rm', '--network', 'tiny', 'busybox', ...wrong).code, 0);
    }
    assert.notEqual(
      engine.docker('run', '--rm', '--network', 'tiny', '--sysctl', 'net.nosuch=1', 'busybox', 'true').code,
      0,
    );
    assert.deepEqual(others(), rest);
    engine.ok('start', 'asked');
    assert.equal(engine.ok('inspect', '-f', '{{.NetworkSettings.Networks.tiny.IPAddress}}', 'asked'), '10.22.0.2');
    engine.ok('rm', '-f', 'asked');
    assert.match((await ask('GET', '/v1.52/networks/tiny')).body, /"IPsInUse":3,"DynamicIPsAvailable":5/);
    engine.ok('network', 'rm', 'tiny');
  },
);

test("IPv6 alone, with an address of the user's, and two families on one network", () => {
  engine.ok('network', 'create', '--ipv4=false', '--ipv6', '--subnet', 'fd23::/64', 'six');
  engine.ok(
    'network',
    'create',
    '--ipv6',
    '--subnet',
    '10.23.0.0/24',
    '--subnet',
    'fd24::/64',
    '--gateway',
    'fd24::ff',
    'dual',
  );
  engine.ok('run', '-d', '--name', 'one', '--network', 'six', '--ip6', 'fd23::77', 'busybox', 'sleep', '300');
  engine.ok(
    'run',
    '-d',
    '--name',
    'two',
    '--network',
    'dual',
    '--ip6',
    'fd24::77',
    '--ip',
    '10.23.0.77',
    'busybox',
    'sleep',
    '300',
  );
  const shown = (container: string, network: string) =>
    engine.ok(
      'inspect',
      '-f',
      `{{with index .NetworkSettings.Networks "${network}"}}{{.IPAddress}},{{.Gateway}},{{.GlobalIPv6Address}}/{{.GlobalIPv6PrefixLen}},{{.IPv6Gateway}}{{end}}`,
      container,
    );
  assert.equal(shown('one', 'six'), ',,fd23::77/64,fd23::1');
  assert.equal(shown('two', 'dual'), '10.23.0.77,10.23.0.1,fd24::77/64,fd24::ff');
  assert.doesNotMatch(engine.ok('exec', 'one', 'ip', '-4', 'addr', 'show', 'eth0'), /inet /);
  engine.ok('exec', 'two', 'ping', '-6', '-c', '1', '-W', '5', 'fd24::ff');
  // Names without IPv4: in the hosts file, from the resolver, and backwards.
  assert.match(
    engine.ok('exec', 'one', 'cat', '/etc/hosts'),
    new RegExp(`^fd23::77\t${engine.ok('inspect', '-f', '{{.Config.Hostname}}', 'one')}$`, 'm'),
  );
  engine.ok('run', '--rm', '--network', 'six', 'busybox', 'ping', '-c', '1', '-W', '5', 'one');
  // A published port of a container without IPv4 is one of the host's IPv6 addresses only.
  engine.ok('run', '-d', '--name', 'web', '--network', 'six', '-p', '8086:80', 'nginx');
  assert.equal(engine.ok('port', 'web'), '80/tcp -> [::]:8086');
  assert.match(
    engine.host.ok(
      'curl',
      '-sg',
      '--max-time',
      '10',
      '--retry',
      '20',
      '--retry-connrefused',
      '--retry-delay',
      '1',
      'http://[::1]:8086/',
    ),
    /Welcome to nginx/,
  );
  assert.equal(
    engine.ok('network', 'inspect', '-f', '{{.EnableIPv4}} {{.EnableIPv6}} {{json .IPAM.Config}}', 'six'),
    'false true [{"Subnet":"fd23::/64","Gateway":"fd23::1"}]',
  );
  engine.ok('rm', '-f', 'one', 'two', 'web');
  engine.ok('network', 'rm', 'six', 'dual');
});
