/** The set-up script where something that it needs cannot be had: it says what, from where, and how to go on. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const needs =
  spawnSync('dpkg-query', [
    '-W',
    'crun',
    'conmon',
    'nftables',
    'libnftables1',
    'iproute2',
    'util-linux',
    'tar',
    'zstd',
    'tini',
    'procps',
  ]).status === 0;

test(
  'a registry that nobody answers for is named, with the way out',
  { skip: process.getuid?.() !== 0 ? 'needs root' : !needs && 'its Debian packages are not all there' },
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'cwt-'));
    try {
      mkdirSync(join(dir, 'scripts'));
      for (const file of ['scripts/setup.sh', 'package.json', 'package-lock.json'])
        cpSync(join(root, file), join(dir, file));
      const registry = 'http://127.0.0.1:9/'; // nobody listens there
      const env = {
        ...process.env,
        npm_config_registry: registry,
        npm_config_cache: join(dir, 'cache'),
        npm_config_userconfig: '/dev/null',
      };
      const { status, stderr, stdout } = spawnSync('sh', ['scripts/setup.sh', 'run'], {
        cwd: dir,
        env,
        encoding: 'utf8',
      });
      assert.equal(status, 1, stdout + stderr);
      assert.match(stdout, /installing npm packages from http:\/\/127\.0\.0\.1:9\//);
      assert.match(
        stderr,
        /setup: npm could not install what package-lock\.json lists from http:\/\/127\.0\.0\.1:9\/.*npm config set registry URL\. Then run this again/,
      );
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
);

test(
  'a Node.js with which the engine runs but the checks do not is named before anything is installed',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'cwt-'));
    try {
      for (const [name, path] of [
        ['id', '/usr/bin/id'],
        ['dirname', '/usr/bin/dirname'],
        ['node', process.execPath],
      ] as const)
        symlinkSync(path, join(dir, name));
      const answer = (version: string, purpose: string) => {
        const pretence = join(dir, 'pretence.cjs');
        writeFileSync(
          pretence,
          `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`,
        );
        // Where the version will do, it goes on to look at packages, and finds no program that knows any.
        const env = { ...process.env, NODE_OPTIONS: `--require ${pretence}`, PATH: dir };
        return spawnSync('/bin/sh', ['scripts/setup.sh', purpose], { cwd: root, env, encoding: 'utf8' }).stderr;
      };
      for (const version of ['20.12.0', '20.18.3', '21.7.0', '22.11.0']) {
        assert.match(
          answer(version, 'test'),
          /is too old for the checks of npm test: 20\.19, 22\.12 or newer is needed/,
          version,
        );
        assert.doesNotMatch(answer(version, 'run'), /too old/, version);
      }
      for (const version of ['20.19.0', '22.12.0', '24.1.0'])
        assert.doesNotMatch(answer(version, 'test'), /too old/, version);
      assert.match(answer('20.11.1', 'run'), /is too old: version 20\.12 or newer is needed/);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
);
