/** Volumes, cp, working directories and images as Docker's users find them. One daemon for all. */
import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { callApi } from '../harness/call-api.ts';
import { TestEngine } from '../harness/test-engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  engine.ok('run', '--name', 'maker', 'busybox', 'sh', '-c', [
    'mkdir -p /data /empty /run /var; ln -s /run /var/run',
    'echo x > /data/f; chown 7:8 /data; chmod 2750 /data; chown 9:9 /empty; chmod 711 /empty',
  ].join('; ')); // prettier-ignore
  engine.ok('commit', 'maker', 'img');
  engine.ok('rm', 'maker');
});
after(() => engine?.destroy());

const placeOf = (volume: string): string => engine.ok('volume', 'inspect', '--format', '{{.Mountpoint}}', volume);
const seen = (mount: string, path: string): string =>
  engine.ok('run', '--rm', '-v', `${mount}`, 'img', 'stat', '-c', '%a %u:%g', path);
const api = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
  const answer = await callApi(engine.socket, method, path, body, 60_000);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`);
  return JSON.parse(answer.text) as T;
};
const refusal = (...args: string[]): string => {
  const ran = engine.docker(...args);
  assert.notEqual(ran.code, 0, args.join(' '));
  return ran.err;
};

test("a new volume has mode 0755, and the owner and mode of the image's directory where it takes its content", () => {
  engine.ok('volume', 'create', 'plain');
  assert.equal(statSync(placeOf('plain')).mode & 0o7777, 0o755);
  assert.equal(seen('other:/nope', '/nope'), '755 0:0');
  assert.equal(seen('kept:/data:nocopy', '/data'), '755 0:0');
  assert.equal(seen('plain:/data', '/data'), '2750 7:8');
  assert.equal(seen('bare:/empty', '/empty'), '711 9:9');
  // One that has something in it stays as it is.
  engine.ok('run', '--rm', '-v', 'kept:/mnt', 'img', 'sh', '-c', 'echo mine > /mnt/m; chmod 700 /mnt; chown 5:5 /mnt');
  assert.equal(seen('kept:/data', '/data'), '700 5:5');
});

test('cp reaches a volume of a container that never started, also through a link of the image', () => {
  const file = join(engine.dir, 'copied');
  writeFileSync(file, 'copied\n');
  const volumes = ['-v', 'lacking:/nodir', '-v', 'linked:/var/run/sub', '-v', 'deep:/no/such/dir'];
  engine.ok('create', '--name', 'never', ...volumes, 'img', 'sleep', '300');
  engine.ok('cp', file, 'never:/nodir/a');
  engine.ok('cp', file, 'never:/no/such/dir/e');
  engine.ok('cp', file, 'never:/no/such/f');
  engine.ok('cp', 'never:/no/such/dir', join(engine.dir, 'deep'));
  assert.deepEqual(readdirSync(join(engine.dir, 'deep')), ['e']);
  assert.deepEqual(readdirSync(placeOf('deep')), ['e']);
  engine.ok('cp', file, 'never:/var/run/sub/b');
  engine.ok('cp', file, 'never:/run/sub/c');
  assert.deepEqual(readdirSync(placeOf('lacking')), ['a']);
  assert.deepEqual(readdirSync(placeOf('linked')).sort(), ['b', 'c']);
  engine.ok('start', 'never');
  assert.equal(
    engine.ok('exec', 'never', 'cat', '/nodir/a', '/run/sub/b', '/var/run/sub/c', '/no/such/dir/e', '/no/such/f'),
    'copied\n'.repeat(5).trim(),
  );
  engine.ok('cp', file, 'never:/run/sub/d');
  assert.equal(engine.ok('exec', 'never', 'cat', '/var/run/sub/d'), 'copied');
  engine.ok('rm', '-f', 'never');
});

test("cp -a keeps owners, and gives what it copies to the container's user where one was chosen", () => {
  const tree = join(engine.dir, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'f'), '');
  chownSync(join(tree, 'f'), 1234, 56);
  for (const [client, user, owner] of [
    ['docker', '', '1234:56'],
    ['causeway', '', '1234:56'],
    ['docker', '77:78', '77:78'],
    ['causeway', 'root', '0:0'],
  ] as const) {
    engine.ok(
      'create',
      '--name',
      'owned',
      ...(user === '' ? [] : ['-u', user]),
      'img',
      'stat',
      '-c',
      '%u:%g',
      '/tmp/tree/f',
    );
    assert.equal(engine[client]('cp', '-a', tree, 'owned:/tmp/').code, 0);
    assert.equal(engine.ok('start', '-a', 'owned'), owner, `${client} -u '${user}'`);
    engine.ok('rm', 'owned');
  }
});

test('the files that the engine mounts are copied out of a container that has ended', () => {
  engine.ok('run', '--name', 'ended', '--hostname', 'thishost', '--dns', '192.0.2.53', 'img', 'true');
  for (const [name, content] of [
    ['hostname', /^thishost$/m],
    ['hosts', /thishost/],
    ['resolv.conf', /^nameserver 192\.0\.2\.53$/m],
  ] as const) {
    engine.ok('cp', `ended:/etc/${name}`, join(engine.dir, name));
    assert.match(readFileSync(join(engine.dir, name), 'utf8'), content);
  }
  engine.ok('rm', 'ended');
});

test('create makes the working directory, root owns it, and it is what the container changed', () => {
  engine.ok('create', '--name', 'works', '-u', '5:6', '-w', '/made/here', 'img', 'stat', '-c', '%a %u:%g', '.');
  assert.equal(engine.ok('diff', 'works'), 'A /made\nA /made/here');
  engine.ok('cp', 'works:/made/here', join(engine.dir, 'here'));
  assert.equal(engine.ok('start', '-a', 'works'), '755 0:0');
  engine.ok('create', '--name', 'through', '-w', '/var/run/w', 'img');
  assert.equal(engine.ok('diff', 'through'), 'C /run\nA /run/w');
  engine.ok('create', '--name', 'there', '-w', '/data', 'img');
  assert.equal(engine.ok('diff', 'there'), '');
  for (const path of ['/bin/busybox', '/bin/sh', '/bin/busybox/x'])
    assert.match(
      refusal('create', '--name', 'file', '-w', path, 'img'),
      new RegExp(`Cannot mkdir: ${path} is not a directory`),
    );
  assert.equal(engine.ok('ps', '-aq', '--filter', 'name=file'), '');
  engine.ok('rm', 'works', 'through', 'there');
});

test('one place is mounted once', () => {
  for (const args of [
    ['--tmpfs', '/a', '-v', 'dup:/a'],
    ['--tmpfs', '/a:size=1m', '-v', '/tmp:/a/'],
    ['-v', '/tmp:/a', '-v', 'dup:/a'],
    ['-v', '/tmp:/a', '--mount', 'type=tmpfs,dst=/a'],
    ['--mount', 'type=bind,src=/tmp,dst=/a', '--mount', 'type=volume,src=dup,dst=/a'],
  ])
    assert.match(refusal('create', ...args, 'img'), /Duplicate mount point: \/a$/m, args.join(' '));
  assert.match(
    refusal('create', '--mount', 'type=tmpfs,dst=/a', '--mount', 'type=tmpfs,dst=/a/', 'img'),
    /point: \/a\/$/m,
  );
  assert.equal(engine.ok('volume', 'ls', '-q', '--filter', 'name=dup'), '', 'a refused container leaves no volume');
});

test('a file of a volume is mounted by its subpath, and what is no such path is refused in words of Docker', () => {
  const mount = (subpath: string) => ['--mount', `type=volume,src=parts,dst=/q,volume-subpath=${subpath}`];
  engine.ok('run', '--rm', '-v', 'parts:/v', 'img', 'sh', '-c', 'mkdir /v/d; echo file > /v/d/f; ln -s / /v/out');
  assert.equal(engine.ok('run', '--rm', ...mount('d/f'), 'img', 'cat', '/q'), 'file');
  engine.ok('run', '--rm', ...mount('d/f'), 'img', 'sh', '-c', 'echo changed > /q');
  assert.equal(readFileSync(join(placeOf('parts'), 'd/f'), 'utf8'), 'changed\n');
  const place = placeOf('parts');
  for (const [subpath, words] of [
    ['nope', `cannot access path ${place}/nope: lstat ${place}/nope: no such file or directory`],
    ['d/f/x', `error while resolving symlinks in combined path "${place}/d/f/x": not a directory`],
    ['out/etc', `path concatenation escapes the base directory, base: ${place}, subpath: out/etc`],
    ['../x', 'invalid mount config for type "volume": subpath must be a relative path within the volume'],
  ] as const)
    assert.ok(refusal('run', '--rm', ...mount(subpath), 'img', 'true').includes(words), subpath);
});

interface DiskUsage {
  readonly LayersSize: number;
  readonly Images: readonly { readonly Id: string; readonly Size: number; readonly SharedSize: number }[];
  readonly Volumes: readonly { readonly Name: string; readonly UsageData: { readonly Size: number } }[];
}

test('system df: images that share layers and volumes have their real sizes, and nothing is negative', async () => {
  engine.ok('run', '--name', 'fat', 'img', 'sh', '-c', 'head -c 300000 /dev/zero > /fat');
  engine.ok('commit', 'fat', 'fat');
  engine.ok('rm', 'fat');
  engine.ok(
    'run',
    '--rm',
    '-v',
    'sized:/v',
    'img',
    'sh',
    '-c',
    'mkdir /v/d; head -c 5000 /dev/zero > /v/d/f; ln /v/d/f /v/g',
  );
  engine.ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', 'elsewhere');
  const json = await api<DiskUsage>('GET', '/system/df');
  const [img, fat] = ['img', 'fat'].map((ref) => {
    const id = engine.ok('image', 'inspect', '--format', '{{.Id}}', ref);
    return json.Images.find((image) => image.Id === id)!;
  });
  assert.equal(fat!.Size - fat!.SharedSize, 300_000);
  assert.equal(img!.SharedSize, img!.Size);
  assert.ok(json.Images.reduce((sum, image) => sum + image.Size - image.SharedSize, 0) <= json.LayersSize);
  const sizeOf = (name: string) => json.Volumes.find((volume) => volume.Name === name)!.UsageData.Size;
  assert.equal(sizeOf('sized'), 5000);
  assert.equal(sizeOf('elsewhere'), -1);
  for (const client of ['docker', 'causeway'] as const) {
    assert.doesNotMatch(engine[client]('system', 'df').out, /-\d/);
    assert.match(engine[client]('system', 'df', '-v').out, /^sized +0 +5kB$/m);
  }
  const listed = await api<DiskUsage['Images']>('GET', '/v1.45/images/json?shared-size=1');
  assert.equal(listed.find(({ Id }) => Id === fat!.Id)!.SharedSize, fat!.SharedSize);
  const plain = await api<DiskUsage['Images']>('GET', '/v1.45/images/json');
  assert.equal(plain.find(({ Id }) => Id === fat!.Id)!.SharedSize, -1);
});

test('history has the ids and names of the images that one was made from, and no layer where nothing changed', async () => {
  engine.ok('create', '--name', 'idle', 'img', 'true');
  engine.ok('commit', '-m', 'as it is', 'idle', 'same');
  engine.ok('rm', 'idle');
  const [same, parent] = ['same', 'img'].map((ref) => engine.ok('image', 'inspect', '--format', '{{.Id}}', ref));
  const lines = await api<{ Id: string; Size: number; Comment: string; Tags: string[] | null }[]>(
    'GET',
    '/images/same/history',
  );
  assert.deepEqual(
    lines.slice(0, 2).map(({ Id, Tags }) => [Id, Tags]),
    [
      [same, ['same:latest']],
      [parent, ['img:latest']],
    ],
  );
  assert.deepEqual([lines[0]!.Size, lines[0]!.Comment], [0, 'as it is']);
  assert.equal(engine.ok('image', 'inspect', '--format', '{{len .RootFS.Layers}}', 'same'), '2');
  assert.equal(engine.ok('images', '-q', '--no-trunc', 'same'), same);
});

test("the platform that is asked for is compared with the image's own, and another machine's is warned of", () => {
  engine.shell('cd / && tar -cf - etc/hostname | docker import --platform linux/arm64 - armed');
  assert.equal(engine.ok('image', 'inspect', '--format', '{{.Os}}/{{.Architecture}}', 'armed'), 'linux/arm64');
  assert.match(
    refusal('create', '--pull', 'never', '--platform', 'linux/s390x', 'armed', 'x'),
    /image with reference armed was found but its platform \(linux\/arm64\) does not match the specified platform \(linux\/s390x\)/,
  );
  const asked = engine.docker('create', '--platform', 'linux/arm64', 'armed', 'x');
  assert.deepEqual([asked.code, asked.err], [0, '']);
  const unasked = engine.docker('create', 'armed', 'x');
  assert.match(
    unasked.err,
    /requested image's platform \(linux\/arm64\) does not match the detected host platform \(linux\/\w+/,
  );
  assert.equal(engine.docker('create', 'img').err, '');
  assert.match(refusal('import', '--platform', 'windows/amd64', '/dev/null'), /operating system is not supported/);
  engine.ok('rm', asked.out.trim(), unasked.out.trim());
});

/** A block device of this machine, if it has one: for limits its size and content do not matter. */
const blockDevice = readdirSync('/dev')
  .map((name) => `/dev/${name}`)
  .find(
    (path) => /^\/dev\/(loop\d+|[svx]d[a-z]|vd[a-z]|nvme\dn\d|ram\d+)$/.test(path) && statSync(path).isBlockDevice(),
  );

test(
  'limits of a block device hold from the start on, are changed by update, and shown by inspect',
  { skip: blockDevice === undefined || !existsSync('/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device') },
  async () => {
    const path = blockDevice!;
    const { rdev } = statSync(path);
    const numbers = `${(rdev >> 8) & 0xfff}:${rdev & 0xff}`;
    engine.ok(
      'run',
      '-d',
      '--name',
      'slow',
      '--device-read-bps',
      `${path}:1mb`,
      '--device-write-iops',
      `${path}:10`,
      'img',
      'sleep',
      '300',
    );
    const now = (file: string) =>
      engine.ok('exec', 'slow', 'cat', `/sys/fs/cgroup/blkio/blkio.throttle.${file}_device`);
    assert.deepEqual([now('read_bps'), now('write_iops')], [`${numbers} 1048576`, `${numbers} 10`]);
    await api('POST', '/v1.55/containers/slow/update', { BlkioDeviceReadBps: [{ Path: path, Rate: 5000 }] });
    assert.deepEqual([now('read_bps'), now('write_iops')], [`${numbers} 5000`, `${numbers} 10`]);
    const shown = engine.ok('inspect', '--format', '{{json .HostConfig.BlkioDeviceWriteIOps}}', 'slow');
    assert.deepEqual(JSON.parse(shown), [{ Path: path, Rate: 10 }]);
    engine.ok('rm', '-f', 'slow');
    assert.match(
      refusal('run', '--rm', '--device-read-bps', '/dev/nope:1mb', 'img', 'true'),
      /stat \/dev\/nope: no such file or directory/,
    );
  },
);

test('an image is mounted into a container, whole or a path of it, and nothing writes to it', async () => {
  const mount = (options: string) => ['--mount', `type=image,src=img,dst=/i${options}`];
  const made = engine.docker(
    'run',
    '--name',
    'mounts',
    ...mount(''),
    '--mount',
    'type=image,src=img,dst=/again',
    'busybox',
    'sh',
    '-c',
    'cat /i/data/f /again/data/f; stat -c "%a %u:%g" /i/data; touch /i/w',
  );
  assert.match(made.err, /Image mount is an experimental feature/);
  assert.match(made.err, /touch: \/i\/w: Read-only file system/);
  assert.equal(made.out, 'x\nx\n2750 7:8\n');
  const { Mounts, HostConfig } = await api<{ Mounts: Record<string, unknown>[]; HostConfig: { Mounts: unknown[] } }>(
    'GET',
    '/containers/mounts/json',
  );
  const point = Mounts.find(({ Destination }) => Destination === '/i')!;
  assert.deepEqual(
    [point['Type'], point['Name'], point['RW'], point['Propagation']],
    ['image', 'img', false, 'rprivate'],
  );
  assert.deepEqual(HostConfig.Mounts[0], { Type: 'image', Source: 'img', Target: '/i' });
  const run = (options: string, ...command: string[]) =>
    engine.docker('run', '--rm', ...mount(options), 'busybox', ...command);
  assert.equal(run(',image-subpath=data', 'cat', '/i/f').out, 'x\n');
  assert.equal(run(',image-subpath=data/f', 'cat', '/i').out, 'x\n');
  assert.match(
    run(',image-subpath=nope', 'true').err,
    /cannot access path .*\/nope: lstat .*: no such file or directory/,
  );
  // A privileged container may remount, but there is nothing to write to.
  const forced = engine.docker(
    'run',
    '--rm',
    '--privileged',
    ...mount(''),
    'busybox',
    'sh',
    '-c',
    'mount -o remount,rw /i; touch /i/w',
  );
  assert.notEqual(forced.code, 0);
  assert.match(forced.err, /Read-only file system/);
  assert.match(refusal('create', ...mount(',image-subpath=../x'), 'busybox'), /subpath must be a relative path/);
  const missing = await callApi(
    engine.socket,
    'POST',
    '/containers/create',
    { Image: 'busybox', HostConfig: { Mounts: [{ Type: 'image', Source: 'nope', Target: '/i' }] } },
    60_000,
  );
  assert.deepEqual([missing.status, missing.message], [404, 'No such image: nope:latest']);
  // cp sees it, running or not, and does not write to it either.
  const copied = engine.shell(
    'docker cp mounts:/i/data - | tar -xOf - data/f; docker cp mounts:/i/data/f - | tar -xOf -',
  );
  assert.equal(copied.out, 'x\nx\n');
  assert.match(engine.docker('cp', '/etc/hostname', 'mounts:/i/').err, /mounted volume is marked read-only/);
  // Nothing of it stays on the host.
  const inside = engine.host.run('nsenter', `--mount=/proc/${engine.pid}/ns/mnt`, 'cat', '/proc/self/mounts').out;
  assert.doesNotMatch(inside, /\/subpaths\//);
  engine.ok('rm', 'mounts');
});

test('an image that a container mounts is in use', () => {
  engine.ok('run', '--name', 'other', 'img', 'touch', '/other');
  engine.ok('commit', 'other', 'alone');
  engine.ok('rm', 'other');
  engine.ok('run', '-d', '--name', 'user', '--mount', 'type=image,src=alone,dst=/i', 'busybox', 'sleep', '300');
  const id = engine.ok('image', 'inspect', '--format', '{{.Id}}', 'alone');
  assert.match(refusal('rmi', '-f', id), /image is being used by running container/);
  engine.ok('kill', 'user');
  assert.match(refusal('rmi', 'alone'), /is using its referenced image/);
  assert.doesNotMatch(engine.ok('image', 'prune', '-af'), /alone/);
  engine.ok('rmi', '-f', 'alone');
  engine.ok('cp', 'user:/etc/hostname', join(engine.dir, 'unmounted'));
  assert.match(refusal('start', 'user'), /No such image: alone \(sha256:\w+\), which the container mounts/);
  engine.ok('rm', 'user');
});

test('what is mounted below a bind is left out, stays writable or is read-only, as it is asked for', () => {
  const source = join(engine.dir, 'bound');
  mkdirSync(join(source, 'below'), { recursive: true });
  const inside = (...command: string[]) => engine.host.run('nsenter', `--mount=/proc/${engine.pid}/ns/mnt`, ...command);
  assert.equal(inside('mount', '-t', 'tmpfs', 'tmpfs', join(source, 'below')).code, 0);
  assert.equal(inside('touch', join(source, 'below/there')).code, 0);
  const tried = (options: string): string =>
    engine.ok('run', '--rm', '--mount', `type=bind,src=${source},dst=/b${options}`, 'busybox', 'sh', '-c', [
      'ls /b/below; for at in /b /b/below; do touch $at/new 2>/dev/null && echo $at && rm $at/new; done; true',
    ].join(' ')); // prettier-ignore
  const readonly = ',readonly,bind-recursive=readonly,bind-propagation=rprivate';
  assert.equal(tried(''), 'there\n/b\n/b/below');
  assert.equal(tried(',bind-recursive=disabled'), '/b\n/b/below');
  assert.equal(tried(',readonly,bind-recursive=disabled'), '');
  assert.equal(tried(',readonly,bind-recursive=writable'), 'there\n/b/below');
  for (const options of [',readonly', readonly]) assert.equal(tried(options), 'there');
  assert.equal(inside('umount', join(source, 'below')).code, 0);
});
