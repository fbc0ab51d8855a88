import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lookUpUser, parseGroups, parsePasswd, resolveUser } from './user.ts';

const passwd = parsePasswd('root:x:0:0:root:/root:/bin/sh\n# note\n\nweb:x:33:34:Web:/var/www:/bin/false\n1000:x:77:77::/odd:\nbroken\n');
const groups = parseGroups('root:x:0:\nweb:x:34:\nstaff:x:50:web,other\nwheel:x:10:root\n');
const lookUp = (user: string, add: string[] = []) => lookUpUser(passwd, groups, user, add);

test('by name, by number, with a group, with more groups', () => {
  assert.deepEqual(lookUp(''), { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' });
  assert.deepEqual(lookUp('web'), { uid: 33, gid: 34, additionalGids: [34, 50], home: '/var/www' });
  assert.deepEqual(lookUp('33'), { uid: 33, gid: 34, additionalGids: [34, 50], home: '/var/www' });
  assert.deepEqual(lookUp('web:staff'), { uid: 33, gid: 50, additionalGids: [50], home: '/var/www' });
  assert.deepEqual(lookUp('2000'), { uid: 2000, gid: 0, additionalGids: [0], home: '/' });
  assert.deepEqual(lookUp('2000:2001', ['staff', '9']), { uid: 2000, gid: 2001, additionalGids: [2001, 50, 9], home: '/' });
  assert.equal(lookUp('1000').uid, 77, 'a name of digits is a name');
  assert.equal(lookUp(':staff').gid, 50);
});

test('what is not found, in Docker\'s words', () => {
  assert.throws(() => lookUp('nobody'), { message: 'unable to find user nobody: no matching entries in passwd file' });
  assert.throws(() => lookUp('web:nogroup'), { message: 'unable to find group nogroup: no matching entries in group file' });
  assert.throws(() => lookUp('', ['nogroup']), { message: 'Unable to find group nogroup' });
  assert.throws(() => lookUp('2147483648'), { message: 'uids and gids must be in range 0-2147483647' });
});

test('files of the root file system, and nothing outside it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-user-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  const rootfs = join(directory, 'rootfs');
  mkdirSync(join(rootfs, 'etc'), { recursive: true });
  assert.deepEqual(resolveUser(rootfs, '', []), { uid: 0, gid: 0, additionalGids: [0], home: '/' });
  writeFileSync(join(directory, 'passwd'), 'host:x:1:1::/:\n');
  symlinkSync('../../passwd', join(rootfs, 'etc/passwd'));
  assert.throws(() => resolveUser(rootfs, 'host', []), /unable to find user host/);
  writeFileSync(join(rootfs, 'passwd'), 'inside:x:5:6::/in:\n');
  assert.deepEqual(resolveUser(rootfs, 'inside', []), { uid: 5, gid: 6, additionalGids: [6], home: '/in' });
  mkdirSync(join(rootfs, 'etc/group'));
  assert.equal(resolveUser(rootfs, 'inside', []).gid, 6);
});
