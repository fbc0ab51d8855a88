import assert from 'node:assert/strict';
import test from 'node:test';
import { readMount } from './run-mount.ts';

const read = (text: string) => readMount(text, (value) => value.replace('$V', 'value'));

test('a mount is a bind of the context unless it says otherwise, and read-only', () => {
  assert.deepEqual(read('target=/x'), { type: 'bind', from: '', source: '', target: '/x', readonly: true });
  assert.deepEqual(read('type=bind,from=a,src=b,dst=/c,rw'), {
    type: 'bind',
    from: 'a',
    source: 'b',
    target: '/c',
    readonly: false,
  });
});

test('caches, secrets and the agent have owners', () => {
  const cache = read('type=cache,target=/$V,id=x,sharing=locked,mode=0755,uid=7');
  assert.deepEqual(cache, {
    type: 'cache',
    id: 'x',
    target: '/value',
    from: '',
    source: '',
    readonly: false,
    sharing: 'locked',
    mode: 0o755,
    uid: 7,
    gid: undefined,
  });
  const secret = read('type=secret,id=a/b,required');
  assert.equal(secret.type === 'secret' && secret.target, '/run/secrets/b');
  const variable = read('type=secret,id=TOKEN,env=');
  assert.deepEqual(variable.type === 'secret' && [variable.target, variable.variable], ['', 'TOKEN']);
  assert.equal(read('type=ssh').type === 'ssh' && (read('type=ssh') as { id: string }).id, 'default');
  assert.equal((read('type=tmpfs,target=/t,size=64m') as { sizeBytes: number }).sizeBytes, 64 * 1024 * 1024);
});

for (const [text, words] of [
  ['type=foo', /unsupported mount type "foo"/],
  ['target', /invalid field 'target' must be a key=value pair/],
  ['foo=bar', /unexpected key 'foo' in 'foo=bar'/],
  ['type=bind,required', /unexpected key 'required' for mount type 'bind'/],
  ['type=tmpfs,size=x', /invalid value for size/],
  ['type=bind,uid=1', /uid not allowed for "bind" type mounts/],
  ['type=secret', /invalid secret mount/],
  ['type=cache,sharing=x', /unsupported sharing value "x"/],
  ['ro=maybe', /invalid value for ro: maybe/],
  ['"a', /extraneous or missing/],
] as const)
  test(`${text} is refused`, () => void assert.throws(() => read(text), words));
