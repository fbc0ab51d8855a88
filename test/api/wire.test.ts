/** The wire itself: versions, headers, errors, bodies. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { conflict } from '../../src/base/errors.ts';
import { StartError } from '../../src/model/start-error.ts';
import { serve } from './serve.ts';

test('answers every request with what it is', async (t) => {
  const { call } = await serve(t);
  for (const method of ['GET', 'HEAD']) {
    const ping = await call(method, '/_ping');
    assert.equal(ping.status, 200);
    assert.equal(ping.text, method === 'GET' ? 'OK' : '');
    assert.equal(ping.headers['api-version'], '1.55');
    assert.equal(ping.headers['ostype'], 'linux');
    assert.equal(ping.headers['docker-experimental'], 'false');
    assert.equal(ping.headers['server'], 'Causeway/0.1.0 (linux)');
    assert.equal(ping.headers['swarm'], 'inactive');
    assert.equal(ping.headers['content-type'], 'text/plain; charset=utf-8');
  }
});

test('versions are negotiated, and what is not offered is refused in words', async (t) => {
  const { call } = await serve(t);
  assert.equal((await call('GET', '/v1.24/_ping')).status, 200);
  assert.equal((await call('GET', '/version')).json.ApiVersion, '1.55');
  const tooNew = await call('GET', '/v1.99/containers/json');
  assert.equal(tooNew.status, 400);
  assert.deepEqual(tooNew.json, { message: 'client version 1.99 is too new. Maximum supported API version is 1.55' });
  assert.equal(tooNew.headers['api-version'], '1.55');
  const tooOld = await call('GET', '/v1.23/containers/json');
  assert.equal(tooOld.status, 400);
  assert.equal(tooOld.headers['content-type'], 'text/plain; charset=utf-8');
  assert.equal(
    tooOld.text,
    'client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version\n',
  );
});

test('a body that is nested deeply is refused in words', async (t) => {
  const { call } = await serve(t);
  let nested: unknown = 'x'.repeat(500);
  for (let depth = 0; depth < 300; depth++) nested = [nested];
  const deep = await call('POST', '/networks/create', { Name: 'x', Other: nested });
  assert.deepEqual([deep.status, deep.json], [400, { message: 'invalid JSON: nested deeper than 200 values' }]);
});

test('a client that is still sending when it is refused can go on, and read why', async (t) => {
  const { socketPath } = await serve(t);
  const socket = connect(socketPath);
  const failed = new Promise<never>((_, reject) => socket.on('error', reject));
  socket.pause();
  const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
  socket.write(
    `POST /networks/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(5)}`,
  );
  // Written on, also after the answer is there; only then it is read. All within the time that the server waits.
  for (let more = 0; more < 5; more++)
    await Promise.race([
      failed,
      new Promise((resolve) => setTimeout(() => socket.write(chunk.repeat(2), resolve), 10)),
      sleep(50),
    ]);
  let text = '';
  socket.on('data', (part: Buffer) => (text += part.toString())).resume();
  await Promise.race([failed.catch(() => {}), once(socket, 'close')]);
  assert.match(text, /^HTTP\/1.1 400 [^]*Connection: close[^]*request body too large: at most 4194304 bytes/);
});

test('unknown routes and methods', async (t) => {
  const { call } = await serve(t);
  for (const [method, path] of [
    ['GET', '/nothing'],
    ['GET', '/v1.44/nothing'],
    ['PUT', '/containers/json'],
    ['GET', '/containers//json'],
    ['GET', '/%zz'],
  ] as const) {
    const answer = await call(method, path);
    assert.equal(answer.status, 404, path);
    assert.deepEqual(answer.json, { message: 'page not found' });
  }
});

test('bodies that are none', async (t) => {
  const { call } = await serve(t);
  const refuse = async (path: string, body: string | undefined, message: string, headers = {}) => {
    const answer = await call('POST', path, body, headers);
    assert.deepEqual([answer.status, answer.json], [400, { message }], `${path} ${body}`);
  };
  await refuse('/containers/create', undefined, 'invalid JSON: got EOF while reading request body');
  await refuse('/containers/create', 'garbage', "invalid JSON: invalid character 'g' looking for beginning of value");
  await refuse('/containers/create', '{"Image": "busybox"', 'invalid JSON: unexpected EOF');
  await refuse('/containers/create', '{"Image": "busybox"} {}', 'unexpected content after JSON');
  await refuse('/containers/create', '{}', 'config cannot be empty in order to create a container');
  await refuse('/containers/create', 'null', 'config cannot be empty in order to create a container');
  await refuse(
    '/containers/create',
    '{"Image": 4}',
    'invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.Image of type string',
  );
  await refuse(
    '/containers/create',
    '{"Image":"a","Env":"x"}',
    'invalid JSON: json: cannot unmarshal string into Go struct field CreateRequest.Env of type []string',
  );
  await refuse(
    '/containers/create',
    '{"Image":"a","HostConfig":{"Memory":"1g"}}',
    'invalid JSON: json: cannot unmarshal string into Go struct field CreateRequest.HostConfig.Memory of type int64',
  );
  await refuse(
    '/containers/create',
    '[]',
    'invalid JSON: json: cannot unmarshal array into Go value of type container.CreateRequest',
  );
  await refuse('/containers/create', '{}', "unsupported Content-Type header (text/plain): must be 'application/json'", {
    'Content-Type': 'text/plain',
  });
  await refuse(
    '/networks/create',
    '{"Name":"n","IPAM":{"Config":[{"Subnet":1}]}}',
    'invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.IPAM.Config.0.Subnet of type string',
  );
  await refuse(
    '/networks/create',
    '{"Name":"n","IPAM":{"Config":[{"Subnet":"10.1.1.1/24"}]}}',
    'invalid network config:\ninvalid subnet 10.1.1.1/24: it should be 10.1.1.0/24',
  );
});

test('fields match in any case, nulls are absent, unknown ones are ignored', async (t) => {
  const { call, backend } = await serve(t);
  const created = await call('POST', '/containers/create?name=/x', {
    image: 'busybox',
    CMD: 'true',
    HostConfig: null,
    NetworkingConfig: null,
    Env: null,
    Nonsense: { a: 1 },
  });
  assert.equal(created.status, 201, created.text);
  assert.deepEqual(created.json, { Id: backend.find('x').record.id, Warnings: [] });
  assert.deepEqual(backend.specs[0]!.process.cmd, ['true']);
  assert.equal(backend.specs[0]!.connection.networkMode, 'bridge');
});

test('an error has its status in one place and only a message in its body', async (t) => {
  const { call } = await serve(t);
  await call('POST', '/containers/create?name=c', { Image: 'busybox' });
  const cases: [string, string, number, string][] = [
    ['GET', '/containers/nope/json', 404, 'No such container: nope'],
    ['POST', '/containers/c/kill', 409, ''],
    ['POST', '/containers/c/stop', 304, ''],
    [
      'GET',
      '/swarm',
      503,
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    ],
    [
      'GET',
      '/services/x',
      503,
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    ],
    ['POST', '/causeway/build?version=2', 501, 'BuildKit is asked for at POST /build.'],
    ['POST', '/build?version=3', 400, 'invalid version "3"'],
    ['POST', '/build?version=2&networkmode=web', 400, 'network mode "web" not supported by buildkit'],
    ['POST', '/build?version=2&outputs=[{"Type":"tar"},{"Type":"tar"}]', 400, 'multiple outputs not supported'],
    ['POST', '/build?buildargs=x', 400, 'error reading build args: invalid JSON'],
    ['POST', '/build/cancel?id=x', 404, 'no such build: x'],
    ['POST', '/build/cancel', 400, 'build ID not provided'],
    ['GET', '/containers/c/attach/ws', 400, 'not websocket protocol'],
    ['GET', '/containers/nope/attach/ws', 404, 'No such container: nope'],
    ['GET', '/distribution/x/nosuch/json', 404, 'manifest unknown: manifest unknown'],
    ['GET', `/distribution/sha256:${'0'.repeat(64)}/json`, 500, 'no manifest found for full image ID'],
    ['GET', '/plugins/x/json', 404, 'plugin "x" not found'],
    ['GET', '/containers/json?filters=%7B%22nope%22%3A%5B%22x%22%5D%7D', 400, "invalid filter 'nope'"],
    ['GET', '/containers/json?filters=%7B', 400, 'invalid filter'],
    ['GET', '/containers/c/logs', 400, 'Bad parameters: you must choose at least one stream'],
    ['POST', '/containers/c/wait?condition=x', 400, 'invalid condition: "x"'],
    ['POST', '/containers/c/resize?h=x&w=1', 400, 'invalid resize height "x": invalid syntax'],
    ['POST', '/containers/c/attach?detachKeys=ctrl-1', 400, 'Invalid detach keys (ctrl-1) provided'],
    ['GET', '/containers/c/archive', 400, 'bad parameter: pathcannot be empty'],
    [
      'POST',
      '/images/busybox/tag?repo=Bad',
      400,
      'invalid reference format: repository name (library/Bad) must be lowercase',
    ],
    ['GET', '/events?since=20&until=10', 400, '`since` time (20) cannot be after `until` time (10)'],
    ['GET', '/system/df?type=x', 400, 'unknown object type: x'],
    ['POST', '/networks/create', 400, 'invalid name: name is empty'],
  ];
  for (const [method, path, status, message] of cases) {
    const answer = await call(method, path);
    assert.equal(answer.status, status, `${path}: ${answer.text}`);
    if (message !== '') assert.deepEqual(answer.json, { message });
    if (status === 304) assert.equal(answer.text, '');
  }
  assert.deepEqual((await call('GET', '/plugins')).json, []);
});

test('names with slashes, encoded or not', async (t) => {
  const { call, backend } = await serve(t);
  await call('DELETE', '/containers/web/db?link=1');
  await call('DELETE', '/v1.44/containers/web%2Fdb?link=true&force=0');
  assert.deepEqual(backend.calls, [
    'remove web/db {"force":false,"volumes":false,"link":true}',
    'remove web/db {"force":false,"volumes":false,"link":true}',
  ]);
  assert.equal((await call('GET', '/images/library/busybox/json')).json.Id, `sha256:${'a'.repeat(64)}`);
});

test('old API versions: newer request fields are dropped, expected response fields are present', async (t) => {
  const { call, backend } = await serve(t);
  const create = async (version: string, body: object) => {
    const answer = await call('POST', `/v${version}/containers/create`, { Image: 'busybox', ...body });
    return { answer, spec: backend.specs.at(-1)! };
  };
  const two = { NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } } };
  assert.equal(
    (await create('1.43', two)).answer.json.message,
    'Container cannot be created with multiple network endpoints: a, b',
  );
  assert.deepEqual(Object.keys((await create('1.44', two)).spec.connection.networks), ['a', 'b']);
  assert.equal(
    (await create('1.43', { MacAddress: '02:00:00:00:00:09' })).spec.connection.networks['bridge']!.mac,
    '02:00:00:00:00:09',
  );
  assert.equal(
    (await create('1.43', { MacAddress: '02:00:00:00:00:09', HostConfig: { NetworkMode: 'host' } })).answer.json
      .message,
    'conflicting options: mac-address and the network mode',
  );
  const warned = await create('1.44', { MacAddress: '02:00:00:00:00:09' });
  assert.deepEqual(warned.answer.json.Warnings, [
    'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.',
  ]);
  assert.equal((await create('1.39', {})).spec.host.ipcMode, 'shareable');
  assert.equal((await create('1.40', {})).spec.host.ipcMode, '', "the daemon's default");
  assert.equal((await create('1.24', { HostConfig: { AutoRemove: true } })).spec.host.autoRemove, false);
  const sysctl = { HostConfig: { Sysctls: { 'net.ipv4.conf.eth0.forwarding': '1' } } };
  assert.match((await create('1.48', sysctl)).answer.json.message, /must be supplied using driver option/);
  assert.deepEqual((await create('1.47', sysctl)).spec.connection.networks['bridge']!.driverOpts, {
    'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.forwarding=1',
  });
  await call('POST', '/v1.41/containers/x/restart?signal=INT&t=3');
  await call('POST', '/v1.42/containers/x/restart?signal=INT&t=3');
  await call('POST', '/v1.41/volumes/prune');
  assert.deepEqual(backend.calls.slice(-3), [
    'restart x {"timeoutS":3}',
    'restart x {"signal":"INT","timeoutS":3}',
    'prune-volumes {"all":["true"]}',
  ]);
  assert.equal((await call('GET', '/v1.43/images/json')).json[0].VirtualSize, 4_261_502);
  assert.equal((await call('GET', '/v1.44/images/json')).json[0].VirtualSize, undefined);
  assert.equal((await call('GET', '/v1.50/images/json')).json[0].Containers, -1);
  assert.notEqual((await call('GET', '/v1.49/images/busybox/json')).json.Config.Hostname, undefined);
});

test('platforms', async (t) => {
  const { call } = await serve(t);
  const host = process.arch === 'x64' ? ['linux', 'linux/amd64', 'x86_64', 'linux/x86_64'] : ['linux'];
  for (const platform of host)
    assert.equal(
      (await call('POST', `/containers/create?platform=${platform}`, { Image: 'busybox' })).status,
      201,
      platform,
    );
  const create = async (platform: string, version = '') => {
    const { status, json } = await call('POST', `${version}/containers/create?platform=${platform}`, {
      Image: 'busybox',
    });
    return [status, json.message];
  };
  assert.deepEqual(await create('linux/s390x'), [404, 'wrong platform linux/s390x']);
  assert.equal((await create('linux/s390x', '/v1.40'))[0], 201);
  assert.deepEqual(await create('a/b/c/d'), [400, '"a/b/c/d": cannot parse platform specifier: invalid argument']);
  assert.deepEqual(await create('l/i/n/u/x'), [
    400,
    '"u/x" is an invalid component of "l/i/n/u/x": platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument',
  ]);
  assert.deepEqual(await create('{}'), [
    400,
    String.raw`"{}" is an invalid OS component of "{}": OSAndVersion specifier component must match "^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.%-]*)((?:\\+[A-Za-z0-9_.%-]+)*)\\))?$": invalid argument`,
  ]);
  assert.deepEqual(await create('linux/*'), [400, '"linux/*": wildcards not yet supported: invalid argument']);
  assert.deepEqual(await create('windows(10.0.17763%2Bwin32k)/amd64'), [404, 'wrong platform windows/amd64']);
  assert.deepEqual(await create('foo'), [400, '"foo": unknown operating system or architecture: invalid argument']);
});

test('the platform of images in queries: from which version on, and what is none', async (t) => {
  const { call, backend } = await serve(t);
  const other = encodeURIComponent(JSON.stringify({ os: 'linux', architecture: 's390x' }));
  const routes = [
    ['GET', '/images/busybox/json', 'platform', '1.48', '1.49'],
    ['GET', '/images/busybox/history', 'platform', '1.47', '1.48'],
    ['GET', '/images/busybox/get', 'platform', '1.47', '1.48'],
    ['GET', '/images/get', 'names=busybox&platform', '1.47', '1.48'],
    ['POST', '/images/load', 'platform', '1.47', '1.48'],
    ['DELETE', '/images/busybox', 'platforms', '1.49', '1.50'],
    ['POST', '/images/busybox/push', 'platform', '1.45', '1.46'],
  ] as const;
  for (const [method, path, name, before, since] of routes) {
    const ask = async (version: string, value: string) => await call(method, `/v${version}${path}?${name}=${value}`);
    const without = (await ask(before, 'bogus')).status;
    assert.ok(without < 400, `${path} before: ${without}`);
    const empty = await ask(since, '');
    if (method === 'DELETE')
      assert.equal(empty.json.message, 'failed to parse platform: unexpected end of JSON input', 'each is read');
    else assert.ok(empty.status < 400, `${path}: empty`);
    for (const [value, message] of [
      ['{', 'failed to parse platform: unexpected end of JSON input'],
      ['[]', 'failed to parse platform: json: cannot unmarshal array into Go value of type v1.Platform'],
      ['{}x', "failed to parse platform: invalid character 'x' after top-level value"],
      ['linux/arm64', "failed to parse platform: invalid character 'l' looking for beginning of value"],
      ['{}', 'both OS and Architecture must be provided'],
      [encodeURIComponent('{"os":"linux"}'), 'both OS and Architecture must be provided'],
      [
        encodeURIComponent('{"os":7}'),
        'failed to parse platform: json: cannot unmarshal number into Go struct field Platform.os of type string',
      ],
      [
        encodeURIComponent('{"os":"linux","architecture":"amd64","os.version":10}'),
        'failed to parse platform: json: cannot unmarshal number into Go struct field Platform.os.version of type string',
      ],
    ] as const) {
      const { status, json } = await ask(since, value);
      assert.deepEqual([status, json.message], [400, message], path);
    }
    const { text } = await ask(since, other);
    assert.ok(text.includes('linux/s390x') || backend.calls.at(-1)?.includes('linux/s390x'), `${path}: ${text}`);
  }
});

test('of several platforms the first counts, or they are refused, as each route has it', async (t) => {
  const { call } = await serve(t);
  const own = encodeURIComponent(
    JSON.stringify({ os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch }),
  );
  const other = encodeURIComponent(JSON.stringify({ os: 'linux', architecture: 's390x' }));
  for (const [method, path] of [
    ['GET', '/images/busybox/json'],
    ['GET', '/images/busybox/history'],
    ['POST', '/images/busybox/push'],
  ] as const) {
    assert.equal((await call(method, `/v1.51${path}?platform=${own}&platform=${other}`)).status, 200, path);
    assert.equal((await call(method, `/v1.51${path}?platform=&platform=bogus`)).status, 200, path);
    assert.equal((await call(method, `/v1.51${path}?platform=${other}&platform=${own}`)).status, 404, path);
  }
  for (const [method, path] of [
    ['GET', '/images/busybox/get?'],
    ['GET', '/images/get?names=busybox&'],
    ['POST', '/images/load?'],
  ] as const) {
    for (const values of [`platform=${own}&platform=${own}`, 'platform=&platform=', 'platform=bogus&platform=bogus']) {
      const { status, json } = await call(method, `/v1.51${path}${values}`);
      assert.deepEqual([status, json.message], [400, 'multiple platform parameters not supported'], path);
    }
  }
  const removed = await call('DELETE', `/v1.51/images/busybox?platforms=${own}&platforms=${own}`);
  assert.deepEqual([removed.status, removed.json.message], [400, 'multiple platforms are not supported']);
});

test('what a registry has under a name', async (t) => {
  const { call } = await serve(t);
  assert.deepEqual((await call('GET', '/distribution/busybox:latest/json')).json, {
    Descriptor: {
      mediaType: 'application/vnd.oci.image.index.v1+json',
      digest: (await call('GET', '/images/busybox/json')).json.Id,
      size: 610,
    },
    Platforms: [
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm', os: 'linux', variant: 'v7' },
    ],
  });
});

test('a failure while an archive is loaded is reported in the stream, with status 200', async (t) => {
  const { call } = await serve(t);
  const { status, text } = await call('POST', '/images/load', 'garbage');
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(text), {
    errorDetail: { message: 'archive/tar: invalid tar header' },
    error: 'archive/tar: invalid tar header',
  });
});

test('files', async (t) => {
  const { call, backend } = await serve(t);
  await call('POST', '/containers/create?name=c', { Image: 'busybox' });
  const head = await call('HEAD', '/containers/c/archive?path=/etc/hosts');
  const stat = JSON.parse(Buffer.from(String(head.headers['x-docker-container-path-stat']), 'base64').toString());
  assert.deepEqual(stat, { name: 'hosts', size: 12, mode: 0o644, mtime: '2025-01-01T00:00:00Z', linkTarget: '' });
  const got = await call('GET', '/containers/c/archive?path=/etc/hosts');
  assert.deepEqual([got.status, got.headers['content-type'], got.text], [200, 'application/x-tar', 'tar bytes']);
  assert.equal((await call('GET', '/containers/c/archive?path=/no')).status, 404);
  assert.equal((await call('PUT', '/containers/c/archive?path=/tmp', 'x'.repeat(100_000))).status, 200);
  assert.equal(backend.calls.at(-1), 'put c /tmp 100000');
  assert.equal((await call('GET', '/containers/c/export')).text, 'root tar');
  assert.equal((await call('GET', '/images/get?names=a&names=b')).text, 'a,b');
  const committed = await call('POST', '/commit?container=c&repo=mine&comment=hi&changes=EXPOSE+80', {
    Cmd: ['a b'],
    Env: ['X=1 "2"'],
  });
  assert.equal(committed.status, 201, committed.text);
  assert.equal(
    backend.calls.at(-1),
    'commit c {"repo":"mine","tag":"latest","comment":"hi","author":"","pause":true,"changes":["ENV X=\\"1 \\\\\\"2\\\\\\"\\"","CMD [\\"a b\\"]","EXPOSE 80"]}',
  );
  assert.equal((await call('POST', '/commit?container=c', 'null')).status, 201);
});

test('the exit code of a failed start is reported where the runtime knows it', async (t) => {
  const { call, backend } = await serve(t);
  const { json } = await call('POST', '/containers/create', { Image: 'busybox' });
  const refusals = [
    new StartError('exec: "x": no such program', 127),
    new StartError('exec: "/etc": a directory', 126),
    new StartError('the runtime gave no reason', 128),
    conflict('no such program'),
  ];
  const told: unknown[] = [];
  for (const error of refusals) {
    backend.containers.start = () => Promise.reject(error);
    const answer = await call('POST', `/containers/${json.Id}/start`);
    told.push([answer.status, answer.json]);
  }
  assert.deepEqual(told, [
    [400, { message: 'exec: "x": no such program', exitCode: 127 }],
    [400, { message: 'exec: "/etc": a directory', exitCode: 126 }],
    [500, { message: 'the runtime gave no reason' }],
    [409, { message: 'no such program' }],
  ]);
});
