import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Readable } from 'node:stream';
import { errorKind } from '../../base/errors.ts';
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

const LINE = '{"Secrets":{"a":"/wA=","b":""},"Dockerfile":"FROM x\\n"}';

test('what is in front of the context is read, and the context is left as it is, however the body is cut', async () => {
  const context = 'a\n\0context\n';
  const whole = `${LINE}\n${context}`;
  for (let size = 1; size <= whole.length; size++) {
    const pieces = whole.match(new RegExp(`[^]{1,${size}}`, 'g'))!;
    const body = bodyOf(...pieces);
    const { secrets, dockerfileText } = await readBuildExtras(body);
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
  assert.deepEqual(await readBuildExtras(body), { secrets: new Map(), dockerfileText: undefined });
  assert.equal(await rest(body), '');
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
    await assert.rejects(readBuildExtras(bodyOf(...pieces)), (error: Error) => {
      assert.equal(errorKind(error), 'invalid');
      assert.ok(!error.message.includes('topsecret'), error.message);
      return true;
    });
  });
