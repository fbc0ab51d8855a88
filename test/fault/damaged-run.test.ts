/**
 * The files of a container's run are damaged or gone when a daemon starts: a note, a number in a file. The container
 * that runs is taken up all the same, as what it is, and nothing of it is left when it has been removed.
 */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { TestEngine, until } from '../harness/test-engine.ts';
import { assertUntouched, ownCgroupParent, removeCgroupParent, tracesAtRest, type Traces } from './traces.ts';

const parent = ownCgroupParent();
let engine: TestEngine;
let untouched: Traces;

before(async () => {
  engine = await TestEngine.start({ flags: ['--cgroup-parent', parent] });
  engine.importFixtures();
  engine.ok('run', '--rm', 'nginx', 'true');
  untouched = await tracesAtRest(engine, parent);
});

after(async () => {
  await engine?.destroy();
  removeCgroupParent(parent);
});

afterEach(() => void engine.docker('rm', '-f', 'web'));

interface RunFiles {
  readonly note: string;
  readonly pidfile: string;
  readonly conmonPid: string;
}

const cutOff = (file: string): void => writeFileSync(file, readFileSync(file, 'utf8').slice(0, -1));
const gone = (file: string): void => rmSync(file);

const DAMAGES: Readonly<Record<string, (files: RunFiles) => void>> = {
  'the number of its process is cut off': ({ pidfile }) => cutOff(pidfile),
  "the number of its process is another's": ({ pidfile }) => writeFileSync(pidfile, String(process.pid)),
  'the number of its process is none': ({ pidfile }) => writeFileSync(pidfile, 'x'),
  'the number of its process is gone': ({ pidfile }) => gone(pidfile),
  "the number of its monitor is another's": ({ conmonPid }) => writeFileSync(conmonPid, String(process.pid)),
  'its note is cut off': ({ note }) => cutOff(note),
  'its note is gone': ({ note }) => gone(note),
  'all of them are gone': (files) => Object.values(files).forEach(gone),
};

describe('a container that runs is taken up by a daemon that starts although', () => {
  for (const [damage, damaged] of Object.entries(DAMAGES)) {
    test(damage, async () => {
      const id = engine.ok(
        'run',
        '-d',
        '-i',
        '--name',
        'web',
        '-p',
        '8080:80',
        'nginx',
        'sh',
        '-c',
        'httpd -p 80 -h /www; read line; echo "read $line"; exit 5',
      );
      const state = (): string => engine.ok('inspect', '-f', '{{.State.Status}} {{.State.Pid}}', 'web');
      const wasState = state();
      await engine.stop('SIGKILL');
      damaged({
        note: join(engine.execRoot, 'oci/containers', `${id}.json`),
        pidfile: join(engine.execRoot, 'bundles', id, 'pidfile'),
        conmonPid: join(engine.execRoot, 'bundles', id, 'conmon.pid'),
      });
      await engine.boot();
      assert.equal(state(), wasState, engine.log.slice(-1500));
      assert.match(engine.host.ok('curl', '-s', '--max-time', '5', 'http://127.0.0.1:8080/'), /Welcome/);
      assert.equal(engine.ok('exec', 'web', 'echo', 'here'), 'here');
      engine.shell('echo word | docker attach web');
      await until(
        'it has ended',
        () => engine.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'web') === 'exited 5',
      );
      assert.equal(engine.ok('logs', 'web'), 'read word');
      engine.ok('rm', 'web');
      await assertUntouched(engine, parent, untouched, damage);
    });
  }
});
