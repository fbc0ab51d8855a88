/**
 * Archives whose names, links and kinds of files are made to get out, through `cp` and `import`; and the engine's own
 * files in a container.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatTarHeader, padding, type TarHeader } from '../../src/base/tar-headers.ts';
import { TestEngine } from '../harness/test-engine.ts';

let engine: TestEngine;
let canary: string;

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  canary = mkdtempSync(join(tmpdir(), 'cwt-canary-'));
  writeFileSync(join(canary, 'secret'), 'of-the-host');
});

after(async () => {
  await engine.destroy();
  rmSync(canary, { recursive: true, force: true });
});

interface Entry extends Partial<TarHeader> {
  readonly name: string;
  readonly content?: string;
}

function archive(...entries: Entry[]): string {
  const parts = entries.map(({ content = '', ...rest }) => {
    const header = {
      mode: 0o755,
      uid: 0,
      gid: 0,
      sizeBytes: content.length,
      mtimeS: 1,
      type: '0',
      linkName: '',
      userName: '',
      groupName: '',
      deviceMajor: 0,
      deviceMinor: 0,
      ...rest,
    };
    const pax = new Map([
      ...(header.name.length > 100 ? [['path', header.name] as const] : []),
      ...(header.linkName.length > 100 ? [['linkpath', header.linkName] as const] : []),
    ]);
    return Buffer.concat([formatTarHeader(header, pax), Buffer.from(content), padding(content.length)]);
  });
  const file = join(engine.dir, 'hostile.tar');
  writeFileSync(file, Buffer.concat([...parts, Buffer.alloc(1024)]));
  return file;
}

/** Status and words, as the API has them; `careful` as the docker client asks. */
function put(entries: Entry[], careful = false): string {
  const query = `path=/tmp${careful ? '&noOverwriteDirNonDir=1' : ''}`;
  return engine
    .shell(
      `timeout 20 curl -s -w ' %{http_code}' --unix-socket ${engine.socket} -T ${archive(...entries)} 'http://x/containers/victim/archive?${query}'`,
    )
    .out.trim();
}

function imported(entries: Entry[]): string {
  const ran = engine.shell(`timeout 20 docker import ${archive(...entries)} hostile 2>&1`);
  return `${ran.code} ${ran.out}`;
}

const up = (path: string) => `${'../'.repeat(12)}${path.slice(1)}`;

test('names and links that lead out make nothing outside and give nothing of it away', () => {
  engine.ok('run', '-d', '--name', 'victim', 'busybox', 'sleep', '1000');
  const attacks: Record<string, Entry[]> = {
    dots: [{ name: up(`${canary}/new`), content: 'evil' }],
    'dots inside': [{ name: `a/../../../../../../../../..${canary}/new`, content: 'evil' }],
    'an absolute name': [{ name: `${canary}/new`, content: 'evil' }],
    'a link, then a file below it': [
      { name: 'l', type: '2', linkName: canary },
      { name: 'l/new', content: 'evil' },
      { name: 'l/secret', content: 'evil' },
    ],
    'a link up, then a file below it': [
      { name: 'u', type: '2', linkName: up(canary) },
      { name: 'u/new', content: 'evil' },
    ],
    'a link to a link': [
      { name: 'm', type: '2', linkName: 'n' },
      { name: 'n', type: '2', linkName: canary },
      { name: 'm/sub/new', content: 'evil' },
    ],
    'a hard link through a linked parent': [
      { name: 'p', type: '2', linkName: canary },
      { name: 'stolen', type: '1', linkName: 'p/secret' },
    ],
    'a hard link by an absolute name': [{ name: 'stolen2', type: '1', linkName: `${canary}/secret` }],
    'a hard link up': [{ name: 'stolen3', type: '1', linkName: up(`${canary}/secret`) }],
    'a file over a link': [
      { name: 'w', type: '2', linkName: `${canary}/secret` },
      { name: 'w', content: 'evil' },
    ],
    'a directory over a link': [
      { name: 'd', type: '2', linkName: canary },
      { name: 'd/', type: '5', mode: 0o700 },
      { name: 'd/new', content: 'evil' },
    ],
    'the magic links of /proc': [
      { name: 'r', type: '2', linkName: '/proc/self/root' },
      { name: `r${canary}/new`, content: 'evil' },
    ],
  };
  for (const [what, entries] of Object.entries(attacks)) {
    for (const said of [put(entries), put(entries, true), imported(entries)])
      assert.doesNotMatch(said, /of-the-host|Internal|TypeError/, what);
    assert.deepEqual(readdirSync(canary), ['secret'], what);
    assert.equal(readFileSync(join(canary, 'secret'), 'utf8'), 'of-the-host', what);
    const seen = engine.shell('docker cp victim:/tmp - | cat');
    assert.doesNotMatch(seen.out, /of-the-host/, what);
  }
  engine.ok('rm', '-f', 'victim');
});

test('devices and FIFOs are created; a FIFO as a parent, overlong names and unknown kinds are refused without blocking', () => {
  engine.ok('run', '-d', '--name', 'victim', 'busybox', 'sleep', '1000');
  assert.equal(
    put([
      { name: 'null', type: '3', deviceMajor: 1, deviceMinor: 3 },
      { name: 'disk', type: '4', deviceMajor: 253, deviceMinor: 300 },
      { name: 'fifo', type: '6' },
    ]),
    '200',
  );
  assert.match(
    engine.ok('exec', 'victim', 'stat', '-c', '%n %F %t,%T', '/tmp/null', '/tmp/disk', '/tmp/fifo'),
    /null character special file 1,3\n.*disk block special file fd,12c\n.*fifo fifo/,
  );
  assert.match(put([{ name: 'fifo/below', content: 'x' }]), /not a directory.* 500$/s);
  assert.match(put([{ name: 'x'.repeat(300), content: 'x' }]), /file name too long.* [45]00$/s);
  assert.match(put([{ name: 'y/'.repeat(4000), type: '5' }]), /file name too long.* [45]00$/s);
  assert.match(put([{ name: 'link', type: '2', linkName: 'z'.repeat(5000) }]), / [45]00$/s);
  assert.match(put([{ name: 'kind', type: 'Z' }]), /unhandled tar header type.* 400$/s);
  assert.match(
    put([
      { name: 'there/', type: '5' },
      { name: 'there/f', content: 'x' },
      { name: 'file', content: 'x' },
    ]),
    /^200$/,
  );
  assert.match(
    put([{ name: 'there', content: 'x' }], true),
    /cannot overwrite directory .* with non-directory.* 400$/s,
  );
  assert.match(put([{ name: 'file/', type: '5' }], true), /cannot overwrite non-directory .* with directory.* 400$/s);
  assert.equal(
    put([
      { name: 'there', content: 'now a file' },
      { name: 'file/', type: '5' },
    ]),
    '200',
    'who asks for it gets it',
  );
  assert.equal(engine.ok('exec', 'victim', 'cat', '/tmp/there'), 'now a file');
  engine.ok('rm', '-f', 'victim');
});

test('the files that the engine mounts are copied out as the container sees them, also when it has ended, and stay mounted whatever is copied in', () => {
  engine.ok(
    'run',
    '-d',
    '--name',
    'own',
    '--hostname',
    'myname',
    '--add-host',
    'far:192.0.2.7',
    '--dns',
    '192.0.2.53',
    'busybox',
    'sleep',
    '1000',
  );
  const out = (path: string) => engine.shell(`docker cp own:${path} - | tar -xO`).out;
  const look = (when: string) => {
    assert.match(out('/etc/hosts'), /192\.0\.2\.7\s+far/, when);
    assert.equal(out('/etc/hostname'), 'myname\n', when);
    assert.match(out('/etc/resolv.conf'), /nameserver/, when);
    const directory = join(engine.dir, 'etc');
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory);
    assert.equal(engine.shell(`docker cp own:/etc - | tar -x -C ${directory}`).code, 0);
    assert.match(readFileSync(join(directory, 'etc/hosts'), 'utf8'), /far/, `with its directory, ${when}`);
  };
  look('while it runs');
  const file = join(engine.dir, 'hosts');
  writeFileSync(file, '192.0.2.9 other\n');
  const put = engine.docker('cp', file, 'own:/etc/hosts');
  assert.match(put.err, /unlinkat \/etc\/hosts: device or resource busy/, "in Docker's words");
  assert.match(engine.ok('exec', 'own', 'cat', '/etc/hosts'), /far/);
  assert.match(engine.ok('exec', 'own', 'cat', '/proc/mounts'), / \/etc\/hosts /);
  engine.ok('stop', '-t', '0', 'own');
  look('after its end');
  engine.ok('rm', 'own');
});
