/**
 * Mounts that lead into /proc or past what hides it, by name, by a link or by a race: none of them is there when a
 * container begins.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { newId } from '../../src/model/ids.ts';
import { Runtime } from '../../src/oci/runtime.ts';
import { makePlace, makeRecord, makeSpec } from '../oci/fixture.ts';
import { TestEngine } from '../harness/test-engine.ts';

const skip = process.getuid?.() !== 0 && 'needs root';

describe('mounts of containers', { skip }, () => {
  let engine: TestEngine;
  let directory: string;
  before(async () => {
    engine = await TestEngine.start();
    engine.importFixtures();
    directory = mkdtempSync(join(tmpdir(), 'causeway-mounts-'));
    mkdirSync(join(directory, 'volume'));
    writeFileSync(join(directory, 'file'), 'mine\n');
  });
  after(async () => {
    await engine.destroy();
    rmSync(directory, { recursive: true, force: true });
  });
  const refused = (args: string[], target: string, reason = 'is inside /proc') => {
    const ran = engine.docker('run', '--rm', ...args);
    assert.match(
      ran.err,
      new RegExp(`rootfs at "${target}": "${target}" cannot be mounted because it ${reason}`),
      args.join(' '),
    );
    assert.notEqual(ran.code, 0);
    assert.equal(engine.ok('ps', '-q'), '');
  };

  test("a volume in /proc is refused in runc's words, but for files that only inform", () => {
    for (const target of [
      '/proc/sys',
      '/proc/self/attr',
      '/proc/sys/kernel',
      '/proc/1',
      '/proc/./irq',
      '/proc//keys',
    ]) {
      refused(
        ['-v', `${join(directory, 'volume')}:${target}`, 'busybox', 'true'],
        target.replace('/./', '/').replace('//', '/'),
      );
    }
    refused(['-v', `${join(directory, 'volume')}:/proc`, 'busybox', 'true'], '/proc', 'is not of type proc');
    assert.equal(
      engine.ok('run', '--rm', '-v', `${join(directory, 'file')}:/proc/uptime`, 'busybox', 'cat', '/proc/uptime'),
      'mine',
    );
    assert.equal(engine.ok('run', '--rm', '-v', '/proc:/proc', 'busybox', 'head', '-c', '5', '/proc/version'), 'Linux');
  });

  test('a volume that an image declares there is refused too', () => {
    engine.shell(
      "docker create --name declares busybox true && docker commit -c 'VOLUME /proc/self/attr' declares declaring && docker rm declares",
    );
    refused(['declaring', 'true'], '/proc/self/attr');
  });

  test('a link of the image does not lead a volume into /proc', () => {
    engine.shell(
      "docker create --name linked busybox true; docker rm linked; docker run --name linked busybox sh -c 'ln -s /proc/sys /lib1; ln -s proc /lib2'; docker commit linked linking; docker rm linked",
    );
    refused(['-v', `${join(directory, 'volume')}:/lib1`, 'linking', 'true'], '/proc/sys');
    refused(['-v', `${join(directory, 'volume')}:/lib2/sys/kernel`, 'linking', 'true'], '/proc/sys/kernel');
  });

  test('a link of another volume does not lead a volume into /proc', () => {
    symlinkSync('/proc/sys', join(directory, 'volume', 'deep'));
    refused(
      ['-v', `${join(directory, 'volume')}:/data`, '-v', `${directory}:/data/deep`, 'busybox', 'true'],
      '/proc/sys',
    );
  });

  test('what is mounted in /proc, the console and a shared /dev/shm take neither devices nor programs', () => {
    const mounts = engine
      .ok('run', '--rm', '-t', '--ipc', 'shareable', 'busybox', 'cat', '/proc/self/mountinfo')
      .replaceAll('\r', '')
      .split('\n')
      .map((line) => line.split(' '));
    for (const path of ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys'])
      assert.match(mounts.find((fields) => fields[4] === path)![5]!, /^ro,nosuid,nodev,noexec/, path);
    assert.match(mounts.find((fields) => fields[4] === '/dev/console')![5]!, /^rw,nosuid,noexec/);
    assert.match(mounts.find((fields) => fields[4] === '/dev/shm')![5]!, /^rw,nosuid,nodev,noexec/);
  });
});

test('a container whose masked path is covered by something else than /dev/null is not started', { skip }, async () => {
  const place = makePlace();
  const lying = join(place.directory, 'crun-lying');
  writeFileSync(join(place.directory, 'open-file'), 'read me');
  // What a lost race does to a runtime: the mask is not what it took it for.
  const script = `#!/bin/sh\nsed -i 's#"/proc/keys",##; s#"mounts":\\[#"mounts":[{"destination":"/proc/keys","type":"bind","source":"${join(place.directory, 'open-file')}","options":["bind"]},#; s#\\(.*\\)\\({"destination":"/proc/keys"[^}]*}\\),\\({"destination":"/proc"[^}]*}\\)#\\1\\3,\\2#' config.json 2>/dev/null\nexec /usr/bin/crun "$@"\n`;
  writeFileSync(lying, script, { mode: 0o755 });
  const runtime = new Runtime({
    runtimes: { lying },
    defaultRuntime: 'lying',
    conmonPath: '/usr/bin/conmon',
    stateDir: join(place.directory, 'lying-state'),
    log: silentLog,
  });
  try {
    const record = { ...makeRecord('cat /proc/keys'), id: newId() };
    const spec = makeSpec(place, record);
    const request = {
      id: record.id,
      bundle: join(place.directory, 'bundles', record.id),
      spec,
      runtime: '',
      tty: false,
      openStdin: false,
      stdinOnce: false,
      logPath: null,
    };
    await assert.rejects(
      runtime.create(request),
      /\/proc\/keys is not hidden: what should cover it is not \/dev\/null/,
    );
    assert.deepEqual(runtime.knownIds(), []);
  } finally {
    runtime.close();
    place.remove();
  }
});
