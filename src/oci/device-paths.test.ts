import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { checkDevicePaths } from './device-paths.ts';
import { hostFacts } from './host-facts.ts';

const directory = mkdtempSync(join(tmpdir(), 'causeway-devices-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const served = (paths: readonly string[]): boolean => paths.some((path) => path.startsWith('/mnt/'));

test('devices and limits of devices are not looked for where another program or host serves the files', () => {
  const device = (pathOnHost: string) => ({ pathOnHost, pathInContainer: '/x', cgroupPermissions: 'rwm' });
  const limits = [
    { path: '/dev/sda', value: 1 },
    { path: '/mnt/a', value: 1 },
  ];
  for (const resources of [
    { devices: [device('/dev/null'), device('/mnt/a')] },
    { blkioWeightDevice: limits },
    { blkioReadBps: limits },
    { blkioWriteBps: limits },
    { blkioReadIops: limits },
    { blkioWriteIops: limits },
  ])
    assert.throws(() => checkDevicePaths(resources, served), {
      kind: 'system',
      message: /of "\/mnt\/a": .*below \/dev/,
    });
  checkDevicePaths({ devices: [device('/dev/null')], blkioReadBps: limits.slice(0, 1) }, served);
});

test('a tree that is no directory of devices is given up, not walked', () => {
  for (let number = 0; number < 300; number++) mkdirSync(join(directory, String(number)));
  assert.throws(() => hostFacts(100).devicesAt(directory), { kind: 'system', message: /more than 100 files/ });
  assert.throws(() => hostFacts().devicesAt(directory), { kind: 'system', message: /not a device node/ });
});

test('what the host refuses is said in its words', () => {
  assert.throws(() => hostFacts().devicesAt('/dev/null/x'), {
    kind: 'system',
    message:
      'error gathering device information while adding custom device "/dev/null/x": stat /dev/null/x: not a directory',
  });
});
