/** Every API version that is served has its own shape, in answers and in what is taken. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { ANSWER_FIELDS } from '../../src/api/shape/answer-fields.ts';
import { fieldPath } from '../../src/api/shape/field-path.ts';
import { BODY_FIELDS, QUERY_VERSIONS, ROUTES_SINCE } from '../../src/api/shape/request-fields.ts';
import { createRoutes } from '../../src/api/routes/all.ts';
import { NEWEST_API, OLDEST_API } from '../../src/api/versions.ts';
import { isOlderApi } from '../../src/wire/api-version.ts';
import { createRequestSchema } from '../../src/wire/container-create.ts';
import { createSamples } from './create-samples.ts';
import { jsonPaths } from './json-paths.ts';
import { queryReads } from './query-reads.ts';
import { schemaFields } from './schema-fields.ts';
import { serve, type Served } from './serve.ts';

const minor = (version: string) => Number(version.split('.')[1]);
const VERSIONS = Array.from(
  { length: minor(NEWEST_API) - minor(OLDEST_API) + 1 },
  (_, index) => `1.${minor(OLDEST_API) + index}`,
);

/** What each version adds to an answer (+) and no longer has (-), up to 1.51 as dockerd 28.5.2 was seen to answer. */
const CHANGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '/version': {},
  '/info': {
    '1.42': '-KernelMemory',
    '1.44': '+Runtimes.crun.status +Runtimes.crun.status.org.opencontainers.runtime-spec.features',
    '1.47':
      '-RegistryConfig.AllowNondistributableArtifactsCIDRs -RegistryConfig.AllowNondistributableArtifactsHostnames',
    // Of dockerd, RuncCommit alone was recorded: it has no others in that build.
    '1.49':
      '+FirewallBackend +FirewallBackend.Driver +FirewallBackend.Info -ContainerdCommit.Expected -InitCommit.Expected -RuncCommit.Expected',
    '1.50':
      '+DiscoveredDevices +DiscoveredDevices[].ID +DiscoveredDevices[].Source -BridgeNfIp6tables -BridgeNfIptables',
  },
  '/containers/json?all=1': {
    '1.46': '+[].HostConfig.Annotations +[].HostConfig.Annotations.x',
    '1.52': '+[].Health +[].Health.FailingStreak +[].Health.Status',
  },
  '/containers/web/json': {
    '1.52': [
      ...'Bridge EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen HairpinMode IPAddress IPPrefixLen IPv6Gateway'.split(
        ' ',
      ),
      ...'LinkLocalIPv6Address LinkLocalIPv6PrefixLen MacAddress SecondaryIPAddresses SecondaryIPv6Addresses'.split(
        ' ',
      ),
    ]
      .map((name) => `-NetworkSettings.${name}`)
      .concat('-Config.MacAddress', '-Config.OnBuild')
      .join(' '),
  },
  '/containers/web/stats?stream=0&one-shot=1': { '1.52': '+os_type' },
  '/images/json': { '1.44': '-[].VirtualSize' },
  '/images/busybox/json': {
    '1.44': '-VirtualSize',
    '1.45': `-ContainerConfig ${'AttachStderr AttachStdin AttachStdout Cmd Domainname Entrypoint Env Hostname Image Labels OnBuild OpenStdin StdinOnce Tty User Volumes WorkingDir'
      .split(' ')
      .map((name) => `-ContainerConfig.${name}`)
      .join(' ')}`,
    '1.50': 'AttachStderr AttachStdin AttachStdout Domainname Hostname Image OpenStdin StdinOnce Tty'
      .split(' ')
      .map((name) => `-Config.${name}`)
      .join(' '),
    // What is set stays: Comment, Config.Cmd, Config.Env, Config.WorkingDir.
    '1.52':
      '-Author -DockerVersion -Parent -Config.Entrypoint -Config.Labels -Config.OnBuild -Config.User -Config.Volumes',
  },
  '/images/busybox/history': {},
  '/networks': {
    '1.28': 'EndpointID IPv4Address IPv6Address MacAddress Name'
      .split(' ')
      .reduce((text, name) => `${text} -[].Containers.ID.${name}`, '-[].Containers.ID'),
    '1.52': '-[].Containers',
  },
  '/networks/bridge': {
    '1.52': '+Status +Status.IPAM +Status.IPAM.Subnets',
  },
  '/volumes': {},
  '/volumes/data': {},
  '/system/df': {
    '1.44': '-Images[].VirtualSize',
    '1.46': '+Containers[].HostConfig.Annotations +Containers[].HostConfig.Annotations.x',
    '1.52':
      '+BuildCacheUsage +ContainerUsage +ContainerUsage.ActiveCount +ContainerUsage.TotalCount +ImageUsage +ImageUsage.ActiveCount +ImageUsage.TotalCount +ImageUsage.TotalSize ' +
      '+VolumeUsage +VolumeUsage.Reclaimable +VolumeUsage.TotalCount +VolumeUsage.TotalSize ' +
      '+Containers[].Health +Containers[].Health.FailingStreak +Containers[].Health.Status',
  },
};

const MAC = '02:42:ac:11:00:09';

/** With one of everything that answers show. */
async function furnish(served: Served): Promise<void> {
  const { call } = served;
  const { status } = await call('POST', '/containers/create?name=web', {
    Image: 'busybox',
    Cmd: ['sleep', '1000'],
    Healthcheck: { Test: ['CMD', 'true'] },
    HostConfig: { Annotations: { x: 'y' } },
    NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress: MAC } } },
  });
  assert.equal(status, 201);
  assert.equal((await call('POST', '/containers/web/start')).status, 204);
  await call('POST', '/volumes/create', { Name: 'data' });
}

async function pathsIn(served: Served, version: string, path: string): Promise<Set<string>> {
  const { status, json } = await served.call('GET', `/v${version}${path}`);
  assert.equal(status, 200, `${version} ${path}`);
  return new Set([...jsonPaths(json)].map((one) => one.replace(/\b[0-9a-f]{64}\b/, 'ID')));
}

test('the fields of every answer change with the versions that Docker changed them in', async (t) => {
  const served = await serve(t);
  await furnish(served);
  for (const [path, changes] of Object.entries(CHANGES)) {
    const seen: Record<string, string[]> = {};
    let before: Set<string> | undefined;
    for (const version of VERSIONS) {
      const paths = await pathsIn(served, version, path);
      if (before) {
        const known = before;
        const added = [...paths].filter((one) => !known.has(one)).map((one) => `+${one}`);
        const removed = [...known].filter((one) => !paths.has(one)).map((one) => `-${one}`);
        if (added.length + removed.length > 0) seen[version] = [...added, ...removed].sort();
      }
      before = paths;
    }
    const expected = Object.entries(changes).map(([version, text]) => [version, text.split(' ').sort()]);
    assert.deepEqual(seen, Object.fromEntries(expected), path);
  }
});

test('every row of the table of answers is about a field that is there in some version, and not in another', async () => {
  const changed = Object.values(CHANGES).flatMap((changes) =>
    Object.values(changes).flatMap((text) => text.split(' ')),
  );
  const known = new Set(changed.map((one) => one.slice(1).replace('Runtimes.crun', 'Runtimes.*')));
  // These are set in the answers that are compared, and stay; events are lines.
  known.add('ImageUsage.Items[].VirtualSize'); // in no version at all: the one field is newer than the other is old
  for (const field of ['Comment', 'Config.Cmd', 'Config.Env', 'Config.WorkingDir', 'status', 'id', 'from'])
    known.add(field);
  const routes = new Set(
    createRoutes()
      .list()
      .map(({ method, path }) => `${method} ${path}`),
  );
  for (const [route, rows] of Object.entries(ANSWER_FIELDS)) {
    assert.ok(routes.has(route), route);
    for (const { field } of rows) {
      assert.ok(known.has(field), `${route} ${field}`);
      assert.ok(fieldPath(field).length > 0);
    }
  }
});

test('with the option, what old clients read stays in every version', async (t) => {
  const served = await serve(t, { legacyFields: true });
  await furnish(served);
  const inspect = await served.call('GET', `/v${NEWEST_API}/containers/web/json`);
  assert.equal(inspect.json.Config.MacAddress, MAC);
  const old = await served.call('GET', '/v1.51/containers/web/json');
  assert.deepEqual(inspect.json.NetworkSettings, old.json.NetworkSettings);
  assert.match((await firstEvent(served, NEWEST_API, {})).line, /^\{"status":"start","id":"c+","from":"busybox"/);
});

test('the objects that disk usage lists are shaped as in their own lists', async (t) => {
  const served = await serve(t);
  await furnish(served);
  const { json } = await served.call('GET', `/v${NEWEST_API}/system/df?verbose=1`);
  assert.deepEqual(Object.keys(json).sort(), ['BuildCacheUsage', 'ContainerUsage', 'ImageUsage', 'VolumeUsage']);
  const listed = {
    ImageUsage: await pathsIn(served, NEWEST_API, '/images/json'),
    ContainerUsage: await pathsIn(served, NEWEST_API, '/containers/json?all=1'),
  };
  for (const [kind, paths] of Object.entries(listed)) {
    const items = jsonPaths(json[kind].Items as unknown);
    assert.deepEqual([...items].sort(), [...paths].sort(), kind);
  }
});

test('an answer that is shaped for one version leaves the next one whole', async (t) => {
  const served = await serve(t);
  await furnish(served);
  const [first] = [await pathsIn(served, '1.51', '/containers/web/json')];
  await pathsIn(served, '1.55', '/containers/web/json');
  assert.deepEqual(await pathsIn(served, '1.51', '/containers/web/json'), first);
});

async function firstEvent(
  served: Served,
  version: string,
  headers: Record<string, string>,
): Promise<{ type: string; line: string }> {
  return await new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: served.socketPath, path: `/v${version}/events`, headers, agent: false },
      (incoming) => {
        served.backend.emit('container', 'start', 'c'.repeat(64), { image: 'busybox' });
        incoming.on('error', () => {});
        incoming.once('data', (chunk: Buffer) => {
          resolve({ type: incoming.headers['content-type'] ?? '', line: chunk.toString() });
          asked.destroy();
        });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

test('events are framed as the version does, or as the client names it', async (t) => {
  const served = await serve(t);
  const legacy = /^\{"status":"start","id":"c+","from":"busybox","Type":"container"/;
  const lean = /^\{"Type":"container","Action":"start"/;
  for (const version of VERSIONS) {
    const { type, line } = await firstEvent(served, version, {});
    const usual = isOlderApi(version, '1.52') ? 'json' : isOlderApi(version, '1.53') ? 'x-ndjson' : 'jsonl';
    assert.equal(type, `application/${usual}`, version);
    assert.match(line, isOlderApi(version, '1.52') ? legacy : lean);
  }
  for (const name of ['application/jsonl', 'application/x-ndjson', 'application/json-seq']) {
    const { type, line } = await firstEvent(served, '1.52', { Accept: `text/html, ${name};q=0.4` });
    assert.equal(type, name);
    assert.equal(line.startsWith('\x1e'), name.endsWith('seq'));
    assert.match(line.replace('\x1e', ''), lean);
  }
});

test('a field of a create request is taken, ignored or refused by version', async (t) => {
  const { call, backend } = await serve(t);
  const fields = new Map(schemaFields(createRequestSchema).map((field) => [field.path, field]));
  const specOf = async (version: string, body: object) => {
    const answer = await call('POST', `/v${version}/containers/create`, body);
    return answer.status === 201 ? backend.specs.at(-1) : String(answer.json.message);
  };
  const rows = BODY_FIELDS['POST /containers/create']!;
  assert.ok(rows.length > 8);
  for (const row of rows) {
    const samples = createSamples(fields.get(row.field)!);
    const bound = row.since ?? row.until!;
    for (const version of new Set([OLDEST_API, `1.${minor(bound) - 1}`, bound, NEWEST_API])) {
      if (isOlderApi(version, OLDEST_API)) continue;
      const known = row.until ? isOlderApi(version, row.until) : !isOlderApi(version, row.since!);
      const [plain, changed] = [await specOf(version, samples.without), await specOf(version, samples.with)];
      const where = `${row.field} in ${version}`;
      if (known) assert.ok(changed !== row.refuse && !isDeepStrictEqual(plain, changed), where);
      else if (row.refuse !== undefined) assert.equal(changed, row.refuse, where);
      else assert.deepEqual(changed, plain, where);
    }
  }
});

test('fields of other bodies are ignored by versions that do not know them, in whatever case they are written', async (t) => {
  const { call, backend } = await serve(t);
  await call('POST', '/containers/create?name=web', { Image: 'busybox', Cmd: ['true'] });
  const cases: [route: string, path: string, plain: object, field: object, since: string][] = [
    ['POST /containers/:name/update', '/containers/web/update', { CpuShares: 7 }, { pidslimit: 9 }, '1.40'],
    [
      'POST /networks/:id/connect',
      '/networks/bridge/connect',
      { Container: 'web', EndpointConfig: {} },
      { EndpointConfig: { gwpriority: 9 } },
      '1.48',
    ],
    [
      'POST /networks/:id/connect',
      '/networks/bridge/connect',
      { Container: 'web', EndpointConfig: {} },
      { endpointconfig: { MACAddress: MAC } },
      '1.54',
    ],
  ];
  for (const [route, path, plain, field, since] of cases) {
    assert.ok(
      BODY_FIELDS[route]!.some((row) => row.since === since),
      route,
    );
    for (const version of VERSIONS) {
      const told = async (body: object) => {
        assert.equal((await call('POST', `/v${version}${path}`, body)).status, 200);
        return backend.calls.at(-1);
      };
      const without = await told(plain);
      const withField = await told({ ...('EndpointConfig' in plain ? { Container: 'web' } : plain), ...field });
      assert.equal(withField === without, isOlderApi(version, since), `${path} ${JSON.stringify(field)} in ${version}`);
    }
  }
  for (const version of ['1.24', '1.54']) {
    const weights = { BlkioWeightDevice: [{ Path: '/dev/null', Weight: 100 }] };
    assert.equal((await call('POST', `/v${version}/containers/web/update`, weights)).status, 200, version);
    assert.equal(backend.calls.at(-1), 'update {"resources":{}}');
  }
});

test('query parameters are known from their version on', async (t) => {
  const { call, backend } = await serve(t);
  const reads = queryReads();
  for (const [route, parameters] of Object.entries(QUERY_VERSIONS)) {
    for (const name of Object.keys(parameters))
      assert.ok(reads.get(route)?.includes(name), `${route} reads no ${name}`);
  }
  for (const version of VERSIONS) {
    await call('POST', `/v${version}/containers/x/restart?signal=INT`);
    assert.equal(backend.calls.at(-1), `restart x ${isOlderApi(version, '1.42') ? '{}' : '{"signal":"INT"}'}`, version);
    const usage = await call('GET', `/v${version}/system/df?type=volume&verbose=1`);
    assert.equal(usage.json.Images === undefined, !isOlderApi(version, '1.52'), version);
    if (isOlderApi(version, '1.52'))
      assert.equal(usage.json.Containers === null, !isOlderApi(version, '1.42'), version);
    else assert.deepEqual(Object.keys(usage.json), ['VolumeUsage']);
  }
});

test('a route does not exist for clients that are older than it', async (t) => {
  const { call } = await serve(t);
  for (const [route, since] of Object.entries(ROUTES_SINCE)) {
    const [method = '', path = ''] = route.split(' ');
    for (const version of VERSIONS) {
      const { status, json } = await call(method, `/v${version}${path.replace(/:\w+/, 'busybox')}`);
      const unknown = isOlderApi(version, since);
      assert.equal(status === 404, unknown, version);
      if (unknown) assert.equal(json.message, 'page not found', version);
    }
  }
});

test('a port without bindings is bound to a port that is chosen, which is warned of since 1.52', async (t) => {
  const { call } = await serve(t);
  const body = { Image: 'busybox', HostConfig: { PortBindings: { '80/tcp': [], '81/tcp': [null], '82/udp': null } } };
  const chosen = [{ HostIp: '', HostPort: '' }];
  for (const version of VERSIONS) {
    const { json } = await call('POST', `/v${version}/containers/create`, body);
    const { HostConfig } = (await call('GET', `/v${version}/containers/${json.Id}/json`)).json;
    assert.deepEqual(HostConfig.PortBindings, { '80/tcp': chosen, '81/tcp': chosen, '82/udp': chosen }, version);
    assert.deepEqual(
      json.Warnings,
      isOlderApi(version, '1.52')
        ? []
        : [
            'Following container port(s) have an empty list of port-bindings: 80/tcp, 82/udp. Such bindings will be discarded in a future version.',
          ],
      version,
    );
  }
});

test('the isolation of a container is shown as it was sent', async (t) => {
  const { call } = await serve(t);
  for (const Isolation of ['', 'default', 'Default']) {
    const created = await call('POST', '/containers/create', { Image: 'busybox', HostConfig: { Isolation } });
    const { json } = await call('GET', `/containers/${created.json.Id}/json`);
    assert.equal(json.HostConfig.Isolation, Isolation);
  }
});

test('platforms of images are asked for from the version on that each route has them', async (t) => {
  const { call } = await serve(t);
  const own = encodeURIComponent('{"os":"linux","architecture":"amd64"}');
  const other = encodeURIComponent('{"os":"linux","architecture":"arm64","variant":"v8"}');
  const routes: [method: string, path: string, parameter: string, since: string][] = [
    ['GET', '/images/busybox/json', 'platform', '1.49'],
    ['GET', '/images/busybox/history', 'platform', '1.48'],
    ['DELETE', '/images/busybox', 'platforms', '1.50'],
  ];
  for (const [method, path, parameter, since] of routes) {
    const statusOf = async (version: string, platform: string) =>
      (await call(method, `/v${version}${path}?${parameter}=${platform}`)).status;
    for (const version of VERSIONS) {
      assert.equal(await statusOf(version, own), 200, `${path} ${version}`);
      assert.equal(await statusOf(version, other), isOlderApi(version, since) ? 200 : 404, `${path} ${version}`);
    }
  }
  const both = await call('GET', `/images/busybox/json?manifests=1&platform=${own}`);
  assert.equal(both.json.message, 'conflicting options: manifests and platform options cannot both be set');
  const identity = await call('GET', `/v${NEWEST_API}/images/json?identity=1`);
  assert.equal(identity.json.message, 'conflicting options: identity requires manifests=1');
  assert.equal((await call('GET', '/v1.53/images/json?identity=1')).status, 200);
});

test('a path without a version is answered in the shape that has what clients without a version read', async (t) => {
  const served = await serve(t);
  await furnish(served);
  const { call } = served;
  for (const path of ['/containers/web/json', '/networks', '/images/json', '/system/df', '/info']) {
    const unnamed = jsonPaths((await call('GET', path)).json);
    assert.deepEqual(unnamed, jsonPaths((await call('GET', `/v1.51${path}`)).json), path);
  }
  const { json } = await call('GET', '/containers/web/json');
  assert.equal(typeof json.NetworkSettings.IPAddress, 'string');
  assert.equal((await call('GET', '/version')).json.ApiVersion, NEWEST_API);
});
