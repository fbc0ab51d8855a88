/** docs/compatibility/api.json says what the server does: routes, query parameters, fields of bodies. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type * as v from 'valibot';
import { createRoutes } from '../../src/api/routes/all.ts';
import { entries, groups } from '../../src/cli/command/catalog.ts';
import { configSchema, createRequestSchema, updateRequestSchema } from '../../src/wire/container-create.ts';
import { execCreateSchema, execStartSchema } from '../../src/wire/exec.ts';
import { networkConnectSchema, networkCreateSchema, networkDisconnectSchema } from '../../src/wire/network.ts';
import { portsRequestSchema } from '../../src/wire/ports.ts';
import { authSchema } from '../../src/wire/system.ts';
import { volumeCreateSchema } from '../../src/wire/volume.ts';
import { compatibilitySection, readCompatibility, rowFaults, type Section } from './compatibility-list.ts';
import { createSamples } from './create-samples.ts';
import { queryReads } from './query-reads.ts';
import { schemaFields, type Field } from './schema-fields.ts';
import { serve } from './serve.ts';

const CREATE = 'POST /containers/create';

const BODIES: Readonly<Record<string, v.GenericSchema>> = {
  [CREATE]: createRequestSchema,
  'POST /containers/:name/update': updateRequestSchema,
  'POST /commit': configSchema,
  'POST /containers/:name/exec': execCreateSchema,
  'POST /exec/:id/start': execStartSchema,
  'POST /networks/create': networkCreateSchema,
  'POST /networks/:id/connect': networkConnectSchema,
  'POST /networks/:id/disconnect': networkDisconnectSchema,
  'POST /volumes/create': volumeCreateSchema,
  'POST /auth': authSchema,
  'POST /causeway/containers/:name/ports': portsRequestSchema,
  'DELETE /causeway/containers/:name/ports': portsRequestSchema,
};

const ADVICE = 'add a row to docs/compatibility, or take it out';

function holdsSameNames(given: Iterable<string>, rows: Section): void {
  assert.deepEqual([...given].sort(), Object.keys(rows).sort(), ADVICE);
}

test('every row is done, without effect or refused, stands once, and has a reason where it is not done', () => {
  for (const file of Object.keys(readCompatibility())) {
    const text = readFileSync(new URL(`../../docs/compatibility/${file}.json`, import.meta.url), 'utf8');
    assert.deepEqual(rowFaults(file, text), []);
  }
  const bad =
    '{\n  "s": {\n    "a": { "state": "done" },\n    "a": { "state": "refused" },\n    "b": { "state": "maybe", "why": "x" }\n  }\n}';
  assert.equal(rowFaults('x', bad).length, 3);
});

test('every route of the server is listed, and what is listed is a route', async (t) => {
  const routes = createRoutes().list();
  const rows = compatibilitySection('api', 'routes');
  holdsSameNames(
    routes.map(({ method, path }) => `${method} ${path}`),
    rows,
  );
  const { call, raw } = await serve(t);
  await call('POST', '/containers/create?name=web', { Image: 'busybox', Cmd: ['true'] });
  for (const { method, path } of routes) {
    const answer = await raw(
      `${method} ${path.replace(/:\w+/, 'web')}?until=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`,
      { until: '\r\n' },
    );
    const status = Number(answer.split(' ')[1]);
    if (rows[`${method} ${path}`]!.state === 'refused')
      assert.ok([400, 404, 501, 503].includes(status), `${method} ${path} is refused with ${status}`);
    else assert.ok(status < 500, `${method} ${path} is answered with ${status}`);
  }
});

test('the query parameters that a route reads are listed as such, and no others', () => {
  const rows = compatibilitySection('api', 'query');
  const known = new Set(
    createRoutes()
      .list()
      .map(({ method, path }) => `${method} ${path}`),
  );
  const read = new Set([...queryReads()].flatMap(([route, names]) => names.map((name) => `${route} ?${name}`)));
  for (const [name, row] of Object.entries(rows)) {
    assert.ok(known.has(name.replace(/ \?.*/, '')), `${name}: no such route`);
    if (row.state === 'done') assert.ok(read.has(name), `${name} is not read: ${ADVICE}`);
    if (row.state === 'no effect') assert.ok(!read.has(name), `${name} is read`);
  }
  for (const name of read) assert.ok(rows[name], `${name} is read: ${ADVICE}`);
});

test('the fields that each body has are listed', () => {
  holdsSameNames(
    Object.entries(BODIES).flatMap(([route, schema]) => schemaFields(schema).map(({ path }) => `${route} ${path}`)),
    compatibilitySection('api', 'fields'),
  );
});

test('each field of a create request changes the container, changes nothing or is refused, as listed', async (t) => {
  const rows = compatibilitySection('api', 'fields');
  const stateOf = await createJudge(t);
  const wrong: string[] = [];
  for (const field of schemaFields(createRequestSchema)) {
    const state = await stateOf(field);
    const listed = rows[`${CREATE} ${field.path}`]?.state;
    if (state !== listed) wrong.push(`${field.path}: listed as ${listed}, is ${state}`);
  }
  assert.deepEqual(wrong, []);
});

/** Creates a container with and without the field, and compares what the engine is asked for. */
async function createJudge(t: TestContext): Promise<(field: Field) => Promise<string>> {
  const { call, backend } = await serve(t);
  const specOf = async (body: object) => {
    // The newest version that takes the address of the whole container.
    const answer = await call('POST', '/v1.51/containers/create', body);
    return answer.status === 201 ? backend.specs.at(-1) : undefined;
  };
  return async (field) => {
    const samples = createSamples(field);
    const [plain, changed] = [await specOf(samples.without), await specOf(samples.with)];
    if (!plain || !changed) return 'refused';
    return isDeepStrictEqual(plain, changed) ? 'no effect' : 'done';
  };
}

test('every command and flag of the command line is listed', async () => {
  const top = entries.map((entry) => [entry.name, entry] as const);
  const names = new Set(top.map(([name]) => name));
  // `container run` is `run`.
  const grouped = groups.flatMap((group) =>
    group.entries
      .filter(({ name }) => !(['builder', 'container', 'image', 'system'].includes(group.name) && names.has(name)))
      .map((entry) => [`${group.name} ${entry.name}`, entry] as const),
  );
  const same = new Set(['container ls', 'image ls', 'image rm']); // ps, images, rmi
  const commands = [...top, ...grouped].filter(([name]) => !same.has(name));
  const taken = (section: string) =>
    Object.fromEntries(
      Object.entries(compatibilitySection('commands', section)).filter(([, { state }]) => state !== 'refused'),
    );
  holdsSameNames(
    commands.map(([name]) => name),
    taken('commands'),
  );
  const flags: string[] = [];
  for (const [name, entry] of commands)
    for (const flag of (await entry.load()).flags) flags.push(`${name} --${flag.name}`);
  const listed = compatibilitySection('commands', 'flags');
  const missing = flags.filter((name) => !listed[name]);
  assert.deepEqual(missing, [], ADVICE);
  const known = new Set(flags);
  assert.deepEqual(
    Object.keys(taken('flags')).filter((name) => !known.has(name)),
    [],
    ADVICE,
  );
});
