import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResourceSpec } from '../model/resources.ts';
import { buildBlockIo, changedBlockIo } from './block-io.ts';

const numbersOf = (path: string) => ({ major: 8, minor: path.charCodeAt(path.length - 1) });

test('limits of block devices have the numbers of the devices, each kind in its field', () => {
  assert.equal(buildBlockIo({ blkioWeight: 0, blkioReadBps: [] }, numbersOf), undefined);
  assert.deepEqual(
    buildBlockIo(
      {
        blkioWeight: 100,
        blkioWeightDevice: [{ path: '/dev/a', value: 300 }],
        blkioReadBps: [{ path: '/dev/b', value: 1 }],
        blkioWriteBps: [{ path: '/dev/c', value: 2 }],
        blkioReadIops: [{ path: '/dev/d', value: 3 }],
        blkioWriteIops: [{ path: '/dev/e', value: 2 ** 64 }],
      },
      numbersOf,
    ),
    {
      weight: 100,
      weightDevice: [{ major: 8, minor: 97, weight: 300 }],
      throttleReadBpsDevice: [{ major: 8, minor: 98, rate: 1 }],
      throttleWriteBpsDevice: [{ major: 8, minor: 99, rate: 2 }],
      throttleReadIOPSDevice: [{ major: 8, minor: 100, rate: 3 }],
      throttleWriteIOPSDevice: [{ major: 8, minor: 101, rate: Number.MAX_SAFE_INTEGER }],
    },
  );
});

test('a device that is not there is named', () => {
  assert.throws(() => buildBlockIo({ blkioReadBps: [{ path: '/dev/nope', value: 1 }] }), {
    kind: 'system',
    message: 'stat /dev/nope: no such file or directory',
  });
});

test('a change lifts the limits that it names no longer, and leaves other kinds alone', () => {
  const before = {
    blkioReadBps: [
      { path: '/dev/a', value: 1 },
      { path: '/dev/b', value: 2 },
    ],
    blkioWriteBps: [{ path: '/dev/a', value: 3 }],
  } as unknown as ResourceSpec;
  assert.deepEqual(changedBlockIo(before, { cpuShares: 5, blkioReadBps: [{ path: '/dev/b', value: 9 }] }), {
    cpuShares: 5,
    blkioReadBps: [
      { path: '/dev/b', value: 9 },
      { path: '/dev/a', value: 0 },
    ],
  });
});
