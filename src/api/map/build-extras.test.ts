import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Readable } from 'node:stream';
import { errorKind } from '../../base/errors.ts';
import type { BuildClient } from '../../model/build-client.ts';
import { readBuildExtras } from './build-extras.ts';

const bodyOf = (...pieces: string[]): Readable =>
  Readable.from(
    pieces.map((piece) => Buffer.from(piece, 'latin1')),
    { objectMode: false },
  );

async function rest(body: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of body as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString('latin1');
}

const noSession = async (name: string): Promise<never> => assert.fail(name);

const LINE = '{"Secrets":{"a":"/wA=","b":""},"Dockerfile":"FROM x\\n"}';

test('what is in front of the context is read, and the context is left as it is, however the body is cut', async () => {
  const context = 'a\n\0context\n';
  const whole = `${LINE}\n${context}`;
  for (let size = 1; size <= whole.length; size++) {
    const pieces = whole.match(new RegExp(`[^]{1,${size}}`, 'g'))!;
    const body = bodyOf(...pieces);
    const { secrets, dockerfileText } = await readBuildExtras(body, noSession);
    assert.deepEqual(
      [...secrets],
      [
        ['a', Buffer.from([0xff, 0x00])],
        ['b', Buffer.alloc(0)],
      ],
    );
    assert.equal(dockerfileText, 'FROM x\n');
    assert.equal(await rest(body), context);
  }
});

test('without a Dockerfile and without secrets there are none', async () => {
  const body = bodyOf('{}\n');
  assert.deepEqual(await readBuildExtras(body, noSession), {
    secrets: new Map(),
    dockerfileText: undefined,
    named: new Map(),
    session: undefined,
  });
  assert.equal(await rest(body), '');
});

test('a session is looked for by its name, and has what is not in the body', async () => {
  const client = { sharedKey: 'here' } as BuildClient;
  const line = {
    Dockerfile: 'FROM x',
    Session: 'mine',
    SessionContext: true,
    Contexts: { a: 'local:a', b: 'docker-image://busybox', c: 'https://example.org/x.git' },
  };
  const extras = await readBuildExtras(bodyOf(`${JSON.stringify(line)}\n`), async (name) => {
    assert.equal(name, 'mine');
    return client;
  });
  assert.deepEqual(extras.session, { client, hasContext: true, takesFiles: false });
  assert.deepEqual(
    [...extras.named],
    [
      ['a', { directory: 'a' }],
      ['b', { image: 'busybox' }],
      ['c', { remote: 'https://example.org/x.git' }],
    ],
  );
});

for (const [what, line] of [
  ['its context', { Dockerfile: 'FROM x', SessionContext: true }],
  ['a place for files', { SessionFiles: true }],
  ['a directory', { Contexts: { a: 'local:a' } }],
] as const)
  test(`refused without a session: ${what} of the client's`, async () => {
    await assert.rejects(readBuildExtras(bodyOf(`${JSON.stringify(line)}\n`), noSession), /needs a session/);
  });

test('a context of a session comes with the text of its Dockerfile', async () => {
  const body = bodyOf('{"Session":"mine","SessionContext":true}\n');
  await assert.rejects(readBuildExtras(body, noSession), /needs the text of a Dockerfile/);
});

for (const [what, pieces] of [
  ['no line', ['{"Secrets":{}}']],
  ['nothing at all', []],
  ['an archive', ['Dockerfile\0\0\0', '\n']],
  ['another shape', ['{"Secrets":"topsecret"}\n']],
  ['a secret that is no text', ['{"Secrets":{"a":{"b":"topsecret"}}}\n']],
  ['a secret that is too long', [`{"Secrets":{"a":"${'topsecret'.repeat(100_000)}"}}\n`]],
  ['a line without end', Array.from({ length: 300 }, () => 'topsecret'.repeat(8000))],
] as const)
  test(`refused, without a word of it: ${what}`, async () => {
    await assert.rejects(readBuildExtras(bodyOf(...pieces), noSession), (error: Error) => {
      assert.equal(errorKind(error), 'invalid');
      assert.ok(!error.message.includes('topsecret'), error.message);
      return true;
    });
  });
