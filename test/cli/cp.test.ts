/** `cp` against an engine at the wire that serves archives made by tar and keeps those that it gets. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { FakeEngine, sendJson, type Asked } from './fake-engine.ts';
import { runCausewayClient } from './run-client.ts';

const GO_DIRECTORY = 2 ** 31;
const GO_SYMLINK = 2 ** 27;

describe('cp', () => {
  let engine: FakeEngine;
  let dir: string;
  /** What the container has at /. */
  let rootfs: string;
  let here: string;

  before(async () => {
    engine = await FakeEngine.start();
    engine.set('HEAD /containers/web/archive', (asked, response) => answerStat(asked, response) && response.end());
    engine.set('GET /containers/web/archive', (asked, response) => {
      const path = asked.query.get('path') ?? '';
      if (!answerStat(asked, response)) return;
      const local = join(rootfs, path);
      const base = path.endsWith('/.') ? '.' : basename(local);
      response.end(execFileSync('tar', ['-C', path.endsWith('/.') ? local : dirname(local), '-c', base]));
    });
    engine.set('PUT /containers/web/archive', (asked, response) => {
      const path = asked.query.get('path') ?? '';
      if (!existsSync(join(rootfs, path)))
        return sendJson(response, 404, { message: `Could not find the file ${path} in container web` });
      const unpacked = spawnSync('tar', ['-C', join(rootfs, path), '-x'], { input: asked.raw });
      response.writeHead(unpacked.status === 0 ? 200 : 500).end();
    });
  });
  after(() => engine.stop());

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'causeway-cp-'));
    rootfs = join(dir, 'rootfs');
    here = join(dir, 'here');
    mkdirSync(join(rootfs, 'etc/conf.d'), { recursive: true });
    mkdirSync(here);
    writeFileSync(join(rootfs, 'etc/hosts'), 'hosts\n', { mode: 0o640 });
    writeFileSync(join(rootfs, 'etc/conf.d/a'), 'a\n');
    symlinkSync('hosts', join(rootfs, 'etc/link'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function answerStat(asked: Asked, response: ServerResponse<IncomingMessage>): boolean {
    const path = asked.query.get('path') ?? '';
    const local = join(rootfs, path);
    const stat = statSync(local, { throwIfNoEntry: false });
    const target = spawnSync('readlink', [local], { encoding: 'utf8' }).stdout.trim();
    if (!stat) {
      sendJson(response, 404, { message: `Could not find the file ${path} in container web` });
      return false;
    }
    const mode = target !== '' ? GO_SYMLINK : stat.isDirectory() ? GO_DIRECTORY : 0;
    const body = { name: basename(local), size: stat.size, mode: mode + 0o644, mtime: stat.mtime, linkTarget: target };
    response.writeHead(200, { 'X-Docker-Container-Path-Stat': Buffer.from(JSON.stringify(body)).toString('base64') });
    return true;
  }

  const cp = async (...args: string[]) => {
    const outcome = await runCausewayClient(['cp', ...args], { host: engine.host });
    return [outcome.code, outcome.stderr] as const;
  };
  const fine = [0, ''] as const;
  const inside = (path: string) => readFileSync(join(rootfs, path), 'utf8');
  const outside = (path: string) => readFileSync(join(here, path), 'utf8');

  it('takes a file out under its name, and under another', async () => {
    assert.deepEqual(await cp('web:/etc/hosts', here), fine);
    assert.deepEqual(await cp('web:/etc/hosts', join(here, 'other')), fine);
    assert.equal(outside('hosts'), 'hosts\n');
    assert.equal(outside('other'), 'hosts\n');
    assert.equal(statSync(join(here, 'other')).mode & 0o777, 0o640);
  });

  it('takes a directory out: into one that is there, as one that is not, or its content', async () => {
    assert.deepEqual(await cp('web:/etc', here), fine);
    assert.equal(outside('etc/conf.d/a'), 'a\n');
    assert.deepEqual(await cp('web:/etc', join(here, 'fresh')), fine);
    assert.equal(outside('fresh/conf.d/a'), 'a\n');
    assert.deepEqual(await cp('web:/etc/.', here), fine);
    assert.equal(outside('conf.d/a'), 'a\n');
  });

  it('copies a symlink as one, and follows it when asked', async () => {
    assert.deepEqual(await cp('web:/etc/link', here), fine);
    assert.equal(readlinkSync(join(here, 'link')), 'hosts');
    rmSync(join(here, 'link'));
    assert.deepEqual(await cp('-L', 'web:/etc/link', here), fine);
    assert.equal(outside('link'), 'hosts\n');
  });

  it('puts a file in: into a directory, over a file, under a new name', async () => {
    writeFileSync(join(here, 'new'), 'new\n');
    assert.deepEqual(await cp(join(here, 'new'), 'web:/etc'), fine);
    assert.deepEqual(await cp(join(here, 'new'), 'web:/etc/hosts'), fine);
    assert.deepEqual(await cp(join(here, 'new'), 'web:/etc/named'), fine);
    assert.deepEqual([inside('etc/new'), inside('etc/hosts'), inside('etc/named')], ['new\n', 'new\n', 'new\n']);
  });

  it('puts a directory in, or its content', async () => {
    mkdirSync(join(here, 'tree/deep'), { recursive: true });
    writeFileSync(join(here, 'tree/deep/leaf'), 'leaf\n');
    assert.deepEqual(await cp(join(here, 'tree'), 'web:/etc'), fine);
    assert.deepEqual(await cp(join(here, 'tree'), 'web:/etc/renamed'), fine);
    assert.deepEqual(await cp(`${join(here, 'tree')}/.`, 'web:/etc'), fine);
    assert.deepEqual(
      [inside('etc/tree/deep/leaf'), inside('etc/renamed/deep/leaf'), inside('etc/deep/leaf')],
      ['leaf\n', 'leaf\n', 'leaf\n'],
    );
  });

  it('streams tar both ways', async () => {
    const out = await runCausewayClient(['cp', 'web:/etc/conf.d', '-'], { host: engine.host, binary: true });
    assert.equal(spawnSync('tar', ['-t'], { input: out.stdoutBytes, encoding: 'utf8' }).stdout, 'conf.d/\nconf.d/a\n');
    writeFileSync(join(here, 'piped'), 'piped\n');
    const input = execFileSync('tar', ['-C', here, '-c', 'piped']);
    const put = await runCausewayClient(['cp', '-', 'web:/etc'], { host: engine.host, input });
    assert.deepEqual([put.code, put.stderr], fine);
    assert.equal(inside('etc/piped'), 'piped\n');
  });

  it('refuses what cannot be, with the reason', async () => {
    assert.deepEqual(await cp('web:/nosuch', here), [
      1,
      'Error response from daemon: Could not find the file /nosuch in container web\n',
    ]);
    assert.deepEqual(await cp(join(here, 'nosuch'), 'web:/etc'), [
      1,
      `lstat ${join(here, 'nosuch')}: no such file or directory\n`,
    ]);
    assert.deepEqual(await cp('web:/etc', join(here, 'a/b')), [
      1,
      `invalid output path: directory "${join(here, 'a')}" does not exist\n`,
    ]);
    writeFileSync(join(here, 'file'), '');
    assert.deepEqual(await cp('web:/etc', join(here, 'file')), [1, 'cannot copy directory\n']);
    assert.deepEqual(await cp('web:/etc/hosts', `${join(here, 'none')}/`), [1, 'no such directory\n']);
    assert.deepEqual(await cp('-', 'web:/etc/hosts'), [1, 'destination "web:/etc/hosts" must be a directory\n']);
    assert.deepEqual(await cp('a:b', 'c:d'), [1, 'copying between containers is not supported\n']);
    assert.deepEqual(await cp('a', 'b'), [1, 'must specify at least one container source\n']);
  });
});
