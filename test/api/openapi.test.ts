/** docs/openapi.yaml says what the server does: the same routes, and answers of the described shape. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { createRoutes } from '../../src/api/routes/all.ts';
import { NEWEST_API, OLDEST_API } from '../../src/api/versions.ts';
import { resolveRef, schemaFaults, type Schema } from './json-schema.ts';
import { serve, type Served } from './serve.ts';

const METHODS = ['get', 'post', 'put', 'delete', 'head'];
const root = parse(readFileSync(new URL('../../docs/openapi.yaml', import.meta.url), 'utf8')) as Schema;
const paths = root['paths'] as Readonly<Record<string, Readonly<Record<string, Operation>>>>;

interface Operation {
  readonly operationId: string;
  readonly requestBody?: Schema;
  readonly responses: Readonly<Record<string, Schema>>;
}

const described = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods)
    .filter((method) => METHODS.includes(method))
    .map((method) => `${method.toUpperCase()} ${path}`),
);

/** The schema of one media type of a response or a body. */
function schemaOf(part: Schema | undefined, mediaType: string): Schema {
  const content = resolveRef(part ?? {}, root)['content'] as Readonly<Record<string, { schema: Schema }>> | undefined;
  const schema = content?.[mediaType]?.schema;
  assert.ok(schema, `${mediaType} is not described`);
  return schema;
}

/**
 * Sends a request whose path is a template of the file, and holds the status and each value of the answer against the
 * file.
 */
async function ask(
  call: Served['call'],
  method: string,
  template: string,
  name: string,
  body?: unknown,
): Promise<{ status: number; values: unknown[] }> {
  const operation = paths[template]?.[method.toLowerCase()];
  assert.ok(operation, `${method} ${template} is not described`);
  const { status, text, headers } = await call(method, template.replace(/\{\w+\}/, name), body);
  const mediaType = String(headers['content-type']).split(';')[0]!;
  const schema = schemaOf(operation.responses[String(status)], mediaType);
  const values = (mediaType === 'application/x-ndjson' ? text.trim().split('\n') : [text]).map(
    (one) => JSON.parse(one) as unknown,
  );
  for (const value of values) assert.deepEqual(schemaFaults(value, schema, root), []);
  // What the server takes is described, too.
  if (status === 200 && body !== undefined)
    assert.deepEqual(schemaFaults(body, schemaOf(operation.requestBody, 'application/json'), root), []);
  return { status, values };
}

test('every route below /causeway is in docs/openapi.yaml, and every one there is a route', () => {
  const routes = createRoutes()
    .list()
    .filter(({ path }) => path.startsWith('/causeway/'));
  assert.deepEqual(
    routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`).sort(),
    described.toSorted(),
  );
  for (const [path, methods] of Object.entries(paths)) {
    const parameters = (methods['parameters'] as unknown as Schema[]).map((one) => resolveRef(one, root)['name']);
    assert.deepEqual(
      [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]),
      parameters,
      path,
    );
  }
  const info = root['info'] as { version: string; description: string };
  assert.equal(
    info.version,
    (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version,
  );
  assert.ok(info.description.includes(`versions ${OLDEST_API} to ${NEWEST_API}`));
});

test('the names of a network are answered as described', async (context) => {
  const { backend, call } = await serve(context);
  const template = '/causeway/networks/{id}/dns';
  assert.equal((await ask(call, 'GET', template, 'nowhere')).status, 404);
  const whole = await backend.names.networkNames('bridge');
  backend.names.networkNames = async () => ({
    ...whole,
    reverse: [{ address: '172.18.0.2', name: 'db.net' }],
    containers: [
      {
        containerId: 'c'.repeat(64),
        containerName: 'web',
        networks: ['net'],
        aliases: [{ alias: 'database', network: 'net', addresses: ['172.18.0.2', 'fd00::2'] }],
        forward: true,
        servers: [{ address: '192.0.2.53', port: 53, from: 'host' }],
      },
    ],
  });
  assert.equal((await ask(call, 'GET', template, 'bridge')).status, 200);
});

test('the queries of a container are answered as described, a line each', async (context) => {
  const { call } = await serve(context);
  const { values } = await ask(call, 'GET', '/causeway/containers/{name}/dns/queries', 'web');
  assert.equal(values.length, 2);
});

test('a build with secrets is answered as described, a line each', async (context) => {
  const { call } = await serve(context);
  const extras = { Secrets: { id: Buffer.from('value').toString('base64') }, Dockerfile: 'FROM busybox\n' };
  const { status, text } = await call('POST', '/causeway/build', `${JSON.stringify(extras)}\n`);
  assert.equal(status, 200);
  const operation = paths['/causeway/build']!['post']!;
  assert.deepEqual(schemaFaults(extras, schemaOf(operation.requestBody, 'application/x-tar'), root), []);
  const line = schemaOf(operation.responses['200'], 'application/json');
  const lines = text.trim().split('\n');
  assert.ok(lines.length > 2);
  for (const one of lines) assert.deepEqual(schemaFaults(JSON.parse(one), line, root), []);
});

test('changes of published ports are taken and answered as described', async (context) => {
  const { call } = await serve(context);
  const template = '/causeway/containers/{name}/ports';
  await call('POST', '/containers/create?name=web', { Image: 'busybox', Cmd: ['true'] });
  for (const method of ['POST', 'DELETE']) {
    const body = {
      PortBindings: { '80': [{ HostIp: '127.0.0.1', HostPort: '8080' }], '53/udp': [{ HostPort: '53' }] },
    };
    assert.equal((await ask(call, method, template, 'web', body)).status, 200);
    assert.equal((await ask(call, method, template, 'web', { PortBindings: { 'http/tcp': [{}] } })).status, 400);
    assert.equal((await ask(call, method, template, 'nobody', { PortBindings: {} })).status, 404);
  }
});

test('a value of another shape is found, and a keyword that this test does not know is an error', () => {
  const schema = (root['components'] as { schemas: Record<string, Schema> }).schemas['PortsResponse']!;
  const good = { Running: true, Ports: { '80/tcp': [{ HostIp: '::', HostPort: '80' }] } };
  assert.deepEqual(schemaFaults(good, schema, root), []);
  const bad = { Running: 1, Ports: { '80': [{ HostIp: '::', HostPort: 'x', Host: '' }] }, More: 0 };
  assert.equal(schemaFaults(bad, schema, root).length, 5);
  assert.deepEqual(schemaFaults({}, schema, root), ['$.Running is missing', '$.Ports is missing']);
  assert.throws(() => schemaFaults({}, { oneOf: [] }, root), /'oneOf' is not known/);
});
