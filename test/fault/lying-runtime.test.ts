/**
 * A runtime that says that it has done what it has not: the start is refused in a sentence, nothing of it stays, and
 * others start as ever.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { run } from '../harness/host.ts';
import { TestEngine } from '../harness/test-engine.ts';
import { faultOfSentence } from '../fuzz/campaign.ts';
import { assertUntouched, ownCgroupParent, removeCgroupParent, tracesAtRest, type Traces } from './traces.ts';

/** What each says instead of creating a container; `$pidfile` is where its pid should be. */
const LIES: Readonly<Record<string, string>> = {
  'done, and nothing is': 'exit 0',
  'garbage, and fails': 'printf \'\\000\\377{"level":[[[\' >&2; exit 3',
  'a pid that is none': 'echo nonsense > "$pidfile"; exit 0',
  'a pid that nobody has': 'echo 4194303 > "$pidfile"; exit 0',
  "somebody else's pid": 'cat "$bystander" > "$pidfile"; exit 0',
  'nothing, and dies': 'kill -9 $$',
  'a long complaint': "head -c 40000 /dev/zero | tr '\\0' x >&2; exit 1",
};

const PERHAPS_ENDED: ReadonlySet<string> = new Set(['a pid that nobody has', "somebody else's pid"]);

describe('a runtime that says', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  const parent = ownCgroupParent();
  const directory = mkdtempSync(join(tmpdir(), 'cwt-lies-'));
  let engine: TestEngine;
  let untouched: Traces;
  let somebody: ChildProcess;

  before(async () => {
    const bystander = join(directory, 'bystander');
    somebody = spawn('sleep', ['100000'], { stdio: 'ignore' });
    writeFileSync(bystander, String(somebody.pid));
    const honest = run('sh', ['-c', 'command -v crun || command -v runc']).out.trim();
    const flags = Object.entries(LIES).flatMap(([, lie], index) => {
      const path = join(directory, `liar${index}`);
      const script = `#!/bin/sh\nbystander=${bystander}; pidfile=/dev/null; create=; next=\nfor word; do [ -n "$next" ] && pidfile=$word && next=; case $word in --pid-file) next=1;; --pid-file=*) pidfile=\${word#*=};; create) create=1;; esac; done\nif [ -n "$create" ]; then\n${lie}\nfi\nexec ${honest} "$@"\n`;
      writeFileSync(path, script);
      chmodSync(path, 0o755);
      return ['--add-runtime', `liar${index}=${path}`];
    });
    engine = await TestEngine.start({ flags: ['--cgroup-parent', parent, ...flags] });
    engine.importFixtures();
    engine.ok('run', '--rm', '-p', '8081:80', 'busybox', 'true'); // what is made once for all
    untouched = await tracesAtRest(engine, parent);
  });
  after(async () => {
    somebody.kill();
    await engine.destroy();
    removeCgroupParent(parent);
    rmSync(directory, { recursive: true, force: true });
  });

  for (const [index, what] of Object.keys(LIES).entries()) {
    test(what, async () => {
      const pid = engine.pid;
      const ran = engine.docker('run', '--rm', '--runtime', `liar${index}`, '-p', '8081:80', 'busybox', 'echo', 'ran');
      assert.notEqual(ran.code, 0, ran.out);
      // A process that is not there, or is not the monitor's child, may also count as one that has just ended: then
      // there is its exit code, and no sentence.
      if (!PERHAPS_ENDED.has(what) || ran.err !== '') assert.match(ran.err, /Error response from daemon: .+/);
      assert.equal(faultOfSentence(ran.err), undefined);
      assert.ok(ran.err.length < 20_000, `${ran.err.length} characters of complaints`);
      engine.docker('rm', '-f', ...engine.ok('ps', '-aq').split('\n').filter(Boolean));
      await assertUntouched(engine, parent, untouched, what);
      assert.deepEqual([engine.pid, somebody.exitCode, somebody.signalCode], [pid, null, null]);
      assert.equal(engine.ok('run', '--rm', '-p', '8081:80', 'busybox', 'echo', 'ran'), 'ran');
    });
  }
});
