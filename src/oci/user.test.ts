import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { resolveUser } from './user.ts';

const directory = mkdtempSync(join(tmpdir(), 'causeway-user-'));
after(() => rmSync(directory, { recursive: true, force: true }));

let made = 0;
function makeRootfs(files: { passwd?: string; group?: string }): string {
  const rootfs = join(directory, `rootfs${made++}`);
  mkdirSync(join(rootfs, 'etc'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(rootfs, 'etc', name), text);
  return rootfs;
}

const look = (rootfs: string, user: string, groupAdd: string[] = []) =>
  resolveUser(rootfs, { user, groupAdd, container: 'web' });

const usual = makeRootfs({
  passwd:
    'root:x:0:0:root:/root:/bin/sh\n# note\n\nweb:x:33:34:Web:/var/www:/bin/false\n1000:x:0:0::/odd:\nbroken\nback:x:-5:0::/:\n',
  group: 'root:x:0:\nweb:x:34:\nstaff:x:50:web,other\nwheel:x:10:root\n7:x:0:\n',
});
const lookUp = (user: string, add: string[] = []) => look(usual, user, add);

test('by name, by number, with a group, with more groups', async () => {
  assert.deepEqual(await lookUp(''), { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' });
  assert.deepEqual(await lookUp('web'), { uid: 33, gid: 34, additionalGids: [34, 50], home: '/var/www' });
  assert.deepEqual(await lookUp('33'), { uid: 33, gid: 34, additionalGids: [34, 50], home: '/var/www' });
  assert.deepEqual(await lookUp('web:staff'), { uid: 33, gid: 50, additionalGids: [50], home: '/var/www' });
  assert.deepEqual(await lookUp('2000'), { uid: 2000, gid: 0, additionalGids: [0], home: '/' });
  assert.deepEqual(await lookUp('2000:2001', ['staff', '9']), {
    uid: 2000,
    gid: 2001,
    additionalGids: [2001, 50, 9],
    home: '/',
  });
  assert.equal((await lookUp(':staff')).gid, 50);
});

test('a numeric ID is never looked up as a name', async () => {
  assert.equal((await lookUp('1000')).uid, 1000, 'an image must not make root of a number');
  assert.equal((await lookUp('web:7')).gid, 7);
  assert.deepEqual((await lookUp('web', ['7'])).additionalGids, [34, 50, 7]);
});

test("what is not found, in Docker's words", async () => {
  await assert.rejects(lookUp('nobody'), { message: 'unable to find user nobody: no matching entries in passwd file' });
  await assert.rejects(lookUp('web:nogroup'), {
    message: 'unable to find group nogroup: no matching entries in group file',
  });
  await assert.rejects(lookUp('', ['nogroup']), {
    message: 'unable to find group nogroup: no matching entries in group file',
  });
  await assert.rejects(lookUp('2147483648'), { message: 'uids and gids must be in range 0-2147483647' });
  for (const [user, added] of [['-1'], ['1:-1'], ['', ['-1']]] as [string, string[]?][])
    await assert.rejects(lookUp(user, added), { message: 'uids and gids must be in range 0-2147483647' });
  await assert.rejects(lookUp('back'), { message: 'uids and gids must be in range 0-2147483647' });
});

test('files of the root file system, and nothing outside it', async () => {
  const rootfs = makeRootfs({});
  assert.deepEqual(await look(rootfs, ''), { uid: 0, gid: 0, additionalGids: [0], home: '/' });
  writeFileSync(join(directory, 'passwd'), 'host:x:1:1::/:\n');
  symlinkSync('../../passwd', join(rootfs, 'etc/passwd'));
  await assert.rejects(look(rootfs, 'host'), /unable to find user host/);
  writeFileSync(join(rootfs, 'passwd'), 'inside:x:5:6::/in:\n');
  assert.deepEqual(await look(rootfs, 'inside'), { uid: 5, gid: 6, additionalGids: [6], home: '/in' });
  mkdirSync(join(rootfs, 'etc/group'));
  assert.equal((await look(rootfs, 'inside')).gid, 6);
});

test('a FIFO in place of passwd or group is not opened and counts as empty', async () => {
  const rootfs = makeRootfs({});
  execFileSync('mkfifo', [join(rootfs, 'etc/passwd'), join(rootfs, 'etc/group')]);
  // Opening a FIFO for writing waits in open() until it is opened for reading.
  const writer = spawn('sh', ['-c', 'echo > etc/passwd'], { cwd: rootfs, stdio: 'ignore' });
  const ended = new Promise((resolve) => writer.once('exit', resolve));
  const waits = () => /^\S+ \(sh\) S /.test(readFileSync(`/proc/${writer.pid}/stat`, 'latin1'));
  while (!waits()) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal((await look(rootfs, '', ['1'])).uid, 0);
  await assert.rejects(look(rootfs, 'nobody'), /unable to find user nobody/);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(writer.exitCode ?? writer.signalCode, null, 'the writer was let go');
  writer.kill('SIGKILL');
  await ended;
});

test('a long file is read to its end in pieces, between which others have their turn', async () => {
  const filler = Array.from(
    { length: 60_000 },
    (_, i) => `user${i}:x:${i + 5000}:100:${'x'.repeat(20)}:/home:/bin/sh\n`,
  ).join('');
  const rootfs = makeRootfs({ passwd: `${filler}last:x:7:8::/last:`, group: `${filler}friends:x:9:first,last\n` });
  let turns = 0;
  const counter = setInterval(() => turns++, 0);
  assert.deepEqual(await look(rootfs, 'last'), { uid: 7, gid: 8, additionalGids: [8, 9], home: '/last' });
  clearInterval(counter);
  assert.ok(turns > 10, `${turns} turns`);
});

test('beyond the bounds: an error that names the container, the file, its size and the bound', async () => {
  const rootfs = makeRootfs({ passwd: 'web:x:1:1::/:\n' });
  truncateSync(join(rootfs, 'etc/passwd'), 150_000_000);
  await assert.rejects(look(rootfs, 'web'), {
    message:
      '/etc/passwd of container web is 150000000 bytes long: at most 16777216 bytes are read; make it shorter to look up users in it',
  });
  truncateSync(join(rootfs, 'etc/passwd'), 2_000_000);
  await assert.rejects(look(rootfs, 'nobody'), /\/etc\/passwd of container web has a line of more than 1048576 bytes/);
  assert.equal((await look(rootfs, 'web')).uid, 1, 'what stands before it is found');
});
