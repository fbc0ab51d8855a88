/** Whatever JSON comes, the answer is a sentence with a status of the client's side, never a crash. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { serve } from './serve.ts';

const FIELDS =
  'Image Cmd Env Hostname Healthcheck Labels ExposedPorts Volumes StopTimeout HostConfig NetworkingConfig EndpointsConfig PortBindings RestartPolicy Mounts Binds LogConfig Memory NetworkMode IPAM Config Subnet Name Container EndpointConfig IPAMConfig'.split(
    ' ',
  );
const ROUTES = [
  '/containers/create',
  '/containers/c/update',
  '/containers/c/exec',
  '/networks/create',
  '/networks/bridge/connect',
  '/networks/bridge/disconnect',
  '/volumes/create',
  '/exec/x/start',
  '/auth',
  '/commit?container=c',
];

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e300, '', 'x', 'container:', '10.0.0.0/24', '80/tcp', 'always'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...FIELDS), fc.string({ maxLength: 4 })), tie('value'), { maxKeys: 5 }),
  ),
})).value;

test('random bodies', async (t) => {
  const { call } = await serve(t);
  await call('POST', '/containers/create?name=c', { Image: 'busybox' });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ROUTES), json, async (route, body) => {
      const answer = await call('POST', route, JSON.stringify(body));
      assert.ok(
        answer.status < 500 || answer.status === 501,
        `${route} ${JSON.stringify(body)}: ${answer.status} ${answer.text}`,
      );
      if (answer.status >= 400) assert.equal(typeof answer.json.message, 'string');
    }),
    { numRuns: 400 },
  );
});

test('random text', async (t) => {
  const { call } = await serve(t);
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1 }), async (text) => {
      const answer = await call('POST', '/networks/create', text);
      assert.ok(
        answer.status === 400 || answer.status === 201 || answer.status === 403,
        `${JSON.stringify(text)}: ${answer.status}`,
      );
    }),
    { numRuns: 200 },
  );
});

test('bytes that are no HTTP', async (t) => {
  const { raw } = await serve(t);
  assert.match(await raw('\x16\x03\x01garbage\r\n\r\n'), /^HTTP\/1\.1 400 Bad Request\r\n/);
});

test('no error has in it what a terminal obeys, whoever chose the words', async (t) => {
  const { call, backend } = await serve(t);
  const hostile = 'denied: \x1b]0;owned\x07 \x1b[2J \u009b31m \u202e';
  const shown = 'denied: \\u001b]0;owned\\u0007 \\u001b[2J \\u009b31m \\u202e';
  t.mock.method(backend.system, 'facts', () => Promise.reject(new Error(hostile)));
  assert.deepEqual((await call('GET', '/info')).json, { message: shown });
  // What a registry says goes to the client behind the first lines of progress.
  t.mock.method(backend.images, 'pull', (...[, , , report]: Parameters<typeof backend.images.pull>) => {
    report({ status: 'Pulling from x' });
    return Promise.reject(new Error(hostile));
  });
  const { text } = await call('POST', '/images/create?fromImage=x&tag=y');
  assert.ok(!/(?!\r?\n)\p{Cc}/u.test(text), text);
  assert.ok(text.includes(JSON.stringify(shown)), text);
});
