/**
 * Who a container's process runs as: 'user', 'uid', 'user:group' and so on, looked up in the container's own /etc/passwd and
 * /etc/group. Their text is the image's: nothing in them, symbolic links included, leads out of the root file system.
 */
import { closeSync, constants, fstatSync, readFileSync } from 'node:fs';
import { systemError } from '../base/errors.ts';
import { isKernelError } from '../kernel/errors.ts';
import { openInRoot } from '../kernel/open-in-root.ts';

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[]; // the primary one first, as Docker has it
  readonly home: string;
}

const MAX_ID = 2 ** 31 - 1;

/**
 * `user` as `docker run -u` takes it, '' = root; `groupAdd` names and numbers of --group-add. Kind `system` with Docker's texts
 * where a name is not found or a number is out of range.
 */
export function resolveUser(rootfs: string, user: string, groupAdd: readonly string[]): ResolvedUser {
  const passwd = parsePasswd(readInside(rootfs, '/etc/passwd'));
  const groups = parseGroups(readInside(rootfs, '/etc/group'));
  return lookUpUser(passwd, groups, user, groupAdd);
}

export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The pure part of resolveUser. */
export function lookUpUser(
  passwd: readonly PasswdEntry[],
  groups: readonly GroupEntry[],
  user: string,
  groupAdd: readonly string[],
): ResolvedUser {
  const [userPart = '', groupPart = ''] = split(user);
  const wanted = userPart === '' ? '0' : userPart;
  const entry = passwd.find(({ name }) => name === wanted) ?? passwd.find(({ uid }) => String(uid) === wanted);
  if (entry === undefined && !isNumber(wanted)) {
    throw systemError(`unable to find user ${wanted}: no matching entries in passwd file`);
  }
  const uid = entry?.uid ?? idInRange(wanted);
  let gid = entry?.gid ?? 0;
  const additional: number[] = [];
  if (groupPart !== '') {
    gid = findGroup(groups, groupPart)?.gid ?? numberedGroup(groupPart, `unable to find group ${groupPart}: no matching entries in group file`);
  } else if (entry !== undefined) {
    // Membership counts only where the group was not chosen.
    for (const group of groups) if (group.members.includes(entry.name)) additional.push(group.gid);
  }
  for (const group of groupAdd) {
    additional.push(findGroup(groups, group)?.gid ?? numberedGroup(group, `Unable to find group ${group}`));
  }
  return { uid, gid, additionalGids: [...new Set([gid, ...additional])], home: entry?.home || '/' };
}

function split(user: string): [string, string] {
  const colon = user.indexOf(':');
  return colon < 0 ? [user, ''] : [user.slice(0, colon), user.slice(colon + 1)];
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);

function idInRange(text: string): number {
  const id = Number(text);
  if (id > MAX_ID) throw systemError(`uids and gids must be in range 0-${MAX_ID}`);
  return id;
}

function findGroup(groups: readonly GroupEntry[], wanted: string): GroupEntry | undefined {
  return groups.find(({ name }) => name === wanted) ?? groups.find(({ gid }) => String(gid) === wanted);
}

function numberedGroup(text: string, complaint: string): number {
  if (!isNumber(text)) throw systemError(complaint);
  return idInRange(text);
}

export function parsePasswd(text: string): PasswdEntry[] {
  return records(text).map(([name = '', , uid, gid, , home = '']) => ({ name, uid: Number(uid) || 0, gid: Number(gid) || 0, home }));
}

export function parseGroups(text: string): GroupEntry[] {
  return records(text).map(([name = '', , gid, members = '']) => ({
    name,
    gid: Number(gid) || 0,
    members: members.split(',').filter((member) => member !== ''),
  }));
}

const records = (text: string): string[][] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#') && line.includes(':'))
    .map((line) => line.split(':'));

// An image without the file has no names, and so has one with something else in its place: a directory, a pipe to wait at, a
// link that leads round in circles.
function readInside(rootfs: string, path: string): string {
  let fd: number;
  try {
    fd = openInRoot(rootfs, path, { flags: constants.O_RDONLY | constants.O_NONBLOCK });
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO')) return '';
    throw error;
  }
  try {
    return fstatSync(fd).isFile() ? readFileSync(fd, 'utf8') : '';
  } finally {
    closeSync(fd);
  }
}
