/** The log driver journald with systemd's own journald, in a mount namespace of its own, read by journalctl. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Host } from '../harness/host.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

const PROGRAM = ['/lib/systemd/systemd-journald', '/usr/lib/systemd/systemd-journald'].find((path) => existsSync(path));
const skip =
  PROGRAM === undefined || !existsSync('/usr/bin/journalctl')
    ? 'systemd-journald is not installed'
    : !existsSync('/etc/machine-id') && 'journald needs an /etc/machine-id';

/** A /run of its own, in which the namespaces of the tests stay in sight. */
const OWN_RUN = `mount --rbind /run "$1" && mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/log/journal &&
mount --rbind "$1/netns" /run/netns && exec sleep infinity`;

let engine: TestEngine;
let host: Host;
let place: ChildProcess;
let journald: ChildProcess | undefined;
const old = mkdtempSync(join(tmpdir(), 'cwt-run-'));

const inside = (): string[] => [`--net=${host.netns}`, `--mount=/proc/${place.pid}/ns/mnt`];

async function startJournald(): Promise<void> {
  journald = spawn('nsenter', [...inside(), PROGRAM!], { stdio: 'ignore' });
  const answers = host.run.bind(host, 'nsenter', `--mount=/proc/${place.pid}/ns/mnt`, 'test', '-S');
  await until('journald has its socket', () => answers('/run/systemd/journal/socket').code === 0);
}

async function endJournald(): Promise<void> {
  const ended = new Promise((resolve) => journald?.once('exit', resolve));
  journald?.kill('SIGTERM');
  if (journald) await ended;
  journald = undefined;
}

/** What journalctl shows of a container, in order. */
function entries(name: string): Record<string, string>[] {
  const journal = [
    'journalctl',
    '-D',
    '/run/log/journal',
    '-o',
    'json',
    '--all',
    '--no-pager',
    `CONTAINER_NAME=${name}`,
  ];
  return host
    .ok('nsenter', `--mount=/proc/${place.pid}/ns/mnt`, ...journal)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, string>);
}

before(async () => {
  if (skip) return;
  host = Host.create();
  place = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', OWN_RUN, 'sh', old], {
    stdio: 'ignore',
  });
  const seen = (): boolean =>
    host.run('nsenter', `--mount=/proc/${place.pid}/ns/mnt`, 'test', '-e', '/run/log/journal').code === 0;
  await until('there is a /run of its own', seen);
  await startJournald();
  host.spawn = (file, args, options) => spawn('nsenter', [...inside(), file, ...args], options ?? {});
  engine = await TestEngine.start({ host });
  engine.importFixtures();
});
after(async () => {
  await engine?.destroy();
  await endJournald();
  place?.kill('SIGKILL');
  host?.destroy();
  rmSync(old, { recursive: true, force: true });
});

const logging = ['--log-driver', 'journald', '--log-opt'];

test('journald has each line with the fields of its container, and docker logs reads them too', { skip }, async () => {
  const script = 'echo out; echo err >&2; printf "a\\tb\\n"; printf open';
  engine.ok('run', '--name', 'told', '--label', 'tier=x', ...logging, 'labels=tier', 'busybox', 'sh', '-c', script);
  await until('journald has four entries', () => entries('told').length >= 4);
  const id = engine.ok('inspect', '--format', '{{.Id}}', 'told');
  const found = entries('told');
  assert.deepEqual(found.map(({ MESSAGE, PRIORITY }) => `${PRIORITY} ${MESSAGE}`).sort(), [
    '3 err',
    '6 a\tb',
    '6 open',
    '6 out',
  ]);
  for (const entry of found) {
    assert.equal(entry['CONTAINER_ID_FULL'], id);
    assert.equal(entry['CONTAINER_ID'], id.slice(0, 12));
    assert.equal(entry['CONTAINER_TAG'], id.slice(0, 12));
    assert.equal(entry['SYSLOG_IDENTIFIER'], id.slice(0, 12));
    assert.equal(entry['IMAGE_NAME'], 'busybox');
    assert.equal(entry['TIER'], 'x');
    assert.equal(entry['_TRANSPORT'], 'journal');
  }
  const read = engine.docker('logs', 'told');
  assert.equal(read.out, 'out\na\tb\nopen');
  assert.equal(read.err, 'err\n');
});

test('a line longer than a piece comes to journald in order and whole', { skip }, async () => {
  const script = 'head -c 40000 /dev/zero | tr "\\0" x; echo; echo end';
  engine.ok('run', '--name', 'long', ...logging, 'tag={{.Name}}', 'busybox', 'sh', '-c', script);
  await until('journald has the last line', () => entries('long').some(({ MESSAGE }) => MESSAGE === 'end'));
  const pieces = entries('long').filter((entry) => entry['CONTAINER_PARTIAL_ID'] !== undefined);
  assert.deepEqual(
    pieces.map((piece) => Number(piece['CONTAINER_PARTIAL_ORDINAL'])),
    [1, 2, 3],
  );
  assert.equal(new Set(pieces.map((piece) => piece['CONTAINER_PARTIAL_ID'])).size, 1);
  assert.deepEqual(
    pieces.map((piece) => piece['CONTAINER_PARTIAL_LAST']),
    ['false', 'false', 'true'],
  );
  assert.equal(pieces.map(({ MESSAGE }) => MESSAGE).join(''), 'x'.repeat(40_000));
  assert.equal(pieces[0]?.['CONTAINER_TAG'], 'long');
});

test('what a container prints after journald was restarted arrives', { skip }, async () => {
  engine.ok('run', '-d', '--name', 'through', ...logging, 'tag=t', 'busybox', 'sleep', '1000');
  const say = (word: string): string => engine.ok('exec', 'through', 'sh', '-c', `echo ${word} > /proc/1/fd/1`);
  say('before');
  await until('the first line is there', () => entries('through').length === 1);
  await endJournald();
  await startJournald();
  say('after');
  await until('the line after it is there', () => entries('through').some(({ MESSAGE }) => MESSAGE === 'after'));
  assert.equal(engine.ok('logs', 'through'), 'before\nafter');
});
