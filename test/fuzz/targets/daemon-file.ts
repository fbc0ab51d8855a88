/** daemon.json and the command line of the daemon: read, or refused in a sentence; nothing else changes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { daemonConfig } from '../../../src/daemon/daemon-config.ts';
import { ORDINARY_FILES } from '../../../src/daemon/options/ordinary-files.ts';
import { readDaemonOptions } from '../../../src/daemon/options/read.ts';
import { DAEMON_OPTIONS } from '../../../src/daemon/options/table.ts';
import type { Input, Target } from '../campaign.ts';
import { mutateJson } from '../mutate.ts';
import { hostileJson, hostileText } from '../random.ts';

const KEYS = DAEMON_OPTIONS.map(({ key }) => key).filter((key) => key !== '');
const FLAGS = DAEMON_OPTIONS.map(({ flag }) => flag).filter((flag) => !['', 'config-file'].includes(flag));
const WORDS = [...KEYS, '10.0.0.0/8', 'unix:///x', 'fd://', 'https://m', 'a=b', 'nofile', '64m', 'private'];

export const daemonTargets: readonly Target[] = [
  {
    name: 'daemon.json',
    make: (random) => ({
      json: random.once(3)
        ? { [random.pick(KEYS)]: hostileJson(random, WORDS, 3) }
        : mutateJson(random, random.pick(ORDINARY_FILES).content, () => hostileJson(random, WORDS, 3)),
    }),
    read(input) {
      const directory = mkdtempSync(join(tmpdir(), 'cwt-fuzz-'));
      try {
        const path = join(directory, 'f');
        writeFileSync(path, JSON.stringify((input as { json: unknown }).json) ?? '');
        checked(['--config-file', path]);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  },
  {
    name: 'command line of the daemon',
    make: (random) => ({
      json: random.list(6, () => {
        const value = random.once(2) ? hostileText(random, WORDS) : random.pick(WORDS);
        return random.once(5) ? value : `--${random.pick(FLAGS)}=${value}`;
      }),
    }),
    read: (input: Input) => checked(['--config-file=/dev/null', ...((input as { json: unknown }).json as string[])]),
  },
];

function checked(argv: readonly string[]): void {
  try {
    const config = daemonConfig(readDaemonOptions(argv));
    assert.ok(config.hosts.every((host) => /^(unix:\/\/\/|tcp:\/\/[^/]+:\d+$|fd:\/\/)/.test(host)));
    assert.ok(config.shmSizeBytes >= 0 && config.maxConcurrentDownloads > 0 && config.maxConcurrentUploads > 0);
  } finally {
    assert.deepEqual(Object.keys(Object.prototype), []);
  }
}
