/** What the daemon and the resolver keep in memory when nobody asks anything of them. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { processesWritingTo } from '../../src/kernel/process.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

const skip = process.getuid?.() !== 0 && 'needs root';
let engine: TestEngine;
let bare: ChildProcess;

before(async () => {
  if (skip !== false) return;
  engine = await TestEngine.start();
  engine.importFixtures();
  bare = spawn(process.execPath, ['-e', 'console.log(); setInterval(() => {}, 1e6)'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(bare.stdout!, 'data');
});
after(async () => {
  bare?.kill();
  await engine?.destroy();
});

/** Resident pages of programs and libraries. */
function filePagesKb(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const [rss, anonymous] = ['Rss', 'Anonymous'].map((name) =>
    Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(rollup)![1]),
  );
  return rss! - anonymous!;
}

test(
  'a daemon and a resolver at rest let go of the pages that only their start has read, and go on',
  { skip },
  async () => {
    engine.ok('network', 'create', 'rest');
    for (const name of ['one', 'two'])
      engine.ok('run', '-d', '--name', name, '--network', 'rest', 'busybox', 'sleep', '1000');
    const [resolver] = processesWritingTo(join(engine.execRoot, 'dns.log'), 'causeway-dns');
    // An empty program of Node's that has just started has read as much.
    const limit = filePagesKb(bare.pid!) * 0.75;
    for (const pid of [engine.pid, resolver!])
      await until(`process ${pid} has given pages back`, () => filePagesKb(pid) < limit, 120_000);
    assert.match(engine.ok('exec', 'one', 'nslookup', '-type=a', 'two'), /Name:\s+two/);
    assert.equal(engine.ok('run', '--rm', '--network', 'rest', 'busybox', 'echo', 'after'), 'after');
  },
);
