import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { processState } from '../kernel/process.ts';
import { spawnProgram } from '../kernel/spawn.ts';
import type { ContainerNote } from './container-note.ts';
import { WatchedProcess } from './container-process.ts';
import { ExitDirectory } from './exit-directory.ts';
import { missedExit } from './missed-exit.ts';
import { letGo, OutputHolds } from './output-holds.ts';
import { PATIENCE } from './patience.ts';

const ID = 'c0ffee';
/** What watches a process keeps no process from ending. */
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A signal is there when the call that sends it returns; its effect is a moment later. */
async function reaches(process: WatchedProcess, state: 'stopped' | 'going'): Promise<void> {
  while ((processState(process.pid) === 'T') !== (state === 'stopped')) await turn();
}

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-holds-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

function start(t: TestContext, ...args: string[]): WatchedProcess {
  const none = openSync('/dev/null', 'r+');
  const env = { PATH: '/usr/bin:/bin' };
  const pid = spawnProgram({ file: '/bin/sh', args: ['-c', ...args], env, fds: [none, none, none] });
  closeSync(none);
  const process = new WatchedProcess(pid);
  t.after(async () => {
    process.signal(9);
    await process.ended;
  });
  return process;
}

/** One that runs, and whose conmon and first process do nothing. */
function container(t: TestContext) {
  const bundle = directoryOf(t);
  const note = { id: ID, bundle } as ContainerNote;
  const [conmon, first] = [start(t, 'exec sleep 1000'), start(t, 'exec sleep 1000')];
  const live = { note, conmon, process: first as WatchedProcess | undefined };
  const containers = new Map([[ID, live]]);
  return {
    live,
    conmon,
    first,
    containers,
    holds: new OutputHolds<typeof live>((id) => containers.get(id)),
    isMarked: () => existsSync(join(bundle, 'output-held')),
  };
}

test('the conmon of a container that is to be held is stopped, and goes on when that is over', async (t) => {
  const { holds, conmon, first, isMarked } = container(t);
  for (let times = 0; times < 2; times++) {
    holds.want(ID, true);
    await reaches(conmon, 'stopped');
    assert.equal(isMarked(), true);
    assert.notEqual(processState(first.pid), 'T', 'its processes are not stopped');
    holds.want(ID, false);
    await reaches(conmon, 'going');
    assert.equal(isMarked(), false);
  }
});

test('a conmon that somebody else has stopped is left as it is', async (t) => {
  const { holds, conmon, live } = container(t);
  conmon.signal(19);
  await reaches(conmon, 'stopped');
  holds.want(ID, false);
  letGo(live.note.bundle, conmon);
  holds.close();
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.equal(processState(conmon.pid), 'T');
});

test('with the end of the first process conmon goes on, to report it, while its output still is not wanted', async (t) => {
  const { holds, conmon, first, live, isMarked } = container(t);
  holds.want(ID, true);
  holds.apply(live); // as each daemon does
  await reaches(conmon, 'stopped');
  first.signal(9);
  await reaches(conmon, 'going');
  while (isMarked()) await turn();
  // The log server still takes nothing.
  holds.want(ID, true);
  assert.equal(isMarked(), false, 'nothing holds what has ended');
});

test('a container that is to be held before it has a process is held when it has one', async (t) => {
  const { holds, conmon, first, live, containers, isMarked } = container(t);
  containers.clear();
  holds.want(ID, true);
  containers.set(ID, live);
  live.process = undefined;
  holds.apply(live);
  assert.equal(isMarked(), false);
  live.process = first;
  holds.apply(live);
  await reaches(conmon, 'stopped');
  holds.want(ID, false);
  await reaches(conmon, 'going');
});

test('a daemon that ends in order leaves nobody held', async (t) => {
  const { holds, conmon, live, isMarked } = container(t);
  holds.want(ID, true);
  holds.want('another, which does not run', true);
  await reaches(conmon, 'stopped');
  holds.close();
  await reaches(conmon, 'going');
  assert.equal(isMarked(), false);
  holds.apply(live);
  assert.equal(isMarked(), false, 'what was wanted is forgotten');
});

test('the next daemon lets a container go that a killed one held, unless it is to be held on', async (t) => {
  const { holds, conmon, live, containers, isMarked } = container(t);
  holds.want(ID, true);
  await reaches(conmon, 'stopped');
  const next = new OutputHolds<typeof live>((id) => containers.get(id));
  next.apply(live);
  await reaches(conmon, 'going');
  assert.equal(isMarked(), false);
});

test('a conmon that a killed daemon held, and whose container has ended since, reports how', async (t) => {
  const bundle = directoryOf(t);
  const exits = new ExitDirectory(join(bundle, 'exits'), () => {});
  t.after(() => exits.close());
  // As conmon's arguments have it.
  const conmon = start(
    t,
    'kill -STOP $$; echo 7 > "$1/exits/$2.part"; mv "$1/exits/$2.part" "$1/exits/$2"; exec sleep 1000',
    'conmon',
    bundle,
    ID,
  );
  await reaches(conmon, 'stopped');
  writeFileSync(join(bundle, 'conmon.pid'), String(conmon.pid));
  writeFileSync(join(bundle, 'output-held'), '');
  const errors: unknown[] = [];
  const log = { error: (facts: unknown) => errors.push(facts) } as never;
  const note = { id: ID, bundle } as ContainerNote;
  const notice = await missedExit(note, exits, { appearsWithinMs: 20_000, patience: PATIENCE, log });
  assert.equal(notice?.code, 7);
  assert.deepEqual(errors, []);
  assert.equal(existsSync(join(bundle, 'output-held')), false);
});

test('a container is not held where no later daemon could be told so, and this one goes on', () => {
  const signals: number[] = [];
  const conmon = { signal: (number: number) => signals.push(number) > 0 };
  const found = { note: { id: ID, bundle: '/nowhere/at-all' }, conmon, process: { running: true } };
  new OutputHolds<never>(() => found as never).want(ID, true);
  assert.deepEqual(signals, []);
});
