/**
 * Containers, networks and volumes come and go from several clients at once, with execs, copies and log readers that
 * are cut off, while others' traffic goes on. Afterwards kernel, disk and API are as before, nothing is open that was
 * not, and `/_ping` was answered throughout.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { descriptors } from '../fuzz/live/world.ts';
import { PingSampler, tooLong } from '../harness/ping-sampler.ts';
import { TestEngine } from '../harness/test-engine.ts';
import { Random } from '../fuzz/random.ts';
import { FULL, PART_SECONDS, recordResult } from './results.ts';
import { Bystanders } from './step-boundaries/bystanders.ts';
import { Caller } from './step-boundaries/caller.ts';
import { assertUntouched, ownCgroupParent, removeCgroupParent, traces } from './traces.ts';

const SECONDS = Number(process.env['CAUSEWAY_SOAK_SECONDS'] ?? (FULL ? (PART_SECONDS ?? 1200) : 12));
const CLIENTS = 4;
const MAX_SILENCE_MS = 1000;
const ABOUT =
  `${CLIENTS} clients create, start, connect, publish, exec, copy, follow and cut off, stop and remove; two containers beside them talk on. ` +
  "A violation is an answer of 500 or none, a gap in the others' traffic, something that is left in kernel, disk or API, an open descriptor, or a second without an answer to `/_ping` in which the daemon itself was at work.";

const parent = ownCgroupParent();
let engine: TestEngine;
let bystanders: Bystanders;
let pings: PingSampler;

const openCount = (): number => [...descriptors(engine.pid).values()].reduce((sum, count) => sum + count, 0);

before(async () => {
  engine = await TestEngine.start({ flags: ['--cgroup-parent', parent] });
  engine.importFixtures();
  engine.ok('run', '--rm', 'nginx', 'true'); // what is made once for an image
  engine.ok('volume', 'rm', engine.ok('volume', 'create'));
  bystanders = await Bystanders.start(engine);
  pings = await PingSampler.start(engine);
});
after(async () => {
  pings?.stop();
  await bystanders?.stop();
  await engine?.destroy();
  removeCgroupParent(parent);
});

/** One life of a container with a network and a volume of its own; gives how many calls it took. */
async function live(api: Caller, random: Random, name: string, wrong: string[]): Promise<number> {
  let calls = 0;
  const call = async (method: string, path: string, body?: object): Promise<string> => {
    calls++;
    const reply = await api.call(method, path, body);
    if (reply.status === 0 || reply.status >= 500) wrong.push(`${method} ${path}: ${reply.status} ${reply.body}`);
    return reply.body;
  };
  const Networks = random.once(2) ? `${name}-net` : 'bridge';
  if (Networks !== 'bridge') await call('POST', '/networks/create', { Name: Networks, EnableIPv6: false });
  await call('POST', `/containers/create?name=${name}`, {
    Image: 'nginx',
    Tty: random.once(3),
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { NetworkMode: Networks, PublishAllPorts: true, Binds: [`${name}-volume:/data`] },
  });
  await call('POST', `/containers/${name}/start`);
  const steps = [
    async () => {
      const body = await call('POST', `/containers/${name}/exec`, {
        Cmd: ['sh', '-c', 'echo hello; cat /etc/hosts'],
        AttachStdout: true,
        AttachStderr: true,
      });
      await call('POST', `/exec/${(JSON.parse(body) as { Id: string }).Id}/start`, { Detach: random.once(3) });
    },
    () => call('GET', `/containers/${name}/archive?path=/etc`),
    () => cutOff(`/containers/${name}/logs?follow=1&stdout=1`),
    () => cutOff(`/containers/${name}/stats`),
    () => call('POST', '/networks/calm/connect', { Container: name }),
    () => call('POST', '/networks/calm/disconnect', { Container: name }),
    () => call('POST', `/containers/${name}/restart?t=0`),
    () => call('POST', `/containers/${name}/rename?name=${name}`),
    () => call('GET', '/containers/json?all=1&size=1'),
    () => call('POST', `/containers/${name}/kill`),
    () => call('POST', `/containers/${name}/start`),
  ];
  for (let step = 0; step < 5; step++) await random.pick(steps)();
  await call('DELETE', `/containers/${name}?force=1&v=1`);
  if (Networks !== 'bridge') await call('DELETE', `/networks/${Networks}`);
  await call('DELETE', `/volumes/${name}-volume?force=1`);
  return calls;
}

/** A reader that goes away in the middle. */
function cutOff(path: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(engine.socket, () => socket.write(`GET /v1.47${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
    socket.once('data', () => socket.destroy());
    socket.on('error', () => {});
    socket.once('close', () => resolve());
  });
}

test(
  'clients that do everything at once leave nothing, and nobody waits for them',
  { timeout: (SECONDS + 240) * 1000, skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const untouched = traces(engine, parent);
    const open = openCount();
    const wrong: string[] = [];
    let [lives, calls] = [0, 0];
    const end = Date.now() + SECONDS * 1000;
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, client) => {
        const random = new Random(client + 1);
        const api = new Caller(engine.socket);
        for (let round = 0; Date.now() < end && wrong.length === 0; round++) {
          const made = await live(api, random, `soak-${client}-${round}`, wrong);
          calls += made;
          lives++;
        }
      }),
    );
    const silence = await pings.longestSilence();
    const tooSilent = FULL ? tooLong(silence, MAX_SILENCE_MS) : undefined;
    if (tooSilent !== undefined) wrong.push(tooSilent);
    wrong.push(...(await bystanders.complaints()));
    await assertUntouched(engine, parent, untouched, 'the soak', { timeoutMs: 60_000 }).catch((error: Error) =>
      wrong.push(error.message),
    );
    const more = openCount() - open;
    if (more > 24) wrong.push(`${more} descriptors more are open`);
    recordResult({
      part: 'Soak',
      about: ABOUT,
      item: `${CLIENTS} clients, ${SECONDS} s`,
      counts: { calls, 'containers that lived': lives },
      violations: wrong,
    });
    t.diagnostic(
      `${lives} containers, ${calls} calls, longest silence ${silence.silentMs} ms, ${more} descriptors more`,
    );
    assert.deepEqual(wrong, []);
  },
);
