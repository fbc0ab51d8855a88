/**
 * What ends a container means what it says at each moment of one whose process ends again and again. The cycle of such
 * a container is exit, back-off, start; the user comes at each of its calls of I/O, and in between.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { CONNECTED, EngineOnFakes } from '../../../test/harness/engine-on-fakes.ts';
import { makeRecord } from '../../../test/oci/fixture.ts';
import { removeContainer } from './container-remove.ts';
import { restartContainer } from './container-restart.ts';
import { killContainer, stopContainer } from './container-stop.ts';

type Verb = (engine: EngineOnFakes, id: string) => Promise<void>;

const VERBS: Record<string, Verb> = {
  stop: (engine, id) => stopContainer(engine.parts, id, {}),
  'stop with no time': (engine, id) => stopContainer(engine.parts, id, { timeoutS: 0 }),
  kill: (engine, id) => killContainer(engine.parts, id, ''),
  'kill with the stop signal': (engine, id) => killContainer(engine.parts, id, 'TERM'),
  'rm -f': (engine, id) => removeContainer(engine.parts, id, { force: true, volumes: false, link: false }),
  restart: (engine, id) => restartContainer(engine.parts, id, {}),
};
const POLICIES = ['always', 'unless-stopped', 'on-failure'] as const;
/** More calls of I/O than one cycle makes. */
const MOMENTS = 24;

const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A container whose process ends as soon as it runs, and of a signal. */
class CrashLoop {
  readonly engine = new EngineOnFakes();
  crashes = true;
  readonly t: TestContext;
  readonly #ended = new Set<number>();

  constructor(t: TestContext) {
    this.t = t;
    t.mock.timers.enable({ apis: ['setTimeout'] });
    t.after(() => this.engine.close());
  }

  async begin(policy: (typeof POLICIES)[number]): Promise<string> {
    const host = { restartPolicy: { name: policy, maximumRetryCount: 0 } };
    return (await this.engine.addRunning(makeRecord('false', { host, record: CONNECTED }))).id;
  }

  end(id: string, code: number): void {
    const pid = this.engine.made.get(id);
    if (pid === undefined || this.engine.parts.containers.get(id)?.state.pid !== pid || this.#ended.has(pid)) return;
    this.#ended.add(pid);
    void this.engine.exit(id, code);
  }

  /** Time goes on and processes end, until that is so. */
  async go(id: string, until: () => boolean): Promise<void> {
    for (const limit = Date.now() + 60_000; !until() && Date.now() < limit;) {
      for (const signal of [9, 15])
        this.engine.during(`runtime.kill ${signal}`, async () => void setImmediate(() => this.end(id, 128 + signal)));
      await aTurn();
      if (this.crashes) this.end(id, 1);
      this.t.mock.timers.tick(20);
    }
    assert.ok(until(), 'it comes to an end');
  }

  /** Long after any back-off. */
  async muchLater(id: string): Promise<void> {
    for (let round = 0; round < 4; round++) {
      await aTurn();
      if (this.crashes) this.end(id, 1);
      await this.engine.idle(id);
      this.t.mock.timers.tick(120_000);
    }
    await this.engine.idle(id);
  }
}

for (const [name, verb] of Object.entries(VERBS)) {
  for (const policy of name === 'stop' || name === 'restart' ? POLICIES : (['always'] as const)) {
    test(`${name}, at any moment of a container that crashes again and again with ${policy}`, async (t) => {
      for (let moment = 0; moment < MOMENTS; moment++) {
        await t.test(`at its call ${moment}`, async (inner) => {
          const loop = new CrashLoop(inner);
          const { engine } = loop;
          const id = await loop.begin(policy);
          let seen = 0;
          let done = false;
          let failed: unknown;
          engine.onCall = () => {
            if (seen++ !== moment) return;
            // Whoever stops it by a restart wants one that lives.
            if (name === 'restart') loop.crashes = false;
            void verb(engine, id)
              .catch((error: unknown) => (failed = error))
              .finally(() => (done = true));
          };
          await loop.go(id, () => done);
          assert.equal(failed, undefined);
          loop.crashes = true;
          engine.calls.length = 0;
          if (name === 'restart') {
            assert.equal(engine.record(id).state.status, 'running');
            assert.equal(engine.record(id).restartCount, 0);
            loop.crashes = false;
          }
          await loop.muchLater(id);
          if (name === 'restart') {
            assert.equal(engine.record(id).state.status, 'running');
            return;
          }
          assert.ok(!engine.calls.includes('runtime.create'), 'it is not started again');
          assert.deepEqual(engine.leftOf(id), []);
          if (name === 'rm -f') return assert.equal(engine.stored.has(id), false);
          const { state, stoppedByUser } = engine.stored.get(id)!;
          assert.deepEqual([state.status, state.pid, stoppedByUser], ['exited', 0, true]);
        });
      }
    });
  }
}

test('waits and followed logs end when a restart is cancelled', async (t) => {
  const loop = new CrashLoop(t);
  const id = await loop.begin('always');
  loop.crashes = false;
  loop.end(id, 7);
  await loop.engine.idle(id);
  assert.equal(loop.engine.record(id).state.status, 'restarting');
  const exit = loop.engine.parts.waits.next(id, 'exit');
  await stopContainer(loop.engine.parts, id, {});
  assert.deepEqual(await exit, { exitCode: 7, error: '' });
  assert.equal(loop.engine.events.at(-1), 'stop');
});

test('a stop that comes while a container is started for the first time ends that run', async (t) => {
  const loop = new CrashLoop(t);
  loop.crashes = false;
  const { engine } = loop;
  const { id } = await engine.add(makeRecord('true', { record: CONNECTED }));
  let stopped: Promise<void> | undefined;
  engine.onCall = (name) => {
    if (name === 'runtime.create') stopped ??= stopContainer(engine.parts, id, {});
  };
  const started = engine.start(id);
  let done = false;
  await aTurn();
  void started.then(() => stopped).then(() => (done = true));
  await loop.go(id, () => done);
  assert.equal(engine.stored.get(id)!.state.status, 'exited');
});
