import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBuildCacheBounds } from './builder-config.ts';

const read = (builder: object) => readBuildCacheBounds(JSON.stringify(builder));
const GIB = 1024 ** 3;

test('bounds of the build cache are read as dockerd reads them, older names and any case too', () => {
  const none = { reservedBytes: 0, maxUsedBytes: 0, minFreeBytes: 0 };
  for (const text of ['', '{}', '{"gc":{}}', '{"GC":{"Enabled":true}}'])
    assert.deepEqual(readBuildCacheBounds(text), { isEnabled: true, rules: undefined, defaults: none }, text);
  assert.equal(read({ gc: { enabled: false } }).isEnabled, false);
  assert.deepEqual(read({ gc: { defaultKeepStorage: '20GB' } }).defaults, { ...none, reservedBytes: 20 * GIB });
  assert.deepEqual(
    read({
      gc: {
        defaultReservedSpace: '1g',
        defaultKeepStorage: '2g',
        defaultMaxUsedSpace: '3GiB',
        defaultMinFreeSpace: '4',
      },
    }).defaults,
    { reservedBytes: GIB, maxUsedBytes: 3 * GIB, minFreeBytes: 4 },
  );
  const { rules } = read({
    gc: {
      policy: [
        { keepStorage: '10GB', filter: ['unused-for=2200h', 'type=exec.cachemount'] },
        { all: true, maxUsedSpace: '50GB', filter: { type: { 'source.local': true, regular: true } } },
      ],
    },
  });
  const kinds = ['regular', 'exec.cachemount', 'source.local'] as const;
  assert.deepEqual(
    rules!.map(({ accept, ...rest }) => ({
      ...rest,
      kinds: kinds.filter((kind) => accept({ kind } as Parameters<typeof accept>[0])),
    })),
    [
      { ...none, all: false, unusedForMs: 2200 * 3_600_000, reservedBytes: 10 * GIB, kinds: ['exec.cachemount'] },
      { ...none, all: true, unusedForMs: 0, maxUsedBytes: 50 * GIB, kinds: ['regular', 'source.local'] },
    ],
  );
});

test('what is no bound of the build cache is refused with its key', () => {
  for (const [builder, message] of [
    [{ gc: [] }, /^CausewayError: builder\.gc: expected an object$/],
    [{ gc: { enabled: 'yes' } }, /builder\.gc\.enabled: expected true or false/],
    [{ gc: { defaultMaxUsedSpace: 'much' } }, /builder\.gc: failed to parse defaultmaxusedspace: invalid size: "much"/],
    [{ gc: { keepBytes: '1' } }, /builder\.gc: the following directives don't match any option: keepbytes/],
    [{ gc: { policy: {} } }, /builder\.gc\.policy: expected a list/],
    [{ gc: { policy: [{ filter: 'x=y' }] } }, /builder\.gc\.policy\[0\]\.filter: expected a list of strings/],
    [{ gc: { policy: [{}, { filter: ['x=y'] }] } }, /builder\.gc\.policy\[1\]\.filter: invalid filter 'x'/],
    [{ gc: { policy: [{ filter: ['until=soon'] }] } }, /builder\.gc\.policy\[0\]\.filter: "until" filter expects/],
  ] as const)
    assert.throws(() => read(builder), message);
});
