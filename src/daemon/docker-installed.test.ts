import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { dockerElsewhere } from './docker-installed.ts';

/** Files of a host by path; '-> X' is a link. */
const CASES: readonly (readonly [string, boolean, Readonly<Record<string, string>>])[] = [
  ['nothing', false, {}],
  ['a snap', true, { '/snap/docker/2963/bin/dockerd': '', '/snap/docker/current': '-> 2963' }],
  ['a snap that was removed', false, { '/snap/bin/other': '', '/var/snap/docker/common/x': '' }],
  ['a unit', true, { '/usr/lib/systemd/system/docker.service': '[Service]\nExecStart=/opt/docker/dockerd -H fd://\n' }],
  [
    'a unit that is masked',
    false,
    {
      '/etc/systemd/system/docker.service': '-> /dev/null',
      '/usr/lib/systemd/system/docker.service': '[Service]\nExecStart=/usr/bin/dockerd\n',
    },
  ],
  [
    'a unit that starts another engine',
    false,
    {
      '/etc/systemd/system/docker.service':
        '[Unit]\nDescription=instead of dockerd\n[Service]\nExecStart=/usr/bin/causeway daemon\n',
    },
  ],
  ['a dockerd that runs', true, { '/run/docker.pid': '812', '/proc/812/comm': 'dockerd\n' }],
  ['a pid file that was left behind', false, { '/run/docker.pid': '812', '/proc/812/comm': 'sshd\n' }],
  ['a pid file of another engine', false, { '/var/run/docker.pid': '9', '/proc/9/comm': 'node\n' }],
  ['a pid file without a process', false, { '/var/run/docker.pid': 'x' }],
];

for (const [what, expected, files] of CASES) {
  test(`whether Docker is installed: ${what}`, () => {
    const root = mkdtempSync(join(tmpdir(), 'causeway-host-'));
    try {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        if (text.startsWith('-> ')) symlinkSync(text.slice(3), join(root, path));
        else writeFileSync(join(root, path), text);
      }
      assert.equal(dockerElsewhere(root), expected);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
}
