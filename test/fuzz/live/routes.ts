/**
 * Every route that the api has, with objects that exist and with ones that do not, parameters, and bodies from the
 * schemas.
 */
import { request, type Agent } from 'node:http';
import { unescape } from 'node:querystring'; // never throws, whatever it gets
import { createRoutes } from '../../../src/api/routes/all.ts';
import { createRequestSchema, configSchema, updateRequestSchema } from '../../../src/wire/container-create.ts';
import { execCreateSchema, execStartSchema } from '../../../src/wire/exec.ts';
import { networkConnectSchema, networkCreateSchema, networkDisconnectSchema } from '../../../src/wire/network.ts';
import { portsRequestSchema } from '../../../src/wire/ports.ts';
import { authSchema } from '../../../src/wire/system.ts';
import { volumeCreateSchema } from '../../../src/wire/volume.ts';
import { faultOfSentence } from '../campaign.ts';
import { fromSchema } from '../from-schema.ts';
import { hostileJson, hostileText, type Random } from '../random.ts';
import type { LiveTarget } from './live-target.ts';
import type { World } from './world.ts';

const SCHEMAS: Readonly<Record<string, Parameters<typeof fromSchema>[1]>> = {
  'POST /containers/create': createRequestSchema,
  'POST /containers/:name/update': updateRequestSchema,
  'POST /containers/:name/exec': execCreateSchema,
  'POST /exec/:id/start': execStartSchema,
  'POST /networks/create': networkCreateSchema,
  'POST /networks/:id/connect': networkConnectSchema,
  'POST /networks/:id/disconnect': networkDisconnectSchema,
  'POST /volumes/create': volumeCreateSchema,
  'POST /auth': authSchema,
  'POST /commit': configSchema,
  'POST /causeway/containers/:name/ports': portsRequestSchema,
  'DELETE /causeway/containers/:name/ports': portsRequestSchema,
};

const PARAMETERS =
  'all size limit filters name names t signal condition h w ps_args stdout stderr follow tail since until timestamps details stream one-shot logs stdin detachKeys path noOverwriteDirNonDir copyUIDGID container repo tag fromImage fromSrc changes message author pause comment force noprune v link platform quiet verbose scope type digests manifests shared-size x'.split(
    ' ',
  );
const VALUES = [
  '1',
  '0',
  'true',
  'false',
  '-1',
  '{"status":["running"]}',
  '{"label":["a=b"]}',
  '{"reference":["[z-a]"]}',
  '{"until":["1h"]}',
  '/',
  '/etc',
  '/v',
  'not-running',
  'SIGTERM',
  '1.5',
  'aux',
  '["ENV A=b"]',
  'ENV A=b',
  'json',
];

export const ROUTES = createRoutes().list();

/** These answer when something happens, which may be never. */
const MAY_WAIT =
  /\/(wait|stop|restart|events|attach|start|queries|stats|logs|create|push|auth|commit|json|export|get|archive)$/;
const PATIENCE_MS = 120_000;

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function object(random: Random, path: string, world: World): string {
  const kind =
    (['containers', 'networks', 'images', 'volumes'] as const).find((name) => path.includes(`/${name}/`)) ?? 'execs';
  const list = world.names[kind];
  return list.length > 0 && !random.once(4) ? random.pick(list) : hostileText(random).slice(0, 3000);
}

function ask(random: Random, world: World): Asked {
  const { method, path } = random.pick(ROUTES);
  const parameters = random.list(
    6,
    () =>
      `${random.pick(PARAMETERS)}=${encodeURIComponent(wellFormed(random.once(3) ? hostileText(random, world.words.words).slice(0, 2000) : random.pick(VALUES)))}`,
  );
  const named = path.replace(/:\w+/, () => encodeURIComponent(wellFormed(object(random, path, world))));
  const schema = SCHEMAS[`${method} ${path}`];
  const value =
    schema && !random.once(12)
      ? tamed(fromSchema(random, schema, world.words))
      : random.once(3)
        ? hostileJson(random, world.words.words, 3)
        : undefined;
  const body = value === undefined ? '' : (JSON.stringify(value) ?? '');
  const version = random.once(3)
    ? ''
    : random.pick(['/v1.24', '/v1.30', '/v1.41', '/v1.44', '/v1.51', '/v1.99', '/v0']);
  const headers: Record<string, string> =
    body === '' ? {} : { 'Content-Type': random.once(40) ? 'text/plain' : 'application/json' };
  if (random.once(10))
    headers['X-Registry-Auth'] = Buffer.from(JSON.stringify(hostileJson(random)) ?? '')
      .toString('base64')
      .slice(0, 4000);
  return {
    method,
    path: `${version}${named}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`,
    headers,
    body,
  };
}

const wellFormed = (text: string): string => Buffer.from(text).toString();

/** Cgroups elsewhere on the machine are not the fuzzer's to make. */
function tamed(value: unknown): unknown {
  const host = (value as { HostConfig?: Record<string, unknown> } | null)?.HostConfig;
  if (host && typeof host === 'object') delete host['CgroupParent'];
  return value;
}

export interface Answered {
  readonly status: number;
  readonly text: string;
}

/** The answer, or its beginning where it has no end. */
function send(
  world: World,
  { method, path, headers, body }: Asked,
  agent?: Agent,
): Promise<Answered | 'silent' | 'cut'> {
  return new Promise((resolve) => {
    const outgoing = request({
      socketPath: world.engine.socket,
      method,
      path,
      headers: body === '' ? headers : { ...headers, 'Content-Length': Buffer.byteLength(body) },
      agent: agent ?? false,
    });
    const end = (answer: Answered | 'silent' | 'cut'): void => {
      clearTimeout(timer);
      outgoing.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end('silent'), MAY_WAIT.test(path.split('?')[0]!) ? 1500 : PATIENCE_MS);
    outgoing.on('error', () => end('cut'));
    outgoing.on('upgrade', (response) => end({ status: response.statusCode ?? 0, text: '' }));
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      const done = (): void => end({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
      const cap = setTimeout(done, 400);
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (chunks.length > 50) done();
      });
      response.on('error', done);
      response.on('close', () => (clearTimeout(cap), done()));
    });
    outgoing.end(body);
  });
}

/** What is wrong with an answer. */
export function faultOfAnswer({ status, text }: Answered, given: string): string | undefined {
  if (status < 400) return undefined;
  let message = text;
  try {
    message = String((JSON.parse(text) as { message?: unknown }).message ?? text);
  } catch {
    // Old clients get plain text.
  }
  return faultOfSentence(message, unescape(given));
}

export const routeTarget: LiveTarget = {
  name: 'engine: routes',
  parallel: 4,
  make: (random, world) => ({ json: ask(random, world) }),
  async send(input, world) {
    const asked = (input as { json: Asked }).json;
    const answer = await send(world, asked);
    const given = `${asked.path}${asked.body}`;
    if (answer === 'cut')
      return (await world.engine.answers()) || (await world.engine.answers())
        ? undefined
        : `the daemon cut the connection and does not answer: ${given.slice(0, 500)}`;
    if (answer === 'silent')
      return MAY_WAIT.test(asked.path.split('?')[0]!) ? undefined : `no answer within ${PATIENCE_MS / 1000} s`;
    noteExec(world, answer);
    return faultOfAnswer(answer, given);
  },
};

/** Execs that came to be are objects that exist. */
function noteExec(world: World, { status, text }: Answered): void {
  const id = status === 201 ? /"Id":"([0-9a-f]{64})"/.exec(text)?.[1] : undefined;
  if (id === undefined) return;
  const execs = world.names.execs as string[];
  execs.push(id);
  if (execs.length > 8) execs.shift();
}
