import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCdiSpec } from './cdi-spec.ts';
import { readYaml } from './yaml-value.ts';

const parse = (text: string) => parseCdiSpec('/c/a.yaml', text);
const HEAD = 'cdiVersion: "0.7.0"\nkind: vendor.com/dev\n';
const device = (edits: string, name = 'one') => `${HEAD}devices:\n- name: ${name}\n  containerEdits: ${edits}\n`;

test('YAML is read as Go reads it', async () => {
  const cases: [text: string, value: unknown][] = [
    [
      'a: 0666\nb: 0x1f\nc: yes\nd: ~\ne: "0666"\nf: 1.5\ng: 0000:01:00.0\nh: -3',
      { a: 438, b: 31, c: true, d: null, e: '0666', f: 1.5, g: '0000:01:00.0', h: -3 },
    ],
    ['a: &x [1, 2]\nb: *x', { a: [1, 2], b: [1, 2] }],
    ['a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}', { a: { p: 1, q: 2 }, b: { p: 1, q: 3 } }],
    ['{"a": [true, null, "t"]}', { a: [true, null, 't'] }],
    ['a: 1\n---\nb: 2', { a: 1 }],
    ['', undefined],
    ['# nothing', undefined],
  ];
  for (const [text, value] of cases)
    assert.deepEqual(JSON.parse(JSON.stringify((await readYaml(text)) ?? null)), value ?? null, text);
});

test('a YAML document that would take all memory is refused', async () => {
  const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let n = 1; n < 12; n++)
    bomb.push(`a${n}: &a${n} [${Array.from({ length: 10 }, () => `*a${n - 1}`).join(', ')}]`);
  await assert.rejects(readYaml(bomb.join('\n')), /excessive aliasing/);
  for (const nested of ['['.repeat(50_000), ': ['.repeat(5000), '{a: '.repeat(20_000)])
    await assert.rejects(readYaml(nested), { message: 'yaml: exceeded max depth of 100' });
  await assert.rejects(readYaml(`a: ${'['.repeat(500)}${']'.repeat(500)}`), /max depth/);
  await assert.rejects(readYaml('a: &a [*a]'), /yaml:/);
  await assert.rejects(readYaml('a: 1\na: 2'), /yaml: line 2:/);
});

// Where each key or alias costs a look at all others, this takes hours.
test('a file full of keys, aliases or documents is read in time that grows with its length', async () => {
  const count = 30_000;
  const lines = (line: (index: number) => string): string => Array.from({ length: count }, (_, n) => line(n)).join('');
  assert.equal(Object.keys((await readYaml(lines((n) => `k${n}: 1\n`))) as object).length, count);
  const aliased = (await readYaml(lines((n) => `- &a${n} v${n}\n`) + lines((n) => `- *a${n}\n`))) as string[];
  assert.deepEqual([aliased.length, aliased[count], aliased.at(-1)], [2 * count, 'v0', `v${count - 1}`]);
  assert.deepEqual({ ...((await readYaml(lines(() => '---\na: 1\n'))) as object) }, { a: 1 });
});

test('an alias stands for the last anchor of its name before it', async () => {
  assert.deepEqual(await readYaml('[&a 1, *a, &a 2, *a, &b [&c x, *c], *b, *c]'), [
    1,
    1,
    2,
    2,
    ['x', 'x'],
    ['x', 'x'],
    'x',
  ]);
  await assert.rejects(readYaml('[*a, &a 1]'), /yaml:/);
  await assert.rejects(readYaml('a: 1\nb: {x: 1,\n  y: 2, x: 3}'), {
    message: 'yaml: line 3: Map keys must be unique',
  });
});

test('a specification is read with all that it may say', async () => {
  const { edits, devices } = await parse(`${HEAD}containerEdits:
  env: [SPEC=1]
devices:
- name: 0
  annotations: {a: b}
  containerEdits:
    deviceNodes:
    - {path: /dev/x, hostPath: /dev/null, type: c, major: 1, minor: 3, permissions: rw, fileMode: 0640, uid: 5, gid: 6}
    mounts:
    - {hostPath: /a, containerPath: /b, options: [ro, rbind], type: bind}
    hooks:
    - {hookName: createRuntime, path: /bin/true, args: [true, "1"], env: [A=b], timeout: 3}
    additionalGids: [7]
    intelRdt: {closID: id, enableCMT: true}
`);
  assert.deepEqual(edits.env, ['SPEC=1']);
  assert.deepEqual([...devices.keys()], ['vendor.com/dev=0']);
  assert.deepEqual(devices.get('vendor.com/dev=0'), {
    env: [],
    deviceNodes: [
      {
        path: '/dev/x',
        hostPath: '/dev/null',
        type: 'c',
        major: 1,
        minor: 3,
        fileMode: 0o640,
        permissions: 'rw',
        uid: 5,
        gid: 6,
      },
    ],
    mounts: [{ hostPath: '/a', containerPath: '/b', options: ['ro', 'rbind'], type: 'bind' }],
    hooks: [{ hookName: 'createRuntime', path: '/bin/true', args: ['true', '1'], env: ['A=b'], timeout: 3 }],
    additionalGids: [7],
    intelRdt: { closID: 'id', l3CacheSchema: '', memBwSchema: '', enableCMT: true, enableMBM: false },
  });
});

test("what is no specification is refused in Docker's words", async () => {
  const unmarshal = 'failed to parse CDI Spec "/c/a.yaml": failed to unmarshal CDI Spec: error ';
  const cases: [text: string, words: string | RegExp][] = [
    ['', 'failed to parse CDI Spec "/c/a.yaml", no Spec data'],
    [`${HEAD}foo: bar`, `${unmarshal}unmarshaling JSON: while decoding JSON: json: unknown field "foo"`],
    [device('{netDevices: []}'), /json: unknown field "netDevices"$/],
    [device('{env: A=1}'), /json: cannot unmarshal string into Go struct field ContainerEdits.env of type \[\]string$/],
    ['a: [', /error converting YAML to JSON: yaml: line/],
    ['cdiVersion: "9.9"\nkind: a.b/c', 'invalid CDI Spec: invalid version "9.9"'],
    ['cdiVersion: 1.1.0\nkind: a.b/c', 'invalid CDI Spec: invalid version "1.1.0"'],
    [
      'cdiVersion: 0.6.0\nkind: a.b/c\ncontainerEdits: {additionalGids: [1]}',
      'invalid CDI Spec: the spec version must be at least v0.7.0',
    ],
    [
      'cdiVersion: 0.3.0\nkind: a.b/c\ncontainerEdits: {mounts: [{hostPath: a, containerPath: b, type: t}]}',
      'invalid CDI Spec: the spec version must be at least v0.4.0',
    ],
    ['cdiVersion: 0.7.0\nkind: nokind', 'invalid CDI Spec: invalid vendor. empty name'],
    ['cdiVersion: 0.7.0\nkind: 1a/c', 'invalid CDI Spec: invalid vendor. "1a", should start with letter'],
    ['cdiVersion: 0.7.0\nkind: a/c-', 'invalid CDI Spec: invalid class. "c-", should end with a letter or digit'],
    [HEAD, 'invalid CDI Spec: invalid spec, no devices'],
    [device('{}'), 'invalid CDI Spec: failed add device "one": invalid device, empty device edits'],
    [
      device('{env: [A=1]}', 'o/e'),
      `invalid CDI Spec: failed add device "o/e": invalid character '/' in device name "o/e"`,
    ],
    [
      device('{env: [A]}'),
      'invalid CDI Spec: failed add device "one": invalid device "one": invalid container edits: invalid environment variable "A"',
    ],
    [device('{deviceNodes: [{path: /a, type: x}]}'), /device "\/a": invalid type "x"$/],
    [device('{deviceNodes: [{path: /a, permissions: rx}]}'), /device "\/a": invalid permissions "rx"$/],
    [device('{hooks: [{hookName: x, path: /a}]}'), /invalid hook name "x"$/],
    [device('{mounts: [{containerPath: /a}]}'), /invalid mount, empty host path$/],
    [
      `${device('{env: [A=1]}')}- name: one\n  containerEdits: {env: [A=1]}\n`,
      'invalid CDI Spec: invalid spec, multiple device "one"',
    ],
  ];
  for (const [text, words] of cases) await assert.rejects(parse(text), { message: words }, text);
});
