/** A syslog server that takes nothing, mode=blocking: what waits for it, what does not, and that nothing is lost. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TestEngine, until } from '../harness/test-engine.ts';

let engine: TestEngine;
let server: Server;
let path: string;
let takes = false;
let rest = '';
const sockets: Socket[] = [];
/** What has come of the container with this short id. */
let wanted = '';
const got = new Set<number>();

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  path = join(engine.dir, 'stuck.sock');
  server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    if (takes) take(socket);
  }).listen(path);
  await once(server, 'listening');
});
after(async () => {
  for (const socket of sockets) socket.destroy();
  server?.close();
  await engine?.destroy();
});

/** Each connection begins with a whole message. */
function take(socket: Socket): void {
  rest = '';
  socket.on('data', (data) => {
    const lines = (rest + data.toString('latin1')).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line.includes(` ${wanted}[`)) got.add(Number(/: (\d+) /.exec(line)?.[1]));
  });
  socket.resume();
}

const docker = (...args: string[]): string => engine.ok(...args);
const inspect = (name: string, what: string): string => docker('inspect', '--format', `{{.${what}}}`, name);
/** Numbered lines of a kilobyte, a thousand at a time, until there is a file /enough. */
const WRITES = [
  '-e',
  `X=${'x'.repeat(1000)}`,
  'busybox',
  'sh',
  '-c',
  'i=0; while [ ! -e /enough ]; do awk -v i=$i \'BEGIN { for (n = i; n < i + 1000; n++) print n " " ENVIRON["X"] }\'; i=$((i + 1000)); done',
];
const run = (name: string): string =>
  docker(
    'run',
    '-d',
    '--name',
    name,
    '--log-driver',
    'syslog',
    '--log-opt',
    `syslog-address=unix://${path}`,
    ...WRITES,
  );
const PATIENCE_MS = 180_000;
/** Lines that come to 64 MB. */
const FLOOR = 60_000;

function statusOf(pid: string): { state: string; parent: string } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { state: /^State:\s+(\S)/m.exec(status)![1]!, parent: /^PPid:\s+(\d+)/m.exec(status)![1]! };
}

/** conmon of a container, once it is held. */
async function heldConmon(name: string): Promise<string> {
  const conmon = statusOf(inspect(name, 'State.Pid')).parent;
  await until(`the output of ${name} is held back`, () => statusOf(conmon).state === 'T', PATIENCE_MS);
  return conmon;
}

test('a container is held back, can be stopped and removed then, and its log has what it has written', async () => {
  run('stops');
  await heldConmon('stops');
  docker('stop', '-t', '0', 'stops');
  assert.equal(inspect('stops', 'State.Status'), 'exited');
  const numbers = docker('logs', '-f', 'stops')
    .split('\n')
    .map((line) => Number.parseInt(line, 10));
  assert.ok(numbers.length > FLOOR, String(numbers.length));
  // The last one may have been cut off where the process was killed.
  assert.ok(numbers.slice(0, -1).every((number, index) => number === index));
  docker('rm', 'stops');
  run('goes');
  const conmon = await heldConmon('goes');
  docker('rm', '-f', 'goes');
  await until('its conmon is gone', () => !existsSync(`/proc/${conmon}`));
});

test('what waits outlives daemons that are killed, and is sent without a gap when the server takes it', async () => {
  run('waits');
  const conmon = await heldConmon('waits');
  await engine.restart('SIGKILL');
  assert.equal(await heldConmon('waits'), conmon, 'the next daemon holds it again');
  assert.equal(inspect('waits', 'State.Status'), 'running');
  docker('exec', 'waits', 'touch', '/enough');
  wanted = inspect('waits', 'Id').slice(0, 12);
  takes = true;
  for (const socket of sockets) take(socket);
  // No client is run meanwhile: the server is in this process, and reads only while that waits for nothing else.
  await until('it has ended', () => !existsSync(`/proc/${conmon}`), PATIENCE_MS);
  await until('its end is known', () => inspect('waits', 'State.Status') === 'exited', PATIENCE_MS);
  assert.equal(inspect('waits', 'State.ExitCode'), '0');
  const lines = Number(docker('logs', '--tail', '1', 'waits').split(' ', 1)[0]) + 1;
  assert.ok(lines > FLOOR && lines % 1000 === 0, String(lines));
  await until('all is sent', () => got.has(lines - 1), PATIENCE_MS);
  assert.deepEqual(
    Array.from({ length: lines }, (_, index) => index).filter((number) => !got.has(number)),
    [],
  );
  const id = inspect('waits', 'Id');
  const spools = join(engine.dataRoot, 'containers', id, 'spool');
  await until('nothing waits', () => readdirSync(spools).length === 0, PATIENCE_MS);
});

test('a daemon that ends in order lets a container go that it held back', async () => {
  takes = false;
  run('goes-on');
  const conmon = await heldConmon('goes-on');
  docker('exec', 'goes-on', 'touch', '/enough');
  await engine.stop();
  await until('it has written everything', () => !existsSync(`/proc/${conmon}`), PATIENCE_MS);
  await engine.restart();
  await until('its end is known', () => inspect('goes-on', 'State.Status') === 'exited');
  assert.equal(inspect('goes-on', 'State.ExitCode'), '0');
  docker('rm', '-f', 'goes-on');
});
