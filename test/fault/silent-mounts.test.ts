/**
 * File systems of the host that do not answer, where somebody wants something mounted from them. Whoever asked is told
 * which one it is, in bounded time; everybody else's requests are answered meanwhile, and nothing of ours that hangs
 * there keeps the daemon from anything.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { processState } from '../../src/kernel/process.ts';
import { childrenOf } from '../../src/kernel/process-tree.ts';
import { callApi, type Answer } from '../harness/call-api.ts';
import { ProgramFileSystem } from '../harness/program-file-system.ts';
import { SilentFileSystem } from '../harness/silent-file-system.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

const BOUND_MS = 20_000; // the engine's own is far shorter here; for a busy machine
const tools = mkdtempSync(join(tmpdir(), 'cwt-silent-'));
const silent = join(tools, 'hang');
const path = process.env['PATH'];
const fileSystems: SilentFileSystem[] = [];
let programs: ProgramFileSystem;
let engine: TestEngine;

function silence(place: string, namespace?: string): SilentFileSystem {
  const one = new SilentFileSystem(place, namespace);
  fileSystems.push(one);
  return one;
}

before(async () => {
  mkdirSync(join(tools, 'bin'));
  writeFileSync(
    join(tools, 'bin/ps'),
    `#!/bin/sh\n[ -e ${tools}/ps-hangs ] && exec sleep 1000\nexec /usr/bin/ps "$@"\n`,
  );
  chmodSync(join(tools, 'bin/ps'), 0o755);
  silence(silent);
  silence(join(tools, 'data/volumes/lost'));
  silence(join(tools, 'data/volumes/found/_data'));
  for (const place of ['x', 'y']) silence(join(tools, place, 'dead'));
  programs = new ProgramFileSystem(join(tools, 'programs'), readFileSync('/bin/busybox'));
  process.env['CAUSEWAY_PATIENCE'] = 'mountMs=1500,conmonMs=3000';
  process.env['PATH'] = `${join(tools, 'bin')}:${path}`;
  engine = await TestEngine.start({ flags: ['--data-root', join(tools, 'data')] });
  engine.importFixtures();
  engine.ok('run', '-d', '--name', 'other', 'busybox', 'sh', '-c', 'echo here; sleep 1000');
});

after(async () => {
  delete process.env['CAUSEWAY_PATIENCE'];
  process.env['PATH'] = path;
  await engine?.destroy();
  for (const one of [...fileSystems, programs]) one.end();
  rmSync(tools, { recursive: true, force: true });
});

const api = (method: string, where: string, body?: unknown): Promise<Answer> =>
  callApi(engine.socket, method, where, body, BOUND_MS);
const create = (name: string, host: object): Promise<Answer> =>
  api('POST', `/containers/create?name=${name}`, { Image: 'busybox', Cmd: ['true'], HostConfig: host });
const idIn = ({ text }: Answer): string => (JSON.parse(text) as { Id: string }).Id;

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');

let round = 0;

/** What a bystander does, all of it, at least once while `asked` are not answered. */
async function whileOthersWork(...asked: Promise<Answer>[]): Promise<Answer[]> {
  let answered = false;
  const answers = Promise.all(asked).finally(() => (answered = true));
  do {
    const name = `bystander-${round++}`;
    for (const [method, where, body] of [
      ['GET', '/_ping'],
      ['GET', '/containers/json?all=1'],
      ['POST', '/volumes/create', { Name: name }],
      ['DELETE', `/volumes/${name}`],
      [
        'POST',
        `/containers/create?name=${name}`,
        { Image: 'busybox', Cmd: ['true'], HostConfig: { Binds: [`${tools}/bin:/a`, `${name}:/b`] } },
      ],
      ['POST', `/containers/${name}/start`],
      ['DELETE', `/containers/${name}?force=1`],
      ['DELETE', `/volumes/${name}`],
    ] as const) {
      const { status, text } = await api(method, where, body);
      assert.ok(status < 300, `${method} ${where}: ${status} ${text}`);
    }
    const exec = await api('POST', '/containers/other/exec', { Cmd: ['echo', 'works'], AttachStdout: true });
    assert.match((await api('POST', `/exec/${idIn(exec)}/start`, {})).text, /works/);
    assert.match((await api('GET', '/containers/other/logs?stdout=1')).text, /here/);
  } while (!answered);
  return answers;
}

const refusal = (place: string, mount?: string): string =>
  `${place} does not answer: ${mount ? `the file system at ${mount}` : 'its file system'} hangs; unmount it or start its server`;

test('the daemon starts with an unresponsive volume directory and reports it', async () => {
  await engine.restart(); // the first one knew of no volumes
  await until('it is reported', () => engine.log.includes(`${tools}/data/volumes/lost does not answer`));
});

test('creates with a source that does not answer are refused with its name; the next ones at once, without going there', async () => {
  const binds = ['-a', '-b', '-c'].map((name) => create(`subject${name}`, { Binds: [`${silent}:/x`] }));
  const mounts = ['-d', '-e'].map((name) =>
    create(`subject${name}`, { Mounts: [{ Type: 'bind', Source: silent, Target: '/x' }] }),
  );
  const below = Array.from({ length: 8 }, (_, n) => create(`subject-${n}`, { Binds: [`${silent}/${n}:/x`] }));
  const answers = await whileOthersWork(...binds, ...mounts, ...below);
  for (const { status, message } of answers.slice(0, 5)) assert.deepEqual([status, message], [500, refusal(silent)]);
  answers.slice(5).forEach(({ message }, n) => assert.equal(message, refusal(`${silent}/${n}`, silent)));
  const { asked } = fileSystems[0]!;
  assert.ok(asked > 0 && asked <= 4, `${asked} were sent there`);
  for (const { message } of await Promise.all([
    create('subject-f', { Binds: [`${silent}:/x`] }),
    create('subject-g', { Binds: [`${silent}/a/b:/x`] }),
  ]))
    assert.match(message, /does not answer/);
  assert.equal(fileSystems[0]!.asked, asked, 'nobody was sent there again');
  assert.equal(
    (await api('GET', '/containers/json?all=1&filters={"name":["subject"]}')).text.trim(),
    '[]',
    'nothing is left of them',
  );
});

for (const mode of ['rw', 'ro']) {
  test(`a start with a source that does not answer any more is refused (${mode}), and the container starts when it does again`, async () => {
    const link = join(tools, `link-${mode}`);
    symlinkSync(join(tools, 'bin'), link);
    assert.equal((await create(`later-${mode}`, { Binds: [`${link}:/x:${mode}`] })).status, 201);
    unlinkSync(link);
    symlinkSync(silent, link);
    const [answer] = await whileOthersWork(api('POST', `/containers/later-${mode}/start`));
    assert.deepEqual([answer!.status, answer!.message], [500, refusal(link, silent)]);
    const state = (
      JSON.parse((await api('GET', `/containers/later-${mode}/json`)).text) as {
        State: { Status: string; Error: string };
      }
    ).State;
    assert.deepEqual([state.Status, state.Error], ['created', refusal(link, silent)]);
    unlinkSync(link);
    symlinkSync(join(tools, 'bin'), link);
    const started = await api('POST', `/containers/later-${mode}/start`);
    assert.equal(started.status, 204, started.text);
  });
}

test('a volume whose directory does not answer is neither made, mounted nor removed, and the others are', async () => {
  const place = (name: string): string => join(tools, 'data/volumes', name, '_data');
  const [found] = await whileOthersWork(api('POST', '/volumes/create', { Name: 'found' }));
  assert.deepEqual([found!.status, found!.message], [500, refusal(place('found'))]);

  // Of the bystander's volumes none is pruned.
  const Labels = { kind: 'pruned' };
  for (const Name of ['mute', 'loose'])
    assert.equal((await api('POST', '/volumes/create', { Name, Labels })).status, 201);
  const mute = silence(place('mute'), `/proc/${engine.pid}/ns/mnt`);
  try {
    const [created, removed, pruned] = await whileOthersWork(
      create('with-mute', { Binds: ['mute:/x'] }),
      api('DELETE', '/volumes/mute?force=1'),
      api('POST', '/volumes/prune?filters={"all":["true"],"label":["kind=pruned"]}'),
    );
    for (const answer of [created, removed])
      assert.deepEqual([answer!.status, answer!.message], [500, refusal(place('mute'))]);
    assert.equal(pruned!.status, 200, pruned!.text);
    assert.match(pruned!.text, /"loose"/);
    assert.doesNotMatch(pruned!.text, /"mute"/);
  } finally {
    mute.end();
  }
  const gone = await api('DELETE', '/volumes/mute');
  assert.equal(gone.status, 204, gone.text);
});

test('a device that is looked for there is refused like a mount', async () => {
  assert.equal(
    (
      await create('device', {
        Devices: [{ PathOnHost: `${silent}/null`, PathInContainer: '/dev/x', CgroupPermissions: 'rwm' }],
      })
    ).status,
    201,
  );
  const [answer] = await whileOthersWork(api('POST', '/containers/device/start'));
  assert.match(answer!.message, /hang\/null does not answer/);
});

test('devices and their limits are never looked for in file systems that others serve, whatever leads there', async () => {
  const device = (PathOnHost: string) => ({
    Devices: [{ PathOnHost, PathInContainer: '/dev/x', CgroupPermissions: 'rwm' }],
  });
  const link = `/dev/shm/${basename(tools)}`;
  symlinkSync(silent, link);
  after(() => rmSync(link));
  const limit = { BlkioDeviceReadBps: [{ Path: `${link}/disk`, Rate: 1 }] };
  for (const [index, host] of [device(tools), device(`/dev/..${silent}/null`), limit].entries()) {
    assert.equal((await create(`far-${index}`, host)).status, 201);
    const [answer] = await whileOthersWork(api('POST', `/containers/far-${index}/start`));
    assert.match(answer!.message, /name the device by a path below \/dev/);
  }
  const [answer] = await whileOthersWork(api('POST', '/v1.55/containers/other/update', limit));
  assert.match(answer!.message, /name the device by a path below \/dev/);
});

test('cp from an unresponsive mount is refused with its name, and at once the next time; other archives are unaffected', async () => {
  assert.equal((await create('copied', { Binds: ['x', 'y'].map((name) => `${tools}/${name}:/${name}`) })).status, 201);
  const archive = (where: string): string => `/containers/copied/archive?path=${encodeURIComponent(where)}`;
  const dead = fileSystems.slice(-2);
  for (const [where, place] of [
    ['/x/dead/a', 'x'],
    ['/y', 'y'],
  ] as const) {
    const [answer] = await whileOthersWork(api('GET', archive(where)));
    assert.deepEqual([answer!.status, answer!.message], [500, refusal(join(tools, place, 'dead'))], where);
  }
  const asked = dead.map((one) => one.asked);
  assert.ok(
    asked.every((count) => count > 0),
    'somebody was sent there',
  );
  for (const [method, where] of [
    ['GET', '/x/dead/b'],
    ['PUT', '/x/dead'],
    ['GET', '/x'],
    ['HEAD', '/y/dead/b'],
  ] as const) {
    const { status, message } = await api(method, archive(where));
    assert.equal(status, 500);
    if (method !== 'HEAD') assert.match(message, /dead does not answer/);
  }
  assert.deepEqual(
    dead.map((one) => one.asked),
    asked,
    'nobody was sent there again',
  );

  // By a process of its own too: the way there might lead to the silent one.
  writeFileSync(join(tools, 'x/told'), 'a word');
  const box = mkdtempSync(join(tmpdir(), 'cwt-copied-'));
  try {
    engine.ok('cp', 'copied:/x/told', join(box, 'told'));
    assert.equal(readFileSync(join(box, 'told'), 'utf8'), 'a word');
    mkdirSync(join(box, 'tree/deep'), { recursive: true });
    writeFileSync(join(box, 'tree/deep/file'), 'x'.repeat(3 << 20));
    engine.ok('cp', join(box, 'tree'), 'copied:/x/tree');
    assert.equal(readFileSync(join(tools, 'x/tree/deep/file'), 'utf8').length, 3 << 20);
    engine.ok('cp', 'copied:/x/tree', join(box, 'back'));
    assert.equal(readFileSync(join(box, 'back/deep/file'), 'utf8').length, 3 << 20);
    assert.match(
      engine.docker('cp', 'copied:/x/nosuch', box).err,
      /Could not find the file \/x\/nosuch in container copied/,
    );
    assert.match(engine.docker('cp', join(box, 'told'), 'copied:/x/told/below').err, /not a directory|Not a directory/);
  } finally {
    rmSync(box, { recursive: true });
  }
  const left = childrenOf(engine.pid).filter((pid) => processState(pid) !== 'D' && /archive\.mjs/.test(commandOf(pid)));
  assert.deepEqual(left, [], 'none of its processes are left but the one that hangs');
});

test('a ps that does not end is abandoned, and docker top reports it', async () => {
  writeFileSync(join(tools, 'ps-hangs'), '');
  try {
    const [answer] = await whileOthersWork(api('GET', '/containers/other/top'));
    assert.deepEqual([answer!.status, answer!.message], [500, 'ps did not end within 3 s']);
  } finally {
    rmSync(join(tools, 'ps-hangs'));
  }
  assert.equal((await api('GET', '/containers/other/top')).status, 200);
});

test('a syslog socket or certificate that does not answer holds up neither the other logs nor its own', async () => {
  const { asked } = fileSystems[0]!;
  for (const [name, options] of Object.entries({
    datagrams: { 'syslog-address': `unixgram://${silent}/log` },
    stream: { 'syslog-address': `unix://${silent}/log` },
    authority: { 'syslog-address': 'tcp+tls://127.0.0.1:6514', 'syslog-tls-ca-cert': `${silent}/ca.pem` },
  })) {
    const created = await api('POST', `/containers/create?name=logs-${name}`, {
      Image: 'busybox',
      Cmd: ['echo', 'there'],
      HostConfig: { LogConfig: { Type: 'syslog', Config: options } },
    });
    assert.equal(created.status, 201, created.text);
    assert.equal((await api('POST', `/containers/logs-${name}/start`)).status, 204);
    assert.equal((await api('POST', `/containers/logs-${name}/wait`)).text.trim(), '{"StatusCode":0}');
    assert.match((await api('GET', `/containers/logs-${name}/logs?stdout=1`)).text, /there/);
    await whileOthersWork();
    assert.equal((await api('DELETE', `/containers/logs-${name}`)).status, 204);
  }
  assert.equal(fileSystems[0]!.asked, asked, 'nobody was sent there');
  assert.match(engine.log, /hang\/ca\.pem is in a file system that another program or host serves/);
});

test('a start whose program tells nobody its attributes holds up nobody', async () => {
  const created = await api('POST', '/containers/create?name=served', {
    Image: 'busybox',
    Entrypoint: ['/programs/busybox'],
    Cmd: ['sleep', '1000'],
    HostConfig: { Binds: [`${programs.path}:/programs`] },
  });
  assert.equal(created.status, 201, created.text);
  const [started] = await whileOthersWork(api('POST', '/containers/served/start'));
  assert.equal(started!.status, 204, started!.text);
  assert.equal((await api('DELETE', '/containers/served?force=1')).status, 204);
});

test('a daemon with a helper process inside a namespace still stops on SIGTERM', async () => {
  const asked = create('subject', { Binds: [`${silent}:/x`] }).catch(() => {});
  await engine.stop();
  await asked;
  await engine.boot();
  assert.equal(engine.ok('exec', 'other', 'echo', 'works'), 'works');
});

test('a process of some user that calls itself conmon, with a root that does not answer, keeps no container from its start', async () => {
  const id = engine.ok('run', '-d', '--name', 'cut', 'busybox', 'sleep', '1000');
  await engine.stop('SIGKILL');
  engine.endLeftovers();
  rmSync(join(engine.execRoot, 'bundles', id), { recursive: true }); // as after a power cut
  programs.isSilent = false;
  const words = ['-c', 'read x', '-u', 'read x']; // sh takes it for a script, the daemon for a container
  const impostor = spawn(
    'unshare',
    ['--user', '--map-root-user', 'chroot', programs.path, '/busybox', 'sh', ...words],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  );
  try {
    await until('it is in its root', () => commandOf(impostor.pid!).startsWith('/busybox\0sh'));
    await until('its attributes are not told', () => programs.isSilent);
    await engine.boot();
    assert.equal(engine.ok('start', 'cut'), 'cut');
  } finally {
    impostor.kill('SIGKILL');
  }
});
